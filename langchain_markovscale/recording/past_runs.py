"""Runs that somebody already has, as traces: conversations, states of graphs, threads.

Nothing has to be run again to learn from them, as long as somebody knows the right answers.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.messages.utils import convert_to_messages
from langgraph.types import StateSnapshot

from langchain_markovscale._text import valid
from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.answers.reading import joined_key, read_answer, read_key
from langchain_markovscale.display.wording import counted
from langchain_markovscale.graph.conversation import values_of
from langchain_markovscale.graph.state_reader import AttemptsReader
from langchain_markovscale.recording.graders import Grader, resolve_grader
from langchain_markovscale.traces.trace import LabelledAttempt, Trace, trace_line
from langchain_markovscale.traces.usage import AttemptUsage
from langchain_markovscale.types import add_usage, new_attempt, no_usage, usage_of
from langchain_markovscale.verifiers.base import to_verdict

logger = logging.getLogger(__name__)


class _PastRun(NamedTuple):
    """A state with one question, and what to call it."""

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
    of the one before; human messages after an attempt are the feedback on it. A conversation must
    be about one question. What an attempt took is what its message and the messages that called
    tools for it report. A state that has `attempts`, as the loop of this package leaves, is
    read as it is instead.

    Args:
        runs: Each a list of messages, or a state (a mapping, model or data class) with `messages`
            or `attempts`; or snapshots such as `graph.get_state_history(config)` yields, of which
            the latest for each thread and question counts.
        references: The right answers: by question, or one for each trace. Attempts without one
            have no label.
        grader: Labels attempts, as for `record_traces`.
        answer_key: Makes the keys of answers that have none.
        scores_key: Key of the state that holds the scores of its AI messages, in [0, 1] or None.

    Returns:
        One trace for each run, in their order.

    Raises:
        ValueError: If a run has no question or no answers to read, if the numbers of runs and
            references differ or no run asks a question that has a reference, or if there are
            references and neither a grader nor an answer key.
    """
    past = _past_runs(runs)
    key = resolve_answer_key(answer_key)
    traces = [_trace(run, key, scores_key) for run in past]
    if references is not None:
        found = _references_of(traces, references)
        _label(traces, found, resolve_grader(grader, key))
    return traces


def _past_runs(runs: Iterable[Any]) -> list[_PastRun]:
    found: dict[Any, tuple[str, _PastRun]] = {}
    for number, run in enumerate(runs, 1):
        if isinstance(run, StateSnapshot):
            values = values_of(run.values)
            thread = str((run.config.get("configurable") or {}).get("thread_id", "thread"))
            asked = (values.get("run") or {}).get("message_id")
            which = (thread, asked)
            name = thread if asked is None else f"{thread}/{asked}"
            when = run.created_at or ""
            if not (values.get("attempts") or values.get("messages")):
                continue  # before the first step
            if which not in found or found[which][0] <= when:
                found[which] = when, _PastRun(name, values)
        else:
            values = {"messages": run} if isinstance(run, (list, tuple)) else values_of(run)
            found[number] = "", _PastRun(f"run {number}", values)
    return [run for _, run in found.values()]


def _trace(run: _PastRun, answer_key: AnswerKey | None, scores_key: str | None) -> Trace:
    values = run.values
    messages = cast("list[AnyMessage]", convert_to_messages(values.get("messages") or ()))
    if values.get("attempts"):
        reader = AttemptsReader("attempts", None, None, None, None, answer_key)
        attempts = [
            cast("LabelledAttempt", dict(attempt))
            for attempt in reader.attempts(reader.raw(values), values)
        ]
        question = (values.get("run") or values).get("question") or _last_human(messages)
    elif messages:
        question, attempts = _conversation(messages, answer_key)
        _add_scores(attempts, values, scores_key, run.name)
    else:
        raise ValueError(
            f"runs: {run.name} has neither messages nor attempts, got {list(values)}: give the "
            "states or the lists of messages of several runs."
        )
    if question is None:
        raise ValueError(
            f"runs: {run.name} has no human message before an answer: give the question."
        )
    trace: Trace = {
        "id": run.name,
        "question": question,
        "attempts": attempts,
        "reference": None,
        "features": None,
        "metadata": {},
    }
    trace_line(trace)
    return trace


def _conversation(
    messages: Sequence[AnyMessage], answer_key: AnswerKey | None
) -> tuple[str | None, list[LabelledAttempt]]:
    question = None
    attempts: list[LabelledAttempt] = []
    spent = no_usage()  # since the last attempt
    for message in messages:
        text = valid(message.text)
        if isinstance(message, HumanMessage):
            if not attempts:
                question = text
            else:
                before = attempts[-1]["feedback"]
                attempts[-1]["feedback"] = text if before is None else f"{before}\n\n{text}"
        elif isinstance(message, AIMessage) and question is not None:  # else it is a greeting
            spent = add_usage(spent, usage_of(message))
            answered = read_answer(text, message)
            if message.tool_calls or not (answered.text.strip() or answered.no_key):
                continue
            answer, metadata = read_key(answered, answer_key)
            reported = message.usage_metadata
            attempt = new_attempt(
                answered.text,
                key=joined_key(answer, answer_key, attempts),
                parent=len(attempts) - 1 if attempts else None,
                tokens=None if reported is None else reported["output_tokens"],
                metadata=metadata,
            )
            usage: AttemptUsage = {attempt["action"]: {**spent, "seconds": None}}
            attempts.append(cast("LabelledAttempt", {**attempt, "usage": usage}))
            spent = no_usage()
    return question, attempts


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


def _last_human(messages: Sequence[AnyMessage]) -> str | None:
    humans = [valid(message.text) for message in messages if isinstance(message, HumanMessage)]
    return humans[-1] if humans else None


def _references_of(
    traces: Sequence[Trace], references: Mapping[str, str] | Sequence[str | None]
) -> list[str | None]:
    """The references by trace."""
    if not isinstance(references, Mapping):
        if len(references) == len(traces):
            return list(references)
        raise ValueError(
            f"references must be as many as the runs ({len(traces)}), got {len(references)}: or "
            "give a mapping from questions to references."
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
