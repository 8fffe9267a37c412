"""Answers that are objects: what the state keeps of them, how they are shown, and the way back.

The state holds plain JSON, so that any checkpointer can keep it, and readers of text (verifiers,
judges, answer keys) see the same JSON as text. Who called a chain for an object gets one again.
"""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import reduce
from operator import or_
from typing import Any, TypeGuard

from langchain_core.documents import Document
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputToolsParser
from langchain_core.runnables import Runnable, RunnableSequence, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from langchain_markovscale._text import all_valid
from langchain_markovscale.answers.json_text import last_json_object
from langchain_markovscale.answers.thoughts import without_thoughts

PlainObject = dict[str, Any] | list[Any]
"""A typed answer as plain JSON: dictionaries, lists, strings, numbers, booleans and None."""

_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_WITH_RAW = {"raw", "parsed", "parsing_error"}
_TEXT_KEYS = ("answer", "output", "text")
KEYS_OF_AGENTS = ("structured_response", "messages")
"""Where an agent's output has its answer, in order."""


def is_object(value: object) -> bool:
    """Return whether a value is a typed answer: neither text nor a message, but an object of any.

    Args:
        value: A pydantic object, a dataclass, a dictionary or a list are typed answers.
    """
    if isinstance(value, (BaseMessage, Document, type)):
        return False
    return isinstance(value, (BaseModel, Mapping, list, tuple)) or is_dataclass(value)


def has_raw(output: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether an output is that of `with_structured_output(…, include_raw=True)`."""
    return isinstance(output, Mapping) and output.keys() == _WITH_RAW


def answer_key_in(output: object) -> str | None:
    """Return where a dictionary has its answer; None where it is the answer itself, or is none."""
    if not isinstance(output, Mapping):
        return None
    for key in _TEXT_KEYS:
        if isinstance(output.get(key), (str, BaseMessage)) or is_object(output.get(key)):
            return key
    return next((key for key in KEYS_OF_AGENTS if output.get(key)), None)


def plain_object(value: Any) -> PlainObject:
    """Return a typed answer as plain JSON.

    Args:
        value: A typed answer. What JSON has no form for, such as an enum, a date or a number of
            NumPy's, becomes a string or a number; infinities and NaN become None.

    Raises:
        TypeError: If it is no JSON, because it contains itself or bytes that are no text, or it
            holds documents or messages, which stand beside an answer.
    """
    if isinstance(value, Mapping) and any(map(_is_material, value.values())):
        raise TypeError(
            "A generator or reviser that returns documents or messages beside its answer must put "
            f"the answer under 'answer', 'output' or 'text', got {sorted(map(str, value))}."
        )
    try:
        plain = _ANY.dump_python(value, mode="json", round_trip=True, fallback=_other)
        made: PlainObject = json.loads(json.dumps(all_valid(plain)))
    except (ValueError, RecursionError) as error:
        raise TypeError(
            f"The answer, of type {type(value).__name__}, cannot be written as JSON ({error}): let "
            "the generator return one that can."
        ) from error
    return made


def as_json(plain: PlainObject) -> str:
    """Return a typed answer as the text that verifiers, judges and answer keys read."""
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def object_in(text: str) -> PlainObject | None:
    """Return the typed answer that a model has written as text, in prose or a code fence.

    Returns:
        The whole text as a list or an object, else the last object in it; None where there is none.
    """
    text = without_thoughts(text)
    last = last_json_object(text)
    for written in (text, "" if last is None else text[last.start : last.end]):
        try:
            value = json.loads(written, strict=False, parse_constant=str)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, (dict, list)):
            return value
    return None


def gives_objects(writer: object) -> bool:
    """Return whether a chain ends in a parser of JSON: a dictionary is then the answer itself.

    Of other chains a dictionary with `answer` is an answer with something beside it.
    """
    last = _last_step(writer)
    return isinstance(last, (JsonOutputParser, PydanticOutputParser, JsonOutputToolsParser))


def json_schema_of(schema: object) -> dict[str, Any]:
    """Return what a user gives for a schema as a JSON schema.

    Args:
        schema: A pydantic class, a dataclass, a TypedDict, or a JSON schema itself.

    Raises:
        TypeError: If it is of no accepted type.
    """
    if isinstance(schema, dict):
        return schema
    if _is_class(schema):
        return TypeAdapter(schema).json_schema()
    if is_typeddict(schema):
        return convert_to_json_schema(schema)  # type: ignore[arg-type]
    raise TypeError(
        f"schema must be a pydantic class, a TypedDict or a JSON schema, got {schema!r:.80}."
    )


class ReturnedTypes:
    """The classes of a chain's typed answers, by which plain JSON becomes an object again.

    Args:
        declared: Classes of which every answer is; more are learned from what a chain returns,
            without that all of its answers are of them.
    """

    def __init__(self, *declared: type) -> None:
        self._declared = declared
        self._classes = dict.fromkeys(declared)

    @classmethod
    def of_chain(cls, chain: Runnable[Any, Any]) -> "ReturnedTypes":
        """Return the classes that the parser at the end of a chain makes."""
        last = _last_step(chain)
        named = [getattr(last, "pydantic_object", None), *(getattr(last, "tools", None) or ())]
        return cls(*filter(_is_class, named))

    @classmethod
    def of_schema(cls, schema: object) -> "ReturnedTypes":
        """Return the class that a schema is; none where its objects are dictionaries."""
        return cls(*filter(_is_class, [schema]))

    def note(self, output: object) -> None:
        """Remember the class of what the chain returned."""
        if has_raw(output):
            output = output["parsed"]
        elif isinstance(output, Mapping):
            output = output.get(answer_key_in(output))
        if _is_class(type(output)):
            self._classes[type(output)] = None

    def restored(self, plain: PlainObject | None, text: str) -> Any:
        """Return an answer as the chain would: an object of a known class, JSON, or text.

        Args:
            plain: The answer as plain JSON; None where it is text.
            text: The answer as text.

        Raises:
            OutputParserException: If the answer is none of the classes that it has to be of.
        """
        if plain is None and not self._declared:
            return text
        if not self._classes:
            return plain
        one: Any = reduce(or_, self._classes)
        classes: TypeAdapter[Any] = TypeAdapter(one | list[one])
        try:
            return classes.validate_python(plain, by_alias=True, by_name=True)
        except ValidationError as error:
            names = " or ".join(each.__name__ for each in self._classes)
            problem = f"The best answer is no {names}: {text}\n{error}"
            raise OutputParserException(problem, llm_output=text) from error


def _is_class(value: object) -> TypeGuard[type]:
    return isinstance(value, type) and (issubclass(value, BaseModel) or is_dataclass(value))


def _last_step(writer: object) -> object:
    """Return the last step of a chain, without what is bound to it."""
    while True:
        if isinstance(writer, RunnableSequence):
            writer = writer.last
        elif isinstance(writer, RunnableBindingBase):
            writer = writer.bound
        elif isinstance(writer, RunnableWithFallbacks):
            writer = writer.runnable
        else:
            return writer


def _is_material(value: object) -> bool:
    parts = value if isinstance(value, (list, tuple)) and value else (value,)
    return all(isinstance(part, (BaseMessage, Document)) for part in parts)


def _other(value: Any) -> Any:
    """Return what JSON has no form for as a number or list, where it is NumPy's, else as text."""
    return value.tolist() if callable(getattr(value, "tolist", None)) else str(value)
