"""Prompts as tokens by the model's chat template, and text from tokens while they are generated.

A token is not a piece of text: characters may need several, and a stop string may begin in one
token and end three later. The text that is read here is final: it will not change, and it is not
the beginning of a stop string.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import product
from operator import itemgetter
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from langchain_markovscale._models import (
    in_two_roles,
    joined,
    with_system_and_two_roles,
    with_system_first,
)
from langchain_markovscale._text import valid
from langchain_markovscale.answers.thoughts import without_thoughts

_ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}

# Fast tokenizers complain ("Already borrowed") when two threads encode with different settings at
# once.
_encoding = threading.Lock()


def prompt_ids(
    tokenizer: Any,
    messages: Sequence[BaseMessage],
    tools: Sequence[dict[str, Any]] | None = None,
) -> list[int]:
    """Encode a conversation up to where the model's turn begins.

    Args:
        tokenizer: The model's tokenizer.
        messages: At least one message, of text only.
        tools: What the model may call, as the OpenAI API describes tools.

    Returns:
        Token ids.

    Raises:
        ValueError: If there is no message, a message is not text or of an unknown type, the
            tokenizer has no chat template, or the template refuses the conversation.
    """
    if not messages:
        raise ValueError("messages is empty: give at least one message.")
    if not getattr(tokenizer, "chat_template", None):
        raise ValueError(
            f"The tokenizer of {tokenizer.name_or_path!r} has no chat template: "
            "take an instruction-tuned model, or set tokenizer.chat_template."
        )
    ids = encode(tokenizer, conversation_text(tokenizer, messages, tools=tools))
    if not ids:
        raise ValueError(
            f"messages make an empty prompt by the chat template of {tokenizer.name_or_path!r}: "
            "give a message with text."
        )
    return ids


def conversation_text(
    tokenizer: Any, messages: Sequence[BaseMessage], *, to_go_on: bool = True, **options: Any
) -> str:
    """Write a conversation by a chat template, in roles that the template knows.

    Templates differ in what they refuse (a system message, two human messages in a row, several
    calls of tools at once, a message without content), and what they do not know some drop in
    silence. So the conversation is offered in plainer and plainer forms until one shows all of it;
    where none does, the first of those that show most of it is taken.

    Args:
        tokenizer: A tokenizer with a chat template.
        messages: The conversation, of text only.
        to_go_on: Whether the model's turn begins at the end.
        **options: Passed to the template.

    Raises:
        ValueError: If the template refuses the conversation in every form.
    """
    wanted = [part for message in messages for part in _parts(message)]
    written: list[tuple[int, str]] = []
    refused: Exception | None = None
    for content, form in product(_CONTENTS, _FORMS):
        chat = [_entry(message, content) for message in form(messages)]
        if not chat:
            continue
        try:
            text: str = tokenizer.apply_chat_template(
                chat, tokenize=False, add_generation_prompt=to_go_on, **options
            )
        except Exception as error:  # a template is code: it may refuse by any error
            refused = refused or error
            continue
        missing = sum(not _shows(text, part) for part in wanted)
        if not missing:
            return text
        written.append((missing, text))
    if written:
        return min(written, key=itemgetter(0))[1]
    raise ValueError(
        f"messages are refused by the chat template of {tokenizer.name_or_path!r} ({refused}): "
        "let human and AI messages alternate, and end with a human message that has text."
    ) from refused


_FORMS = (list, joined, with_system_first, with_system_and_two_roles, in_two_roles)

# A message that only calls tools has no text: some templates want none, some an empty one. Those of
# models for pictures read content blocks alone.
_CONTENTS: tuple[Callable[[str], Any], ...] = (
    lambda text: text,
    lambda text: text or None,
    lambda text: [{"type": "text", "text": text}] if text else [],
)


def _parts(message: BaseMessage) -> Iterator[str]:
    """Yield what a prompt has to show of a message."""
    text = _text(message)  # of thoughts many templates show the last ones alone
    yield (without_thoughts(text) if isinstance(message, AIMessage) else text).strip()
    yield from (call["name"] for call in getattr(message, "tool_calls", None) or ())


def _shows(text: str, part: str) -> bool:
    return part in text or json.dumps(part, ensure_ascii=False)[1:-1] in text


def _entry(message: BaseMessage, content: Callable[[str], Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"role": _role(message), "content": content(_text(message))}
    if isinstance(message, ToolMessage):
        entry |= {"tool_call_id": _id(message.tool_call_id), "name": message.name}
    elif calls := getattr(message, "tool_calls", None):
        entry["tool_calls"] = [
            {
                "type": "function",
                "id": _id(call["id"]),
                "function": {"name": call["name"], "arguments": call["args"]},
            }
            for call in calls
        ]
    return entry


def _id(call_id: str | None) -> str:
    """Return the id of a call as nine letters: Mistral's templates take nothing else."""
    if call_id is not None and re.fullmatch("[A-Za-z0-9]{9}", call_id):
        return call_id
    return sha256(str(call_id).encode(errors="replace")).hexdigest()[:9]


def encode(tokenizer: Any, text: str) -> list[int]:
    """Encode a text without adding special tokens: a chat template has written them already."""
    with _encoding:
        ids: list[int] = tokenizer(valid(text), add_special_tokens=False)["input_ids"]
    return ids


def _role(message: BaseMessage) -> str:
    role = getattr(message, "role", None) or _ROLES.get(message.type)
    if role is None:
        raise ValueError(
            f"A message of type {message.type!r} cannot be given to a local model: "
            f"use one of {sorted(_ROLES)}."
        )
    return str(role)


def _text(message: BaseMessage) -> str:
    if not isinstance(message.content, str):
        for block in message.content:
            kind = "text" if isinstance(block, str) else block.get("type")
            if kind != "text":
                raise ValueError(
                    f"a message has content of type {kind!r}; the local engine reads text only."
                )
    return str(message.text)


_INCOMPLETE = "\ufffd"


class TextReader:
    """Reads a growing list of tokens as text, up to the first stop string.

    Args:
        tokenizer: The model's tokenizer.
        stop: Strings at which the text ends; none of them becomes part of it.

    Attributes:
        text: The text so far; what follows `settled` may be the beginning of a stop string.
        settled: How many characters of it are final.
        stopped: Whether a stop string was found.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._context = (
            0  # tokens from here on are decoded again, because spacing depends on what is before
        )
        self._read = 0
        self.text = ""
        self.settled = 0
        self.stopped = False

    @property
    def has_stops(self) -> bool:
        """Whether the text may end at a stop string."""
        return bool(self._stop)

    def read(self, tokens: Sequence[int], *, last: bool = False) -> str:
        """Read more tokens.

        Args:
            tokens: All tokens so far.
            last: Whether no more will come.

        Returns:
            The text that became final by this.
        """
        if not self.stopped:
            self.text += self._decoded(tokens, last=last)
            self._look_for_stop()
        before = self.settled
        final = last or self.stopped
        self.settled = len(self.text) if final else len(self.text) - self._withheld()
        return self.text[before : self.settled]

    def _decoded(self, tokens: Sequence[int], *, last: bool) -> str:
        before = self._decode(tokens[self._context : self._read])
        text = self._decode(tokens[self._context :])
        if len(text) <= len(before) or (text.endswith(_INCOMPLETE) and not last):
            return ""
        self._context, self._read = self._read, len(tokens)
        return text[len(before) :]

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    def _look_for_stop(self) -> None:
        ends = [at for stop in self._stop if (at := self.text.find(stop, self.settled)) >= 0]
        if ends:
            self.stopped = True
            self.text = self.text[: min(ends)]

    def _withheld(self) -> int:
        """Return the length of the longest end of the text with which a stop string begins."""
        longest = max((len(stop) for stop in self._stop), default=0)
        for length in range(min(longest - 1, len(self.text)), 0, -1):
            if any(stop.startswith(self.text[-length:]) for stop in self._stop):
                return length
        return 0
