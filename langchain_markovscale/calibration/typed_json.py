"""JSON as objects of our classes: what a file may hold is what the annotations of its class say."""

import reprlib
from collections.abc import Collection, Sequence
from dataclasses import is_dataclass
from functools import lru_cache
from sys import float_info
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_LONGEST = 100_000  # entries of a list; more than any field has
_LARGEST = float_info.max
_WANTED = {
    float: "a finite number",
    int: "a whole number",
    bool: "true or false",
    str: "a string",
    tuple: "a list",
    dict: "an object",
}


def made(kind: Any, values: Any, at: str, optional: Collection[str] = ()) -> Any:
    """Return an object of a dataclass, made from the fields of a JSON object.

    Args:
        kind: The dataclass; those among its fields are made as well.
        values: The JSON object; its lists become tuples.
        at: Where it is in the file, for errors: `"decision."`, or nothing at the top.
        optional: Fields that may be missing, here and within, and then have their default.

    Raises:
        ValueError: If a field is missing, unknown, or of another type; the message names it.
        TypeError: If the class itself refuses a value by its type.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{at.rstrip('.')} must be an object, got {reprlib.repr(values)}.")
    hints = _hints(kind)
    if missing := hints.keys() - values.keys() - set(optional):
        raise ValueError(f"missing {', '.join(at + name for name in sorted(missing))}.")
    if unknown := values.keys() - hints.keys():
        raise ValueError(f"unknown {', '.join(at + name for name in sorted(unknown))}.")
    return kind(
        **{name: typed(hints[name], value, at + name, optional) for name, value in values.items()}
    )


@lru_cache(maxsize=32)
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def typed(hint: Any, value: Any, at: str, optional: Collection[str] = ()) -> Any:
    """Return a JSON value as one of an annotation; what is an object already stays as it is.

    Args:
        hint: The annotation, such as `float`, `tuple[float, ...]`, `dict[str, int] | None`.
        value: The value.
        at: Where it is in the file, for errors.
        optional: Fields that may be missing in objects within.

    Raises:
        ValueError: If the value is of another type; the message names where it is.
    """
    origin, parts = get_origin(hint) or hint, get_args(hint)
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return None
        return typed(_part_for(value, parts), value, at, optional)
    if is_dataclass(origin):
        is_made = is_dataclass(value)
        return value if is_made else made(origin, value, f"{at}.", optional)
    if isinstance(value, (list, tuple)) and origin in (tuple, Any):
        hints = _hints_of_entries(parts or (Any, ...), value, at)
        return tuple(
            typed(each, entry, f"{at}[{index}]", optional)
            for index, (each, entry) in enumerate(zip(hints, value, strict=True))
        )
    if isinstance(value, dict) and origin in (dict, Any):
        of_names, of_values = parts or (Any, Any)
        return {
            typed(of_names, name, f"a name in {at}", ()): typed(
                of_values, each, f"{at}.{name}", optional
            )
            for name, each in value.items()
        }
    if not _fits(origin, parts, value):
        wanted = _WANTED.get(origin) or f"one of {', '.join(map(repr, parts))}"
        raise ValueError(f"{at} must be {wanted}, got {reprlib.repr(value)}.")
    return value


def _part_for(value: Any, parts: tuple[Any, ...]) -> Any:
    """Return the part of a union that a value is meant for."""
    others = [part for part in parts if part is not NoneType]
    if not isinstance(value, dict) or len(others) == 1:
        return others[0]
    return min(others, key=lambda part: len(value.keys() ^ _hints(part).keys()))


def _hints_of_entries(parts: tuple[Any, ...], value: Sequence[Any], at: str) -> list[Any]:
    if isinstance(value, list) and len(value) > _LONGEST:
        raise ValueError(f"{at} must have at most {_LONGEST:,} entries, got {len(value):,}.")
    if parts[-1] is ...:
        return [parts[0]] * len(value)
    if len(parts) != len(value):
        raise ValueError(f"{at} must have {len(parts)} entries, got {reprlib.repr(value)}.")
    return list(parts)


def _fits(kind: Any, parts: tuple[Any, ...], value: Any) -> bool:
    """Return whether a value without parts is of a type; numbers must be such as floats hold."""
    if kind is Literal:
        return value in parts
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        of_kind = kind in (float, Any) or (kind is int and isinstance(value, int))
        return of_kind and abs(value) <= _LARGEST
    return kind is Any or type(value) is kind
