"""Messages in whatever form somebody has them, as one plain form.

LangChain's objects and every dictionary of them (`dumpd`, `messages_to_dict`, `model_dump`, the
LangGraph API), OpenAI's chat completions and responses, Anthropic's messages, Gemini's contents,
pairs of role and text, and the transcripts of tools that wrap such messages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any, Literal

from langchain_markovscale._text import valid
from langchain_markovscale.types import Usage, usage_of

Role = Literal["user", "assistant", "system", "tool", "other"]

_ROLES: dict[str, Role] = {
    **dict.fromkeys(("human", "user", "humanmessage", "humanmessagechunk"), "user"),
    **dict.fromkeys(("ai", "assistant", "model", "bot", "gpt", "chatbot"), "assistant"),
    **dict.fromkeys(("aimessage", "aimessagechunk"), "assistant"),
    **dict.fromkeys(("system", "developer", "systemmessage", "systemmessagechunk"), "system"),
    **dict.fromkeys(("tool", "function", "toolmessage", "toolmessagechunk"), "tool"),
    **dict.fromkeys(("functionmessage", "function_call_output"), "tool"),
}
# What OpenAI's responses and LangGraph's states have beside messages.
_NO_MESSAGES = ("function_call", "reasoning", "computer_call", "web_search_call", "remove")
_TEXT_BLOCKS = ("text", "output_text", "input_text")
_CALL_BLOCKS = ("tool_use", "tool_call", "function_call", "functionCall")
_TOKEN_NAMES = (
    (
        ("input_tokens", "prompt_tokens", "inputTokens", "promptTokenCount", "prompt_eval_count"),
        ("cache_read_input_tokens", "cache_creation_input_tokens"),
    ),
    (
        ("output_tokens", "completion_tokens", "outputTokens", "candidatesTokenCount"),
        ("thoughtsTokenCount",),
    ),
)
_MOST_WRAPPERS = 4


@dataclass(frozen=True)
class Message:
    """One message of a conversation; it has what a reader of replies looks for.

    Attributes:
        role: Who says it; a user's message that only hands back a tool's result is the tool's.
        text: Its text.
        calls_tool: Whether it calls a tool, so that it is no answer.
        content: Its content as it was, for the blocks in it.
        name: Who says it, by a name of their own.
        id: Its id.
        is_piece: Whether it is a piece of a stream; pieces of one message have the same id.
        usage_metadata: Tokens read and written, where it reports them.
        response_metadata: How it ended.
        additional_kwargs: A refusal or thoughts, where they stand apart from the text.
    """

    role: Role
    text: str
    calls_tool: bool = False
    content: Any = ""
    name: str | None = None
    id: str | None = None
    is_piece: bool = False
    usage_metadata: Mapping[str, Any] | None = None
    response_metadata: Mapping[str, Any] = field(default_factory=dict)
    additional_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usage(self) -> Usage:
        """One call with the tokens that the message reports."""
        return usage_of(self)


def read_messages(values: Any) -> list[Message]:
    """Return a conversation.

    Args:
        values: Messages in any form, or one of them. A bare text is the user's.

    Raises:
        ValueError: If one is no message; the error names which.
    """
    if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
        values = [values]
    messages: list[Message] = []
    for index, value in enumerate(values):
        message = read_message(value)
        if message is None:
            raise ValueError(
                f"messages[{index}] must be a message, with a role and content, got {value!r:.80}."
            )
        if messages and message.is_piece and message.id and message.id == messages[-1].id:
            messages[-1] = _joined(messages[-1], message)
        else:
            messages.append(message)
    return messages


def read_message(value: Any) -> Message | None:
    """Return a message, or None where a value is none."""
    if isinstance(value, Message):
        return value
    if isinstance(value, str):
        return Message("user", valid(value), content=value)
    if isinstance(value, (list, tuple)) and len(value) == 2 and str(value[0]).lower() in _ROLES:
        value = {"role": value[0], "content": value[1]}
    fields = _unwrapped(as_mapping(value))
    role = _role(fields)
    if role is None:
        return None
    content = next(
        (fields[name] for name in ("content", "parts", "value", "text") if fields.get(name)), ""
    )
    blocks = _blocks(content)
    if role == "user" and any(block.get("type") == "tool_result" for block in blocks):
        role = "tool"
    return Message(
        role,
        valid(text_of(content)),
        calls_tool=_calls_tool(fields, blocks),
        content=content,
        name=_text_or_none(fields.get("name")),
        id=_text_or_none(fields.get("id")),
        is_piece=str(fields.get("type")).endswith("MessageChunk"),
        usage_metadata=_usage(fields),
        response_metadata=_response_metadata(fields),
        additional_kwargs=_additional(fields),
    )


def is_message(value: Any) -> bool:
    """Return whether a value is a message that says who speaks; a bare text does not."""
    return not isinstance(value, str) and read_message(value) is not None


def text_of(content: Any) -> str:
    """Return the text of a message's content: of a list, that of its parts of text."""
    if isinstance(content, Mapping):
        content = content.get("parts") or [content]
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    return "".join(part if isinstance(part, str) else _text_of_block(part) for part in content)


def _text_of_block(block: Any) -> str:
    if not isinstance(block, Mapping) or block.get("type") not in (*_TEXT_BLOCKS, None):
        return ""
    if block.get("thought") is True:  # of Gemini
        return ""
    text = block.get("text")
    if isinstance(text, Mapping):  # of OpenAI's assistants
        text = text.get("value")
    return text if isinstance(text, str) else ""


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a dictionary, pydantic model or data class as a mapping; an empty one for the rest."""
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    for method in ("model_dump", "to_dict"):
        dump = getattr(value, method, None)
        if callable(dump) and not isinstance(value, type):
            dumped = dump()
            return dumped if isinstance(dumped, Mapping) else {}
    return {}


def _unwrapped(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a message that stand within others, such as `kwargs` or `message`."""
    for _ in range(_MOST_WRAPPERS):
        inner: Any = None
        outer: dict[str, Any] = {}
        if fields.get("type") == "constructor" and isinstance(fields.get("id"), list):
            inner, outer = fields.get("kwargs"), {"type": str((fields["id"] or [""])[-1])}
        elif "role" not in fields and isinstance(fields.get("data"), Mapping):
            inner, outer = fields["data"], {"type": fields.get("type")}
        elif choice := _first(fields.get("choices")):
            inner = choice.get("message")
            reason = choice.get("finish_reason") or choice.get("stop_reason")
            outer = {"finish_reason": reason, "usage": fields.get("usage")}
        elif candidate := _first(fields.get("candidates")):
            inner, reason = candidate.get("content"), candidate.get("finishReason")
            usage = fields.get("usageMetadata") or fields.get("usage_metadata")
            outer = {"finish_reason": reason, "usage": usage}
        elif "content" not in fields and "role" not in fields:
            inner = fields.get("message")
        inner = as_mapping(inner)
        if not inner:
            return fields
        fields = {**{name: part for name, part in outer.items() if part is not None}, **inner}
    return fields


def _role(fields: Mapping[str, Any]) -> Role | None:
    kind = str(fields.get("type") or "").lower()
    if kind in _NO_MESSAGES:
        return "other"
    for name in ("role", "type", "from", "sender", "author"):
        said = fields.get(name)
        if isinstance(said, Mapping):
            said = said.get("role")
        if not isinstance(said, str):
            continue
        found = _ROLES.get(said.lower())
        if found is not None and _has_content(fields):
            return found
        if name == "role" and _has_content(fields):
            return "other"
    return None


def _has_content(fields: Mapping[str, Any]) -> bool:
    names = ("content", "parts", "value", "text", "tool_calls", "refusal", "output")
    return any(name in fields for name in names)


def _blocks(content: Any) -> list[Mapping[str, Any]]:
    return [part for part in _as_list(content) if isinstance(part, Mapping)]


def _calls_tool(fields: Mapping[str, Any], blocks: Iterable[Mapping[str, Any]]) -> bool:
    extra = as_mapping(fields.get("additional_kwargs"))
    if any(each.get(name) for each in (fields, extra) for name in ("tool_calls", "function_call")):
        return True
    return any(block.get("type") in _CALL_BLOCKS or "functionCall" in block for block in blocks)


def _usage(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the tokens that a message reports, under LangChain's names."""
    metadata = as_mapping(fields.get("response_metadata"))
    reported = as_mapping(fields.get("usage_metadata"))
    if "total_cost" in reported:  # a reply that a cache gave
        return reported
    places = (reported, fields.get("usage"), metadata.get("token_usage"), metadata.get("usage"))
    return tokens_in(*places)


def tokens_in(*places: Any) -> Mapping[str, Any] | None:
    """Return the tokens read and written, under LangChain's names, from the first that has both.

    Args:
        places: Dictionaries of usage, under any provider's names; anything else is passed over.
    """
    for place in map(as_mapping, places):
        counts = [
            next((place[name] for name in names if _is_count(place.get(name))), None)
            for names, _ in _TOKEN_NAMES
        ]
        if None in counts:
            continue
        reads, writes = (
            count + sum(place[name] for name in more if _is_count(place.get(name)))
            for count, (_, more) in zip(counts, _TOKEN_NAMES, strict=True)
        )
        return {"input_tokens": reads, "output_tokens": writes, "total_tokens": reads + writes}
    return None


def _response_metadata(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how a message ended, from wherever it says so."""
    endings = ("finish_reason", "stop_reason", "incomplete_details")
    found = {name: fields[name] for name in endings if fields.get(name)}
    return {**as_mapping(fields.get("response_metadata")), **found}


def _additional(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    apart = ("refusal", "reasoning_content", "reasoning")
    found = {name: fields[name] for name in apart if fields.get(name)}
    return {**as_mapping(fields.get("additional_kwargs")), **found}


def _joined(first: Message, then: Message) -> Message:
    """Return two pieces of a streamed message as one."""
    usage = tuple(each for each in (first.usage_metadata, then.usage_metadata) if each)
    total = {
        name: sum(each.get(name) or 0 for each in usage)
        for name in ("input_tokens", "output_tokens", "total_tokens")
    }
    return replace(
        first,
        text=first.text + then.text,
        content=[*_as_list(first.content), *_as_list(then.content)],
        calls_tool=first.calls_tool or then.calls_tool,
        usage_metadata=total if usage else None,
        response_metadata={**first.response_metadata, **then.response_metadata},
        additional_kwargs={**first.additional_kwargs, **then.additional_kwargs},
    )


def _as_list(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _first(values: Any) -> Mapping[str, Any]:
    return as_mapping(values[0]) if isinstance(values, list) and values else {}


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
