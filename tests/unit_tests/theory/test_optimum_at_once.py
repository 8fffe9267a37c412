"""Several draws at once: every rule of batches, plain recursion, and simulation."""

from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from draw_models import GRADED, SEVEN, Simulated, models
from draws_by_enumeration import Game
from hypothesis import given, settings, strategies as st

from langchain_markovscale import Criterion
from langchain_markovscale.theory.optimum import solve

waits = st.sampled_from([0.0, 0.004, 0.03, 0.2])
costs = st.sampled_from([0.0, 0.01, 0.05])


def any_number(left):
    return range(1, left + 1)


@settings(max_examples=25, deadline=None)
@given(models(), costs, waits, st.sampled_from(["auto", 1, 2, 3]), st.integers(1, 3))
def test_the_value_is_that_of_recursion_over_all_batches(model, cost, wait, at_once, horizon):
    def so_many(left):
        return [min(at_once, left)] if left else []

    sizes = any_number if at_once == "auto" else so_many
    expected = Game(model, cost, horizon).value_of_batches(wait, sizes)
    found = solve(model, horizon, cost, wait, at_once)
    assert found.values[0][0] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=3, deadline=None)
@given(
    models(kinds=("none", "levels")), st.sampled_from([0.01, 0.03]), st.sampled_from([0.005, 0.03])
)
def test_no_rule_of_batches_of_all_there_are_earns_more(model, cost, wait):
    game = Game(model, cost, 3)
    histories = [(), *game.histories(2)]
    # The first draw always pays here: without it nothing is right.
    choices = [range(not seen, game.horizon - len(seen) + 1) for seen in histories]
    earned = []
    for chosen in product(*choices):
        rule = dict(zip(histories, chosen, strict=True))
        earned.append(
            game.follow_batches(wait, lambda seen, rule=rule: rule.get(seen, 0), (), game.start())
        )
    found = solve(model, 3, cost, wait, "auto")
    assert found.ahead[0][0, 1:, 0].max() - cost - wait > 0
    assert found.values[0][0] == pytest.approx(max(0.0, *earned), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(models(), costs)
def test_waiting_that_costs_nothing_leaves_one_draw_at_a_time(model, cost):
    one, any_size = solve(model, 4, cost), solve(model, 4, cost, 0.0, "auto")
    for sequential, at_once in zip(one.values, any_size.values, strict=True):
        assert at_once == pytest.approx(sequential, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(models(), costs, st.sampled_from(["auto", 1, 2]))
def test_the_dearer_waiting_is_the_fewer_round_trips_are_expected(model, cost, at_once):
    # Its value is the most of lines that fall with w, each by its round trips: falling and convex.
    found = [solve(model, 5, cost, 0.01 * step, at_once) for step in range(8)]
    for n in range(5):
        values = np.array([table.values[n] for table in found])
        trips = np.array([table.ahead[n][2, 0] for table in found])
        falls = values[:-1] - values[1:]
        assert np.all(falls >= 0.01 * trips[1:] - 1e-9)
        assert np.all(falls <= 0.01 * trips[:-1] + 1e-9)
        assert np.all(trips[1:] <= trips[:-1] + 1e-9)


@pytest.mark.parametrize(
    ("known", "slack"),
    [
        (replace(SEVEN, sensitivity=0.5, specificity=0.5), 0.0),
        (replace(SEVEN, verdict_correlation=0.0), 0.0),
        (replace(SEVEN, verdict_correlation=1.0), 0.0),
        # The rule reads the scores as they are, and earns a little more than levels promise.
        (replace(SEVEN, scores=GRADED, verdict_correlation=1.0), 0.02),
    ],
    ids=["no scores", "verdicts anew", "sticky verdicts", "graded scores"],
)
@pytest.mark.parametrize("at_once", ["auto", 3])
def test_what_the_table_promises_is_what_following_it_delivers(known, slack, at_once):
    random, played, earned, cost, wait = Random(12), 3_000, [], 0.01, 0.02
    rule = Criterion(
        known, cost, 8, ["generate"], draws_at_once=at_once, cost_per_second=wait / 2,
        seconds_per_round=2,
    )  # fmt: skip
    scored = not known.verdicts_say_nothing
    table = solve(rule.belief.draws(scored=scored), 8, cost, wait, at_once)
    promised, first = table.values[0][0], rule.decide([])
    assert first["expected_gain"] - first["cost"] == pytest.approx(promised)
    for _ in range(played):
        question, attempts, trips = Simulated(known, random), [], 0
        while (decision := rule.decide(attempts))["action"] == "generate":
            attempts += [question.draw() for _ in range(decision["draws"])]
            trips += 1
        right = attempts[decision["best"]]["key"] == "right"
        earned.append(right - cost * len(attempts) - wait * trips)
    error = np.std(earned) / played**0.5
    assert promised - 3 * error <= np.mean(earned) <= promised + slack + 3 * error
