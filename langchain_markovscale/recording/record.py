"""Recording: what the loop would do in every round, for a calibration to learn from.

A loop that stops early only shows what happens until it stops. Recording runs it over questions
with known answers without stopping, from several fresh starts each, and writes every finished
question at once. Many questions run at a time, so that a local engine's batches stay full.
"""

import asyncio
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from pathlib import Path
from typing import Any, Required

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict, Unpack

from langchain_markovscale._text import logger_of
from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.graph.builder import create_markovscale_graph
from langchain_markovscale.graph.router import router_of
from langchain_markovscale.graph.settings import reject_unknown
from langchain_markovscale.recording.forecast import RecordingEstimate, confirmation_of
from langchain_markovscale.recording.graders import Grader, resolve_grader
from langchain_markovscale.recording.observed_run import StateKeys
from langchain_markovscale.recording.own_loop import Fixed, OwnLoop
from langchain_markovscale.recording.question_run import QuestionRun
from langchain_markovscale.recording.questions import Question, as_questions
from langchain_markovscale.recording.recorder import Recorder, Recording
from langchain_markovscale.recording.schedule import Schedule, is_scheduled
from langchain_markovscale.types import MarkovScaleDeprecationWarning

GraphOrParts = CompiledStateGraph[Any, Any, Any, Any] | Mapping[str, Any]
"""A graph of `create_markovscale_graph`, or the arguments to make one."""

LoopOrParts = GraphOrParts | Runnable[Any, Any] | Callable[[Any], Any]
"""The same, or a loop of your own."""

logger = logger_of(__name__)

_REVISIONS = 3


class CommonRecordingOptions(TypedDict, total=False):
    """Options of every recording, on one machine or many; `record_traces` says what each means."""

    grader: Grader | str | None
    answer_key: AnswerKey | str | None
    revisions: int
    fresh_starts: int
    max_concurrency: int
    config: RunnableConfig | None
    metadata: Mapping[str, Any] | None
    confirm: Callable[[RecordingEstimate], bool] | None
    like: str | os.PathLike[str] | None
    prices: tuple[float, float] | None


class RecordingOptions(CommonRecordingOptions, total=False):
    """Options of `record_traces`, which says what each means, and of `arecord_traces`."""

    path: Required[str | os.PathLike[str]]
    progress: bool | None
    rounds: int | None
    attempts_key: str
    answers_key: str
    scores_key: str
    messages_key: str
    question_key: str
    make_input: Callable[[str], Any] | None
    fixed: Fixed | None


def record_traces(
    graph_or_parts: LoopOrParts, dataset: Iterable[Any], **options: Unpack[RecordingOptions]
) -> Recording:
    """Run a loop without its stopping rule over questions, and write what it does as traces.

    Each question gets `fresh_starts` fresh draws, each of them revised `revisions` times, every
    attempt verified. A question is written to `path` when it is finished. Questions that are there
    already are skipped, so that the same call takes a recording up where it was killed;
    attempts at questions that an error or Ctrl-C broke off are kept in `path` + `.partial` and
    continued. Questions run in threads; async models are better served by `arecord_traces`.

    A loop of your own is run once for each fresh start. If a `MarkovScaleRouter` is its edge, it
    revises as often as `revisions` says; else it runs as it does in use, and its traces are marked
    as `censored`, for which `Calibration.fit` corrects: such a loop chooses which answers it
    revises. `fixed` takes that choice away.

    Example:
        graph = create_markovscale_graph(model, verifier=verifier, answer_key="last_number")
        record_traces(graph, [("What is 17 * 23?", "391"), …], path="traces.jsonl")

    Args:
        graph_or_parts: A graph of `create_markovscale_graph`, or a mapping of its arguments, such
            as `{"model": model, "verifier": verifier}`. Its criterion is not used; its retry
            policy applies. Or a loop of your own: a compiled graph, an agent, a Runnable, or a
            function or async function of the question that returns its state, its drafts or its
            messages.
        dataset: Pairs (question, reference), or mappings with `question`, and where they are known
            `reference`, `id` and `features`; see `read_questions` for files. An attempt at a
            question without a reference is kept without a label.
        **options: The following.

    Keyword Args:
        path: The JSONL file, new or begun; required.
        grader: `"exact"` (equal keys), `"numeric"`, `"numeric:0.01"` (relative tolerance),
            `"math"` (math-verify, extra `math`), or a function of the answer's text and the
            reference that returns True, False, or None where it cannot say. A function of yours is
            called in worker threads. By default `"exact"`, which needs an answer key; given
            without one it compares whole texts.
        answer_key: Makes the keys for the grader; by default that of the graph.
        revisions: Revisions of each fresh start; 3 by default.
        fresh_starts: Fresh draws for each question, 4 by default. With one, classes of questions
            can hardly be told apart: record at least two.
        max_concurrency: How many questions run at a time; 8 by default.
        config: For every run of the graph: tags, callbacks and so on.
        metadata: Added to the metadata of every trace, which have the models, their settings, the
            names of the verifier and the answer key, and the time anyway. With metadata a file that
            was begun can only be taken up with the same: traces that are there must not contradict
            it, nor `revisions` and `fresh_starts`.
        progress: Whether to show on stderr how far it is: on a bar, or in lines where stderr is
            no terminal. By default on a terminal where tqdm is installed (extra `cli`).
        confirm: A function that is called with a `RecordingEstimate` before anything is paid for;
            where it returns False, the recording ends. Where no past traces tell how long it takes,
            it is called again after the first two questions, which are kept; `seconds` is None
            before. `lambda estimate: not print(estimate)` shows it and goes on.
        like: Past traces of the same loop, for the estimate; by default those in `path`.
        prices: USD for a million tokens read, and for a million written, for the estimate.
        rounds: The former name of `revisions`.
        attempts_key: Where the state of a loop of your own has a list of attempts; this and the
            next three as for `MarkovScaleRouter`, whose keys are used where it is the edge.
        answers_key: Where it has a list of drafts, or the latest draft alone.
        scores_key: Where it has their scores, or the latest one.
        messages_key: Where it has a conversation in which every AI message is a draft.
        question_key: Where it takes the question; by default `"question"` or, where its input has
            no such key, `"messages"`. A function takes the question itself.
        make_input: A function that makes its whole input from a question.
        fixed: Where a loop of your own does not stop by its own rule: how often it always revises,
            or a function that returns the loop for a number of revisions, such as
            `lambda revisions: build(max_iterations=revisions)`.

    Returns:
        A summary of the recording; questions that failed are counted there and in the log.

    Raises:
        ValueError: If an argument is wrong, there is neither a grader nor an answer key while
            references are given, a reference cannot be read by the grader, or the file
            has another question under one of the ids, or was recorded with other settings; before
            anything is paid for.
        TypeError: If an option is unknown, or `path` is missing.
        OSError: If the file cannot be written.
    """
    _check_options(record_traces, options)
    with _recorder(graph_or_parts, dataset, **options) as recorder:
        for questions in recorder.portions():
            _in_threads(recorder, questions)
    return recorder.recording


async def arecord_traces(
    graph_or_parts: LoopOrParts, dataset: Iterable[Any], **options: Unpack[RecordingOptions]
) -> Recording:
    """As `record_traces`, on an event loop.

    Args:
        graph_or_parts: A graph of `create_markovscale_graph`, or a mapping of its arguments.
        dataset: The questions.
        **options: As for `record_traces`.

    Returns:
        A summary of the recording.

    Raises:
        ValueError: As for `record_traces`.
        TypeError: As for `record_traces`.
        OSError: If the file cannot be written.
    """
    _check_options(arecord_traces, options)
    with _recorder(graph_or_parts, dataset, **options) as recorder:
        for questions in recorder.portions():
            await _in_tasks(recorder, questions)
    return recorder.recording


def _check_options(callee: Callable[..., Any], options: RecordingOptions) -> None:
    """Raise an error that names the function that was called, and not one of ours within."""
    reject_unknown(callee, options, RecordingOptions)
    if "path" not in options:
        raise TypeError(
            f"{callee.__name__}() needs path, the JSONL file of the recording, and got none: give "
            'path="traces.jsonl".'
        )


def _recorder(
    graph_or_parts: LoopOrParts,
    dataset: Iterable[Any],
    *,
    path: str | os.PathLike[str],
    grader: Grader | str | None = None,
    answer_key: AnswerKey | str | None = None,
    revisions: int | None = None,
    fresh_starts: int = 4,
    max_concurrency: int = 8,
    config: RunnableConfig | None = None,
    metadata: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    confirm: Callable[[RecordingEstimate], bool] | None = None,
    like: str | os.PathLike[str] | None = None,
    prices: tuple[float, float] | None = None,
    rounds: int | None = None,
    make_input: Callable[[str], Any] | None = None,
    fixed: Fixed | None = None,
    **keys: Unpack[StateKeys],
) -> Recorder:
    if rounds is not None:
        if revisions is not None:
            raise ValueError(
                f"rounds is the former name of revisions, got both, {rounds!r} and {revisions!r}: "
                "give revisions alone."
            )
        warnings.warn(
            "rounds is now called revisions, since it counts the revisions of a fresh start: "
            f"write revisions={rounds!r}.",
            MarkovScaleDeprecationWarning,
            stacklevel=3,
        )
        revisions = rounds
    schedule = Schedule(_REVISIONS if revisions is None else revisions, fresh_starts)
    if isinstance(max_concurrency, bool) or not max_concurrency >= 1:
        raise ValueError(f"max_concurrency must be at least 1, got {max_concurrency!r}.")
    if isinstance(graph_or_parts, Mapping):
        graph_or_parts = create_markovscale_graph(**graph_or_parts)
    answer_key = answer_key or key_of(graph_or_parts)
    loop: Any = graph_or_parts
    if not is_scheduled(graph_or_parts):
        loop = OwnLoop(
            graph_or_parts,
            keys,
            answer_key=resolve_answer_key(answer_key),
            make_input=make_input,
            schedule=schedule,
            fixed=fixed,
        )
        schedule = loop.schedule
    elif keys or make_input is not None or fixed is not None:
        named = [*keys, *(["make_input"] if make_input else []), *(["fixed"] if fixed else [])]
        raise ValueError(
            f"{named[0]} is for loops of your own, and this one is of create_markovscale_graph: "
            "leave it out."
        )
    if fresh_starts == 1:
        logger.warning(
            "There is one fresh start for each question: classes of questions can hardly be told "
            "apart then, and the rates are uncertain; record at least two fresh starts."
        )
    questions = as_questions(dataset)
    warn_of_missing_references(questions)
    return Recorder(
        loop,
        questions,
        grader=grader_of(grader, answer_key, questions),
        schedule=schedule,
        max_concurrency=max_concurrency,
        path=Path(path),
        config=config,
        metadata=metadata,
        progress=progress,
        confirmation=confirmation_of(confirm, like, prices),
    )


def warn_of_missing_references(questions: Sequence[Question]) -> None:
    """Log that nothing can be learned from the attempts at some questions."""
    missing = sum(question.reference is None for question in questions)
    if missing:
        logger.warning(
            "%d of %d questions have no reference: the attempts at them get no label, and a "
            "calibration learns nothing from those.",
            missing,
            len(questions),
        )


def grader_of(
    grader: Grader | str | None, answer_key: AnswerKey | str | None, questions: Sequence[Question]
) -> Grader:
    """Return what labels the attempts at questions.

    Raises:
        ValueError: If there is neither a grader nor a key, and there are references.
    """
    if all(question.reference is None for question in questions):
        grader = grader or "exact"  # nothing to grade, so that any will do
    return resolve_grader(grader, answer_key)


def key_of(graph: Any) -> AnswerKey | None:
    """Return the key function that a loop's router was made with."""
    router = router_of(graph) if isinstance(graph, CompiledStateGraph) else None
    return None if router is None else router.answer_key


def _in_threads(recorder: Recorder, questions: Sequence[Question]) -> None:
    waiting = iter(questions)
    unfinished: set[Future[QuestionRun]] = set()
    with ContextThreadPoolExecutor(recorder.max_concurrency) as pool:

        def finish(futures: Iterable[Future[QuestionRun]]) -> None:
            for future in futures:
                recorder.finish(future.result())
                unfinished.discard(future)

        try:
            while True:
                # Some wait in the pool, so that no thread is idle while results are kept.
                free = 2 * recorder.max_concurrency - len(unfinished)
                unfinished |= {
                    pool.submit(recorder.work, question) for question in islice(waiting, free)
                }
                if not unfinished:
                    return
                finish(wait(unfinished, return_when=FIRST_COMPLETED).done)
        except BaseException:
            recorder.stop()
            running = [future for future in unfinished if not future.cancel()]
            finish(wait(running).done)
            raise


async def _in_tasks(recorder: Recorder, questions: Sequence[Question]) -> None:
    waiting = iter(questions)

    async def work() -> None:
        for question in waiting:
            recorder.finish(await recorder.awork(question))

    workers = min(recorder.max_concurrency, len(questions))
    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
