"""Answers of `markovscale solve` in a file, so that a long run can be taken up where it was."""

from pathlib import Path
from typing import TYPE_CHECKING

from langchain_markovscale._text import name_of
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.cli.runs import WatchedRun, Watcher
from langchain_markovscale.cli.watchers import as_json
from langchain_markovscale.distributed.answer_file import answered_in
from langchain_markovscale.traces.trace import TraceWriter, record_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_markovscale.recording.questions import Question


class Saving:
    """Writes each answer when it is there, and shows the runs as another watcher does.

    Args:
        watcher: Shows the runs.
        writer: Of the file.
        answer_key: Tells whether an answer is the reference.
    """

    def __init__(self, watcher: Watcher, writer: TraceWriter, answer_key: AnswerKey | None) -> None:
        self._watcher, self._writer, self._answer_key = watcher, writer, answer_key
        self._place = 0

    def started(self, run: WatchedRun) -> None:
        """Show it."""
        self._watcher.started(run)

    def changed(self, run: WatchedRun) -> None:
        """Show it."""
        self._watcher.changed(run)

    def finished(self, run: WatchedRun) -> None:
        """Write the answer, unless the run was broken off: it is then made again."""
        decision = run.decision
        if run.best is not None and decision is not None and decision["reason"] != "interrupted":
            self._writer.write_line(record_line(as_json(run, self._place, self._answer_key)))
            self._place += 1
        self._watcher.finished(run)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._watcher.close()


def without_answer(
    questions: "Sequence[Question]", path: Path, *, resume: bool
) -> "list[Question]":
    """Return the questions that a file has no answers to.

    Args:
        questions: All questions.
        path: The file, there or not.
        resume: Whether to add to one that is there.

    Raises:
        ValueError: If it is there and is not to be added to, or holds something else.
    """
    if not path.exists() or not path.stat().st_size:
        return list(questions)
    if not resume:
        raise ValueError(
            f"--output {name_of(path)}: the file is there already: --resume goes on with the "
            "questions that it has no answer to; for all of them, give another path."
        )
    there = answered_in(path)
    return [question for question in questions if question.id not in there]
