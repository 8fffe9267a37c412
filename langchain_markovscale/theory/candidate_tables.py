"""What candidates depend on before anything is known of a question: tables of the rates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.decision_cache import Cache
from langchain_markovscale.theory.posterior import chain_gains
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.types import Action

Floats = NDArray[np.float64]

_CACHED = 128


class CandidateTables:
    """What fresh draws and revisions depend on, by class, kept for those asked for last.

    Args:
        rates: The mixture.
    """

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self.ones = np.ones((1, rates.n_classes))
        self.one_and_retention = np.stack([self.ones[0], rates.arrays.retention])
        self._chances: Cache[tuple[str | int, ...], Floats] = Cache(_CACHED)
        self._in_hand: Cache[tuple[str | int | None, ...], tuple[Floats, Floats]] = Cache(_CACHED)
        self._gains: Cache[tuple[str | int, ...], Floats] = Cache(_CACHED)

    def chances(self, actions: Sequence[Action], depth: int) -> Floats:
        """Return P(a candidate is right | what it is made of is wrong or right), by action.

        Args:
            actions: Where candidates come from, X of them.
            depth: Revisions between the answer in hand and its fresh draw.

        Returns:
            α or p₀, then 1 − β or p₀, shape (2, X, 1, 1, K); do not change it.
        """

        def make() -> Floats:
            repair, corruption = self.rates.at_depth(depth)
            fresh = self.rates.arrays.initial, self.rates.arrays.initial
            rows = [fresh if each == "generate" else (repair, 1 - corruption) for each in actions]
            return np.array(rows).swapaxes(0, 1)[:, :, None, None]

        return self._chances.get((*actions, depth), make)

    def by_round(self, actions: Sequence[Action], depth: int, most: int) -> Floats:
        """Return the chances of up to n candidates, each revision one level deeper.

        Returns:
            As `chances` has them, with rounds first: one where they are the same in each, else n.
        """
        settles = self.rates.settling < 1 and "revise" in actions
        rounds = range(most if settles else 1)
        return np.array([self.chances(actions, depth + at) for at in rounds])

    def in_hand(
        self, actions: Sequence[Action], answer: int | None, depth: int, most: int, hypotheses: int
    ) -> tuple[Floats, Floats]:
        """Return whether the answer in hand is right, and chances of candidates, by case.

        Cases are hypotheses and classes, three times over: once for each way in which verdicts on
        the right answer may go on.

        Args:
            actions: Where candidates come from, X of them.
            answer: The hypothesis under which the answer in hand is right, None where none is.
            depth: Revisions between that and its fresh draw.
            most: The most candidates.
            hypotheses: H, how many there are.

        Returns:
            Shape (X, 3HK), and as `by_round` has them (T, 2, X, 3HK); do not change them.
        """

        def make() -> tuple[Floats, Floats]:
            right = np.zeros((len(actions), 3, hypotheses, self.rates.n_classes))
            if answer is not None:
                right[:, :, answer] = 1.0
            rounds = self.by_round(actions, depth, most)
            chances = np.broadcast_to(rounds, (len(rounds), 2, *right.shape))
            shape = len(actions), -1
            return right.reshape(shape), chances.reshape(len(rounds), 2, *shape)

        return self._in_hand.get((*actions, answer, depth, most, hypotheses), make)

    def unverified(
        self,
        classes: Floats,
        right: Floats | None,
        actions: Sequence[Action],
        depth: int,
        most: int,
    ) -> Floats:
        """Return what n candidates add that nobody verifies, shape (X, most).

        Args:
            classes: P(class k), shape (K,).
            right: P(class k, and the answer in hand is right), shape (K,); None where it is wrong.
            actions: Where candidates come from, X of them.
            depth: Revisions between the answer in hand and its fresh draw.
            most: The most candidates.
        """

        def make() -> Floats:
            rounds = self.by_round(actions, depth, most)[..., 0, 0, :]
            each = np.broadcast_to(rounds, (most, *rounds.shape[1:]))
            repair, kept = each.swapaxes(0, 1)
            return chain_gains(repair, 1 - kept)

        if_wrong, if_right = self._gains.get((*actions, depth, most), make)
        if right is None:
            gains = classes.dot(if_wrong)
        else:
            gains = (classes - right).dot(if_wrong) + right.dot(if_right)
        return np.asarray(gains.reshape(len(actions), most))
