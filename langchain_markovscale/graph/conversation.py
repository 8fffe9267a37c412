"""Which question a run is about, and whether it is a new one.

On a thread the state of the last question is still there when the next one comes. A question is
new if the last run has stopped, or if it is another question. Otherwise its run was interrupted,
and it continues with the attempts that were already paid for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid4, uuid5

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata

from langchain_markovscale._messages import as_messages, question_in
from langchain_markovscale._text import logger_of, valid
from langchain_markovscale.graph.metering import UsageByPurpose
from langchain_markovscale.graph.state import Run
from langchain_markovscale.theory.criterion import Criterion, new_decision
from langchain_markovscale.types import Attempt, Decision, Reason, Usage, add_usage

logger = logger_of(__name__)

_ANSWER_NAMESPACE = uuid5(NAMESPACE_URL, "langchain-markovscale/answers")


class Opening(NamedTuple):
    """A question, and the conversation before it.

    Attributes:
        run: The question.
        conversation: The messages that the model gets to see, the question included.
        new: Whether the state holds nothing yet that belongs to this question.
        added: The message to add to the conversation, where the question came without one.
    """

    run: Run
    conversation: list[AnyMessage]
    new: bool
    added: HumanMessage | None


def values_of(state: Any) -> Mapping[str, Any]:
    """Return a state as a mapping: it may be a dictionary, a pydantic model or a dataclass."""
    if isinstance(state, (dict, Mapping)):  # the check for dict is the quick one
        return state
    if is_dataclass(state):
        return {field.name: getattr(state, field.name) for field in fields(state)}
    return dict(state)


def open_question(values: Mapping[str, Any]) -> Opening:
    """Return the question of a state.

    Raises:
        ValueError: If there is no question, or it has no text.
    """
    messages = as_messages(values.get("messages") or ())
    current: Run | None = values.get("run")
    given_question: str | None = values.get("question")
    last_human = _last_human(messages)
    if given_question is None and last_human is None:
        raise ValueError(
            "question is missing: invoke the graph with {'question': '…'}, or with "
            "{'messages': […]} whose last human message is the question."
        )
    text = given_question if given_question is not None else question_in(last_human)  # type: ignore[arg-type]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"question must be a string with text, or a picture, got {text!r}.")
    text = valid(text)

    has_stopped = _has_stopped(values)
    if current is not None and not has_stopped and _is_same_question(current, text, messages):
        if last_human is None:  # a graph that keeps no messages
            messages = [HumanMessage(text, id=current["message_id"])]
        return Opening(current, _without_old_answer(messages, current), False, None)
    added = None
    if given_question is not None and not (
        messages and messages[-1] is last_human and question_in(last_human) == text
    ):
        added = last_human = HumanMessage(text, id=str(uuid4()))
        messages = [*messages, added]
    run: Run = {"question": text, "message_id": last_human.id if last_human is not None else None}
    # A user's own graph may keep attempts and no run: its question is as old as they are.
    new = current is not None or has_stopped or not values.get("attempts")
    return Opening(run, _without_old_answer(messages, run), new, added)


def conversation_of(values: Mapping[str, Any], run: Run) -> list[AnyMessage]:
    """Return the messages of a state that a run's answers are made from, its question included.

    Args:
        values: The state.
        run: The question.
    """
    messages = as_messages(values.get("messages") or ())
    last_human = _last_human(messages)
    if last_human is None or not (
        question_in(last_human) == run["question"]
        or any(message.id == run["message_id"] is not None for message in messages)
    ):
        messages.append(HumanMessage(run["question"], id=run["message_id"]))
    return _without_old_answer(messages, run)


def answer_id(run: Run) -> str | None:
    """Return the id of the message that answers a question: the same however often it is asked."""
    message_id = run["message_id"]
    return None if message_id is None else str(uuid5(_ANSWER_NAMESPACE, message_id))


def _last_human(messages: list[AnyMessage]) -> HumanMessage | None:
    return next((m for m in reversed(messages) if isinstance(m, HumanMessage)), None)


def _has_stopped(values: Mapping[str, Any]) -> bool:
    decision = values.get("decision")
    return decision is not None and decision["action"] == "stop"


def _is_same_question(current: Run, text: str, messages: list[AnyMessage]) -> bool:
    """Return whether the run that is going on asks this question, in the last human message."""
    last = _last_human(messages)
    return current["question"] == text and (last is None or current["message_id"] == last.id)


def _without_old_answer(messages: list[AnyMessage], run: Run) -> list[AnyMessage]:
    """Leave out the old answer to a question that is asked again."""
    if messages[-1].id == run["message_id"]:
        return messages  # nothing comes after the question
    old = answer_id(run)
    return messages if old is None else [m for m in messages if m.id != old]


def stop_decision(
    criterion: Criterion,
    attempts: Sequence[Attempt],
    reason: Reason,
    class_weights: Sequence[float] | None = None,
    last: Decision | None = None,
) -> Decision:
    """Return the decision to stop with the best attempt so far, for a given reason.

    It never fails: where the criterion does, the best attempt is that of the last decision, else
    the one with the best score, whose belief is that score, else the first.

    Args:
        criterion: Says which attempt is the best.
        attempts: The attempts so far, at least one.
        reason: Why the run stops.
        class_weights: The question's class weights, where a predictor has predicted any.
        last: The last decision, if there is one.
    """
    try:
        decision = criterion.decide(attempts, class_weights)
    except Exception:
        logger.warning("The criterion failed; the last decision stands.", exc_info=True)
        decision = _decision_without_criterion(attempts, last)
    return {**decision, "action": "stop", "parent": None, "reason": reason}


def _decision_without_criterion(attempts: Sequence[Attempt], last: Decision | None) -> Decision:
    best = None if last is None else last["best"]
    if last is not None and best is not None and best < len(attempts):
        belief = last["belief"]
    else:
        scores = [attempt.get("score") for attempt in attempts]
        usable = [score if score is not None and 0 <= score <= 1 else -1.0 for score in scores]
        belief = max(usable)
        best, belief = usable.index(belief), max(belief, 0.0)
    return new_decision("stop", best, len(attempts), "error", belief)


def final_update(
    run: Run | None,
    attempts: Sequence[Attempt],
    decision: Decision,
    usage: UsageByPurpose,
    replies: Sequence[Mapping[str, Any] | None] = (),
) -> Mapping[str, Any]:
    """Return the update of the state that ends a run with the best attempt as its answer.

    Args:
        run: The question.
        attempts: The attempts at it.
        decision: The decision to stop.
        usage: Their usage.
        replies: Fields of the messages that they were, which the answer's message keeps.
    """
    index = decision["best"]
    if index is None:
        return {"decision": decision}
    best = attempts[index]
    kept = (replies[index] if index < len(replies) else None) or {}
    message = AIMessage(
        kept.get("content", best["text"]),
        id=answer_id(run) if run is not None else None,
        usage_metadata=_total(usage),
        additional_kwargs=kept.get("additional_kwargs", {}),
        response_metadata={
            **kept.get("response_metadata", {}),
            "markovscale": {
                "attempts": len(attempts),
                "belief": decision["belief"],
                "reason": decision["reason"],
            },
        },
    )
    update = {"decision": decision, "answer": best["text"], "messages": [message]}
    if "answer_object" in best:
        update["answer_object"] = best["answer_object"]
    return update | {"replies": []} if replies else update


def _total(usage: UsageByPurpose) -> UsageMetadata | None:
    """Return the whole loop's usage; None where a part of it is unknown."""
    total: Usage | None = None
    for usage_of_purpose in usage.values():
        total = add_usage(total, usage_of_purpose)
    if total is None or total["unknown"]:
        return None
    return UsageMetadata(
        input_tokens=total["input_tokens"],
        output_tokens=total["output_tokens"],
        total_tokens=total["input_tokens"] + total["output_tokens"],
    )
