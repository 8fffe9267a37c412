"""Belief over answers with keys, where nothing was measured: see `theory/prior.py`."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.lattice import Mark
from langchain_markovscale.theory.posterior import (
    Ballot,
    Candidates,
    KeyedPosterior,
    NextDraw,
    Urns,
)
from langchain_markovscale.theory.prior_evidence import revision_gains, source_of
from langchain_markovscale.theory.prior_factors import (
    AT_CORRUPTION,
    AT_INITIAL,
    AT_NODE,
    AT_REPAIR,
    AT_RETENTION,
    INITIAL,
    RETENTION,
    SCORES,
)
from langchain_markovscale.types import Action

Floats = NDArray[np.float64]

_INITIAL = np.array(INITIAL.values)
_RETENTION = np.array(RETENTION.values)
_REJECTED_WRONG, _REJECTED_RIGHT = SCORES.rejected()
_ACCEPTED_WRONG, _ACCEPTED_RIGHT = 1 - _REJECTED_WRONG, 1 - _REJECTED_RIGHT
_TINY = 1e-300
_ACCEPTED_WRONG_TWICE = np.concatenate([_ACCEPTED_WRONG, _ACCEPTED_WRONG])
_RIGHT = np.array([0.0, 1.0])[:, None, None]  # whether the answer in hand is
_ACCEPTED = np.repeat([0.0, 1.0], len(_REJECTED_WRONG))  # whether a right candidate is


class KeysPosterior(KeyedPosterior):
    """The belief over distinct keys.

    Args:
        chances: P(h), shape (H,).
        given: P(value of a factor | h), shape (H, 33).
        verdicts: Whether each answer was accepted; None where it has no score.
        votes: Fresh draws of each answer.
        urns: What is in the urn of each θ under each hypothesis.
        latest: For each answer, the index of the latest attempt that carries it.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
    """

    def __init__(
        self,
        chances: Floats,
        given: Floats,
        verdicts: list[int | None],
        votes: list[int],
        urns: Urns,
        latest: list[int],
        depths: list[int],
    ) -> None:
        self._chances, self._given = chances, given
        self._verdicts, self.votes, self._urns = verdicts, votes, urns
        self.latest, self.depths = latest, depths

    @property
    def beliefs(self) -> Floats:
        """P(answer i is right), shape (A,)."""
        return self._chances[:-1]

    def marks(self, *, scored: bool = True) -> list[Mark]:
        """Return the votes and the level of each answer: 1 where it was accepted, else 0.

        Without a score it is the level that says less.
        """
        if not scored:
            return [(votes, 0) for votes in self.votes]
        levels: list[int] = [
            self._plain_level if verdict is None else verdict for verdict in self._verdicts
        ]
        return list(zip(self.votes, levels, strict=True))

    def next_draw(self, *, scored: bool = True) -> NextDraw:
        """Return what the next fresh draw may be."""
        right = self._given[:, AT_INITIAL].dot(_INITIAL)
        wrong = self._chances * (1 - right)
        seen, unseen = self._urns.shares
        again = self._chances[:-1] * right[:-1] + wrong.dot(seen)
        new_wrong = wrong * unseen
        new_right = self._chances[-1] * right[-1]
        new = new_wrong.sum() + new_right
        if not scored:
            return NextDraw(again[:, None], np.array([new]))
        nodes = self._given[:, AT_NODE]
        rejected = new_wrong.dot(nodes).dot(_REJECTED_WRONG)
        rejected += new_right * nodes[-1].dot(_REJECTED_RIGHT)
        return NextDraw(again[:, None], np.array([rejected, new - rejected]))

    def candidates(self, actions: Sequence[Action], answer: int | None, depth: int) -> Candidates:
        """Return what candidates depend on, each of them verified."""
        hypotheses, sources = self._by_hand(answer), [source_of(each, depth) for each in actions]
        values = max(len(source.chances[0]) for source in sources)
        # The factors of revisions have fewer values than that of draws; the rest stays at 0.
        weights = np.zeros((len(actions), 2, values, _ACCEPTED.size))
        candidate = np.zeros((len(actions), 2, values, 1))
        mistaken = np.empty((len(actions), 2, 1, _ACCEPTED.size))
        known = np.ones((len(hypotheses[0]), 3))
        for row, (action, source) in enumerate(zip(actions, sources, strict=True)):
            size = len(source.chances[0])
            candidate[row, :, :size, 0] = source.chances
            for side, (at, each) in enumerate(zip(source.factors, hypotheses, strict=True)):
                np.dot((self._given[:, at].T * each), self._nodes, out=weights[row, side, :size])
            known[:, 0], known[:, 1] = self._repeated(action, answer)
            whole = hypotheses.dot(known)
            judged = (whole[:, :2] / np.maximum(whole[:, 2:], _TINY))[..., None]
            mistaken[row, :, 0] = judged[:, 0] + judged[:, 1] * _ACCEPTED_WRONG_TWICE
        return Candidates(weights, _RIGHT, candidate, _ACCEPTED, mistaken)

    def _repeated(self, action: Action, answer: int | None) -> tuple[Floats, Floats]:
        """Return P(a wrong candidate is known to be accepted | h), and that it is not known yet."""
        if action == "generate":
            # A wrong draw that was seen before has its verdict already.
            accepted, judged = self._urns.shares[0].dot(self._judged).T
            return accepted, 1 - judged
        nothing = np.zeros(len(self._chances))
        if answer is None or (verdict := self._verdicts[answer]) is None:
            return nothing, 1 - nothing
        # What comes back unchanged has its verdict already.
        same = self._given[:, AT_RETENTION].dot(_RETENTION)
        same[answer] = 0.0
        return same if verdict else nothing, 1 - same

    def unverified(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Floats:
        """Return what n candidates add that nobody verifies, by action."""
        gains = np.empty((len(actions), most))
        for row, action in zip(gains, actions, strict=True):
            if action == "generate":
                drawn = self._chances.dot(self._given[:, AT_INITIAL]).dot(_INITIAL)
                row[:] = drawn - (0.0 if answer is None else self._chances[answer])
                continue
            repair, corruption = self._given[:, AT_REPAIR].T, self._given[:, AT_CORRUPTION]
            pairs = [(repair * each).dot(corruption) for each in self._by_hand(answer)]
            np.dot(np.array(pairs).ravel(), revision_gains(depth, most), out=row)
        return gains

    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""
        joint = self._given[:, AT_INITIAL] * self._chances[:, None]
        return Ballot(self.votes, joint, INITIAL.values, self._urns, draws)

    def _by_hand(self, answer: int | None) -> Floats:
        """P(h, and the answer in hand is wrong or right), shape (2, H)."""
        chances = np.zeros((2, len(self._chances)))
        chances[0] = self._chances
        if answer is not None:
            chances[:, answer] = chances[::-1, answer]
        return chances

    @property
    def _judged(self) -> Floats:
        """Whether each answer was accepted, and whether it was judged, shape (A, 2)."""
        verdicts = [(verdict == 1, verdict is not None) for verdict in self._verdicts]
        return np.array(verdicts, dtype=np.float64)

    @cached_property
    def _plain_level(self) -> int:
        nodes = self._chances.dot(self._given[:, AT_NODE])
        wrong, right = nodes.dot(_REJECTED_WRONG), nodes.dot(_REJECTED_RIGHT)
        return int(abs(np.log((1 - right) / (1 - wrong))) < abs(np.log(right / wrong)))

    @cached_property
    def _nodes(self) -> Floats:
        """P(the right one's verdict, rejected or accepted, and node | h), shape (H, 30).

        A right answer has one verdict: that which it got or, where it has none yet, that which it
        will get at first.
        """
        nodes = self._given[:, AT_NODE]
        accepted = nodes * _ACCEPTED_RIGHT
        for row, verdict in enumerate(self._verdicts):
            if verdict is not None:
                accepted[row] = nodes[row] if verdict else 0.0
        return np.concatenate([nodes - accepted, accepted], axis=1)
