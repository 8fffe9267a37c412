"""What a verifier's scores say of answers: f(x | right or wrong, k) of the model.

The question's intercept z (see `theory/intercept.py`) is summed over nodes for two-valued scores,
which are here, and integrated exactly for graded ones (`theory/graded_scores.py`).

Scores of the same answer are not independent, for a verifier repeats its mistakes. With ρ their
correlation, m verdicts count as m/(1+(m−1)ρ) times their mean log density, which is exact at ρ = 0
and 1.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import add
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.intercept import TwoValuedScores, log_chance, nodes

Floats = NDArray[np.float64]
Scored = tuple[int, Sequence[float]]
"""An answer and its scores: the number of the hypothesis that it is right, or a negative one for an
answer without a key, which no hypothesis calls right."""

_NODES = 15  # five are not enough for two-valued verdicts: beliefs were off by .1 to .2


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

    def evidence(self, scored: Iterable[Scored], hypotheses: int) -> ScoreEvidence:
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
        self.steps = len(log_steps)
        wrong, right = log_steps[:, 0], log_steps[:, 1]
        by_step = np.concatenate([wrong, right - wrong])
        self._shape = by_step.shape[1:]
        self._by_step = by_step.reshape(2 * self.steps, -1)
        # What is asked of each node: its own weight, and that times the chance of acceptance.
        asked = weights * np.concatenate([np.ones((1, *self._shape)), accepted])
        self._asked = np.ascontiguousarray(asked.transpose(1, 2, 0))

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

    def evidence(self, scored: Iterable[Scored], hypotheses: int) -> ScoreEvidence:
        """Return what the scores of a run say, see `ScoreModel.evidence`."""
        if_wrong = [0.0] * self.steps
        if_right = [if_wrong] * hypotheses
        for hypothesis, scores in scored:
            counts = self.counts(scores)
            if_wrong = [*map(add, if_wrong, counts)]
            if hypothesis >= 0:
                if_right[hypothesis] = counts
        rows: list[float] = []
        for counts in if_right:
            rows += if_wrong
            rows += counts
        logs = np.array(rows).reshape(hypotheses, -1).dot(self._by_step)
        if len(self.weights) == 1:
            return _OneNode(logs, self.accepted)
        return _SteppedEvidence(logs.reshape(hypotheses, *self._shape), self._asked)

    def log_chances(self, score: float) -> Floats:
        """Return ln f(x) of a wrong and of a right answer, shape (2, K, Z)."""
        return np.asarray(self._log_steps[bisect_right(self._cuts, score)])

    def accepts(self, scores: Sequence[float]) -> tuple[int, int]:
        """Return how many scores accept, and how many reject."""
        accepted = sum([score >= self._threshold for score in scores])
        return accepted, len(scores) - accepted

    def level(self, scores: Sequence[float]) -> int:
        """Return the level of an answer's scores."""
        accepted, rejected = self.accepts(scores)
        return int(accepted > rejected)

    @property
    def plain_level(self) -> int:
        """The level that says least."""
        ratios = log_chance(self.accepted[1]) - log_chance(self.accepted[0])
        against = log_chance(1 - self.accepted[1]) - log_chance(1 - self.accepted[0])
        return int(np.abs(ratios).mean() < np.abs(against).mean())

    @property
    def table(self) -> ScoreTable:
        """What a plan ahead needs."""
        levels = np.stack([1 - self.accepted, self.accepted], axis=1)
        return ScoreTable(self.weights, levels, self._correlation)


class _OneNode:
    """What scores say where they do not depend on the question beyond its class."""

    def __init__(self, log_chances: Floats, accepted: Floats) -> None:
        self.log_chances, self._accepted = log_chances, accepted

    def accepted(self) -> Floats:
        accepted = np.empty((2, *self.log_chances.shape))
        accepted[:] = self._accepted.transpose(0, 2, 1)
        return accepted

    def levels(self) -> Floats:
        accepted = self.accepted()
        return np.stack([1 - accepted, accepted])


class _SteppedEvidence:
    """What scores say, nodes of the intercept summed out.

    Args:
        logs: ln f(scores | h, k, z), shape (H, K, Z).
        asked: P(z), P(z and a wrong answer is accepted) and P(z and a right one is), by class,
            shape (K, Z, 3).
    """

    def __init__(self, logs: Floats, asked: Floats) -> None:
        largest = np.maximum.reduce(logs, axis=-1, keepdims=True)
        by_class = np.exp(logs - largest).transpose(1, 0, 2)
        self._sums = np.ascontiguousarray(np.matmul(by_class, asked).T)
        self.log_chances = largest[..., 0] + np.log(self._sums[0])

    def accepted(self) -> Floats:
        return np.asarray(self._sums[1:] / self._sums[0])

    def levels(self) -> Floats:
        accepted = self.accepted()
        return np.stack([1 - accepted, accepted])
