"""The optimum for fresh draws: every stopping rule, plain recursion, and simulation."""

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from draw_models import GRADED, SEVEN, TWO_VALUED, Simulated, models
from draws_by_enumeration import Game
from hypothesis import assume, given, settings, strategies as st
from runs import rates, runs, scored_rates
from worlds import ACCEPT, REJECT, attempt

from langchain_markovscale import Belief, Criterion
from langchain_markovscale.theory.optimum import MOST_DRAWS, MOST_SCORED_DRAWS, solve


@settings(max_examples=30, deadline=None)
@given(models(), st.sampled_from([0.0, 0.02, 0.1]), st.integers(1, 4))
def test_the_value_is_that_of_recursion_over_all_histories(model, cost, horizon):
    found = solve(model, horizon, cost)
    assert found.horizon == horizon
    expected = Game(model, cost, horizon).value()
    assert found.values[0][0] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=6, deadline=None)
@given(models(kinds=("none", "levels")), st.sampled_from([0.01, 0.05]))
def test_no_stopping_rule_of_all_there_are_earns_more(model, cost):
    game = Game(model, cost, 3)
    # The first draw always pays here: without it nothing is right.
    open_ends = game.histories(2)
    earned = []
    for choices in product((False, True), repeat=len(open_ends)):
        rule = dict(zip(open_ends, choices, strict=True))
        earned.append(game.follow(lambda seen, rule=rule: rule.get(seen, True), (), game.start()))
    found = solve(model, 3, cost)
    assume(found.rounds[0][0] > 0)
    assert found.values[0][0] == pytest.approx(max(earned), abs=1e-9)


def test_levels_verdicts_and_partitions_are_counted_as_they_should_be():
    sizes = {}
    for name, known in (
        ("none", replace(SEVEN, sensitivity=0.5, specificity=0.5)),
        ("graded", replace(SEVEN, scores=GRADED)),
    ):
        model = Belief(known).draws(scored=name != "none")
        sizes[name] = [len(values) for values in solve(model, 8, 0.01).values]
    assert sum(sizes["none"][1:]) == 66
    assert sum(sizes["graded"][1:]) == 1653


@pytest.mark.parametrize(
    ("known", "cost", "slack"),
    [
        (replace(SEVEN, sensitivity=0.5, specificity=0.5), 0.01, 0.0),
        (replace(SEVEN, verdict_correlation=0.0), 0.05, 0.0),
        (replace(SEVEN, verdict_correlation=1.0), 0.01, 0.0),
        # The rule reads the scores as they are, and earns a little more than levels promise.
        (replace(SEVEN, scores=GRADED, verdict_correlation=1.0), 0.05, 0.02),
    ],
    ids=["no scores", "verdicts anew", "sticky verdicts", "graded scores"],
)
def test_what_the_table_promises_is_what_following_it_delivers(known, cost, slack):
    random, played, earned = Random(11), 4_000, []
    rule = Criterion(known, cost, 8, ["generate"])
    scored = not known.verdicts_say_nothing
    promised = solve(rule.belief.draws(scored=scored), 8, cost).values[0][0]
    for _ in range(played):
        question = Simulated(known, random)
        attempts = [question.draw()]
        while (decision := rule.decide(attempts))["action"] == "generate":
            attempts.append(question.draw())
        right = attempts[decision["best"]]["key"] == "right"
        earned.append(right - cost * len(attempts))
    error = np.std(earned) / played**0.5
    assert promised - 3 * error <= np.mean(earned) <= promised + slack + 3 * error


fresh_verdicts = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([ACCEPT, REJECT])), min_size=1, max_size=6
)


@settings(max_examples=40, deadline=None)
@given(
    rates(coincidences=(0.5, 0.25), most_classes=3),
    fresh_verdicts,
    st.sampled_from([0.0, 0.02, 0.1]),
    st.sampled_from([0.0, 1.0]),
)
def test_the_criterion_looks_ahead_as_the_table_does_where_scores_are_verdicts(
    known, draws, cost, correlation
):
    known = replace(known, score_cuts=(), score_log_ratios=(), verdict_correlation=correlation)
    assume(not known.verdicts_say_nothing)
    # Where more wrong values come than were thought plausible, a table knows less than the run.
    assume(len({key for key, _ in draws}) <= (known.plausible_wrong or np.inf))
    if correlation:  # the same answer always gets the same verdict
        first = dict(reversed(draws))
        draws = [(key, first[key]) for key, _ in draws]
    attempts = [attempt(key, score) for key, score in draws]
    rule = Criterion(known, cost, 8, ["generate"])
    decision = rule.decide(attempts)
    table = solve(rule.belief.draws(), 8, cost)
    said = Counter(draws)
    marks = [(said[key, ACCEPT], said[key, REJECT]) for key in {key for key, _ in draws}]
    row = table.lattice.layers[len(draws)].rows[tuple(sorted(marks, reverse=True))]
    value = decision["belief"] + max(decision["expected_gain"] - decision["cost"], 0.0)
    assert table.values[len(draws)][row] == pytest.approx(value, abs=1e-6)
    if abs(decision["expected_gain"] - decision["cost"]) > 1e-6:
        assert (table.rounds[len(draws)][row] > 0) == (decision["action"] == "generate")


@settings(max_examples=60, deadline=None)
@given(st.one_of(rates(), scored_rates()), runs(), st.booleans(), st.sampled_from([None, 4, 6]))
def test_chances_of_the_next_draw_sum_to_one(known, attempts, scored, choices):
    assume(any(one["key"] for one in attempts))
    chances = Belief(known, choices).posterior(attempts).next_draw(scored=scored)
    assert chances.again.sum() + chances.new.sum() == pytest.approx(1, abs=1e-9)
    assert np.all(chances.again >= -1e-12)
    assert np.all(chances.new >= -1e-12)


@settings(max_examples=20, deadline=None)
@given(models(), st.sampled_from([0.0, 0.02, 0.1]))
def test_more_draws_left_and_lower_costs_are_never_worth_less(model, cost):
    values = [solve(model, horizon, cost).values[0][0] for horizon in (1, 2, 4)]
    assert values == sorted(values)
    assert solve(model, 4, cost + 0.01).values[0][0] <= values[-1] + 1e-12


@pytest.mark.parametrize("scores", [None, GRADED, TWO_VALUED])
@pytest.mark.parametrize("cost", [0.0, 0.01])
def test_the_longest_tables_hold_chances(scores, cost):
    known = replace(SEVEN, scores=scores)
    for model, horizon in (
        (Belief(known).draws(), MOST_SCORED_DRAWS),
        (Belief(known).draws(scored=False), MOST_DRAWS),
    ):
        table = solve(model, horizon, cost)
        for values, rounds in zip(table.values, table.rounds, strict=True):
            assert np.all((values >= -1e-12) & (values <= 1 + 1e-9))
            assert np.all((rounds >= 0) & (rounds <= horizon + 1e-9))
