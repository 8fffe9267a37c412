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


class ScoreLaw:
    """How likely scores are: by step, by whether the answer is right, and by class.

    Where a likelihood ratio by score is known, it is what a step says, and tells nothing of the
    class; else there are two steps, reject and accept.

    Args:
        rates: What is known of the verifier.
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
        self._flat = self._table.reshape(len(self._table), -1)

    def log_chances(self, score: float) -> Floats:
        """Return ln f(x) of a wrong and of a right answer, shape (2, K), up to a constant."""
        return np.asarray(self._table[bisect_right(self._cuts, score)])

    def log_evidence(self, answers: Sequence[Sequence[float]]) -> Floats:
        """Return what the scores of J answers say if one of them is right, and if none is.

        Args:
            answers: The scores of each answer, at least one each.

        Returns:
            ln f, shape (J + 1, K): row j if answer j is right, the last row if none of them is.
        """
        steps = len(self._table)
        weights = [0.0] * (len(answers) * steps)
        for start, scores in zip(range(0, len(weights), steps), answers, strict=True):
            each = 1 / (1 + (len(scores) - 1) * self._correlation)
            for score in scores:
                weights[start + bisect_right(self._cuts, score)] += each
        by_answer = np.array(weights).reshape(-1, steps).dot(self._flat)
        n_classes = self._table.shape[2]
        wrong, right = by_answer[:, :n_classes], by_answer[:, n_classes:]
        rows = np.zeros((len(answers) + 1, n_classes))
        rows[:-1] = right - wrong
        rows += np.add.reduce(wrong)
        return rows


def log_chance(chances: Floats) -> Floats:
    """Return ln of chances; that of what can't happen is very low, and finite."""
    return np.asarray(np.log(np.maximum(chances, _IMPOSSIBLE)))
