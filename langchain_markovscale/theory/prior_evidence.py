"""What events say of the factors of the default prior, and how they are summed out."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.likelihood import (
    BROKEN,
    DEPTH,
    DRAWN_RIGHT,
    DRAWN_WRONG,
    KEPT,
    MOVED,
    REPAIRED,
    REVISED,
    STUCK,
    UNREPAIRED,
    event_count,
    log_draws,
    log_retention,
    log_revisions,
)
from langchain_markovscale.theory.posterior import chain_gains
from langchain_markovscale.theory.prior_factors import (
    AT_CORRUPTION,
    AT_INITIAL,
    AT_NODE,
    AT_REPAIR,
    AT_RETENTION,
    CORRUPTION,
    DEEPEST,
    FACTOR_OF,
    INITIAL,
    REPAIR,
    RETENTION,
    SCORES,
    SETTLING,
    STARTS,
    Factor,
    log_weights,
)
from langchain_markovscale.theory.urn import Draw, Drawn, Urn
from langchain_markovscale.types import Action

Floats = NDArray[np.float64]


def levels_of(deepest: int) -> int:
    """Return how many depths of revision to tell apart, at least 1."""
    return min(max(deepest, 1), DEEPEST)


def settled(factor: Factor, depth: int) -> Floats:
    """Return the values of α or β at the depth of a revision, 0 for that of a fresh draw."""
    return np.array(factor.values) * SETTLING ** min(depth, DEEPEST - 1)


@lru_cache(maxsize=64)
def revisions_at(depth: int) -> Floats:
    """Return P(a revision at that depth is right | a wrong or right one before it, α or β), (2, 3).

    Do not change it.
    """
    return np.array([settled(REPAIR, depth), 1 - settled(CORRUPTION, depth)])


def _revisions_from(depth: int, most: int) -> Floats:
    """Return the same for up to n revisions, each one level deeper, by α and β: shape (n, 2, 9)."""
    rounds = np.array([revisions_at(depth + at) for at in range(most)])
    pairs = np.broadcast_arrays(rounds[:, 0, :, None], rounds[:, 1, None])
    return np.stack(pairs, axis=1).reshape(most, 2, -1)


@lru_cache(maxsize=64)
def event_logs(levels: int, only_one_wrong: bool = False) -> Floats:
    """Return what each event of `theory/likelihood.py` says of each value: ln of its chance.

    Args:
        levels: T, how many depths of revision are told apart.
        only_one_wrong: Whether there is one wrong answer, which then always comes back.

    Returns:
        Shape (4 + 4T, 15), for the values of p₀, α, β and σ.
    """
    table = np.zeros((event_count(levels), AT_RETENTION.stop))
    table[[DRAWN_RIGHT, DRAWN_WRONG], AT_INITIAL] = log_draws(np.array(INITIAL.values))
    if not only_one_wrong:
        table[[STUCK, MOVED], AT_RETENTION] = log_retention(np.array(RETENTION.values))
    for depth in range(levels):
        first = REVISED + DEPTH * depth
        events = log_revisions(settled(REPAIR, depth), settled(CORRUPTION, depth))
        kept, repaired = [KEPT, BROKEN], [REPAIRED, UNREPAIRED]
        table[[first + each for each in kept], AT_CORRUPTION] = events[kept]
        table[[first + each for each in repaired], AT_REPAIR] = events[repaired]
    return table


def read_draws(urns: tuple[Urn, ...], draws: Sequence[Draw]) -> list[Drawn]:
    """Return what a sequence of wrong answers leaves in each urn, and its chance."""
    counts: dict[int, int] = {}
    for value, left in draws:
        if left is not None:
            return [urn.read(draws) for urn in urns]
        counts[value] = counts.get(value, 0) + 1
    # The order of fresh draws does not matter, only how often each value came.
    values = sorted(counts, key=counts.__getitem__)
    return [
        drawn._replace(weights=dict(zip(values, drawn.weights.values(), strict=True)))
        for drawn in _read_counts(urns, tuple(sorted(counts.values())))
    ]


@lru_cache(maxsize=4096)
def _read_counts(urns: tuple[Urn, ...], counts: tuple[int, ...]) -> tuple[Drawn, ...]:
    draws = [(value, None) for value, many in enumerate(counts) for _ in range(many)]
    return tuple([urn.read(draws) for urn in urns])


def chances_given(logs: Floats) -> tuple[Floats, Floats]:
    """Sum each factor out, given a hypothesis.

    Args:
        logs: ln P(value) P(evidence | value, h), of the first V of the 33 values, shape (H, V).

    Returns:
        ln P(evidence | h), shape (H,), and P(value | evidence, h), shape (H, V).
    """
    factor_of = FACTOR_OF[: logs.shape[1]]
    starts = STARTS[: factor_of[-1] + 1]
    most = np.maximum.reduceat(logs, starts, axis=1)
    shares = np.exp(logs - most.take(factor_of, axis=1))
    sums = np.add.reduceat(shares, starts, axis=1)
    shares /= sums.take(factor_of, axis=1)
    return np.add.reduce(np.log(sums) + most, axis=1), shares


class ScoredNodes(NamedTuple):
    """What all scores say, by which answer is right.

    Attributes:
        log_chances: ln of their chance, nodes summed out, shape (H,).
        nodes: P(node | scores), shape (H, Z).
        verdicts: P(the right one's verdict, rejected or accepted, and node | scores), (H, 2Z). A
            right answer has one verdict: that which it got or, where it has none yet, that which it
            will get at first.
    """

    log_chances: Floats
    nodes: Floats
    verdicts: Floats

    def at(self, rows: Sequence[int]) -> "ScoredNodes":
        """Return the same of some of the rows, in their order."""
        return ScoredNodes(*[each.take(rows, axis=0) for each in self])


@lru_cache(maxsize=256)
def scored_nodes(sizes: tuple[int, ...], rejected: int) -> ScoredNodes:
    """Return what scores say if the answer at each place is right, and last if none of them is.

    Args:
        sizes: How many scores are equal, see `Ranking`; m in all.
        rejected: How many reject.

    Returns:
        For H = m + 1; do not change it.
    """
    wrong, right = SCORES.log_places(sizes, rejected)[:, :, 0]
    ratios = np.vstack([right - wrong, np.zeros(wrong.shape[1])])
    logs = wrong.sum(axis=0) + ratios + log_weights()[AT_NODE]
    most = logs.max(axis=1, keepdims=True)
    shares = np.exp(logs - most)
    sums = shares.sum(axis=1, keepdims=True)
    nodes = shares / sums
    accepted = nodes * (1 - SCORES.rejected()[1])
    accepted[:-1] = nodes[:-1] * (np.arange(len(nodes) - 1) >= rejected)[:, None]
    verdicts = np.concatenate([nodes - accepted, accepted], axis=1)
    return ScoredNodes((np.log(sums) + most)[:, 0], nodes, verdicts)


SOURCES: dict[Action, tuple[slice, ...]] = {
    "generate": (AT_INITIAL,),
    "revise": (AT_REPAIR, AT_CORRUPTION),
}
"""The factors on which it depends whether a candidate is right, by where it comes from."""


def outer(factors: Sequence[Floats]) -> Floats:
    """Return P(values of all factors | h) of independent ones, (H, V) each, as one axis."""
    together, *others = factors
    for each in others:
        together = (together[:, :, None] * each[:, None]).reshape(len(each), -1)
    return together


@lru_cache(maxsize=64)
def chances_from(actions: tuple[Action, ...], depth: int, most: int) -> Floats:
    """Return the chances of fresh draws, or of up to n revisions from a depth on.

    Args:
        actions: Where candidates come from, X of them.
        depth: Revisions between the answer in hand and its fresh draw.
        most: The most candidates.

    Returns:
        P(a candidate is right | what it is made of is wrong or right, values of `SOURCES`) by
        round, shape (T, 2, X, 1, V, 1), one round for draws alone; a source with fewer values than
        V has 0 for the rest. Do not change it.
    """
    revised = _revisions_from(depth, most if "revise" in actions else 1)
    known = {"generate": np.array(INITIAL.values), "revise": revised}
    widest = max(known[action].shape[-1] for action in actions)
    table = np.zeros((len(revised), 2, len(actions), 1, widest, 1))
    for column, action in enumerate(actions):
        table[:, :, column, 0, : known[action].shape[-1], 0] = known[action]
    return table


@lru_cache(maxsize=256)
def revision_gains(depth: int, most: int) -> Floats:
    """Return what n revisions add that nobody verifies.

    Args:
        depth: Revisions between the answer in hand and its fresh draw.
        most: The most revisions.

    Returns:
        At [wrong or right in hand, α, β] as one axis, and n, shape (18, most).
    """
    repair, kept = _revisions_from(depth, most)[:, :, None].swapaxes(0, 1)
    return chain_gains(repair, 1 - kept).reshape(-1, most)
