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
        rates: What is known of the verifier.

    Attributes:
        steps: S, how many steps of scores there are.
        no_weights: What the scores of an answer that has none count for, by step.
    """

    def __init__(self, rates: Rates) -> None:
        self._correlation = rates.verdict_correlation
        if rates.score_cuts:
            self._cuts = rates.score_cuts
            ratios = np.array(rates.score_log_ratios)[:, None] + np.zeros(rates.n_classes)
            self._table = np.stack([np.zeros_like(ratios), ratios], axis=1)
        else:
            self._cuts = (rates.accept_threshold,)
            s, u = rates.arrays.sensitivity, rates.arrays.specificity
            self._table = log_chance(np.array([[u, 1 - s], [1 - u, s]]))
        self.steps = len(self._table)
        self.no_weights = [0.0] * self.steps

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
