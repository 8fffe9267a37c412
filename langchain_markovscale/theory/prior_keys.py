"""Belief over answers with keys, where nothing was measured: see `theory/prior.py`."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.lattice import Mark
from langchain_markovscale.theory.posterior import (
    Ballot,
    Candidates,
    Chains,
    KeyedPosterior,
    NextDraw,
    Urns,
    splits,
)
from langchain_markovscale.theory.prior_evidence import chains_of, revisions_at
from langchain_markovscale.theory.prior_factors import (
    AT_CONCENTRATION,
    AT_CORRUPTION,
    AT_INITIAL,
    AT_NODE,
    AT_REPAIR,
    AT_RETENTION,
    INITIAL,
    RETENTION,
    SCORES,
)
from langchain_markovscale.theory.urn import Drawn, Law

Floats = NDArray[np.float64]

_INITIAL = np.array(INITIAL.values)
_RETENTION = np.array(RETENTION.values)
_REJECTED_WRONG, _REJECTED_RIGHT = SCORES.rejected()
_ACCEPTED_WRONG, _ACCEPTED_RIGHT = 1 - _REJECTED_WRONG, 1 - _REJECTED_RIGHT
_TINY = 1e-300
_OF_DRAWS = np.array([_INITIAL, _INITIAL])
_RIGHT = np.array([0.0, 1.0])[:, None, None]  # whether the answer in hand is
_ACCEPTED = np.repeat([0.0, 1.0], len(_REJECTED_WRONG))  # whether a right candidate is


class KeysPosterior(KeyedPosterior):
    """The belief over distinct keys.

    Args:
        chances: P(h), shape (H,).
        given: P(value of a factor | h), shape (H, 33).
        verdicts: Whether each answer was accepted; None where it has no score.
        votes: Fresh draws of each answer.
        drawn: What is in the urn of each θ, for each hypothesis.
        laws: The urn of each θ.
        latest: For each answer, the index of the latest attempt that carries it.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
    """

    def __init__(
        self,
        chances: Floats,
        given: Floats,
        verdicts: list[int | None],
        votes: list[int],
        drawn: Sequence[Sequence[Drawn]],
        laws: tuple[Law, ...],
        latest: list[int],
        depths: list[int],
    ) -> None:
        self._chances, self._given = chances, given
        self._verdicts, self._votes, self._drawn, self._laws = verdicts, votes, drawn, laws
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
            return [(votes, 0) for votes in self._votes]
        levels: list[int] = [
            self._plain_level if verdict is None else verdict for verdict in self._verdicts
        ]
        return list(zip(self._votes, levels, strict=True))

    def next_draw(self, *, scored: bool = True) -> NextDraw:
        """Return what the next fresh draw may be."""
        right = self._given[:, AT_INITIAL].dot(_INITIAL)
        wrong = self._chances * (1 - right)
        seen, unseen = self._shares
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

    def drawn(self, answer: int | None) -> Candidates:
        """Return what fresh draws depend on while that answer is in hand."""
        verdicts = [(verdict == 1, verdict is not None) for verdict in self._verdicts]
        # A wrong draw that was seen before has its verdict already.
        accepted, judged = self._shares[0].dot(np.array(verdicts, dtype=np.float64)).T
        factors = (AT_INITIAL, AT_INITIAL)
        return self._candidates(answer, factors, _OF_DRAWS, accepted, 1 - judged)

    def revised(self, answer: int | None, depth: int) -> Candidates:
        """Return what revisions of that answer depend on, each of them verified."""
        verdict, same = None, np.zeros(len(self._chances))
        if answer is not None:
            verdict = self._verdicts[answer]
            same = self._given[:, AT_RETENTION].dot(_RETENTION)
            same[answer] = 0.0
        # What comes back unchanged has its verdict already.
        accepted, judged = same * (verdict == 1), same * (verdict is not None)
        factors = (AT_REPAIR, AT_CORRUPTION)
        return self._candidates(answer, factors, revisions_at(depth), accepted, 1 - judged)

    def chains(self, answer: int | None, depth: int) -> Chains:
        """Return what blind revisions of that answer depend on."""
        repair, corruption = self._given[:, AT_REPAIR], self._given[:, AT_CORRUPTION]
        pairs = [(repair * each[:, None]).T.dot(corruption) for each in self._by_hand(answer)]
        return chains_of(np.array(pairs), depth)

    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""
        initial = self._given[:, AT_INITIAL] * self._chances[:, None]
        chances = initial.dot(splits(INITIAL.values, draws))
        return Ballot(self._votes, chances.reshape(-1, draws + 1, draws + 1), self._urns)

    def _by_hand(self, answer: int | None) -> Floats:
        """P(h, and the answer in hand is wrong or right), shape (2, H)."""
        chances = np.zeros((2, len(self._chances)))
        chances[0] = self._chances
        if answer is not None:
            chances[:, answer] = chances[::-1, answer]
        return chances

    @cached_property
    def _urns(self) -> Urns:
        """What is in the urn of each θ under each hypothesis."""
        chances = self._given[:, AT_CONCENTRATION].T
        return Urns.of(self._laws, chances, list(zip(*self._drawn, strict=True)), len(self._votes))

    @cached_property
    def _shares(self) -> tuple[Floats, Floats]:
        return self._urns.shares()

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

    def _candidates(
        self,
        answer: int | None,
        factors: tuple[slice, slice],
        chances: Floats,
        accepted: Floats,
        by_node: Floats,
    ) -> Candidates:
        """Return candidates whose chance to be right depends on a factor, and on the node.

        Args:
            answer: The answer in hand.
            factors: The one that matters where that is wrong, and the one where it is right.
            chances: P(a candidate is right | wrong or right in hand, value), shape (2, V).
            accepted: P(a wrong candidate is known to be accepted | h), shape (H,).
            by_node: P(its verdict is not known yet | h), shape (H,).
        """
        hypotheses = self._by_hand(answer)
        weights = [
            (self._given[:, at] * each[:, None]).T.dot(self._nodes)
            for at, each in zip(factors, hypotheses, strict=True)
        ]
        known = hypotheses.dot(np.array([accepted, by_node, np.ones_like(by_node)]).T)[..., None]
        mistaken = (known[:, 0] + known[:, 1] * _ACCEPTED_WRONG) / np.maximum(known[:, 2], _TINY)
        return Candidates(
            np.array(weights),
            _RIGHT,
            chances[..., None],
            _ACCEPTED,
            np.concatenate([mistaken, mistaken], axis=1)[:, None],
        )
