"""Runs that somebody already has, as traces: conversations, states of graphs, threads.

Nothing has to be run again to learn from them, as long as somebody knows the right answers.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from langgraph.types import StateSnapshot

from langchain_markovscale._text import logger_of
from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.display.wording import counted
from langchain_markovscale.graph.conversation import values_of
from langchain_markovscale.graph.state_reader import AttemptsReader
from langchain_markovscale.recording.graders import Grader, resolve_grader
from langchain_markovscale.traces.conversations import attempts_of, questions_in
from langchain_markovscale.traces.messages import Message, as_mapping, read_messages
from langchain_markovscale.traces.trace import LabelledAttempt, Trace, trace_line
from langchain_markovscale.verifiers.verdicts import to_verdict

logger = logger_of(__name__)


class _PastRun(NamedTuple):
    """A state, and what to call it."""

    name: str
    values: Mapping[str, Any]


def traces_from_messages(
    runs: Iterable[Any],
    *,
    references: Mapping[str, str] | Sequence[str | None] | None = None,
    grader: Grader | str | None = None,
    answer_key: AnswerKey | str | None = None,
    scores_key: str | None = None,
) -> list[Trace]:
    """Return past runs as traces.

    In a conversation the last human message before the first answer is the question. Every AI
    message that calls no tool is an attempt, the first a fresh draw and each later one a revision
    of the one before; human messages after an attempt are the feedback on it, unless they ask
    another question: that has a trace of its own. What an attempt took is what its message and the
    messages that called tools for it report. A state that has `attempts`, as the loop of this
    package leaves, is read as it is instead.

    Args:
        runs: Each a list of messages, or a state (a mapping, model or data class) with `messages`
            or `attempts`; or snapshots such as `graph.get_state_history(config)` or the API of
            LangGraph's server yields, of which the latest for each thread and question counts.
            Messages may be objects or dictionaries, of LangChain (`dumpd`, `messages_to_dict`,
            `model_dump`) or of a provider.
        references: The right answers: by question, or one for each trace. Attempts without one
            have no label. What they name is a question wherever it stands in a conversation.
        grader: Labels attempts, as for `record_traces`.
        answer_key: Makes the keys of answers that have none.
        scores_key: Key of the state that holds the scores of its AI messages, in [0, 1] or None.

    Returns:
        One trace for each question of each run, in their order.

    Raises:
        ValueError: If a run has no question or no answers to read, if the numbers of traces and
            references differ or no run asks a question that has a reference, or if there are
            references and neither a grader nor an answer key.
    """
    past = _past_runs(runs)
    key = resolve_answer_key(answer_key)
    known = references if isinstance(references, Mapping) else ()
    traces = [trace for run in past for trace in _traces(run, key, scores_key, known)]
    if references is not None:
        found = _references_of(traces, references)
        _label(traces, found, resolve_grader(grader, key))
    return traces


def is_snapshot(run: Any) -> bool:
    """Return whether a run is a snapshot of a state, as a graph or LangGraph's API gives it."""
    return isinstance(run, StateSnapshot) or (
        isinstance(run, Mapping)
        and isinstance(run.get("values"), Mapping)
        and isinstance(run.get("checkpoint"), Mapping)
    )


def _past_runs(runs: Iterable[Any]) -> list[_PastRun]:
    found: dict[Any, tuple[str, _PastRun]] = {}
    for number, run in enumerate(runs, 1):
        if is_snapshot(run):
            values, thread, when = _in_snapshot(run)
            asked = as_mapping(values.get("run")).get("message_id")
            which = (thread, asked)
            name = thread if asked is None else f"{thread}/{asked}"
            if not (values.get("attempts") or values.get("messages")):
                continue  # before the first step
            if which not in found or found[which][0] <= when:
                found[which] = when, _PastRun(name, values)
        else:
            values = {"messages": run} if isinstance(run, (list, tuple)) else values_of(run)
            found[number] = "", _PastRun(f"run {number}", values)
    return [run for _, run in found.values()]


def _in_snapshot(run: Any) -> tuple[Mapping[str, Any], str, str]:
    """Return the values of a snapshot, its thread, and when it was made."""
    if isinstance(run, StateSnapshot):
        place: Mapping[str, Any] = run.config.get("configurable") or {}
        values, when = values_of(run.values), run.created_at
    else:
        place, values, when = run["checkpoint"], run["values"], run.get("created_at")
    return values, str(place.get("thread_id", "thread")), str(when or "")


def _traces(
    run: _PastRun, answer_key: AnswerKey | None, scores_key: str | None, known: Collection[str]
) -> Iterator[Trace]:
    """Yield a trace for each question of a run."""
    values = run.values
    try:
        messages = read_messages(values.get("messages") or ())
    except ValueError as error:
        raise ValueError(f"runs: {run.name}: {error}") from None
    if values.get("attempts"):
        reader = AttemptsReader("attempts", None, None, None, None, answer_key)
        attempts = [
            cast("LabelledAttempt", dict(attempt))
            for attempt in reader.attempts(reader.answers(values), values)
        ]
        asked = (as_mapping(values.get("run")) or values).get("question")
        yield _trace(run.name, asked or _last_human(messages), attempts)
        return
    if not messages:
        raise ValueError(
            f"runs: {run.name} has neither messages nor attempts, got {list(values)}: give the "
            "states or the lists of messages of several runs."
        )
    questions = [
        (each.question, attempts_of(each.answers, answer_key))
        for each in questions_in(messages, known)
    ]
    if not questions:
        raise _no_question(run.name)
    every = [attempt for _, attempts in questions for attempt in attempts]
    _add_scores(every, values, scores_key, run.name)
    for number, (question, attempts) in enumerate(questions, 1):
        name = run.name if len(questions) == 1 else f"{run.name}/{number}"
        yield _trace(name, question, attempts)


def _trace(name: str, question: str | None, attempts: list[LabelledAttempt]) -> Trace:
    if question is None:
        raise _no_question(name)
    trace: Trace = {
        "id": name,
        "question": question,
        "attempts": attempts,
        "reference": None,
        "features": None,
        "metadata": {},
    }
    trace_line(trace)
    return trace


def _no_question(name: str) -> ValueError:
    return ValueError(f"runs: {name} has no human message before an answer: give the question.")


def _add_scores(
    attempts: list[LabelledAttempt], values: Mapping[str, Any], scores_key: str | None, name: str
) -> None:
    if scores_key is None:
        return
    scores = values.get(scores_key)
    if not isinstance(scores, Sequence) or len(scores) > len(attempts):
        raise ValueError(
            f"runs: {name} must have at most {counted(len(attempts), 'score')}, one for each "
            f"answer, in a list under {scores_key!r}, got {scores!r:.80}."
        )
    for attempt, score in zip(attempts, scores, strict=False):
        attempt["score"] = to_verdict(score, name=scores_key)["score"]


def _last_human(messages: Sequence[Message]) -> str | None:
    return next((each.text for each in reversed(messages) if each.role == "user"), None)


def _references_of(
    traces: Sequence[Trace], references: Mapping[str, str] | Sequence[str | None]
) -> list[str | None]:
    """The references by trace."""
    if not isinstance(references, Mapping):
        if len(references) == len(traces):
            return list(references)
        raise ValueError(
            f"references must be as many as the questions of the runs ({len(traces)}), got "
            f"{len(references)}: or give a mapping from questions to references."
        )
    found = [references.get(trace["question"]) for trace in traces]
    unknown = [trace["question"] for trace in traces if trace["question"] not in references]
    if unknown and len(unknown) == len(traces):
        raise ValueError(
            f"references must name questions as the runs ask them, such as {unknown[0]!r:.80}; got "
            f"{list(references)[:1]!r:.80}: no run would have a label."
        )
    if unknown:
        logger.warning(
            "%d of %d runs ask a question that references do not have, such as %.80r; they have no "
            "labels.",
            len(unknown),
            len(traces),
            unknown[0],
        )
    return found


def _label(traces: Sequence[Trace], references: Sequence[str | None], grader: Grader) -> None:
    for trace, reference in zip(traces, references, strict=True):
        trace["reference"] = reference
        if reference is not None:
            for attempt in trace["attempts"]:
                attempt["correct"] = grader(attempt["text"], reference)
