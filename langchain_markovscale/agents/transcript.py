"""A turn's messages among all that an agent's conversation holds.

It is apart from the middleware because nothing is called here: conversations in, conversations out.
What belongs to a turn is found by what was pinned when it began, because others may have summarised
what came before, given messages other ids, or added their own.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from langchain.agents.middleware import ModelResponse
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables.config import ensure_config
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import TypeAdapter

from langchain_markovscale._messages import as_messages
from langchain_markovscale._text import all_valid, valid
from langchain_markovscale.agents.turn import SOURCE, Calls, Trail, Turn
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import read_answer, read_key
from langchain_markovscale.graph.conversation import answer_id
from langchain_markovscale.graph.metering import unless_repeated
from langchain_markovscale.graph.steps import Steps, joining, without_blocking
from langchain_markovscale.graph.writers import EmptyReplyError
from langchain_markovscale.types import Attempt, Decision, new_attempt, tokens_written, usage_of

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


class UnformattedReplyError(Exception):
    """A reply lacks the format that the agent's answers must have."""


class Transcript(NamedTuple):
    """The messages of a conversation, divided.

    Attributes:
        before: What came before the attempts: earlier turns, and the question if it is still there.
        since: What belongs to the turn: drafts, tool calls, critiques, and what others added.
        has_question: Whether the question is among `before`.
    """

    before: list[AnyMessage]
    since: list[AnyMessage]
    has_question: bool


def transcript_of(messages: Sequence[AnyMessage], turn: Turn, calls: Calls) -> Transcript:
    """Return the messages of a conversation as they stand to a turn."""
    asked = _index_of_question(messages, turn)
    begin = _begin_without_question(messages, turn) if asked is None else asked + 1
    own = {*_trail_ids(turn), calls["reply"]} - {None}
    before = [m for m in messages[:begin] if m.id not in own and not is_critique(m, turn)]
    moved = [m for m in messages[:begin] if m.id in own]  # others have changed the order
    return Transcript(before, [*moved, *messages[begin:]], asked is not None)


def is_critique(message: AnyMessage, turn: Turn) -> bool:
    """Return whether a message is the critique that asks for the next revision, or an older one."""
    if not isinstance(message, HumanMessage):
        return False
    if message.additional_kwargs.get("lc_source") == SOURCE:
        return True
    critique = turn["critique"]
    if critique is None:
        return False
    return bool(message.id == critique["id"] or message.content == critique["content"])


def final_answer(transcript: Transcript, turn: Turn, calls: Calls, structured: Any) -> Trail | None:
    """Return the answer that ends the conversation, with its trail; None where there is none.

    An AI message is final if all its tool calls are answered, and it has none but those that make
    the structured response. Where a structured response is required, nothing else is an answer.

    Args:
        transcript: The conversation.
        turn: The turn before this answer.
        calls: Its calls; the last one made the reply.
        structured: The structured response, None where there is none.
    """
    if calls["formatted"] is False:
        return None
    at = reply_index(transcript, turn, calls)
    if at is None:
        return None
    since = transcript.since
    reply = since[at]
    calls_of_tools = reply.tool_calls if isinstance(reply, AIMessage) else []
    wanted = {call["id"] for call in calls_of_tools}
    results: list[ToolMessage] = []
    others: list[AnyMessage] = []
    for message in since[at + 1 :]:
        if isinstance(message, ToolMessage) and message.tool_call_id in wanted:
            results.append(message)
        elif not is_critique(message, turn):
            others.append(message)
    if wanted.difference(m.tool_call_id for m in results) or (wanted and structured is None):
        return None
    steps = [*_steps(since[:at], turn), *others]
    return Trail(steps=steps, answer=[reply, *results], structured=structured)


def reply_index(transcript: Transcript, turn: Turn, calls: Calls) -> int | None:
    """Return where the last reply is in `since`; None where others have removed it."""
    known = _trail_ids(turn)
    found = None
    for index, message in enumerate(transcript.since):
        if isinstance(message, AIMessage):
            if message.id is not None and message.id == calls["reply"]:
                return index
            if message.id not in known:
                found = index
    return found


def seen_by_model(
    transcript: Transcript, turn: Turn, trail: Trail, system: str | None
) -> list[AnyMessage]:
    """Return the conversation that an answer was made from, without critiques and other attempts.

    Args:
        transcript: The conversation.
        turn: The turn.
        trail: The answer, and the tool calls that led to it.
        system: The agent's system prompt.
    """
    before = transcript.before[:-1] if transcript.has_question else transcript.before
    messages = [*before, turn["question"], *trail["steps"]]
    return as_messages([SystemMessage(system), *messages] if system else messages)


def reading(turn: Turn, trail: Trail, answer_key: AnswerKey | None) -> Steps[tuple[Attempt, Trail]]:
    """Return the next attempt of a turn, its reply read as the graph reads those of its writers.

    The message says in the conversation what it says as an attempt: thoughts in its text are taken
    off, and what a refusal says apart from its text becomes its text. Nothing but thoughts stays,
    because models take no empty message.

    Args:
        turn: The turn before this answer.
        trail: The answer; where it has a structured response, that as JSON is the text.
        answer_key: Makes the key; None where answers have none.
    """
    config, read = ensure_config(), partial(_read, turn, trail)
    attempt, trail = yield from without_blocking(read, answer_key, answer_key, config)
    key = yield from joining(attempt["key"], answer_key, turn["attempts"], config)
    return {**attempt, "key": key}, trail


def _read(turn: Turn, trail: Trail, answer_key: AnswerKey | None) -> tuple[Attempt, Trail]:
    message, decision = trail["answer"][0], turn["decision"]
    if trail["structured"] is None:
        text = valid(message.text)
    else:
        structured = all_valid(_JSON.dump_python(trail["structured"], mode="json"))
        text = _JSON.dump_json(structured).decode()
    answered, cost = read_answer(text, message), usage_of(message)
    key, metadata = read_key(answered, answer_key)
    text = answered.text
    is_plain = isinstance(message.content, str) or not message.text
    if text and is_plain and trail["structured"] is None and message.content != text:
        message = message.model_copy(update={"content": text})
        trail = {**trail, "answer": [message, *trail["answer"][1:]]}
    attempt = new_attempt(
        text,
        key=key,
        parent=decision["parent"] if decision else None,
        tokens=tokens_written(cost),
        metadata=metadata,
    )
    return unless_repeated(attempt, cost, turn["attempts"]), trail


def rewritten(
    messages: Sequence[AnyMessage], wanted: Sequence[AnyMessage | Mapping[str, Any]]
) -> list[Any]:
    """Return the update of the messages by which they become `wanted`.

    Removals are dictionaries, because `stream_mode="messages"` shows the messages that a node
    writes.
    """
    order = [m["id"] if isinstance(m, Mapping) else m.id for m in wanted]
    ids = set(order)
    kept = [message.id for message in messages if message.id in ids]
    if kept != order[: len(kept)]:
        return [_removal(REMOVE_ALL_MESSAGES), *wanted]
    present = {id(message) for message in messages}
    removals = [_removal(message.id) for message in messages if message.id not in ids]
    return [*removals, *(message for message in wanted if id(message) not in present)]


def best_answer(turn: Turn, calls: Calls, decision: Decision) -> Trail:
    """Return the best attempt's trail, whose answer has a summary of the decision in its metadata.

    An answer that was not the last to be written gets a new id, so that it is also the last in a
    stream of messages.
    """
    best = decision["best"] or 0
    trail = turn["trails"][best]
    message = trail["answer"][0]
    summary = {
        "attempts": len(turn["attempts"]),
        "belief": decision["belief"],
        "reason": decision["reason"],
        "usage": calls["usage"],
        "error": calls["error"],
    }
    updates: dict[str, Any] = {
        "response_metadata": {**message.response_metadata, "markovscale": summary}
    }
    if best != len(turn["trails"]) - 1:
        updates["id"] = answer_id(turn["run"])
    return {**trail, "answer": [message.model_copy(update=updates), *trail["answer"][1:]]}


def has_answer(transcript: Transcript, final: Trail) -> bool:
    """Return whether a conversation holds the answer with which a turn has stopped."""
    answer = final["answer"][0]
    return any(
        isinstance(m, AIMessage) and (m.id == answer.id or m.content == answer.content)
        for m in transcript.since
    )


def checked_response(response: ModelResponse[Any], *, needs_format: bool) -> ModelResponse[Any]:
    """Return a model's response as it is.

    Args:
        response: The response.
        needs_format: Whether an answer without a structured response is none.

    Raises:
        EmptyReplyError: If the reply has neither text nor tool calls, and is neither a refusal nor
            thoughts.
        UnformattedReplyError: If it lacks the format.
    """
    reply = reply_in(response)
    if reply is None or response.structured_response is not None:
        return response
    calls_tools = reply.tool_calls or reply.invalid_tool_calls
    answered = read_answer(valid(reply.text), reply)
    if not (answered.text.strip() or answered.no_key or calls_tools):
        raise EmptyReplyError("The model replied without text.")
    if needs_format and not calls_tools:
        raise UnformattedReplyError("The model replied without the structured response.")
    return response


def reply_in(response: ModelResponse[Any]) -> AIMessage | None:
    """Return the model's own message in its response."""
    return next((m for m in reversed(response.result) if isinstance(m, AIMessage)), None)


def _index_of_question(messages: Sequence[AnyMessage], turn: Turn) -> int | None:
    question, message_id = turn["question"], turn["run"]["message_id"]
    for index, message in enumerate(messages):
        if message.id is not None and message.id == message_id:
            return index
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if isinstance(message, HumanMessage) and message.content == question.content:
            return index
    return None


def _begin_without_question(messages: Sequence[AnyMessage], turn: Turn) -> int:
    """Return where the turn begins in a conversation that has lost its question."""
    for index, message in enumerate(messages):
        if message.id is not None and message.id == turn["previous"]:
            return index + 1
    # Summaries and reminders stay; what models and tools wrote is taken for this turn's, because
    # who removes a question removes what came before it.
    of_turn = (AIMessage, ToolMessage)
    for index, message in enumerate(messages):
        if isinstance(message, of_turn) or is_critique(message, turn):
            return index
    return len(messages)


def _steps(messages: Sequence[AnyMessage], turn: Turn) -> list[AnyMessage]:
    """Return the steps of the next attempt: its parent's, and those that were taken since."""
    decision = turn["decision"]
    parent = None if decision is None else decision["parent"]
    if parent is None:
        return [m for m in messages if not is_critique(m, turn)]
    known = _trail_ids(turn)
    last = max(
        (i for i, m in enumerate(messages) if m.id in known or is_critique(m, turn)), default=-1
    )
    return [*turn["trails"][parent]["steps"], *messages[last + 1 :]]


def _trail_ids(turn: Turn) -> set[str | None]:
    return {m.id for trail in turn["trails"] for m in trail["steps"] + trail["answer"]}


def _removal(message_id: str | None) -> dict[str, Any]:
    return {"role": "remove", "content": "", "id": message_id}
