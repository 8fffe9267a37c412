"""How accuracy moves from round to round when nothing is known but the rates.

The two-state chain over {correct, wrong} is the idea of MarkovScale (arXiv 2602.01120); the
formulas are derived anew here, and checked against matrix powers and simulation. With repair α,
corruption β and initial accuracy p₀:

    π = α/(α+β)        λ = 1−α−β        a_t = π + (p₀−π) λᵗ
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langchain_markovscale.theory.validation import (
    TOLERANCE,
    Numbers,
    non_negative,
    plain,
    probabilities,
    whole,
)

Floats = NDArray[np.float64]


class Bounds(NamedTuple):
    """The accuracies between which a loop moves.

    Attributes:
        lower: The lowest accuracy over all rounds, the first answer included.
        neutral: The level at which rounds change nothing, and to which accuracy tends.
        upper: The highest accuracy over all rounds, the first answer included.
    """

    lower: Numbers
    neutral: Numbers
    upper: Numbers


@dataclass(frozen=True, eq=False)
class TwoStateChain:
    """A reflect-and-revise loop as a Markov chain over {correct, wrong}.

    Every method works on scalars and, elementwise with broadcasting, on arrays.

    Attributes:
        repair: α = P(correct after a revision | wrong before), in [0, 1].
        corruption: β = P(wrong after a revision | correct before), in [0, 1].

    Raises:
        ValueError: If a rate is NaN or outside [0, 1], or the shapes do not go together.
    """

    repair: Any
    corruption: Any

    def __post_init__(self) -> None:
        for name in ("repair", "corruption"):
            object.__setattr__(self, name, plain(probabilities(name, getattr(self, name))))
        shapes = np.shape(self.repair), np.shape(self.corruption)
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(
                f"repair and corruption must have shapes that go together, got {shapes[0]} and "
                f"{shapes[1]}: give one number, or as many of both."
            ) from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TwoStateChain):
            return NotImplemented
        return np.array_equal(self.repair, other.repair) and np.array_equal(
            self.corruption, other.corruption
        )

    def __hash__(self) -> int:
        return hash((np.asarray(self.repair).tobytes(), np.asarray(self.corruption).tobytes()))

    @property
    def stationary_accuracy(self) -> Numbers:
        """π = α/(α+β), NaN where both rates vanish and every accuracy is stationary."""
        total = np.add(self.repair, self.corruption)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return plain(np.where(total > 0, np.divide(self.repair, total), np.nan))  # type: ignore[no-any-return]

    @property
    def eigenvalue(self) -> Numbers:
        """λ = 1−α−β in [−1, 1]: the factor by which the distance to π shrinks each round."""
        return plain(np.asarray(1.0 - np.add(self.repair, self.corruption)))  # type: ignore[no-any-return]

    @property
    def half_life(self) -> Numbers:
        """Rounds until the distance to π has halved, ln 2 / −ln|λ|; 0 at λ = 0, ∞ at |λ| = 1."""
        size = np.abs(self.eigenvalue)
        with np.errstate(divide="ignore"):
            return plain(np.where(size < 1, np.log(2) / -np.log(size), np.inf))  # type: ignore[no-any-return]

    def accuracy(self, initial: ArrayLike, rounds: ArrayLike) -> Numbers:
        """Return a_t = π + (p₀−π) λᵗ, the chance of being right after `rounds` revisions.

        Args:
            initial: p₀ in [0, 1].
            rounds: t, a whole number of revisions from 0 up.
        """
        p, t = probabilities("initial", initial), whole("rounds", rounds)
        level = self._level(p)
        return plain(np.asarray(level + (p - level) * np.power(self.eigenvalue, t)))  # type: ignore[no-any-return]

    def gain(self, initial: ArrayLike) -> Numbers:
        """Return α(1−p) − βp, what one more round adds to the chance of being right."""
        return plain(np.asarray(self._gain(probabilities("initial", initial))))  # type: ignore[no-any-return]

    def improves(self, initial: ArrayLike, cost: ArrayLike = 0.0) -> Any:
        """Return whether one more blind round gains more than it costs: α(1−p) − βp > c.

        At no cost this is p < π, and not α > β.

        Args:
            initial: p, the present chance of being right, in [0, 1].
            cost: c ≥ 0, in units of accuracy.
        """
        p, c = probabilities("initial", initial), non_negative("cost", cost)
        return plain(np.asarray(self._gain(p) > c + TOLERANCE))

    def regime(self, initial: ArrayLike) -> Any:
        """Return `"improving"`, `"neutral"` or `"degrading"`: p₀ below, at or above π."""
        gain = self._gain(probabilities("initial", initial))
        return plain(
            np.where(
                gain > TOLERANCE, "improving", np.where(gain < -TOLERANCE, "degrading", "neutral")
            )
        )

    def bounds(self, initial: ArrayLike) -> Bounds:
        """Return min and max of p₀, a₁ and π, with π between them as the neutral level.

        a₁ matters only where λ < 0 and the first round overshoots. Where both rates vanish all
        three are p₀.
        """
        p = probabilities("initial", initial)
        level, first = self._level(p), p + self._gain(p)
        low = np.minimum(np.minimum(p, first), level)
        high = np.maximum(np.maximum(p, first), level)
        return Bounds(plain(low), plain(np.asarray(level)), plain(high))

    def optimal_rounds(self, initial: ArrayLike, cost: ArrayLike, cap: int | None = None) -> Any:
        """Return T*, the number of blind revisions that maximises a_t − c·t.

        With the first gain g₀ = α(1−p₀) − βp₀: 0 if g₀ ≤ c, 1 if λ ≤ 0, ∞ if c = 0, else
        ⌈ln(c/g₀)/ln λ⌉.

        Args:
            initial: p₀ in [0, 1].
            cost: c ≥ 0 a round, in units of accuracy.
            cap: The most revisions allowed; None for no limit.

        Returns:
            A whole number (int), or `math.inf` where more rounds always pay; floats for arrays.
        """
        p, c = probabilities("initial", initial), non_negative("cost", cost)
        gain, eigenvalue = self._gain(p), np.asarray(self.eigenvalue)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            rounds = np.select(
                [gain <= c + TOLERANCE, eigenvalue <= 0, c == 0],
                [0.0, 1.0, np.inf],
                np.ceil(np.log(c / gain) / np.log(eigenvalue) - TOLERANCE),
            )
        return _whole_or_inf(rounds if cap is None else np.minimum(rounds, whole("cap", cap)))

    def rounds_to_reach(self, target: ArrayLike, initial: ArrayLike) -> Any:
        """Return the fewest revisions after which accuracy is at least `target`, ∞ if none is.

        Args:
            target: τ in [0, 1].
            initial: p₀ in [0, 1].
        """
        goal, p = probabilities("target", target), probabilities("initial", initial)
        level, eigenvalue = self._level(p), np.asarray(self.eigenvalue)
        first = p + self._gain(p)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            needed = np.ceil(np.log((level - goal) / (level - p)) / np.log(eigenvalue) - TOLERANCE)
        rounds = np.select(
            [
                goal <= p,
                (eigenvalue <= 0) & (goal <= first + TOLERANCE),
                (eigenvalue > 0) & (eigenvalue < 1) & (goal < level),
            ],
            [0.0, 1.0, needed],
            np.inf,
        )
        return _whole_or_inf(rounds)

    def rounds_to_within(self, distance: ArrayLike, initial: ArrayLike) -> Any:
        """Return the fewest revisions after which |a_t − π| ≤ `distance`.

        0 if `distance` ≥ |p₀−π|, 1 if λ = 0, ∞ if |λ| = 1, else ⌈ln(ε/|p₀−π|)/ln|λ|⌉.

        Args:
            distance: ε > 0, in units of accuracy.
            initial: p₀ in [0, 1].
        """
        wanted, p = non_negative("distance", distance), probabilities("initial", initial)
        away, size = np.abs(p - self._level(p)), np.abs(self.eigenvalue)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            rounds = np.select(
                [wanted >= away, size == 0, size == 1, wanted == 0],
                [0.0, 1.0, np.inf, np.inf],
                np.ceil(np.log(wanted / away) / np.log(size) - TOLERANCE),
            )
        return _whole_or_inf(rounds)

    def threshold(self, cost: ArrayLike = 0.0) -> Numbers:
        """Return π − c/(α+β): one more blind round pays iff the belief is below it.

        −∞ where both rates vanish, since no round then changes anything.
        """
        c = non_negative("cost", cost)
        total = np.add(self.repair, self.corruption)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return plain(np.where(total > 0, (self.repair - c) / total, -np.inf))  # type: ignore[no-any-return]

    def gated(self, sensitivity: ArrayLike, specificity: ArrayLike) -> "TwoStateChain":
        """Return the chain in which only rejected answers are revised: α' = αu, β' = β(1−s).

        Its stationary accuracy is 1 for a perfect verifier, π for an uninformative one
        (s + u = 1) and 0 for an adversarial one.

        Args:
            sensitivity: s = P(accept | correct), in [0, 1].
            specificity: u = P(reject | wrong), in [0, 1].
        """
        s, u = probabilities("sensitivity", sensitivity), probabilities("specificity", specificity)
        return TwoStateChain(self.repair * u, self.corruption * (1 - s))

    def _level(self, initial: Floats) -> Floats:
        """π, or p₀ itself where both rates vanish."""
        level = np.asarray(self.stationary_accuracy)
        return np.where(np.isnan(level), initial, level)

    def _gain(self, p: Floats) -> Floats:
        return np.asarray(self.repair * (1 - p) - self.corruption * p)


def _whole_or_inf(rounds: NDArray[Any]) -> Any:
    rounds = np.asarray(rounds, dtype=np.float64)
    if rounds.ndim:
        return rounds
    return int(rounds) if np.isfinite(rounds) else float(rounds)
