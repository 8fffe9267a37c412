"""An agent's turn: one question, the attempts at it, and the messages that led to each.

It is apart from the middleware because nothing is called here: conversations in, conversations out.
The trail of an attempt is kept as well as its text, so that a revision continues from the tool
calls that its parent was made with, and the answer that is returned follows its own tool calls.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, NotRequired

from langchain.agents.middleware import AgentState, ModelResponse
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from langchain_markovscale.graph.conversation import answer_id
from langchain_markovscale.graph.metering import add_usage_for
from langchain_markovscale.graph.state import Run
from langchain_markovscale.graph.writers import EmptyReplyError
from langchain_markovscale.types import Action, Attempt, Decision, Purpose, Usage, usage_of

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


class Trail(TypedDict):
    """The messages that led to an attempt.

    Attributes:
        steps: Tool calls and their results, without the drafts and critiques between them.
        answer: The final AI message; with structured output by tool, the tool's message as well.
        structured: The structured response, or None.
    """

    steps: list[AnyMessage]
    answer: list[AnyMessage]
    structured: Any


class Turn(TypedDict):
    """One question to an agent, and the attempts at it.

    Attributes:
        run: The question.
        attempts: All attempts, in the order in which they were made.
        trails: The messages that led to each.
        decision: The last decision; None before the first attempt.
        usage: Calls and tokens by purpose.
        critique_id: Id of the message that asks for the next revision; None where there is none.
        error: The error where the turn ends for the reason `"error"` or `"interrupted"`, what was
            used up where it is `"budget"`; else None.
        seconds: Time in calls, by purpose.
    """

    run: Run
    attempts: list[Attempt]
    trails: list[Trail]
    decision: Decision | None
    usage: dict[Purpose, Usage]
    critique_id: str | None
    error: str | None
    seconds: NotRequired[dict[Purpose, float]]


class MarkovScaleAgentState(AgentState[Any]):
    """An agent's state, and the turn, which only the middleware sees."""

    markovscale: NotRequired[Annotated[Turn | None, PrivateStateAttr]]


class Since(NamedTuple):
    """A question, and what the conversation holds after it.

    Attributes:
        question: The last human message that is no critique of ours.
        messages: The messages after it, a critique included.
    """

    question: HumanMessage
    messages: list[AnyMessage]


def since_question(messages: Sequence[AnyMessage], turn: Turn | None) -> Since:
    """Return the question of a conversation, and what came after it.

    Raises:
        ValueError: If there is no human message.
    """
    critique_id = None if turn is None else turn["critique_id"]
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if isinstance(message, HumanMessage) and (message.id is None or message.id != critique_id):
            return Since(message, list(messages[index + 1 :]))
    raise ValueError(
        "messages has no human message, so there is no question to verify the answer against: "
        "invoke the agent with {'messages': [HumanMessage('…')]}."
    )


def turn_of(question: HumanMessage, turn: Turn | None) -> Turn:
    """Return the turn of a question: the current one, or a new one."""
    if turn is not None and turn["run"]["message_id"] == question.id and not _stopped(turn):
        return turn
    run: Run = {"question": str(question.text), "message_id": question.id}
    return Turn(
        run=run,
        attempts=[],
        trails=[],
        decision=None,
        usage={},
        critique_id=None,
        error=None,
    )


def under_way(state: Mapping[str, Any]) -> tuple[Since, Turn]:
    """Return what a state holds after its question, and the question's turn.

    Raises:
        ValueError: If there is no human message.
    """
    stored = state.get("markovscale")
    since = since_question(state["messages"], stored)
    return since, turn_of(since.question, stored)


def action_of(turn: Turn) -> Action:
    """Return how the next attempt is made."""
    decision = turn["decision"]
    return "revise" if decision is not None and decision["action"] == "revise" else "generate"


def with_model_usage(turn: Turn, since: Since) -> Turn:
    """Return the turn with the usage of the model calls that belong to no attempt yet."""
    trails = [message for trail in turn["trails"] for message in trail["steps"] + trail["answer"]]
    counted, usage = {message.id for message in trails}, turn["usage"]
    for message in since.messages:
        if isinstance(message, AIMessage) and message.id not in counted:
            usage = add_usage_for(usage, action_of(turn), usage_of(message))
    return {**turn, "usage": usage}


def with_seconds(turn: Turn, purpose: Purpose, seconds: float) -> Turn:
    """Return the turn with the time that a call has taken."""
    before = turn.get("seconds", {})
    return {**turn, "seconds": {**before, purpose: before.get(purpose, 0.0) + seconds}}


def written_by_model(since: Since) -> Since:
    """Leave out the message by which a middleware ends an agent: no model call wrote it."""
    model_replies = [
        m for m in since.messages if getattr(m, "tool_calls", None) or not usage_of(m)["unknown"]
    ]
    return Since(since.question, model_replies)


def checked_response(response: ModelResponse[Any]) -> ModelResponse[Any]:
    """Return a model's response as it is.

    Raises:
        EmptyReplyError: If the reply has neither text nor tool calls.
    """
    ai_messages = [message for message in response.result if isinstance(message, AIMessage)]
    if ai_messages and response.structured_response is None:
        last = ai_messages[-1]
        if not (last.text.strip() or last.tool_calls or last.invalid_tool_calls):
            raise EmptyReplyError("The model replied without text.")
    return response


def final_answer(
    messages: Sequence[AnyMessage], structured: Any, turn: Turn | None
) -> Trail | None:
    """Return the answer that ends the conversation, with its trail; None where there is none.

    An AI message is final if all its tool calls are answered, and it has none but those that make
    the structured response.

    Args:
        messages: What came after the question.
        structured: The structured response, None where there is none.
        turn: The turn before this answer.
    """
    last = max((i for i, m in enumerate(messages) if isinstance(m, AIMessage)), default=None)
    if last is None:
        return None
    answer = list(messages[last:])
    replied = {m.tool_call_id for m in answer if isinstance(m, ToolMessage)}
    calls = messages[last].tool_calls  # type: ignore[union-attr]
    if any(call["id"] not in replied for call in calls) or (calls and structured is None):
        return None
    steps = list(messages[:last])
    if turn is not None and turn["critique_id"] is not None:
        steps = _steps_of_revision(steps, turn)
    return Trail(steps=steps, answer=answer, structured=structured)


def text_of_answer(trail: Trail) -> str:
    """Return the text to verify: the structured response as JSON, else the message's text."""
    if trail["structured"] is not None:
        return _JSON.dump_json(trail["structured"]).decode()
    return str(trail["answer"][0].text)


def rewritten(
    present: Sequence[AnyMessage], wanted: Sequence[AnyMessage | Mapping[str, Any]]
) -> list[Any]:
    """Return the update of the messages after a question, so that they become `wanted`.

    Removals are dictionaries, because `stream_mode="messages"` shows the messages that a node
    writes.
    """
    kept = {message.id for message in wanted if isinstance(message, BaseMessage)}
    removals = [{"role": "remove", "content": "", "id": m.id} for m in present if m.id not in kept]
    present_ids = {id(message) for message in present}
    return [*removals, *(message for message in wanted if id(message) not in present_ids)]


def best_answer(turn: Turn, decision: Decision) -> tuple[list[AnyMessage], Any]:
    """Return the messages that stay after the question, and the structured response.

    The answer has a summary of the decision in its metadata. An answer that was not the last to be
    written gets a new id, so that it is also the last in a stream of messages.
    """
    best = decision["best"] or 0
    trail = turn["trails"][best]
    message = trail["answer"][0]
    summary = {
        "attempts": len(turn["attempts"]),
        "belief": decision["belief"],
        "reason": decision["reason"],
        "usage": turn["usage"],
        "error": turn["error"],
    }
    updates: dict[str, Any] = {
        "response_metadata": {**message.response_metadata, "markovscale": summary}
    }
    if best != len(turn["trails"]) - 1:
        updates["id"] = answer_id(turn["run"])
    answer = [message.model_copy(update=updates), *trail["answer"][1:]]
    return [*trail["steps"], *answer], trail["structured"]


def _steps_of_revision(steps: list[AnyMessage], turn: Turn) -> list[AnyMessage]:
    """Return the steps of the parent, and those that were taken after the critique."""
    ids = [message.id for message in steps]
    new_steps = steps[ids.index(turn["critique_id"]) + 1 :] if turn["critique_id"] in ids else []
    decision = turn["decision"]
    parent = None if decision is None else decision["parent"]
    return [*(turn["trails"][parent]["steps"] if parent is not None else ()), *new_steps]


def _stopped(turn: Turn) -> bool:
    return turn["decision"] is not None and turn["decision"]["action"] == "stop"
