"""From replays to the numbers of a comparison: means, paired differences, equal budgets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.comparison.results import Duel, RuleResult, Standing, Switch
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.replay.crossfit import (
    NEVER,
    SINGLE_PASS,
    BudgetUnit,
    ComparedRule,
)
from langchain_markovscale.replay.replay import Outcome
from langchain_markovscale.theory.rates import Variant

Floats = NDArray[np.float64]

_CHUNK = 256  # resamples at a time: their weights fit into a cache
_SAME = 1e-12
_USUAL_COST = 0.01  # of a round, where none is given


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

    rules: tuple[ComparedRule, ...]
    accuracy: Floats
    spent: Floats
    round_price: float
    level: float

    @classmethod
    def of(
        cls,
        tallies: Mapping[ComparedRule, Outcome],
        budget: BudgetUnit,
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
        """Yield how MarkovScale fares at each cost against the best rule in hindsight."""
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

    def switch(
        self, mine: str, variant: Variant, rows: Sequence[RuleResult], *, assumed: bool
    ) -> Switch:
        """Return what MarkovScale in place of a rule changes.

        Args:
            mine: The name of the rule.
            variant: Of MarkovScale.
            rows: How each rule fared.
            assumed: Whether nobody has named the rule.
        """
        (rule,) = (at for at, each in enumerate(self.rules) if each.name == mine)
        spent = self.spent[0]
        ours = [
            at
            for at, each in enumerate(self.rules)
            if each.variant == variant and each.cost != NEVER
        ]
        apart = {at: abs(np.log(max(spent[at], _SAME) / max(spent[rule], _SAME))) for at in ours}
        if mine == SINGLE_PASS:
            apart = {at: abs((self.rules[at].cost or 0.0) - _USUAL_COST) for at in ours}
        place = min(ours, key=lambda at: (apart[at], self.rules[at].cost))
        even = interpolated(*self._curve(variant), self.spent[:, rule])
        (single,) = (at for at, each in enumerate(self.rules) if each.name == SINGLE_PASS)
        accuracy = self.accuracy
        return Switch(
            rows[rule],
            assumed,
            rows[place],
            gain=self.estimate(accuracy[:, rule] - accuracy[:, single]),
            difference=self.estimate(accuracy[:, place] - accuracy[:, rule]),
            even=self.estimate(even - accuracy[:, rule]),
            saved=self.estimate(self.spent[:, rule] - self.spent[:, place]),
            needed=self._needed(reached(*self._curve(variant), accuracy[:, rule])),
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


def rows(
    tallies: Mapping[ComparedRule, Outcome], sample: Sample, repeats: int
) -> tuple[RuleResult, ...]:
    """Return how each rule fared."""
    return tuple(
        RuleResult(
            rule=rule,
            accuracy=sample.estimate(sample.accuracy[:, place]),
            attempts=float(tally.attempts.mean()) / repeats,
            calls=float((tally.attempts + tally.verified).mean()) / repeats,
            tokens=_mean_or_none(tally.tokens, repeats),
            exhausted=float(tally.exhausted.mean()) / repeats,
            belief=_mean_or_none(tally.belief, repeats),
            promised=_mean_or_none(tally.promised, repeats),
            delivered=float(tally.delivered.mean()) / repeats,
            read=_mean_or_none(tally.read, repeats),
            written=_mean_or_none(tally.written, repeats),
            seconds=_mean_or_none(tally.seconds, repeats),
        )
        for place, (rule, tally) in enumerate(tallies.items())
    )


def _mean_or_none(sums: Floats, repeats: int) -> float | None:
    mean = float(sums.mean()) / repeats
    return None if np.isnan(mean) else mean


def _spent(tally: Outcome, budget: BudgetUnit) -> Floats:
    if budget == "calls":
        return tally.attempts + tally.verified
    return tally.tokens if budget == "tokens" else tally.attempts


def resampled_means(values: Floats, resamples: int, seed: int) -> Floats:
    """Return the means of columns over questions drawn with replacement.

    Args:
        values: By question and quantity, shape (Q, M); NaN where unknown.
        resamples: B.
        seed: The same seed gives the same questions.

    Returns:
        Shape (B, M): all quantities of a row come from the same questions, so that their
        differences are paired.
    """
    rng = np.random.default_rng(seed)
    questions = len(values)
    even = np.full(questions, 1 / questions)
    means = np.empty((resamples, values.shape[1]))
    for begin in range(0, resamples, _CHUNK):
        rows = means[begin : begin + _CHUNK]
        rows[:] = rng.multinomial(questions, even, len(rows)) @ values / questions
    return means


def interpolated(x: Floats, y: Floats, at: Floats) -> Floats:
    """Return the heights of curves; a curve goes on level after its last point.

    Between two points lies what one gets by taking one for some runs and the other for the rest.

    Args:
        x: B curves of J points from left to right, shape (B, J); where resampling has put a point
            left of the one before it, it is taken to lie above that.
        y: Their heights, shape (B, J).
        at: Where to look, shape (B,); not left of the first point.

    Returns:
        Shape (B,).
    """
    x = np.maximum.accumulate(x, axis=1)
    row = np.arange(len(x))
    left = np.clip((x <= at[:, None] + _SAME).sum(axis=1) - 1, 0, x.shape[1] - 1)
    right = np.minimum(left + 1, x.shape[1] - 1)
    step = x[row, right] - x[row, left]
    share = np.clip((at - x[row, left]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
    low, high = y[row, left], y[row, right]
    return np.asarray(np.where(step > 0, low + share * (high - low), low))


def reached(x: Floats, y: Floats, height: Floats) -> Floats:
    """Return where curves first reach a height, infinity where they never do.

    Args:
        x: As for `interpolated`.
        y: Their heights, shape (B, J).
        height: Shape (B,).

    Returns:
        Shape (B,).
    """
    x = np.maximum.accumulate(x, axis=1)
    row = np.arange(len(x))
    high_enough = y >= height[:, None] - _SAME
    right = high_enough.argmax(axis=1)
    left = np.maximum(right - 1, 0)
    rise = y[row, right] - y[row, left]
    share = np.clip((height - y[row, left]) / np.where(rise > 0, rise, 1.0), 0.0, 1.0)
    where = x[row, left] + share * (x[row, right] - x[row, left])
    where = np.where((right > left) & (rise > 0), where, x[row, right])
    return np.asarray(np.where(high_enough.any(axis=1), where, np.inf))
