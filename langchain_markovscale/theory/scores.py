"""What a verifier's scores say of answers: f(x | right or wrong, k) of the model.

The question's intercept z (see `theory/intercept.py`) is integrated exactly for graded scores,

    ln f = −½ [ Σ r_i²/s_y² − ω²T²/(1+ω²S) + ln(1+ω²S) + Σ ln s_y² ],   r_i = x_i − μ_y − γη_k,
    S = Σ 1/s_y²,   T = Σ r_i/s_y²,   z | k, h ~ N(ωT/(1+ω²S), 1/(1+ω²S))

over the distinct answers that were scored, and by quadrature for two-valued ones.

Scores of the same answer are not independent, for a verifier repeats its mistakes. With ρ their
correlation, the mean of m graded scores has variance s²(1+(m−1)ρ)/m, and m verdicts count as
m/(1+(m−1)ρ) times their mean log density, which is exact at ρ = 0 and 1.
"""

from bisect import bisect_right
from collections.abc import Sequence
from math import log
from operator import add, sub
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.intercept import (
    GradedScores,
    TwoValuedScores,
    even_nodes,
    log_chance,
    log_odds,
    nodes,
    normal_below,
)

Floats = NDArray[np.float64]
Scored = tuple[int, Sequence[float]]
"""An answer and its scores: the number of the hypothesis that it is right, or −1 for an answer
without a key, which no hypothesis calls right."""

_NODES = 15  # five are not enough for two-valued verdicts: beliefs were off by .1 to .2
_TABLE_NODES = 9  # of levels of graded scores, which are smooth in z
_REACH, _STEP = 6.0, 0.2  # of z given graded scores, which may leave little room for it


class ScoreTable(NamedTuple):
    """What a plan ahead needs to know of scores, by class k and node z of the intercept.

    Attributes:
        weights: P(z), shape (Z,).
        levels: P(level of an answer's score | wrong or right, k, z), shape (2, L, K, Z).
        correlation: ρ of verdicts that are drawn anew for the same answer, where L is 2; None
            where an answer keeps the level that it first got.
    """

    weights: Floats
    levels: Floats
    correlation: float | None


class ScoreEvidence(Protocol):
    """What the scores of a run say under each hypothesis, and what they let expect."""

    @property
    def log_chances(self) -> Floats:
        """ln f(scores | h, k), up to a constant, shape (H, K)."""

    def accepted(self) -> Floats:
        """P(an answer not yet scored is accepted | wrong or right, h, k), shape (2, H, K)."""

    def levels(self) -> Floats:
        """P(level of its score | wrong or right, h, k), shape (L, 2, H, K)."""


class ScoreModel(Protocol):
    """f(x | right or wrong, k) of one verifier."""

    def evidence(self, scored: Sequence[Scored], hypotheses: int) -> ScoreEvidence:
        """Return what the scores of a run say.

        Args:
            scored: Each distinct answer that was scored, with its scores.
            hypotheses: H, how many hypotheses there are; the last is that none is right.
        """

    @property
    def anew(self) -> bool:
        """Whether an answer's verdict is drawn anew each time, with correlation ρ."""

    @property
    def weights(self) -> Floats:
        """P(z) of the nodes that stand for the intercept, shape (Z,)."""

    @property
    def accepted(self) -> Floats:
        """P(accept | wrong or right, k, z), shape (2, K, Z)."""

    def log_chances(self, score: float) -> Floats:
        """Return ln f(x) of a wrong and of a right answer, shape (2, K, Z), up to a constant."""

    def accepts(self, scores: Sequence[float]) -> tuple[int, int]:
        """Return how many of an answer's scores accept it, and how many reject it."""

    def level(self, scores: Sequence[float]) -> int:
        """Return the level of an answer's scores, as `ScoreTable` has them."""

    @property
    def plain_level(self) -> int:
        """The level that says least, which stands for an answer without a score."""

    @property
    def table(self) -> ScoreTable:
        """What a plan ahead needs."""


class SteppedModel:
    """Scores of which only the step matters: reject or accept, or the steps of a ratio.

    Args:
        cuts: Rising scores at which the steps begin, from the second on.
        log_steps: ln f by step, for a wrong and for a right answer, shape (S, 2, K, Z).
        accepted: P(accept | wrong or right, k, z), shape (2, K, Z).
        weights: P(z), shape (Z,).
        threshold: A score of at least this much accepts.
        correlation: ρ, of scores of the same answer.
    """

    anew = True

    def __init__(
        self,
        cuts: Sequence[float],
        log_steps: Floats,
        accepted: Floats,
        weights: Floats,
        threshold: float,
        correlation: float,
    ) -> None:
        self._cuts, self._log_steps = cuts, log_steps
        self._threshold, self._correlation = threshold, correlation
        self.accepted, self.weights = accepted, weights
        self._levels = np.stack([1 - accepted, accepted], axis=1)  # (2, L, K, Z)
        self.steps = len(log_steps)
        wrong, right = log_steps[:, 0], log_steps[:, 1]
        by_step = np.concatenate([wrong, right - wrong])
        self._shape = by_step.shape[1:]
        self._by_step = by_step.reshape(2 * self.steps, -1)
        self._log_weights = log_chance(weights)

    @classmethod
    def of_verdicts(
        cls, threshold: float, sensitivity: Floats, specificity: Floats, correlation: float
    ) -> "SteppedModel":
        """Return the model of a verifier with s and u by class, each of shape (K,)."""
        accepted = np.stack([1 - specificity, sensitivity])[:, :, None]
        return cls._of_accepted(threshold, accepted, np.ones(1), correlation)

    @classmethod
    def of_ratios(
        cls, cuts: Sequence[float], log_ratios: Sequence[float], verdicts: "SteppedModel"
    ) -> "SteppedModel":
        """Return the model of a known likelihood ratio by step, which tells nothing of the class.

        Args:
            cuts: Rising scores at which the ratio steps up.
            log_ratios: ln of the ratio, one more than there are cuts.
            verdicts: What is known of the same verifier's verdicts.
        """
        accepted = verdicts.accepted
        ratios = np.array(log_ratios)[:, None, None] + np.zeros(accepted.shape[1:])
        steps = np.stack([np.zeros_like(ratios), ratios], axis=1)
        return cls(cuts, steps, accepted, np.ones(1), verdicts._threshold, verdicts._correlation)

    @classmethod
    def of_scores(
        cls, law: TwoValuedScores, initial: Floats, threshold: float, correlation: float
    ) -> "SteppedModel":
        """Return the model of two-valued scores with an intercept by question."""
        points, weights = nodes(_NODES)
        return cls._of_accepted(threshold, law.accepted(initial, points), weights, correlation)

    @classmethod
    def _of_accepted(
        cls, threshold: float, accepted: Floats, weights: Floats, correlation: float
    ) -> "SteppedModel":
        steps = log_chance(np.stack([1 - accepted, accepted]))
        return cls((threshold,), steps, accepted, weights, threshold, correlation)

    @property
    def log_ratios(self) -> Floats:
        """ln f(right) − ln f(wrong) by step, shape (S, K · Z)."""
        return self._by_step[self.steps :]

    def counts(self, scores: Sequence[float]) -> list[float]:
        """Return how much the scores of one answer count for each of the S steps."""
        counts = [0.0] * self.steps
        each = 1 / (1 + (len(scores) - 1) * self._correlation)
        for score in scores:
            counts[bisect_right(self._cuts, score)] += each
        return counts

    def evidence(self, scored: Sequence[Scored], hypotheses: int) -> "_SteppedEvidence":
        """Return what the scores of a run say, see `ScoreModel.evidence`."""
        rows = np.zeros((hypotheses, 2 * self.steps))
        for hypothesis, scores in scored:
            counts = self.counts(scores)
            rows[:, : self.steps] += counts
            if hypothesis >= 0:
                rows[hypothesis, self.steps :] = counts
        log_joint = rows.dot(self._by_step).reshape(hypotheses, *self._shape)
        return _SteppedEvidence(log_joint + self._log_weights, self.accepted)

    def log_chances(self, score: float) -> Floats:
        """Return ln f(x) of a wrong and of a right answer, shape (2, K, Z)."""
        return np.asarray(self._log_steps[bisect_right(self._cuts, score)])

    def accepts(self, scores: Sequence[float]) -> tuple[int, int]:
        """Return how many scores accept, and how many reject."""
        accepted = sum(score >= self._threshold for score in scores)
        return accepted, len(scores) - accepted

    def level(self, scores: Sequence[float]) -> int:
        """Return the level of an answer's scores."""
        accepted, rejected = self.accepts(scores)
        return int(accepted > rejected)

    @property
    def plain_level(self) -> int:
        """The level that says least."""
        wrong, right = log_chance(self._levels)
        rejects, accepts = np.abs(right - wrong).mean(axis=(1, 2))
        return int(accepts < rejects)

    @property
    def table(self) -> ScoreTable:
        """What a plan ahead needs."""
        return ScoreTable(self.weights, self._levels, self._correlation)


class _SteppedEvidence:
    def __init__(self, log_joint: Floats, accepted: Floats) -> None:
        self._accepted = accepted
        self._one = log_joint.shape[-1] == 1
        if self._one:
            self.log_chances = log_joint[..., 0]
            return
        largest = log_joint.max(axis=-1, keepdims=True)
        self._joint = np.exp(log_joint - largest)
        self._total = np.add.reduce(self._joint, axis=-1)
        self.log_chances = largest[..., 0] + np.log(self._total)

    def accepted(self) -> Floats:
        if self._one:
            return np.broadcast_to(self._accepted[:, None, :, 0], (2, *self.log_chances.shape))
        return np.asarray(np.einsum("hkz,ykz->yhk", self._joint, self._accepted) / self._total)

    def levels(self) -> Floats:
        accepted = self.accepted()
        return np.stack([1 - accepted, accepted])


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
        self._means = np.array([law.wrong, law.right])[:, None] + self._shared  # (2, K)
        self._powers = -0.5 * np.stack([np.ones_like(initial), self._shared, self._shared**2])
        self._variances = np.array([law.wrong_spread, law.right_spread]) ** 2
        self._log_variances = np.log(self._variances).tolist()
        self._cuts = np.array(law.cuts)
        self._accept_from = np.array([law.quantile(threshold)])
        points, self.weights = even_nodes(_REACH, _STEP)
        self._at_nodes = self._means[:, :, None] + law.intercept * points  # (2, K, Z)
        self.accepted = 1 - self._below_at(self._accept_from, self._at_nodes)

    def evidence(self, scored: Sequence[Scored], hypotheses: int) -> "_GradedEvidence":
        """Return what the scores of a run say, see `ScoreModel.evidence`.

        With g = γη_k, S, A = Σ (x−μ)/s², B = Σ (x−μ)²/s² and V = Σ ln s²,

            ln f = −½ [ B − ω²A²/(1+ω²S) + ln(1+ω²S) + V − 2gA/(1+ω²S) + g²S/(1+ω²S) ]
        """
        law, spread = self._law, self._law.intercept**2
        nothing = (0.0, 0.0, 0.0, 0.0)
        all_wrong = nothing
        if_right = [nothing] * hypotheses
        for hypothesis, scores in scored:
            x, many = self._mean(scores), len(scores)
            size = many / (1 + (many - 1) * self._correlation)
            wrong = self._moments(x - law.wrong, size, 0)
            all_wrong = tuple(map(add, all_wrong, wrong))
            if hypothesis >= 0:
                right = self._moments(x - law.right, size, 1)
                if_right[hypothesis] = tuple(map(sub, right, wrong))
        rows, shares = [], []
        for change in if_right:
            precision, pull, squares, logs = map(add, all_wrong, change)
            shrunk = 1 + spread * precision
            apart = squares - spread * pull**2 / shrunk + log(shrunk) + logs
            rows.append((apart, -2 * pull / shrunk, precision / shrunk))
            shares.append((pull / shrunk, precision / shrunk, 1 / shrunk))
        return _GradedEvidence(np.array(rows).dot(self._powers), np.array(shares), self)

    def _moments(self, residual: float, size: float, label: int) -> tuple[float, ...]:
        """Return what an answer adds to S, A, B and V."""
        inverse = size / self._variances[label]
        pull = residual * inverse
        return inverse, pull, residual * pull, self._log_variances[label]

    def log_chances(self, score: float) -> Floats:
        """Return ln f(x) of a wrong and of a right answer, shape (2, K, Z), up to a constant."""
        residual = self._law.quantile(score) - self._at_nodes
        spread = self._variances[:, None, None]
        return np.asarray(-0.5 * (residual**2 / spread + np.log(spread)))

    def accepts(self, scores: Sequence[float]) -> tuple[int, int]:
        """Return how many scores accept, and how many reject."""
        accepted = sum(score >= self._threshold for score in scores)
        return accepted, len(scores) - accepted

    def level(self, scores: Sequence[float]) -> int:
        """Return the level of an answer's scores."""
        return int((self._mean(scores) >= self._cuts).sum())

    @property
    def plain_level(self) -> int:
        """The level that says least."""
        return 1

    @property
    def table(self) -> ScoreTable:
        """What a plan ahead needs."""
        points, weights = nodes(_TABLE_NODES)
        means = self._means[:, :, None] + self._law.intercept * points
        below = [self._below_at(cut, means) for cut in self._cuts]
        edges = np.stack([np.zeros_like(means), *below, np.ones_like(means)], axis=1)
        return ScoreTable(weights, np.diff(edges, axis=1), None)

    def _below_at(self, cut: float, means: Floats) -> Floats:
        return normal_below((cut - means) / np.sqrt(self._variances)[:, None, None])

    def _mean(self, scores: Sequence[float]) -> float:
        return sum(map(self._law.quantile, scores)) / len(scores)

    def below(self, cuts: Floats, shares: Floats) -> Floats:
        """Return P(x < cut | wrong or right, h, k), shape (cuts, 2, H, K).

        Args:
            cuts: Values of x.
            shares: A/(1+ω²S), S/(1+ω²S) and 1/(1+ω²S) of z, see `evidence`, shape (H, 3).
        """
        spread = self._law.intercept**2
        pull, precision, variance = shares.T[:, :, None]
        centres = self._means[:, None] + spread * (pull - precision * self._shared)
        spreads = np.sqrt(self._variances[:, None, None] + spread * variance)
        return normal_below((cuts[:, None, None, None] - centres) / spreads)

    @property
    def cuts(self) -> Floats:
        """Where x goes from one level to the next, shape (2,)."""
        return self._cuts

    @property
    def accept_from(self) -> Floats:
        """The x from which a score accepts, shape (1,)."""
        return self._accept_from


class _GradedEvidence:
    def __init__(self, log_chances: Floats, shares: Floats, model: GradedModel) -> None:
        self.log_chances, self._shares, self._model = log_chances, shares, model

    def accepted(self) -> Floats:
        return np.asarray(1 - self._model.below(self._model.accept_from, self._shares)[0])

    def levels(self) -> Floats:
        low, high = self._model.below(self._model.cuts, self._shares)
        return np.stack([low, high - low, 1 - high])
