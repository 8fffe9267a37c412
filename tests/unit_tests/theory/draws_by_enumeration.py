"""Fresh draws in plain Python: what may be drawn, what it says, and what stopping rules earn.

A history is what whoever decides has seen: for each draw the number of its answer, by first
appearance, and what its score was. A hypothesis is which number is right, None for one not seen.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

from by_enumeration import Values

from langchain_markovscale.theory.optimum import DrawModel

History = tuple[tuple[int, int], ...]
Weights = dict[int | None, dict[tuple[int, int, int], tuple[float, Values]]]
"""P(history, hypothesis and case), and the wrong answers drawn; a case is (class, node, urn)."""


class Game(NamedTuple):
    """Draws at a cost, up to a horizon."""

    model: DrawModel
    cost: float
    horizon: int

    def start(self) -> Weights:
        """Before any draw."""
        nodes = [1.0] if self.model.scores is None else self.model.scores.weights.tolist()
        cases = {}
        for (k, weight), (z, node), (u, (share, urn)) in product(
            enumerate(self.model.weights), enumerate(nodes), enumerate(self.model.urns)
        ):
            values = Values(urn.coincidence, urn.plausible)
            cases[k, z, u] = (weight * node * share, values)
        return {None: cases}

    def value(self, history: History = (), weights: Weights | None = None) -> float:
        """What the best stopping rule earns from here, times P(history)."""
        weights = self.start() if weights is None else weights
        stop = best(weights)
        if len(history) == self.horizon:
            return stop
        on = sum(self.value(*after) for after in self.after(history, weights))
        return max(stop, on - self.cost * total(weights))

    def follow(
        self, goes_on: Callable[[History], bool], history: History, weights: Weights
    ) -> float:
        """What one stopping rule earns from here, times P(history)."""
        if len(history) == self.horizon or not goes_on(history):
            return best(weights)
        on = sum(self.follow(goes_on, *after) for after in self.after(history, weights))
        return on - self.cost * total(weights)

    def value_of_batches(
        self,
        wait: float,
        sizes: Callable[[int], Sequence[int]],
        history: History = (),
        weights: Weights | None = None,
    ) -> float:
        """What the best rule earns from here that draws in batches, times P(history).

        A batch is paid by its draws, and waited for once; `sizes` says how many draws it may make,
        given how many are left.
        """
        weights = self.start() if weights is None else weights
        worths = [best(weights)]
        for many in sizes(self.horizon - len(history)):
            on = sum(
                self.value_of_batches(wait, sizes, *end)
                for end in self.after_batch(many, history, weights)
            )
            worths.append(on - (wait + many * self.cost) * total(weights))
        return max(worths)

    def follow_batches(
        self, wait: float, batch: Callable[[History], int], history: History, weights: Weights
    ) -> float:
        """What one rule earns from here that draws in batches, of 0 where it stops."""
        many = batch(history)
        if many == 0:
            return best(weights)
        ends = self.after_batch(many, history, weights)
        on = sum(self.follow_batches(wait, batch, *end) for end in ends)
        return on - (wait + many * self.cost) * total(weights)

    def after_batch(self, many: int, history: History, weights: Weights):
        """Every history that so many more draws may make of this one."""
        ends = [(history, weights)]
        for _ in range(many):
            ends = [after for one in ends for after in self.after(*one)]
        return ends

    def after(self, history: History, weights: Weights):
        """Every history that one more draw may make of this one."""
        seen = {number for number, _ in history}
        for number, outcome in product(range(len(seen) + 1), range(self.levels)):
            known = [level for before, level in history if before == number]
            if known and not self.anew and outcome != known[0]:
                continue
            after: Weights = {}
            for right in {*weights, number}:
                came_from = right if right in weights else None
                after[right] = {}
                for case, (weight, values) in weights[came_from].items():
                    chance, drawn = self.chance(number, right, case, values)
                    said = self.score(outcome, known, number == right, case)
                    after[right][case] = (weight * chance * said, drawn)
            if total(after):
                yield (*history, (number, outcome)), after

    def chance(self, number, right, case, values):
        """P(that answer is drawn), and the wrong answers after it."""
        initial = self.model.initial[case[0]]
        if number == right:
            return initial, values
        after = values.copy()
        return (1 - initial) * after.draw(number), after

    def score(self, outcome, known, correct, case):
        """P(what is said of the answer), which was said of it before."""
        if self.model.scores is None or (known and not self.anew):
            return 1.0
        k, z, _ = case
        chance = self.model.scores.levels[int(correct), outcome, k, z]
        rho, m = self.model.scores.correlation or 0.0, len(known)
        if not known:
            return chance
        return (rho * known.count(outcome) + (1 - rho) * chance) / (1 + (m - 1) * rho)

    @property
    def levels(self) -> int:
        """How many things a score may say."""
        return 1 if self.model.scores is None else self.model.scores.levels.shape[1]

    @property
    def anew(self) -> bool:
        """Whether an answer's verdict is drawn anew each time."""
        return self.model.scores is not None and self.model.scores.correlation is not None

    def histories(self, most: int) -> list[History]:
        """All histories of 1 … `most` draws."""
        found, ahead = [], [((), self.start())]
        for _ in range(most):
            ahead = [after for one in ahead for after in self.after(*one)]
            found += [history for history, _ in ahead]
        return found


def total(weights: Weights) -> float:
    """P(history)."""
    return sum(weight for cases in weights.values() for weight, _ in cases.values())


def best(weights: Weights) -> float:
    """P(history, and the answer believed most is right)."""
    rows = [
        sum(w for w, _ in cases.values()) for right, cases in weights.items() if right is not None
    ]
    return max(rows, default=0.0)
