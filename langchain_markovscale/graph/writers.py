"""Who writes answers: a chat model, or any Runnable that somebody already has.

Both are asked with the same request and may reply in any of the forms that are common in chains:
a string, a message, or a dictionary that holds either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from langchain_markovscale._models import resolve_model
from langchain_markovscale.graph.metering import UNKNOWN_CALL
from langchain_markovscale.graph.prompts import Prompts, prompts_or_default
from langchain_markovscale.types import Usage, usage_of

ChatLike = BaseChatModel | Runnable[Any, Any] | str
"""A chat model, one with bindings (`model.bind(...)`, `model.with_retry()`), or a model's name."""

AuthorLike = Runnable[Any, Any] | Callable[[dict[str, Any]], Any]
"""Anything that makes an answer from a request."""

Request = dict[str, Any]

_TEXT_KEYS = ("answer", "output", "text")
_ECHOES = frozenset({"messages", "question", "input", "chat_history"})
"""What chains hand back of what they were given."""


class EmptyReplyError(Exception):
    """A model replied without text.

    Not a `ValueError`, because LangGraph's default retry policy takes those for mistakes in the
    program and would not ask again.
    """


class Reply(NamedTuple):
    """What an author wrote.

    Attributes:
        text: The answer.
        context: What came beside it, such as retrieved documents; None for nothing.
    """

    text: str
    context: dict[str, Any] | None


@dataclass(frozen=True)
class Author:
    """A Runnable, and how a request is put to it."""

    runnable: Runnable[Any, Any]
    prompt: Callable[[Request], Any]


def generator(author: AuthorLike | None, model: ChatLike | None, prompts: Prompts | None) -> Author:
    """Return who makes fresh draws."""
    return _author("generate", author, model, prompts_or_default(prompts).for_draw)


def reviser(author: AuthorLike | None, model: ChatLike | None, prompts: Prompts | None) -> Author:
    """Return who makes revisions."""
    return _author("revise", author, model, prompts_or_default(prompts).for_revision)


def _author(
    action: str,
    author: AuthorLike | None,
    model: ChatLike | None,
    prompt: Callable[[Request], Any],
) -> Author:
    if author is None and model is None:
        drawing = ' To draw afresh only, pass actions=("generate",).' if action == "revise" else ""
        raise ValueError(
            f"Nobody can {action}: give model= (a chat model, for all actions) or {action}= "
            f"(a Runnable or a function); got neither.{drawing}."
        )
    if author is None or _is_chat_model(author):
        return Author(resolve_model(model if author is None else author), prompt)
    if isinstance(author, Runnable):
        return Author(author, _as_it_is)
    if callable(author):
        return Author(RunnableLambda(author), _as_it_is)
    raise TypeError(
        f"{action} must be a Runnable, a chat model or a function, got {type(author).__name__}."
    )


def _is_chat_model(author: object) -> bool:
    while isinstance(author, (RunnableBindingBase, RunnableWithFallbacks)):
        author = author.bound if isinstance(author, RunnableBindingBase) else author.runnable
    return isinstance(author, BaseChatModel)


def _as_it_is(request: Request) -> Request:
    return request


def read_reply(output: object) -> Reply:
    """Return the text of what an author returned, and what came beside it.

    Args:
        output: A string, a message, or a dictionary with the text or message under `answer`,
            `output` or `text`, or as the last of `messages`.

    Raises:
        EmptyReplyError: If there is no text.
        TypeError: If the output has another form.
    """
    if not isinstance(output, Mapping):
        return Reply(_text(output), None)
    key = _answer_key(output)
    if key is None:
        raise TypeError(
            "A generator or reviser that returns a dictionary must put its answer under 'answer', "
            f"'output', 'text' or last in 'messages'; got {sorted(map(str, output))}."
        )
    context = {k: v for k, v in output.items() if k != key and k not in _ECHOES}
    return Reply(_text(_answer_in(output)), context or None)


def usage_in(output: object) -> Usage:
    """Return what the message in an author's output says that it cost, be it of use or not."""
    answer = _answer_in(output)
    return usage_of(answer) if isinstance(answer, BaseMessage) else UNKNOWN_CALL


def _answer_in(output: object) -> object:
    if not isinstance(output, Mapping):
        return output
    key = _answer_key(output)
    if key == "messages":
        return output[key][-1]
    return None if key is None else output[key]


def _answer_key(output: Mapping[str, Any]) -> str | None:
    for key in _TEXT_KEYS:
        if output.get(key) is not None:
            return key
    return "messages" if output.get("messages") else None


def _text(answer: object) -> str:
    if isinstance(answer, BaseMessage):
        text = str(answer.text)
        if not text.strip() and isinstance(answer, AIMessage) and answer.tool_calls:
            names = ", ".join(repr(call["name"]) for call in answer.tool_calls)
            raise EmptyReplyError(
                f"The model called {names} and wrote no answer: give the model no tools, or pass "
                "a Runnable that runs them (an agent) as generate= and revise=."
            )
    elif isinstance(answer, str):
        text = str(answer)
    else:
        raise TypeError(
            "A generator or reviser must return a string, a message, or a dictionary with one "
            f"under 'answer', 'output', 'text' or last in 'messages'; got {type(answer).__name__}."
        )
    if not text.strip():
        raise EmptyReplyError("The model replied without text.")
    return text
