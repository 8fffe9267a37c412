"""The best answer so far: the one to return, and the one to revise."""

from collections.abc import Sequence
from typing import NamedTuple

from langchain_markovscale.theory.posterior import Posterior
from langchain_markovscale.theory.validation import TOLERANCE
from langchain_markovscale.types import Attempt, is_repeated


class InHand(NamedTuple):
    """The best answer so far.

    Attributes:
        answer: Which of the posterior's answers; None where it is wrong for want of a key.
        attempt: The latest attempt that carries it.
        depth: How many revisions lie between that and its fresh draw.
        belief: The chance that it is right.
    """

    answer: int | None
    attempt: int
    depth: int
    belief: float


def in_hand(posterior: Posterior, attempts: Sequence[Attempt]) -> InHand:
    """Return the answer that is believed most."""
    beliefs: list[float] = posterior.beliefs.tolist()
    if not beliefs:
        scores = [attempt["score"] or 0.0 for attempt in attempts]
        attempt = max(range(len(attempts)), key=lambda index: (scores[index], index))
        return InHand(None, attempt, posterior.depths[attempt], 0.0)
    most = max(beliefs)
    alike = [answer for answer, each in enumerate(beliefs) if each >= most - TOLERANCE]
    answer = alike[0] if len(alike) == 1 else _best_scored(attempts, posterior, alike)
    attempt = posterior.latest[answer]
    return InHand(answer, attempt, posterior.depths[attempt], _clipped(beliefs[answer]))


def without_repeated(attempts: Sequence[Attempt]) -> tuple[list[Attempt], list[int]]:
    """Return the attempts that a cache has not merely given again, and their indices before."""
    kept = [index for index, each in enumerate(attempts) if not is_repeated(each)]
    places: dict[int | None, int | None] = {old: new for new, old in enumerate(kept)}
    parents = [places.get(attempts[index]["parent"]) for index in kept]
    others: list[Attempt] = [
        {**attempts[index], "parent": parent} for index, parent in zip(kept, parents, strict=True)
    ]
    return others, kept


def _best_scored(attempts: Sequence[Attempt], posterior: Posterior, alike: list[int]) -> int:
    """Among answers that are believed alike, return the one that was scored highest.

    A verifier of which only a threshold is known leaves accepted answers equally likely, and an
    exact one those that it rejected.
    """

    def highest(index: int) -> float:
        latest = posterior.latest[index]
        key = attempts[latest]["key"]
        same = [attempts[latest]] if key is None else [a for a in attempts if a["key"] == key]
        return max((each["score"] or 0.0 for each in same), default=0.0)

    return max(alike, key=highest)


def _clipped(belief: float) -> float:
    """Return a belief without what rounding adds to certainty or takes from it."""
    return 1.0 if belief > 1 - TOLERANCE else belief
