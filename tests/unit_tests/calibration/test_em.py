"""The fit itself, against likelihoods and optima that share none of its code."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize
from simulated_loops import Loop

from langchain_markovscale.calibration import em
from langchain_markovscale.calibration.sufficient_statistics import collect_table


def events_of(table):
    statistics = collect_table(table)
    rows = statistics.labelled
    return em.Events(rows, np.zeros(len(rows)), np.arange(len(rows))), statistics.questions


def chance_of(chain, initial, repair, corruption, settling):
    """P(one chain of labels | class), a product of the chances of its steps."""
    chance = initial if chain[0] else 1 - initial
    for t, (before, after) in enumerate(itertools.pairwise(chain)):
        breaks, mends = corruption * settling**t, repair * settling**t
        right = 1 - breaks if before else mends
        chance *= right if after else 1 - right
    return chance


def log_likelihood(table, weights, initial, repair, corruption, settling):
    total = 0.0
    for question in table.astype(bool):
        total += math.log(
            sum(
                w * math.prod(chance_of(chain, p, a, b, settling) for chain in question)
                for w, p, a, b in zip(weights, initial, repair, corruption, strict=True)
            )
        )
    return total


PARAMETERS = em.Parameters(
    np.array([[0.6, 0.4]]),
    np.array([[0.8, 0.3]]),
    np.array([[0.4, 0.1]]),
    np.array([[0.1, 0.25]]),
    np.array([[0.5, 0.5]]),
    np.array([0.7]),
)


def test_likelihood_is_the_product_of_the_steps():
    table = Loop(settling=0.7).table(60, 2, 3, seed=1)
    events, questions = events_of(table)

    found = (em.log_likelihood(events, PARAMETERS) * questions).sum()

    weights, initial, repair, corruption = (each[0] for each in PARAMETERS[:4])
    assert found == pytest.approx(
        log_likelihood(table, weights, initial, repair, corruption, 0.7), rel=1e-12
    )


def test_responsibilities_are_bayes_rule_and_sum_to_one():
    table = Loop().table(40, 1, 3, seed=2)
    events, _ = events_of(table)

    shares = em.responsibilities(events, PARAMETERS)[0]

    assert shares.sum(axis=1) == pytest.approx(np.ones(len(shares)))
    chains = {tuple(collect_table(chain[None]).labelled[0]): chain[0] for chain in table}
    for row, share in zip(events.counts, shares, strict=True):
        chain = chains[tuple(row)].astype(bool)
        easy = 0.6 * chance_of(chain, 0.8, 0.4, 0.1, 0.7)
        hard = 0.4 * chance_of(chain, 0.3, 0.1, 0.25, 0.7)
        assert share[0] == pytest.approx(easy / (easy + hard))


def test_no_other_point_has_a_higher_posterior_density():
    """A general-purpose optimiser, started at the mode, finds nothing better."""
    table = Loop(settling=0.6).table(400, 2, 3, seed=3)
    events, questions = events_of(table)
    starts = em.random_starts(8, 2, np.random.default_rng(0), settling=True)
    found = em.fit(events, questions[None], starts, settling=True)
    best = int(found.objective.argmax())
    mode = [each[best] for each in found.parameters]

    def negative_log_posterior(odds):
        w, p1, p2, a1, a2, b1, b2, d = 1 / (1 + np.exp(-odds))
        weights = (w, 1 - w)
        rates = ((p1, p2), (a1, a2), (b1, b2))
        prior = 0.5 * sum(map(math.log, weights))
        prior += 0.5 * sum(math.log(x) + math.log(1 - x) for rate in rates for x in rate)
        prior += math.log(d) + math.log(1 - d)
        prior += 2 * math.log(0.5)  # σ of both classes, of which a table says nothing
        return -(log_likelihood(table, weights, *rates, d) + prior)

    flat = np.array([mode[0][0], *mode[1], *mode[2], *mode[3], mode[5]])
    here = np.log(flat / (1 - flat))
    improved = minimize(negative_log_posterior, here, method="L-BFGS-B", options={"maxiter": 5})
    assert -improved.fun == pytest.approx(float(found.objective[best]), abs=1e-3)
    assert 1 / (1 + np.exp(-improved.x)) == pytest.approx(flat, abs=5e-3)


def test_many_fits_at_once_are_the_fits_one_by_one():
    events, questions = events_of(Loop().table(300, 2, 2, seed=4))
    rng = np.random.default_rng(0)
    resampled = rng.multinomial(300, questions / 300, size=5).astype(float)
    starts = em.random_starts(5, 2, rng, settling=True)

    together = em.fit(events, resampled, starts, settling=True)
    for b in range(5):
        alone = em.fit(
            events,
            resampled[b : b + 1],
            starts.pick(np.array([b])),
            settling=True,
        )
        assert alone.objective[0] == pytest.approx(together.objective[b], abs=1e-3)


def test_settling_that_is_not_fitted_stays_where_it_starts():
    events, questions = events_of(Loop(settling=0.5).table(300, 2, 3, seed=5))
    starts = em.random_starts(3, 2, np.random.default_rng(0), settling=False)
    found = em.fit(events, questions[None], starts, settling=False)
    assert found.parameters.settling.tolist() == [1.0, 1.0, 1.0]
