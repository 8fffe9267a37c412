"""Belief over answers with keys, where nothing was measured: see `theory/prior.py`."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.lattice import Mark
from langchain_markovscale.theory.likelihood import SeenAnswers
from langchain_markovscale.theory.posterior import (
    Ballot,
    Candidates,
    KeyedPosterior,
    NextDraw,
    Urns,
)
from langchain_markovscale.theory.prior_evidence import (
    SOURCES,
    ScoredNodes,
    chances_from,
    outer,
    revision_gains,
)
from langchain_markovscale.theory.prior_factors import (
    AT_INITIAL,
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
_TINY = 1e-300
_ACCEPTED_WRONG_TWICE = np.tile(1 - _REJECTED_WRONG, 2)
_RIGHT = np.array([0.0, 1.0])[:, None, None]  # whether the answer in hand is
_ACCEPTED = np.repeat([0.0, 1.0], len(_REJECTED_WRONG))  # whether a right candidate is


class KeysPosterior(KeyedPosterior):
    """The belief over distinct keys.

    Args:
        chances: P(h), shape (H,).
        given: P(value of a factor but the nodes | h), shape (H, 18).
        scored: What the scores say.
        verdicts: Whether each answer was accepted; None where it has no score.
        urns: What is in the urn of each θ under each hypothesis.
        seen: The answers themselves.
    """

    def __init__(
        self,
        chances: Floats,
        given: Floats,
        scored: ScoredNodes,
        verdicts: list[int | None],
        urns: Urns,
        seen: SeenAnswers,
    ) -> None:
        self._chances, self._given, self._scored = chances, given, scored
        self._verdicts, self._urns = verdicts, urns
        self._hands: dict[int | None, Floats] = {}
        self._sources: dict[Action, Floats] = {}
        self.votes, self.latest, self.depths = seen.votes, seen.latest, seen.depths

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
        nodes = self._scored.nodes
        rejected = new_wrong.dot(nodes).dot(_REJECTED_WRONG)
        rejected += new_right * nodes[-1].dot(_REJECTED_RIGHT)
        return NextDraw(again[:, None], np.array([rejected, new - rejected]))

    def candidates(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Candidates:
        """Return what candidates depend on, each of them verified."""
        chances = chances_from(tuple(actions), depth, most)
        by_hand = self._by_hand(answer)
        weights = np.zeros((len(actions), 2, chances.shape[-2], _ACCEPTED.size))
        for row, action in zip(weights, actions, strict=True):
            values = self._values(action).T
            for weight, hand in zip(row, by_hand, strict=True):
                np.dot(values * hand, self._scored.verdicts, out=weight[: len(values)])
        judged = np.concatenate([self._judged_before(each, answer) for each in actions], axis=1)
        shares = by_hand.dot(judged) / np.maximum(by_hand.sum(axis=1, keepdims=True), _TINY)
        known, accepted = shares.reshape(2, -1, 2).transpose(2, 1, 0)[..., None, None]
        mistaken = accepted + (1 - known) * _ACCEPTED_WRONG_TWICE
        return Candidates(weights, _RIGHT, chances, _ACCEPTED, mistaken)

    def _judged_before(self, action: Action, answer: int | None) -> Floats:
        """Return P(a wrong candidate was judged before | h), and that it was accepted, (H, 2)."""
        if action == "generate":
            # A wrong draw that was seen before has its verdict already.
            return np.asarray(self._urns.shares[0].dot(self._judged))
        judged = np.zeros((len(self._chances), 2))
        if answer is not None and (verdict := self._verdicts[answer]) is not None:
            # What comes back unchanged has its verdict already.
            judged[:, 0] = self._given[:, AT_RETENTION].dot(_RETENTION)
            judged[answer] = 0.0
            judged[:, 1] = judged[:, 0] * verdict
        return judged

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
            values = self._by_hand(answer).dot(self._values(action))
            np.dot(values.ravel(), revision_gains(depth, most), out=row)
        return gains

    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""
        joint = self._given[:, AT_INITIAL] * self._chances[:, None]
        return Ballot(self.votes, joint, INITIAL.values, self._urns, draws)

    def _values(self, action: Action) -> Floats:
        """P(values of what a candidate depends on | h), shape (H, V); do not change it."""
        if action not in self._sources:
            self._sources[action] = outer([self._given[:, at] for at in SOURCES[action]])
        return self._sources[action]

    def _by_hand(self, answer: int | None) -> Floats:
        """P(h, and the answer in hand is wrong or right), shape (2, H); do not change it."""
        if answer not in self._hands:
            chances = np.zeros((2, len(self._chances)))
            chances[0] = self._chances
            if answer is not None:
                chances[:, answer] = chances[::-1, answer]
            self._hands[answer] = chances
        return self._hands[answer]

    @property
    def _judged(self) -> Floats:
        """Whether each answer was judged, and whether it was accepted, shape (A, 2)."""
        verdicts = [(verdict is not None, verdict == 1) for verdict in self._verdicts]
        return np.array(verdicts, dtype=np.float64)

    @cached_property
    def _plain_level(self) -> int:
        nodes = self._chances.dot(self._scored.nodes)
        wrong, right = nodes.dot(_REJECTED_WRONG), nodes.dot(_REJECTED_RIGHT)
        return int(abs(np.log((1 - right) / (1 - wrong))) < abs(np.log(right / wrong)))
