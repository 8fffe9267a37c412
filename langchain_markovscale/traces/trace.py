"""What a calibration is made from: past runs, whole, with what is known of their correctness.

One JSON object a line, so that a file can grow while questions are recorded, be read as a stream,
and lose at most its last line when the recording process is killed.
"""

import json
import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from glob import glob, has_magic
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, BinaryIO, NotRequired, Self, cast

import numpy as np
from typing_extensions import TypedDict

from langchain_markovscale._files import replacing
from langchain_markovscale._text import logger_of
from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.usage import AttemptUsage
from langchain_markovscale.types import Attempt

logger = logger_of(__name__)

_OF_ONE_RUN = ("recorded", "models", "verification_tokens")  # metadata that are no settings


class LabelledAttempt(Attempt):
    """An attempt, and what is known of it afterwards; None or missing is unknown.

    Attributes:
        correct: Whether its answer is right.
        usage: Calls, tokens and seconds of making and of verifying it.
    """

    correct: NotRequired[bool | None]
    usage: NotRequired[AttemptUsage | None]


class Trace(TypedDict):
    """All attempts at one question.

    Attributes:
        id: Names the question; recording resumes by it.
        question: The question as it was asked.
        attempts: In the order in which they were made.
        reference: The right answer, where it is known.
        features: What is known of the question beforehand: a stratum's name, a vector, or both.
        metadata: Anything else that is worth keeping.
        censored: Whether the loop's own rule ended the run, so that what further revisions would
            have done is unknown; without it, a schedule did that does not look at the answers.
    """

    id: str
    question: str
    attempts: list[LabelledAttempt]
    reference: NotRequired[str | None]
    features: NotRequired[dict[str, Any] | list[float] | str | None]
    metadata: NotRequired[dict[str, Any]]
    censored: NotRequired[bool]


def read_traces(path: str | os.PathLike[str]) -> Iterator[Trace]:
    """Yield the traces of a JSONL file, or of several, one at a time.

    What a record may leave out is filled in: None for what is unknown (`key`, `score`, `feedback`,
    `tokens`, `correct`, `reference`, `features`), no `metadata`, and an `action` and `parent` that
    fit each other. Other fields are kept as they are; an attempt without `usage`, as in files of
    version 0.1, is one whose usage is unknown. A last line that a killed process left half-written
    is dropped, and a warning says so.

    Args:
        path: A file in UTF-8, one trace a line; empty lines are skipped. Or a folder, or a pattern
            such as `"out/*.jsonl"`: then all its `.jsonl` files by name, as shards of one
            recording.

    Raises:
        ValueError: If a line is not a trace; the message names the file, the line and the field.
            If several files have the same question with the same settings; the message names both.
        OSError: If a file cannot be read; as with any stream, when the first trace is asked for.
    """
    files = trace_files(path)
    if files == [Path(path)]:
        return cast("Iterator[Trace]", read_records(path, checked))
    return _distinct(files)


def trace_files(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files of traces that a path stands for: itself, a folder's, or a pattern's.

    Raises:
        ValueError: If the folder or the pattern has none, or the path is an address elsewhere.
    """
    pattern = os.fspath(path).removeprefix("file://")
    if "://" in pattern:
        raise ValueError(
            f"{path} is an address, and traces are read from files of this machine: copy them, as "
            'by fsspec.filesystem("s3").get("bucket/traces/*.jsonl", "traces/").'
        )
    given = Path(pattern)
    if given.is_dir():
        found = sorted(given.glob("*.jsonl"))
    elif not given.exists() and has_magic(pattern):
        found = sorted(map(Path, glob(pattern, recursive=True)))  # noqa: PTH207 (may be absolute)
    else:
        return [given]
    if not found:
        raise ValueError(f"{path} has no file of traces: give one, a folder of them or a pattern.")
    return found


def _distinct(files: Iterable[Path]) -> Iterator[Trace]:
    """Yield the traces of several files, each question once for the same settings."""
    seen: dict[tuple[str, str], Path] = {}
    for file in files:
        for trace in cast("Iterator[Trace]", read_records(file, checked)):
            metadata = trace["metadata"].items()
            settings = {name: value for name, value in metadata if name not in _OF_ONE_RUN}
            place = (trace["id"], json.dumps(settings, sort_keys=True))
            if place in seen:
                raise ValueError(
                    f"{file} has the question {trace['id']!r} with the same settings as "
                    f"{seen[place]}, and would count it twice: remove one of the two."
                )
            seen[place] = file
            yield trace


def read_records(
    path: str | os.PathLike[str], check: Callable[[Any], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the records of a JSONL file, one at a time, as `read_traces` does.

    Args:
        path: A file in UTF-8; empty lines are skipped, and so is a half-written last one.
        check: Given a record, returns it; raises a ValueError where it is none.

    Raises:
        ValueError: If a line is not a record; the message names the file and the line.
        OSError: If the file cannot be read.
    """
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            try:
                record = check(_parsed(line))
            except _NotJSONError as error:
                if not line.endswith(b"\n"):
                    logger.warning("%s, line %d is half-written and was left out.", path, number)
                    return
                raise ValueError(
                    f"{path}, line {number} is not JSON ({error}): every line must be one trace "
                    "as a JSON object. Correct the line or remove it."
                ) from None
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
            yield record


def write_traces(
    traces: Iterable[Trace], path: str | os.PathLike[str], append: bool = False
) -> int:
    """Write traces as JSONL and return how many were written.

    Without `append` the file appears, or replaces the one that is there, when all traces are
    written: until then an old file stays whole, so that it may itself be where `traces` come from.
    With `append` each trace is handed to the operating system as soon as it comes, see
    `TraceWriter`. Scalars and arrays of numpy become plain numbers and lists.

    Args:
        traces: Any iterable, a stream included.
        path: The file.
        append: Whether to add to the file instead of replacing it.

    Raises:
        ValueError: If a trace could not be read back, see `trace_line`.
        OSError: If the file cannot be written.
    """
    if append:
        with TraceWriter(path) as writer:
            return _written(traces, writer.write)
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise ValueError(f"path must be a file, got {str(path)!r}: give another path.")
    with replacing(target) as file:
        return _written(traces, lambda trace: file.write(trace_line(trace)))


def trace_line(trace: Trace) -> bytes:
    """Return a trace as the line of a file, after seeing that it could be read back.

    Raises:
        ValueError: If it could not: a field is missing or out of range, NaN, no form in JSON.
    """
    try:
        line = record_line(trace)
        checked(_parsed(line))
    except (TypeError, ValueError, _NotJSONError) as error:
        name = trace.get("id") if isinstance(trace, dict) else trace
        raise ValueError(f"the trace of question {name!r} cannot be written: {error}") from None
    return line


def record_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as the line of a file.

    Raises:
        TypeError: If something in it has no form in JSON.
        ValueError: If a number in it has none.
    """
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, default=_plain)
    # Half of a surrogate pair, as from a reply that was cut off, becomes an escape of JSON.
    return text.encode("utf-8", "backslashreplace") + b"\n"


class TraceWriter:
    """Adds traces to a file, a whole line at a time.

    A line is with the operating system when `write` returns, so that a killed process loses no
    trace that it has written. To the disk, where a power failure leaves it, lines go at the end
    and whenever the last time is more than a second ago. A half-written last line that an earlier
    process left behind is removed first.

    Args:
        path: The file; created if it does not exist. One process at a time may write to it.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        target = Path(path)
        if target.exists():
            end_with_whole_line(target)
        self._file = target.open("ab")
        self._synced = monotonic()

    def write(self, trace: Trace) -> None:
        """Add a trace.

        Raises:
            ValueError: If it could not be read back, see `trace_line`.
        """
        self.write_line(trace_line(trace))

    def write_line(self, line: bytes) -> None:
        """Add a line that `trace_line` made."""
        self._file.write(line)
        self._file.flush()
        if monotonic() - self._synced > 1:
            _to_disk(self._file)
            self._synced = monotonic()

    def close(self) -> None:
        """See that everything is on the disk, and close the file."""
        with self._file:
            _to_disk(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _NotJSONError(Exception):
    """A line that is not JSON, because it is only half of one or something else."""


def _written(traces: Iterable[Trace], write: Callable[[Trace], object]) -> int:
    number = 0
    for number, trace in enumerate(traces, 1):  # noqa: B007
        write(trace)
    return number


def end_with_whole_line(path: Path) -> None:
    """Make a file end with a whole line, so that another can be added."""
    with path.open("r+b") as file:
        if not file.seek(0, os.SEEK_END):
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            begin = content.rfind(b"\n") + 1
            last = content[begin:]
        if not last:
            return
        if _is_half_written(last):
            logger.warning("%s ended in a half-written line, which was removed.", path)
            file.truncate(begin)
        else:
            file.write(b"\n")


def _is_half_written(last: bytes) -> bool:
    try:
        _parsed(last)
    except _NotJSONError:
        return True
    except ValueError:  # whole, and wrong in some other way
        return False
    return False


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON; write null for what is unknown")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _parsed(line: bytes) -> object:
    """Return the value on a line.

    Raises:
        _NotJSONError: If it is not JSON.
        ValueError: If it has a number that JSON does not have.
    """
    try:
        return _DECODER.decode(line.decode("utf-8-sig"))
    except json.JSONDecodeError as error:  # whose own line number is always 1
        raise _NotJSONError(f"{error.msg} at character {error.colno}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise _NotJSONError(str(error)) from None


def _plain(value: object) -> object:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON: {value!r:.80}")


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
