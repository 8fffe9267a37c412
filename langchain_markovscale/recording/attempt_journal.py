"""What is known of questions that are not finished, as it happens.

Every attempt is written down when it is made, and when a verdict on it took tokens or time, so that
a process that is killed loses no more than the calls that it was in and verdicts that cost nothing.
A line has the attempts at one question that are new or have changed; a trace, as in files of
version 0.1, is a line with all of them.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from langchain_markovscale._files import replacing
from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.trace import Trace, TraceWriter, read_records, record_line

_BEGINS_AT = "from"
_MOST_BYTES = 32 * 2**20  # of what is out of date, before the file is written anew


class AttemptJournal:
    """The unfinished questions of a recording; safe to use from several threads.

    Args:
        path: The file; it is there while there is something in it.

    Attributes:
        traces: The unfinished questions by id, as far as the file has them.

    Raises:
        ValueError: If the file is none of a recording; the message names it and the line.
        OSError: If it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._writer: TraceWriter | None = None
        self._out_of_date = 0
        self.traces: dict[str, Trace] = {}
        if path.exists():
            for _ in read_records(path, self._take):
                pass

    def note(self, trace: Trace, first: int = 0) -> None:
        """Write down what is new of a question.

        Args:
            trace: All that is known of it.
            first: The first of its attempts that is new or has changed.
        """
        with self._lock:
            record: Mapping[str, Any] = trace
            if first and trace["id"] in self.traces:
                attempts = trace["attempts"][first:]
                record = {"id": trace["id"], _BEGINS_AT: first, "attempts": attempts}
            self.traces[trace["id"]] = trace
            self._write(record_line(record))

    def forget(self, name: str) -> None:
        """Leave out a question, which is finished."""
        with self._lock:
            self.traces.pop(name, None)
            if self._out_of_date > _MOST_BYTES:
                self._write_anew()

    def close(self) -> None:
        """Leave only what is unfinished."""
        with self._lock:
            self._write_anew()

    def _write(self, line: bytes) -> None:
        if self._writer is None:
            self._writer = TraceWriter(self._path)
        self._writer.write_line(line)
        self._out_of_date += len(line)

    def _write_anew(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._out_of_date = 0
        if self.traces:
            with replacing(self._path) as file:
                file.writelines(map(record_line, self.traces.values()))
        else:
            self._path.unlink(missing_ok=True)

    def _take(self, record: Any) -> dict[str, Any]:
        """Add a line to what is known of its question, and return that."""
        before = None
        if isinstance(record, dict) and isinstance(record.get("attempts"), list):
            first = record.pop(_BEGINS_AT, 0)
            before = self.traces.get(record.get("id", "")) if first else None
        if before is not None:
            attempts = [*before["attempts"][:first], *record["attempts"]]
            record = {**before, **record, "attempts": attempts}
        trace = checked(record)
        self.traces[trace["id"]] = cast("Trace", trace)
        return trace
