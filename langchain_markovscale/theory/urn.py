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

Draw = tuple[int, int | None]
"""The number of a wrong answer and, where it was revised from another wrong one, that one's."""

_IMPOSSIBLE = 1e-300  # stands for a chance of 0, so that contradictions leave a posterior


@dataclass(frozen=True)
class Urn:
    """Where wrong answers come from.

    Attributes:
        coincidence: κ in (0, 1], the chance that two independent wrong answers coincide.
        plausible: M ≥ 1, how many wrong values are plausible; infinity for any number of them.
        closed: Whether there are no others; else M is an estimate, and one more is always possible.
    """

    coincidence: float
    plausible: float = inf
    closed: bool = True

    @classmethod
    def alike(cls, coincidence: float) -> "Urn":
        """Return the urn of an estimated 1/κ values, all of them equally likely."""
        return cls(coincidence, 1 / coincidence, closed=False)

    @cached_property
    def each(self) -> float:
        """a, what every plausible value weighs before any was drawn; infinity if for ever alike."""
        if self.coincidence == 1:
            return inf  # one value, and so for ever alike
        if self.plausible == inf:
            return 0.0
        excess = self.coincidence * self.plausible - 1
        return (1 - self.coincidence) / excess if excess > 1e-12 else inf

    @cached_property
    def concentration(self) -> float:
        """θ, or aM: what all values together weigh before any was drawn."""
        if self.plausible == inf:
            return 1 / self.coincidence - 1
        return self.each * self.plausible

    def log_chance(self, draws: Iterable[Draw]) -> float:
        """Return the logarithm of the chance of a sequence of wrong answers.

        A revision from the wrong value p to another wrong one has chance urn(v)/(1 − urn(p)); the
        draws of p that it passed over count m_p/(n+θ−m_p) more for p.

        Args:
            draws: The wrong answers, in the order in which they were made.
        """
        if self.each == inf:
            return self._log_chance_alike(draws)
        a, theta = self.each, self.concentration
        counts: dict[int, float] = {}
        drawn = total = 0.0
        for value, left in draws:
            seen = counts.get(value)
            weight = theta - a * len(counts) if seen is None else seen + a
            rest = drawn + theta
            if left is not None:
                passed = counts[left] + a
                rest -= passed
                counts[left] += passed / rest
                drawn += passed / rest
            total += log(max(weight / rest, _IMPOSSIBLE))
            counts[value] = (seen or 0.0) + 1
            drawn += 1
        return total

    def _log_chance_alike(self, draws: Iterable[Draw]) -> float:
        many = 1.0 if self.coincidence == 1 else self.plausible
        least = _IMPOSSIBLE if self.closed else 1.0
        among = log(many), log(many - 1) if many > 1 else 0.0
        values: set[int] = set()
        total = 0.0
        for value, left in draws:
            total -= among[left is not None]
            if value not in values:
                unseen = many - len(values)
                total += log(unseen if unseen > least else least)
                values.add(value)
        return total
