"""Adding traces to one file from many threads and processes at once.

Each trace is one line, written whole under a lock on the file. A process that is killed loses at
most the line that it was writing; the next one that adds to the file removes that half.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from langchain_markovscale.traces.trace import (
    Trace,
    end_with_whole_line,
    read_traces,
    trace_line,
    write_traces,
)

try:
    import fcntl
except ImportError:  # on Windows threads alone are kept apart
    fcntl = None  # type: ignore[assignment]

_THREADS = threading.Lock()


def append_trace(path: str | os.PathLike[str], trace: Trace) -> None:
    """Add a trace to a file that others may be adding to.

    Args:
        path: The file; created if it does not exist.
        trace: The trace.

    Raises:
        ValueError: If it could not be read back, see `trace_line`.
        OSError: If the file cannot be written.
    """
    line = trace_line(trace)
    with _locked(Path(path)) as file:
        end_with_whole_line(Path(path))
        file.write(line)
        file.flush()


def replace_traces(path: str | os.PathLike[str], changed: Iterable[Trace]) -> None:
    """Put traces in the place of those with the same id, in a file that others may add to.

    Args:
        path: The file.
        changed: The traces; those with another id stay as they are.

    Raises:
        ValueError: If the file has a line that is no trace.
        OSError: If the file cannot be read or written.
    """
    new = {trace["id"]: trace for trace in changed}
    with _locked(Path(path)):
        write_traces([new.get(trace["id"], trace) for trace in read_traces(path)], path)


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """Open a file to add to, and keep others from changing it."""
    with _THREADS:
        while True:
            with path.open("ab") as file:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
                if _is_at(file, path):
                    yield file
                    return


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether a file is still the one at its path: another may have taken its place."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
