"""What the attempts so far say of further ones, whatever these cost.

Criteria that differ in their costs, their actions or their delivery weigh the same chances. So they
share what takes longest, which is worked out once for each history.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.belief import Belief
from langchain_markovscale.theory.in_hand import InHand, in_hand
from langchain_markovscale.theory.plans import Commitments, as_they_come, verified
from langchain_markovscale.theory.posterior import Ballot, KeyedPosterior, NextDraw, Posterior
from langchain_markovscale.theory.prior import PriorBelief
from langchain_markovscale.theory.validation import check_attempts
from langchain_markovscale.types import Action, Attempt

Floats = NDArray[np.float64]

Vote = Callable[[Ballot, int | None], Floats]
"""How likely the answer with most votes is right: `vote_on` or `vote_at_most`."""


class _Ahead(NamedTuple):
    """What is done from here: by which actions, in how many rounds, and whether it is scored."""

    actions: tuple[Action, ...]
    most: int
    scored: bool


class Situation:
    """The belief after some attempts, and what plans from there would gain.

    Args:
        posterior: The belief.
        hand: The best answer so far.
    """

    def __init__(self, posterior: Posterior, hand: InHand) -> None:
        self.posterior, self.hand = posterior, hand
        self._commitments: dict[_Ahead, list[Commitments]] = {}
        self._ballots: dict[int, Ballot] = {}
        self._votes: dict[tuple[Vote, int], Commitments] = {}
        self._draws: dict[bool, NextDraw] = {}

    def commitments(
        self, actions: Sequence[Action], most: int, *, scored: bool
    ) -> list[Commitments]:
        """Return the commitments that begin with each of some actions.

        Args:
            actions: What they may begin with.
            most: The most rounds, at least 1.
            scored: Whether the verifier is to be counted on.
        """
        ahead = _Ahead(tuple(actions), most, scored)
        if ahead not in self._commitments:
            at = ahead.actions, self.hand.answer, self.hand.depth, most
            found = [as_they_come(self.posterior.unverified(*at), "blind")]
            if scored:
                found.append(verified(self.posterior.candidates(*at), most))
            self._commitments[ahead] = found
        return self._commitments[ahead]

    def votes(self, chances: Vote, most: int) -> Commitments:
        """Return the commitments to draw up to so many more and to vote; answers have keys."""
        if (chances, most) not in self._votes:
            assert isinstance(self.posterior, KeyedPosterior)
            if most not in self._ballots:
                self._ballots[most] = self.posterior.ballot(most)
            gains = chances(self._ballots[most], self.hand.answer) - self.hand.belief
            self._votes[chances, most] = as_they_come(gains[None], "vote")
        return self._votes[chances, most]

    def next_draw(self, *, scored: bool) -> NextDraw:
        """Return what the next fresh draw may be; answers have keys."""
        if scored not in self._draws:
            assert isinstance(self.posterior, KeyedPosterior)
            self._draws[scored] = self.posterior.next_draw(scored=scored)
        return self._draws[scored]


def situation_of(
    belief: Belief | PriorBelief,
    attempts: Sequence[Attempt],
    class_weights: Sequence[float] | None = None,
    *,
    exact: bool = False,
) -> Situation:
    """Return the situation after some attempts, see `Belief.posterior`, and `in_hand`.

    Raises:
        ValueError: If an attempt lacks a field, or the belief cannot be had from them.
    """
    try:
        posterior = belief.posterior(attempts, class_weights)
    except (KeyError, TypeError, AttributeError):
        check_attempts(attempts)
        raise
    return Situation(posterior, in_hand(posterior, attempts, exact=exact))
