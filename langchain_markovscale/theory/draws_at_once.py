"""How many fresh draws are made at once, and what waiting for them costs.

A round trip is a draw and its verification, or several that run side by side: it takes the time of
one, and costs w = (cost of a second) × (seconds of a round), whatever is in it. Draws cost what
they cost one after the other, and all that were started are paid. So one draw too many is paid for
nothing, and a round trip too many is waited for.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.plans import Commitments, Plan, worth_of
from langchain_markovscale.theory.validation import non_negative, single, whole
from langchain_markovscale.types import Action, ArgumentError

Floats = NDArray[np.float64]

AtOnce = int | Literal["auto"]
"""Fresh draws of a round trip: so many of them, or as many as are worth most."""

_SIZES = (*range(1, 9), 10, 12, 16, 20, 24, 32, 48, 64)  # of batches in commitments


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


class Batches(NamedTuple):
    """Ways to make up to N draws in batches of one size, that end with the first acceptance.

    Attributes:
        sizes: Draws of the first batch, shape (P,).
        ends: The most draws of them that can be accepted, shape (P,).
        draws: How many are made after i of them were rejected, shape (P, N).
        trips: How many round trips, shape (P, N).
    """

    sizes: NDArray[np.int64]
    ends: NDArray[np.int64]
    draws: Floats
    trips: Floats


@lru_cache(maxsize=32)
def batches(at_once: AtOnce, most: int, left: int) -> Batches:
    """Return the ways to make up to `most` draws in batches.

    Args:
        at_once: Draws of each; `"auto"` for batches of every size that is worth a look.
        most: N, as far as plans look ahead.
        left: The attempts that are left; only these cut off a batch.
    """
    sizes, ends, draws, trips = [], [], [], []
    for size in _SIZES if at_once == "auto" else (at_once,):
        starts = range(0, most, size)
        for count in range(1, len(starts) + 1):
            made, waited = np.zeros(most), np.zeros(most)
            for start in starts[:count]:
                made[start], waited[start] = min(size, left - start), 1.0
            sizes.append(min(size, left))
            ends.append(min(count * size, most))
            draws.append(made)
            trips.append(waited)
        if size >= most:
            break
    return Batches(np.array(sizes), np.array(ends), np.array(draws), np.array(trips))


def best_batches(
    commitments: Sequence[Commitments], cost: float, wait: float, ways: Batches
) -> Plan:
    """Return the best commitment of fresh draws that are made in batches.

    What it gains is what it gains one by one: the first that is accepted is returned, or the last
    of a vote. With Rⁱ the chance that i draws are all rejected (1 where nothing is verified),
    batches of m make Σ_l m R^{lm} draws in Σ_l R^{lm} round trips.

    Args:
        commitments: At least one; their last row is that of fresh draws, one by one.
        cost: c, of a draw.
        wait: w, of a round trip.
        ways: How batches can be made.
    """
    plans = []
    price = cost * ways.draws + wait * ways.trips
    for gains, rounds, kind in commitments:
        unfinished = np.diff(rounds[-1], prepend=0.0)
        spent = price.dot(unfinished)
        gained = np.asarray(gains[-1])[ways.ends - 1]
        at = int((gained - spent).argmax())
        taken = float(ways.draws[at].dot(unfinished))
        most, draws = int(ways.ends[at]), int(ways.sizes[at])
        plan = Plan("generate", float(gained[at]), taken, kind, most, float(spent[at]), draws)
        plans.append(plan)
    return max(plans, key=worth_of)
