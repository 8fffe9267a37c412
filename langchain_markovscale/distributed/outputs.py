"""Where shards are written: a folder on a disk, or one of an object store, which cannot append.

On a disk a shard's files grow in place. For an object store they grow on the worker's own disk, and
what is new of them is uploaded as numbered parts, which become one object at the end: a worker that
is lost takes with it no more than what it has not uploaded yet.
"""

import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from langchain_markovscale._extras import naming_the_extra
from langchain_markovscale.recording.recording_file import unfinished_file

_LOOK_EVERY = 1.0  # seconds
_PART_EVERY = 30.0  # seconds, where there is anything new
_PART_LINES = 64  # the journal of attempts has one for each that is made and that is verified


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
        path = self._path / name
        return set(_by_id(path.read_bytes())) if path.exists() else set()

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
            self._download(name, path)
            return set(_by_id(path.read_bytes())) if path.exists() else set()

    @contextmanager
    def working(self, name: str) -> Iterator[Path]:
        """Give a file on the disk, of which new parts are uploaded while it grows."""
        with TemporaryDirectory(prefix="markovscale-") as folder:
            path = Path(folder) / name
            self._download(name, path)
            uploading = _Uploading(self, name, path)
            try:
                yield path
            finally:
                uploading.stop()
            self._join(name, path)

    def put_part(self, name: str, number: int, kind: str, content: bytes) -> None:
        """Upload a part of a file."""
        self._fs.pipe_file(f"{self._root}/{name}.parts/{number:06d}.{kind}", content)

    def next_part(self, name: str) -> int:
        """Return the number of the next part of a file."""
        numbers = [int(Path(part).name.split(".")[0]) for part in self._parts(name)]
        return max(numbers, default=0) + 1

    def _parts(self, name: str) -> list[str]:
        folder = f"{self._root}/{name}.parts"
        self._fs.invalidate_cache()
        return sorted(self._fs.ls(folder, detail=False)) if self._fs.exists(folder) else []

    def _download(self, name: str, path: Path) -> None:
        parts = self._parts(name)
        for target, kind in ((path, "jsonl"), (unfinished_file(path), "partial")):
            whole = f"{self._root}/{target.name}"
            pieces = [whole] if self._fs.exists(whole) else []
            pieces += [part for part in parts if part.endswith(f".{kind}")]
            content = b"".join(self._fs.cat_file(piece) for piece in pieces)
            if kind == "jsonl":  # parts that became the object just before a worker was lost
                content = b"".join(_by_id(content).values())
            if content:
                target.write_bytes(content)

    def _join(self, name: str, path: Path) -> None:
        """Upload the files as one object each, and remove their parts."""
        for target in (path, unfinished_file(path)):
            whole = f"{self._root}/{target.name}"
            if target.exists():
                self._fs.put_file(str(target), whole)
            elif self._fs.exists(whole):
                self._fs.rm_file(whole)
        for part in self._parts(name):
            self._fs.rm_file(part)


class _Uploading:
    """Uploads what is new of a file and of the journal beside it, until it is stopped."""

    def __init__(self, store: ObjectStore, name: str, path: Path) -> None:
        self._store, self._name = store, name
        self._kinds = {"jsonl": path, "partial": unfinished_file(path)}
        self._sent = {kind: _size(file) for kind, file in self._kinds.items()}
        self._number = store.next_part(name)
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
                self._upload(new)

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
        return content[: content.rfind(b"\n") + 1]

    def _upload(self, new: dict[str, bytes]) -> None:
        for kind, content in new.items():
            if content:
                self._store.put_part(self._name, self._number, kind, content)
                self._sent[kind] += len(content)
        self._number += 1
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


def _by_id(content: bytes) -> dict[str, bytes]:
    """Return the whole lines of a JSONL file by the id of each record."""
    lines = content.splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n") and line.strip()]
    return {json.loads(line)["id"]: line for line in whole}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
