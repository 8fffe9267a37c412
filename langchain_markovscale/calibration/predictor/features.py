"""From what is known of a question beforehand to numbers: strata become indicators.

What a question does not tell, or tells in words never heard in training, is unknown and not zero:
it is left open here, so that such a question counts as an average one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Features = Mapping[str, Any] | Sequence[float] | str
"""A stratum's name, a vector, or both under names of their own."""


@dataclass(frozen=True)
class FeatureColumns:
    """Which numbers stand for a question's features.

    Attributes:
        columns: For each column the feature's name and, where it indicates a stratum, the stratum.
    """

    columns: tuple[tuple[str, str | None], ...]

    @classmethod
    def seen_in(cls, records: Iterable[Features | None]) -> "FeatureColumns":
        """Return a column for every number and every stratum that the records have."""
        found = {
            (name, value if isinstance(value, str) else None)
            for record in records
            for name, value in _named(record)
        }
        return cls(tuple(sorted(found, key=lambda column: (column[0], column[1] or ""))))

    def encode(self, records: Sequence[Features | None]) -> Floats:
        """Return the records as numbers, NaN where unknown, shape (Q, columns)."""
        place = {column: index for index, column in enumerate(self.columns)}
        strata: dict[str, list[int]] = {}
        for (name, stratum), index in place.items():
            if stratum is not None:
                strata.setdefault(name, []).append(index)
        table = np.full((len(records), len(place)), np.nan)
        for row, record in zip(table, records, strict=True):
            for name, value in _named(record):
                column = place.get((name, value if isinstance(value, str) else None))
                if column is None:
                    continue
                if isinstance(value, str):
                    row[strata[name]] = 0.0
                    row[column] = 1.0
                else:
                    row[column] = value
        return table


def _named(features: Any, name: str = "") -> list[tuple[str, float | str]]:
    """Return every number and every stratum's name, each under a name of its own."""
    if features is None:
        return []
    if isinstance(features, str):
        return [(name, features)]
    if isinstance(features, Mapping):
        return [one for key, value in features.items() for one in _named(value, f"{name}.{key}")]
    if isinstance(features, np.ndarray):
        features = features.tolist()
    if isinstance(features, Sequence):
        return [one for i, value in enumerate(features) for one in _named(value, f"{name}[{i}]")]
    try:
        number = float(features)
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        raise ValueError(
            f"features{name} must be a stratum's name, a finite number, or a list or dictionary of "
            f"them, got {features!r:.80}."
        )
    return [(name, number)]
