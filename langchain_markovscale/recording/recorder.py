"""Questions through the loop as it runs without its stopping rule, and what becomes of each.

The recorder knows nothing of threads: `work` and `awork` take a question through the loop and may
be called from anywhere; `finish` keeps the result and is called by one caller at a time.
"""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.graph.state import CompiledStateGraph

from langchain_markovscale.display.wording import counted
from langchain_markovscale.recording.graders import CheckedGrader, Grader, check_reference
from langchain_markovscale.recording.progress import Progress
from langchain_markovscale.recording.questions import Question
from langchain_markovscale.recording.recording_file import RecordingFile
from langchain_markovscale.recording.schedule import Plan, planned
from langchain_markovscale.recording.settings_check import ModelWitness
from langchain_markovscale.traces.trace import AttemptCounts, LabelledAttempt, Trace, trace_line
from langchain_markovscale.types import Usage

logger = logging.getLogger(__name__)

_ENOUGH_TO_TELL = 10  # questions


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
        """What to say of a verifier that was asked and has scored nothing at all."""
        if not self._verified or self._scored:
            return None
        return (
            f"No attempt has a score: in what {self._verifier} replied none could be read. A "
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
        if self._seen == self._alike == _ENOUGH_TO_TELL:
            logger.warning(
                "The fresh starts of each of the first %d questions are word for word the same: "
                "is the temperature 0, the seed fixed, or does a cache answer? Equal draws say "
                "nothing about how questions differ.",
                _ENOUGH_TO_TELL,
            )


@dataclass(frozen=True)
class Recording:
    """What a recording has come to.

    Attributes:
        path: The file of traces.
        recorded: Questions that were finished now.
        already_there: Questions that the file had before.
        failed: Why questions could not be finished, by id; recording again goes on with them.
        attempts: Attempts that were made now.
        seconds: How long it took.
        counts: What the attempts at the questions that were finished now have.
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
        before = f" ({self.already_there} were there before)" if self.already_there else ""
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
        return text if self.trouble is None else f"{text} {self.trouble}"


@dataclass
class QuestionRun:
    """A question on its way through the loop.

    Attributes:
        question: The question.
        attempts: The attempts at it so far.
        ended: Whether the loop has come to its end.
        error: What went wrong; None while nothing did.
        graded: Whether the attempts have their labels.
        in_context: Whether the generator returned more than its answers.
        witness: Notes the models that are called.
        made: How many of the attempts were made now.
        checks: What verifying has cost now; None while nothing was verified.
    """

    question: Question
    attempts: list[LabelledAttempt]
    ended: bool = False
    error: str | None = None
    graded: bool = False
    in_context: bool = False
    witness: ModelWitness = field(default_factory=ModelWitness)
    made: int = 0
    checks: Usage | None = None

    def saw(self, values: Mapping[str, Any]) -> int:
        """Take over a state of the graph and return how many attempts are new in it."""
        new = len(values["attempts"]) - len(self.attempts)
        self.attempts = values["attempts"]
        self.error = values.get("error")
        self.in_context = bool(values.get("contexts"))
        self.made += new
        self.checks = (values.get("usage") or {}).get("verify")
        return new

    def grade(self, grader: Grader) -> None:
        """Label the attempts; where there is no reference nobody knows."""
        reference = self.question.reference
        with self.noting_errors():
            labels = [
                None if reference is None else grader(attempt["text"], reference)
                for attempt in self.attempts
            ]
            pairs = zip(self.attempts, labels, strict=True)
            self.attempts = [{**attempt, "correct": label} for attempt, label in pairs]
            self.graded = True

    @contextmanager
    def noting_errors(self) -> Iterator[None]:
        """Keep an error for the end, so that it costs this question only."""
        try:
            yield
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            logger.debug("question %r failed", self.question.id, exc_info=error)


class Recorder:
    """Takes questions through a loop and keeps their traces.

    Args:
        graph: The loop.
        questions: All questions; those that the file has are passed by.
        grader: Labels the attempts.
        plan: How many attempts each question gets.
        path: The file of traces.
        config: For every run of the graph.
        metadata: For every trace; those that the file has already must not contradict it.
        progress: Whether to show a bar, see `Progress`.

    Attributes:
        todo: The questions that are left to record.

    Raises:
        ValueError: If a question could not be kept or graded, before anything is paid for.
    """

    def __init__(
        self,
        graph: CompiledStateGraph[Any, Any, Any, Any],
        questions: Sequence[Question],
        *,
        grader: Grader,
        plan: Plan,
        path: Path,
        config: RunnableConfig | None,
        metadata: Mapping[str, Any] | None,
        progress: bool | None,
    ) -> None:
        self._graph = planned(graph, plan)
        self._grader, self._plan, self._config = grader, plan, config
        self._planned = {"rounds": plan.rounds, "fresh_starts": plan.fresh_starts}
        self._metadata = dict(metadata or {})
        for question in questions:
            check_reference(grader, question.reference)
            trace_line(_trace(QuestionRun(question, []), self._metadata))
        self._progress = Progress(progress)
        self._began = monotonic()
        self._file = RecordingFile(path, questions, plan, self._settings(questions[0]))
        self.todo = self._file.todo
        self._already_there = len(questions) - len(self.todo)
        prior = sum(len(self._file.prior(question.id)) for question in self.todo)
        self._progress.begin(plan.attempts * len(self.todo) - prior, len(self.todo))
        self._failed: dict[str, str] = {}
        self._recorded = self._attempts = 0
        self._watch = Watch(self._metadata.get("verifier"))
        self._counts = AttemptCounts()

    def _settings(self, question: Question) -> dict[str, Any]:
        """Return what must not change while a file grows, as it comes back from the file.

        Without metadata nobody has said what matters: by another plan a file may then go on.
        """
        if not self._metadata:
            return {}
        line = trace_line(_trace(QuestionRun(question, []), self._planned | self._metadata))
        settings: dict[str, Any] = json.loads(line)["metadata"]
        return settings

    def work(self, question: Question) -> QuestionRun:
        """Take a question through the loop; errors are noted in the run."""
        run = QuestionRun(question, self._file.prior(question.id))
        with run.noting_errors():
            for values in self._graph.stream(*self._input(run), stream_mode="values"):
                self._progress.advance(run.saw(values))
            run.ended = True
        if self._is_whole(run) and isinstance(self._grader, CheckedGrader):
            run.grade(self._grader)
        return run

    async def awork(self, question: Question) -> QuestionRun:
        """Take a question through the loop; errors are noted in the run.

        A cancelled run is kept as far as it has come.
        """
        run = QuestionRun(question, self._file.prior(question.id))
        try:
            with run.noting_errors():
                async for values in self._graph.astream(*self._input(run), stream_mode="values"):
                    self._progress.advance(run.saw(values))
                run.ended = True
            if self._is_whole(run) and isinstance(self._grader, CheckedGrader):
                await asyncio.to_thread(run.grade, self._grader)
        except asyncio.CancelledError:
            self.stop()
            self.finish(run)
            raise
        return run

    def finish(self, run: QuestionRun) -> None:
        """Keep what became of a question."""
        if self._file.has(run.question.id):
            return
        if self._is_whole(run) and not run.graded:
            # Here and not in `work`, because math-verify needs the main thread.
            run.grade(self._grader)
        self._attempts += run.made
        if self._is_whole(run):
            self._file.add(self._trace(run))
            self._recorded += 1
            self._counts.add(run.attempts)
            self._watch.look(run.attempts, run.checks is not None)
            self._progress.finished()
        else:
            self._leave(run)

    def _leave(self, run: QuestionRun) -> None:
        """Keep the attempts at a question that is not finished."""
        if run.error is None and run.ended and not self._plan.stopping.is_set():
            run.error = "the loop has paused, and while recording nobody answers it."
        if run.in_context:  # the documents are lost, and with them the way on from half a chain
            chain = self._plan.rounds + 1
            run.attempts = run.attempts[: len(run.attempts) // chain * chain]
        if run.attempts:
            self._file.set_aside(self._trace(run))
        if run.error is not None:
            self._failed[run.question.id] = run.error
            self._progress.give_up(self._plan.attempts - len(run.attempts), len(self._failed))
            self._progress.finished()
            logger.warning("question %r failed: %s", run.question.id, run.error)

    def stop(self) -> None:
        """Let running questions end after the call that they are in."""
        self._plan.stopping.set()

    def close(self) -> Recording:
        """Close the file and say what has come of the recording."""
        self._progress.close()
        self._file.close()
        return Recording(
            self._file.path,
            self._recorded,
            self._already_there,
            self._failed,
            self._attempts,
            monotonic() - self._began,
            self._counts,
            self._watch.trouble,
        )

    def _is_whole(self, run: QuestionRun) -> bool:
        done = run.ended and run.error is None
        return done and len(run.attempts) == self._plan.attempts

    def _input(self, run: QuestionRun) -> tuple[dict[str, Any], RunnableConfig]:
        state = {
            "messages": [HumanMessage(run.question.text)],
            "attempts": list(run.attempts),
        }
        return state, merge_configs(self._config, {"callbacks": [run.witness]})

    def _trace(self, run: QuestionRun) -> Trace:
        before = self._file.metadata(run.question.id)
        made = {
            **self._planned,
            "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
            "models": before.get("models", {}) | run.witness.models,
            **_verification_tokens(run, before),
        }
        return _trace(run, made | self._metadata)


def _trace(run: QuestionRun, metadata: dict[str, Any]) -> Trace:
    return {
        "id": run.question.id,
        "question": run.question.text,
        "reference": run.question.reference,
        "features": run.question.features,
        "metadata": metadata,
        "attempts": run.attempts,
    }


def _verification_tokens(run: QuestionRun, before: Mapping[str, Any]) -> dict[str, float]:
    """Return the tokens that the verifier wrote for an attempt on average, where it said so.

    They are what `compare_strategies` adds to those that the model wrote; both leave out what was
    read, for attempts tell only what was written.
    """
    now, earlier = run.made, len(run.attempts) - run.made
    spent = 0.0
    if now:
        if run.checks is None or run.checks["unknown"]:
            return {}
        spent += run.checks["output_tokens"]
    if earlier > 0:
        if "verification_tokens" not in before:
            return {}
        spent += before["verification_tokens"] * earlier
    return {"verification_tokens": spent / len(run.attempts)} if run.attempts else {}
