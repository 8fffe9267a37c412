"""What events say of the factors of the default prior, and how they are summed out."""

from collections.abc import Sequence
from functools import lru_cache

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
from langchain_markovscale.theory.posterior import Chains
from langchain_markovscale.theory.prior_factors import (
    AT_CORRUPTION,
    AT_INITIAL,
    AT_REPAIR,
    AT_RETENTION,
    CORRUPTION,
    DEEPEST,
    FACTOR_OF,
    INITIAL,
    REPAIR,
    RETENTION,
    SETTLING,
    STARTS,
    Factor,
)
from langchain_markovscale.theory.urn import Draw, Drawn, Urn

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
        logs: ln P(value) P(evidence | value, h), shape (H, 33).

    Returns:
        ln P(evidence | h), shape (H,), and P(value | evidence, h), shape (H, 33).
    """
    most = np.maximum.reduceat(logs, STARTS, axis=1)
    shares = np.exp(logs - most[:, FACTOR_OF])
    sums = np.add.reduceat(shares, STARTS, axis=1)
    shares /= sums[:, FACTOR_OF]
    return np.log(sums).sum(axis=1) + most.sum(axis=1), shares


def chains_of(pairs: Floats, depth: int) -> Chains:
    """Return what blind revisions depend on.

    Args:
        pairs: P(the answer in hand is wrong or right, α, β), shape (2, 3, 3).
        depth: Revisions between the answer in hand and its fresh draw.
    """
    wrong, right = pairs
    repair, kept = revisions_at(depth)
    return Chains(right, wrong, repair[:, None], 1 - kept)
