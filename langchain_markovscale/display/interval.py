"""An estimate with its interval: how reports keep and print one.

Probabilities are printed as percentages, differences of probabilities and costs in points, factors
and correlations as decimals; brackets hold an interval.
"""

import re
from collections.abc import Iterable
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from langchain_markovscale.display.wording import percent, points

_WITHIN = re.compile(r" (?=\[[−+\d])|(?<=\d,) (?=[−+\d.]+\])|(?<=\d) (?=points?\b)")


class Estimate(NamedTuple):
    """A value and its interval.

    Attributes:
        value: The value.
        interval: (low, high), or None where nothing was resampled.
    """

    value: float
    interval: tuple[float, float] | None = None

    @classmethod
    def of(cls, value: float, draws: Iterable[float], level: float) -> "Estimate":
        """Return a value with the interval of its draws; without one where there are none.

        Args:
            value: The value.
            draws: The same quantity in resampled fits.
            level: Coverage of the interval, in (0, 1).
        """
        drawn = list(draws)
        if not drawn:
            return cls(float(value))
        tails = ((1 - level) / 2, (1 + level) / 2)
        low, high = np.quantile(drawn, tails, method="weibull").tolist()
        return cls(float(value), (low, high))

    @classmethod
    def of_share(cls, count: int, total: int, level: float = 0.95) -> "Estimate":
        """Return a share of independent trials with Wilson's interval.

        It is (p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n), and has a width even where all
        trials came out alike.

        Args:
            count: Trials that came out so.
            total: n, all trials, at least 1.
            level: Coverage of the interval, in (0, 1).
        """
        share, z = count / total, NormalDist().inv_cdf((1 + level) / 2)
        middle = share + z**2 / (2 * total)
        half = z * sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
        scale = 1 + z**2 / total
        return cls(share, (max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)))

    def reaching(self, ends: tuple[float, float] | None) -> "Estimate":
        """Return it with an interval, where it has one, that reaches to both ends at least."""
        if self.interval is None or ends is None:
            return self
        return Estimate(
            self.value, (min(self.interval[0], ends[0]), max(self.interval[1], ends[1]))
        )

    @property
    def percent(self) -> str:
        """As a percentage: `51% [46, 56]`."""
        if self.interval is None:
            return percent(self.value)
        low, high = self.interval
        digits = 0 if 0.05 <= self.value <= 0.95 else 1
        return f"{percent(self.value)} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"

    @property
    def fine_percent(self) -> str:
        """As a percentage with a decimal, where values differ by less than one: `51.4% [46, 56]`.

        The ends of the interval have none.
        """
        shown = percent(self.value, 1)
        if self.interval is None:
            return shown
        low, high = self.interval
        return f"{shown} [{100 * low:.0f}, {100 * high:.0f}]"

    @property
    def span(self) -> str:
        """The interval alone, in words, of a percentage: `46% to 56%`; a dash without one."""
        if self.interval is None:
            return "–"
        low, high = self.interval
        return f"{percent(low, 0)} to {percent(high, 0)}"

    @property
    def points(self) -> str:
        """As a difference in points: `+9 points [+4, +14]`."""
        return self.in_points()

    def in_points(self, *, unit: bool = True) -> str:
        """Return it as a difference in points, without the unit where a heading has it."""
        ends = self.interval or (0.0, 0.0)
        size = max(abs(self.value), *map(abs, ends))
        excludes_zero = ends[0] * ends[1] > 0  # which must be seen
        digits = 0 if size >= 0.05 and not (excludes_zero and min(map(abs, ends)) < 0.005) else 1
        shown = points(self.value, digits, signed=True, unit=unit)
        if self.interval is None:
            return shown
        low, high = (points(end, digits, signed=True, unit=False) for end in self.interval)
        return f"{shown} [{low}, {high}]"

    @property
    def decimal(self) -> str:
        """As a decimal: `0.96 [0.89, 1.00]`."""
        if self.interval is None:
            return f"{self.value:.2f}"
        return f"{self.value:.2f} [{self.interval[0]:.2f}, {self.interval[1]:.2f}]"

    @property
    def columns(self) -> tuple[str, str, str]:
        """Value, low and high as decimals, for a table with a column for each."""
        value = f"{self.value:.3f}"
        if self.interval is None:
            return value, "–", "–"
        return value, f"{self.interval[0]:.3f}", f"{self.interval[1]:.3f}"


def unbroken(words: str) -> str:
    """Return words in which an estimate and its interval cannot be parted at a line's end."""
    return _WITHIN.sub("\u00a0", words)
