"""The files of a recording, so that it can be broken off anywhere and resumed.

Questions that are finished are in the file of traces, one line each. Attempts at others are paid
for, too: they wait in a second file beside it, `….partial`, until the question is finished.
One recording at a time may write to them.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from langchain_markovscale._files import held
from langchain_markovscale._text import logger_of
from langchain_markovscale.recording.attempt_journal import AttemptJournal
from langchain_markovscale.recording.questions import Question
from langchain_markovscale.recording.schedule import Schedule
from langchain_markovscale.recording.settings_check import refuse_other_settings
from langchain_markovscale.traces.provenance import CommonLoop
from langchain_markovscale.traces.trace import (
    LabelledAttempt,
    Trace,
    TraceWriter,
    read_traces,
    trace_line,
)

logger = logger_of(__name__)


class RecordingFile:
    """The finished and the unfinished traces of a recording.

    Args:
        path: The file of traces; created if it does not exist.
        questions: The questions to record.
        schedule: How many attempts each gets.
        settings: What traces that are there must not contradict, as plain JSON values.

    Attributes:
        todo: The questions that are not in the file yet.
        loop: The loop that made the traces that are there, as far as all of them tell the same.

    Raises:
        ValueError: If the file is not a file of traces, has another question under an id, was
            recorded with other settings, or is being recorded to.
        OSError: If the file cannot be read or written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        questions: Sequence[Question],
        schedule: Schedule,
        settings: Mapping[str, Any],
    ) -> None:
        self.path = Path(path)
        self._schedule, self._settings = schedule, settings
        self._asked = {question.id: question.text for question in questions}
        with ExitStack() as opened:
            opened.enter_context(held(self.path))
            self._writer = opened.enter_context(TraceWriter(self.path))
            self._done = self._finished()
            self._journal = AttemptJournal(unfinished_file(self.path))
            for trace in list(self._journal.traces.values()):
                self._check(trace)
                if trace["id"] in self._done:
                    self._journal.forget(trace["id"])
            opened.callback(self._journal.close)
            self._opened = opened.pop_all()
        self.todo = [question for question in questions if question.id not in self._done]

    def prior(self, name: str) -> list[LabelledAttempt]:
        """Return the attempts at an unfinished question that this schedule would have made, too."""
        trace = self._journal.traces.get(name)
        attempts = [] if trace is None else trace["attempts"]
        return attempts[: self._schedule.common(attempts)]

    def metadata(self, name: str) -> dict[str, Any]:
        """Return what was noted beside the attempts at an unfinished question."""
        trace = self._journal.traces.get(name)
        return {} if trace is None else trace["metadata"]

    def add(self, trace: Trace) -> None:
        """Keep a finished question."""
        line = trace_line(trace)
        # Before it is written: Ctrl-C while it goes to the disk must not write it a second time.
        self._done.add(trace["id"])
        self._writer.write_line(line)
        self._journal.forget(trace["id"])

    def note(self, trace: Trace, first: int = 0) -> None:
        """Write down what is new of an unfinished question; from any thread.

        Args:
            trace: All that is known of it.
            first: The first of its attempts that is new or has changed.
        """
        self._journal.note(trace, first)

    def has(self, name: str) -> bool:
        """Return whether a question is finished."""
        return name in self._done

    def close(self) -> None:
        """Close the file, and leave beside it only what is unfinished."""
        self._opened.close()

    def _finished(self) -> set[str]:
        done, short = set(), 0
        common = CommonLoop()
        for trace in common.noting(read_traces(self.path)):
            self._check(trace)
            done.add(trace["id"])
            short += trace["id"] in self._asked and len(trace["attempts"]) < self._schedule.attempts
        if short:
            logger.warning(
                "%d questions in %s have fewer than %d attempts and stay as they are: record to "
                "another file for more.",
                short,
                self.path,
                self._schedule.attempts,
            )
        self.loop = common.loop
        return done

    def _check(self, trace: Trace) -> None:
        asked = self._asked.get(trace["id"], trace["question"])
        if asked != trace["question"]:
            raise ValueError(
                f"{self.path} has another question under the id {trace['id']!r}: "
                f"{trace['question']!r:.80} instead of {asked!r:.80}. Record to another file, or "
                "give the questions other ids."
            )
        refuse_other_settings(self.path, trace["metadata"], self._settings)


def unfinished(path: str | os.PathLike[str]) -> dict[str, int]:
    """Return how many attempts were made at each question that was broken off, by its text.

    Args:
        path: The file of traces of a recording, there or not.

    Raises:
        ValueError: If the file beside it is not a file of traces.
    """
    beside = unfinished_file(Path(path))
    if not beside.exists():
        return {}
    traces = AttemptJournal(beside).traces.values()
    return {trace["question"]: len(trace["attempts"]) for trace in traces}


def unfinished_file(path: Path) -> Path:
    """Return the file beside the traces that holds what is unfinished, there or not."""
    return path.with_name(f"{path.name}.partial")
