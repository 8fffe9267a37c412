"""Which question a run is about, and whether it is a new one.

On a thread the state of the last question is still there when the next one comes. A question is
new if the last run has stopped, or if it is another question; else its run was broken off and goes
on, with the attempts that were already paid for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid4, uuid5

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.utils import convert_to_messages

from langchain_markovscale.graph.metering import Books
from langchain_markovscale.graph.state import Run
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.types import Attempt, Decision, Reason, Usage, add_usage

_ANSWERS = uuid5(NAMESPACE_URL, "langchain-markovscale/answers")


class Opening(NamedTuple):
    """A question, and what was said before it.

    Attributes:
        run: The question.
        conversation: What the model gets to see, the question included.
        new: Whether the state holds nothing yet that belongs to this question.
        added: The message to add to the conversation, where the question came without one.
    """

    run: Run
    conversation: list[AnyMessage]
    new: bool
    added: HumanMessage | None


def values_of(state: Any) -> Mapping[str, Any]:
    """Return a state as a mapping, be it a dictionary, a pydantic model or a dataclass."""
    if isinstance(state, (dict, Mapping)):  # asking for dict first is quick
        return state
    if is_dataclass(state):
        return {field.name: getattr(state, field.name) for field in fields(state)}
    return dict(state)


def open_question(values: Mapping[str, Any]) -> Opening:
    """Return the question of a state.

    Raises:
        ValueError: If there is no question, or it has no text.
    """
    messages = _messages(values)
    asked: Run | None = values.get("run")
    given: str | None = values.get("question")
    last = _last_human(messages)
    if given is None and last is None:
        raise ValueError(
            "question is missing: invoke with {'question': '…'} or with {'messages': […]} whose "
            "last human message asks it."
        )
    text = given if given is not None else str(last.text)  # type: ignore[union-attr]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"question must be a string with text, got {text!r}.")

    stopped = _stopped(values)
    if asked is not None and not stopped and _same(asked, text, last):
        if last is None:  # a graph that keeps no messages
            messages = [HumanMessage(text, id=asked["message_id"])]
        return Opening(asked, _without_answer(messages, asked), False, None)
    added = None
    if given is not None and not (messages and messages[-1] is last and last.text == given):
        added = last = HumanMessage(text, id=str(uuid4()))
        messages = [*messages, added]
    run: Run = {"question": text, "message_id": last.id if last is not None else None}
    # A graph of somebody else may keep attempts and no run: its question is as old as they are.
    new = asked is not None or stopped or not values.get("attempts")
    return Opening(run, _without_answer(messages, run), new, added)


def answer_id(run: Run) -> str | None:
    """Return the id of the message that answers a question: the same however often it is asked."""
    message_id = run["message_id"]
    return None if message_id is None else str(uuid5(_ANSWERS, message_id))


def _messages(values: Mapping[str, Any]) -> list[AnyMessage]:
    messages: Sequence[Any] = values.get("messages") or ()
    if all(isinstance(message, BaseMessage) for message in messages):
        return list(messages)
    return convert_to_messages(messages)  # type: ignore[return-value]


def _last_human(messages: list[AnyMessage]) -> HumanMessage | None:
    return next((m for m in reversed(messages) if isinstance(m, HumanMessage)), None)


def _stopped(values: Mapping[str, Any]) -> bool:
    decision = values.get("decision")
    return decision is not None and decision["action"] == "stop"


def _same(asked: Run, text: str, last: HumanMessage | None) -> bool:
    return asked["question"] == text and (last is None or asked["message_id"] == last.id)


def _without_answer(messages: list[AnyMessage], run: Run) -> list[AnyMessage]:
    """Leave out the old answer to a question that is asked again."""
    if messages[-1].id == run["message_id"]:
        return messages  # nothing comes after the question
    old = answer_id(run)
    return messages if old is None else [m for m in messages if m.id != old]


def stopped(
    criterion: Criterion,
    attempts: Sequence[Attempt],
    reason: Reason,
    class_weights: Sequence[float] | None = None,
) -> Decision:
    """Return the decision to stop with the best attempt so far, for a reason that is no gain."""
    decision = criterion.decide(attempts, class_weights)
    return {**decision, "action": "stop", "parent": None, "reason": reason}


def ending(
    run: Run | None, attempts: Sequence[Attempt], decision: Decision, books: Books
) -> Mapping[str, Any]:
    """Return the update that hands over the best attempt."""
    if decision["best"] is None:
        return {"decision": decision}
    best = attempts[decision["best"]]
    message = AIMessage(
        best["text"],
        id=answer_id(run) if run is not None else None,
        usage_metadata=_total(books),
        response_metadata={
            "markovscale": {
                "attempts": len(attempts),
                "belief": decision["belief"],
                "reason": decision["reason"],
            }
        },
    )
    return {"decision": decision, "answer": best["text"], "messages": [message]}


def _total(books: Books) -> UsageMetadata | None:
    """The whole loop's usage; None where a part of it is unknown."""
    total: Usage | None = None
    for usage in books.values():
        total = add_usage(total, usage)
    if total is None or total["unknown"]:
        return None
    return UsageMetadata(
        input_tokens=total["input_tokens"],
        output_tokens=total["output_tokens"],
        total_tokens=total["input_tokens"] + total["output_tokens"],
    )
