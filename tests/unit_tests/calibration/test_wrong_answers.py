"""θ by the patterns of wrong draws, against the urn that makes them and against enumeration."""

import math
from collections import Counter

import numpy as np
import pytest

from langchain_markovscale.calibration.wrong_answers import WrongDraws
from langchain_markovscale.theory.urn import Urn


def values_of(theta, draws, rng):
    """Wrong answers drawn from the urn, by their numbers."""
    values = []
    for n in range(draws):
        fresh = rng.random() * (n + theta) < theta
        values.append(len(set(values)) if fresh else values[rng.integers(n)])
    return values


def patterns_of(theta, questions, draws, rng):
    return Counter((draws, len(set(values_of(theta, draws, rng)))) for _ in range(questions))


@pytest.mark.parametrize("theta", [0.7, 3.4, 13.0])
def test_concentration_comes_back(theta):
    found = WrongDraws(patterns_of(theta, 1500, 6, np.random.default_rng(1))).concentration
    assert found == pytest.approx(theta, rel=0.1)


def test_likelihood_is_that_of_the_urn():
    """Ratios of the posterior at two θ are those of the urn's chances and of the prior."""
    runs = [values_of(2.0, n, np.random.default_rng(n)) for n in (1, 2, 5, 5, 7)]
    draws = WrongDraws(Counter((len(run), len(set(run))) for run in runs))
    thetas, chances = draws.posterior
    low, high = 150, 300

    def log_chance(theta):
        urn = Urn.of_concentration(theta)
        prior = -((math.log(theta) - math.log(3.5)) ** 2) / (2 * 1.5**2)
        return prior + sum(urn.log_chance([(value, None) for value in run]) for run in runs)

    assert math.log(chances[high] / chances[low]) == pytest.approx(
        log_chance(thetas[high]) - log_chance(thetas[low])
    )


def test_one_question_with_many_draws_does_not_outweigh_many_with_two():
    # By pairs the one question has 190 of 250, all of them equal.
    many_alike = Counter({(20, 1): 1, (2, 2): 60})
    assert WrongDraws(many_alike).concentration > 3


def test_where_all_wrong_answers_agree_there_is_only_one():
    assert WrongDraws(Counter({(2, 1): 12})).concentration == 0
    assert WrongDraws(Counter({(2, 1): 12})).coincidence > 0.9
    assert WrongDraws(Counter({(2, 1): 200, (2, 2): 1})).concentration > 0


def test_without_a_second_wrong_draw_nothing_is_known():
    nothing = WrongDraws(Counter({(1, 1): 500, (0, 0): 200}))
    assert nothing.concentration == pytest.approx(2.8, abs=0.3)
    low, high = nothing.quantile(0.15), nothing.quantile(0.95)
    assert low < 0.5
    assert high > 30


def test_draws_are_of_the_posterior():
    found = WrongDraws(patterns_of(3.0, 100, 4, np.random.default_rng(2)))
    draws = np.array(found.draws(4000, np.random.default_rng(3)))
    assert np.quantile(draws, (0.05, 0.5, 0.95)) == pytest.approx(
        [found.quantile(level) for level in (0.05, 0.5, 0.95)], rel=0.05
    )
    assert np.mean(1 / (1 + draws)) == pytest.approx(found.coincidence, abs=0.005)


def test_intervals_cover():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(200):
        theta = float(np.exp(rng.normal(math.log(3.5), 0.8)))
        found = WrongDraws(patterns_of(theta, 40, 4, rng))
        covered.append(found.quantile(0.05) <= theta <= found.quantile(0.95))
    assert 0.85 <= np.mean(covered) <= 0.97
