"""What makes a record a trace: the fields that it must have, and of which kind."""

from math import inf
from typing import Any, get_args

from langchain_markovscale.types import Purpose

_PURPOSES = get_args(Purpose)
_COUNTS = ("calls", "input_tokens", "output_tokens", "unknown")


def checked(record: object) -> dict[str, Any]:
    """Return a record with the fields of a trace, what it leaves out filled in.

    Args:
        record: Parsed JSON; changed in place.

    Raises:
        ValueError: If a field is missing, has the wrong type or is out of range.
    """
    if not isinstance(record, dict):
        raise _wrong("a trace", "an object with id, question and attempts", record)
    for name in ("id", "question"):
        if not isinstance(record.get(name), str):
            raise _wrong(name, "a string", record.get(name))
    if not record["id"]:
        raise _wrong("id", "a name for the question, not empty", "")
    attempts = record.get("attempts")
    if not isinstance(attempts, list):
        raise _wrong("attempts", "a list", attempts)
    for index, attempt in enumerate(attempts):
        _check_attempt(attempt, index)
    if not isinstance(record.setdefault("reference", None), (str, type(None))):
        raise _wrong("reference", "a string or null", record["reference"])
    if not isinstance(record.setdefault("metadata", {}), dict):
        raise _wrong("metadata", "an object", record["metadata"])
    if type(record.get("censored", False)) is not bool:
        raise _wrong("censored", "true or false", record["censored"])
    features = record.setdefault("features", None)
    if isinstance(features, list):
        for index, value in enumerate(features):
            if type(value) not in (float, int) or not abs(value) < float("inf"):
                raise _wrong(f"features[{index}]", "a finite number", value)
    elif not isinstance(features, (dict, str, type(None))):
        raise _wrong("features", "an object, a list of numbers, a string or null", features)
    return record


def _check_attempt(attempt: Any, index: int) -> None:
    if not isinstance(attempt, dict):
        raise _wrong(f"attempts[{index}]", "an object", attempt)
    get, fill = attempt.get, attempt.setdefault
    if type(get("text")) is not str:
        raise _bad(index, "text", "a string", get("text"))
    if type(fill("key", None)) is not str and attempt["key"] is not None:
        raise _bad(index, "key", "a string or null", attempt["key"])
    score = fill("score", None)
    if score is not None and (type(score) not in (float, int) or not 0 <= score <= 1):
        raise _bad(index, "score", "a number in [0, 1] or null", score)
    if type(fill("feedback", None)) is not str and attempt["feedback"] is not None:
        raise _bad(index, "feedback", "a string or null", attempt["feedback"])
    tokens = fill("tokens", None)
    if tokens is not None and (type(tokens) is not int or tokens < 0):
        raise _bad(index, "tokens", "a whole number of at least 0, or null", tokens)
    if type(fill("correct", None)) is not bool and attempt["correct"] is not None:
        raise _bad(index, "correct", "true, false or null", attempt["correct"])
    if not _is_usage(get("usage")):  # not filled in: a file of version 0.1 stays as it was
        wanted = (
            "an object with calls, input_tokens, output_tokens and unknown (whole numbers) under "
            "'generate', 'revise' or 'verify', or null"
        )
        raise _bad(index, "usage", wanted, attempt["usage"])
    if not isinstance(get("metadata", {}), dict):
        raise _bad(index, "metadata", "an object", attempt["metadata"])
    parent = fill("parent", None)
    if parent is None:
        if fill("action", "generate") != "generate":
            raise _bad(
                index,
                "action",
                "'generate' without a parent, and 'revise' with the parent that was revised",
                attempt["action"],
            )
    elif type(parent) is not int or not 0 <= parent < index:
        raise _bad(index, "parent", "the index of an earlier attempt, or null", parent)
    elif fill("action", "revise") != "revise":
        raise _bad(index, "action", "'revise' where there is a parent", attempt["action"])


def _is_usage(value: object) -> bool:
    if not isinstance(value, dict):
        return value is None
    return all(purpose in _PURPOSES and _is_part(part) for purpose, part in value.items())


def _is_part(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    if not all(type(part.get(name)) is int and part[name] >= 0 for name in _COUNTS):
        return False
    seconds = part.setdefault("seconds", None)
    if seconds is not None and (type(seconds) not in (int, float) or not 0 <= seconds < inf):
        return False
    return bool(part["unknown"] <= part["calls"])


def _bad(index: int, name: str, wanted: str, value: object) -> ValueError:
    return _wrong(f"attempts[{index}].{name}", wanted, value)


def _wrong(name: str, wanted: str, value: object) -> ValueError:
    return ValueError(f"{name} must be {wanted}, got {value!r:.80}.")
