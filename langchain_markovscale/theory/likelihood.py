"""The statistical model, stated once: what belief weighs, and what a fit makes likely.

Given the class k of the question and which attempts are right, an attempt has the chance

    fresh draw                p₀ₖ if right, else (1−p₀ₖ) · urn(value)
    revision of a right one   1−βₖ if still right, else βₖ · urn(value)
    revision of a wrong one   αₖ if right now; same value again: (1−αₖ) σ, nothing is drawn;
                              another one: (1−αₖ)(1−σ) · urn(value) / (1 − urn(parent's value))
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

from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.scores import log_chance
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


Step = tuple[str | None, int | None, str | None, int]
"""An attempt as the model sees it: key, parent, the parent's key, first column of its events."""


class Run(NamedTuple):
    """What happened in a run, if its right answers are these.

    Attributes:
        counts: How often each event happened, of length 4 + 4T for revisions down to depth T.
        draws: The wrong values in their order, as `Urn.log_chance` takes them.
    """

    counts: list[int]
    draws: list[Draw]


def steps_of(attempts: Sequence[Attempt], depths: Sequence[int], levels: int) -> list[Step]:
    """Return a run's attempts as `read_run` takes them, however often it reads them.

    Args:
        attempts: The attempts in their order.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
        levels: T, how many depths to tell apart; deeper revisions count for the last.
    """
    steps: list[Step] = []
    for attempt, depth in zip(attempts, depths, strict=True):
        parent = attempt["parent"]
        if parent is None:
            steps.append((attempt["key"], None, None, 0))
        else:
            level = depth if depth < levels else levels
            column = REVISED + DEPTH * (level - 1)
            steps.append((attempt["key"], parent, attempts[parent]["key"], column))
    return steps


def read_run(steps: Sequence[Step], right: Sequence[bool], levels: int) -> Run:
    """Return what happened in a run.

    Args:
        steps: The attempts, see `steps_of`.
        right: For each attempt, whether it is right.
        levels: T, as the steps were made with.
    """
    counts = [0] * event_count(levels)
    draws: list[Draw] = []
    for (key, parent, before, column), is_right in zip(steps, right, strict=True):
        if parent is None:
            counts[DRAWN_RIGHT if is_right else DRAWN_WRONG] += 1
        elif right[parent]:
            counts[column + KEPT if is_right else column + BROKEN] += 1
            before = None
        elif is_right:
            counts[column + REPAIRED] += 1
        else:
            counts[column + UNREPAIRED] += 1
            if before is not None and key is not None:
                if key == before:
                    counts[STUCK] += 1
                    continue
                counts[MOVED] += 1
        if not is_right and key is not None:
            draws.append((key, before))
    return Run(counts, draws)


def event_table(rates: Rates, levels: int) -> Floats:
    """Return ln of every event's chance, shape (4 + 4T, K), for revisions down to depth T."""
    initial = rates.arrays.initial
    retention = np.full_like(initial, rates.retention)
    rows = [log_chance(each) for each in (initial, 1 - initial, retention, 1 - retention)]
    for depth in range(levels):
        repair, corruption = rates.at_depth(depth)
        rows += [
            log_chance(1 - corruption),
            log_chance(corruption),
            log_chance(repair),
            log_chance(1 - repair),
        ]
    return np.array(rows)


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
