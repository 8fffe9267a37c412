"""The loop as a game against chance, played out to the end of every branch.

A question has a class and one right answer among a closed list, both unknown to whoever decides.
The weight of a branch is a table over (right answer, class), so that the value of a rule and the
best value that any rule could have come out exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from worlds import ACCEPT, REJECT, attempt

from langchain_markovscale import Attempt, Criterion, Rates


@dataclass(frozen=True)
class Game:
    """Rates with κ = 1/(answers − 1), a cost for each attempt after the first, and a limit.

    Where verdicts stick, an answer judged again gets the verdict that it got at first.
    """

    rates: Rates
    answers: int
    cost: float
    max_rounds: int
    sticky: bool = False

    def value_of(self, criterion: Criterion) -> float:
        """What the criterion earns: the chance of being right less the costs paid."""
        return sum(
            self._follow(criterion, *branch) for branch in self._after([], None, self._start())
        )

    def best_value(self, actions: tuple[str, ...]) -> float:
        """What the best of all rules earns."""
        return sum(self._best(actions, *branch) for branch in self._after([], None, self._start()))

    def _start(self):
        return np.tile(self.rates.weights, (self.answers, 1)) / self.answers

    def _follow(self, criterion, attempts, weight):
        decision = criterion.decide(attempts)
        if decision["action"] == "stop":
            return weight[int(attempts[decision["best"]]["key"])].sum()
        after = self._after(attempts, decision["parent"], weight)
        return sum(self._follow(criterion, *branch) for branch in after) - self.cost * weight.sum()

    def _best(self, actions, attempts, weight):
        latest = {one["key"]: index for index, one in enumerate(attempts)}
        value = max(weight[int(key)].sum() for key in latest)
        if len(attempts) == self.max_rounds:
            return value
        parents = [None] * ("generate" in actions) + list(latest.values()) * ("revise" in actions)
        for parent in parents:
            after = self._after(attempts, parent, weight)
            paid = sum(self._best(actions, *branch) for branch in after) - self.cost * weight.sum()
            value = max(value, paid)
        return value

    def _after(
        self, attempts: list[Attempt], parent: int | None, weight: np.ndarray
    ) -> Iterator[tuple[list[Attempt], np.ndarray]]:
        """All that can come of one more attempt; one answer stands for all those not yet seen."""
        seen = {one["key"]: one["score"] for one in attempts}
        moved = self._moves(None if parent is None else int(attempts[parent]["key"]))
        right = np.eye(self.answers, dtype=bool)
        for answer in range(min(len(seen) + 1, self.answers)):
            alike = 1 if str(answer) in seen else self.answers - len(seen)
            for score in (ACCEPT, REJECT):
                if self.sticky and str(answer) in seen:
                    verdict = float(seen[str(answer)] == score)
                else:
                    s, u = np.array(self.rates.sensitivity), np.array(self.rates.specificity)
                    accepted = np.where(right[answer][:, None], s, 1 - u)
                    verdict = accepted if score == ACCEPT else 1 - accepted
                branch = weight * moved[:, answer] * verdict
                if branch.any():
                    yield [*attempts, attempt(str(answer), score, parent)], alike * branch

    def _moves(self, before: int | None) -> np.ndarray:
        """P(next answer | right answer, class), shape (right answer, next answer, K)."""
        wrong, rates = self.answers - 1, self.rates
        moves = np.empty((self.answers, self.answers, rates.n_classes))
        for truth in range(self.answers):
            if before is None:
                to_right = np.array(rates.initial)
            else:
                to_right = (
                    1 - np.array(rates.corruption) if before == truth else np.array(rates.repair)
                )
            sigma = np.array(rates.retention)
            for answer in range(self.answers):
                if answer == truth:
                    share = to_right
                elif before in (None, truth):
                    share = (1 - to_right) / wrong
                elif answer == before:
                    share = (1 - to_right) * sigma
                else:
                    share = (1 - to_right) * (1 - sigma) / (wrong - 1)
                moves[truth, answer] = share
        return moves
