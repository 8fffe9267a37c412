"""Takes questions through the loop without its stopping rule, and keeps the result of each.

The recorder knows nothing of threads: `work` and `awork` take a question through the loop and may
be called from anywhere; `finish` keeps the result and is called by one caller at a time.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.graph.state import CompiledStateGraph

from langchain_markovscale._text import harmless, logger_of
from langchain_markovscale.display.wording import counted
from langchain_markovscale.graph.router import router_of
from langchain_markovscale.recording.forecast import (
    Confirmation,
    RecordingEstimate,
    estimate,
    left_to_do,
)
from langchain_markovscale.recording.graders import Grader, check_reference, takes_time
from langchain_markovscale.recording.own_loop import OwnLoop
from langchain_markovscale.recording.progress import Progress
from langchain_markovscale.recording.question_run import QuestionRun
from langchain_markovscale.recording.questions import Question
from langchain_markovscale.recording.recording_file import RecordingFile
from langchain_markovscale.recording.schedule import OwnDepth, Schedule, scheduled
from langchain_markovscale.recording.settings_check import warn_of_other_loops_traces
from langchain_markovscale.traces.attempt_counts import AttemptCounts
from langchain_markovscale.traces.provenance import LOOP, NONE, Loop, as_judged
from langchain_markovscale.traces.trace import Trace, read_traces, trace_line
from langchain_markovscale.traces.usage import mean_tokens

logger = logger_of(__name__)

_ENOUGH_TO_WARN = 10  # questions
_ENOUGH_TO_ESTIMATE = 2


class Watch:
    """Looks at each question that is finished.

    Args:
        verifier: What warnings call the verifier, where its name is known.
    """

    def __init__(self, verifier: str | None = None) -> None:
        self._verifier = "the verifier" if verifier is None else f"the verifier {verifier}"
        self._seen = self._alike = self._scored = self._verified = 0

    @property
    def trouble(self) -> str | None:
        """The warning about a verifier that was asked and has scored nothing; None without one."""
        if not self._verified or self._scored:
            return None
        return (
            f"No attempt has a score: none could be read from what {self._verifier} replied. A "
            "calibration learns nothing about it: give another verifier, such as a larger model "
            "or a function."
        )

    def look(self, attempts: Sequence[Mapping[str, Any]], verified: bool) -> None:
        """Look at the attempts at a finished question.

        Args:
            attempts: All of them.
            verified: Whether a verifier was asked about them.
        """
        self._seen += 1
        self._verified += verified
        self._scored += sum(attempt["score"] is not None for attempt in attempts)
        if self._seen == 1 and self.trouble is not None:
            logger.warning("The first question is finished. %s", self.trouble)
        draws = [attempt["text"] for attempt in attempts if attempt["parent"] is None]
        self._alike += len(draws) > 1 and len(set(draws)) == 1
        if self._seen == self._alike == _ENOUGH_TO_WARN:
            logger.warning(
                "The fresh starts of each of the first %d questions are word for word the same, "
                "and equal draws say nothing about how questions differ: check that the "
                "temperature is above 0, the seed not fixed, and no cache answers.",
                _ENOUGH_TO_WARN,
            )


@dataclass(frozen=True)
class Recording:
    """Summary of a recording.

    Attributes:
        path: The file of traces.
        recorded: Questions that this recording finished.
        already_there: Questions that the file had before.
        failed: Why questions could not be finished, by id; recording again goes on with them.
        attempts: Attempts that this recording made.
        seconds: How long it took.
        counts: Counts of the attempts at the questions that it finished.
        trouble: What makes the traces useless; None where nothing does.
    """

    path: Path
    recorded: int
    already_there: int
    failed: Mapping[str, str]
    attempts: int
    seconds: float
    counts: AttemptCounts = field(default_factory=AttemptCounts)
    trouble: str | None = None

    def __str__(self) -> str:
        there = counted(self.already_there, "was", "were")
        before = f" ({there} there before)" if self.already_there else ""
        text = (
            f"{counted(self.recorded, 'question')} recorded in {self.path}{before}: "
            f"{counted(self.attempts, 'attempt')} in {self.seconds:.0f} seconds."
        )
        if self.failed:
            name, error = next(iter(self.failed.items()))
            text += (
                f" {counted(len(self.failed), 'question')} failed, {name!r} with "
                f"{error.rstrip('.')}. Record again to go on with what failed."
            )
        if self.counts.attempts:
            text += f" {self.counts}"
        return harmless(text if self.trouble is None else f"{text} {self.trouble}")


class Recorder:
    """Takes questions through a loop and keeps their traces.

    Args:
        graph: The loop.
        questions: All questions; those that the file has are skipped.
        grader: Labels the attempts.
        schedule: How many attempts each question gets.
        max_concurrency: How many questions run at a time.
        path: The file of traces.
        config: For every run of the graph.
        metadata: For every trace; those that the file has already must not contradict it.
        progress: Whether to show a bar, see `Progress`.
        confirmation: Who is asked whether to go on; nobody by default.

    Attributes:
        todo: The questions that are left to record.
        max_concurrency: How many of them whoever calls `work` or `awork` may run at a time.
        recording: The summary, once the recorder is closed.

    Raises:
        ValueError: If a question could not be kept or graded, before anything is paid for.
    """

    def __init__(
        self,
        graph: CompiledStateGraph[Any, Any, Any, Any] | OwnLoop,
        questions: Sequence[Question],
        *,
        grader: Grader,
        schedule: Schedule,
        max_concurrency: int,
        path: Path,
        config: RunnableConfig | None,
        metadata: Mapping[str, Any] | None,
        progress: bool | None,
        confirmation: Confirmation | None = None,
    ) -> None:
        self._graph = graph if isinstance(graph, OwnLoop) else scheduled(graph, schedule)
        self._grader, self._schedule, self._config = grader, schedule, config
        self._scheduled = schedule.settings
        self.max_concurrency = max_concurrency
        self._metadata = dict(metadata or {})
        for question in questions:
            check_reference(grader, question.reference)
            trace_line(_trace(QuestionRun(question, []), self._metadata))
        self._progress = Progress(progress)
        self._confirmation = confirmation
        self._labelled = sum(question.reference is not None for question in questions)
        self._began = monotonic()
        self._file = RecordingFile(path, questions, schedule, self._settings(questions[0]))
        router = graph.router if isinstance(graph, OwnLoop) else router_of(graph)
        self._loop: Loop = {} if router is None else router.loop
        warn_of_other_loops_traces(path, self._file.loop, self._loop)
        self.todo = self._file.todo
        self._already_there = len(questions) - len(self.todo)
        prior = sum(len(self._file.prior(question.id)) for question in self.todo)
        left = max(schedule.attempts * len(self.todo) - prior, 0)
        self._progress.begin(None if isinstance(schedule, OwnDepth) else left, len(self.todo))
        self._failed: dict[str, str] = {}
        self._recorded = self._attempts = 0
        self._watch = Watch(self._metadata.get("verifier"))
        self._counts = AttemptCounts()

    def _settings(self, question: Question) -> dict[str, Any]:
        """Return what must not change while a file grows, as it comes back from the file.

        Without metadata nothing is known to matter: a file may then go on with another schedule.
        """
        if not self._metadata:
            return {}
        line = trace_line(_trace(QuestionRun(question, []), self._scheduled | self._metadata))
        settings: dict[str, Any] = json.loads(line)["metadata"]
        return settings

    def portions(self) -> Iterator[Sequence[Question]]:
        """Yield the questions to record; before and in between it is asked whether to go on.

        Where no traces tell how long it takes, that is known after the first two questions.
        """
        if self._confirmation is None or not self.todo:
            yield self.todo
            return
        asked, confirm = self._confirmation, self._confirmation.confirm
        expected = self._estimate(self.todo, asked)
        if not confirm(expected):
            return
        first, rest = self.todo[:_ENOUGH_TO_ESTIMATE], self.todo[_ENOUGH_TO_ESTIMATE:]
        if expected.seconds is not None or not rest:
            yield self.todo
            return
        began = monotonic()
        yield first
        each = (monotonic() - began) * min(self.max_concurrency, len(first)) / len(first)
        if confirm(self._estimate(rest, asked, each)):
            yield rest

    def _estimate(
        self, todo: Sequence[Question], asked: Confirmation, seconds_each: float | None = None
    ) -> RecordingEstimate:
        schedule = self._schedule
        verifies = None if isinstance(self._graph, OwnLoop) else self._loop.get("verifier") != NONE
        prior = [self._file.prior(question.id) for question in todo]
        left = left_to_do(schedule, prior, verifies=verifies, at_once=self.max_concurrency)
        return estimate(
            left,
            list(read_traces(asked.like or self._file.path)),
            labelled=self._labelled,
            revisions=schedule.revisions,
            fresh_starts=schedule.fresh_starts,
            prices=asked.prices,
            seconds_each=seconds_each,
        )

    def work(self, question: Question) -> QuestionRun:
        """Take a question through the loop; errors are noted in the run."""
        with self._running(question) as run:
            for values in self._graph.stream(*self._input(run), stream_mode="values"):
                self._take(run, values)
            run.ended = True
            if self._grades_at_once(run):
                run.grade(self._grader)
        return run

    async def awork(self, question: Question) -> QuestionRun:
        """As `work`; a cancelled run is kept as far as it has come."""
        with self._running(question) as run:
            async for values in self._graph.astream(*self._input(run), stream_mode="values"):
                self._take(run, values)
            run.ended = True
            if self._grades_at_once(run):
                await asyncio.to_thread(run.grade, self._grader)
        return run

    def _take(self, run: QuestionRun, values: Mapping[str, Any]) -> None:
        """Take over a state of a question's run, and write down what is new of it."""
        self._progress.advance(run.update(values))
        if run.is_worth_noting:
            self._note(run, run.unnoted)

    def _note(self, run: QuestionRun, first: int = 0) -> None:
        trace = self._trace(run)
        if run.in_context:  # the documents are lost: part of a chain cannot be continued
            chain = self._schedule.revisions + 1
            whole = len(run.attempts) // chain * chain
            if whole and run.attempts[whole - 1]["score"] is None:
                whole -= chain
            trace["attempts"] = trace["attempts"][:whole]
        if first < len(trace["attempts"]):
            self._file.note(trace, first)
        run.noted(len(trace["attempts"]))

    @contextmanager
    def _running(self, question: Question) -> Iterator[QuestionRun]:
        """Begin a question's run, and handle what may end it early: an error, a cancellation."""
        run = QuestionRun(question, self._file.prior(question.id))
        try:
            with run.noting_errors():
                yield run
        except asyncio.CancelledError:
            self.stop()
            self.finish(run)
            raise

    def _grades_at_once(self, run: QuestionRun) -> bool:
        """Whether to label in the question's own thread."""
        return self._is_whole(run) and takes_time(self._grader)

    def finish(self, run: QuestionRun) -> None:
        """Keep the result of a question's run."""
        if self._file.has(run.question.id):
            return
        if self._is_whole(run) and not run.graded:
            # Here and not in `work`: most of our own graders are quick, and need no thread.
            run.grade(self._grader)
        self._attempts += run.made
        if self._is_whole(run):
            self._file.add(self._trace(run))
            self._recorded += 1
            self._counts.add(run.recorded)
            self._watch.look(run.attempts, run.verified)
            self._progress.finished()
        else:
            self._keep_unfinished(run)

    def _keep_unfinished(self, run: QuestionRun) -> None:
        """Keep the attempts at a question that is not finished."""
        if run.error is None and run.ended and not self._schedule.stopping.is_set():
            run.error = "the loop has paused for a human, and nobody answers it while recording."
        self._note(run)
        if run.error is not None:
            self._failed[run.question.id] = run.error
            kept = len(self._file.prior(run.question.id))
            self._progress.give_up(self._schedule.attempts - kept, len(self._failed))
            self._progress.finished()
            logger.warning("question %r failed: %s", run.question.id, run.error)

    def stop(self) -> None:
        """Let running questions end after the call that they are in."""
        self._schedule.stopping.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the files, and make and log the summary."""
        self._progress.close()
        self._file.close()
        self.recording = Recording(
            self._file.path,
            self._recorded,
            self._already_there,
            self._failed,
            self._attempts,
            monotonic() - self._began,
            self._counts,
            self._watch.trouble,
        )
        logger.info("%s", self.recording)

    def _is_whole(self, run: QuestionRun) -> bool:
        done = run.ended and run.error is None
        return done and self._schedule.is_whole(run.attempts)

    def _input(self, run: QuestionRun) -> tuple[dict[str, Any], RunnableConfig]:
        state = {
            "messages": [HumanMessage(run.question.text)],
            "attempts": list(run.attempts),
        }
        return state, merge_configs(self._config, {"callbacks": [run.models_called]})

    def _trace(self, run: QuestionRun) -> Trace:
        before = self._file.metadata(run.question.id)
        made = {
            **self._scheduled,
            LOOP: as_judged(self._loop, run.recorded),
            "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
            "models": before.get("models", {}) | run.models_called.models,
        }
        if (tokens := mean_tokens(run.recorded, "verify")) is not None:
            made["verification_tokens"] = tokens[1]  # where version 0.1 looks for them
        elif "verification_tokens" in before:
            made["verification_tokens"] = before["verification_tokens"]
        trace = _trace(run, made | self._metadata)
        if self._schedule.censored:
            trace["censored"] = True
        return trace


def _trace(run: QuestionRun, metadata: dict[str, Any]) -> Trace:
    return {
        "id": run.question.id,
        "question": run.question.text,
        "reference": run.question.reference,
        "features": run.question.features,
        "metadata": metadata,
        "attempts": run.recorded,
    }
