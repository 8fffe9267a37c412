"""Where shards are written: a folder on a disk, or one of an object store, which cannot append.

On a disk a shard's files grow in place. For an object store they grow on the worker's own disk, and
what is new of them is uploaded as numbered parts, which become one object at the end: a worker that
is lost takes with it no more than what it has not uploaded yet. There are no locks: two workers at
once on a shard both pay for it, and neither removes what the other has finished.
"""

import json
import os
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from langchain_markovscale._extras import naming_the_extra
from langchain_markovscale._text import logger_of
from langchain_markovscale.recording.recording_file import unfinished_file

logger = logger_of(__name__)

_LOOK_EVERY = 1.0  # seconds
_PART_EVERY = 30.0  # seconds, where there is anything new
_DIGITS = 6  # of the numbers of workers and of their parts
_PART_LINES = 64  # the journal has one or two for an attempt


class Output(ABC):
    """A folder for the files of shards."""

    @abstractmethod
    def ids(self, name: str) -> set[str]:
        """Return the ids of the questions that are finished in a file, there or not."""

    @abstractmethod
    def working(self, name: str) -> AbstractContextManager[Path]:
        """Return a context in which a file can be written on this machine's disk."""


class Folder(Output):
    """A folder on a disk that all workers see.

    Args:
        path: The folder; made if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(parents=True, exist_ok=True)

    def ids(self, name: str) -> set[str]:
        """Read the file."""
        return _ids_in(self._path / name)

    @contextmanager
    def working(self, name: str) -> Iterator[Path]:
        """Give the file itself."""
        yield self._path / name


class ObjectStore(Output):
    """A folder of an object store, or of anything else that fsspec knows.

    Args:
        url: Its address, such as `s3://bucket/traces`.
        options: For fsspec, such as keys or an endpoint.
    """

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self._fs, self._root = _filesystem(url, options)

    def ids(self, name: str) -> set[str]:
        """Read the object, and what parts there are."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            self._download(path, self._parts(name))
            return _ids_in(path)

    @contextmanager
    def working(self, name: str) -> Iterator[Path]:
        """Give a file on the disk, of which new parts are uploaded while it grows."""
        with TemporaryDirectory(prefix="markovscale-") as folder:
            path, parts = Path(folder) / name, self._parts(name)
            self._download(path, parts)
            uploading = _Uploading(self, path, parts)
            try:
                yield path
            finally:
                uploading.stop()
            self._join(path, [*parts, *uploading.parts])

    def part(self, name: str, part: str) -> str:
        """Return the address of a part of a file, there or not."""
        return f"{self._root}/{name}.parts/{part}"

    def put(self, address: str, content: bytes) -> None:
        """Upload an object."""
        self._fs.pipe_file(address, content)

    def _parts(self, name: str) -> list[str]:
        folder = f"{self._root}/{name}.parts"
        self._fs.invalidate_cache()
        return sorted(self._fs.ls(folder, detail=False)) if self._fs.exists(folder) else []

    def _read(self, addresses: Iterable[str]) -> bytes:
        """Return the whole lines of those objects that there are."""
        there = filter(self._fs.exists, addresses)
        return b"".join(_whole_lines(self._fs.cat_file(address)) for address in there)

    def _download(self, path: Path, parts: Sequence[str]) -> None:
        for target, kind in ((path, "jsonl"), (unfinished_file(path), "partial")):
            whole = f"{self._root}/{target.name}"
            content = self._read([whole, *(part for part in parts if part.endswith(f".{kind}"))])
            if kind == "jsonl":  # parts that became the object just before a worker was lost
                content = b"".join(_by_id(content, whole).values())
            if content:
                target.write_bytes(content)

    def _join(self, path: Path, parts: Sequence[str]) -> None:
        """Upload the files as one object each, and remove the parts that are in them."""
        whole, partial = (f"{self._root}/{each.name}" for each in (path, unfinished_file(path)))
        self._fs.invalidate_cache()
        finished = self._read([whole]) + (path.read_bytes() if path.exists() else b"")
        if finished:
            self._fs.pipe_file(whole, b"".join(_by_id(finished, whole).values()))
        if unfinished_file(path).exists():
            self._fs.put_file(str(unfinished_file(path)), partial)
        elif self._fs.exists(partial):
            self._fs.rm_file(partial)
        for part in filter(self._fs.exists, parts):
            self._fs.rm_file(part)


class _Uploading:
    """Uploads what is new of a file and of the journal beside it, until it is stopped.

    Args:
        store: Where to.
        path: The file.
        before: The parts of earlier workers; those to come are read after them.

    Attributes:
        parts: The parts that were uploaded, also those of which that may have failed halfway.
    """

    def __init__(self, store: ObjectStore, path: Path, before: Sequence[str]) -> None:
        self._store, self._name = store, path.name
        earlier = [int(Path(part).name[:_DIGITS]) for part in before]
        self._worker = f"{max(earlier, default=0) + 1:0{_DIGITS}d}-{secrets.token_hex(4)}"
        self.parts: list[str] = []
        self._kinds = {"jsonl": path, "partial": unfinished_file(path)}
        self._sent = {kind: _size(file) for kind, file in self._kinds.items()}
        self._last = monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Upload the rest."""
        self._stopping.set()
        self._thread.join()
        self._upload(self._new())

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY):
            new = self._new()
            lines = sum(content.count(b"\n") for content in new.values())
            if lines >= _PART_LINES or (lines and monotonic() - self._last >= _PART_EVERY):
                try:
                    self._upload(new)
                except Exception as error:
                    logger.warning(
                        "What is new of %s could not be uploaded, and is tried again: %s",
                        self._name,
                        error,
                    )
                    self._stopping.wait(_PART_EVERY)  # the network may be back by then

    def _new(self) -> dict[str, bytes]:
        return {kind: self._since(kind, file) for kind, file in self._kinds.items()}

    def _since(self, kind: str, file: Path) -> bytes:
        """Return the whole lines of a file that are new; all of them where it was made anew."""
        if not file.exists():
            return b""
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size < self._sent[kind]:
                self._sent[kind] = 0
            opened.seek(self._sent[kind])
            content = opened.read()
        return _whole_lines(content)

    def _upload(self, new: dict[str, bytes]) -> None:
        for kind, content in new.items():
            if content:
                number = f"{len(self.parts) + 1:0{_DIGITS}d}"
                self.parts.append(self._store.part(self._name, f"{self._worker}-{number}.{kind}"))
                self._store.put(self.parts[-1], content)
                self._sent[kind] += len(content)
        self._last = monotonic()


def output_at(out: str | os.PathLike[str], options: dict[str, Any] | None = None) -> Output:
    """Return a folder by its path or address.

    Args:
        out: A path, or a URL that fsspec knows; `file://` is a path.
        options: For fsspec.

    Raises:
        ModuleNotFoundError: If fsspec, or what it needs for such an address, is not installed.
        ValueError: If fsspec knows no such address.
    """
    address = os.fspath(out)
    if "://" not in address:
        return Folder(Path(address))
    if address.startswith("file://"):
        return Folder(Path(address.removeprefix("file://")))
    return ObjectStore(address.rstrip("/"), dict(options or {}))


def _filesystem(url: str, options: dict[str, Any]) -> tuple[Any, str]:
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise naming_the_extra(error) from error
    fs, root = fsspec.core.url_to_fs(url, **options)
    return fs, root


def _whole_lines(content: bytes) -> bytes:
    """Return what is no line that was cut off."""
    return content[: content.rfind(b"\n") + 1]


def _ids_in(path: Path) -> set[str]:
    return set(_by_id(_whole_lines(path.read_bytes()), str(path))) if path.exists() else set()


def _by_id(content: bytes, file: str) -> dict[str, bytes]:
    """Return the lines of a JSONL file by the id of each record."""
    found = {}
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if line.strip():
            try:
                found[str(json.loads(line)["id"])] = line
            except (ValueError, KeyError, TypeError):
                raise ValueError(
                    f"{file}, line {number} is none of a shard: move the file away, or give "
                    "another folder."
                ) from None
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
