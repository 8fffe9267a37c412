"""The rule on simulated questions, against what it should buy and the rules that it should beat.

The full table, with small errors, is a benchmark; here are fewer questions and wider margins: what
the benchmark allows, and two standard errors.
"""

from functools import cache

import pytest
from worlds import World, best_of, broad_prior, by_criterion, play, restart_until_accepted

from langchain_markovscale import Criterion

QUESTIONS = 2_400
INDEPENDENT, STICKY = World(), World(stickiness=1.0)
RESTARTS, BEST_OF = restart_until_accepted(8), best_of(8)


@cache
def played(rule, world):
    return play(rule, world, QUESTIONS)


@cache
def criterion(world, cost, *, known):
    rates = world.rates() if known else broad_prior()
    return by_criterion(Criterion(rates, cost, 12))


@pytest.mark.parametrize(
    ("world", "known", "cost", "accuracy", "calls"),
    [
        (INDEPENDENT, True, 0.06, 0.830, 4.3),
        (INDEPENDENT, True, 0.02, 0.953, 8.3),
        (STICKY, True, 0.04, 0.846, 6.1),
        (INDEPENDENT, False, 0.04, 0.846, 5.3),
        (STICKY, False, 0.02, 0.889, 7.6),
    ],
)
def test_the_rule_buys_what_it_should(world, known, cost, accuracy, calls):
    bought = played(criterion(world, cost, known=known), world)
    assert bought.accuracy >= accuracy - 0.015 - 2 * bought.accuracy_error
    assert bought.calls <= calls * 1.05 + 2 * bought.calls_error


@pytest.mark.parametrize(
    ("rule", "world", "accuracy", "calls"),
    [
        (RESTARTS, INDEPENDENT, 0.801, 3.8),
        (RESTARTS, STICKY, 0.788, 5.0),
        (BEST_OF, INDEPENDENT, 0.857, 16),
        (BEST_OF, STICKY, 0.837, 16),
    ],
)
def test_the_worlds_are_those_that_the_figures_speak_of(rule, world, accuracy, calls):
    bought = played(rule, world)
    assert bought.accuracy == pytest.approx(accuracy, abs=3 * bought.accuracy_error + 0.0005)
    assert bought.calls == pytest.approx(calls, abs=3 * bought.calls_error + 0.05)


@pytest.mark.parametrize("world", [INDEPENDENT, STICKY], ids=["independent", "sticky"])
def test_the_rule_beats_restarts_for_as_many_calls_and_best_of_for_fewer(world):
    restarts, votes = played(RESTARTS, world), played(BEST_OF, world)
    modest = played(criterion(world, 0.06, known=True), world)
    lavish = played(criterion(world, 0.02, known=True), world)
    assert modest.accuracy > restarts.accuracy
    assert modest.calls < restarts.calls + 1
    assert lavish.accuracy > votes.accuracy
    assert lavish.calls < votes.calls / 1.5
