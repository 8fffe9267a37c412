"""How wrong answers coincide: a question has its own tempting ones, so that coincidences pile up.

Wrong answers are drawn from an urn. Of n drawn so far, m of them with the value v, the next one is
v with chance m/(n+θ), and *any* value not yet seen with chance θ/(n+θ) (Blackwell and MacQueen,
1973; a whole pattern of draws has Ewens's probability). Two draws coincide with chance
κ = 1/(1+θ), but the tenth repetition is far likelier than κ¹⁰.

With M plausible wrong values the chances are (m+a)/(n+aM) and, D values having been seen,
a(M−D)/(n+aM); then κ = (1+a)/(1+aM). As a → ∞ every value stays equally likely and κ = 1/M; as
M → ∞ with aM = θ it is the urn above. Where κ or M is 1 there is one wrong answer, and every chance
is 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import inf, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Draw = tuple[int, int | None]
"""The number of a wrong answer and, where it was revised from another wrong one, that one's."""

UNMEASURED_COINCIDENCE = 0.25
"""κ where nobody has measured it."""

_LOG_IMPOSSIBLE = log(1e-300)  # of a chance of 0, so that contradictions leave a posterior
_NEARLY_ALIKE = 1e-12  # κM − 1 below this is rounding


def usual_coincidence(plausible: Any) -> float:
    """Return κ where nobody has said it, which is 1/M where so few answers coincide more often.

    Args:
        plausible: M ≥ 1 as somebody gave it; None for any number of answers.
    """
    usual = UNMEASURED_COINCIDENCE
    few = isinstance(plausible, (int, float, np.number)) and 1 <= plausible < 1 / usual
    return 1 / float(plausible) if few else usual


class Law(NamedTuple):
    """Chances are weights over their sum: a value drawn m times weighs `each` + `step`·m.

    Attributes:
        each: What a value weighs before any was drawn.
        whole: What all of them weigh together, then.
        step: What a draw adds to its value: 1, or 0 where values stay equally likely.
    """

    each: float
    whole: float
    step: float


@dataclass(frozen=True)
class Urn:
    """Where wrong answers come from.

    Attributes:
        coincidence: κ in (0, 1], the chance that two independent wrong answers coincide.
        plausible: M ≥ 1, how many wrong values are plausible, with κ ≥ 1/M; infinity for any
            number of them. Where it was estimated as 1/κ, it need not be whole.
    """

    coincidence: float
    plausible: float = inf

    @classmethod
    def of_concentration(cls, theta: float) -> "Urn":
        """Return the urn with κ = 1/(1+θ) and any number of plausible values."""
        return cls(1 / (1 + theta))

    @property
    def concentration(self) -> float:
        """θ, or aM: what all values together weigh before any was drawn."""
        return self.law.whole

    @cached_property
    def law(self) -> Law:
        """What values weigh."""
        if self.coincidence == 1:
            return Law(1.0, 1.0, 0.0)  # one value
        if self.plausible == inf:
            return Law(0.0, 1 / self.coincidence - 1, 1.0)
        excess = self.coincidence * self.plausible - 1
        if excess <= _NEARLY_ALIKE:
            return Law(1.0, self.plausible, 0.0)  # equally likely for ever
        each = (1 - self.coincidence) / excess
        return Law(each, each * self.plausible, 1.0)

    def seen(self, many: ArrayLike) -> Floats:
        """Return what a value weighs that was drawn `many` times, as an array of that shape."""
        return self.law.each + self.law.step * np.asarray(many, dtype=np.float64)

    def unseen(self, distinct: ArrayLike) -> Floats:
        """Return what all values not yet drawn weigh together, after `distinct` others."""
        each, whole, _ = self.law
        return np.maximum(whole - each * np.asarray(distinct, dtype=np.float64), 0.0)

    def total(self, drawn: ArrayLike, distinct: ArrayLike = 0) -> Floats:
        """Return what everything weighs after so many draws; a chance is a weight over this.

        Args:
            drawn: How many wrong answers were drawn.
            distinct: How many different ones, which may be more than were thought plausible.
        """
        each, whole, step = self.law
        values = np.maximum(whole, each * np.asarray(distinct, dtype=np.float64))
        return np.asarray(values + step * np.asarray(drawn, dtype=np.float64))

    def log_chance(self, draws: Iterable[Draw]) -> float:
        """Return the logarithm of the chance of a sequence of wrong answers, see `read`."""
        return self.read(draws).log_chance

    def read(self, draws: Iterable[Draw]) -> "Drawn":
        """Return what a sequence of wrong answers leaves in the urn, and its chance.

        A revision from the wrong value p to another wrong one has chance urn(v)/(1 − urn(p)); the
        draws of p that it passed over count m_p/(n+θ−m_p) more for p. Where more values are drawn
        than were thought plausible, M is as many as were drawn from then on.

        Args:
            draws: The wrong answers, in the order in which they were made.
        """
        each, start, step = self.law
        weights: dict[int, float] = {}
        whole, total = start, 0.0
        for value, left in draws:
            rest = whole
            if left is not None:
                passed = weights[left]
                rest -= passed
                if step:
                    weights[left] += passed / rest
                    whole += passed / rest
            weight = weights.get(value)
            if weight is None:
                chance, weight = start - each * len(weights), each
                if each:
                    whole += max(0.0, min(each, each - chance))
            else:
                chance = weight
            total += log(chance / rest) if chance > 0 and rest > 0 else _LOG_IMPOSSIBLE
            weights[value] = weight + step
            whole += step
        return Drawn(total, weights, whole, max(start - each * len(weights), 0.0))


class Drawn(NamedTuple):
    """What a sequence of wrong answers leaves in an urn.

    Attributes:
        log_chance: ln of the sequence's chance.
        weights: What each value weighs that was drawn.
        whole: What everything weighs.
        unseen: What all values weigh together that were not drawn.
    """

    log_chance: float
    weights: dict[int, float]
    whole: float
    unseen: float
