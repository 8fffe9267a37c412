"""How reliable a verifier's scores are, measured on labelled attempts.

The likelihood ratio of a score is estimated as a rising step function (isotonic regression over
quantile bins), beside sensitivity and specificity at one accept threshold and the correlation of
repeated verdicts. A verifier that is not clearly better than chance gets no weight at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.sufficient_statistics import Scores

Floats = NDArray[np.float64]

_MOST_BINS = 20
_MOST_BLOCKS = 500  # questions are resampled in at most this many blocks
_HALF = 0.5  # pseudo-counts each way
_PRIOR_CORRELATION, _PRIOR_REPEATS = 0.5, 10.0


@dataclass(frozen=True)
class ScoreModel:
    """The rates of a verifier, by its labelled scores.

    Attributes:
        n: Labelled scores that it was measured on.
        accept_threshold: A score of at least this much accepts.
        sensitivity: s = P(accept | correct).
        specificity: u = P(reject | wrong).
        correlation: ρ, the intra-class correlation of repeated scores of one answer.
        cuts: Scores at which the likelihood ratio steps up; empty where only accept or reject
            is used.
        log_ratios: ln f_C/f_W below, between and above the cuts.
        auc: Chance that a correct attempt scores above a wrong one; NaN if unmeasured.
        auc_interval: Its interval over questions.
        reliability: For each bin of scores: mean score, share correct, attempts; shape (bins, 3).
        draws: Bootstrap draws of (s, u) over questions, shape (B, 2).
    """

    n: int
    accept_threshold: float
    sensitivity: float
    specificity: float
    correlation: float
    cuts: tuple[float, ...]
    log_ratios: tuple[float, ...]
    auc: float
    auc_interval: tuple[float, float]
    reliability: Floats
    draws: Floats

    @property
    def informative(self) -> bool:
        """Whether the whole interval of the AUC is better than chance."""
        return self.auc_interval[0] > 0.5


def fit_scores(
    scores: Scores,
    *,
    accept_threshold: float | None,
    level: float,
    n_draws: int,
    rng: np.random.Generator,
) -> ScoreModel:
    """Measure a verifier.

    Args:
        scores: Labelled scores.
        accept_threshold: Where to accept; None for the threshold that separates best, by Youden's
            index s + u − 1.
        level: Coverage of the interval, in (0, 1).
        n_draws: Bootstrap draws over questions.
        rng: Source of randomness.
    """
    n_right, n = int(scores.correct.sum()), len(scores.score)
    if not 0 < n_right < n:
        return _unmeasured(n, accept_threshold, n_draws)
    edges = _edges(scores.score)
    bins = np.searchsorted(edges, scores.score, side="right")
    tallies = _blocks(scores, bins, len(edges) + 1)  # (blocks, 2, bins): wrong, correct
    shares = rng.multinomial(len(tallies), np.full(len(tallies), 1 / len(tallies)), n_draws)
    total = tallies.sum(axis=0)
    resampled = np.tensordot(shares, tallies, axes=1)

    low, high = np.quantile(_auc(resampled), [(1 - level) / 2, (1 + level) / 2])
    threshold = _best_threshold(total, edges) if accept_threshold is None else accept_threshold
    accepted = scores.score >= threshold
    verdicts = _blocks(scores, accepted.astype(np.int64), 2)
    draws = _rates(np.tensordot(shares, verdicts, axes=1))
    sensitivity, specificity = _rates(verdicts.sum(axis=0)[None])[0]
    cuts, log_ratios = _steps(total, edges) if len(edges) > 1 else ((), ())
    if low <= 0.5:
        sensitivity, specificity, cuts, log_ratios = 0.5, 0.5, (), ()
        draws = np.full((n_draws, 2), 0.5)
    many = np.maximum(np.bincount(bins, minlength=len(edges) + 1), 1)
    mean_score = np.bincount(bins, scores.score, len(edges) + 1) / many
    return ScoreModel(
        n,
        float(threshold),
        float(sensitivity),
        float(specificity),
        _correlation(scores),
        cuts,
        log_ratios,
        float(_auc(total[None])[0]),
        (float(low), float(high)),
        np.stack([mean_score, total[1] / many, total.sum(axis=0)], axis=1),
        draws,
    )


def _unmeasured(n: int, accept_threshold: float | None, n_draws: int) -> ScoreModel:
    return ScoreModel(
        n,
        0.5 if accept_threshold is None else accept_threshold,
        0.5,
        0.5,
        _PRIOR_CORRELATION,
        (),
        (),
        float("nan"),
        (0.0, 1.0),
        np.empty((0, 3)),
        np.full((n_draws, 2), 0.5),
    )


def _edges(values: Floats) -> Floats:
    """Edges midway between neighbouring scores, at quantiles where there are many."""
    distinct = np.unique(values)
    middle = (distinct[1:] + distinct[:-1]) / 2
    bins = min(_MOST_BINS, max(2, int(np.sqrt(len(values)) / 2)))
    if len(distinct) <= bins:
        return np.asarray(middle)
    wanted = np.quantile(values, np.arange(1, bins) / bins)
    places = np.clip(np.searchsorted(distinct, wanted), 0, len(middle) - 1)
    return np.asarray(middle[np.unique(places)])


def _blocks(scores: Scores, bins: NDArray[np.int64], n_bins: int) -> Floats:
    """Count by block of questions, label and bin, shape (blocks, 2, bins)."""
    _, question = np.unique(scores.question, return_inverse=True)
    n_blocks = min(int(question.max()) + 1, _MOST_BLOCKS)
    cell = (question % n_blocks * 2 + scores.correct) * n_bins + bins
    counts = np.bincount(cell, minlength=n_blocks * 2 * n_bins)
    return counts.reshape(n_blocks, 2, n_bins).astype(np.float64)


def _auc(tallies: Floats) -> Floats:
    """Area under the curve from counts by label and bin, shape (B, 2, bins) → (B,)."""
    wrong, right = tallies[:, 0], tallies[:, 1]
    below = np.cumsum(wrong, axis=1) - wrong / 2
    pairs = wrong.sum(axis=1) * right.sum(axis=1)
    return np.asarray((right * below).sum(axis=1) / np.maximum(pairs, 1))


def _rates(verdicts: Floats) -> Floats:
    """Sensitivity and specificity from counts by label and verdict, (B, 2, 2) → (B, 2)."""
    own = np.stack([verdicts[:, 1, 1], verdicts[:, 0, 0]], axis=1)
    every = np.stack([verdicts[:, 1].sum(axis=1), verdicts[:, 0].sum(axis=1)], axis=1)
    return np.asarray((own + _HALF) / (every + 2 * _HALF))


def _best_threshold(tallies: Floats, edges: Floats) -> float:
    missed = np.cumsum(tallies[1])[:-1] / tallies[1].sum()
    rejected = np.cumsum(tallies[0])[:-1] / tallies[0].sum()
    return float(edges[np.argmax(rejected - missed)]) if len(edges) else 0.5


def _steps(tallies: Floats, edges: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Pool neighbouring bins until the share of correct ones rises, then take ratios."""
    from scipy.optimize import isotonic_regression

    wrong, right = tallies
    every = wrong + right
    share = isotonic_regression(right / np.maximum(every, 1), weights=np.maximum(every, 1e-9)).x
    first = np.flatnonzero(np.append(True, np.diff(share) > 1e-12))
    wrong, right = np.add.reduceat(wrong, first), np.add.reduceat(right, first)
    n = len(first) * _HALF
    ratios = np.log((right + _HALF) / (right.sum() + n)) - np.log(
        (wrong + _HALF) / (wrong.sum() + n)
    )
    return tuple(edges[first[1:] - 1].tolist()), tuple(np.maximum.accumulate(ratios).tolist())


def _correlation(scores: Scores) -> float:
    """One-way analysis of variance of scores within label, by answer; shrunk where seldom seen."""
    means = np.array([scores.score[scores.correct == label].mean() for label in (False, True)])
    residual = scores.score - means[scores.correct.astype(np.int64)]
    _, answer, sizes = np.unique(scores.answer, return_inverse=True, return_counts=True)
    n, groups = len(residual), len(sizes)
    repeats = n - groups
    if not repeats or groups < 2:
        return _PRIOR_CORRELATION
    group_mean = np.bincount(answer, residual) / sizes
    between = (sizes * (group_mean - residual.mean()) ** 2).sum() / (groups - 1)
    within = ((residual - group_mean[answer]) ** 2).sum() / repeats
    size = (n - (sizes**2).sum() / n) / (groups - 1)
    spread = between + (size - 1) * within
    measured = np.clip((between - within) / spread, 0, 1) if spread > 0 else 1.0
    weight = repeats / (repeats + _PRIOR_REPEATS)
    return float(weight * measured + (1 - weight) * _PRIOR_CORRELATION)
