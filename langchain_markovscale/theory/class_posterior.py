"""Posteriors over classes of questions, and what they let the criterion expect.

See `theory/posterior.py` for what each method returns.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.candidate_tables import CandidateTables
from langchain_markovscale.theory.lattice import Mark
from langchain_markovscale.theory.likelihood import SeenAnswers
from langchain_markovscale.theory.posterior import (
    Ballot,
    Candidates,
    KeyedPosterior,
    NextDraw,
    Posterior,
    Urns,
)
from langchain_markovscale.theory.scores import ScoreEvidence, ScoreModel
from langchain_markovscale.types import Action

Floats = NDArray[np.float64]


class KeyedByClass(KeyedPosterior):
    """The belief over K classes and the A distinct keys seen, or none of them.

    Args:
        full: P(class k and hypothesis h), shape (H, K); the last hypothesis is "none of them".
        tables: What candidates depend on, and the rates.
        model: What scores say.
        evidence: What those of this run say.
        urns: What is in the urn under each hypothesis.
        seen: The answers themselves.
    """

    def __init__(
        self,
        full: Floats,
        tables: CandidateTables,
        model: ScoreModel,
        evidence: ScoreEvidence,
        urns: Urns,
        seen: SeenAnswers,
    ) -> None:
        self.full, self.latest, self.depths = full, seen.latest, seen.depths
        self._tables, self._rates, self._model = tables, tables.rates, model
        self._evidence, self._urns = evidence, urns
        self.votes, self._scores = seen.votes, seen.scores

    @property
    def joint(self) -> Floats:
        """P(class k and answer i is right), shape (A, K)."""
        return self.full[:-1]

    @property
    def classes(self) -> Floats:
        """P(class k), shape (K,)."""
        return np.asarray(np.add.reduce(self.full))

    @property
    def beliefs(self) -> Floats:
        """P(answer i is right), shape (A,)."""
        return np.asarray(self.full.dot(self._tables.ones[0])[:-1])

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
        right = full * initial
        wrong = full - right
        seen, unseen = self._urns.shares
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
        pull, own = np.array([lines[-2:] for lines in self._verdicts]).T[:, :-1]
        accepted = pull * again + own * accepted
        new = wrong_accepted.dot(unseen) + right_accepted[-1]
        whole = fresh.sum() + right[-1].sum()
        return NextDraw(
            np.stack([again - accepted, accepted], axis=1), np.array([whole - new, new])
        )

    def candidates(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Candidates:
        """Return what candidates depend on, each of them verified.

        Every array has a number for each action, case, hypothesis and class: on arrays this small,
        shapes that only broadcast cost more than the numbers that they save.
        """
        right, chances = self._tables.in_hand(actions, answer, depth, most, len(self.full))
        weights, accepted = self._right_cases(len(actions))
        mistaken = self._mistaken(actions, answer).repeat(3, axis=0).reshape(right.shape)
        return Candidates(weights, right, chances, accepted, mistaken)

    def _mistaken(self, actions: Sequence[Action], answer: int | None) -> Floats:
        """Return P(a wrong candidate is accepted | h, k), shape (X, HK).

        Verdicts of before add so much to a verdict anew, and leave so much of it: each is a + bσ.
        """
        hypotheses = len(self.full)
        added: list[float] = []
        left: list[float] = []
        for action in actions:
            if action == "generate":
                for pull, own in self._urns.expected([lines[-2:] for lines in self._verdicts]):
                    added += pull, 0.0
                    left += own, 0.0
                continue
            pull, own = (0.0, 1.0) if answer is None else self._verdicts[answer][-2:]
            first = len(added)
            added += [0.0, pull] * hypotheses
            left += [1.0, own - 1.0] * hypotheses
            if answer is not None:  # under this hypothesis a wrong revision is another answer
                added[first + 2 * answer + 1] = left[first + 2 * answer + 1] = 0.0
        lines = np.array(added + left).reshape(-1, 2).dot(self._tables.one_and_retention)
        more, mistaken = lines.reshape(2, len(actions), -1)
        mistaken *= self._accepted[0].ravel()
        mistaken += more
        return np.asarray(mistaken)

    def unverified(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Floats:
        """Return what n candidates add that nobody verifies, by action."""
        right = None if answer is None else self.full[answer]
        return self._tables.unverified(self.classes, right, actions, depth, most)

    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""
        return Ballot(self.votes, self.full, self._rates.initial, self._urns, draws)

    @cached_property
    def _accepted(self) -> Floats:
        """P(an answer not scored yet is accepted | wrong or right, h, k), shape (2, H, K)."""
        return self._evidence.accepted()

    @cached_property
    def _verdicts(self) -> list[tuple[float, ...]]:
        """What is known of verdicts under each hypothesis on its answer: `_verdict_lines`."""
        rho, accepts = self._rates.verdict_correlation, self._model.accepts
        verdicts = [_verdict_lines(0, 0, rho)] * len(self.full)
        for answer, scores in self._scores.items():
            if answer >= 0:
                verdicts[answer] = _verdict_lines(*accepts(scores), rho)
        return verdicts

    def _right_cases(self, actions: int) -> tuple[Floats, Floats]:
        """P(case, h and k), and P(the right answer is accepted), each of shape (X, 3HK).

        The cases are that it is always accepted, never, and with a chance anew each time.
        """
        verdicts = np.array([*chain(*self._verdicts)]).reshape(-1, 14)
        # Spread over classes by a product, which takes less than broadcasting does.
        spread = verdicts.T[:-2].reshape(-1, 1).dot(self._tables.ones)
        constant, slope = spread.reshape(2, 6, -1)
        lines = slope * self._accepted[1].ravel()
        lines += constant
        np.multiply(lines[:3], self.full.ravel(), out=lines[:3])
        weights, accepted = lines.reshape(2, 1, -1).repeat(actions, axis=1)
        return weights, accepted


@lru_cache(maxsize=1024)
def _verdict_lines(accepted: int, rejected: int, rho: float) -> tuple[float, ...]:
    """Return what verdicts on an answer owe to those before them, as 7 lines a + b·s.

    After m verdicts, r of them accepting, one that is accepted with chance s anew is accepted with
    (ρr + (1−ρ)s)/(1+(m−1)ρ), ρ their correlation. The right answer's verdict repeats itself with
    chance ρ: seen once with verdict v it is accepted with v (weight ρ) or s (1−ρ), not yet seen
    always (ρs), never (ρ(1−s)) or with s (1−ρ).

    Returns:
        If the answer is right, a then b of the chances that it is always accepted, never, and anew
        each time, then that it is accepted in each of these cases; last, whatever it is, a and b of
        the chance that it is accepted.
    """
    tried = accepted + rejected
    always, never, anew = (0.0, 0.0), (0.0, 0.0), (1.0, 0.0)
    repeated = each = (0.0, 1.0)
    if tried:
        size = 1 + (tried - 1) * rho
        repeated = each = (rho * accepted / size, (1 - rho) / size)
    if tried == 1:
        always, never, anew = (rho * accepted, 0.0), (rho * rejected, 0.0), (1 - rho, 0.0)
        each = (0.0, 1.0)
    if tried == 0:
        always, never, anew = (0.0, rho), (rho, -rho), (1 - rho, 0.0)
    lines = zip(always, never, anew, (1.0, 0.0), (0.0, 0.0), each, strict=True)
    return *chain(*lines), *repeated


class TreeByClass(Posterior):
    """The belief over K classes, Z nodes of the intercept and A attempts without keys.

    Args:
        right: P(class k, node z and attempt i is right), shape (A, K, Z).
        cases: P(class k and node z), shape (K, Z).
        tables: What candidates depend on, and the rates.
        model: What scores say.
        depths: For each attempt, revisions between it and its fresh draw.
    """

    def __init__(
        self,
        right: Floats,
        cases: Floats,
        tables: CandidateTables,
        model: ScoreModel,
        depths: list[int],
    ) -> None:
        self._right, self._cases, self._tables, self._model = right, cases, tables, model
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

    def candidates(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Candidates:
        """Return what candidates depend on, each of them verified."""
        right = self._right_cases(answer)
        of_wrong, of_right = self._model.accepted
        return Candidates(
            np.stack([np.stack([right, self._cases - right])] * len(actions)),
            np.array([1.0, 0.0])[:, None, None],
            self._tables.by_round(actions, depth, most).swapaxes(-1, -2),
            of_right,
            of_wrong,
        )

    def unverified(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Floats:
        """Return what n candidates add that nobody verifies, by action."""
        right = None if answer is None else self._right[answer].sum(axis=1)
        return self._tables.unverified(self.classes, right, actions, depth, most)

    def _right_cases(self, answer: int | None) -> Floats:
        """P(class k, node z and the answer is right), shape (K, Z)."""
        return np.zeros_like(self._cases) if answer is None else self._right[answer]
