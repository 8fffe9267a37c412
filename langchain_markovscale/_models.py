"""Chat models, given as objects or by name, and conversations in the roles that they know."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel, BaseLanguageModel, BaseLLM
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    merge_content,
)
from langchain_core.runnables import (
    Runnable,
    RunnableAssign,
    RunnableLambda,
    RunnableParallel,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase

from langchain_markovscale._extras import naming_the_extra
from langchain_markovscale._messages import said_in


def resolve_model(model: object) -> Runnable[Any, Any]:
    """Turn what a user gives for a model into a Runnable.

    Args:
        model: A chat model or any Runnable (kept as it is), or a name for LangChain's
            `init_chat_model`, such as `openai:gpt-5`.

    Returns:
        The model.

    Raises:
        TypeError: If the model is of no accepted type.
        ModuleNotFoundError: If it is a name and the package `langchain` is not installed.
    """
    if isinstance(model, Runnable):
        return model
    if not isinstance(model, str):
        raise TypeError(
            "model must be a chat model, a Runnable from messages to a message, or a name such as "
            f"'openai:gpt-5', got {type(model).__name__}."
        )
    try:
        from langchain.chat_models import init_chat_model
    except ModuleNotFoundError as error:
        raise naming_the_extra(error) from error
    named: Runnable[Any, Any] = init_chat_model(model)
    return named


_ROLES_REFUSED = re.compile(
    r"roles? must alternate|(?:system|developer)\b.{0,40}\bnot\b.{0,20}\bsupport|"
    r"\bnot support.{0,20}\bsystem\b|only user and assistant roles",
    re.IGNORECASE | re.DOTALL,
)


def uncached(model: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return a model that asks no cache of LangChain's, so that its draws are independent.

    Args:
        model: A chat model or a completion model, also one with bindings, retries or fallbacks.
            Anything else is returned as it is, and so is a model for which there is no cache.
    """
    if isinstance(model, (BaseChatModel, BaseLLM)):
        has_cache = bool(model.cache) or (model.cache is None and get_llm_cache() is not None)
        return model.model_copy(update={"cache": False}) if has_cache else model
    if isinstance(model, RunnableBindingBase):
        bound = uncached(model.bound)
        return model if bound is model.bound else model.model_copy(update={"bound": bound})
    if isinstance(model, RunnableWithFallbacks):
        first, others = uncached(model.runnable), [uncached(each) for each in model.fallbacks]
        return model.model_copy(update={"runnable": first, "fallbacks": others})
    return model


def takes_pictures(model: object) -> bool:
    """Return whether a chat model says that it takes pictures, in LangChain's model profile.

    Args:
        model: A chat model, also one with bindings, retries or fallbacks, all of which must.
    """
    if isinstance(model, RunnableBindingBase):
        return takes_pictures(model.bound)
    if isinstance(model, RunnableWithFallbacks):
        return all(map(takes_pictures, model.runnables))
    profile = getattr(model, "profile", None)
    return isinstance(profile, Mapping) and profile.get("image_inputs") is True


_IDENTITIES: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def identity_of(thing: object) -> str:
    """Return a name that no other object has, in this process or another, now or later.

    It is for the keys of caches, where `id` is none: it is given again to the next object.
    """
    return _IDENTITIES.setdefault(thing, uuid4().hex)


def models_in(runnable: object) -> list[str]:
    """Return the names of the models that a Runnable calls, in order, as far as they can be seen.

    Args:
        runnable: A model, one with bindings, retries or fallbacks, a chain, or a function that uses
            some of these. Names are those of providers and hubs, else that of the class.
    """
    found: dict[int, object] = {}
    waiting = [runnable]
    while waiting:
        part = waiting.pop(0)
        if id(part) not in found:  # functions may call each other
            found[id(part)] = part
            waiting = [*_parts_of(part), *waiting]
    models = [part for part in found.values() if isinstance(part, BaseLanguageModel)]
    return list(dict.fromkeys(map(_name_of_model, models)))


def _parts_of(runnable: object) -> list[object]:
    if isinstance(runnable, RunnableBindingBase):
        return [runnable.bound]
    if isinstance(runnable, RunnableWithFallbacks):
        return [runnable.runnable]
    if isinstance(runnable, RunnableSequence):
        return [*runnable.steps]
    if isinstance(runnable, RunnableParallel):
        return [*runnable.steps__.values()]
    if isinstance(runnable, RunnableAssign):
        return [runnable.mapper]
    return [*runnable.deps] if isinstance(runnable, RunnableLambda) else []


def _name_of_model(model: BaseLanguageModel[Any]) -> str:
    for attribute in ("model_name", "model", "model_id"):
        name = getattr(model, attribute, None)
        if name and isinstance(name, str):
            return name
    return type(model).__name__


def refuses_roles(error: Exception) -> bool:
    """Return whether a model refuses the roles of its messages, as by a strict chat template.

    Args:
        error: What the model raised: an error of the template, or a server's with its words.
    """
    return _ROLES_REFUSED.search(str(error)) is not None


def with_system_first(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a conversation for models that know a system message at its beginning alone.

    Args:
        messages: System messages at the beginning become one, later ones human messages where they
            stand; of several calls of tools in one message each gets a message of its own, with
            its result after it; neighbours of one role become one message.
    """
    leading, others = _parted(messages)
    spoken = [_as_human(each) if _is_system(each) else each for each in others]
    return joined([*leading, *_one_call_at_a_time(spoken)])


def with_system_and_two_roles(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a conversation for models that know no tools: a system message, then `in_two_roles`.

    Args:
        messages: System messages at the beginning become one.
    """
    leading, others = _parted(messages)
    return [*joined(leading), *in_two_roles(others)]


def in_two_roles(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a conversation for models that know a user and an assistant who alternate.

    Args:
        messages: System messages and results of tools become human messages where they stand, calls
            of tools become text; neighbours of one role become one message, and what says nothing
            is left out. Where the assistant begins, a human message says so before it.
    """
    spoken = [_of_two_roles(message) for message in messages]
    spoken = [message for message in spoken if message.content]
    if spoken and isinstance(spoken[0], AIMessage):
        spoken.insert(0, HumanMessage("(The assistant begins.)"))
    return joined(spoken)


def joined(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a conversation in which neighbours of one role are one message.

    Args:
        messages: Those that call tools or answer such a call stay as they are.
    """
    result: list[BaseMessage] = []
    for message in messages:
        if result and _can_join(result[-1], message):
            both = merge_content(result[-1].content, "\n\n", message.content)
            result[-1] = result[-1].model_copy(update={"content": both})
        else:
            result.append(message)
    return result


def _can_join(one: BaseMessage, other: BaseMessage) -> bool:
    calls = any(getattr(message, "tool_calls", None) for message in (one, other))
    return one.type == other.type and one.type in ("human", "ai", "system") and not calls


def _is_system(message: BaseMessage) -> bool:
    return isinstance(message, SystemMessage)


def _parted(messages: Sequence[BaseMessage]) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """Return the system messages at the beginning, and the others."""
    leading = [*takewhile(_is_system, messages)]
    return leading, [*messages[len(leading) :]]


def _as_human(message: BaseMessage) -> BaseMessage:
    return HumanMessage(message.content)


def _of_two_roles(message: BaseMessage) -> BaseMessage:
    if isinstance(message, ToolMessage):
        result = f"(result of {message.name or 'a tool'})\n"
        return HumanMessage(merge_content(result, message.content))
    if getattr(message, "tool_calls", None):
        return AIMessage(said_in(message))
    return _as_human(message) if _is_system(message) else message


def _one_call_at_a_time(messages: Sequence[BaseMessage]) -> Iterator[BaseMessage]:
    moved: set[int] = set()
    for place, message in enumerate(messages):
        calls = getattr(message, "tool_calls", None) or ()
        if len(calls) < 2:
            if id(message) not in moved:
                yield message
            continue
        results = [*takewhile(lambda each: isinstance(each, ToolMessage), messages[place + 1 :])]
        for number, call in enumerate(calls):
            content = "" if number else message.content
            yield message.model_copy(update={"content": content, "tool_calls": [call]})
            answers = [each for each in results if getattr(each, "tool_call_id", 0) == call["id"]]
            moved.update(map(id, answers))
            yield from answers
