"""How many fresh draws are made at once, and what waiting for them costs.

A round trip is a draw and its verification, or several that run side by side: it takes the time of
one, and costs w = (cost of a second) × (seconds of a round), whatever is in it. Draws cost what
they cost one after the other, and all that were started are paid. So one draw too many is paid for
nothing, and a round trip too many is waited for.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from langchain_markovscale.theory.plans import Commitments, Plan, worth_of
from langchain_markovscale.theory.validation import non_negative, single, whole
from langchain_markovscale.types import Action, ArgumentError

AtOnce = int | Literal["auto"]
"""Fresh draws of a round trip: so many of them, or as many as are worth most."""

# Draws after which plans may look. Any number of them would be worth up to .0015 more, of 40.
_LOOKS = (*range(9), 10, 12, 14, 16, 20, 24, 32, 40, 48)


class Waiting(NamedTuple):
    """How draws are made at once, and the price of time.

    Attributes:
        draws_at_once: How many draws a round trip makes.
        cost_per_second: What a second of waiting costs, in units of accuracy.
        seconds_per_round: How long a round trip takes; None where that is not known beforehand.
    """

    draws_at_once: AtOnce = 1
    cost_per_second: float = 0.0
    seconds_per_round: float | None = None

    @classmethod
    def checked(
        cls,
        draws_at_once: AtOnce,
        cost_per_second: float,
        seconds_per_round: float | None,
        actions: tuple[Action, ...],
    ) -> "Waiting":
        """Return what the user gave.

        Raises:
            ArgumentError: If one of them is out of range, or several draws are to be made by a
                rule that may only revise.
        """
        at_once = _at_once(draws_at_once)
        if at_once not in (1, "auto") and "generate" not in actions:
            raise ArgumentError(
                "draws_at_once",
                f"is {at_once!r}, and actions={actions!r} has no fresh draws: add 'generate' to "
                "actions, or leave draws_at_once out.",
            )
        cost = _not_negative("cost_per_second", cost_per_second)
        if seconds_per_round is not None:
            seconds_per_round = _not_negative("seconds_per_round", seconds_per_round)
        return cls(at_once, cost, seconds_per_round)

    def price(self, seconds_per_round: float | None) -> float:
        """Return w, what waiting for a round trip costs, in units of accuracy.

        Args:
            seconds_per_round: As measured, for where the user gave none. It counts to two
                significant digits, so that runs whose times are much alike share their tables.

        Raises:
            ArgumentError: If it is negative or no number.
        """
        seconds = self.seconds_per_round
        if seconds is None:
            if seconds_per_round is None:
                return 0.0
            seconds = float(f"{_not_negative('seconds_per_round', seconds_per_round):.2g}")
        return self.cost_per_second * seconds


def _at_once(value: object) -> AtOnce:
    if isinstance(value, str) and value == "auto":
        return "auto"
    try:
        return int(single("draws_at_once", whole("draws_at_once", value, least=1)))  # type: ignore[arg-type]
    except ArgumentError:
        raise ArgumentError(
            "draws_at_once",
            f"must be a whole number of at least 1, or 'auto', got {value!r:.80}: it is how many "
            "fresh draws are made side by side.",
        ) from None


_MEANINGS = {
    "cost_per_second": "what a second of waiting costs, in units of accuracy: 0.001 is a tenth of "
    "a point, and 0 is to have time",
    "seconds_per_round": "how long a draw and its verification take; leave it out where that is "
    "not known",
}


def _not_negative(name: str, value: float) -> float:
    try:
        return single(name, non_negative(name, value))
    except ArgumentError:
        raise ArgumentError(
            name, f"must be one number of at least 0, got {value!r:.80}: it is {_MEANINGS[name]}."
        ) from None


def best_in_batches(
    commitments: Sequence[Commitments], cost: float, wait: float, at_once: AtOnce, left: int
) -> Plan:
    """Return the best commitment of fresh draws that are made in batches, whose sizes may differ.

    What it gains is what it gains one by one: the first that is accepted is returned, or the one
    with most votes of all. With G_i the gain of i draws, u_i the chance that none of them is
    accepted (1 where nothing is verified) and a look after the draws i, k, …

        W_i = max( 0, max_k G_k − G_i − u_i ((k−i) c + w) + W_k )

    Args:
        commitments: At least one; their last row is that of fresh draws, one by one.
        cost: c, of a draw.
        wait: w, of a round trip.
        at_once: How many draws a round trip makes.
        left: The attempts that are left; only these cut off a batch of a given size.
    """
    plans = []
    for gains, rounds, kind in commitments:
        gained, taken = [0.0, *gains[-1]], [0.0, *rounds[-1]]
        looks = _looks(at_once, len(gains[-1]))
        batches = {looks[-1]: _Batch(0.0, 0, 0.0, looks[-1])}
        for place in range(len(looks) - 2, -1, -1):
            here, later = looks[place], looks[place + 1 :]
            unfinished = taken[here + 1] - taken[here]
            if at_once == "auto":
                worths = [gained[k] - unfinished * cost * k + batches[k].worth for k in later]
                there = later[worths.index(max(worths))]
                made = there - here
            else:
                there, made = later[0], min(at_once, left - here)
            then, spent = batches[there], unfinished * (cost * made + wait)
            worth = gained[there] - gained[here] - spent + then.worth
            batches[here] = _Batch(worth, made, unfinished * made + then.rounds, then.end)
            if worth <= 0 and here:
                batches[here] = _Batch(0.0, 0, 0.0, here)
        first = batches[0]
        gain = gained[first.end]
        spent = gain - first.worth
        plans.append(Plan("generate", gain, first.rounds, kind, first.end, spent, first.draws))
    return max(plans, key=worth_of)


class _Batch(NamedTuple):
    """The best batch from some draw on, and those that follow it.

    Attributes:
        worth: What they gain, less what they cost.
        draws: How many it makes; 0 where it is best to stop.
        rounds: Draws that all of them are expected to make.
        end: The last draw of the last of them.
    """

    worth: float
    draws: int
    rounds: float
    end: int


def _looks(at_once: AtOnce, most: int) -> list[int]:
    """Return after how many of up to `most` draws a look may be taken."""
    if at_once == "auto":
        return [*(each for each in _LOOKS if each < most), most]
    return [*range(0, most, at_once), most]
