"""What graded scores say of answers, with an intercept by question that is integrated exactly.

    ln f = −½ [ Σ r_i²/s_y² − ω²T²/(1+ω²S) + ln(1+ω²S) + Σ ln s_y² ],   r_i = x_i − μ_y − γη_k,
    S = Σ 1/s_y²,   T = Σ r_i/s_y²,   z | k, h ~ N(ωT/(1+ω²S), 1/(1+ω²S))

over the distinct answers that were scored (see `theory/intercept.py` and `theory/scores.py`). The
mean of m scores of the same answer, ρ their correlation, has variance s²(1+(m−1)ρ)/m.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.intercept import (
    GradedScores,
    even_nodes,
    log_odds,
    nodes,
    normal_below,
)
from langchain_markovscale.theory.scores import Scored, ScoreTable

Floats = NDArray[np.float64]

Shares = tuple[float, float, float]
"""A/(1+ω²S), S/(1+ω²S) and 1/(1+ω²S): z ~ N(ω(A − gS)/(1+ω²S), 1/(1+ω²S))."""

_TABLE_NODES = 9  # of levels of scores, which are smooth in z
_REACH, _STEP = 6.0, 0.2  # of z given scores, which may leave little room for it


class GradedModel:
    """Graded scores with an intercept by question.

    Args:
        law: How they depend on answer and question.
        initial: p₀ of the classes, shape (K,).
        threshold: A score of at least this much accepts.
        correlation: ρ, of scores of the same answer.
    """

    anew = False

    def __init__(
        self, law: GradedScores, initial: Floats, threshold: float, correlation: float
    ) -> None:
        self._law, self._threshold, self._correlation = law, threshold, correlation
        self._shared = law.difficulty * log_odds(initial)
        self._powers = np.stack([np.ones_like(initial), self._shared, self._shared**2])
        self._means = law.wrong, law.right
        self._variances = law.wrong_spread**2, law.right_spread**2
        # What right ones add to V; that of wrong ones is a constant, whichever of them is right.
        self._log_ratio = log(self._variances[1] / self._variances[0])
        self.accept_from = law.quantile(threshold)
        spread = np.array(self._variances)[:, None, None]
        self._precisions, self._log_spreads = -0.5 / spread, 0.5 * np.log(spread)
        points, self.weights = even_nodes(_REACH, _STEP)
        self._at_nodes = self._means_at(points)
        self.accepted = 1 - self._below_at(self.accept_from, self._at_nodes)

    def evidence(self, scored: Iterable[Scored], hypotheses: int) -> "_GradedEvidence":
        """Return what the scores of a run say, see `ScoreModel.evidence`.

        With g = γη_k, S, A = Σ (x−μ)/s², B = Σ (x−μ)²/s² and V = Σ ln s²,

            ln f = −½ [ B − ω²A²/(1+ω²S) + ln(1+ω²S) + V − 2gA/(1+ω²S) + g²S/(1+ω²S) ]
        """
        law, spread = self._law, self._law.intercept**2
        of_wrong, of_right = self._variances
        precision = pull = squares = 0.0  # S, A and B if all are wrong
        change = [(0.0, 0.0, 0.0, 0.0)] * hypotheses  # of S, A, B and V if one is right
        for hypothesis, scores in scored:
            x, many = self._mean(scores), len(scores)
            size = many / (1 + (many - 1) * self._correlation)
            residual, inverse = x - law.wrong, size / of_wrong
            pulled = residual * inverse
            precision += inverse
            pull += pulled
            squares += residual * pulled
            if hypothesis >= 0:
                above, tighter = x - law.right, size / of_right
                instead = above * tighter
                change[hypothesis] = (
                    tighter - inverse,
                    instead - pulled,
                    above * instead - residual * pulled,
                    self._log_ratio,
                )
        rows, shares = [], list[Shares]()
        for more_precision, more_pull, more_squares, logs in change:
            shrunk = 1 + spread * (precision + more_precision)
            pulled = (pull + more_pull) / shrunk
            apart = squares + more_squares - spread * pulled**2 * shrunk + log(shrunk) + logs
            precise = (precision + more_precision) / shrunk
            rows.append((-0.5 * apart, pulled, -0.5 * precise))
            shares.append((pulled, precise, 1 / shrunk))
        return _GradedEvidence(np.array(rows).dot(self._powers), shares, self)

    def log_chances(self, score: float) -> Floats:
        """Return ln f(x) of a wrong and of a right answer, shape (2, K, Z), up to a constant."""
        residual = self._law.quantile(score) - self._at_nodes
        return np.asarray(residual * residual * self._precisions - self._log_spreads)

    def accepts(self, scores: Sequence[float]) -> tuple[int, int]:
        """Return how many scores accept, and how many reject."""
        accepted = sum([score >= self._threshold for score in scores])
        return accepted, len(scores) - accepted

    def level(self, scores: Sequence[float]) -> int:
        """Return the level of an answer's scores."""
        return bisect_right(self._law.cuts, self._mean(scores))

    @property
    def plain_level(self) -> int:
        """The level that says least."""
        return 1

    @property
    def table(self) -> ScoreTable:
        """What a plan ahead needs."""
        points, weights = nodes(_TABLE_NODES)
        means = self._means_at(points)
        below = [self._below_at(cut, means) for cut in self._law.cuts]
        edges = np.stack([np.zeros_like(means), *below, np.ones_like(means)], axis=1)
        return ScoreTable(weights, np.diff(edges, axis=1), None)

    def _means_at(self, points: Floats) -> Floats:
        """The mean of x of a wrong and of a right answer, shape (2, K, Z)."""
        shared = self._shared[:, None] + self._law.intercept * points
        return np.array(self._means)[:, None, None] + shared

    def _below_at(self, cut: float, means: Floats) -> Floats:
        return normal_below((cut - means) / np.sqrt(self._variances)[:, None, None])

    def _mean(self, scores: Sequence[float]) -> float:
        return sum(map(self._law.quantile, scores)) / len(scores)

    def below(self, cuts: Sequence[float], shares: Sequence[Shares]) -> Floats:
        """Return P(x < cut | wrong or right, h, k), shape (cuts, 2, H, K).

        Args:
            cuts: Values of x.
            shares: What is known of z, see `evidence`, for each hypothesis.
        """
        spread = self._law.intercept**2
        at = []  # the quantile is a + b·g
        for cut in cuts:
            for mean, within in zip(self._means, self._variances, strict=True):
                for pull, precision, variance in shares:
                    scale = 1 / sqrt(within + spread * variance)
                    known = cut - mean - spread * pull
                    at.append((known * scale, (spread * precision - 1) * scale))
        quantiles = np.array(at).dot(self._powers[:2])
        return normal_below(quantiles.reshape(len(cuts), 2, len(shares), -1))

    @property
    def cuts(self) -> Sequence[float]:
        """Where x goes from one level to the next, two values."""
        return self._law.cuts


class _GradedEvidence:
    def __init__(self, log_chances: Floats, shares: Sequence[Shares], model: GradedModel) -> None:
        self.log_chances, self._shares, self._model = log_chances, shares, model

    def accepted(self) -> Floats:
        return np.asarray(1 - self._model.below([self._model.accept_from], self._shares)[0])

    def levels(self) -> Floats:
        low, high = self._model.below(self._model.cuts, self._shares)
        return np.stack([low, high - low, 1 - high])
