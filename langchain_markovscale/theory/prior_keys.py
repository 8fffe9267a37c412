"""Belief over answers with keys, where nothing was measured: see `theory/prior.py`."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

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
from langchain_markovscale.theory.prior_evidence import chains_of, read_draws, settled
from langchain_markovscale.theory.prior_factors import (
    AT_CONCENTRATION,
    AT_CORRUPTION,
    AT_INITIAL,
    AT_NODE,
    AT_REPAIR,
    AT_RETENTION,
    CORRUPTION,
    INITIAL,
    REPAIR,
    RETENTION,
    SCORES,
)
from langchain_markovscale.theory.urn import Draw, Urn

Floats = NDArray[np.float64]

_INITIAL = np.array(INITIAL.values)
_RETENTION = np.array(RETENTION.values)
_REJECTED_WRONG, _REJECTED_RIGHT = SCORES.rejected()
_ACCEPTED_RIGHT = 1 - _REJECTED_RIGHT
_TINY = 1e-300


class KeysPosterior(KeyedPosterior):
    """The belief over distinct keys.

    Args:
        chances: P(h), shape (H,).
        given: P(value of a factor | h), shape (H, 33).
        verdicts: Whether each answer was accepted; None where it has no score.
        votes: Fresh draws of each answer.
        draws: The wrong answers under each hypothesis, as `Urn.read` takes them.
        urns: The urn of each θ.
        latest: For each answer, the index of the latest attempt that carries it.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
    """

    def __init__(
        self,
        chances: Floats,
        given: Floats,
        verdicts: list[int | None],
        votes: list[int],
        draws: Sequence[Sequence[Draw]],
        urns: tuple[Urn, ...],
        latest: list[int],
        depths: list[int],
    ) -> None:
        self._chances, self._given = chances, given
        self._verdicts, self._votes, self._draws, self._urns = verdicts, votes, draws, urns
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
        again = self._chances[:-1] * right[:-1] + wrong.dot(self._seen)
        new_wrong = wrong * (1 - self._seen.sum(axis=1))
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
        rejects = np.array([verdict == 0 for verdict in self._verdicts])
        judged = np.array([verdict is not None for verdict in self._verdicts])
        # A wrong draw that was seen before has its verdict already.
        always, by_node = self._seen.dot(rejects), 1 - self._seen.dot(judged)
        return self._candidates(answer, _of_draws(), always, by_node)

    def revised(self, answer: int | None, depth: int) -> Candidates:
        """Return what revisions of that answer depend on, each of them verified."""
        verdict, same = None, np.zeros(len(self._chances))
        if answer is not None:
            verdict = self._verdicts[answer]
            same = self._given[:, AT_RETENTION].dot(_RETENTION)
            same[answer] = 0.0
        # What comes back unchanged has its verdict already.
        always = same * (verdict == 0)
        by_node = 1 - same * (verdict is not None)
        return self._candidates(answer, _of_revisions(depth), always, by_node)

    def chains(self, answer: int | None, depth: int) -> Chains:
        """Return what blind revisions of that answer depend on."""
        right = self._right(answer)
        pairs = [
            (self._given[:, AT_REPAIR] * weights[:, None]).T.dot(self._given[:, AT_CORRUPTION])
            for weights in (self._chances - right, right)
        ]
        return chains_of(np.array(pairs), depth)

    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""
        initial = self._given[:, AT_INITIAL] * self._chances[:, None]
        chances = initial.dot(splits(INITIAL.values, draws))
        return Ballot(
            np.array(self._votes, dtype=np.float64),
            chances.reshape(-1, draws + 1, draws + 1),
            self._urns_now,
        )

    def _right(self, answer: int | None) -> Floats:
        """P(h) where the answer in hand is right, else 0; shape (H,)."""
        right = np.zeros(len(self._chances))
        if answer is not None:
            right[answer] = self._chances[answer]
        return right

    @cached_property
    def _seen(self) -> Floats:
        """P(the next wrong draw is answer i | h), shape (H, A)."""
        shares = [(each.weights / each.whole)[:, None] * each.seen for each in self._urns_now]
        return np.asarray(sum(shares))

    @cached_property
    def _urns_now(self) -> list[Urns]:
        """What is in the urn of each θ."""
        counts = np.zeros((len(self._draws), len(self._votes)))
        moved = False
        for row, draws in enumerate(self._draws):
            for value, left in draws:
                counts[row, value] += 1
                moved = moved or left is not None
        distinct = (counts > 0).sum(axis=1).astype(np.float64)
        found = []
        weights = self._given[:, AT_CONCENTRATION]
        for column, urn in enumerate(self._urns):
            seen = urn.seen(counts) * (counts > 0)
            whole = urn.total(counts.sum(axis=1))
            if moved:  # what a revision passed over counts as well
                for row, draws in enumerate(self._draws):
                    drawn = read_draws(self._urns, tuple(draws))[column]
                    whole[row] = drawn.whole
                    for value, weight in drawn.weights.items():
                        seen[row, value] = weight
            found.append(Urns(urn, weights[:, column], seen, whole, distinct))
        return found

    @cached_property
    def _plain_level(self) -> int:
        nodes = self._chances.dot(self._given[:, AT_NODE])
        wrong, right = nodes.dot(_REJECTED_WRONG), nodes.dot(_REJECTED_RIGHT)
        return int(abs(np.log((1 - right) / (1 - wrong))) < abs(np.log(right / wrong)))

    def _candidates(
        self, answer: int | None, cases: "_Cases", always: Floats, by_node: Floats
    ) -> Candidates:
        """Return candidates whose chance to be right depends on a factor, and on the node.

        A right answer has one verdict: that which it got or, where it has none yet, that which it
        will get at first.

        Args:
            answer: The answer in hand.
            cases: What the chance depends on.
            always: P(a wrong candidate is surely rejected | h), shape (H,).
            by_node: P(its verdict is not known yet | h), shape (H,).
        """
        nodes = self._given[:, AT_NODE]
        accepted = nodes * _ACCEPTED_RIGHT
        for row, verdict in enumerate(self._verdicts):
            if verdict is not None:
                accepted[row] = nodes[row] if verdict else 0.0
        split = np.concatenate([nodes - accepted, accepted], axis=1)  # by the right one's verdict
        right = self._right(answer)
        weights, rejects = [], []
        for hypotheses, at in ((right, cases.if_right), (self._chances - right, cases.if_wrong)):
            known = hypotheses.dot(always), hypotheses.dot(by_node), hypotheses.sum()
            reject = (known[0] + known[1] * _REJECTED_WRONG) / max(known[2], _TINY)
            weights.append((self._given[:, at] * hypotheses[:, None]).T.dot(split).ravel())
            rejects.append(np.concatenate([reject] * (len(weights[-1]) // len(reject))))
        return Candidates(
            np.concatenate(weights),
            cases.right,
            cases.candidate,
            cases.accept,
            np.concatenate(rejects),
        )


class _Cases(NamedTuple):
    """What a candidate's chance depends on: values of a factor, the right one's verdict, nodes.

    Attributes:
        if_right: The factor that matters where the answer in hand is right.
        if_wrong: The one that matters where it is wrong.
        right: Whether the answer in hand is right.
        candidate: P(a candidate is right).
        accept: Whether a right candidate is accepted.
    """

    if_right: slice
    if_wrong: slice
    right: Floats
    candidate: Floats
    accept: Floats

    @classmethod
    def of(cls, if_right: slice, kept: Floats, if_wrong: slice, repaired: Floats) -> "_Cases":
        """Return the cases of the chances at each value of the two factors."""
        each = 2 * len(_REJECTED_WRONG)
        right = np.repeat([1.0, 0.0], [each * len(kept), each * len(repaired)])
        candidate = np.repeat(np.concatenate([kept, repaired]), each)
        accept = np.tile(np.repeat([0.0, 1.0], each // 2), len(kept) + len(repaired))
        return cls(if_right, if_wrong, right, candidate, accept)


@lru_cache(maxsize=1)
def _of_draws() -> _Cases:
    return _Cases.of(AT_INITIAL, _INITIAL, AT_INITIAL, _INITIAL)


@lru_cache(maxsize=64)
def _of_revisions(depth: int) -> _Cases:
    kept, repaired = 1 - settled(CORRUPTION, depth), settled(REPAIR, depth)
    return _Cases.of(AT_CORRUPTION, kept, AT_REPAIR, repaired)
