"""Where revising hurts, twenty questions never make a loop worse than a single pass."""

import numpy as np
from pools import recorded
from simulated_loops import Loop
from worlds import Band, World, by_criterion, play

from langchain_markovscale import Calibration, Criterion

QUESTIONS = 20
# Fits are not resampled: a grid of p₀ decides, and no draws.


def test_revising_is_no_worse_than_a_single_pass():
    hurts = Loop(
        initial=(0.8, 0.4), repair=(0.02, 0.02), corruption=(0.5, 0.6),
        sensitivity=0.5, specificity=0.5,
    )  # fmt: skip
    single, looped = [], []
    for seed in range(12):
        calibration = Calibration.fit(hurts.traces(QUESTIONS, 2, 2, seed=seed), n_bootstrap=0)
        criterion = Criterion(calibration, 0.01, max_rounds=3, actions=("revise",))
        for trace in hurts.traces(100, 1, 2, seed=1000 + seed):
            attempts = trace["attempts"]
            tried = 1
            while (decision := criterion.decide(attempts[:tried]))["action"] != "stop":
                tried += 1
            single.append(attempts[0]["correct"])
            looped.append(attempts[decision["best"]]["correct"])
    error = np.std(single) / np.sqrt(len(single))
    assert np.mean(looped) >= np.mean(single) - error


def test_neither_is_redrawing_where_wrong_answers_always_agree():
    # Yes or no: half of the questions are wrong more often than not, and draws agree all the same.
    yes_or_no = World(
        (Band(0.9, 0.1, 0.3), Band(0.3, 0.1, 0.3)),
        sensitivity=0.5, specificity=0.5, wrong_answers=1,
    )  # fmt: skip
    looped, plays = [], 1000
    for seed in range(12):
        calibration = Calibration.fit(recorded(yes_or_no, QUESTIONS, seed, starts=2), n_bootstrap=0)
        looped.append(play(by_criterion(Criterion(calibration)), yes_or_no, plays, seed).accuracy)
    single = 0.6
    error = np.sqrt(single * (1 - single) / (len(looped) * plays))
    assert np.mean(looped) >= single - error
