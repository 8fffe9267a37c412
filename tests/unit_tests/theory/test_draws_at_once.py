"""How many fresh draws the criterion makes at once, and what waiting does to its decisions."""

import pickle
from dataclasses import replace
from functools import cache
from itertools import combinations
from random import Random
from types import MappingProxyType

import numpy as np
import pytest
from draw_models import GRADED, SEVEN
from hypothesis import given, settings, strategies as st
from runs import rates, runs
from worlds import ACCEPT, REJECT, attempt

from langchain_markovscale import Calibration, Criterion, MarkovScaleRouter, Rates
from langchain_markovscale.theory.delivery import Delivered, Delivery, Played
from langchain_markovscale.theory.draws_at_once import best_in_batches
from langchain_markovscale.theory.plans import verified
from langchain_markovscale.theory.posterior import Candidates

PRIOR = Calibration.training_free()
DRAWS = MappingProxyType({"actions": ("generate",), "max_rounds": 8})
WAITING = MappingProxyType({"cost_per_second": 0.01, "seconds_per_round": 2.0})


def auto(known=SEVEN, cost=0.01, **changes):
    return Criterion(known, cost, **{**DRAWS, **WAITING, "draws_at_once": "auto", **changes})


def without_draws(decision):
    return {name: value for name, value in decision.items() if name != "draws"}


# What is given


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"draws_at_once": 0}, r"draws_at_once must be a whole number .* 'auto', got 0: it is how"),
        ({"draws_at_once": True}, r"draws_at_once must be .*, got True"),
        ({"draws_at_once": 2.5}, r"draws_at_once must be .*, got 2.5"),
        ({"draws_at_once": "all"}, r"draws_at_once must be .*, got 'all'"),
        ({"draws_at_once": [2]}, r"draws_at_once must be .*, got \[2\]"),
        ({"draws_at_once": None}, r"draws_at_once must be .*, got None"),
        ({"cost_per_second": -0.1}, r"cost_per_second must be .* got -0.1: it is what a second of"),
        ({"cost_per_second": True}, r"cost_per_second must be one number .*, got True"),
        ({"cost_per_second": "a cent"}, r"cost_per_second must be one number .*, got 'a cent'"),
        ({"seconds_per_round": float("nan")}, r"seconds_per_round must be .*, got nan: .* leave"),
        ({"seconds_per_round": True}, r"seconds_per_round must be one number .*, got True"),
        ({"seconds_per_round": [1, 2]}, r"seconds_per_round must be one number .*, got \[1, 2\]"),
        (
            {"draws_at_once": 4, "actions": ["revise"]},
            r"draws_at_once is 4, and actions=\('revise',\) has no fresh draws: add 'generate'",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(given, problem):
    with pytest.raises(ValueError, match=problem):
        Criterion(PRIOR, **given)
    with pytest.raises(ValueError, match=problem):
        MarkovScaleRouter(**given)


@pytest.mark.parametrize("seconds", [-1, True, "two", float("inf")])
def test_seconds_of_a_run_that_cannot_be_meant_are_refused(seconds):
    with pytest.raises(ValueError, match=r"seconds_per_round must be one number of at least 0"):
        auto(seconds_per_round=None).decide([], seconds_per_round=seconds)


def test_copies_and_pickles_draw_as_many():
    rule = auto(draws_at_once=np.int64(3))
    for same in (rule, rule.replace(cost_per_round=0.02), pickle.loads(pickle.dumps(rule))):
        assert type(same.decide([])["draws"]) is int
        assert same.decide([])["draws"] == 3
        assert same.waiting == (3, 0.01, 2.0)


def test_who_does_not_ask_for_it_is_told_of_no_draws():
    for rule in (Criterion(SEVEN, **DRAWS), Criterion(SEVEN, **DRAWS, **WAITING)):
        assert "draws" not in rule.decide([])
        assert "draws" not in rule.decide([attempt("a", REJECT)])


# How many


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(rates(), st.just(PRIOR)), runs(), st.sampled_from([2, 3, 100, "auto"]),
    st.integers(1, 12), st.sampled_from([0.0, 0.01]),
)  # fmt: skip
def test_draws_are_made_where_it_says_generate_and_never_more_than_are_left(
    known, attempts, at_once, most, cost
):
    rule = Criterion(known, cost, most, draws_at_once=at_once, **WAITING)
    for made in ([], attempts):
        decision = rule.decide(made)
        assert ("draws" in decision) == (decision["action"] == "generate")
        if decision["action"] == "generate":
            left = most - len(made)
            assert 1 <= decision["draws"] <= left
            assert at_once == "auto" or decision["draws"] == min(at_once, left)
            assert all(type(each) in (str, int, float, type(None)) for each in decision.values())


@settings(max_examples=30, deadline=None)
@given(st.one_of(rates(), st.just(PRIOR)), runs(), st.sampled_from([{}, {"seconds_per_round": 3}]))
def test_waiting_that_costs_nothing_leaves_every_decision_as_it_is(known, attempts, seconds):
    plain, at_once = Criterion(known), Criterion(known, draws_at_once="auto", **seconds)
    for made in ([], attempts):
        assert without_draws(at_once.decide(made)) == plain.decide(made)
        assert at_once.decide(made).get("draws", 1) == 1


def test_nothing_is_known_of_waiting_without_seconds():
    rule = auto(seconds_per_round=None)
    assert rule.decide([])["draws"] == 1
    assert rule.decide([], seconds_per_round=2.0)["draws"] > 1
    assert rule.decide([])["draws"] == 1
    assert rule.decide([], seconds_per_round=2.0) == auto().decide([])


def test_each_time_of_waiting_has_its_own_decisions():
    rule, attempts = auto(seconds_per_round=None), [attempt("a", REJECT)]
    for seconds in (0.1, 8.0, 0.5, 0.1):
        other = auto(seconds_per_round=seconds)
        for made in ([], attempts):
            assert rule.decide(made, seconds_per_round=seconds) == other.decide(made)


def test_seconds_that_the_user_gave_are_not_those_of_the_run():
    assert auto().decide([], seconds_per_round=0.0) == auto().decide([])


@pytest.mark.parametrize("known", [PRIOR, SEVEN, replace(SEVEN, scores=GRADED)])
@pytest.mark.parametrize("attempts", [[], [attempt("a", REJECT)], [attempt(None, REJECT)]])
def test_more_is_drawn_at_once_where_waiting_is_dearer(known, attempts):
    made = [
        auto(known, seconds_per_round=seconds).decide(attempts).get("draws")
        for seconds in (0, 0.1, 0.5, 2, 8)
    ]
    still = [many for many in made if many is not None]
    assert made == still + [None] * (len(made) - len(still))
    assert still == sorted(still)
    assert still[0] == 1
    assert still[-1] > 1


def test_one_answer_is_drawn_first_where_revising_is_the_better_way_on():
    reviser = Rates([1.0], 0.3, 0.9, 0.0, 0.95, 0.95)
    assert auto(reviser, actions=("revise", "generate")).decide([])["draws"] == 1
    assert auto(reviser).decide([])["draws"] > 1
    assert auto(reviser, actions=("revise",)).decide([])["draws"] == 1


def test_one_answer_is_drawn_first_where_a_gate_would_end_the_run_after_it():
    hopeless, open_to_luck = Rates([1.0], 0.001, 0.1, 0.1, 0.7, 0.7), SEVEN
    assert auto(hopeless, 0.05, variant="gate").decide([])["draws"] == 1
    assert auto(open_to_luck, variant="gate").decide([])["draws"] > 1


def delivered(phi):
    """A delivery of which so much of the promise came true."""
    played = Played((0.1, 0.01), (0, 0.01), (0.1, 0.01), (-0.1, 0.01), 0.5, 2.0, 0.0, 1.0)
    row = Delivered(("generate",), 0.01, 8, phi, phi, (0.0, 1.0), played, played)
    return Delivery(100, 100, 2, 0.9, 0.5, (row,))


def test_one_answer_is_drawn_where_nothing_of_the_promise_was_delivered():
    rule = auto(delivery=delivered(0.0))
    assert rule.phi == 0
    assert rule.decide([])["draws"] == 1


@pytest.mark.parametrize("attempts", [[], [attempt("a", REJECT)], [attempt("a", ACCEPT)]])
def test_half_of_a_promise_is_half_as_much_for_draws_and_for_waiting(attempts):
    half = auto(delivery=delivered(0.5)).decide(attempts)
    dearer = auto(cost=0.02, seconds_per_round=4.0).decide(attempts)
    assert half["action"] == dearer["action"]
    assert half.get("draws") == dearer.get("draws")
    assert half["cost"] == pytest.approx(dearer["cost"] / 2)


def test_more_are_made_at_once_than_a_table_reaches_and_all_are_paid():
    rule = auto(cost=0.001, max_rounds=12, draws_at_once=10)
    decision = rule.decide([attempt("a", REJECT)])
    assert decision["draws"] == 10
    assert decision["cost"] >= 10 * 0.001 + 0.02


def test_what_is_first_drawn_without_an_end_in_sight_is_the_first_that_is_accepted():
    chance, s, v = 0.05, 0.9, 0.01
    known = Rates([1.0], chance, 0.1, 0.1, s, 1 - v, coincidence=0.01)
    decision = auto(known, 0.0005, max_rounds=40, seconds_per_round=30.0).decide([])
    rejected = 1 - chance * s - (1 - chance) * v
    missed = rejected ** decision["draws"]
    right = chance * s * (1 - missed) / (1 - rejected) + missed * chance * (1 - s) / rejected
    assert decision["draws"] > 8
    assert decision["expected_gain"] == pytest.approx(right)
    assert decision["cost"] == pytest.approx(0.0005 * decision["draws"] + 0.3)


# What waiting costs


@settings(max_examples=30, deadline=None)
@given(rates(), runs(), st.sampled_from([("revise",), ("revise", "generate")]))
def test_one_at_a_time_waiting_counts_as_a_dearer_round(known, attempts, actions):
    waits = Criterion(known, 0.01, actions=actions, **WAITING).decide(attempts)
    dearer = Criterion(known, 0.01 + 0.02, actions=actions).decide(attempts)
    assert waits["action"] == dearer["action"]
    assert waits["expected_gain"] == pytest.approx(dearer["expected_gain"], abs=1e-9)
    assert waits["cost"] == pytest.approx(dearer["cost"], abs=1e-9)


def test_a_loop_that_keeps_its_latest_draft_alone_pays_for_waiting():
    state = {"draft": "4", "score": 0.2, "iteration": 1}
    keys = {"answers_key": "draft", "scores_key": "score", "actions": ("generate",)}
    rates = Rates([1.0], 0.6, 0.3, 0.1, 0.9, 0.9)
    decisions = [
        MarkovScaleRouter(rates, cost_per_round=cost, **keys, **options).decide(state)
        for cost, options in ((0.03, {}), (0.01, WAITING))
    ]
    assert decisions[0]["action"] == "generate"
    assert decisions[1] == pytest.approx(decisions[0])


# An exact verifier: the first acceptance ends it, and what was drawn beside it is paid.


@cache
def by_recursion(chance, cost, wait, left):
    """What is best worth where nothing is right yet, and how many draws to make now."""
    worths = [(0.0, 0)]
    for many in range(1, left + 1):
        none = (1 - chance) ** many
        later = by_recursion(chance, cost, wait, left - many)[0]
        worths.append((1 - none + none * later - many * cost - wait, -many))
    value, many = max(worths)
    return value, -many


@pytest.mark.parametrize("chance", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("wait", [0.002, 0.02, 0.1])
@pytest.mark.parametrize("left", [3, 8])
def test_draws_until_one_is_surely_right_are_those_of_recursion(chance, wait, left):
    known = Rates([1.0], chance, 0.1, 0.1, 1.0, 1.0, coincidence=0.2)
    exact = auto(known, 0.01, max_rounds=left, exact_verifier=True, seconds_per_round=wait / 0.01)
    value, many = by_recursion(chance, 0.01, wait, left)
    decision = exact.decide([])
    assert decision["draws"] == many
    assert decision["expected_gain"] - decision["cost"] == pytest.approx(value, abs=1e-6)
    rejected = exact.decide([attempt(str(n), REJECT) for n in range(many)])
    value, many = by_recursion(chance, 0.01, wait, left - many)
    assert rejected.get("draws", 0) == many
    worth = rejected["expected_gain"] - rejected["cost"]
    assert max(worth, 0.0) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("key", [None, "key"])
@pytest.mark.parametrize("wait", [0.01, 0.1])
@pytest.mark.parametrize("cost", [0.002, 0.01])
def test_where_tables_end_its_draws_earn_nearly_what_the_best_do(key, wait, cost):
    classes, most = ((0.3, 0.04), (0.3, 0.2), (0.4, 0.9)), 40

    def missed(many):
        """P(so many draws are all wrong)."""
        return sum(share * (1 - chance) ** many for share, chance in classes)

    def earned(before, many):
        """What so many draws earn after those before."""
        return missed(before) * (1 - many * cost - wait) - missed(before + many)

    @cache
    def best(before):
        sizes = range(1, most - before + 1)
        return max([0.0, *(earned(before, many) + best(before + many) for many in sizes)])

    shares, chances = zip(*classes, strict=True)
    rule = auto(
        Rates(shares, chances, 0.1, 0.1, 1.0, 1.0, coincidence=0.01, keyed=key is not None), cost,
        max_rounds=most, exact_verifier=True, seconds_per_round=wait / 0.01,
    )  # fmt: skip
    made, worth = 0, 0.0
    while True:
        names = [key and str(number) for number in range(made)]
        decision = rule.decide([attempt(name, REJECT) for name in names])
        if decision["action"] == "stop":
            break
        worth += earned(made, decision["draws"])
        made += decision["draws"]
    assert best(0) - 0.002 <= worth <= best(0) + 1e-9


# Batches in commitments


def schedules(at_once, left):
    """All ways to make up to so many draws in batches, as the numbers of draws after each."""
    if at_once != "auto":
        whole = [*range(at_once, left, at_once), left]
        return [whole[:count] for count in range(1, len(whole) + 1)]
    places = range(1, left + 1)
    return [looks for count in places for looks in combinations(places, count)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(0.05, 0.9)] * 2, st.floats(0.01, 0.5)), min_size=1, max_size=3),
    st.booleans(), st.sampled_from(["auto", 1, 2, 5]), st.integers(1, 8),
    st.sampled_from([0.001, 0.03, 0.3]),
)  # fmt: skip
def test_what_batches_gain_and_take_is_that_of_playing_them(classes, right, at_once, left, wait):
    cost, share = 0.01, 1 / len(classes)
    chance, accepted, mistaken = np.array(classes).T[:, None]
    cases = Candidates(
        np.full((1, len(classes)), share),
        right * np.ones((1, len(classes))),
        np.broadcast_to(chance, (1, 2, *chance.shape)),
        accepted,
        mistaken,
    )
    plan = best_in_batches([verified(cases, left)], cost, wait, at_once, left)
    played = {}
    for looks in schedules(at_once, left):
        gained = spent = rounds = 0.0
        for p, s, v in classes:
            ends, before, reached = p * s + (1 - p) * v, 0, share
            for look in looks:
                spent += reached * ((look - before) * cost + wait)
                rounds += reached * (look - before)
                accepts = reached * (1 - (1 - ends) ** (look - before))
                gained += accepts * (p * s / ends - right)
                before, reached = look, reached - accepts
        played[tuple(looks)] = gained, spent, rounds
    best = max(gained - spent for gained, spent, _ in played.values())
    assert plan.gain - plan.cost == pytest.approx(best, abs=1e-9)
    assert any(
        looks[0] == plan.draws
        and looks[-1] == plan.most
        and took == pytest.approx((plan.gain, plan.cost, plan.rounds), abs=1e-9)
        for looks, took in played.items()
    )


@pytest.mark.parametrize("at_once", ["auto", 5])
@pytest.mark.parametrize("actions", [("generate",), ("revise", "generate")])
@pytest.mark.parametrize("key", ["a", None])
def test_what_it_costs_to_decide_does_not_grow_with_the_rounds_that_are_left(at_once, actions, key):
    rule = auto(PRIOR, 0.001, max_rounds=100_000, draws_at_once=at_once, actions=actions)
    attempts = []
    for _ in range(20):
        decision = rule.decide(attempts)
        if decision["action"] == "stop":
            break
        attempts.append(attempt(key, Random(len(attempts)).choice([ACCEPT, REJECT])))
        assert decision.get("draws", 1) <= 64
    assert len(attempts) > 1
