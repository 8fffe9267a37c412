"""Features of a question as numbers: strata as indicators, vectors as they are."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = Mapping[str, Any] | Sequence[float] | str
"""A stratum's name, a vector, or both under names of their own."""

Columns = tuple[tuple[str, str | None], ...]
"""For each number its feature's name and, where it indicates a stratum, the stratum."""


def columns_of(records: Iterable[Features | None]) -> Columns:
    """Return a column for every number and every stratum that the features of questions have.

    Raises:
        ValueError: If a feature is neither a number nor a stratum's name.
    """
    found = {
        (name, value if isinstance(value, str) else None)
        for record in records
        for name, value in _named(record).items()
    }
    return tuple(sorted(found, key=lambda column: (column[0], column[1] or "")))


def encoded(records: Sequence[Features | None], columns: Columns) -> NDArray[np.float64]:
    """Return the features of Q questions as numbers, shape (Q, columns).

    NaN is unknown: a number that was left out, or a stratum that the columns do not have.
    """
    strata = {column for column in columns if column[1] is not None}
    table = np.full((len(records), len(columns)), nan)
    for row, features in zip(table, map(_named, records), strict=True):
        for index, (name, stratum) in enumerate(columns):
            value = features.get(name)
            if stratum is None and isinstance(value, float):
                row[index] = value
            elif stratum is not None and (name, value) in strata:
                row[index] = float(value == stratum)
    return table


def _named(features: Any, name: str = "") -> dict[str, float | str]:
    """Return every number and every stratum's name, each under a name of its own."""
    if isinstance(features, str):
        return {name: features}
    if isinstance(features, np.ndarray):
        features = features.tolist()
    if isinstance(features, Mapping):
        parts = {f"{name}.{key}": value for key, value in features.items()}
    elif isinstance(features, Sequence):
        parts = {f"{name}[{index}]": value for index, value in enumerate(features)}
    else:
        return {} if features is None else {name: _number(features, name)}
    return {each: value for key in parts for each, value in _named(parts[key], key).items()}


def _number(feature: Any, name: str) -> float:
    try:
        number = float(feature)
    except (TypeError, ValueError):
        number = nan
    if not isfinite(number):
        raise ValueError(
            f"features{name} must be a stratum's name, a finite number, or a list or dictionary of "
            f"them, got {feature!r:.80}."
        )
    return number
