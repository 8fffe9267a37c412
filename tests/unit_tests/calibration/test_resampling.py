"""Draws of rates against posteriors that are known, and against simulated questions."""

import numpy as np
import pytest
from scipy.stats import beta

from langchain_markovscale.calibration.resampling import (
    imagined_counts,
    independent_trial,
    question_weights,
    share,
    share_draws,
)

DRAWS = 20_000


def draws_of(happened, tried, n_draws=DRAWS, seed=0):
    happened, tried = np.asarray(happened, float), np.asarray(tried, float)
    rng = np.random.default_rng(seed)
    return share_draws(happened, tried, question_weights(len(tried), n_draws, rng), rng)


def interval(draws, level=0.9):
    return tuple(np.quantile(draws, ((1 - level) / 2, (1 + level) / 2)))


@pytest.mark.parametrize(("happened", "of"), [(35, 35), (0, 35), (7, 20), (400, 450), (3000, 3000)])
def test_single_trials_have_the_posterior_under_a_uniform_prior(happened, of):
    got = draws_of(np.arange(of) < happened, np.ones(of))
    posterior = beta(happened + 1, of - happened + 1)
    assert interval(got) == pytest.approx(posterior.ppf((0.05, 0.95)), abs=0.25 * posterior.std())
    assert got.mean() == pytest.approx(posterior.mean(), abs=0.05 * posterior.std())


def test_never_seen_to_fail_counts_by_question():
    """105 of 105 in 35 questions leave as much room as 35 of 35, and none of 35 as much above."""
    low, high = interval(draws_of(np.full(35, 3), np.full(35, 3)))
    assert (low, high) == pytest.approx((0.92, 1), abs=0.004)
    assert interval(draws_of(np.zeros(35), np.ones(35)))[1] == pytest.approx(0.08, abs=0.004)


@pytest.mark.parametrize("each", [1, 3, 30])
def test_the_estimate_lies_within_its_interval_at_the_boundary(each):
    happened = tried = np.full(35, float(each))
    for level in (0.5, 0.9):
        low, high = interval(draws_of(happened, tried), level)
        assert low < share(happened, tried) < high


@pytest.mark.parametrize("rate", [0.6, 0.9, 0.97])
@pytest.mark.parametrize("alike", [0.0, 1.0, 4.0])
def test_intervals_cover(rate, alike):
    """Questions whose own rates are Beta, or all the same; three trials each."""
    rng, covered = np.random.default_rng(1), []
    for _ in range(300):
        own = rng.beta(rate * alike, (1 - rate) * alike, 60) if alike else np.full(60, rate)
        happened = rng.binomial(3, own).astype(float)
        low, high = interval(draws_of(happened, np.full(60, 3.0), 400, seed=int(rng.integers(99))))
        covered.append(low <= rate <= high)
    assert 0.83 <= np.mean(covered) <= 0.98


def test_trials_that_are_alike_count_as_one():
    rng = np.random.default_rng(2)
    same = 4.0 * (rng.random(500) < 0.5)
    assert independent_trial(same, np.full(500, 4.0)) == pytest.approx(4, abs=0.01)
    apart = rng.binomial(4, 0.5, 500).astype(float)
    assert independent_trial(apart, np.full(500, 4.0)) == pytest.approx(1, abs=0.3)
    assert independent_trial(np.zeros(3), np.array([0.0, 2, 2])) == 2
    assert independent_trial(np.zeros(2), np.zeros(2)) == 1


def test_imagined_counts_have_the_size_of_an_independent_trial():
    counts = imagined_counts(np.full(35, 3.0), np.full(35, 3.0), DRAWS, np.random.default_rng(0))
    assert counts.shape == (DRAWS, 2)
    assert counts.mean(axis=0) == pytest.approx((3, 3), rel=0.03)


def test_what_was_never_tried_may_be_anything():
    low, high = interval(draws_of(np.zeros(10), np.zeros(10)))
    assert (low, high) == pytest.approx((0.05, 0.95), abs=0.01)
