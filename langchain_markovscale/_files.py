"""Files that are written whole or not at all, or by one process at a time."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing, which takes the place of an old one when all is on the disk.

    Until then the old file stays whole; after an error it stays for good, and nothing else is
    left. What is written lies beside it under a name that nobody can know beforehand. A link is
    followed: the file that it points to is replaced. A pipe or a device, such as `/dev/stdout`, is
    written to.

    Args:
        path: The file.

    Raises:
        IsADirectoryError: If the path is a folder.
        OSError: If it cannot be written.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    draft = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, draft)
        draft.replace(target)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text in UTF-8, see `replacing`; half of a surrogate pair is written out."""
    with replacing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


class FileInUseError(ValueError):
    """A file that another process is writing to."""


@contextmanager
def held(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep a file for oneself: whoever wants to hold it meanwhile gets an error.

    Where the system has no such locks (Windows), nothing is kept.

    Args:
        path: The file; created if it does not exist.

    Raises:
        FileInUseError: If somebody else holds it.
        OSError: If it cannot be opened.
    """
    with Path(path).open("ab") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FileInUseError(
                    f"{path} is being written to by another process: wait until that has ended, "
                    "or give another file."
                ) from None
        yield


def is_same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Return whether two paths lead to one file, there or not, by links of either kind."""
    try:
        return Path(one).samefile(other)
    except OSError:  # one of them is not there yet
        return Path(one).resolve() == Path(other).resolve()
