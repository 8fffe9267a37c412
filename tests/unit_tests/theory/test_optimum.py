"""The optimum for fresh draws: every stopping rule, plain recursion, and simulation."""

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from draws_by_enumeration import Game
from hypothesis import assume, given, settings, strategies as st
from runs import rates, runs, scored_rates
from worlds import ACCEPT, REJECT, attempt

from langchain_markovscale import Belief, Criterion, Rates
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores
from langchain_markovscale.theory.optimum import MOST_DRAWS, MOST_SCORED_DRAWS, DrawModel, solve
from langchain_markovscale.theory.scores import ScoreTable
from langchain_markovscale.theory.urn import Urn

GRADED = GradedScores(0.6, -0.4, 0.8, 1.0, 0.2, 0.7, (0.0, 0.5, 1.0), (-1.5, 0.0, 1.5))
TWO_VALUED = TwoValuedScores(1.0, -0.8, 0.2, 0.6)
SEVEN = Rates(
    [1 / 7] * 7, (0.03, 0.12, 0.3, 0.5, 0.7, 0.88, 0.97), 0.15, 0.1, 0.8, 0.7,
    coincidence=0.25, verdict_correlation=0.4,
)  # fmt: skip

urns = st.sampled_from(
    [
        ((1.0, Urn(0.4)),),
        ((1.0, Urn(0.5, 3)),),
        ((1.0, Urn(0.25, 4)),),
        ((1.0, Urn(1.0)),),
        ((0.3, Urn(0.4)), (0.7, Urn(0.1))),
    ]
)
chances = st.floats(0.05, 0.95)


@st.composite
def models(draw, kinds=("none", "levels", "anew")):
    """Two classes, and scores of two levels with two nodes of the intercept, or none."""
    weight = draw(chances)
    initial = np.array([draw(chances), draw(chances)])
    kind, scores = draw(st.sampled_from(kinds)), None
    if kind != "none":
        high = np.array(draw(st.lists(chances, min_size=8, max_size=8))).reshape(2, 2, 2)
        correlation = draw(st.sampled_from([0.0, 0.4, 0.9])) if kind == "anew" else None
        levels = np.stack([1 - high, high], axis=1)
        scores = ScoreTable(np.array([0.3, 0.7]), levels, correlation)
    return DrawModel(np.array([weight, 1 - weight]), initial, draw(urns), scores)


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


class Simulated:
    """A question of which draws and verdicts come about as a model has it."""

    def __init__(self, known: Rates, random: Random) -> None:
        self.known, self.random = known, random
        (self.k,) = random.choices(range(known.n_classes), known.weights)
        law = known.scores
        self.z = random.gauss(0, 1) if law else 0.0
        self.balls: list[int] = []
        self.verdicts: dict[str, float] = {}

    def draw(self):
        known, random = self.known, self.random
        if random.random() < known.initial[self.k]:
            key = "right"
        else:
            theta = 1 / known.coincidence - 1
            new = random.random() < theta / (theta + len(self.balls))
            ball = len(set(self.balls)) if new else random.choice(self.balls)
            self.balls.append(ball)
            key = f"wrong {ball}"
        if key not in self.verdicts or known.verdict_correlation == 0:
            self.verdicts[key] = self.score(key == "right")
        return attempt(key, self.verdicts[key])

    def score(self, right):
        law, known = self.known.scores, self.known
        if law is None:
            accepts = known.sensitivity[self.k] if right else 1 - known.specificity[self.k]
            return ACCEPT if self.random.random() < accepts else REJECT
        eta = np.log(known.initial[self.k] / (1 - known.initial[self.k]))
        shared = law.difficulty * eta + law.intercept * self.z
        x = (law.right if right else law.wrong) + shared
        x += self.random.gauss(0, 1) * (law.right_spread if right else law.wrong_spread)
        return float(np.interp(x, law.quantiles, law.scores))


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
