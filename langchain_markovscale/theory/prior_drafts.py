"""Belief over drafts without keys, where nothing was measured.

Each draft is right or wrong on its own, by the chain along the tree of revisions; given (z, δ) the
scores enter by the likelihood of their order (see `theory/score_order.py`), which depends on how
all of them are labelled. So labellings are the hypotheses: all 2ⁿ of them up to 8 drafts, which is
exact. Beyond, forward-backward along the tree, each place of the order counting for what it says
where every other draft is right with chance p₀: that is exact for fresh drafts.
"""

from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.likelihood import (
    BROKEN,
    DEPTH,
    DRAWN_RIGHT,
    DRAWN_WRONG,
    KEPT,
    REPAIRED,
    REVISED,
    UNREPAIRED,
    event_count,
)
from langchain_markovscale.theory.posterior import Candidates, Posterior
from langchain_markovscale.theory.prior_evidence import (
    SOURCES,
    chances_from,
    chances_given,
    event_logs,
    levels_of,
    outer,
    revision_gains,
    revisions_at,
)
from langchain_markovscale.theory.prior_factors import (
    ACCEPT_THRESHOLD,
    AT_CORRUPTION,
    AT_INITIAL,
    AT_NODE,
    AT_REPAIR,
    AT_RETENTION,
    INITIAL,
    SCORES,
)
from langchain_markovscale.theory.score_order import rank
from langchain_markovscale.theory.tree import along_tree, moves_of
from langchain_markovscale.types import Action, Attempt

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_LABELLED = 8
_INITIAL = np.array(INITIAL.values)
_ACCEPTED_WRONG, _ACCEPTED_RIGHT = 1 - SCORES.rejected()
_RIGHT = np.array([0.0, 1.0])[:, None, None]  # whether the answer in hand is


class _Joint(Protocol):
    """P(draft i is right or wrong, values of factors)."""

    @property
    def beliefs(self) -> Floats:
        """P(draft i is right), shape (n,)."""

    def with_nodes(self, draft: int | None, source: tuple[slice, ...]) -> Floats:
        """Return P(draft is wrong or right, values of a source, and of the nodes), (2, V, 15).

        Without a draft it is a wrong one.
        """


def drafts_posterior(
    attempts: Sequence[Attempt], depths: list[int], before: Floats
) -> "DraftsPosterior":
    """Return the belief after attempts none of which has a key.

    Args:
        attempts: All attempts at one question, in the order in which they were made.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
        before: ln of the chances of all values before any attempt, shape (33,).
    """
    parents = tuple(attempt["parent"] for attempt in attempts)
    scored = [i for i, attempt in enumerate(attempts) if attempt["score"] is not None]
    ranking = rank([attempts[i]["score"] or 0.0 for i in scored], ACCEPT_THRESHOLD)
    places = [scored[index] for index in ranking.order]
    joint: _Joint
    if len(attempts) <= _MOST_LABELLED:
        joint = _labelled(parents, places, ranking.sizes, ranking.rejected, before)
    else:
        joint = _along_tree(parents, depths, places, ranking.sizes, ranking.rejected, before)
    return DraftsPosterior(joint, depths)


class DraftsPosterior(Posterior):
    """The belief over drafts, each an answer of its own.

    Args:
        joint: P(each draft is right, values of factors).
        depths: For each attempt, how many revisions lie between it and its fresh draw.
    """

    by_score = True

    def __init__(self, joint: _Joint, depths: list[int]) -> None:
        self._joint, self.depths = joint, depths
        self._sources: dict[tuple[int | None, Action], Floats] = {}
        self.latest = list(range(len(depths)))

    @property
    def beliefs(self) -> Floats:
        """P(draft i is right), shape (A,)."""
        return self._joint.beliefs

    def candidates(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Candidates:
        """Return what candidates depend on, each of them verified."""
        chances = chances_from(tuple(actions), depth, most)
        weights = np.zeros((len(actions), 2, chances.shape[-2], _ACCEPTED_RIGHT.size))
        for row, action in zip(weights, actions, strict=True):
            values = self._with_nodes(answer, action)
            row[:, : values.shape[1]] = values
        return Candidates(weights, _RIGHT, chances, _ACCEPTED_RIGHT, _ACCEPTED_WRONG)

    def _with_nodes(self, draft: int | None, action: Action) -> Floats:
        """Return `_Joint.with_nodes` of candidates, which plans ask for more than once."""
        if (draft, action) not in self._sources:
            self._sources[draft, action] = self._joint.with_nodes(draft, SOURCES[action])
        return self._sources[draft, action]

    def unverified(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Floats:
        """Return what n candidates add that nobody verifies, by action."""
        gains = np.empty((len(actions), most))
        for row, action in zip(gains, actions, strict=True):
            values = self._with_nodes(answer, action).sum(axis=2)
            if action == "generate":
                row[:] = values.sum(axis=0).dot(_INITIAL) - values[1].sum()
            else:
                row[:] = values.ravel().dot(revision_gains(depth, most))
        return gains


class _Labelled(NamedTuple):
    """All ways to be right or wrong, shape (2^n, …)."""

    chances: Floats
    bits: Floats
    chain: Floats  # P(value | labelling) of p₀, α and β
    nodes: Floats  # and of the nodes

    @property
    def beliefs(self) -> Floats:
        return np.asarray(self.chances.dot(self.bits))

    def with_nodes(self, draft: int | None, source: tuple[slice, ...]) -> Floats:
        right = self.chances * (0.0 if draft is None else self.bits[:, draft])
        values = outer([self.chain[:, at] for at in source]).T
        return np.array([(values * each).dot(self.nodes) for each in (self.chances - right, right)])


def _labelled(
    parents: tuple[int | None, ...],
    places: list[int],
    sizes: tuple[int, ...],
    rejected: int,
    before: Floats,
) -> _Labelled:
    bits = _bits(len(parents))
    tree, chain = _of_tree(parents, before.tobytes())
    rows = bits[:, places].dot(2.0 ** np.arange(len(places))).astype(np.int64)
    nodes = SCORES.labellings(sizes, rejected)[rows] * np.exp(before[AT_NODE])
    sums = np.add.reduce(nodes, axis=1)
    nodes /= sums[:, None]
    chances = tree * sums
    return _Labelled(chances / chances.sum(), bits, chain, nodes)


@lru_cache(maxsize=_MOST_LABELLED + 1)
def _bits(drafts: int) -> Floats:
    """Return all labellings, 1 where a draft is right, shape (2^n, n)."""
    return ((np.arange(2**drafts)[:, None] >> np.arange(drafts)) & 1).astype(np.float64)


@lru_cache(maxsize=256)
def _of_tree(parents: tuple[int | None, ...], before: bytes) -> tuple[Floats, Floats]:
    """Return P(labelling), shape (2^n,), and P(value of p₀, α, β | labelling), without scores.

    Args:
        parents: The draft that each was revised from; None for a fresh one.
        before: ln of the chances of all values before any attempt, as bytes.
    """
    logs = np.tile(np.frombuffer(before), (2 ** len(parents), 1))
    logs[:, : AT_RETENTION.stop] += _tree_logs(parents)
    log_chances, given = chances_given(logs)
    return np.exp(log_chances), given


def _tree_logs(parents: tuple[int | None, ...]) -> Floats:
    """Return ln P(labelling | value) of p₀, α and β, shape (2^n, 15)."""
    bits = _bits(len(parents))
    depths: list[int] = []
    for parent in parents:
        depths.append(0 if parent is None else depths[parent] + 1)
    levels = levels_of(max(depths))
    counts = np.zeros((len(bits), event_count(levels)))
    for draft, parent in enumerate(parents):
        right = bits[:, draft]
        if parent is None:
            counts[:, DRAWN_RIGHT] += right
            counts[:, DRAWN_WRONG] += 1 - right
        else:
            first, was = REVISED + DEPTH * (depths[draft] - 1), bits[:, parent]
            counts[:, first + KEPT] += was * right
            counts[:, first + BROKEN] += was * (1 - right)
            counts[:, first + REPAIRED] += (1 - was) * right
            counts[:, first + UNREPAIRED] += (1 - was) * (1 - right)
    return np.asarray(counts.dot(event_logs(levels)))


_AXES = (AT_INITIAL, AT_REPAIR, AT_CORRUPTION, AT_NODE)


class _ByClass(NamedTuple):
    """Of each draft by p₀, α, β and node."""

    joint: Floats  # (n, 2, 7, 3, 3, 15)

    @property
    def beliefs(self) -> Floats:
        return np.asarray(self.joint[:, 1].reshape(len(self.joint), -1).sum(axis=1))

    def with_nodes(self, draft: int | None, source: tuple[slice, ...]) -> Floats:
        away = tuple(axis for axis, at in enumerate(_AXES, 1) if at not in (*source, AT_NODE))
        found = self.joint[draft or 0].sum(axis=away).reshape(2, -1, self.joint.shape[-1])
        return (
            found if draft is not None else np.stack([found.sum(axis=0), np.zeros_like(found[0])])
        )


def _along_tree(
    parents: tuple[int | None, ...],
    depths: list[int],
    places: list[int],
    sizes: tuple[int, ...],
    rejected: int,
    before: Floats,
) -> _ByClass:
    log_places = SCORES.log_places(sizes, rejected, INITIAL.values)
    initial = _INITIAL[:, None, None, None]
    labels = along_tree(
        parents,
        np.array([1 - initial, initial]),
        [_moves(depth) for depth in range(max(depths))],
        {draft: log_places[:, place, :, None, None] for place, draft in enumerate(places)},
        tuple(at.stop - at.start for at in _AXES),
    )
    _, joint = labels.joint(reduce(np.add.outer, [before[at] for at in _AXES]))
    return _ByClass(joint)


def _moves(depth: int) -> Floats:
    """Return `moves_of` a revision, by class."""
    repair, kept = revisions_at(depth)
    return moves_of(repair[:, None, None], 1 - kept[:, None])[:, :, None]
