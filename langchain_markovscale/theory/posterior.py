"""What the criterion asks of a belief: which answer is right, and what may happen next.

Two beliefs answer: over classes of questions with rates (`theory/belief.py`), and the factorised
prior of a loop of which nothing was measured (`theory/prior.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.lattice import Mark
from langchain_markovscale.theory.urn import Drawn, Law

Floats = NDArray[np.float64]


class NextDraw(NamedTuple):
    """What the next fresh draw may be; all chances sum to 1.

    Attributes:
        again: P(it is answer i, with outcome b of its verdict), shape (A, B); B is 1 where an
            answer keeps the level of its score.
        new: P(it is an answer not seen yet, whose score has level l), shape (L,).
    """

    again: Floats
    new: Floats


class Candidates(NamedTuple):
    """What an answer drawn or revised until the verifier accepts depends on, by case.

    Attributes:
        weights: P(case), of any shape; sums to 1. The others broadcast with it.
        right: 1 where the answer in hand is right, else 0.
        candidate: P(a candidate is right).
        accepted: P(a right candidate is accepted).
        mistaken: P(a wrong candidate is accepted).
    """

    weights: Floats
    right: Floats
    candidate: Floats
    accepted: Floats
    mistaken: Floats


class Chains(NamedTuple):
    """What blind revisions of the answer in hand depend on, in N cases.

    Attributes:
        right: P(case, and the answer in hand is right).
        wrong: P(case, and it is wrong).
        repair: α of the next revision.
        corruption: β of the next revision.
    """

    right: Floats
    wrong: Floats
    repair: Floats
    corruption: Floats


class Urns(NamedTuple):
    """What is in the urn under each of H hypotheses, by each of U laws of wrong answers.

    Attributes:
        laws: What values weigh, by law.
        chances: P(law | h), shape (U, H).
        weights: What each answer weighs in the urn, 0 where it is not in it, then everything, then
            all values that were not drawn, shape (U, H, A + 2).
        distinct: How many different values there are in it, shape (H,).
    """

    laws: tuple[Law, ...]
    chances: Floats
    weights: Floats
    distinct: NDArray[np.int64]

    @classmethod
    def of(
        cls, laws: tuple[Law, ...], chances: Floats, drawn: Sequence[Sequence[Drawn]], answers: int
    ) -> "Urns":
        """Return them from what was drawn, by law and hypothesis, of so many answers."""
        numbers = range(answers)
        weights = [
            [[*[urn.weights.get(i, 0.0) for i in numbers], urn.whole, urn.unseen] for urn in row]
            for row in drawn
        ]
        distinct = [len(urn.weights) for urn in drawn[0]]
        return cls(laws, chances, np.array(weights), np.array(distinct))

    def shares(self) -> tuple[Floats, Floats]:
        """P(the next wrong draw is answer i | h), shape (H, A), and a new one, shape (H,)."""
        by_law = (self.chances / self.weights[..., -2])[..., None] * self.weights
        shares = np.add.reduce(by_law, axis=0)
        return shares[:, :-2], shares[:, -1]


class Ballot(NamedTuple):
    """What a vote of the fresh draws, and of up to n more, depends on.

    Attributes:
        votes: Fresh draws of each answer.
        chances: P(h) E[p₀ᴿ (1−p₀)ʷ | h] at [h, R, w], R and w from 0 to n, shape (H, n+1, n+1).
        urns: Where wrong answers come from.
    """

    votes: Sequence[int]
    chances: Floats
    urns: Urns


class Posterior(ABC):
    """The belief after some attempts, over the A answers seen.

    An answer is a distinct key or, where no attempt has a key, an attempt. The one in hand may be
    None: one without a key among answers that have keys, which is wrong.

    Attributes:
        latest: For each answer, the index of the latest attempt that carries it.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
    """

    latest: list[int]
    depths: list[int]

    @property
    @abstractmethod
    def beliefs(self) -> Floats:
        """P(answer i is right), shape (A,)."""

    @abstractmethod
    def drawn(self, answer: int | None) -> Candidates:
        """Return what fresh draws depend on while that answer is in hand."""

    @abstractmethod
    def revised(self, answer: int | None, depth: int) -> Candidates:
        """Return what revisions of that answer, at that depth, depend on if each is verified."""

    @abstractmethod
    def chains(self, answer: int | None, depth: int) -> Chains:
        """Return what blind revisions of that answer, at that depth, depend on."""


class KeyedPosterior(Posterior):
    """The belief over distinct keys.

    Hypotheses are that each key is right, then that none of them is: H = A + 1.
    """

    @abstractmethod
    def marks(self, *, scored: bool = True) -> list[Mark]:
        """Return each answer's mark in a state of fresh draws, see `theory/lattice.py`."""

    @abstractmethod
    def next_draw(self, *, scored: bool = True) -> NextDraw:
        """Return what the next fresh draw may be."""

    @abstractmethod
    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""


@lru_cache(maxsize=64)
def splits(initial: tuple[float, ...], draws: int) -> Floats:
    """Return p₀ᴿ (1−p₀)ʷ for R and w from 0 to `draws`, shape (K, (draws + 1)²)."""
    p, powers = np.array(initial)[:, None], np.arange(draws + 1)
    right, wrong = p**powers, (1 - p) ** powers
    return np.asarray((right[:, :, None] * wrong[:, None]).reshape(len(p), -1), np.float64)
