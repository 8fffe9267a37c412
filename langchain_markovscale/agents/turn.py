"""An agent's turn: one question, what was set for it, the attempts at it, and what they took.

It is pinned when the agent is invoked and kept in the agent's private state, so that nothing that
others do to the messages (summaries, reminders, critiques, new ids) starts another turn or changes
what the verifier is asked.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired
from uuid import uuid4

from langchain.agents.middleware import AgentState
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.managed.is_last_step import RemainingStepsManager
from typing_extensions import TypedDict

from langchain_markovscale._messages import question_in
from langchain_markovscale.graph.metering import UsageByPurpose, add_usage_for
from langchain_markovscale.graph.settings import RunSettings
from langchain_markovscale.graph.state import Run
from langchain_markovscale.types import Action, Attempt, Decision, Purpose, usage_of

SOURCE = "markovscale"
"""The `lc_source` and the name of our critiques, by which others know that no user wrote them."""


class Trail(TypedDict):
    """What led to an attempt, and what it did beside its words.

    Attributes:
        steps: Tool calls and their results, without the drafts and critiques between them.
        answer: The final AI message; with structured output by tool, the tool's message as well.
        structured: The structured response, or None.
        channels: The channels of the agent's state that are restored, as they were after it.
    """

    steps: list[AnyMessage]
    answer: list[AnyMessage]
    structured: Any
    channels: NotRequired[dict[str, Any]]


class Turn(TypedDict):
    """One question to an agent, and the attempts at it.

    Attributes:
        run: The question's text and the id of its message.
        question: The message itself, as the user wrote it.
        previous: Id of the message before it; None where it is the first.
        settings: The settings of the run, checked.
        channels: The channels that are restored, as they were before the first attempt.
        steps_left: Steps that the agent's run might still take when the last attempt was made, or
            when the turn began; None where that is unknown.
        attempts: All attempts, in the order in which they were made.
        trails: What led to each.
        decision: The last decision; None before the first attempt.
        critique: The message that asks for the next revision; None where there is none.
        final: The answer with which the turn has stopped; None while it goes on.
    """

    run: Run
    question: HumanMessage
    previous: str | None
    settings: RunSettings
    channels: dict[str, Any]
    steps_left: int | None
    attempts: list[Attempt]
    trails: list[Trail]
    decision: Decision | None
    critique: dict[str, Any] | None
    final: Trail | None


class Calls(TypedDict):
    """What the calls of a turn have taken, and what the last one was.

    It is apart from the turn because it is written with every call of the model.

    Attributes:
        usage: Calls and tokens by purpose.
        seconds: Time in calls, by purpose.
        reply: Id of the last reply; None where there is none.
        formatted: Whether the last reply has the format that the agent's answers must have; None
            where they need none.
        tools: Whether the model has tools.
        error: The error that ends the turn, or what was used up; else None.
        over_budget: Whether it is the budget that ends the turn.
    """

    usage: UsageByPurpose
    seconds: dict[Purpose, float]
    reply: str | None
    formatted: bool | None
    tools: bool
    error: str | None
    over_budget: bool


class MarkovScaleAgentState(AgentState[Any]):
    """An agent's state, and what only the middleware sees: the turn, its calls, the system prompt.

    The system prompt is in no message of the state. It is apart from the calls because it is
    written only where it has changed. LangGraph counts the steps that the agent's run may still
    take.
    """

    markovscale: NotRequired[Annotated[Turn | None, PrivateStateAttr]]
    markovscale_calls: NotRequired[Annotated[Calls | None, PrivateStateAttr]]
    markovscale_system: NotRequired[Annotated[str | None, PrivateStateAttr]]
    remaining_steps: NotRequired[Annotated[int, PrivateStateAttr, RemainingStepsManager]]


def new_turn(
    messages: Sequence[AnyMessage],
    last: Turn | None,
    settings: RunSettings,
    channels: dict[str, Any],
) -> Turn:
    """Return the turn of the user's question in a conversation.

    Args:
        messages: The conversation.
        last: The turn before.
        settings: The settings of the run, checked.
        channels: The channels that are restored, as they are now.

    Raises:
        ValueError: If there is no human message.
    """
    return _turn_of(users_question(messages, last), messages, settings, channels)


def new_calls() -> Calls:
    """Return the calls of a turn that has made none."""
    return Calls(
        usage={},
        seconds={},
        reply=None,
        formatted=None,
        tools=False,
        error=None,
        over_budget=False,
    )


def under_way(state: Mapping[str, Any]) -> tuple[Turn, Calls]:
    """Return the turn of a state, and its calls.

    Raises:
        ValueError: If there is neither a turn nor a human message.
    """
    turn, calls = state.get("markovscale"), state.get("markovscale_calls")
    if turn is not None and "final" in turn and calls is not None:
        return turn, calls
    converted, counted = _turn_of_0_1(state["messages"], turn)
    return converted, counted if calls is None else calls


def last_turn(state: Mapping[str, Any]) -> Turn | None:
    """Return the turn that a state was left with; None where there is none."""
    turn = state.get("markovscale")
    if turn is None or "final" in turn:
        return turn
    has_stopped = turn["decision"] is not None and turn["decision"]["action"] == "stop"
    return None if has_stopped else _turn_of_0_1(state["messages"], turn)[0]


def users_question(messages: Sequence[AnyMessage], turn: Turn | None = None) -> HumanMessage:
    """Return the last message that the user wrote.

    Args:
        messages: The conversation. Human messages with an `lc_source` are no user's: summaries,
            critiques of graders.
        turn: The last turn, whose question it is where the conversation has lost it.

    Raises:
        ValueError: If there is none.
    """
    humans = [message for message in messages if isinstance(message, HumanMessage)]
    for message in reversed(humans):
        if "lc_source" not in message.additional_kwargs:
            return message
    if turn is not None:
        return turn["question"]
    if humans:
        return humans[-1]
    raise ValueError(
        "messages has no human message, so there is no question to verify the answer against: "
        "invoke the agent with {'messages': [HumanMessage('…')]}."
    )


def is_asked_again(turn: Turn, messages: Sequence[AnyMessage]) -> bool:
    """Return whether a conversation asks the question of a turn that has not stopped."""
    if turn["final"] is not None:
        return False
    question, pinned = users_question(messages, turn), turn["run"]["message_id"]
    if question.id == pinned:
        return True
    # Others may have given it another id; then the one that was pinned is gone.
    is_gone = all(message.id != pinned for message in messages)
    return is_gone and question.content == turn["question"].content


def action_of(turn: Turn) -> Action:
    """Return how the next attempt is made."""
    decision = turn["decision"]
    return "revise" if decision is not None and decision["action"] == "revise" else "generate"


def with_cost(calls: Calls, purpose: Purpose, cost: Any, seconds: float = 0.0) -> Calls:
    """Return the calls with the usage and the time of another one."""
    before = calls["seconds"]
    return {
        **calls,
        "usage": add_usage_for(calls["usage"], purpose, cost),
        "seconds": {**before, purpose: before.get(purpose, 0.0) + seconds},
    }


def _turn_of(
    question: HumanMessage,
    messages: Sequence[AnyMessage],
    settings: RunSettings,
    channels: dict[str, Any],
) -> Turn:
    before = None
    for message in messages:
        if message.id == question.id:
            break
        before = message.id
    return Turn(
        run={"question": question_in(question), "message_id": question.id},
        question=question.model_copy(deep=True),  # others may edit theirs in place
        previous=before,
        settings=settings,
        channels=channels,
        steps_left=None,
        attempts=[],
        trails=[],
        decision=None,
        critique=None,
        final=None,
    )


def _turn_of_0_1(messages: Sequence[AnyMessage], kept: Any) -> tuple[Turn, Calls]:
    """Return the turn of a checkpoint that version 0.1 has written, before or within a turn."""
    critique_id = kept and kept["critique_id"]
    question = users_question([m for m in messages if critique_id is None or m.id != critique_id])
    turn, calls = _turn_of(question, messages, {}, {}), new_calls()
    counted: set[str | None] = set()
    decision = kept and kept["decision"]
    if (
        kept
        and kept["run"]["message_id"] == question.id
        and (decision or {}).get("action") != "stop"
    ):
        turn |= {name: kept[name] for name in ("run", "attempts", "trails", "decision")}  # type: ignore[typeddict-item]
        turn["critique"] = next(
            ({"content": m.content, "id": m.id} for m in messages if m.id == critique_id), None
        )
        calls |= {"usage": kept["usage"], "seconds": kept.get("seconds", {})}
        calls["error"] = kept["error"]
        counted = {m.id for trail in turn["trails"] for m in trail["steps"] + trail["answer"]}
    since = list(messages)[list(messages).index(question) + 1 :]
    for message in since:
        if isinstance(message, AIMessage) and message.id not in counted:
            calls = with_cost(calls, action_of(turn), usage_of(message))
            calls["reply"] = message.id
    return turn, calls


def critique_message(content: str) -> dict[str, Any]:
    """Return a critique as a message that says by its source that no user wrote it."""
    return {
        "role": "user",
        "content": content,
        "id": str(uuid4()),
        "name": SOURCE,
        "additional_kwargs": {"lc_source": SOURCE},
    }
