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
"""An attempt as the model sees it: its answer's number, its parent's, its events' first column."""


class SeenAnswers(NamedTuple):
    """The answers of a run in which attempts have keys.

    Attributes:
        numbers: For each attempt the number of its key, in the order in which keys came;
            `NO_VALUE` without one.
        latest: For each key, the index of the latest attempt that carries it.
        votes: For each key, how many fresh draws carry it.
        scores: The scores of each answer that has any, by its number. An attempt without a key is
            an answer of its own, whose number is below `NO_VALUE`.
    """

    numbers: list[int]
    latest: list[int]
    votes: list[int]
    scores: dict[int, list[float]]


class RunEvents(NamedTuple):
    """What happened in a run, if one answer is right.

    Attributes:
        counts: How often each event happened, of length 4 + 4T for revisions down to depth T.
        draws: The wrong values in their order, as `Urn.log_chance` takes them.
    """

    counts: list[int]
    draws: list[Draw]


def steps_of(
    attempts: Sequence[Attempt], answers: Sequence[int], depths: Sequence[int], levels: int
) -> list[Step]:
    """Return a run's attempts as `read_run` takes them, however often it reads them.

    Args:
        attempts: The attempts in their order.
        answers: For each attempt the number of its answer, the same for equal answers.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
        levels: T, how many depths to tell apart; deeper revisions count for the last.
    """
    steps = []
    for attempt, answer, depth in zip(attempts, answers, depths, strict=True):
        parent = attempt["parent"]
        if parent is None:
            steps.append((answer, NO_VALUE, DRAWN_RIGHT))
        else:
            level = depth if depth < levels else levels
            steps.append((answer, answers[parent], REVISED + DEPTH * (level - 1)))
    return steps


def read_run(steps: Sequence[Step], right: int, levels: int) -> RunEvents:
    """Return what happened in a run.

    Args:
        steps: The attempts, see `steps_of`.
        right: The number of the right answer, which no attempt need have.
        levels: T, as the steps were made with.
    """
    counts = [0] * event_count(levels)
    draws: list[Draw] = []
    for answer, before, column in steps:
        if column == DRAWN_RIGHT:
            if answer == right:
                counts[DRAWN_RIGHT] += 1
                continue
            counts[DRAWN_WRONG] += 1
            left = None
        elif before == right:
            if answer == right:
                counts[column + KEPT] += 1
                continue
            counts[column + BROKEN] += 1
            left = None
        elif answer == right:
            counts[column + REPAIRED] += 1
            continue
        else:
            counts[column + UNREPAIRED] += 1
            left = None if before == NO_VALUE or answer == NO_VALUE else before
            if left is not None:
                if answer == left:
                    counts[STUCK] += 1
                    continue
                counts[MOVED] += 1
        if answer != NO_VALUE:
            draws.append((answer, left))
    return RunEvents(counts, draws)


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
            raise ValueError(
                f"attempts[{index}]['parent'] must be the index of an earlier attempt or None, "
                f"got {parent!r}."
            )
    return depths


def read_attempts(attempts: Sequence[Attempt]) -> tuple[list[int], bool]:
    """Return each attempt's depth of revision, and whether any has a key.

    Raises:
        ValueError: If there is no attempt, a score is NaN or outside [0, 1], or a parent is not an
            earlier attempt.
    """
    if not attempts:
        raise ValueError("attempts must hold at least one attempt, got none.")
    depths = depths_of(attempts)
    keyed = False
    for index, attempt in enumerate(attempts):
        score = attempt["score"]
        if score is not None and not 0 <= score <= 1:
            raise ValueError(
                f"attempts[{index}]['score'] must lie in [0, 1] or be None, got {score!r}: "
                "have the verifier return a probability, or None where it cannot say."
            )
        keyed = keyed or attempt["key"] is not None
    return depths, keyed


def read_answers(attempts: Sequence[Attempt]) -> SeenAnswers:
    """Return the answers of a run in which attempts have keys."""
    number_of: dict[str, int] = {}
    seen = SeenAnswers([], [], [], {})
    for index, attempt in enumerate(attempts):
        key, score = attempt["key"], attempt["score"]
        if key is None:
            number, scored = NO_VALUE, NO_VALUE - 1 - index
        else:
            number = scored = number_of.setdefault(key, len(number_of))
            if number == len(seen.latest):
                seen.latest.append(index)
                seen.votes.append(0)
            seen.latest[number] = index
            seen.votes[number] += attempt["parent"] is None
        seen.numbers.append(number)
        if score is not None:
            seen.scores.setdefault(scored, []).append(score)
    return seen
