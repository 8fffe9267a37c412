"""The loop on many questions at once, watched while it goes on.

What has happened so far lives in the `WatchedRun` and not in the task, so that Ctrl-C loses
nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.recording.graders import ExactKey, check_reference
from langchain_markovscale.recording.questions import Question
from langchain_markovscale.types import Attempt, Decision, Purpose, Usage


@dataclass(eq=False)
class WatchedRun:
    """One question on its way through the loop.

    Attributes:
        question: The question.
        attempts: The attempts so far, each after its verification.
        decisions: The decision after each of them; None where others were made at the same time,
            after the last of which it was taken.
        usage: Calls and tokens of the run, by purpose.
        error: The error that ended the run, or None.
        seconds: How long it took; 0 until it has ended.
        ended: Whether it has.
    """

    question: Question
    attempts: list[Attempt] = field(default_factory=list)
    decisions: list[Decision | None] = field(default_factory=list)
    usage: dict[Purpose, Usage] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0
    ended: bool = False
    _began: float | None = None

    @property
    def decision(self) -> Decision | None:
        """The last decision."""
        return self.decisions[-1] if self.decisions else None

    @property
    def best(self) -> Attempt | None:
        """The attempt to return; None before the first."""
        decision = self.decision
        return (
            None
            if decision is None or decision["best"] is None
            else self.attempts[decision["best"]]
        )

    def correct(self, answer_key: AnswerKey | None) -> bool | None:
        """Return whether the answer is the reference; None where either is missing."""
        return is_correct(self.best, self.question.reference, answer_key)

    def begin(self) -> None:
        """Start the clock."""
        self._began = perf_counter()

    def end(self) -> None:
        """Stop the clock."""
        self.seconds = 0.0 if self._began is None else perf_counter() - self._began
        self.ended = True

    def interrupt(self) -> None:
        """End early, with the best answer so far."""
        if (decision := self.decision) is not None:
            last: Decision = {
                **decision,
                "action": "stop",
                "parent": None,
                "reason": "interrupted",
            }
            self.decisions[-1] = last
        self.end()

    def update(self, mode: str, chunk: dict[str, Any]) -> None:
        """Update the run from a chunk of the graph's stream.

        Args:
            mode: `"custom"` for an event, `"values"` for the state.
            chunk: The event or the state.
        """
        if mode == "values":
            self.attempts = chunk.get("attempts") or self.attempts
            self.usage = chunk.get("usage") or {}
            self.error = chunk.get("error")
        elif chunk["type"] == "attempt":
            self.attempts[chunk["index"] :] = [chunk["attempt"]]
        elif chunk["type"] == "decision":
            # A decision after a failure replaces the one that led to the call that failed.
            before = max(chunk["decision"]["attempts"] - 1, 0)
            together = [None] * (before - len(self.decisions))
            self.decisions = [*self.decisions[:before], *together, chunk["decision"]]


class Watcher(Protocol):
    """Whoever shows runs while they go on."""

    def started(self, run: WatchedRun) -> None:
        """A run begins."""

    def changed(self, run: WatchedRun) -> None:
        """A run has a new attempt or decision."""

    def finished(self, run: WatchedRun) -> None:
        """A run has ended, well or not."""

    def close(self) -> None:
        """No more runs will end: leave the terminal as it was."""


async def run_all(
    graph: Any, runs: Sequence[WatchedRun], watcher: Watcher, concurrency: int = 1
) -> None:
    """Take every run through the graph.

    Args:
        graph: A compiled graph of `create_markovscale_graph`.
        runs: The runs; they are changed in place.
        watcher: Notified of each of them.
        concurrency: How many go on at once.

    Raises:
        asyncio.CancelledError: If it is cancelled; runs under way have then ended with the best
            answer so far, and the watcher has been notified.
    """
    free = asyncio.Semaphore(concurrency)

    async def one(run: WatchedRun) -> None:
        async with free:
            run.begin()
            watcher.started(run)
            try:
                await _follow(graph, run, watcher)
                run.end()
            except asyncio.CancelledError:
                run.interrupt()
                raise
            except Exception as error:  # the error of one question must not lose the others
                run.error = f"{type(error).__name__}: {error}"
                run.end()
            finally:
                watcher.finished(run)

    async with asyncio.TaskGroup() as group:
        for run in runs:
            group.create_task(one(run))


def run_until_done(
    graph: Any, runs: Sequence[WatchedRun], watcher: Watcher, concurrency: int = 1
) -> bool:
    """Take runs through a graph and return whether Ctrl-C ended that early.

    Args:
        graph: A compiled graph of `create_markovscale_graph`.
        runs: The runs; they are changed in place.
        watcher: Notified of each of them.
        concurrency: How many go on at once.
    """
    try:
        asyncio.run(run_all(graph, runs, watcher, concurrency))
    except KeyboardInterrupt:
        return True
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # the first run's error, such as a closed pipe
    finally:
        watcher.close()
    return False


async def _follow(graph: Any, run: WatchedRun, watcher: Watcher) -> None:
    async for mode, chunk in graph.astream(
        {"question": run.question.text}, stream_mode=["custom", "values"]
    ):
        run.update(mode, chunk)
        watcher.changed(run)


def is_correct(
    attempt: Attempt | None, reference: str | None, answer_key: AnswerKey | None
) -> bool | None:
    """Return whether an attempt gives the reference; None where either is missing.

    Args:
        attempt: The attempt.
        reference: The right answer.
        answer_key: Equal keys are equal answers; without one, equal texts are, but for case and
            spaces.
    """
    if attempt is None or reference is None:
        return None
    return ExactKey(answer_key)(attempt["text"], reference)


def check_references(answer_key: str | None, questions: Sequence[Question]) -> None:
    """See that every reference can be compared with answers, before anything is paid for.

    Args:
        answer_key: How answers are read, see `resolve_answer_key`.
        questions: The questions.

    Raises:
        ValueError: If there is no such key, or a reference has none.
    """
    grader = ExactKey(answer_key)
    for question in questions:
        check_reference(grader, question.reference)
