"""One way to refuse bad arguments: name the argument, the value and the remedy."""

from collections.abc import Hashable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langchain_markovscale.types import Action, ArgumentError

Numbers = float | NDArray[np.float64]
"""A plain float for scalar arguments, an array where any argument was one."""

_ATTEMPT_FIELDS: dict[str, tuple[type[Any], str]] = {
    "key": (Hashable, "a string"),
    "parent": (Integral, "the index of an earlier attempt"),
    "score": (Real, "a number in [0, 1]"),
}

_MOST_COST = 0.5  # of a round; who gives more means another unit

TOLERANCE = 1e-12
"""Differences up to this size are rounding, not gain."""


def probabilities(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return `value` as floats, or raise unless all of them lie in [0, 1].

    Raises:
        ArgumentError: If `value` is not numeric, is NaN, or leaves [0, 1].
    """
    array = numbers(name, value)
    if not np.all((array >= 0) & (array <= 1)):
        raise ArgumentError(name, f"must be a probability in [0, 1], got {value!r:.80}.")
    return array


def non_negative(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return `value` as floats, or raise unless all of them are finite and at least 0.

    Raises:
        ArgumentError: If `value` is not numeric, is NaN or infinite, or is negative.
    """
    array = numbers(name, value)
    if not np.all((array >= 0) & np.isfinite(array)):
        raise ArgumentError(name, f"must be finite and at least 0, got {value!r:.80}.")
    return array


def round_cost(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return `value` as costs of a round in units of accuracy, or raise unless they can be meant.

    Raises:
        ArgumentError: If a value is not finite, is negative, or is 0.5 or more: half of what a
            right answer is worth, for one round.
    """
    array = non_negative(name, value)
    if np.any(array >= _MOST_COST):
        raise ArgumentError(
            name,
            f"must be below {_MOST_COST}, got {value!r:.80}: it is in units of accuracy, and 0.05 "
            "is five points. Where it comes from prices, they must be those of one token, in the "
            "currency of value_of_right_answer; where a round does cost so much, leave it out and "
            "give max_rounds=1.",
        )
    return array


def whole(name: str, value: ArrayLike, *, least: int = 0) -> NDArray[np.float64]:
    """Return `value` as floats, or raise unless all of them are whole numbers from `least` up.

    Raises:
        ArgumentError: If a value is not a whole number or is below `least`.
    """
    array = numbers(name, value)
    if not np.all((array >= least) & np.isfinite(array) & (array == np.floor(array))):
        raise ArgumentError(name, f"must be a whole number of at least {least}, got {value!r:.80}.")
    return array


def check_level(level: float) -> None:
    """Raise unless a level is that of an interval.

    Raises:
        ArgumentError: If `level` is no number between 0 and 1.
    """
    if not isinstance(level, Real) or not 0 < level < 1:
        raise ArgumentError(
            "level", f"must lie between 0 and 1, got {level!r}: 0.9 is a 90 % interval."
        )


def numbers(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return `value` as an array of floats, or raise naming the argument.

    Raises:
        ArgumentError: If `value` cannot be read as numbers; text is none, whatever it says, and
            neither are True and False, which stand where another argument was meant.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind in "SUcb" or _has_truth_values(value):
            raise TypeError  # text, complex numbers, truth values
        return np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(
            name, f"must be a number or an array of numbers, got {value!r:.80}."
        ) from None
    except OverflowError:  # not shown: Python refuses to write out so many digits
        raise ArgumentError(name, "must be a number that a float can hold.") from None


def _has_truth_values(value: object) -> bool:
    """Return whether there are any among numbers, of which an array would make 1 and 0."""
    if isinstance(value, (list, tuple)):
        return any(map(_has_truth_values, value))
    return isinstance(value, (bool, np.bool_))


def single(name: str, array: NDArray[np.float64]) -> float:
    """Return the one number of a checked argument, or raise where it is an array.

    Raises:
        ArgumentError: If there are several.
    """
    if array.ndim:
        raise ArgumentError(name, f"must be one number, got an array of shape {array.shape}.")
    return float(array)


def plain(array: NDArray[Any]) -> Any:
    """Return a zero-dimensional array as the Python value in it, any other array as it is."""
    return array.item() if array.ndim == 0 else array


def check_actions(actions: Sequence[Action]) -> tuple[Action, ...]:
    """Return the actions, each once; refuse others than those that there are, and none."""
    known = get_args(Action)
    if isinstance(actions, str) or not actions or any(a not in known for a in actions):
        raise ValueError(
            f"actions must name at least one of {', '.join(map(repr, known))}, got {actions!r}."
        )
    return tuple(dict.fromkeys(actions))


def check_attempts(attempts: Sequence[Any]) -> None:
    """Refuse attempts that a belief cannot be formed of.

    Raises:
        ValueError: If one is no mapping, lacks a field, or holds something else in it.
    """
    for index, attempt in enumerate(attempts):
        if not isinstance(attempt, Mapping):
            raise ValueError(f"attempts[{index}] must be a dictionary, got {attempt!r}.")
        if missing := [name for name in _ATTEMPT_FIELDS if name not in attempt]:
            raise ValueError(
                f"attempts[{index}] has no {', '.join(map(repr, missing))}, got {attempt!r}: give "
                "each attempt a key, a parent and a score, None where there is none."
            )
        for name, (kinds, wanted) in _ATTEMPT_FIELDS.items():
            if attempt[name] is not None and not isinstance(attempt[name], kinds):
                raise ValueError(
                    f"attempts[{index}][{name!r}] must be {wanted} or None, got {attempt[name]!r}."
                )


def costs_by_action(
    value: float | Mapping[Action, float], actions: tuple[Action, ...]
) -> dict[Action, float]:
    """Return the cost of a round for each action, in units of accuracy.

    Raises:
        ValueError: If a cost is negative, 0.5 or more, or not a number, or an action has none.
    """
    if not isinstance(value, Mapping):
        return dict.fromkeys(actions, _cost("cost_per_round", value))
    if missing := [action for action in actions if action not in value]:
        raise ValueError(
            f"cost_per_round has no cost for {', '.join(missing)}, got {dict(value)!r}: "
            "give one number for all actions or one for each."
        )
    return {action: _cost(f"cost_per_round[{action!r}]", value[action]) for action in actions}


def _cost(name: str, value: ArrayLike) -> float:
    return single(name, round_cost(name, value))
