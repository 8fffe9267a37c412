"""How accuracy moves when questions differ: each class of questions is a chain of its own.

One pooled chain is wrong on real runs, because the questions that stay wrong are not the ones
that were corrected. Accuracies average over classes, a_t = Σ w_k a_t⁽ᵏ⁾; bounds and best numbers of
rounds do not, so they are found by maximising over t.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langchain_markovscale.theory.chain import Bounds
from langchain_markovscale.theory.validation import (
    TOLERANCE,
    Numbers,
    non_negative,
    numbers,
    plain,
    probabilities,
    single,
    whole,
)

Floats = NDArray[np.float64]

_DENSE = 4096  # rounds looked at one by one; later ones on a geometric grid, then refined
_LONGEST = 1_000_000  # rounds after which a transient that still lives is taken as its limit


@dataclass(frozen=True, eq=False)
class ChainMixture:
    """Classes of questions, each a two-state chain, whose rates may settle with every revision.

    The rates of the revision at depth t (0 for the first revision of a fresh draw) are α_k dᵗ and
    β_k dᵗ, so that a_t⁽ᵏ⁾ = π_k + (p₀ₖ−π_k) Π_{s<t} (1 − (α_k+β_k) dˢ). d = 1 is the plain chain.

    Attributes:
        weights: w, shape (K,), the share of each class; sums to 1.
        initial: p₀, shape (K,) or a scalar for all classes, in [0, 1].
        repair: α, shape (K,) or a scalar, in [0, 1].
        corruption: β, shape (K,) or a scalar, in [0, 1].
        settling: d in (0, 1].

    Raises:
        ValueError: If a rate leaves its range, lengths differ, or the weights do not sum to 1.
    """

    weights: Any
    initial: Any
    repair: Any
    corruption: Any
    settling: float = 1.0

    def __post_init__(self) -> None:
        weights = check_weights(self.weights)
        object.__setattr__(self, "weights", weights)
        for name in ("initial", "repair", "corruption"):
            rates = per_class(name, getattr(self, name), len(weights))
            object.__setattr__(self, name, rates)
        object.__setattr__(self, "settling", check_settling(self.settling))

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        return len(self.weights)

    @cached_property
    def stationary_accuracy(self) -> float:
        """The accuracy to which the loop tends: Σ w_k π_k, or short of it where rates settle."""
        return float(self.weights @ (self._level + self._offset * self._limit))

    def accuracy(self, rounds: ArrayLike) -> Numbers:
        """Return a_t = Σ w_k a_t⁽ᵏ⁾, the expected accuracy after `rounds` blind revisions.

        Args:
            rounds: t, whole numbers from 0 up, of any shape.

        Returns:
            Accuracies of the shape of `rounds`; a float for a scalar.
        """
        t = whole("rounds", rounds)
        return plain((self._level + self._offset * self._shrinkage(t)) @ self.weights)  # type: ignore[no-any-return]

    def bounds(self) -> Bounds:
        """Return the lowest and highest accuracy over all rounds, and the level it tends to."""
        lowest = self.accuracy(self._peak(lambda t: -self.accuracy(t), self._horizon))
        highest = self.accuracy(self._peak(self.accuracy, self._horizon))
        neutral = self.stationary_accuracy
        return Bounds(min(lowest, neutral), neutral, max(highest, neutral))

    def optimal_rounds(self, cost: float, cap: int | None = None) -> Any:
        """Return the number of blind revisions that maximises a_t − c·t over all t.

        Args:
            cost: c ≥ 0 a round, in units of accuracy.
            cap: The most revisions allowed; None for no limit.

        Returns:
            The fewest rounds that reach the maximum, or `math.inf` where it lies in the limit.
        """
        c = single("cost", non_negative("cost", cost))
        last = min(self._horizon, np.inf if cap is None else single("cap", whole("cap", cap)))
        if c > 0:
            last = min(last, np.ceil(1 / c))  # more rounds than that cost more than all accuracy
        best = self._peak(lambda t: self.accuracy(t) - c * t, last)
        end = self._horizon if cap is None else min(self._horizon, cap)
        still_rises = c == 0 < best and self._distance_to_go(best) > 0
        if still_rises and self.accuracy(end) >= self.accuracy(best) - TOLERANCE:
            return np.inf if cap is None else int(cap)
        return best

    def _distance_to_go(self, rounds: int) -> float:
        """Limit − a_t, from the transients alone: exact also where the two differ by little."""
        return float(
            self.weights @ (self._offset * (self._limit - self._shrinkage(np.array(rounds))))
        )

    def _peak(self, worth: Callable[[Floats], Any], last: float) -> int:
        """Return the fewest rounds, up to `last`, whose worth is the highest."""
        grid = self._grid(last)
        near = _first_highest(worth(grid))
        # Two to either side, since late rounds come in pairs: an odd one and an even one.
        low, high = grid[max(near - 2, 0)], grid[min(near + 2, len(grid) - 1)]
        return int(low) + _first_highest(worth(np.arange(low, high + 1)))

    @cached_property
    def _level(self) -> Floats:
        """π_k, or p₀ₖ where both rates of a class vanish."""
        total = self.repair + self.corruption
        level = np.where(total > 0, self.repair / np.where(total > 0, total, 1), self.initial)
        return np.asarray(level)

    @property
    def _offset(self) -> Floats:
        return np.asarray(self.initial - self._level)

    def _shrinkage(self, rounds: Floats) -> Floats:
        """Return Π_{s<t} (1 − (α_k+β_k) dˢ), shape (..., K)."""
        total = self.repair + self.corruption
        if self.settling == 1:
            return np.asarray(np.power(1 - total, rounds[..., None]))
        steps = np.arange(int(rounds.max(initial=0)))
        factors = 1 - total * np.power(self.settling, steps)[:, None]
        products = np.vstack([np.ones_like(total), np.cumprod(factors, axis=0)])
        return np.asarray(products[rounds.astype(np.int64)])

    @cached_property
    def _limit(self) -> Floats:
        """What `_shrinkage` tends to: 0 for plain chains, above it where rates settle first."""
        if self.settling == 1:
            return np.zeros(self.n_classes)
        total, last = self.repair + self.corruption, self._horizon
        # Beyond the horizon the factors are 1 − x with tiny x, so that their product is e^(−Σx).
        tail = np.exp(-total * self.settling**last / (1 - self.settling))
        return np.asarray(self._shrinkage(np.asarray(float(last))) * tail)

    @cached_property
    def _horizon(self) -> int:
        """Rounds after which nothing moves by more than rounding."""
        sizes = np.abs(1 - self.repair - self.corruption)
        slowest = self.settling if self.settling < 1 else sizes[sizes < 1].max(initial=0.0)
        if slowest <= TOLERANCE:
            return 2
        return int(min(np.ceil(np.log(TOLERANCE) / np.log(slowest)) + 2, _LONGEST))

    @staticmethod
    def _grid(last: float) -> Floats:
        dense = np.arange(min(last, _DENSE) + 1)
        if last <= _DENSE:
            return dense
        late = np.floor(np.geomspace(_DENSE, last, 2000))
        return np.unique(np.concatenate([dense, late, np.minimum(late + 1, last)]))


def _first_highest(worths: Floats) -> int:
    return int(np.flatnonzero(worths >= worths.max() - TOLERANCE)[0])


def check_weights(weights: ArrayLike) -> Floats:
    """Return class weights as an array of shape (K,) that sums to 1.

    Raises:
        ValueError: If a weight is not a probability or they do not sum to 1.
    """
    array = np.atleast_1d(probabilities("weights", weights))
    if array.ndim != 1 or not len(array) or abs(array.sum() - 1) > 1e-6:
        raise ValueError(
            f"weights must be one share for each class and sum to 1, got {weights!r:.80}: "
            "divide them by their sum."
        )
    total = array.sum()
    # What already sums to 1 stays as it is, so that rates read from a file are those written.
    return array if abs(total - 1) < TOLERANCE else np.asarray(array / total)


def check_settling(settling: float) -> float:
    """Return d, or raise unless it lies in (0, 1].

    Raises:
        ValueError: If `settling` is not a number in (0, 1].
    """
    value = numbers("settling", settling)
    if value.ndim or not 0 < value <= 1:
        raise ValueError(
            f"settling must be one factor in (0, 1], got {settling!r:.80}: 1 means that rates stay."
        )
    return float(value)


def per_class(name: str, rates: ArrayLike, n_classes: int) -> Floats:
    """Return probabilities as an array of shape (K,), a scalar repeated for each class.

    Raises:
        ValueError: If a rate leaves [0, 1] or their number is neither 1 nor K.
    """
    array = probabilities(name, rates)
    if array.ndim > 1 or (array.ndim == 1 and len(array) not in (1, n_classes)):
        raise ValueError(
            f"{name} must be one number or one for each of the {n_classes} classes in weights, "
            f"got {rates!r:.80}."
        )
    return np.array(np.broadcast_to(array, (n_classes,)))
