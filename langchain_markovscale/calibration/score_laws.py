"""Scores with an intercept by question, fitted to labelled attempts by maximum likelihood.

The law is that of `theory/intercept.py`, its likelihood that of `theory/scores.py`, with each
question's class averaged over what its labels say of it. With labels y known, a question is seen
only through a few sums over its distinct scored answers, so that all questions are one array.

Right and wrong answers have the same spread, s₁ = s₀ = s: with unequal ones the ratio of densities
turns, and the lowest score becomes better evidence than a middling one.

Priors are weak and normal: γ ~ N(0, .5²), μ₁−μ₀ ~ N(0, 2²), ln ω ~ N(−.5, 1), ln s ~ N(0, 1).
What scores say *within* a question is seen only where both a right and a wrong answer were scored.
Where few questions have both, μ₁−μ₀ is taken to be about half of what the labels show across
questions: μ₁−μ₀ = rD with r ~ N(.5, .4²).

Of right and of wrong answers one verdict each way is imagined, which is a uniform prior of the
chances σ(a₁) and σ(a₀). So verdicts that were never seen to fail are not believed to be infallible:
decisions take 35 of 35 for 36 of 37.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.sufficient_statistics import Scores
from langchain_markovscale.theory.intercept import (
    GradedScores,
    TwoValuedScores,
    log_chance,
    log_odds,
    nodes,
)

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats]]

ENOUGH_BOTH = 20
"""With fewer questions of which a right and a wrong answer were scored, μ₁−μ₀ is half assumed."""

_MOST_KNOTS = 200
_NODES = 15  # as in `theory/scores.py`
_IMAGINED = 1.0  # verdicts each way, of right and of wrong answers
_BOUNDS = (-5.0, 3.0)  # of logarithms of standard deviations


class _Normal(NamedTuple):
    """A normal prior."""

    mean: float
    deviation: float

    def slope(self, value: float) -> float:
        """Return the derivative of −ln of the density."""
        return (value - self.mean) / self.deviation**2

    def penalty(self, value: float) -> float:
        """Return −ln of the density, up to a constant."""
        return 0.5 * ((value - self.mean) / self.deviation) ** 2


_DIFFERENCE, _DIFFICULTY = _Normal(0.0, 2.0), _Normal(0.0, 0.5)
_LOG_INTERCEPT, _LOG_SPREAD = _Normal(-0.5, 1.0), _Normal(0.0, 1.0)


@dataclass(frozen=True)
class Answers:
    """Distinct scored answers, one entry for each.

    An answer scored m times counts by its mean, as m/(1+(m−1)ρ) independent scores.

    Attributes:
        mean: The mean of what its scores stand for: x, or 1 for accepted and 0 for rejected.
        weight: As how many independent scores it counts.
        correct: The label.
        question: Which of the Q questions it belongs to, from 0.
        classes: P(class | labels) of each question, shape (Q, K).
        log_odds: η_k of the classes, shape (K,).
    """

    mean: Floats
    weight: Floats
    correct: NDArray[np.bool_]
    question: NDArray[np.int64]
    classes: Floats
    log_odds: Floats

    @classmethod
    def of_scores(
        cls, scores: Scores, values: Floats, correlation: float, classes: Floats, initial: Floats
    ) -> "Answers":
        """Gather the scores of each answer.

        Args:
            scores: Labelled scores.
            values: What each of them stands for, in the same order.
            correlation: ρ, of scores of the same answer.
            classes: P(class | labels) of each question, shape (all questions, K).
            initial: p₀ of the classes, shape (K,).
        """
        named = scores.answer * 2 + scores.correct
        _, first, answer, many = np.unique(
            named, return_index=True, return_inverse=True, return_counts=True
        )
        rows, question = np.unique(scores.question[first], return_inverse=True)
        return cls(
            np.bincount(answer, values) / many,
            many / (1 + (many - 1) * correlation),
            scores.correct[first],
            question,
            classes[rows],
            log_odds(initial),
        )

    @property
    def both(self) -> int:
        """How many questions have both a right and a wrong answer among them."""
        right, wrong = (np.bincount(self.question, self.correct == y) for y in (True, False))
        return int(((right > 0) & (wrong > 0)).sum())

    def sums(self, values: Floats) -> Floats:
        """Sum values by question and label, wrong ones first, shape (Q, 2)."""
        cell = self.question * 2 + self.correct
        counts = np.bincount(cell, values, 2 * len(self.classes))
        return counts.astype(np.float64).reshape(-1, 2)

    def difference(self, pooled: float) -> _Normal:
        """Return the prior of μ₁−μ₀, which is D across questions."""
        if self.both >= ENOUGH_BOTH:
            return _DIFFERENCE
        return _Normal(0.5 * pooled, max(0.4 * abs(pooled), 0.01))


def fit_law(
    scores: Scores,
    *,
    threshold: float,
    correlation: float,
    classes: Floats,
    initial: Floats,
) -> GradedScores | TwoValuedScores:
    """Fit how scores depend on the answer and on its question.

    Two distinct scores are verdicts; more are graded.

    Args:
        scores: Labelled scores; both labels must occur.
        threshold: A score of at least this much accepts.
        correlation: ρ, of scores of the same answer.
        classes: P(class | its labels) of each question, shape (Q, K); `scores.question` are rows.
        initial: p₀ of the classes, shape (K,).
    """
    distinct = np.unique(scores.score)
    if len(distinct) <= 2:
        accepted = (scores.score >= threshold).astype(np.float64)
        answers = Answers.of_scores(scores, accepted, correlation, classes, initial)
        return _fit_two_valued(answers)
    at, x = knots(scores.score)
    values = np.interp(scores.score, at, x)
    answers = Answers.of_scores(scores, values, correlation, classes, initial)
    return _fit_graded(answers, at, x)


def knots(scores: Floats) -> tuple[Floats, Floats]:
    """Return scores and x, the normal quantile of their mid-rank, for at most 200 of them."""
    from scipy.special import ndtri

    distinct, counts = np.unique(scores, return_counts=True)
    upto = np.cumsum(counts)
    if len(distinct) > _MOST_KNOTS:
        wanted = np.linspace(1, len(scores), _MOST_KNOTS)
        kept = np.unique(np.searchsorted(upto, wanted))
        distinct, counts, upto = distinct[kept], counts[kept], upto[kept]
    return distinct, ndtri((upto - counts / 2) / len(scores))


def graded_objective(answers: Answers, difference: _Normal) -> Objective:
    """Return −ln of the posterior of (μ₀, μ₁−μ₀, γ, ln ω, ln s), and its gradient."""
    # Sums over the answers of a question: of e and ex by label, (Q, 2), of ex² and 1, (Q, 1).
    weight, pull = answers.sums(answers.weight), answers.sums(answers.weight * answers.mean)
    square, many = (
        answers.sums(values).sum(axis=1, keepdims=True)
        for values in (answers.weight * answers.mean**2, np.ones_like(answers.mean))
    )
    eta, log_classes = answers.log_odds, log_chance(answers.classes)
    priors = (difference, _DIFFICULTY, _LOG_INTERCEPT, _LOG_SPREAD)

    def objective(point: Floats) -> tuple[float, Floats]:
        wrong, apart, difficulty = point[:3]
        intercept, spread = np.exp(point[3:])
        precision = spread**-2.0
        centres = np.array([wrong, wrong + apart])[:, None] + difficulty * eta  # (2, K)
        total = precision * (pull.sum(axis=1, keepdims=True) - weight @ centres)  # T, (Q, K)
        squares = precision * (weight @ centres**2 - 2 * pull @ centres + square)
        counted = precision * weight.sum(axis=1, keepdims=True)  # S
        known = 1 + intercept**2 * counted
        z = intercept * total / known
        logs = np.log(known) - many * np.log(precision)
        log_joint = log_classes - 0.5 * (squares - z * z * known + logs)
        log_chances = np.logaddexp.reduce(log_joint, axis=1)

        # Derivatives by Fisher's identity: what they are with z known, averaged over z.
        share = np.exp(log_joint - log_chances[:, None])
        share_z, share_zz = share * z, share * (z * z + 1 / known)
        by_weight, weight_z = weight.T @ share, weight.T @ share_z  # (2, K)
        by_pull, pull_z = pull.T @ share, pull.T @ share_z
        residual = by_pull - centres * by_weight
        by_mean = precision * (residual - intercept * weight_z)
        by_intercept = (share_z * total).sum() - intercept * (share_zz * counted).sum()
        squared = (
            (square.T @ share).sum()
            - (centres * (by_pull + residual)).sum()
            - 2 * intercept * (pull_z - centres * weight_z).sum()
            + intercept**2 * (weight.T @ share_zz).sum()
        )
        slopes = [
            by_mean.sum(),
            by_mean[1].sum(),
            (by_mean @ eta).sum(),
            intercept * by_intercept,
            squared * precision - many.sum(),
        ]
        return _with_priors(log_chances.sum(), slopes, point, priors)

    return objective


def two_valued_objective(answers: Answers, difference: _Normal) -> Objective:
    """Return −ln of the posterior of (a₀, a₁−a₀, γ, ln ω), and its gradient."""
    accepted, every = (
        answers.sums(values) for values in (answers.weight * answers.mean, answers.weight)
    )
    # Wrong and right ones rejected, then accepted, by question.
    counts = np.concatenate([every - accepted, accepted], axis=1)
    classes = log_chance(answers.classes)
    alike, times = np.unique(
        np.concatenate([counts, classes], axis=1).round(9), axis=0, return_counts=True
    )
    counts, classes = alike[:, :4], alike[:, 4:]
    points, weights = nodes(_NODES)
    eta, n_classes = answers.log_odds, len(answers.log_odds)
    log_prior = (classes[:, :, None] + np.log(weights)).reshape(len(alike), -1)
    priors = (difference, _DIFFICULTY, _LOG_INTERCEPT)

    def objective(point: Floats) -> tuple[float, Floats]:
        wrong, apart, difficulty = point[:3]
        intercept = np.exp(point[3])
        levels = np.array([wrong, wrong + apart])
        shared = difficulty * eta[:, None] + intercept * points
        logits = levels[:, None, None] + shared  # (2, K, Z)
        table = -np.logaddexp(0, np.stack([logits, -logits])).reshape(4, -1)
        log_joint = counts @ table + log_prior
        log_chances = np.logaddexp.reduce(log_joint, axis=1)
        share = np.exp(log_joint - log_chances[:, None]) * times[:, None]
        expected = (counts.T @ share).reshape(2, 2, n_classes, -1)
        chance = 1 / (1 + np.exp(-logits))
        by_logit = expected[1] * (1 - chance) - expected[0] * chance
        imagined = 1 / (1 + np.exp(-levels))
        by_level = by_logit.sum(axis=(1, 2)) + _IMAGINED * (1 - 2 * imagined)
        slopes = [
            by_level.sum(),
            by_level[1],
            (by_logit.sum(axis=(0, 2)) @ eta).sum(),
            intercept * (by_logit.sum(axis=(0, 1)) @ points).sum(),
        ]
        total = log_chances @ times
        total -= _IMAGINED * (np.logaddexp(0, levels) + np.logaddexp(0, -levels)).sum()
        return _with_priors(total, slopes, point, priors)

    return objective


def _with_priors(
    log_chance: float, slopes: list[float], point: Floats, priors: Sequence[_Normal]
) -> tuple[float, Floats]:
    """Add normal priors to a log likelihood, of all parameters but the first; return −ln."""
    own = list(zip(priors, point[1:].tolist(), strict=True))
    penalty = sum(prior.penalty(value) for prior, value in own)
    push = [0.0, *(prior.slope(value) for prior, value in own)]
    return float(penalty - log_chance), np.array(push) - slopes


def _fit_graded(answers: Answers, at: Floats, x: Floats) -> GradedScores:
    wrong, right = (answers.mean[answers.correct == label].mean() for label in (False, True))
    difference = answers.difference(right - wrong)
    start = [wrong, (right - wrong) / 2, 0.1, _LOG_INTERCEPT.mean, -0.2]
    best = _best(graded_objective(answers, difference), start)
    wrong, apart, difficulty = best[:3]
    intercept, spread = np.exp(best[3:])
    return GradedScores(
        right=wrong + apart,
        wrong=wrong,
        right_spread=spread,
        wrong_spread=spread,
        difficulty=difficulty,
        intercept=intercept,
        scores=tuple(at.tolist()),
        quantiles=tuple(x.tolist()),
        cuts=tuple(np.quantile(answers.mean, (1 / 3, 2 / 3)).tolist()),
    )


def _fit_two_valued(answers: Answers) -> TwoValuedScores:
    every = answers.sums(answers.weight).sum(axis=0)
    accepted = answers.sums(answers.weight * answers.mean).sum(axis=0)
    wrong, right = log_odds((accepted + _IMAGINED) / (every + 2 * _IMAGINED))
    difference = answers.difference(right - wrong)
    start = [wrong, (right - wrong) / 2, 0.0, _LOG_INTERCEPT.mean]
    wrong, apart, difficulty, log_intercept = _best(
        two_valued_objective(answers, difference), start
    )
    return TwoValuedScores(wrong + apart, wrong, difficulty, float(np.exp(log_intercept)))


def _best(objective: Objective, start: list[float]) -> Floats:
    from scipy.optimize import minimize

    bounds = [(None, None)] * 3 + [_BOUNDS] * (len(start) - 3)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x)
