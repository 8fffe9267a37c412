"""From replays to the numbers of a comparison: means, paired differences, what equals what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.evaluation.comparison.crossfit import Tally
from langchain_markovscale.evaluation.comparison.findings import Duel, Row, Standing
from langchain_markovscale.evaluation.comparison.resampling import (
    interpolated,
    reached,
    resampled_means,
)
from langchain_markovscale.evaluation.comparison.rules import NEVER, Budget, Rule
from langchain_markovscale.faces.estimates import Estimate
from langchain_markovscale.theory.variants import Variant

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Means over all questions in row 0, and over resampled ones in the rows after it.

    Attributes:
        rules: R of them.
        accuracy: Shape (1 + B, R).
        spent: What is spent of the budget, shape (1 + B, R).
        round_price: What a round takes of the budget, an attempt and its verification.
        level: Coverage of intervals.
    """

    rules: tuple[Rule, ...]
    accuracy: Floats
    spent: Floats
    round_price: float
    level: float

    @classmethod
    def of(
        cls,
        tallies: Mapping[Rule, Tally],
        budget: Budget,
        repeats: int,
        *,
        round_price: float,
        resamples: int,
        seed: int,
        level: float,
    ) -> "Sample":
        """Resample the questions."""
        columns = [
            *(tally.correct for tally in tallies.values()),
            *(_spent(tally, budget) for tally in tallies.values()),
        ]
        values = np.stack(columns, axis=1) / repeats
        means = np.vstack([values.mean(axis=0), resampled_means(values, resamples, seed)])
        accuracy, spent = np.hsplit(means, 2)
        return cls(tuple(tallies), accuracy, spent, round_price, level)

    def estimate(self, quantity: Floats) -> Estimate:
        """Return a quantity, shape (1 + B,), with the interval of its resamples."""
        return Estimate.of(quantity[0], quantity[1:].tolist(), self.level)

    def duels(self, variant: Variant) -> Iterator[Duel]:
        """Yield how MarkovScale fares at the budget of each rule."""
        x, y = self._curve(variant)
        for place in self._places("rule"):
            budget, accuracy = self.spent[:, place], self.accuracy[:, place]
            ours = interpolated(x, y, budget)
            yield Duel(
                self.rules[place].name,
                variant,
                float(budget[0]),
                float(ours[0]),
                self.estimate(ours - accuracy),
                self._needed(reached(x, y, accuracy)),
            )

    def standings(self, variant: Variant) -> Iterator[Standing]:
        """Yield how MarkovScale fares at each cost against the rules of hindsight."""
        rules = np.array(self._places("rule"))
        for place, rule in enumerate(self.rules):
            if rule.variant != variant or rule.cost is None or rule.cost == NEVER:
                continue
            affordable = rules[self.spent[0, rules] <= self.spent[0, place] + 1e-9]
            rival = affordable[self.accuracy[0, affordable].argmax()]
            worth = self.accuracy - rule.cost * self.spent / self.round_price
            best = rules[worth[0, rules].argmax()]
            yield Standing(
                variant,
                rule.cost,
                float(self.spent[0, place]),
                float(self.accuracy[0, place]),
                self.rules[rival].name,
                self.estimate(self.accuracy[:, place] - self.accuracy[:, rival]),
                float(worth[0, place]),
                self.rules[best].name,
                self.estimate(worth[:, best] - worth[:, place]),
            )

    def _curve(self, variant: Variant) -> tuple[Floats, Floats]:
        """Return MarkovScale's points from the smallest budget to the largest."""
        places = [place for place, rule in enumerate(self.rules) if rule.variant == variant]
        places.sort(key=lambda place: (self.spent[0, place], -(self.rules[place].cost or 0.0)))
        return self.spent[:, places], self.accuracy[:, places]

    def _places(self, kind: str) -> list[int]:
        return [place for place, rule in enumerate(self.rules) if rule.kind == kind]

    def _needed(self, budget: Floats) -> Estimate:
        """Return a budget that may be infinite, with the interval of its resamples."""
        ends = ((1 - self.level) / 2, (1 + self.level) / 2)
        low, high = np.quantile(budget[1:], ends, method="closest_observation").tolist()
        return Estimate(float(budget[0]), (low, high))


def rows(tallies: Mapping[Rule, Tally], sample: Sample, repeats: int) -> tuple[Row, ...]:
    """Return how each rule fared."""
    return tuple(
        Row(
            rule=rule,
            accuracy=sample.estimate(sample.accuracy[:, place]),
            attempts=float(tally.attempts.mean()) / repeats,
            calls=float((tally.attempts + tally.verified).mean()) / repeats,
            tokens=_known(tally.tokens, repeats),
            exhausted=float(tally.exhausted.mean()) / repeats,
            belief=_known(tally.belief, repeats),
        )
        for place, (rule, tally) in enumerate(tallies.items())
    )


def _known(sums: Floats, repeats: int) -> float | None:
    mean = float(sums.mean()) / repeats
    return None if np.isnan(mean) else mean


def _spent(tally: Tally, budget: Budget) -> Floats:
    if budget == "calls":
        return tally.attempts + tally.verified
    return tally.tokens if budget == "tokens" else tally.attempts
