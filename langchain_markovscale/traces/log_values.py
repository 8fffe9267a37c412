"""What stands in the fields of other people's logs: a question, an answer, a reference, tokens.

Logs have them as texts, as messages, as JSON in a text, or in fields of usual names, one within
another.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_markovscale._text import valid
from langchain_markovscale.traces.messages import (
    Message,
    is_message,
    read_messages,
    text_of,
    tokens_in,
)
from langchain_markovscale.traces.text_files import parsed
from langchain_markovscale.types import Usage, usage_of

_MOST_WRAPPERS = 4
_CONVERSATIONS = ("messages", "chat_history", "input", "history")
_QUESTION_NAMES = ("messages", "chat_history", "question", "query", "input", "prompt", "text")
_OUTPUT_NAMES = (
    *("messages", "output", "answer", "response", "completion", "result", "text", "content"),
    *("generations", "generation", "message", "choices", "prediction", "final_answer", "reply"),
)
_REFERENCE_NAMES = ("answer", "output", "expected", "reference", "ideal", "target", "label")


def question_in_inputs(value: Any) -> str | None:
    """Return the question in what a log calls its input; None where there is none.

    Args:
        value: A text; messages, of which the last of the user asks; or fields with one of them.
    """
    if isinstance(value, str):
        opened = parsed(value)
        found = None if isinstance(opened, str) else _named_question(opened)
        return found or (value if value.strip() else None)
    value = _only_part(value)
    if isinstance(value, str):
        return question_in_inputs(value)
    found = _named_question(value)
    if found is None and isinstance(value, Mapping) and not is_message(value):
        texts = [f"{name}: {part}" for name, part in value.items() if _is_plain(part)]
        return "\n".join(texts) or None
    return found


def _named_question(value: Any) -> str | None:
    """Return the last thing that a user says in messages, or what stands under a usual name."""
    if messages := messages_in(value):
        asked = [each.text for each in messages if each.role == "user"]
        return asked[-1] if asked else None
    if isinstance(value, Mapping):
        found = (question_in_inputs(value[name]) for name in _QUESTION_NAMES if name in value)
        return next((each for each in found if each is not None), None)
    return None


def reply_in(value: Any) -> Message | None:
    """Return the last that is said in what a log calls its output; None where nothing is.

    Args:
        value: A text; messages; fields with one of them; or an object that is itself the answer,
            which is then shown as JSON.
    """
    if isinstance(value, str):
        opened = parsed(value)
        said = [] if isinstance(opened, str) else _said_in(messages_in(opened))
        return said[-1] if said else _reply(value)
    value = _only_part(value)
    if isinstance(value, str):
        return reply_in(value)
    if messages := messages_in(value):
        said = _said_in(messages)
        return said[-1] if said else None
    if isinstance(value, Mapping) and (names := [name for name in _OUTPUT_NAMES if name in value]):
        found = (reply_in(value[name]) for name in names)
        return next((each for each in found if each is not None), None)
    return _reply(_as_json(value))


def _reply(text: str | None) -> Message | None:
    return Message("assistant", valid(text), content=text) if text and text.strip() else None


def _said_in(messages: Iterable[Message]) -> list[Message]:
    return [message for message in messages if message.role == "assistant"]


def _as_json(value: Any) -> str | None:
    """Return an object that is an answer as text; None for one that holds nothing."""
    if value is None or value in ({}, [], ""):
        return None
    return json.dumps(value, ensure_ascii=False, default=str)


def conversation_in(value: Any) -> list[Message]:
    """Return the messages in what a log calls its input or output, in a field or alone."""
    value = _only_part(parsed(value) if isinstance(value, str) else value)
    if isinstance(value, Mapping) and not is_message(value):
        value = next((value[name] for name in _CONVERSATIONS if value.get(name)), None)
        return conversation_in(value) if isinstance(value, (list, str)) else []
    return messages_in(value) if isinstance(value, list) or is_message(value) else []


def messages_in(value: Any) -> list[Message]:
    """Return a conversation, or an empty list where a value is none."""
    parts = value if isinstance(value, list) else [value]
    return read_messages(parts) if parts and all(map(is_message, parts)) else []


def plain_text(value: Any) -> str | None:
    """Return a reference as text, an object as JSON; None for a choice of several texts."""
    if not isinstance(value, str):
        value = _only_part(value)
    if isinstance(value, Mapping) and is_message(value):
        return text_of(value.get("content")) or None
    if isinstance(value, Mapping):
        names = [name for name in _REFERENCE_NAMES if _is_plain(value.get(name))]
        value = value[names[0]] if names else _as_json(value)
    return valid(str(value)) if _is_plain(value) else None


def name_in(value: Any) -> str | None:
    """Return the name of a question, where a log has one."""
    return str(value) if type(value) in (str, int) and value != "" else None


def reported_usage(*places: Any) -> Usage | None:
    """Return one call with the tokens of the first place that has them; None where none has."""
    tokens = tokens_in(*places)
    return None if tokens is None else usage_of(Message("assistant", "", usage_metadata=tokens))


def _only_part(value: Any) -> Any:
    """Return what a list or mapping of a single part is about."""
    for _ in range(_MOST_WRAPPERS):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, Mapping) and len(value) == 1 and not is_message(value):
            value = next(iter(value.values()))
        else:
            break
    return value


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and value != ""
