"""What is decided, and that decisions do not hang on what they should not."""

import json
import math
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from by_enumeration import depth_of, over_keys, over_labels, run_chance
from continuations import vote
from hypothesis import assume, given, settings, strategies as st
from runs import chances, limited, rates, runs, unlimited
from worlds import ACCEPT, REJECT, World, attempt

from langchain_markovscale import Criterion, Rates
from langchain_markovscale.theory.rates import RateArrays

BOTH = ("revise", "generate")
ONE = Rates((1.0,), (0.6,), (0.3,), (0.1,), (0.85,), (0.8,), coincidence=1 / 3, plausible_wrong=3)
costs = st.floats(0, 0.2)
some_actions = st.sampled_from([BOTH, ("revise",), ("generate",)])
any_rates = rates(most_classes=3)
whole_rates = rates((1.0, 0.5, 1 / 3, 0.05), 3, st.one_of(unlimited, limited))


def by_attempt(known, attempts, choices=None):
    """P(class, attempt is correct) for every attempt, and P(class), by enumeration."""
    if all(one["key"] is None for one in attempts):
        return over_labels(known, attempts)
    joint, _ = over_keys(known, attempts, choices)
    nothing = [0.0] * known.n_classes
    rows = [nothing if one["key"] is None else joint[one["key"]] for one in attempts]
    return rows, np.sum(list(joint.values()), axis=0)


# The paper's rule


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    chances,
    chances,
    st.floats(0, 0.3),
    st.sampled_from([1.0, 0.7]),
    runs(),
    st.integers(1, 12),
)
def test_with_one_class_revisions_and_an_uninformative_verifier_the_rule_is_the_papers(
    repair, corruption, initial, accepts, cost, settling, attempts, left
):
    known = Rates(
        (1.0,), (initial,), (repair,), (corruption,), (accepts,), (1 - accepts,), settling=settling
    )
    decision = Criterion(known, cost, len(attempts) + left, ["revise"]).decide(attempts)
    best = decision["best"]
    factor = settling ** depth_of(attempts, best)
    belief = sum(by_attempt(known, attempts)[0][best])
    gain = factor * (repair * (1 - belief) - corruption * belief)
    assume(abs(gain - cost) > 1e-8)  # b < π − c/(α+β), times α+β
    assert decision["action"] == ("revise" if gain > cost else "stop")


def test_the_papers_threshold_of_the_worked_example():
    blind = replace(ONE, sensitivity=0.5, specificity=0.5)
    for belief, action in [(0.699, "revise"), (0.701, "stop")]:
        rule = Criterion(replace(blind, initial=belief), 0.02, 60, ["revise"])
        assert rule.decide([attempt(None)])["action"] == action


def test_the_threshold_falls_as_revisions_settle():
    settling = replace(ONE, initial=0.5, sensitivity=0.5, specificity=0.5, settling=0.5)
    line = [attempt(None)]
    for depth in range(4):
        belief = settling.mixture.accuracy(depth)
        gain = 0.5**depth * (0.3 * (1 - belief) - 0.1 * belief)
        for cost, action in [(gain * 0.99, "revise"), (gain * 1.01, "stop")]:
            decision = Criterion(settling, cost, 60, ["revise"]).decide(line)
            assert (decision["action"], decision["best"]) == (action, depth)
        line.append(attempt(None, parent=depth))


def test_the_paper_holds_without_a_verifier_too():
    silent = ONE.without_verifier()
    for belief, action in [(0.699, "revise"), (0.701, "stop")]:
        rule = Criterion(replace(silent, initial=belief), 0.02, 60, ["revise"])
        assert rule.decide([attempt(None)])["action"] == action


# What a decision says


@given(any_rates, runs(), costs, some_actions, st.integers(1, 9))
def test_a_decision_is_plain_and_complete(known, attempts, cost, actions, most):
    decision = Criterion(known, cost, most, actions).decide(attempts)
    assert json.loads(json.dumps(decision)) == decision
    assert {name: type(value) for name, value in decision.items() if name != "parent"} == {
        "action": str,
        "best": int,
        "belief": float,
        "expected_gain": float,
        "cost": float,
        "attempts": int,
        "reason": str,
    }
    assert decision["attempts"] == len(attempts)
    assert decision["action"] in ("stop", *actions)
    if decision["action"] == "revise":
        revised = {attempt["parent"] for attempt in attempts}
        if decision["best"] in revised:
            assert decision["parent"] not in revised - {decision["best"]}
        else:
            assert decision["parent"] == decision["best"]
    else:
        assert decision["parent"] is None
    if len(attempts) >= most:
        assert decision["reason"] == "max_rounds"
        assert decision["action"] == "stop"
    elif decision["reason"] == "no_evidence":
        assert all(one["key"] is None and one["score"] is None for one in attempts)
        assert decision["action"] == "stop"
    elif decision["action"] == "stop":
        assert decision["reason"] == "gain_below_cost"
        assert decision["expected_gain"] <= decision["cost"] + 1e-9
    else:
        assert decision["reason"] == "gain_exceeds_cost"
        assert decision["expected_gain"] > decision["cost"]


@pytest.mark.parametrize(("first", "parent"), [(REJECT, 1), (ACCEPT, 0)])
def test_after_a_revision_in_vain_what_is_nearly_as_good_is_revised(first, parent):
    known = replace(ONE, repair=(0.15,))
    attempts = [attempt("a", first), attempt("b", REJECT, parent=0)]
    decision = Criterion(known, 0.0, 4, ["revise"]).decide(attempts)
    assert (decision["best"], decision["parent"]) == (0, parent)


@given(any_rates, runs(), st.sampled_from([None, 4, 7]))
def test_best_is_the_latest_attempt_with_the_answer_believed_most(known, attempts, choices):
    decision = Criterion(known, choices=choices).decide(attempts)
    beliefs = [sum(row) for row in by_attempt(known, attempts, choices)[0]]
    best = decision["best"]
    assert decision["belief"] == pytest.approx(beliefs[best], abs=1e-9)
    assert beliefs[best] == pytest.approx(max(beliefs), abs=1e-9)
    key = attempts[best]["key"]
    assert key is None or all(one["key"] != key for one in attempts[best + 1 :])


def test_the_first_attempt_is_always_made_whatever_it_costs():
    decision = Criterion(ONE, 0.49, 1, ["revise"]).decide([])
    assert decision["action"] == "generate"
    assert decision["best"] is None
    assert decision["parent"] is None
    assert decision["belief"] == 0.0
    assert decision["expected_gain"] == pytest.approx(0.6)
    assert decision["attempts"] == 0
    assert json.loads(json.dumps(decision)) == decision


def test_a_late_corruption_costs_nothing():
    run = [attempt("7", ACCEPT), attempt("7", ACCEPT, 0), attempt("9", REJECT, 1)]
    decision = Criterion(ONE, 0.3).decide(run)
    assert (decision["action"], decision["best"]) == ("stop", 1)


@settings(max_examples=50)
@given(any_rates, runs(), costs, some_actions)
def test_deciding_changes_neither_the_attempts_nor_the_next_decision(
    known, attempts, cost, actions
):
    rule, before = Criterion(known, cost, 8, actions), json.dumps(attempts)
    first = rule.decide(attempts)
    for n in range(len(attempts) + 1):
        rule.decide(attempts[:n])
    assert rule.decide(attempts) == first == Criterion(known, cost, 8, actions).decide(attempts)
    assert json.dumps(attempts) == before


def test_a_verifier_that_never_speaks_is_not_counted_on():
    rates = World().rates()
    told = Criterion(rates, 0.0, 8, ("revise",))
    silent = Criterion(rates.without_verifier(), 0.0, 8, ("revise",))
    run = [attempt("7", None), attempt("8", None, 0)]
    assert told.decide(run) == silent.decide(run)
    spoken = [attempt("7", REJECT), attempt("8", None, 0)]
    assert told.decide(spoken) != silent.decide(spoken)


def test_without_a_key_or_a_score_there_is_no_evidence_and_nothing_is_revised_on_hope():
    run = [attempt(None), attempt(None, parent=0)]
    decision = Criterion(World().rates(), 0.0, 8).decide(run)
    assert (decision["action"], decision["reason"]) == ("stop", "no_evidence")
    assert (
        Criterion(World().rates(), 0.0, 8).decide([*run, attempt("7")])["reason"] != "no_evidence"
    )
    # Where nothing is scored on purpose, rounds are blind, and the paper's rule decides.
    assert Criterion(World().rates().without_verifier(), 0.0, 8).decide(run)["action"] != "stop"


@pytest.mark.parametrize("wrong", ["calibration.json", None, {}])
def test_what_has_no_rates_is_refused_by_name(wrong):
    with pytest.raises(TypeError, match=r"calibration must be a Calibration or Rates.*load"):
        Criterion(wrong)


def test_anything_with_rates_will_do_as_a_calibration():
    run = [attempt("7", REJECT)]
    calibration = SimpleNamespace(decision_rates=ONE)
    assert Criterion(calibration).decide(run) == Criterion(ONE).decide(run)


# How much the steps are worth


def gains_of_one_round(known, right, wrong, factor):
    """What each plan of one round adds, from P(class, best is right) and P(class, it is wrong)."""
    gains = {"revise": [0.0, 0.0], "generate": [0.0, 0.0]}
    for k in range(known.n_classes):
        s, u, p = known.sensitivity[k], known.specificity[k], known.initial[k]
        for weight, y, revised in (
            (right[k], 1, 1 - known.corruption[k] * factor),
            (wrong[k], 0, known.repair[k] * factor),
        ):
            for action, new in (("revise", revised), ("generate", p)):
                rejected = new * (1 - s) + (1 - new) * u
                gains[action][0] += weight * (new * s + rejected * y - y)  # taken if accepted
                gains[action][1] += weight * (new - y)  # taken as it comes
    return gains


def gain_of_a_draw(known, attempts, belief):
    """What one more draw adds: the best belief after its verdict, less the one now."""
    joint, keys = over_keys(known, attempts)
    now = sum(run_chance(known, attempts, h, k) for h in joint for k in range(known.n_classes))
    ahead = 0.0
    for key, score in product([*keys, "new"], (ACCEPT, REJECT)):
        after = [*attempts, attempt(key, score)]
        ahead += max(
            sum(run_chance(known, after, right, k) for k in range(known.n_classes))
            for right in {*keys, key}
        )
    return ahead / now - belief


@settings(deadline=None)
@given(whole_rates, runs(most=4), st.floats(0, 0.2), st.floats(0, 0.2))
def test_with_one_round_left_the_step_that_brings_most_is_taken(known, attempts, revise, draw):
    # Verdicts drawn anew and all given, so that every gain can be written out.
    known = replace(known, verdict_correlation=0.0, score_cuts=(), score_log_ratios=())
    attempts = [{**one, "score": one["score"] or 0.0} for one in attempts]
    assume(not known.verdicts_say_nothing)
    fresh = all(one["parent"] is None for one in attempts) and any(one["key"] for one in attempts)
    assume(not fresh or all(one["key"] for one in attempts))  # a table knows of keyed draws alone
    actions = ["generate"] if fresh else BOTH
    rule = Criterion(known, {"revise": revise, "generate": draw}, len(attempts) + 1, actions)
    decision = rule.decide(attempts)
    rows, classes = by_attempt(known, attempts)
    right = np.array(rows[decision["best"]])
    factor = known.settling ** depth_of(attempts, decision["best"])
    gains = gains_of_one_round(known, right, classes - right, factor)
    if fresh:
        gains = {"generate": [gain_of_a_draw(known, attempts, right.sum())], "revise": [-1.0]}
    elif any(one["key"] for one in attempts):
        best = attempts[decision["best"]]["key"]
        gains["generate"].append(vote(known, attempts, best, 1) - right.sum())
    worth = {
        "stop": 0.0,
        "revise": max(gains["revise"]) - revise,
        "generate": max(gains["generate"]) - draw,
    }
    first, second, _ = sorted(worth.values(), reverse=True)
    assume(first - second > 1e-8)
    assert decision["action"] == max(worth, key=worth.get)
    best_of_plans = max(worth["revise"], worth["generate"])
    assert decision["expected_gain"] - decision["cost"] == pytest.approx(best_of_plans, abs=1e-9)


@given(any_rates, runs(), costs, costs, some_actions)
def test_a_higher_cost_never_turns_stop_into_go(known, attempts, cost, more, actions):
    cheap = Criterion(known, cost, 9, actions).decide(attempts)
    dear = Criterion(known, cost + more, 9, actions).decide(attempts)
    assert cheap["action"] != "stop" or dear["action"] == "stop"


@settings(max_examples=50)
@given(any_rates, runs(), costs, costs)
def test_a_dearer_step_is_not_taken_where_it_was_not_when_cheap(known, attempts, cost, more):
    for action, other in (BOTH, BOTH[::-1]):
        cheap = Criterion(known, {action: cost, other: cost}, 9).decide(attempts)
        dear = Criterion(known, {action: cost + more, other: cost}, 9).decide(attempts)
        assert cheap["action"] == action or dear["action"] != action


@settings(max_examples=50)
@given(any_rates, runs(), costs, st.integers(1, 6), st.integers(0, 6))
def test_more_rounds_left_never_turn_go_into_stop(known, attempts, cost, left, more):
    short = Criterion(known, cost, len(attempts) + left).decide(attempts)
    long = Criterion(known, cost, len(attempts) + left + more).decide(attempts)
    assert short["action"] == "stop" or long["action"] != "stop"


@settings(max_examples=50)
@given(any_rates, runs(), costs, some_actions)
def test_an_action_left_out_is_the_only_thing_that_can_change(known, attempts, cost, actions):
    free, bound = (Criterion(known, cost, 9, a).decide(attempts) for a in (BOTH, actions))
    if free["action"] in ("stop", *actions):
        assert bound["action"] == free["action"]
    assert (bound["best"], bound["belief"]) == (free["best"], free["belief"])


def test_a_dear_revision_gives_way_to_a_draw():
    run = [attempt("7", REJECT)]
    assert Criterion(ONE, {"revise": 0.4, "generate": 0.01}).decide(run)["action"] == "generate"
    assert Criterion(ONE, {"revise": 0.01, "generate": 0.4}).decide(run)["action"] == "revise"


def test_a_free_round_that_changes_nothing_is_not_made():
    frozen = replace(ONE, repair=0.0, corruption=0.0)
    assert Criterion(frozen, 0.0, 8, ["revise"]).decide([attempt("7")])["action"] == "stop"


# What decisions must not hang on


def alike(one, other):
    """The same decision up to rounding, and up to plans that are worth the same."""
    assert other["best"] == one["best"]
    assert other["belief"] == pytest.approx(one["belief"], abs=1e-9)
    worth = [d["expected_gain"] - d["cost"] for d in (one, other)]
    assert worth[1] == pytest.approx(worth[0], abs=1e-9)
    if abs(worth[0]) > 1e-9:
        assert (other["action"] == "stop") is (one["action"] == "stop")


def with_classes(known, order):
    names = RateArrays._fields
    return replace(known, **{name: tuple(getattr(known, name)[i] for i in order) for name in names})


def clear_winner(known, attempts):
    beliefs = sorted(sum(row) for row in by_attempt(known, attempts)[0])
    keyed_twins = len({one["key"] for one in attempts if one["key"]}) == 1
    return len(beliefs) == 1 or keyed_twins or beliefs[-1] - beliefs[-2] > 1e-9


@settings(max_examples=50)
@given(any_rates, runs(), costs, st.randoms(use_true_random=False))
def test_permuting_classes_changes_nothing(known, attempts, cost, random):
    order = list(range(known.n_classes))
    random.shuffle(order)
    decisions = [
        Criterion(r, cost, 9).decide(attempts) for r in (known, with_classes(known, order))
    ]
    if clear_winner(known, attempts):
        alike(*decisions)


@settings(max_examples=50)
@given(rates(most_classes=1), runs(), costs, st.integers(2, 5))
def test_equal_classes_are_one_class(known, attempts, cost, n):
    copies = {name: getattr(known, name) * n for name in RateArrays._fields[1:]}
    weights = tuple((i + 1) / (n * (n + 1) / 2) for i in range(n))
    many = replace(known, weights=weights, **copies)
    decisions = [Criterion(r, cost, 9).decide(attempts) for r in (known, many)]
    if clear_winner(known, attempts):
        alike(*decisions)


@settings(max_examples=50)
@given(any_rates, runs(), costs)
def test_the_names_of_answers_change_nothing(known, attempts, cost):
    names = {"a": "forty-two", "b": "7", "c": "", None: None}
    renamed = [{**one, "key": names[one["key"]]} for one in attempts]
    rule = Criterion(known, cost, 9)
    assert rule.decide(renamed) == rule.decide(attempts)


# Limits and bad input


@pytest.mark.parametrize("most", [1, 2, 5])
def test_attempts_never_exceed_the_limit(most):
    eager = Criterion(replace(ONE, initial=0.05), 0.0, most)
    run = []
    while (decision := eager.decide(run))["action"] != "stop":
        run.append(attempt(str(len(run)), REJECT, decision["parent"]))
    assert len(run) == most
    assert decision["reason"] == "max_rounds"
    assert eager.decide([*run, attempt("one more")])["reason"] == "max_rounds"


@pytest.mark.parametrize(("coincidence", "most"), [(1e-9, 48), (0.25, 180)])
def test_far_limits_and_answers_without_number_are_no_trouble(coincidence, most):
    rule = Criterion(replace(ONE, coincidence=coincidence, plausible_wrong=None), 0.01, most)
    assert rule.decide([attempt("7", REJECT)])["action"] != "stop"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("cost_per_round", {"cost_per_round": -0.01}),
        ("cost_per_round", {"cost_per_round": math.nan}),
        ("cost_per_round", {"cost_per_round": math.inf}),
        ("cost_per_round", {"cost_per_round": {"revise": 0.1}}),
        ("cost_per_round", {"cost_per_round": {"revise": 0.1, "generate": -1}}),
        ("max_rounds", {"max_rounds": 0}),
        ("max_rounds", {"max_rounds": 2.5}),
        ("actions", {"actions": ()}),
        ("actions", {"actions": ("revise", "reflect")}),
        ("actions", {"actions": "revise"}),
        ("max_rounds", {"max_rounds": [3, 4]}),
        ("cost_per_round", {"cost_per_round": [0.1, 0.2]}),
        ("choices", {"choices": 1}),
        ("choices", {"choices": ["a", "b"]}),
    ],
)
def test_bad_arguments_are_refused_by_name(name, arguments):
    with pytest.raises(ValueError, match=name):
        Criterion(ONE, **arguments)


@pytest.mark.parametrize("score", [math.nan, -0.5, 1.5])
def test_a_bad_score_is_refused_before_it_decides_anything(score):
    with pytest.raises(ValueError, match="score"):
        Criterion(ONE).decide([attempt("7", score)])


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("7", r"attempts\[1\] must be a dictionary, got '7'"),
        ({"key": "7", "score": 0.5}, r"attempts\[1\] has no 'parent'"),
        (
            {"key": "7", "score": "high", "parent": None},
            r"attempts\[1\]\['score'\] must be a number",
        ),
        ({"key": "7", "score": 0.5, "parent": "0"}, r"attempts\[1\]\['parent'\] must be the index"),
        ({"key": ["7"], "score": 0.5, "parent": None}, r"attempts\[1\]\['key'\] must be a string"),
    ],
)
def test_a_malformed_attempt_is_refused_by_name(bad, told):
    with pytest.raises(ValueError, match=told):
        Criterion(ONE).decide([attempt("7", 0.5), bad])
