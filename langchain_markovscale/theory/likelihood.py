"""The statistical model, stated once: what belief weighs, and what a fit makes likely.

Given the class k of the question and which attempts are right, an attempt has the chance

    fresh draw                p₀ₖ if right, else (1−p₀ₖ) · urn(value)
    revision of a right one   1−βₖ if still right, else βₖ · urn(value)
    revision of a wrong one   αₖ if right now; same value again: (1−αₖ) σₖ, nothing is drawn;
                              another one: (1−αₖ)(1−σₖ) · urn(value) / (1 − urn(parent's value))
    scores                    f(x | right or wrong, k), see `theory/scores.py`

with αₖdᵗ and βₖdᵗ at depth t. Wrong answers without a value (a key) pay 1−p₀, β or 1−α alone. The
product is linear in its logarithms: how often each kind of event happened, times the logarithm of
its chance. `read_run` counts the events, `event_table` has the logarithms, and the urn goes through
the wrong values in the order in which they were made.
"""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.intercept import log_chance
from langchain_markovscale.theory.urn import Draw
from langchain_markovscale.types import Attempt

Floats = NDArray[np.float64]

DRAWN_RIGHT, DRAWN_WRONG, STUCK, MOVED, REVISED = 0, 1, 2, 3, 4
"""Columns of the events: of fresh draws, of unrepaired answers that came back with the same value
and with another one, and the first column of revisions."""

KEPT, BROKEN, REPAIRED, UNREPAIRED, DEPTH = 0, 1, 2, 3, 4
"""Columns of a revision's events, from `REVISED` on, and how many a depth takes."""


def event_count(levels: int) -> int:
    """Return how many kinds of event there are with T depths of revision: 4 + 4T."""
    return REVISED + DEPTH * levels


NO_VALUE = -1
"""The answer of an attempt that is wrong and has no key: it equals no other."""

Step = tuple[int, int, int]
"""An attempt as the model sees it: its answer's number, its parent's (`NO_VALUE` without one), and
its depth, how many revisions lie between it and its fresh draw."""


class SeenAnswers(NamedTuple):
    """The answers of a run.

    Attributes:
        steps: The attempts. The number of a key is its place among the keys that came.
        depths: For each attempt its depth.
        latest: For each key, the index of the latest attempt that carries it.
        votes: For each key, how many fresh draws carry it.
        scores: The scores of each answer that has any, by its number. An attempt without a key is
            an answer of its own, whose number is below `NO_VALUE`.
    """

    steps: list[Step]
    depths: list[int]
    latest: list[int]
    votes: list[int]
    scores: dict[int, list[float]]


class RunEvents(NamedTuple):
    """What happened in a run if none of its first A answers is right, and if one of them is.

    Attributes:
        counts: How often each event happened, shape (A + 1, 4 + 4T) for revisions down to depth T:
            in the last row if none is right, in each other by how much that changes if its answer
            is right.
        draws: The wrong values if none is right, in their order, as `Urn.read` takes them.
    """

    counts: Floats
    draws: list[Draw]

    def log_chances(self, logs: Floats, before: Floats | float = 0.0) -> Floats:
        """Return ln of the chance of all events, if each answer is right and if none is.

        Args:
            logs: Those of the events, in any number of cases, shape (4 + 4T, N).
            before: ln of what else counts in each case, shape (N,).

        Returns:
            Shape (A + 1, N).
        """
        # `dot` on arrays this small takes half the time of `@`, and this is the hot path.
        chances = self.counts.dot(logs)
        chances[-1] += before
        chances[:-1] += chances[-1]
        return np.asarray(chances)

    def draws_if(self, right: int) -> list[Draw]:
        """Return the wrong values if the answer with this number is right."""
        return [
            draw if draw[1] != right else (draw[0], None) for draw in self.draws if draw[0] != right
        ]


def steps_of(
    attempts: Sequence[Attempt], answers: Sequence[int], depths: Sequence[int]
) -> list[Step]:
    """Return a run's attempts as `read_run` takes them.

    Args:
        attempts: The attempts in their order.
        answers: For each attempt the number of its answer, the same for equal answers.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
    """
    parents = [attempt["parent"] for attempt in attempts]
    before = [NO_VALUE if parent is None else answers[parent] for parent in parents]
    return list(zip(answers, before, depths, strict=True))


def read_run(steps: Sequence[Step], answers: int, levels: int) -> RunEvents:
    """Return what happened in a run.

    Args:
        steps: The attempts, see `steps_of`.
        answers: A, how many answers may be the right one: those with a number below.
        levels: T, how many depths to tell apart; deeper revisions count for the last.
    """
    width = event_count(levels)
    counts = array("d", bytes(8 * width * (answers + 1)))  # an array of NumPy's takes longer
    none = width * answers
    draws: list[Draw] = []
    for answer, before, depth in steps:
        own = width * answer if 0 <= answer < answers else None
        if not depth:
            counts[none + DRAWN_WRONG] += 1
            if own is not None:
                counts[own + DRAWN_WRONG] -= 1
                counts[own + DRAWN_RIGHT] += 1
            if answer != NO_VALUE:
                draws.append((answer, None))
            continue
        column = REVISED + DEPTH * ((depth if depth < levels else levels) - 1)
        counts[none + column + UNREPAIRED] += 1
        valued = before != NO_VALUE and answer != NO_VALUE
        again = STUCK if answer == before else MOVED
        if valued:
            counts[none + again] += 1
        if own is not None:
            counts[own + column + UNREPAIRED] -= 1
            counts[own + column + (KEPT if answer == before else REPAIRED)] += 1
            if valued:
                counts[own + again] -= 1
        if answer != before:
            if 0 <= before < answers:
                left = width * before
                counts[left + column + UNREPAIRED] -= 1
                counts[left + column + BROKEN] += 1
                if valued:
                    counts[left + MOVED] -= 1
            if answer != NO_VALUE:
                draws.append((answer, before if valued else None))
    return RunEvents(np.frombuffer(counts).reshape(-1, width), draws)


def log_draws(initial: Floats) -> Floats:
    """Return ln of the chances of fresh draws: right, wrong; shape (..., 2, K) from (..., K)."""
    return log_chance(np.stack([initial, 1 - initial], axis=-2))


def log_revisions(repair: Floats, corruption: Floats) -> Floats:
    """Return ln of the chances of a revision's events, in the order of their columns.

    Args:
        repair: α at the revision's depth, shape (..., K).
        corruption: β at the same depth, shape (..., K).

    Returns:
        Of what is kept, broken, repaired and not repaired, shape (..., 4, K).
    """
    return log_chance(np.stack([1 - corruption, corruption, repair, 1 - repair], axis=-2))


def log_retention(retention: Floats) -> Floats:
    """Return ln of the chances that what was not repaired is stuck, and that it has moved.

    Args:
        retention: σ, shape (..., K).

    Returns:
        Shape (..., 2, K).
    """
    return log_chance(np.stack([retention, 1 - retention], axis=-2))


def event_table(initial: Floats, retention: Floats, repair: Floats, corruption: Floats) -> Floats:
    """Return ln of every event's chance, in the order of their columns.

    Args:
        initial: p₀, shape (..., K).
        retention: σ, shape (..., K).
        repair: α at each of T depths, shape (..., T, K).
        corruption: β at each of them, shape (..., T, K).

    Returns:
        Shape (..., 4 + 4T, K).
    """
    revisions = log_revisions(repair, corruption)
    by_event = revisions.reshape(*initial.shape[:-1], -1, initial.shape[-1])
    return np.concatenate([log_draws(initial), log_retention(retention), by_event], axis=-2)


def depths_of(attempts: Sequence[Attempt]) -> list[int]:
    """Return for each attempt how many revisions lie between it and its fresh draw.

    Raises:
        ValueError: If a parent is no earlier attempt.
    """
    depths: list[int] = []
    for index, attempt in enumerate(attempts):
        parent = attempt["parent"]
        if parent is None:
            depths.append(0)
        elif 0 <= parent < index:
            depths.append(depths[parent] + 1)
        else:
            raise _no_parent(index, parent)
    return depths


def read_attempts(attempts: Sequence[Attempt]) -> SeenAnswers:
    """Return the answers of a run.

    Raises:
        ValueError: If there is no attempt, a score is NaN or outside [0, 1], or a parent is not an
            earlier attempt.
    """
    if not attempts:
        raise ValueError("attempts must hold at least one attempt, got none.")
    number_of: dict[str, int] = {}
    seen = steps, depths, latest, votes, scores = SeenAnswers([], [], [], [], {})
    for index, attempt in enumerate(attempts):
        key, score, parent = attempt["key"], attempt["score"], attempt["parent"]
        number = NO_VALUE if key is None else number_of.setdefault(key, len(latest))
        if number == len(latest):
            latest.append(index)
            votes.append(0)
        elif key is not None:
            latest[number] = index
        if parent is None:
            depths.append(0)
            steps.append((number, NO_VALUE, 0))
            if key is not None:
                votes[number] += 1
        elif 0 <= parent < index:
            depths.append(depths[parent] + 1)
            steps.append((number, steps[parent][0], depths[index]))
        else:
            raise _no_parent(index, parent)
        if score is None:
            continue
        if not 0 <= score <= 1:
            raise ValueError(
                f"attempts[{index}]['score'] must lie in [0, 1] or be None, got {score!r}: "
                "have the verifier return a probability, or None where it cannot say."
            )
        scores.setdefault(NO_VALUE - 1 - index if key is None else number, []).append(score)
    return seen


def _no_parent(index: int, parent: int) -> ValueError:
    return ValueError(
        f"attempts[{index}]['parent'] must be the index of an earlier attempt or None, "
        f"got {parent!r}."
    )
