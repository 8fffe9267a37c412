"""Rates from labelled and unlabelled runs together: their bias, and whether intervals cover.

The worlds are those of `bench_coverage`. Labels are on every attempt at some of the questions, as
a grader leaves them; or on the returned answer of some, and its equals, as thumbs of users do.
"""

from concurrent.futures import ProcessPoolExecutor
from random import Random

import numpy as np
import pytest
from bench_coverage import CORRUPTION, LEVEL, traces_of, truth_of

from langchain_markovscale import Calibration
from langchain_markovscale.recording.feedback_labels import set_label

FITS = 200

WORLDS = {
    "as it is": {},
    "a weak verifier": {"sensitivity": 0.7, "specificity": 0.65},
    "revisions that break much": {"corruption": (0.2, 0.3, 0.4)},
}
QUESTIONS, REVISIONS = 160, 2
LABELLED = {"graded": 0.25, "thumbs": 0.5}  # of the questions
SMALL = 0.04  # of a bias, in units of the rate


def world_of(name):
    usual = {"corruption": CORRUPTION, "sensitivity": 0.85, "specificity": 0.8}
    return usual | WORLDS[name]


def partly_labelled(name, kind, seed):
    traces = traces_of(seed, questions=QUESTIONS, revisions=REVISIONS, **world_of(name))
    random = Random(seed)
    for trace in traces:
        told = random.random() < LABELLED[kind]
        last = trace["attempts"][-1]
        right = last["correct"]
        if told and kind == "graded":
            continue
        for attempt in trace["attempts"]:
            attempt["correct"] = None
        if told:
            set_label(trace, last, right)
    return traces


def measured(task):
    """By rate: whether the interval of one fit covers the truth, and by how much it is off."""
    name, kind, seed = task
    traces = partly_labelled(name, kind, seed)
    fitted = Calibration.fit(traces, n_bootstrap=100, seed=seed, delivery=False)
    intervals = fitted.conf_int(LEVEL)
    values = {row.name: row.estimate for row in fitted.summary(LEVEL)}
    truths = {rate: truth for rate, truth in truth_of(world_of(name)).items() if rate in values}
    return {
        rate: (bool(intervals[rate][0] <= truth <= intervals[rate][1]), values[rate] - truth)
        for rate, truth in truths.items()
    }


@pytest.mark.parametrize("kind", LABELLED)
@pytest.mark.parametrize("name", WORLDS)
def test_labelled_and_unlabelled_runs_are_fitted_together(figure, name, kind):
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(measured, [(name, kind, seed) for seed in range(FITS)]))
    for rate in found[0]:
        covers, off = zip(*(each[rate] for each in found), strict=True)
        where = f"{name}, {kind}: {rate}"
        figure(f"{where}, coverage", np.mean(covers), "", at_least=0.8, at_most=1.0)
        if rate != "concentration":
            figure(f"{where}, bias", np.mean(off), "", at_least=-SMALL, at_most=SMALL)
