"""How reliable a verifier's scores are, measured on labelled attempts.

Scores tell right answers from wrong ones across all questions, and between answers of one question;
the two are not the same, since scores also tell easy questions from hard ones. Both are measured,
beside sensitivity and specificity at one accept threshold and the correlation of repeated scores. A
verifier that is not clearly better than chance in either way gets no weight at all. What its scores
then say of an answer is fitted in `score_laws.py`.

Intervals are by resampling questions (see `resampling.py`). The draws of s and u have an honest
spread where a verifier was never seen to make a mistake, and decisions on several draws inherit it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.resampling import (
    by_block,
    intraclass,
    question_weights,
    share,
    share_draws,
)
from langchain_markovscale.calibration.score_laws import ENOUGH_BOTH, fit_law, knots
from langchain_markovscale.calibration.sufficient_statistics import Scores
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.display.wording import counted, percent
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores

Floats = NDArray[np.float64]

_MOST_BINS = 20
_PRIOR_CORRELATION, _PRIOR_REPEATS = 0.5, 10.0
_CHANCE = 0.5


@dataclass(frozen=True)
class MeasuredVerifier:
    """The rates of a verifier, by its labelled scores.

    Attributes:
        scores: The labelled scores that it was measured on.
        accept_threshold: A score of at least this much accepts.
        sensitivity: s = P(accept | correct).
        specificity: u = P(reject | wrong).
        correlation: ρ, the intra-class correlation of repeated scores of one answer, beyond what
            the answers of a question have in common.
        auc: Chance that a correct attempt scores above a wrong one; NaN if unmeasured.
        auc_interval: Its interval over questions.
        auc_within: The same chance for two attempts at the same question, in the mean over the
            questions that have both; None where none has.
        auc_within_interval: Its interval over questions.
        both: How many questions have both a right and a wrong answer scored.
        reliability: For each bin of scores: mean score, share correct, attempts; shape (bins, 3).
        draws: Draws of (s, u) from their posterior with the question as the unit, shape (B, 2).
    """

    scores: Scores
    accept_threshold: float
    sensitivity: float
    specificity: float
    correlation: float
    auc: float
    auc_interval: tuple[float, float]
    auc_within: float | None
    auc_within_interval: tuple[float, float]
    both: int
    reliability: Floats
    draws: Floats

    @property
    def n(self) -> int:
        """How many labelled scores it was measured on."""
        return len(self.scores.score)

    @property
    def informative(self) -> bool:
        """Whether the whole interval of either AUC is better than chance."""
        return max(self.auc_interval[0], self.auc_within_interval[0]) > _CHANCE

    @property
    def outcomes(self) -> dict[str, tuple[int, int]]:
        """How often right answers were accepted and not, and wrong ones rejected and not."""
        accepted, right = self.scores.score >= self.accept_threshold, self.scores.correct
        n_right, n_wrong = int(right.sum()), int((~right).sum())
        hits, rejections = int((accepted & right).sum()), int((~accepted & ~right).sum())
        return {
            "sensitivity": (hits, n_right - hits),
            "specificity": (rejections, n_wrong - rejections),
        }

    def law(self, classes: Floats, initial: Floats) -> GradedScores | TwoValuedScores | None:
        """Fit what scores say of an answer; None where they get no weight.

        Args:
            classes: P(class | its labels) of each question, shape (Q, K), in the order of the
                traces, as `Scores.question` numbers them.
            initial: p₀ of the classes, shape (K,).
        """
        if not self.informative:
            return None
        return fit_law(
            self.scores,
            threshold=self.accept_threshold,
            correlation=self.correlation,
            classes=classes,
            initial=initial,
        )

    @property
    def warnings(self) -> Iterator[str]:
        """What the user should know before relying on the verifier, in sentences."""
        if not self.n:
            return
        if np.isnan(self.auc):
            yield (
                "the verifier could not be measured, because all labels agree: its scores are "
                "given no weight."
            )
        elif not self.informative:
            auc = Estimate(self.auc, self.auc_interval)
            yield (
                "the verifier is no better than chance: it scores a correct answer above a wrong "
                f"one in {percent(auc.value)} of pairs (interval {auc.span}). Its scores are given "
                "no weight."
            )
        elif self.both < ENOUGH_BOTH:
            have = "has" if self.both == 1 else "have"
            yield (
                f"only {counted(self.both, 'question')} {have} both a right and a wrong answer "
                "scored: how well scores tell the answers of one question apart can hardly be "
                "measured, and is taken to be about half of what they tell across questions."
            )


def fit_scores(
    scores: Scores,
    *,
    accept_threshold: float | None,
    level: float,
    n_draws: int,
    rng: np.random.Generator,
) -> MeasuredVerifier:
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
        return _unmeasured(scores, accept_threshold, n_draws)
    edges = _edges(scores.score)
    bins = np.searchsorted(edges, scores.score, side="right")
    tallies = _by_question(scores, bins, len(edges) + 1)  # (Q, 2, bins): wrong, correct
    total = tallies.sum(axis=0)
    weights = question_weights(len(tallies), n_draws, rng)
    tails = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(_auc(np.tensordot(weights, by_block(tallies), axes=1)), tails)
    threshold = _best_threshold(total, edges) if accept_threshold is None else accept_threshold
    accepted = scores.score >= threshold
    verdicts = _by_question(scores, accepted.astype(np.int64), 2)
    rates = [(verdicts[:, label, label], verdicts[:, label].sum(axis=1)) for label in (1, 0)]
    sensitivity, specificity = (share(*rate) for rate in rates)
    draws = np.stack([share_draws(*rate, weights, rng) for rate in rates], axis=1)
    within, both = _within(scores)
    auc_within, span_within = None, (0.0, 1.0)
    if both.any():
        auc_within = float(within.sum() / both.sum())
        drawn = share_draws(within, both.astype(np.float64), weights, rng)
        span_within = tuple(np.quantile(drawn, tails).tolist())
    many = np.maximum(np.bincount(bins, minlength=len(edges) + 1), 1)
    mean_score = np.bincount(bins, scores.score, len(edges) + 1) / many
    model = MeasuredVerifier(
        scores,
        float(threshold),
        sensitivity,
        specificity,
        _correlation(scores, accepted),
        float(_auc(total[None])[0]),
        (float(low), float(high)),
        auc_within,
        span_within,
        int(both.sum()),
        np.stack([mean_score, total[1] / many, total.sum(axis=0)], axis=1),
        draws,
    )
    return model if model.informative else _without_weight(model)


def _unmeasured(scores: Scores, accept_threshold: float | None, n_draws: int) -> MeasuredVerifier:
    return MeasuredVerifier(
        scores,
        0.5 if accept_threshold is None else accept_threshold,
        0.5,
        0.5,
        _PRIOR_CORRELATION,
        float("nan"),
        (0.0, 1.0),
        None,
        (0.0, 1.0),
        0,
        np.empty((0, 3)),
        np.full((n_draws, 2), 0.5),
    )


def _without_weight(model: MeasuredVerifier) -> MeasuredVerifier:
    return replace(model, sensitivity=0.5, specificity=0.5, draws=np.full_like(model.draws, 0.5))


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


def _by_question(scores: Scores, bins: NDArray[np.int64], n_bins: int) -> Floats:
    """Count by question, label and bin, shape (Q, 2, bins)."""
    _, question = np.unique(scores.question, return_inverse=True)
    questions = int(question.max()) + 1
    cell = (question * 2 + scores.correct) * n_bins + bins
    counts = np.bincount(cell, minlength=questions * 2 * n_bins)
    return counts.reshape(questions, 2, n_bins).astype(np.float64)


def _auc(tallies: Floats) -> Floats:
    """Area under the curve from counts by label and bin, shape (B, 2, bins) → (B,)."""
    wrong, right = tallies[:, 0], tallies[:, 1]
    below = np.cumsum(wrong, axis=1) - wrong / 2
    pairs = wrong.sum(axis=1) * right.sum(axis=1)
    return np.asarray((right * below).sum(axis=1) / np.maximum(pairs, 1e-9))


def _within(scores: Scores) -> tuple[Floats, NDArray[np.bool_]]:
    """Return each question's own AUC, and whether it has one; by the ranks of right attempts."""
    _, question = np.unique(scores.question, return_inverse=True)
    order = np.lexsort((scores.score, question))
    question, score, right = question[order], scores.score[order], scores.correct[order]
    new = np.append(True, (np.diff(question) != 0) | (np.diff(score) != 0))
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, len(new)))
    place = np.repeat(starts + (sizes + 1) / 2, sizes)  # ties share the middle of their places
    n = np.bincount(question)
    rank = place - (np.cumsum(n) - n)[question]
    n_right = np.bincount(question, right)
    both = (n_right > 0) & (n_right < n)
    above = np.bincount(question, rank * right) - n_right * (n_right + 1) / 2
    return np.where(both, above / np.maximum(n_right * (n - n_right), 1), 0.0), both


def _best_threshold(tallies: Floats, edges: Floats) -> float:
    missed = np.cumsum(tallies[1])[:-1] / tallies[1].sum()
    rejected = np.cumsum(tallies[0])[:-1] / tallies[0].sum()
    return float(edges[np.argmax(rejected - missed)]) if len(edges) else 0.5


def _correlation(scores: Scores, accepted: NDArray[np.bool_]) -> float:
    """Nested analysis of variance: answers within the question and label, scores within answers.

    What the answers of a question have in common is taken out, so that it is seen only where a
    question has several answers of one label, some scored again; shrunk where that is seldom.
    """
    value = accepted.astype(np.float64)
    if len(np.unique(scores.score)) > 2:
        value = np.interp(scores.score, *knots(scores.score))
    _, kind = np.unique(scores.question * 2 + scores.correct, return_inverse=True)
    _, answer = np.unique(scores.answer * 2 + scores.correct, return_inverse=True)
    of_answer = np.zeros(answer.max() + 1, dtype=np.int64)
    of_answer[answer] = kind
    used = np.bincount(of_answer)[kind] > 1
    value, kind, answer = value[used], kind[used], answer[used]
    n, n_answers, n_kinds = len(value), len(np.unique(answer)), len(np.unique(kind))
    repeats, several = n - n_answers, n_answers - n_kinds
    if not repeats or not several:
        return _PRIOR_CORRELATION

    def means(group: NDArray[np.int64]) -> tuple[Floats, Floats]:
        many = np.bincount(group)[group].astype(np.float64)
        return np.bincount(group, value)[group] / many, many

    (of_kind, in_kind), (mean, in_answer) = means(kind), means(answer)
    between = ((mean - of_kind) ** 2).sum() / several
    within = ((value - mean) ** 2).sum() / repeats
    size = (n - (in_answer / in_kind).sum()) / several
    seen = min(repeats, several)
    weight = seen / (seen + _PRIOR_REPEATS)
    return weight * intraclass(between, within, size) + (1 - weight) * _PRIOR_CORRELATION
