"""What the order of scores and their verdicts say, where the scale of the scores is not known.

A verifier is described by its leniency z and by how well it tells right from wrong, δ: a wrong
answer is accepted with log-odds z − δ/2, a right one with z + δ/2. Its scores may lie anywhere, so
that only their order counts, and which of them reject; both enter by one likelihood. Let u be the
share of wrong answers that an answer is scored above: uniform in [0, 1] for wrong answers, of
density g(u) = e^δ/(u+(1−u)e^δ)² for right ones, and rejecting below e = 1/(1+e^(z−δ/2)). Then
answers that come in an order, R of them rejected, some right and the others wrong, have the chance

    ∫ … ∫ Π_right g(u_j) du_1 … du_m       over 0 < u_1 < … < u_R < e < u_(R+1) < … < u_m < 1

so that a higher score is never worse evidence, and a strict or a lenient verifier is recognised by
its verdicts. Equal scores are equal evidence: the mean over the orders that they leave open.

Seen from the other end, with 1/e^δ for e^δ, accepted answers are what rejected ones are; everything
is therefore worked out for rejected ones alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, lgamma
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_POINTS = 64  # g has a pole 5 % beyond [0, 1] at δ = 3, and so many leave an error of 1e-13
_SAME = 12  # decimals to which two means of scores are compared


class Ranking(NamedTuple):
    """Scores in their order.

    Attributes:
        order: Their indices, the lowest score first.
        sizes: How many are equal, from the lowest score up.
        rejected: R, how many lie below the threshold.
    """

    order: tuple[int, ...]
    sizes: tuple[int, ...]
    rejected: int


def rank(scores: Sequence[float], threshold: float) -> Ranking:
    """Return the order of scores, of which those below the threshold reject."""
    rounded = [round(score, _SAME) for score in scores]
    order = sorted(range(len(rounded)), key=rounded.__getitem__)
    sizes: list[int] = []
    before = None
    for index in order:
        if rounded[index] == before:
            sizes[-1] += 1
        else:
            sizes.append(1)
        before = rounded[index]
    return Ranking(tuple(order), tuple(sizes), sum(score < threshold for score in rounded))


@dataclass(frozen=True)
class ScoreOrder:
    """The order likelihood at several (z, δ), the nodes.

    Attributes:
        leniency: z of each of Z nodes.
        separation: δ ≥ 0 of each.
    """

    leniency: tuple[float, ...]
    separation: tuple[float, ...]

    def rejected(self) -> Floats:
        """Return P(reject | wrong or right, node), shape (2, Z)."""
        z, half = np.array(self.leniency), np.array(self.separation) / 2
        return np.asarray(1 / (1 + np.exp([z - half, z + half])))

    def log_places(
        self, sizes: tuple[int, ...], rejected: int, shares: tuple[float, ...] = (0.0,)
    ) -> Floats:
        """Return ln of the chance of each place, for a wrong and for a right answer.

        Where each answer is right with chance p of its own, these are exact: the product over
        places of (1−p)·wrong + p·right is the chance of the order, and the ratio at a place the
        evidence for its answer. At p = 0 they are the likelihood of one right answer among wrong
        ones: the product of wrong ones with its ratio at the right one's place.

        Args:
            sizes: How many scores are equal, see `Ranking`; m in all.
            rejected: R, how many reject.
            shares: p, the chance that the other answers are right; S of them.

        Returns:
            Shape (2, m, S, Z); do not change it.
        """
        return _log_places(self, sizes, rejected, shares)

    def labellings(self, sizes: tuple[int, ...], rejected: int) -> Floats:
        """Return R!(m−R)! times the chance of the order for each way to be right or wrong.

        Args:
            sizes: How many scores are equal, see `Ranking`; m in all.
            rejected: R, how many reject.

        Returns:
            Shape (2^m, Z): bit j of the row's number is set where the answer at place j is right;
            do not change it.
        """
        return _labellings(self, sizes, rejected)

    def _side(self, accepted: bool) -> tuple[Floats, Floats]:
        """Return how much of [0, 1] wrong answers have on this side, and e^δ seen from its end."""
        edge, odds = self.rejected()[0], np.exp(self.separation)
        return (1 - edge, 1 / odds) if accepted else (edge, odds)


@lru_cache(maxsize=256)
def _log_places(
    scores: ScoreOrder, sizes: tuple[int, ...], rejected: int, shares: tuple[float, ...]
) -> Floats:
    low = _side_places(scores, False, rejected, shares)
    high = _side_places(scores, True, sum(sizes) - rejected, shares)
    places = np.concatenate([low, high[:, ::-1]], axis=1)
    for start, size in _groups(sizes):
        tied = slice(start, start + size)
        places[:, tied] = places[:, tied].mean(axis=1, keepdims=True)
    return np.asarray(np.log(places))


@lru_cache(maxsize=256)
def _side_places(
    scores: ScoreOrder, accepted: bool, count: int, shares: tuple[float, ...]
) -> Floats:
    """Return the chance of each of `count` places on one side, shape (2, count, S, Z).

    With H the distribution of an answer's u, H(u)/H(e) is distributed as Beta(j+1, count−j) at
    place j; its density is integrated over u alone, and over u with g(u).
    """
    edge, odds = scores._side(accepted)
    share = np.array(shares)[:, None]
    if not count:
        return np.empty((2, 0, len(shares), len(edge)))
    points, weights = _quadrature(max(_POINTS, int(8 * count**0.5)))
    u = edge * points[:, None, None]  # (N, 1, Z)
    below = share * _right_below(u, odds) + (1 - share) * u  # (N, S, Z)
    whole = share * _right_below(edge, odds) + (1 - share) * edge
    lower, upper = np.log(below / whole), np.log((whole - below) / whole)
    density = np.stack([np.ones_like(u), _right_density(u, odds)]) * (weights[:, None, None] * edge)
    places = np.empty((2, count, len(shares), len(edge)))
    for j in range(count):
        log_norm = lgamma(count + 1) - lgamma(j + 1) - lgamma(count - j)
        beta = np.exp(log_norm + j * lower + (count - 1 - j) * upper)
        places[:, j] = (density * beta).sum(axis=1)
    return places


@lru_cache(maxsize=256)
def _labellings(scores: ScoreOrder, sizes: tuple[int, ...], rejected: int) -> Floats:
    total = sum(sizes)
    low = _side_labellings(scores, False, rejected)
    high = _side_labellings(scores, True, total - rejected)
    # Places count from the lowest score up, those of the upper side were counted from the highest.
    high = high.reshape(*[2] * (total - rejected), -1)
    high = high.transpose(*range(total - rejected)[::-1], -1).reshape(-1, 1, low.shape[-1])
    table = (high * low).reshape(2**total, -1)
    for start, size in _groups(sizes):
        table = np.einsum(
            "ab,xbyz->xayz", _tied(size), table.reshape(-1, 2**size, 2**start, table.shape[-1])
        )
    return table.reshape(2**total, -1)


@lru_cache(maxsize=32)
def _side_labellings(scores: ScoreOrder, accepted: bool, count: int) -> Floats:
    """Return count! times the chain of integrals on one side, shape (2^count, Z)."""
    edge, odds = scores._side(accepted)
    points, weights = _quadrature(_POINTS)
    u = edge[:, None] * points  # (Z, N)
    laws = np.stack([np.ones_like(u), _right_density(u, odds[:, None])]) * edge[:, None]
    integral = _integral_up_to()
    below = np.ones((1, *u.shape))  # of each labelling, up to each point
    for j in range(count):
        chances = (laws[:, None] * below).reshape(-1, *u.shape) * (j + 1)
        below = chances @ (weights[:, None] if j + 1 == count else integral)
    return below[..., 0]


@lru_cache(maxsize=8)
def _quadrature(count: int) -> tuple[Floats, Floats]:
    """Return Gauss's points and weights on [0, 1]."""
    points, weights = legendre.leggauss(count)
    return (points + 1) / 2, weights / 2


@lru_cache(maxsize=1)
def _integral_up_to() -> Floats:
    """Return the matrix that takes values at the points to integrals from 0 to each point.

    The interpolating polynomial in Legendre's, whose integrals are (P_(k+1) − P_(k−1))/(2k+1).
    """
    points, weights = legendre.leggauss(_POINTS)
    values = legendre.legvander(points, _POINTS)
    integrals = np.empty((_POINTS, _POINTS))
    integrals[:, 0] = points + 1
    integrals[:, 1:] = values[:, 2:] - values[:, :-2]
    return np.asarray((weights[:, None] * values[:, :-1]) @ integrals.T / 4)


def _right_below(u: Floats, odds: Floats) -> Floats:
    return np.asarray(u / (u + (1 - u) * odds))


def _right_density(u: Floats, odds: Floats) -> Floats:
    return np.asarray(odds / (u + (1 - u) * odds) ** 2)


def _groups(sizes: tuple[int, ...]) -> Iterable[tuple[int, int]]:
    """Return where each group of equal scores begins, and its size, where it is above 1."""
    starts = np.cumsum((0, *sizes)).tolist()
    return [(start, size) for start, size in zip(starts, sizes, strict=False) if size > 1]


@lru_cache(maxsize=32)
def _tied(size: int) -> Floats:
    """Return the matrix that takes the mean over labellings with as many right ones."""
    right = np.array([number.bit_count() for number in range(2**size)])
    ways = np.array([comb(size, many) for many in right.tolist()])
    return np.asarray((right[:, None] == right) / ways)
