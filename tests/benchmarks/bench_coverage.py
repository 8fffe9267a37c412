"""Intervals cover what they are intervals of, over many fits to simulated traces.

Questions are those of the model itself: three bands, wrong answers from an urn, and a verifier
whose verdicts are drawn anew. In the last world hardly anything fails, so that often nothing is
seen to: a resampling of questions alone would have no spread there.
"""

from concurrent.futures import ProcessPoolExecutor
from random import Random

import numpy as np
import pytest
from worlds import RIGHT, attempt

from langchain_markovscale import Calibration

FITS = 400
LEVEL = 0.9

WORLDS = {
    "many questions": {"questions": 200, "revisions": 2},
    "few questions": {"questions": 60, "revisions": 2},
    "hardly anything fails": {
        "questions": 60,
        "revisions": 1,
        "corruption": (0.01, 0.01, 0.01),
        "sensitivity": 0.98,
        "specificity": 0.98,
    },
}
INITIAL, REPAIR, CORRUPTION = (0.9, 0.6, 0.25), (0.5, 0.3, 0.1), (0.05, 0.1, 0.2)
THETA, RETENTION = 3.0, 0.4
STARTS = 3
AT_THE_BOUNDARY = {"hardly anything fails"}


def traces_of(seed, *, questions, revisions, corruption, sensitivity, specificity):
    """Labelled traces; each band is drawn with chance 1/3."""
    random = Random(seed)
    return [
        {
            "id": f"q{number}",
            "question": "?",
            "attempts": attempts_of(
                random, random.randrange(3), revisions, corruption, sensitivity, specificity
            ),
        }
        for number in range(questions)
    ]


def attempts_of(random, band, revisions, corruption, sensitivity, specificity):
    urn, attempts = [], []

    def wrong(other_than=None):
        while True:
            place = random.random() * (len(urn) + THETA)
            value = urn[int(place)] if place < len(urn) else f"wrong {len(urn)}"
            urn.append(value)
            if value != other_than:
                return value

    for _ in range(STARTS):
        parent = None
        for _ in range(revisions + 1):
            before = None if parent is None else attempts[parent]["key"]
            if before is None:
                key = RIGHT if random.random() < INITIAL[band] else wrong()
            elif before == RIGHT:
                key = wrong() if random.random() < corruption[band] else RIGHT
            elif random.random() < REPAIR[band]:
                key = RIGHT
            else:
                key = before if random.random() < RETENTION else wrong(before)
            chance = sensitivity if key == RIGHT else 1 - specificity
            score = float(random.random() < chance)
            attempts.append(attempt(key, score, parent) | {"correct": key == RIGHT})
            parent = len(attempts) - 1
    return attempts


def truth_of(world):
    return {
        "concentration": THETA,
        "sensitivity": world["sensitivity"],
        "specificity": world["specificity"],
        "mean_initial": np.mean(INITIAL),
        "mean_repair": np.mean(REPAIR),
        "mean_corruption": np.mean(world["corruption"]),
    }


def covered(task):
    """Which intervals of one fit cover the truth."""
    name, seed = task
    world = {"corruption": CORRUPTION, "sensitivity": 0.85, "specificity": 0.8} | WORLDS[name]
    fitted = Calibration.fit(traces_of(seed, **world), n_bootstrap=100, seed=seed, delivery=False)
    intervals = fitted.conf_int(LEVEL)
    return {
        rate: bool(intervals[rate][0] <= truth <= intervals[rate][1])
        for rate, truth in truth_of(world).items()
    }


@pytest.mark.parametrize("name", WORLDS)
def test_intervals_cover(figure, name):
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(covered, [(name, seed) for seed in range(FITS)], chunksize=4))
    least, most = (0.83, 0.98) if name in AT_THE_BOUNDARY else (0.85, 0.95)
    for rate in found[0]:
        share = np.mean([each[rate] for each in found])
        figure(f"{name}: {rate}", share, "", at_least=least, at_most=most)
