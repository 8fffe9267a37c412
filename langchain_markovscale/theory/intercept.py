"""A verifier knows questions better than answers: how scores depend on both.

The scores of one question share its difficulty and the verifier's mood, so they have a random
intercept by question, z ~ N(0, 1), beside the class's η_k = logit p₀ₖ. With x the normal quantile
of a graded score's rank among the scores it was fitted to:

    graded       x | right ~ N(μ₁ + γη_k + ωz, s₁²)     x | wrong ~ N(μ₀ + γη_k + ωz, s₀²)
    two-valued   accepted with logit a₁ + γη_k + ωz if right, a₀ + γη_k + ωz if wrong

ω = γ = 0 is a verifier of which only sensitivity and specificity are known.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.validation import TOLERANCE, numbers

Floats = NDArray[np.float64]

_ROOT_HALF = 0.5**0.5
_AT = np.arange(-8, 8.001, 1 / 512)
_BELOW = np.array([erfc(-at * _ROOT_HALF) / 2 for at in _AT.tolist()])
_IMPOSSIBLE = 1e-300  # stands for a chance of 0, so that contradictions leave a posterior
_MOST_LOGIT = 30.0


def log_chance(chances: Floats) -> Floats:
    """Return ln of chances; that of what can't happen is very low, and finite."""
    return np.asarray(np.log(np.maximum(chances, _IMPOSSIBLE)))


def log_odds(chances: Floats) -> Floats:
    """Return η = logit of chances, those of 0 and 1 very low and high, and finite."""
    return np.clip(log_chance(chances) - log_chance(1 - chances), -_MOST_LOGIT, _MOST_LOGIT)


def nodes(count: int) -> tuple[Floats, Floats]:
    """Return points and weights, each of shape (count,), that stand for z ~ N(0, 1)."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    return points, weights / weights.sum()


def even_nodes(reach: float, step: float) -> tuple[Floats, Floats]:
    """Return evenly spaced points from −reach to reach, and weights, that stand for z ~ N(0, 1).

    What is smooth and fades on both sides is summed almost exactly by equal steps, however narrow
    it is, down to a standard deviation of about one step.
    """
    points = np.arange(-reach, reach + step / 2, step)
    weights = np.exp(-(points**2) / 2)
    return points, weights / weights.sum()


def normal_below(values: Floats) -> Floats:
    """Return P(x < value) of x ~ N(0, 1), to six digits.

    Between steps of a table: numpy has no error function, and scipy takes a tenth of a second to
    import.
    """
    return np.asarray(np.interp(values, _AT, _BELOW))


@dataclass(frozen=True)
class GradedScores:
    """How graded scores depend on the answer and on its question.

    Attributes:
        right: μ₁, the mean of x for right answers, before the question's share.
        wrong: μ₀, that for wrong ones.
        right_spread: s₁ > 0, the standard deviation within a question for right answers.
        wrong_spread: s₀ > 0, that for wrong ones.
        difficulty: γ, how much x rises with η_k of the question's class.
        intercept: ω ≥ 0, the standard deviation of the intercept between questions.
        scores: Rising scores at which the normal quantile of the rank is known.
        quantiles: x at these scores, never falling; in between it is interpolated.
        cuts: x between low, middling and high scores, for planning; by default its terciles.

    Raises:
        ValueError: If a value leaves its range, or lengths differ.
    """

    right: float
    wrong: float
    right_spread: float
    wrong_spread: float
    difficulty: float
    intercept: float
    scores: tuple[float, ...]
    quantiles: tuple[float, ...]
    cuts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_finite(self, ("right", "wrong", "difficulty", "intercept"))
        _check_finite(self, ("right_spread", "wrong_spread"), least=1e-6)
        if self.intercept < 0:
            raise ValueError(f"scores.intercept must be at least 0, got {self.intercept!r:.80}.")
        for name in ("scores", "quantiles"):
            values = np.atleast_1d(numbers(f"scores.{name}", getattr(self, name)))
            object.__setattr__(self, name, tuple(values.tolist()))
        at, x = np.array(self.scores), np.array(self.quantiles)
        rising = np.all(np.diff(at) > 0) and np.all(np.diff(x) >= 0)
        if not len(at) or len(at) != len(x) or not rising or not np.all(np.isfinite(x)):
            raise ValueError(
                "scores.scores must rise and have as many scores.quantiles, which must not fall, "
                f"got {len(at)} and {len(x)} of them."
            )
        cuts = tuple(np.quantile(x, (1 / 3, 2 / 3)).tolist()) if self.cuts == () else self.cuts
        low_to_high = np.atleast_1d(numbers("scores.cuts", cuts))
        if (
            len(low_to_high) != 2
            or not np.all(np.isfinite(low_to_high))
            or np.diff(low_to_high) < 0
        ):
            raise ValueError(f"scores.cuts must be two rising numbers, got {self.cuts!r:.80}.")
        object.__setattr__(self, "cuts", tuple(low_to_high.tolist()))

    @property
    def say_nothing(self) -> bool:
        """Whether right and wrong answers of a question are scored alike."""
        alike = abs(self.right_spread - self.wrong_spread) <= TOLERANCE
        return alike and abs(self.right - self.wrong) <= TOLERANCE

    def quantile(self, score: float) -> float:
        """Return x, the normal quantile of a score's rank."""
        above = bisect_right(self.scores, score)
        if above == 0:
            return self.quantiles[0]
        if above == len(self.scores):
            return self.quantiles[-1]
        low, high = self.scores[above - 1 : above + 1]
        low_x, high_x = self.quantiles[above - 1 : above + 1]
        return low_x + (high_x - low_x) * (score - low) / (high - low)


@dataclass(frozen=True)
class TwoValuedScores:
    """How verdicts, accept or reject, depend on the answer and on its question.

    Attributes:
        right: a₁, the log-odds that a right answer is accepted, before the question's share.
        wrong: a₀, that for a wrong one.
        difficulty: γ, how much they rise with η_k of the question's class.
        intercept: ω ≥ 0, the standard deviation of the intercept between questions.

    Raises:
        ValueError: If a value leaves its range.
    """

    right: float
    wrong: float
    difficulty: float
    intercept: float

    def __post_init__(self) -> None:
        _check_finite(self, ("right", "wrong", "difficulty", "intercept"))
        if self.intercept < 0:
            raise ValueError(f"scores.intercept must be at least 0, got {self.intercept!r:.80}.")

    @property
    def say_nothing(self) -> bool:
        """Whether right and wrong answers of a question are accepted alike."""
        return abs(self.right - self.wrong) <= TOLERANCE

    def accepted(self, initial: Floats, points: Floats) -> Floats:
        """Return P(accept | wrong or right, k, z), shape (2, K, Z).

        Args:
            initial: p₀ of the classes, shape (K,).
            points: Values of z, shape (Z,).
        """
        shared = self.difficulty * log_odds(initial)[:, None] + self.intercept * points
        logits = np.array([self.wrong, self.right])[:, None, None] + shared
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -_MOST_LOGIT, _MOST_LOGIT))))


def _check_finite(law: object, names: Sequence[str], least: float = -1e6) -> None:
    for name in names:
        value = numbers(f"scores.{name}", getattr(law, name))
        if value.ndim or not least <= value <= 1e6:
            raise ValueError(
                f"scores.{name} must be one finite number of at least {least:g}, got "
                f"{getattr(law, name)!r}."
            )
        object.__setattr__(law, name, float(value))
