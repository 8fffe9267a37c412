"""The fields of a state's class: which keys there are, and which of them a router should read."""

from collections.abc import Iterable, Sequence
from inspect import get_annotations
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from typing_extensions import ReadOnly

Kind = Literal["list", "one"]
"""What a field holds: a list, or one value."""

_WRAPPERS = (Annotated, Required, NotRequired, ReadOnly)
_ANSWERS = (
    *("drafts", "draft", "generations", "generation", "answers", "answer", "solutions", "solution"),
    *("code_solution", "essay", "report", "response", "responses", "output", "code", "result"),
)
_SCORES = ("scores", "score", "grades", "grade", "quality_score", "reward", "rewards")
_COUNTS = (
    *("iteration", "iterations", "attempt", "attempts", "round", "rounds", "n_attempts"),
    *("revision_number", "revision_count", "revisions", "retries", "retry_count", "loop_step"),
)


def fields_of(state_schema: object) -> dict[str, Any]:
    """Return the fields of a state's class with their annotations.

    Args:
        state_schema: A TypedDict, a dataclass or a pydantic class. An annotation that cannot be
            evaluated here, because it names what is defined elsewhere, is `Any`.

    Raises:
        TypeError: If it is no class with annotations.
    """
    if not isinstance(state_schema, type) or not (names := _names(state_schema)):
        raise TypeError(
            "state_schema must be the class of the graph's state, a TypedDict, a dataclass or a "
            f"pydantic class, got {state_schema!r:.80}."
        )
    try:
        hints = get_type_hints(state_schema, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = {}
    return {name: hints.get(name, Any) for name in names}


def kind_of(annotation: Any) -> Kind | None:
    """Return whether a field holds a list or one value; None if its annotation leaves it open."""
    origin = get_origin(annotation) or annotation
    if origin in _WRAPPERS:
        return kind_of(get_args(annotation)[0])
    if origin in (Union, UnionType):
        kinds = {kind_of(each) for each in get_args(annotation) if each is not NoneType}
        return kinds.pop() if len(kinds) == 1 else None
    if not isinstance(origin, type) or origin in (Any, object):
        return None
    return "list" if issubclass(origin, Sequence) and not issubclass(origin, str) else "one"


def has_reducer(annotation: Any) -> bool:
    """Return whether LangGraph puts values together that are written to a field at once.

    Args:
        annotation: The field's, as `fields_of` returns it; `Any` where it could not be evaluated,
            which is given the benefit of the doubt.
    """
    origin = get_origin(annotation) or annotation
    if origin in _WRAPPERS and origin is not Annotated:
        return has_reducer(get_args(annotation)[0])
    return annotation is Any or (
        origin is Annotated and any(map(callable, annotation.__metadata__))
    )


def keys_to_give(names: Iterable[Any]) -> str:
    """Return the arguments with which a router reads a state of these keys, as a sentence.

    Returns:
        The sentence, beginning with a space; empty where no key has a usual name.
    """
    names = [*names]
    answers = next((name for name in _ANSWERS if name in names), None)
    given = {}
    if answers is not None:
        given["answers_key"] = answers
    elif "messages" in names:
        given["messages_key"] = "messages"
    else:
        return ""
    for argument, usual in (("scores_key", _SCORES), ("iteration_key", _COUNTS)):
        name = next((each for each in usual if each in names and each != answers), None)
        if name is not None and (argument == "scores_key" or "answers_key" in given):
            given[argument] = name
    arguments = ", ".join(f"{argument}={name!r}" for argument, name in given.items())
    return f" This state looks like MarkovScaleRouter({arguments})."


def _names(state_schema: type) -> list[str]:
    fields = getattr(state_schema, "model_fields", None) or getattr(
        state_schema, "__dataclass_fields__", None
    )
    if fields is not None:
        return [*fields]
    names: dict[str, Any] = {}
    for base in reversed(state_schema.__mro__):
        names |= get_annotations(base)
    return [*names]
