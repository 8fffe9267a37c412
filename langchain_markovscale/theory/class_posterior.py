"""Posteriors over classes of questions, and what they let the criterion expect.

See `theory/posterior.py` for what each method returns.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.lattice import Mark
from langchain_markovscale.theory.likelihood import SeenAnswers
from langchain_markovscale.theory.posterior import (
    Ballot,
    Candidates,
    Chains,
    KeyedPosterior,
    NextDraw,
    Posterior,
    Urns,
    splits,
)
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.scores import ScoreEvidence, ScoreModel
from langchain_markovscale.theory.urn import Drawn

Floats = NDArray[np.float64]

_TINY = 1e-300


class KeyedByClass(KeyedPosterior):
    """The belief over K classes and the A distinct keys seen, or none of them.

    Args:
        full: P(class k and hypothesis h), shape (H, K); the last hypothesis is "none of them".
        rates: The mixture.
        model: What scores say.
        evidence: What those of this run say.
        urns: What is in the urn under each hypothesis.
        seen: The answers themselves.
        depths: For each attempt, revisions between it and its fresh draw.
    """

    def __init__(
        self,
        full: Floats,
        rates: Rates,
        model: ScoreModel,
        evidence: ScoreEvidence,
        urns: Sequence[Drawn],
        seen: SeenAnswers,
        depths: list[int],
    ) -> None:
        self.full, self.latest, self.depths = full, seen.latest, depths
        self._rates, self._model, self._evidence, self._urns = rates, model, evidence, urns
        self._votes, self._scores = seen.votes, seen.scores

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

    def marks(self, *, scored: bool = True) -> list[Mark]:
        """Return each answer's mark in a state of fresh draws."""
        if not scored:
            return [(votes, 0) for votes in self._votes]
        model, anew = self._model, self._model.anew
        marks = []
        for answer, votes in enumerate(self._votes):
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
        right = full * initial
        wrong = full - right
        seen, unseen = self._shares
        again = np.add.reduce(right[:-1], axis=1) + np.add.reduce(wrong, axis=1).dot(seen)
        fresh = unseen.dot(wrong)
        if not scored:
            return NextDraw(again[:, None], np.array([fresh.sum() + right[-1].sum()]))
        if not self._model.anew:
            levels = self._evidence.levels()
            new = (levels[:, 0] * wrong * unseen[:, None]).sum(axis=(1, 2))
            return NextDraw(again[:, None], new + levels[:, 1, -1].dot(right[-1]))
        of_wrong, of_right = self._accepted
        right_accepted = np.add.reduce(right * of_right, axis=1)
        wrong_accepted = np.add.reduce(wrong * of_wrong, axis=1)
        accepted = right_accepted[:-1] + wrong_accepted.dot(seen)
        pull, own = self._repeats
        accepted = pull * again + own * accepted
        new = wrong_accepted.dot(unseen) + right_accepted[-1]
        whole = fresh.sum() + right[-1].sum()
        return NextDraw(
            np.stack([again - accepted, accepted], axis=1), np.array([whole - new, new])
        )

    def drawn(self, answer: int | None) -> Candidates:
        """Return what fresh draws depend on while that answer is in hand."""
        of_wrong = self._accepted[0]
        pull, own = self._repeats
        seen = self._shares[0]
        accept = seen.dot(pull)[:, None] + (1 - seen.dot(1 - own))[:, None] * of_wrong
        return self._candidates(answer, self._rates.arrays.initial, accept)

    def revised(self, answer: int | None, depth: int) -> Candidates:
        """Return what revisions of that answer depend on, each of them verified."""
        repair, corruption = self._rates.at_depth(depth)
        of_wrong = self._accepted[0]
        if answer is None:
            return self._candidates(answer, repair, of_wrong)
        candidate = np.empty(self.full.shape)
        candidate[:] = repair
        candidate[answer] = 1 - corruption
        pull, own = self._repeats[:, answer]
        stuck = self._rates.arrays.retention
        accept = stuck * pull + (1 - stuck * (1 - own)) * of_wrong
        accept[answer] = of_wrong[answer]
        return self._candidates(answer, candidate, accept)

    def chains(self, answer: int | None, depth: int) -> Chains:
        """Return what blind revisions of that answer depend on."""
        right = np.zeros_like(self.classes) if answer is None else self.full[answer]
        return _chains(right, self.classes, *self._rates.at_depth(depth))

    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""
        by_split = self.full.dot(splits(self._rates.initial, draws))
        seen, whole, distinct = self._weights
        urns = Urns(self._rates.urn, np.ones(len(whole)), seen, whole, distinct)
        shape = (len(whole), draws + 1, draws + 1)
        return Ballot(np.array(self._votes, dtype=np.float64), by_split.reshape(shape), (urns,))

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
    def _accepted(self) -> Floats:
        """P(an answer not scored yet is accepted | wrong or right, h, k), shape (2, H, K)."""
        return self._evidence.accepted()

    @cached_property
    def _tallies(self) -> list[tuple[int, int]]:
        """How often each answer was accepted, and rejected."""
        return [
            self._model.accepts(self._scores.get(answer, ())) for answer in range(len(self.latest))
        ]

    @cached_property
    def _verdicts(self) -> Floats:
        """What verdicts on each answer, and on none, owe to those before them, shape (8, A + 1).

        After m verdicts, r of them accepting, one that is accepted with chance s anew is accepted
        with (ρr + (1−ρ)s)/(1+(m−1)ρ): the last two rows are what is added, and what s is
        multiplied by. The first six tell the same of the right answer, whose verdict repeats itself
        with chance ρ: what is multiplied by s and what is added for the chance that it is always
        accepted, what is added for never, and for anew; then what is added to s, and what s is
        multiplied by, where it is drawn anew.
        """
        rho = self._rates.verdict_correlation
        rows = []
        for accepted, rejected in [*self._tallies, (0, 0)]:
            tried = accepted + rejected
            size = 1 + (tried - 1) * rho
            if tried == 0:
                rows.append((rho, 0.0, rho, 1 - rho, 0.0, 1.0, 0.0, 1.0))
                continue
            pull, own = rho * accepted / size, (1 - rho) / size
            if tried == 1:
                rows.append((0.0, pull, rho - pull, 1 - rho, 0.0, 1.0, pull, own))
            else:
                rows.append((0.0, 0.0, 0.0, 1.0, pull, own, pull, own))
        return np.array(rows).T

    @property
    def _repeats(self) -> Floats:
        """What is added to a verdict on each answer, and what it is multiplied by, shape (2, A)."""
        return self._verdicts[6:, :-1]

    @cached_property
    def _right_cases(self) -> tuple[Floats, Floats]:
        """P(case, h and k), and P(the right answer is accepted), each of shape (3, H, K).

        An answer that was seen once with verdict v accepts with v (weight ρ) or s (1−ρ), one not
        yet seen always (ρs), never (ρ(1−s)) or with s (1−ρ); see `_verdicts`.
        """
        s = self._accepted[1]
        turns, always, never, anew, added, times = self._verdicts[:6, :, None]
        turns = turns * s
        weights, accept = np.empty((2, 3, *s.shape))
        np.add(always, turns, out=weights[0])
        np.subtract(never, turns, out=weights[1])
        weights[2] = anew
        weights *= self.full
        accept[0], accept[1] = 1.0, 0.0
        np.add(added, times * s, out=accept[2])
        return weights, accept

    def _candidates(
        self, answer: int | None, candidate: Floats, accept_wrong: Floats
    ) -> Candidates:
        """Return candidates by what the right answer's verdict will be, hypothesis and class.

        Args:
            answer: Which is in hand; None for one without a key, which is wrong.
            candidate: P(a candidate is right | h, k), shape (H, K) or (K,).
            accept_wrong: P(a wrong candidate is accepted | h, k), shape (H, K).
        """
        weights, accept = self._right_cases
        in_hand = np.zeros((len(self.full), 1))
        if answer is not None:
            in_hand[answer] = 1.0
        return Candidates(weights, in_hand, candidate, accept, 1 - accept_wrong)


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
        return _chains(right, self.classes, *self._rates.at_depth(depth))

    def _right_cases(self, answer: int | None) -> Floats:
        """P(class k, node z and the answer is right), shape (K, Z)."""
        return np.zeros_like(self._cases) if answer is None else self._right[answer]

    def _candidates(self, answer: int | None, if_right: Floats, if_wrong: Floats) -> Candidates:
        right = self._right_cases(answer)
        of_wrong, of_right = self._model.accepted
        return Candidates(
            np.stack([right, self._cases - right]),
            np.array([1.0, 0.0])[:, None, None],
            np.stack([if_right, if_wrong])[..., None],
            of_right,
            1 - of_wrong,
        )


def _chains(right: Floats, classes: Floats, repair: Floats, corruption: Floats) -> Chains:
    return Chains(classes, right / np.maximum(classes, _TINY), repair, corruption)
