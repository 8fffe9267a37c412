"""Posteriors over classes of questions, and what they let the criterion expect.

See `theory/posterior.py` for what each method returns.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.optimum import Mark
from langchain_markovscale.theory.posterior import (
    Ballot,
    Candidates,
    Chains,
    KeyedPosterior,
    NextDraw,
    Posterior,
    Urns,
)
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.scores import ScoreEvidence, ScoreModel
from langchain_markovscale.theory.urn import Drawn
from langchain_markovscale.types import Attempt

Floats = NDArray[np.float64]
Tallies = list[tuple[int, int]]


class KeyedByClass(KeyedPosterior):
    """The belief over K classes and the A distinct keys seen, or none of them.

    Args:
        full: P(class k and hypothesis h), shape (H, K); the last hypothesis is "none of them".
        rates: The mixture.
        model: What scores say.
        evidence: What those of this run say.
        urns: What is in the urn under each hypothesis.
        answers: For each attempt the number of its key, −1 for none.
        attempts: The attempts.
        latest: For each key the index of the latest attempt that carries it.
        depths: For each attempt, revisions between it and its fresh draw.
        scores: The scores of each key, by its number.
    """

    def __init__(
        self,
        full: Floats,
        rates: Rates,
        model: ScoreModel,
        evidence: ScoreEvidence,
        urns: Sequence[Drawn],
        answers: Sequence[int],
        attempts: Sequence[Attempt],
        latest: list[int],
        depths: list[int],
        scores: Mapping[int, Sequence[float]],
    ) -> None:
        self.full, self.latest, self.depths = full, latest, depths
        self._rates, self._model, self._evidence, self._urns = rates, model, evidence, urns
        self._answers, self._attempts, self._scores = answers, attempts, scores

    @property
    def joint(self) -> Floats:
        """P(class k and answer i is right), shape (A, K)."""
        return self.full[:-1]

    @property
    def classes(self) -> Floats:
        """P(class k), shape (K,)."""
        return np.asarray(np.add.reduce(self.full, axis=0))

    @cached_property
    def beliefs(self) -> Floats:
        """P(answer i is right), shape (A,)."""
        return np.asarray(np.add.reduce(self.full[:-1], axis=1))

    @cached_property
    def votes(self) -> list[int]:
        """How many fresh draws each answer has."""
        votes = [0] * len(self.latest)
        for answer, attempt in zip(self._answers, self._attempts, strict=True):
            if answer >= 0 and attempt["parent"] is None:
                votes[answer] += 1
        return votes

    def marks(self, *, scored: bool = True) -> list[Mark]:
        """Return each answer's mark in a state of fresh draws."""
        if not scored:
            return [(votes, 0) for votes in self.votes]
        model, anew = self._model, self._model.anew
        marks = []
        for answer, votes in enumerate(self.votes):
            scores = self._scores.get(answer, ())
            level = model.level(scores) if scores else model.plain_level
            if not anew:
                marks.append((votes, level))
                continue
            accepted, rejected = model.accepts(scores)
            silent = votes - accepted - rejected
            marks.append((accepted + silent * level, rejected + silent * (1 - level)))
        return marks

    def next_draw(self, *, scored: bool = True) -> NextDraw:
        """Return what the next fresh draw may be."""
        full, initial = self.full, self._rates.arrays.initial
        right = full.dot(initial)
        fails = full * (1 - initial)
        wrong = np.add.reduce(fails, axis=1)
        seen, unseen = self._shares
        again = right[:-1] + wrong.dot(seen)
        if not scored:
            new = wrong.dot(unseen) + right[-1]
            return NextDraw(again[:, None], np.array([new]))
        fresh = fails * unseen[:, None]
        none = full[-1] * initial
        if not self._model.anew:
            of_wrong, of_right = (
                self._evidence.levels(0),
                self._evidence.levels(1, len(full) - 1)[:, 0],
            )
            new = np.einsum("lhk,hk->l", of_wrong, fresh) + of_right.dot(none)
            return NextDraw(again[:, None], new)
        of_wrong, of_right = self._evidence.accepted()
        accepted = (full * initial * of_right).sum(axis=1)[:-1]
        accepted += (fails * of_wrong).sum(axis=1).dot(seen)
        rho = self._rates.verdict_correlation
        tallies = np.array(self._tallies, dtype=np.float64)
        tried = tallies.sum(axis=1)
        known = rho * tallies[:, 0] * again + (1 - rho) * accepted
        accepted = np.where(tried > 0, known / (1 + np.maximum(tried - 1, 0) * rho), accepted)
        new = (fresh * of_wrong).sum() + none.dot(of_right[-1])
        whole = fresh.sum() + none.sum()
        return NextDraw(
            np.stack([again - accepted, accepted], axis=1), np.array([whole - new, new])
        )

    def drawn(self, answer: int | None) -> Candidates:
        """Return what fresh draws depend on while that answer is in hand."""
        candidate = np.broadcast_to(self._rates.arrays.initial, self.full.shape)
        same = 0.0 if answer is None else self._shares[0][:, answer, None]
        return self._candidates(answer, candidate, same)

    def revised(self, answer: int | None, depth: int) -> Candidates:
        """Return what revisions of that answer depend on, each of them verified."""
        repair, corruption = self._rates.at_depth(depth)
        candidate = np.tile(repair, (len(self.full), 1))
        if answer is not None:
            candidate[answer] = 1 - corruption
        return self._candidates(answer, candidate, self._rates.arrays.retention)

    def chains(self, answer: int | None, depth: int) -> Chains:
        """Return what blind revisions of that answer depend on."""
        right = np.zeros_like(self.classes) if answer is None else self.full[answer]
        rates = self._rates.at_depth(depth)
        return _chains(right, self.classes - right, *rates)

    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""
        initial = self._rates.arrays.initial
        powers = np.arange(draws + 1)[:, None]
        chances = (initial**powers)[:, None] * ((1 - initial) ** powers)  # (n + 1, n + 1, K)
        by_split = self.full.dot(chances.reshape(-1, len(initial)).T)
        seen, whole, distinct = self._weights
        urns = Urns(self._rates.urn, np.ones(len(whole)), seen, whole, distinct)
        shape = (len(whole), draws + 1, draws + 1)
        return Ballot(np.array(self.votes, dtype=np.float64), by_split.reshape(shape), (urns,))

    @cached_property
    def _weights(self) -> tuple[Floats, Floats, Floats]:
        """What each answer and everything weighs in the urn, and how many values are in it."""
        many = range(len(self.latest))
        seen = [[urn.weights.get(answer, 0.0) for answer in many] for urn in self._urns]
        whole = [urn.whole for urn in self._urns]
        distinct = [float(len(urn.weights)) for urn in self._urns]
        return np.array(seen), np.array(whole), np.array(distinct)

    @cached_property
    def _shares(self) -> tuple[Floats, Floats]:
        """P(the next wrong draw is answer i | h), shape (H, A), and a new one, shape (H,)."""
        seen, whole, _ = self._weights
        return seen / whole[:, None], np.array([urn.unseen for urn in self._urns]) / whole

    @cached_property
    def _tallies(self) -> Tallies:
        """How often each answer was accepted, and rejected."""
        return [
            self._model.accepts(self._scores.get(answer, ())) for answer in range(len(self.latest))
        ]

    def _candidates(
        self, answer: int | None, candidate: Floats, same: Floats | float
    ) -> Candidates:
        """Return candidates by class and hypothesis, and by what a right one's verdict will be.

        A verdict repeats itself with chance ρ: a right answer that was seen once with verdict v
        accepts with v (weight ρ) or s (1−ρ), one not yet seen always (ρs), never (ρ(1−s)) or with
        s (1−ρ); after m verdicts, r of them accepting, the next accepts with
        (ρr + (1−ρ)s)/(1+(m−1)ρ), and so does a wrong candidate that is the answer in hand.

        Args:
            answer: Which is in hand; None for one without a key, which is wrong.
            candidate: P(a candidate is right | h, k), shape (H, K).
            same: P(a wrong candidate is the answer in hand | h, k), broadcast to (H, K).
        """
        full, rho = self.full, self._rates.verdict_correlation
        of_wrong, s = self._evidence.accepted()
        reject = 1 - of_wrong
        accepted, rejected = (0, 0) if answer is None else self._tallies[answer]
        if tried := accepted + rejected:
            again = 1 - (rho * accepted + (1 - rho) * of_wrong) / (1 + (tried - 1) * rho)
            reject = reject + same * (again - reject)
            reject[answer] = 1 - of_wrong[answer]
        accept = np.stack([np.ones_like(s), np.zeros_like(s), s])
        weights = np.stack([rho * s, rho * (1 - s), np.broadcast_to(1 - rho, s.shape)])
        for seen, (accepted, rejected) in enumerate(self._tallies):
            tried = accepted + rejected
            if tried == 1:
                weights[0, seen], weights[1, seen] = rho * accepted, rho * rejected
            elif tried:
                weights[:2, seen], weights[2, seen] = 0.0, 1.0
                accept[2, seen] = (rho * accepted + (1 - rho) * s[seen]) / (1 + (tried - 1) * rho)
        in_hand = np.zeros(full.shape)
        if answer is not None:
            in_hand[answer] = 1.0
        shape = weights.shape

        def flat(values: Floats) -> Floats:
            return np.broadcast_to(values, shape).ravel()

        return Candidates(
            (weights * full).ravel(), flat(in_hand), flat(candidate), accept.ravel(), flat(reject)
        )


class TreeByClass(Posterior):
    """The belief over K classes, Z nodes of the intercept and A attempts without keys.

    Args:
        right: P(class k, node z and attempt i is right), shape (A, K, Z).
        cases: P(class k and node z), shape (K, Z).
        rates: The mixture.
        model: What scores say.
        depths: For each attempt, revisions between it and its fresh draw.
    """

    def __init__(
        self, right: Floats, cases: Floats, rates: Rates, model: ScoreModel, depths: list[int]
    ) -> None:
        self._right, self._cases, self._rates, self._model = right, cases, rates, model
        self.depths = depths
        self.latest = list(range(len(depths)))

    @property
    def joint(self) -> Floats:
        """P(class k and attempt i is right), shape (A, K)."""
        return np.asarray(self._right.sum(axis=2))

    @property
    def classes(self) -> Floats:
        """P(class k), shape (K,)."""
        return np.asarray(self._cases.sum(axis=1))

    @cached_property
    def beliefs(self) -> Floats:
        """P(attempt i is right), shape (A,)."""
        return np.asarray(self._right.sum(axis=(1, 2)))

    def drawn(self, answer: int | None) -> Candidates:
        """Return what fresh draws depend on while that answer is in hand."""
        initial = self._rates.arrays.initial
        return self._candidates(answer, initial, initial)

    def revised(self, answer: int | None, depth: int) -> Candidates:
        """Return what revisions of that answer depend on, each of them verified."""
        repair, corruption = self._rates.at_depth(depth)
        return self._candidates(answer, 1 - corruption, repair)

    def chains(self, answer: int | None, depth: int) -> Chains:
        """Return what blind revisions of that answer depend on."""
        right = self._right_cases(answer).sum(axis=1)
        rates = self._rates.at_depth(depth)
        return _chains(right, self.classes - right, *rates)

    def _right_cases(self, answer: int | None) -> Floats:
        """P(class k, node z and the answer is right), shape (K, Z)."""
        return np.zeros_like(self._cases) if answer is None else self._right[answer]

    def _candidates(self, answer: int | None, if_right: Floats, if_wrong: Floats) -> Candidates:
        shape = (2, *self._cases.shape)
        right = self._right_cases(answer)
        of_wrong, of_right = self._model.accepted

        def flat(values: Floats) -> Floats:
            return np.broadcast_to(values, shape).ravel()

        candidate = np.stack([if_right, if_wrong])[..., None]
        in_hand = np.array([1.0, 0.0])[:, None, None]
        weights = np.stack([right, self._cases - right]).ravel()
        return Candidates(
            weights, flat(in_hand), flat(candidate), flat(of_right), flat(1 - of_wrong)
        )


def _chains(right: Floats, wrong: Floats, repair: Floats, corruption: Floats) -> Chains:
    in_hand = np.repeat([1.0, 0.0], len(right))
    return Chains(
        np.concatenate([right, wrong]), in_hand, np.tile(repair, 2), np.tile(corruption, 2)
    )
