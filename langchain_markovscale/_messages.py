"""What messages say: their text made valid, and what they hold beside it, such as pictures."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from langchain_core.messages.utils import convert_to_messages

from langchain_markovscale._text import all_valid, valid

MessageT = TypeVar("MessageT", bound=BaseMessage)

_WITHOUT_ATTACHMENT = frozenset({"text", "reasoning", "thinking", "tool_use", "tool_result"})
_PICTURES_AS_GIVEN = frozenset({"image_url", "input_image"})
_ATTACHMENTS = frozenset({"audio", "video", "file", "text-plain"})
_KINDS = {"audio": "sound", "video": "video"}


class Attachment(NamedTuple):
    """What a message holds beside its text.

    Attributes:
        kind: What it is: `picture`, `sound`, `video` or `file`.
        block: A picture as a content block that chat models take; None for anything else.
    """

    kind: str
    block: dict[str, Any] | None


def as_messages(given: Iterable[Any]) -> list[AnyMessage]:
    """Return messages, also from other forms that LangChain takes for them, made valid."""
    messages = [*given]
    if not all_messages(messages):
        messages = convert_to_messages(messages)
    return [valid_message(message) for message in messages]


def all_messages(values: Iterable[Any]) -> bool:
    """Return whether all values are LangChain's messages."""
    return all(isinstance(value, BaseMessage) for value in values)


def valid_message(message: MessageT) -> MessageT:
    """Return a message whose text can be sent, the same one where that is so already."""
    content = message.content
    has_calls = isinstance(message, AIMessage) and message.tool_calls
    if isinstance(content, str) and content.isascii() and not has_calls:
        return message  # the quick check of nearly all
    fields = ("content", "tool_calls") if has_calls else ("content",)
    given = {name: getattr(message, name) for name in fields}
    made = all_valid(given)
    return message if made == given else message.model_copy(update=made)


def question_in(message: BaseMessage) -> str:
    """Return the text of a message that asks something; what it holds, where it has no text.

    A picture alone is a question as well: `[picture]`.
    """
    text = valid(message.text)
    if text.strip() or isinstance(message.content, str):
        return text
    return " ".join(f"[{attachment.kind}]" for attachment in attachments(message)) or text


def said_in(message: BaseMessage) -> str:
    """Return the text of a message; calls of tools are written out after it."""
    calls = getattr(message, "tool_calls", None) or ()
    written = [f"(calls {call['name']} with {_as_json(call['args'])})" for call in calls]
    return "\n".join(filter(None, [valid(message.text), *map(valid, written)]))


def _as_json(arguments: object) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False, default=str)
    except (TypeError, ValueError):  # keys that JSON does not have
        return str(arguments)


def attachments(message: BaseMessage) -> Iterator[Attachment]:
    """Yield what a message holds beside its text, in its order."""
    if isinstance(message.content, str):
        return
    for part in message.content:
        if isinstance(part, str) or part.get("type") in _WITHOUT_ATTACHMENT:
            continue
        if part.get("type") in _PICTURES_AS_GIVEN or _is_media(part, "image/"):
            yield Attachment("picture", part)
            continue
        block = _in_form_of_langchain(part)
        kind = str(block.get("type"))
        if kind == "image":
            yield Attachment("picture", block)
        elif kind in _ATTACHMENTS or _is_media(part):
            yield Attachment(_KINDS.get(kind, "file"), None)


def _in_form_of_langchain(part: dict[str, Any]) -> dict[str, Any]:
    """Return a content block in the form of all providers: the judge may be of another one."""
    try:
        return {**HumanMessage([part]).content_blocks[0]}
    except Exception:  # LangChain reads a block by its type, and may miss what it should hold
        return part


def _is_media(part: dict[str, Any], kind: str = "") -> bool:
    return part.get("type") == "media" and str(part.get("mime_type")).startswith(kind)
