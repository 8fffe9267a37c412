"""The best answer so far, which is returned, and the attempt to revise."""

from collections.abc import Sequence
from typing import NamedTuple

from langchain_markovscale.theory.posterior import Posterior
from langchain_markovscale.theory.validation import TOLERANCE
from langchain_markovscale.types import Attempt, is_repeated

NEARLY = 0.1
"""By how much less an attempt may be believed than the best one and be revised in its place."""


class InHand(NamedTuple):
    """The best answer so far.

    Attributes:
        answer: Which of the posterior's answers; None where it is wrong for want of a key.
        attempt: The latest attempt that carries it.
        belief: The chance that it is right.
        parent: The attempt to revise.
        depth: How many revisions lie between the parent and its fresh draw.
    """

    answer: int | None
    attempt: int
    belief: float
    parent: int
    depth: int


def in_hand(posterior: Posterior, attempts: Sequence[Attempt], *, exact: bool = False) -> InHand:
    """Return the answer that is believed most.

    Args:
        posterior: The belief.
        attempts: What it is the belief after.
        exact: Whether the verifier is exact: the first attempt with its full score is then right,
            whatever else was said of the answer that it carries, and also without a key.
    """
    if exact:
        for attempt, each in enumerate(attempts):
            if (each["score"] or 0.0) >= 1.0:
                return InHand(None, attempt, 1.0, attempt, posterior.depths[attempt])
    beliefs: list[float] = posterior.beliefs.tolist()
    if not beliefs:
        scores = [attempt["score"] or 0.0 for attempt in attempts]
        attempt = max(range(len(attempts)), key=lambda index: (scores[index], index))
        parent = _to_revise(attempts, attempt, posterior, beliefs)
        return InHand(None, attempt, 0.0, parent, posterior.depths[parent])
    rivals = _not_outscored(attempts, beliefs) if posterior.by_score else beliefs
    most = max(rivals)
    alike = [answer for answer, each in enumerate(rivals) if each >= most - TOLERANCE]
    answer = alike[0] if len(alike) == 1 else _best_scored(attempts, posterior, alike)
    attempt = posterior.latest[answer]
    parent = _to_revise(attempts, attempt, posterior, beliefs)
    return InHand(answer, attempt, _clipped(beliefs[answer]), parent, posterior.depths[parent])


def without_repeated(attempts: Sequence[Attempt]) -> tuple[list[Attempt], list[int]]:
    """Return the attempts that a cache has not merely given again, and their indices before."""
    kept = [index for index, each in enumerate(attempts) if not is_repeated(each)]
    places: dict[int | None, int | None] = {old: new for new, old in enumerate(kept)}
    parents = [places.get(attempts[index]["parent"]) for index in kept]
    others: list[Attempt] = [
        {**attempts[index], "parent": parent} for index, parent in zip(kept, parents, strict=True)
    ]
    return others, kept


def _to_revise(
    attempts: Sequence[Attempt], best: int, posterior: Posterior, beliefs: Sequence[float]
) -> int:
    """Return the best attempt or, where it was revised before, a nearly as good one that was not.

    A model that leaves little to chance answers the same request in the same way again, and a
    recording of a loop does not tell what second revisions of one attempt are worth.
    """
    revised = {attempt["parent"] for attempt in attempts}
    if best not in revised:
        return best
    chances = _by_attempt(attempts, posterior, beliefs)
    enough = chances[best] - NEARLY
    others = [at for at in range(len(attempts)) if at not in revised and chances[at] >= enough]
    return max(others, key=lambda at: (chances[at], attempts[at]["score"] or 0.0, at), default=best)


def _by_attempt(
    attempts: Sequence[Attempt], posterior: Posterior, beliefs: Sequence[float]
) -> Sequence[float]:
    """Return the chance that each attempt is right."""
    if len(beliefs) == len(attempts):
        return beliefs
    keys = [attempts[at]["key"] for at in posterior.latest]
    carried = dict(zip(keys, beliefs, strict=True))
    return [carried.get(attempt["key"], 0.0) for attempt in attempts]


def _not_outscored(attempts: Sequence[Attempt], beliefs: Sequence[float]) -> list[float]:
    """Return the beliefs in attempts, each an answer; −1 where another one was scored higher."""
    scores = [attempt["score"] for attempt in attempts]
    scored = [at for at, score in enumerate(scores) if score is not None]
    best = max(scored, key=lambda at: (scores[at], beliefs[at]), default=None)
    return [
        belief if score is None or at == best else -1.0
        for at, (score, belief) in enumerate(zip(scores, beliefs, strict=True))
    ]


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
