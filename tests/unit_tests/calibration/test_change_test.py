"""The sequential test keeps its error rate and finds a change where it is."""

import numpy as np
import pytest

from langchain_markovscale.calibration.change_test import _SHIFTS, _SOON, change

LEVEL = 20.0  # 1/α


def expit(x):
    return 1 / (1 + np.exp(-x))


def test_the_evidence_is_the_ratio_of_likelihoods_that_its_formula_says():
    """By a sum over every time of change and every shift, where nothing is left open."""
    x, m = [True, False, False, True, True], np.array([0.3, 0.6, 0.5, 0.2, 0.9])
    logit = np.log(m / (1 - m))

    def likelihood(start, shift):
        p = expit(logit + shift * (np.arange(len(m)) >= start))
        return np.where(x, p, 1 - p)

    left = 1 / np.sqrt(1 + np.arange(len(m) + 1) / _SOON)
    for t in range(1, len(m) + 1):
        null = likelihood(t, 0.0)[:t].prod()
        ratios = [
            (left[k] - left[k + 1]) * np.mean([likelihood(k, d)[:t].prod() for d in _SHIFTS]) / null
            for k in range(t)
        ]
        found = change(x[:t], m[:t], 0.0).log_evidence[-1]
        assert found == pytest.approx(np.log(sum(ratios) + left[t]), abs=1e-12)


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_it_is_a_martingale_while_nothing_changes(spread):
    """The mean over all sequences, weighed with what the calibration believes of them, is 1."""
    m = np.array([0.4, 0.7, 0.2, 0.5])
    nodes = np.linspace(-4, 4, 61) * spread
    weights = np.exp(-(np.linspace(-4, 4, 61) ** 2) / 2)
    total = 0.0
    for number in range(2 ** len(m)):
        x = [bool(number >> i & 1) for i in range(len(m))]
        p = expit(np.log(m / (1 - m)) + nodes[:, None])
        chance = (np.where(x, p, 1 - p).prod(axis=1) * weights).sum() / weights.sum()
        total += chance * np.exp(change(x, m, spread).log_evidence[-1])
    assert total == pytest.approx(1, abs=1e-4)


def test_false_alarms_are_no_more_than_promised_however_long_one_looks():
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(100):
        m = rng.uniform(0.1, 0.9, 600)
        truth = expit(np.log(m / (1 - m)) + 0.1 * rng.standard_normal())
        found = change(rng.random(600) < truth, m, 0.1)
        alarms += found.log_evidence.max() >= np.log(LEVEL)
    assert alarms <= 100 / LEVEL


def test_a_change_is_found_soon_and_dated():
    rng = np.random.default_rng(2)
    delays, hits = [], 0
    for _ in range(20):
        p = np.where(np.arange(1500) < 500, 0.6, 0.45)
        found = change(rng.random(1500) < p, np.full(1500, 0.6), 0.1)
        alarmed = np.flatnonzero(found.log_evidence >= np.log(LEVEL))
        delays.append(alarmed[0] - 500 if len(alarmed) else np.inf)
        hits += found.between[0] <= 500 <= found.between[1]
        assert found.between[0] <= found.since <= found.between[1]
    assert np.median(delays) < 350
    assert hits >= 16


def test_impossible_and_certain_events_are_no_error():
    found = change([True, False, True], [0.0, 1.0, 1.0], 0.0)
    assert np.isfinite(found.log_evidence).all()
