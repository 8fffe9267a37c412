"""What the criterion asks of a belief: which answer is right, and what may happen next.

Two beliefs answer: over classes of questions with rates (`theory/belief.py`), and the factorised
prior of a loop of which nothing was measured (`theory/prior.py`).
"""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.lattice import Mark
from langchain_markovscale.theory.urn import Drawn, Law
from langchain_markovscale.types import Action

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
    """What an answer drawn or revised until the verifier accepts depends on, by action and case.

    The first axis is that of X actions, the others are cases.

    Attributes:
        weights: P(case), X rows of any shape, each of which sums to 1; the others broadcast to it.
        right: 1 where the answer in hand is right, else 0.
        chances: P(a candidate is right | what it is made of is wrong or right), by round, with two
            axes before that of the actions: T rounds, and two. T is 1 where all rounds are alike.
        accepted: P(a right candidate is accepted).
        mistaken: P(a wrong candidate is accepted).
    """

    weights: Floats
    right: Floats
    chances: Floats
    accepted: Floats
    mistaken: Floats


class Urns:
    """What is in the urn under each of H hypotheses, by each of U laws of wrong answers.

    Args:
        laws: What values weigh, by law.
        chances: P(law | h), shape (U, H).
        drawn: What was drawn, by law and hypothesis.
        answers: A, of how many answers.
    """

    def __init__(
        self, laws: tuple[Law, ...], chances: Floats, drawn: Sequence[Sequence[Drawn]], answers: int
    ) -> None:
        self.laws, self.chances = laws, chances
        self._drawn, self._answers = drawn, answers

    @cached_property
    def weights(self) -> Floats:
        """What each answer weighs in the urn, 0 where it is not in it, then everything, then all
        values that were not drawn, shape (U, H, A + 2).
        """
        width, each = self._answers + 2, [urn for row in self._drawn for urn in row]
        flat = array("d", bytes(8 * width * len(each)))  # an array of NumPy's takes longer
        for end, urn in zip(range(width, len(flat) + 1, width), each, strict=True):
            for answer, weight in urn.weights.items():
                flat[end - width + answer] = weight
            flat[end - 2], flat[end - 1] = urn.whole, urn.unseen
        return np.frombuffer(flat).reshape(len(self.laws), -1, width)

    @property
    def distinct(self) -> NDArray[np.int64]:
        """How many different values there are in it, shape (H,)."""
        return np.array([len(urn.weights) for urn in self._drawn[0]])

    def expected(self, values: Sequence[Sequence[float]]) -> list[list[float]]:
        """Return what two numbers of the next wrong draw are on average, by hypothesis, (H, 2).

        Args:
            values: Those of each answer, then those of a new one.
        """
        means = [[0.0, 0.0] for _ in self._drawn[0]]
        for chances, drawn in zip(self.chances.tolist(), self._drawn, strict=True):
            for mean, chance, (_, weights, whole, unseen) in zip(
                means, chances, drawn, strict=True
            ):
                first, second = values[-1]
                first, second = unseen * first, unseen * second
                for answer, weight in weights.items():
                    one, other = values[answer]
                    first += weight * one
                    second += weight * other
                mean[0] += chance * first / whole
                mean[1] += chance * second / whole
        return means

    @cached_property
    def shares(self) -> tuple[Floats, Floats]:
        """P(the next wrong draw is answer i | h), shape (H, A), and a new one, shape (H,)."""
        by_law = (self.chances / self.weights[..., -2])[..., None] * self.weights
        shares = by_law[0] if len(by_law) == 1 else np.add.reduce(by_law, axis=0)
        return shares[:, :-2], shares[:, -1]


class Ballot(NamedTuple):
    """What a vote of the fresh draws, and of up to n more, depends on.

    Attributes:
        votes: Fresh draws of each answer.
        joint: P(h and p₀), shape (H, K).
        initial: p₀, K values.
        urns: Where wrong answers come from.
        most: n.
    """

    votes: Sequence[int]
    joint: Floats
    initial: tuple[float, ...]
    urns: Urns
    most: int


class Posterior(ABC):
    """The belief after some attempts, over the A answers seen.

    An answer is a distinct key or, where no attempt has a key, an attempt. The one in hand may be
    None: one without a key among answers that have keys, which is wrong.

    Attributes:
        latest: For each answer, the index of the latest attempt that carries it.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
        by_score: Whether the answer to return is the one scored highest, and not the one believed
            most: where nothing was measured, scores are all that tells drafts apart, and what is
            assumed of revisions does not weigh against them.
    """

    latest: list[int]
    depths: list[int]
    by_score = False

    @property
    @abstractmethod
    def beliefs(self) -> Floats:
        """P(answer i is right), shape (A,)."""

    @abstractmethod
    def candidates(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Candidates:
        """Return what candidates depend on if each of them is verified.

        Args:
            actions: Where they come from: fresh draws, or revisions, the first of the answer in
                hand. Where rates settle, each further one is of what was rejected, one level
                deeper.
            answer: Which is in hand.
            depth: Revisions between that and its fresh draw.
            most: The most candidates.
        """

    @abstractmethod
    def unverified(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int
    ) -> Floats:
        """Return what n candidates add if the last is taken as it comes, by action, (X, most)."""


class KeyedPosterior(Posterior):
    """The belief over distinct keys.

    Hypotheses are that each key is right, then that none of them is: H = A + 1.

    Attributes:
        votes: Fresh draws of each answer.
    """

    votes: list[int]

    @abstractmethod
    def marks(self, *, scored: bool = True) -> list[Mark]:
        """Return each answer's mark in a state of fresh draws, see `theory/lattice.py`."""

    @abstractmethod
    def next_draw(self, *, scored: bool = True) -> NextDraw:
        """Return what the next fresh draw may be."""

    @abstractmethod
    def ballot(self, draws: int) -> Ballot:
        """Return what a vote after up to so many more fresh draws depends on."""


def chain_gains(repair: Floats, corruption: Floats) -> Floats:
    """Return what n revisions add where the answer in hand is wrong, and where it is right.

    a_{t+1} = a_t (1 − β_t) + (1 − a_t) α_t, with a_t the chance that the answer is right.

    Args:
        repair: α of each revision, shape (T, X, N).
        corruption: β of each, shape (T, X, N).

    Returns:
        Shape (2, N, X · T), for X rows of gains.
    """
    gains = np.empty((2, *repair.shape))
    for start, row in enumerate(gains):
        right = np.full(repair.shape[1:], float(start))
        for gain, repaired, corrupted in zip(row, repair, corruption, strict=True):
            right = right * (1 - corrupted) + (1 - right) * repaired
            gain[:] = right - start
    return np.ascontiguousarray(gains.transpose(0, 3, 2, 1).reshape(2, repair.shape[2], -1))
