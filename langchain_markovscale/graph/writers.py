"""The writers of answers: a chat model, or any Runnable of the user's.

Both get the same request and may reply in any of the forms that are common in chains: a string, a
message, or a dictionary that holds either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
)
from langchain_core.runnables import Runnable, RunnableLambda, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from langchain_markovscale._models import resolve_model
from langchain_markovscale._text import valid
from langchain_markovscale.answers.reading import Answered, read_answer
from langchain_markovscale.graph.chain_input import (
    model_first_in,
    names_of_question,
    taken_by,
    with_names,
)
from langchain_markovscale.graph.metering import UNKNOWN_CALL
from langchain_markovscale.graph.prompts import Prompts, prompts_or_default
from langchain_markovscale.graph.typed_answers import (
    KEYS_OF_AGENTS,
    PlainObject,
    answer_key_in,
    as_json,
    gives_objects,
    has_raw,
    is_object,
    object_in,
    plain_object,
)
from langchain_markovscale.types import Attempt, AttemptMetadata, Usage, usage_of

ChatLike = BaseChatModel | Runnable[Any, Any] | str
"""A chat model, one with bindings (`model.bind(...)`, `model.with_retry()`), or a model's name."""

WriterLike = Runnable[Any, Any] | Callable[[dict[str, Any]], Any]
"""Anything that makes an answer from a request."""

Request = dict[str, Any]
"""What a writer gets: the question, the conversation and, for a revision, the answer."""

_TOKEN_FIELDS = frozenset({"token_usage", "usage"})
_CALL_FIELDS = frozenset({"tool_calls", "function_call", "reasoning_content", "parsed"})
_CITATIONS = frozenset({"annotations", "citations"})
_INPUT_KEYS = frozenset({"messages", "question", "input", "query", "chat_history", "history"})
"""Keys of a chain's input that chains repeat in their output."""


class EmptyReplyError(Exception):
    """A model replied without text.

    Not a `ValueError`, because LangGraph's default retry policy does not retry those.
    """


class Reply(NamedTuple):
    """The reply of a writer.

    Attributes:
        answered: The answer, without the thoughts that came with it.
        context: What came beside it, such as retrieved documents; None where there is nothing.
        message: Fields of the message that it was, beside its text; None where there are none.
        object: The typed answer as plain JSON; None where the answer is text.
    """

    answered: Answered
    context: dict[str, Any] | None
    message: dict[str, Any] | None = None
    object: PlainObject | None = None

    @property
    def text(self) -> str:
        """The text of the answer; empty where the model did nothing but think."""
        return self.answered.text


class Draft(NamedTuple):
    """An answer that has just been written."""

    text: str
    key: str | None
    context: dict[str, Any] | None
    message: dict[str, Any] | None
    metadata: AttemptMetadata | None
    object: PlainObject | None


@dataclass(frozen=True)
class Writer:
    """A Runnable that writes answers, and what makes its input from a request.

    Attributes:
        runnable: The Runnable.
        prompt: Makes its input.
        whole: Whether a dictionary that it returns is the answer, whatever its keys.
    """

    runnable: Runnable[Any, Any]
    prompt: Callable[[Request], Any]
    whole: bool = False

    def as_seen(self, messages: list[AnyMessage]) -> list[AnyMessage]:
        """Return a conversation as a chat model sees it; as it is, for another Runnable."""
        prompt = self.prompt({"messages": messages})
        return prompt if isinstance(prompt, list) else messages


def generator(writer: WriterLike | None, model: ChatLike | None, prompts: Prompts | None) -> Writer:
    """Return the writer of fresh draws."""
    return _writer_for("generate", writer, model, prompts_or_default(prompts))


def reviser(
    writer: WriterLike | None,
    model: ChatLike | None,
    prompts: Prompts | None,
    draw_only: str = 'actions=("generate",)',
) -> Writer:
    """Return the writer of revisions.

    Args:
        writer: Revises, as the user gave it.
        model: Revises where there is no writer.
        prompts: Templates for a chat model.
        draw_only: What the user can give for a loop that does not revise.
    """
    otherwise = f", or {draw_only} to draw only"
    return _writer_for("revise", writer, model, prompts_or_default(prompts), otherwise)


def _writer_for(
    action: str,
    writer: WriterLike | None,
    model: ChatLike | None,
    prompts: Prompts,
    otherwise: str = "",
) -> Writer:
    if writer is None and model is None:
        raise ValueError(
            f"model and {action} are both missing, so nothing can {action}: give model= (a chat "
            f"model, for all actions), {action}= (a Runnable or a function){otherwise}."
        )
    if writer is None or _is_chat_model(writer):
        chat = resolve_model(model if writer is None else writer)
        return Writer(chat, _prompt(action, chat, prompts))
    if not isinstance(writer, Runnable):
        if not callable(writer):
            raise TypeError(
                f"{action} must be a Runnable, a chat model or a function, got "
                f"{type(writer).__name__}."
            )
        writer = RunnableLambda(writer)
    return Writer(writer, _input_for(action, writer, prompts), gives_objects(writer))


def _input_for(
    action: str, chain: Runnable[Any, Any], prompts: Prompts
) -> Callable[[Request], Any]:
    """Return what makes a chain's input from a request."""
    taken = taken_by(chain)
    if taken == "messages":
        return _prompt(action, chain, prompts)
    if taken == "text" and action == "generate":
        return _question
    names = names_of_question(chain)
    return _unchanged if names == (None, None) else partial(with_names, names)


def _prompt(action: str, reader: Runnable[Any, Any], prompts: Prompts) -> Callable[[Request], Any]:
    """Return what makes the prompt of a chat model, or of a chain that begins with one."""
    prompts = prompts.counting_with(model_first_in(reader))
    return prompts.for_draw if action == "generate" else prompts.for_revision


def _is_chat_model(writer: object) -> bool:
    while isinstance(writer, (RunnableBindingBase, RunnableWithFallbacks)):
        writer = writer.bound if isinstance(writer, RunnableBindingBase) else writer.runnable
    return isinstance(writer, BaseChatModel)


def _unchanged(request: Request) -> Request:
    return request


def _question(request: Request) -> Any:
    return request.get("question")


def read_reply(output: object, *, whole: bool = False) -> Reply:
    """Return the answer in what a writer returned, made valid, and what came beside it.

    Args:
        output: A string, a message, or a typed answer: a pydantic object, a dataclass, a list or a
            dictionary. A dictionary with one of them under `answer`, `output` or `text`, or as the
            last of `messages`, has the answer there. A typed answer becomes JSON.
        whole: Whether a dictionary is the answer itself, whatever its keys.

    Raises:
        EmptyReplyError: If there is no text, and neither a refusal nor thoughts.
        TypeError: If the output has another form, or a typed answer cannot be written as JSON.
    """
    if has_raw(output):
        return _parsed_reply(output)
    key = None if whole else answer_key_in(output)
    answer, context = output, None
    if key is not None and isinstance(output, Mapping):
        answer = _answer_in(output)
        context = {k: v for k, v in output.items() if k != key and k not in _INPUT_KEYS}
        if key in KEYS_OF_AGENTS and (results := _results_of_tools(output.get("messages"))):
            context["tools"] = results
    is_typed = is_object(answer) and (whole or answer != {})
    plain = plain_object(answer) if is_typed else None
    answered = _answered(answer if plain is None else as_json(plain))
    return Reply(answered, context or None, message_fields(answer), plain)


def _parsed_reply(output: Mapping[str, Any]) -> Reply:
    """Return the answer of `include_raw=True`: what was parsed, or the reply that was no JSON."""
    raw, parsed = output["raw"], output["parsed"]
    if parsed is not None:
        return read_reply({"answer": parsed})._replace(message=message_fields(raw))
    if isinstance(raw, AIMessage) and not raw.text.strip() and raw.tool_calls:
        return read_reply(as_json([call["args"] for call in raw.tool_calls]))
    return read_reply(raw)


def typed_in(draft: Draft, revised: Attempt | None) -> PlainObject | None:
    """Return the typed answer of a draft; of a chat model's revision of one, what it wrote as JSON.

    Args:
        draft: The draft.
        revised: The attempt that it revises, if any.
    """
    if draft.object is not None or revised is None or "answer_object" not in revised:
        return draft.object
    return object_in(draft.text)


def usage_in(output: object) -> Usage:
    """Return the usage that the message in a writer's output reports, even without text."""
    answer = output["raw"] if has_raw(output) else _answer_in(output)
    return usage_of(answer) if isinstance(answer, BaseMessage) else UNKNOWN_CALL


def message_fields(answer: object) -> dict[str, Any] | None:
    """Return what the message of an answer says beside its text; None where it says nothing.

    These are the metadata of the response (the model's name, why it ended, log probabilities), what
    providers add (sources), and the content where its text has citations. Tokens are not among
    them, because the answer's message reports those of the whole loop.
    """
    if not isinstance(answer, BaseMessage):
        return None
    metadata = {k: v for k, v in answer.response_metadata.items() if k not in _TOKEN_FIELDS}
    extra = {k: v for k, v in answer.additional_kwargs.items() if k not in _CALL_FIELDS}
    fields = {"response_metadata": metadata, "additional_kwargs": extra}
    if isinstance(answer.content, list):
        texts = [b for b in answer.content if isinstance(b, str) or b.get("type") == "text"]
        if any(isinstance(b, dict) and not _CITATIONS.isdisjoint(b) for b in texts):
            fields["content"] = texts  # type: ignore[assignment]
    return {name: value for name, value in fields.items() if value} or None


def _answer_in(output: object) -> object:
    """Return the answer in a dictionary that has something beside it, else the output itself."""
    key = answer_key_in(output)
    if key is None or not isinstance(output, Mapping):
        return output
    return output[key][-1] if key == "messages" else output[key]


def _results_of_tools(messages: Any) -> list[str]:
    """Return what tools have returned to an agent since it was asked."""
    results: list[str] = []
    for message in messages or ():
        if isinstance(message, HumanMessage):
            results = []
        elif isinstance(message, ToolMessage):
            results.append(valid(message.text))
    return results


def _answered(answer: object) -> Answered:
    if isinstance(answer, BaseMessage):
        text = valid(answer.text)
        if not text.strip() and isinstance(answer, AIMessage) and answer.tool_calls:
            names = ", ".join(repr(call["name"]) for call in answer.tool_calls)
            raise EmptyReplyError(
                f"The model called {names} and wrote no answer: give the model no tools, or pass "
                "a Runnable that runs them (an agent) as generate= and revise=."
            )
    elif isinstance(answer, str):
        text = valid(answer)
    else:
        raise TypeError(
            "A generator or reviser must return a string, a message, a typed answer (a pydantic "
            "object, a dataclass, a dictionary or a list, which becomes JSON, for "
            "answer_key='json' or 'json:field'), or a dictionary with one under 'answer', "
            f"'output', 'text' or last in 'messages'; got {type(answer).__name__}."
        )
    answered = read_answer(text, answer)
    if not answered.text.strip() and answered.no_key is None:
        raise EmptyReplyError("The model replied without text.")
    return answered
