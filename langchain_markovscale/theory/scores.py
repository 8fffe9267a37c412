"""What a verifier's scores say of answers: f(x | right or wrong, k) of the model.

Scores of the same answer are not independent, for a verifier repeats its mistakes: m of them count
as m/(1+(m−1)ρ) times their mean log density, which is exact at ρ = 0 and 1.
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.rates import Rates

Floats = NDArray[np.float64]

_IMPOSSIBLE = 1e-300  # stands for a chance of 0, so that contradictions leave a posterior


class ScoreLikelihood:
    """How likely scores are: by step, by whether the answer is right, and by class.

    Where a likelihood ratio by score is known, it is what a step says, and tells nothing of the
    class; else there are two steps, reject and accept.

    Args:
        cuts: Increasing scores at which the steps begin, from the second on.
        table: ln f by step, for a wrong and for a right answer, shape (S, 2, K).
        correlation: ρ, of scores of the same answer.

    Attributes:
        steps: S, how many steps of scores there are.
        no_weights: What the scores of an answer that has none count for, by step.
    """

    def __init__(self, cuts: Sequence[float], table: Floats, correlation: float) -> None:
        self._cuts, self._table, self._correlation = cuts, table, correlation
        self.steps = len(table)
        self.no_weights = [0.0] * self.steps

    @classmethod
    def of(cls, rates: Rates) -> "ScoreLikelihood":
        """Return what rates say of scores: a ratio by step where there is one, else verdicts."""
        if rates.score_cuts:
            ratios = np.array(rates.score_log_ratios)[:, None] + np.zeros(rates.n_classes)
            table = np.stack([np.zeros_like(ratios), ratios], axis=1)
            return cls(rates.score_cuts, table, rates.verdict_correlation)
        s, u = rates.arrays.sensitivity, rates.arrays.specificity
        return cls.of_verdicts(rates.accept_threshold, s, u, rates.verdict_correlation)

    @classmethod
    def of_verdicts(
        cls, threshold: float, sensitivity: Floats, specificity: Floats, correlation: float
    ) -> "ScoreLikelihood":
        """Return the likelihood of two steps, reject and accept; s and u have the shape (K,)."""
        reject, accept = [specificity, 1 - sensitivity], [1 - specificity, sensitivity]
        return cls((threshold,), log_chance(np.array([reject, accept])), correlation)

    @property
    def by_step(self) -> Floats:
        """ln f by step of wrong answers, then how much more it is of right ones, shape (2S, K)."""
        wrong, right = self._table[:, 0], self._table[:, 1]
        return np.vstack([wrong, right - wrong])

    def log_chances(self, score: float) -> Floats:
        """Return ln f(x) of a wrong and of a right answer, shape (2, K), up to a constant."""
        return np.asarray(self._table[bisect_right(self._cuts, score)])

    def weights(self, scores: Sequence[float]) -> list[float]:
        """Return how much the scores of one answer count for each of the S steps."""
        counts = self.no_weights.copy()
        each = 1 / (1 + (len(scores) - 1) * self._correlation)
        for score in scores:
            counts[bisect_right(self._cuts, score)] += each
        return counts


def log_chance(chances: Floats) -> Floats:
    """Return ln of chances; that of what can't happen is very low, and finite."""
    return np.asarray(np.log(np.maximum(chances, _IMPOSSIBLE)))
