"""Recording by batches: the same loop and the same traces, for questions that need no answer now.

Each fresh start of a question is a recording of its own, since it needs nothing of the others: so
that all of them are drawn in one job. At the end the starts of a question become its trace. What
was asked and what came back is in a journal, from which a recording that was broken off is played
again up to where it was, without a request.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from typing_extensions import TypedDict, Unpack

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import joined_key
from langchain_markovscale.batches.batch_model import BatchChatModel
from langchain_markovscale.batches.job_journal import JobJournal
from langchain_markovscale.batches.job_queue import JobQueue
from langchain_markovscale.graph.builder import create_markovscale_graph
from langchain_markovscale.graph.nodes import VerifierLike
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.graph.router import router_of
from langchain_markovscale.graph.settings import reject_unknown
from langchain_markovscale.graph.writers import WriterLike
from langchain_markovscale.recording.forecast import (
    RecordingEstimate,
    confirmation_of,
    estimate,
    left_to_do,
)
from langchain_markovscale.recording.graders import Grader
from langchain_markovscale.recording.questions import Question, as_questions
from langchain_markovscale.recording.record import grader_of, key_of, warn_of_missing_references
from langchain_markovscale.recording.recorder import Recorder, Recording
from langchain_markovscale.recording.recording_file import RecordingFile, unfinished_file
from langchain_markovscale.recording.schedule import Schedule
from langchain_markovscale.traces.attempt_counts import AttemptCounts
from langchain_markovscale.traces.provenance import NONE
from langchain_markovscale.traces.trace import LabelledAttempt, Trace, read_traces
from langchain_markovscale.types import ArgumentError
from langchain_markovscale.verifiers.judge import JudgeVerifier

_REVISIONS = 3
_FRESH_STARTS = 4
_MOST_AT_A_TIME = 10_000


class BatchRecordingOptions(TypedDict, total=False):
    """Options of `record_in_batches`, which says what each means."""

    model: str
    options: Mapping[str, Any]
    verifier: VerifierLike | Literal["judge"] | None
    answer_key: AnswerKey | str | None
    generate: WriterLike | None
    revise: WriterLike | None
    prompts: Prompts | None
    grader: Grader | str | None
    revisions: int
    fresh_starts: int
    max_concurrency: int
    poll_seconds: float
    metadata: Mapping[str, Any] | None
    progress: bool | None
    confirm: Callable[[RecordingEstimate], bool] | None
    like: str | os.PathLike[str] | None
    prices: tuple[float, float] | None


def record_in_batches(
    client: Any,
    questions: Iterable[Any],
    path: str | os.PathLike[str],
    **options: Unpack[BatchRecordingOptions],
) -> Recording:
    """Record traces by a provider's batch interface, at half the price and within days.

    What `record_traces` records, in rounds: all draws are one job, then all verdicts, then all
    revisions, so that r revisions take 2 (r + 1) jobs, of up to a day each. The call waits for
    them. It may be broken off at any time: the jobs go on at the provider's, their ids are kept in
    `path` + `.jobs`, and the same call takes the recording up where it was. A job is never
    submitted twice, also where the process was killed between submitting it and noting its id:
    it is looked for first. A request that failed or expired is made again, in a later job.

    Example:
        record_in_batches(
            openai.OpenAI(), questions, "traces.jsonl", model="gpt-5-mini",
            answer_key="last_number",
        )

    Args:
        client: `openai.OpenAI()` or `anthropic.Anthropic()`.
        questions: As `dataset` of `record_traces`.
        path: The JSONL file of traces, new or begun; finished questions are skipped.
        **options: The following.

    Keyword Args:
        model: The model, as the provider calls it; required.
        options: What else a request has, in the provider's words: `{"temperature": 0.7}`.
        verifier: `"judge"`, which is the default, for a `JudgeVerifier` of the same model; a
            function of one's own; one with a `BatchChatModel`; None where answers have keys. A
            verifier with any other chat model asks it at once and at full price.
        answer_key: As for `create_markovscale_graph`.
        generate: A chain with a `BatchChatModel` that draws in place of the model.
        revise: A chain that revises, in the same way.
        prompts: As for `create_markovscale_graph`.
        grader: As for `record_traces`.
        revisions: Revisions of each fresh start; 3 by default.
        fresh_starts: Fresh draws for each question; 4 by default, since they cost no time.
        max_concurrency: Fresh starts at a time, each with a place in memory; 10,000 by default. Of
            more, each so many have their own jobs.
        poll_seconds: Time between two looks at whether a job has ended; 60 by default.
        metadata: As for `record_traces`.
        progress: As for `record_traces`.
        confirm: A function that is called with a `RecordingEstimate` before the first job is
            submitted; where it returns False, none is. How many jobs that are is told, and not how
            long they take; tokens and USD come from past traces.
        like: Past traces of the same loop, for the estimate; by default those in `path`.
        prices: USD for a million tokens read, and for a million written, as without batches: the
            estimate takes half of them.

    Returns:
        A summary; questions that failed are counted there and in the log.

    Raises:
        ValueError: If an argument is wrong, before anything is paid for.
        TypeError: If the client is of no known kind, an option is unknown, or `model` is missing.
        RuntimeError: On a running event loop, as in a notebook: await `arecord_in_batches`.
        JobRefusedError: If the provider refuses a whole job, such as for a limit of the account.
        OSError: If a file cannot be written.
    """
    _check_options(record_in_batches, options)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(arecord_in_batches(client, questions, path, **options))
    raise RuntimeError(
        "record_in_batches waits on an event loop of its own, and one is running here already: "
        "write await arecord_in_batches(…) with the same arguments."
    )


async def arecord_in_batches(
    client: Any,
    questions: Iterable[Any],
    path: str | os.PathLike[str],
    **options: Unpack[BatchRecordingOptions],
) -> Recording:
    """As `record_in_batches`, on an event loop.

    Args:
        client: `openai.OpenAI()` or `anthropic.Anthropic()`.
        questions: The questions.
        path: The file of traces.
        **options: As for `record_in_batches`.

    Returns:
        A summary of the recording.

    Raises:
        ValueError: As for `record_in_batches`.
        TypeError: As for `record_in_batches`.
        JobRefusedError: As for `record_in_batches`.
        OSError: As for `record_in_batches`.
    """
    _check_options(arecord_in_batches, options)
    return await _BatchRecording(client, as_questions(questions), Path(path), **options).run()


def _check_options(callee: Any, options: BatchRecordingOptions) -> None:
    reject_unknown(callee, options, BatchRecordingOptions)
    if not isinstance(options.get("model"), str):
        raise TypeError(
            f"{callee.__name__}() needs model, as the provider calls it, got "
            f"{options.get('model')!r:.80}: give model='gpt-5-mini'."
        )


class _BatchRecording:
    """A recording by batches: its starts as questions of a recorder, and its traces at the end."""

    def __init__(
        self,
        client: Any,
        questions: Sequence[Question],
        path: Path,
        *,
        model: str,
        options: Mapping[str, Any] | None = None,
        verifier: VerifierLike | Literal["judge"] | None = "judge",
        grader: Grader | str | None = None,
        answer_key: AnswerKey | str | None = None,
        revisions: int = _REVISIONS,
        fresh_starts: int = _FRESH_STARTS,
        max_concurrency: int = _MOST_AT_A_TIME,
        poll_seconds: float = 60.0,
        metadata: Mapping[str, Any] | None = None,
        progress: bool | None = None,
        confirm: Callable[[RecordingEstimate], bool] | None = None,
        like: str | os.PathLike[str] | None = None,
        prices: tuple[float, float] | None = None,
        **parts: Any,
    ) -> None:
        for name, value, least in (
            ("max_concurrency", max_concurrency, 1),
            ("poll_seconds", poll_seconds, 0),
        ):
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not least <= value < float("inf"):
                raise ArgumentError(name, f"must be a number of at least {least}, got {value!r}.")
        chat = BatchChatModel(client=client, model=model, options=dict(options or {}))
        if verifier == "judge":
            verifier = JudgeVerifier(chat)
        self._graph = create_markovscale_graph(
            chat, verifier=verifier, answer_key=answer_key, **parts
        )
        self._key = key_of(self._graph)
        self._schedule = Schedule(revisions, fresh_starts)
        self._grader = grader_of(grader, self._key, questions)
        self._questions, self._path = questions, path
        self._metadata, self._progress = dict(metadata or {}), progress
        self._most, self._poll = int(max_concurrency), poll_seconds
        self._confirmation = confirmation_of(confirm, like, prices)
        warn_of_missing_references(questions)

    async def run(self) -> Recording:
        """Record what the file does not have yet."""
        own = {"revisions": self._schedule.revisions, "fresh_starts": self._schedule.fresh_starts}
        settings = own | self._metadata if self._metadata else {}
        file = RecordingFile(self._path, self._questions, self._schedule, settings)
        try:
            return await self._record(file)
        finally:
            file.close()

    def _is_confirmed(self, file: RecordingFile, starts: Mapping[str, Question]) -> bool:
        """Ask whether to go on, with what is left to do, before the first job."""
        asked = self._confirmation
        if asked is None:
            return True
        made: dict[str, list[LabelledAttempt]] = defaultdict(list)
        if (kept := self._beside("starts")).exists():
            for trace in read_traces(kept):
                if (question := starts.get(trace["id"])) is not None:
                    made[question.id] += trace["attempts"]
        router = router_of(self._graph)
        expected = estimate(
            left_to_do(
                self._schedule,
                [made[question.id] for question in file.todo],
                verifies=router is not None and router.loop.get("verifier") != NONE,
                at_once=self._most,
            ),
            list(read_traces(asked.like or self._path)),
            labelled=sum(question.reference is not None for question in self._questions),
            revisions=self._schedule.revisions,
            fresh_starts=self._schedule.fresh_starts,
            prices=asked.prices,
            in_batches=True,
        )
        return asked.confirm(expected)

    async def _record(self, file: RecordingFile) -> Recording:
        starts_file = self._beside("starts")
        # Not taken up, but played again from the journal: its requests are told by their order.
        unfinished_file(starts_file).unlink(missing_ok=True)
        starts = {
            f"{question.id}~{number}": question
            for question in file.todo
            for number in range(self._schedule.fresh_starts)
        }
        before = len(self._questions) - len(file.todo)
        if not starts or not self._is_confirmed(file, starts):
            return Recording(self._path, 0, before, {}, 0, 0.0)
        recorder = Recorder(
            self._graph,
            [question._replace(id=name) for name, question in starts.items()],
            grader=self._grader,
            schedule=Schedule(self._schedule.revisions, 1),
            max_concurrency=self._most,
            path=starts_file,
            config=None,
            metadata=self._metadata,
            progress=self._progress,
        )
        journal = JobJournal(self._beside("jobs"))
        finished = False

        async def work(start: Question) -> None:
            recorder.finish(await recorder.awork(start))

        try:
            with recorder:
                queue = JobQueue(journal, self._poll)
                await queue.work_through(work, recorder.todo, lambda start: start.id, self._most)
            # In a thread, since some keys take their time to compare.
            joined = asyncio.to_thread(self._joined, file, starts, recorder.recording)
            recording = await joined
            finished = not recording.failed
        finally:
            journal.close(finished=finished)
            unfinished_file(starts_file).unlink(missing_ok=True)
        if finished:
            starts_file.unlink()
        return recording

    def _beside(self, what: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{what}")

    def _joined(
        self, file: RecordingFile, starts: Mapping[str, Question], made: Recording
    ) -> Recording:
        """Write a trace for each question of which all starts are there."""
        by_question: dict[str, dict[str, Trace]] = defaultdict(dict)
        for trace in read_traces(self._beside("starts")):
            if (question := starts.get(trace["id"])) is not None:
                by_question[question.id][trace["id"]] = trace
        counts, recorded = AttemptCounts(), 0
        for name, those in by_question.items():
            if len(those) == self._schedule.fresh_starts:
                trace = self._trace(name, [those[start] for start in starts if start in those])
                file.add(trace)
                counts.add(trace["attempts"])
                recorded += 1
        failed = {starts[start].id: error for start, error in made.failed.items()}
        before = len(self._questions) - len(file.todo)
        return Recording(
            self._path,
            recorded,
            before,
            failed,
            made.attempts,
            made.seconds,
            counts,
            made.trouble,
        )

    def _trace(self, name: str, starts: Sequence[Trace]) -> Trace:
        attempts: list[LabelledAttempt] = []
        for start in starts:
            first = len(attempts)
            for attempt in start["attempts"]:
                parent = attempt["parent"]
                key = joined_key(attempt["key"], self._key, attempts)
                moved = None if parent is None else first + parent
                attempts.append({**attempt, "key": key, "parent": moved})
        metadata = {**starts[0]["metadata"], "fresh_starts": len(starts)}
        return {**starts[0], "id": name, "metadata": metadata, "attempts": attempts}
