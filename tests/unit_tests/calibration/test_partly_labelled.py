"""Labelled and unlabelled runs together give the rates of all runs; the benchmark is wider."""

from dataclasses import replace

import numpy as np
import pytest
from simulated_loops import Loop

from langchain_markovscale import Calibration, label_traces

WORLDS = [Loop(), replace(Loop(), sensitivity=0.7, specificity=0.65)]
SEEDS = range(3)
NAMES = ("initial", "repair", "corruption")


def graded(traces):
    """Every attempt at a quarter of the questions has a label."""
    for number, trace in enumerate(traces):
        for attempt in trace["attempts"]:
            attempt["correct"] = attempt["correct"] if number % 4 == 0 else None


def thumbs(traces):
    """Users say of half of the runs whether what was returned is right."""
    last = {trace["id"]: trace["attempts"][-1]["correct"] for trace in traces}
    for trace in traces:
        for attempt in trace["attempts"]:
            attempt["correct"] = None
    half = [name for name in last if int(name) % 2]
    label_traces(traces, [{"run_id": name, "key": "like", "score": last[name]} for name in half])


@pytest.mark.parametrize("labelling", [graded, thumbs])
def test_the_rates_are_those_of_all_runs_and_most_intervals_hold_them(labelling):
    off, held = [], []
    for loop in WORLDS:
        truths = [np.mean(getattr(loop, name)) for name in NAMES]
        for seed in SEEDS:
            traces = loop.traces(160, 3, 2, seed)
            labelling(traces)
            fitted = Calibration.fit(traces, n_classes=2, n_bootstrap=40, seed=seed, delivery=False)
            rows = {row.name: row for row in fitted.summary(0.9)}
            for name, truth in zip(NAMES, truths, strict=True):
                row = rows[f"mean_{name}"]
                off.append(row.estimate - truth)
                held.append(row.low <= truth <= row.high)
    errors = np.reshape(off, (-1, len(NAMES)))
    assert np.abs(errors.mean(axis=0)).max() < 0.04
    assert np.mean(held) >= 0.7
