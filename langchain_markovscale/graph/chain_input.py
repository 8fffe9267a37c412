"""What a chain of the user's takes: the request as it is, the question as text, or messages.

A request is a dictionary of the question, the conversation and more. A chain that begins with a
retriever takes a string, one that begins with a chat model takes messages, and one made for another
loop may call the question otherwise.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal

from langchain_core.language_models import BaseLanguageModel
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import (
    Runnable,
    RunnableAssign,
    RunnableParallel,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase
from pydantic import ValidationError

QUESTION_KEYS = ("question", "input", "query")
"""What chains call the question."""

HISTORY_KEYS = ("chat_history", "history")
"""What chains call the conversation before it."""

Taken = Literal["messages", "text", "request"]


def taken_by(chain: Runnable[Any, Any]) -> Taken:
    """Return what a chain takes, by the steps that it begins with."""
    if model_first_in(chain) is not None:
        return "messages"
    inputs = [_input_of(first) for first in _first_steps(chain)]
    return "text" if "text" in inputs and "request" not in inputs else "request"


def model_first_in(chain: Runnable[Any, Any]) -> BaseLanguageModel[Any] | None:
    """Return the model that a chain begins with; None where it begins with something else."""
    firsts = _first_steps(chain)
    return next((first for first in firsts if isinstance(first, BaseLanguageModel)), None)


def names_of_question(chain: Runnable[Any, Any]) -> tuple[str | None, str | None]:
    """Return under which other names a chain looks for the question and for what was said before.

    Returns:
        The two names; None where it takes `question`, or no history of a usual name.
    """
    names: Mapping[str, Any] = {}
    with suppress(Exception):  # a class of the user's may have no schema
        names = chain.get_input_jsonschema().get("properties", {})
    question = None
    if "question" not in names:
        question = next((name for name in QUESTION_KEYS if name in names), None)
    return question, next((name for name in HISTORY_KEYS if name in names), None)


def with_names(names: tuple[str | None, str | None], request: dict[str, Any]) -> dict[str, Any]:
    """Return a request with the question and the earlier messages under a chain's names as well."""
    question, history = names
    more: dict[str, Any] = {}
    if question is not None:
        more[question] = request.get("question")
    if history is not None:
        more[history] = request["messages"][:-1]
    return {**request, **more}


def explained(error: Exception, given: object, argument: str) -> Exception:
    """Return an error of a chain; where its input was another than it takes, one that says so.

    Args:
        error: What it raised.
        given: What it was called with.
        argument: What the user gave it as.
    """
    text = f"{type(error).__name__}: {error}"
    if isinstance(given, dict) and _is_about(error, "dict"):
        keys = ", ".join(map(repr, given))
        problem = (
            f"{argument}= was called with a dictionary of {keys}, and failed with {text}. If it "
            f"takes a string, or other keys, make its input first: "
            f"{argument}=RunnableLambda(lambda request: request['question']) | chain; or give the "
            "chain to with_markovscale, which calls it with its own input."
        )
    elif isinstance(given, str) and _is_about(error, "str"):
        problem = (
            f"{argument}= was called with the question as a string, which its first step takes, "
            f"and failed with {text}. If it takes a dictionary, make it first: {argument}="
            "RunnableLambda(lambda question: {'question': question}) | chain."
        )
    else:
        return error
    made = TypeError(problem)
    made.__cause__ = error
    return made


def _is_about(error: Exception, kind: str) -> bool:
    """Return whether an error says that a value of this kind was not what was expected."""
    words = {"dict": ("dict",), "str": ("'str'", "string indices", "input_type=str")}[kind]
    is_one = isinstance(error, (TypeError, AttributeError, ValidationError))
    return is_one and any(word in str(error) for word in words)


def _first_steps(chain: Runnable[Any, Any]) -> Iterator[Runnable[Any, Any]]:
    if isinstance(chain, RunnableSequence):
        yield from _first_steps(chain.first)
    elif isinstance(chain, RunnableBindingBase):
        yield from _first_steps(chain.bound)
    elif isinstance(chain, RunnableWithFallbacks):
        yield from _first_steps(chain.runnable)
    elif isinstance(chain, RunnableParallel):
        for step in chain.steps__.values():
            yield from _first_steps(step)
    else:
        yield chain


def _input_of(step: Runnable[Any, Any]) -> Taken | None:
    """Return what one step takes; None where it may be anything."""
    if isinstance(step, (BasePromptTemplate, RunnableAssign)):
        return "request"
    with suppress(Exception):  # what has no type says nothing
        if step.InputType is str:
            return "text"
        if step.get_input_jsonschema().get("properties"):
            return "request"
    return None
