"""Messages into the tokens that a model was trained on: its chat template, begun exactly once."""

import threading
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage

_ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}

# Fast tokenizers complain ("Already borrowed") when two threads encode with different settings at
# once.
_encoding = threading.Lock()


def prompt_ids(tokenizer: Any, messages: Sequence[BaseMessage]) -> list[int]:
    """Encode a conversation up to where the model's turn begins.

    Args:
        tokenizer: The model's tokenizer.
        messages: At least one message, of text only.

    Returns:
        Token ids.

    Raises:
        ValueError: If there is no message, a message is not text or of an unknown type, or the
            tokenizer has no chat template.
    """
    if not messages:
        msg = "messages is empty; give at least one message"
        raise ValueError(msg)
    if not getattr(tokenizer, "chat_template", None):
        msg = (
            f"the tokenizer of {tokenizer.name_or_path!r} has no chat template; "
            "take an instruction-tuned model, or set tokenizer.chat_template"
        )
        raise ValueError(msg)
    chat = [{"role": _role(message), "content": _text(message)} for message in messages]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return encode(tokenizer, text)


def encode(tokenizer: Any, text: str) -> list[int]:
    """Encode text as it stands: a chat template has written the special tokens already."""
    with _encoding:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _role(message: BaseMessage) -> str:
    role = getattr(message, "role", None) or _ROLES.get(message.type)
    if role is None:
        msg = (
            f"a message of type {message.type!r} cannot be given to a local model; "
            f"use one of {sorted(_ROLES)}"
        )
        raise ValueError(msg)
    return str(role)


def _text(message: BaseMessage) -> str:
    if not isinstance(message.content, str):
        for block in message.content:
            kind = "text" if isinstance(block, str) else block.get("type")
            if kind != "text":
                msg = f"a message has content of type {kind!r}; the local engine reads text only"
                raise ValueError(msg)
    return str(message.text)
