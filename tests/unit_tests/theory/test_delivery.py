"""Delivery: φ by its formula, between the costs that were measured, and in the criterion."""

import json
from dataclasses import asdict
from math import exp, inf, log, sqrt
from statistics import fmean, variance

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from pools import recorded
from runs import runs

from langchain_markovscale import Calibration, Criterion, Rates
from langchain_markovscale.replay.measured_delivery import interval_of
from langchain_markovscale.theory.delivery import (
    COSTS,
    UNMEASURED,
    Delivered,
    Delivery,
    Gains,
    Played,
    phi_of,
)

BOTH = ("revise", "generate")
RATES = Rates((0.5, 0.5), (0.8, 0.3), (0.5, 0.2), (0.05, 0.1), 0.8, 0.7, coincidence=0.3)
NONE = Played((0, 0), (0, 0), (0, 0), (0, 0), 0.5, 1.0, 0.0, 0.0)


def table(phis, actions=BOTH, costs=COSTS):
    rows = (
        Delivered(actions, cost, 8, phi, phi, (phi, phi), NONE, NONE)
        for cost, phi in zip(costs, phis, strict=True)
    )
    return Delivery(40, 80, 2, 0.9, 0.5, tuple(rows))


def measured(delivery, rates=RATES):
    return Calibration(rates, "measured", delivery=delivery)


# The formula


@given(
    st.lists(
        st.tuples(st.floats(0, 0.5), st.floats(0, 7), st.sampled_from([-1, 0, 1]), st.floats(0, 7)),
        min_size=2,
        max_size=40,
    ),
    st.floats(0.001, 0.1),
)
def test_phi_is_as_the_theory_writes_it(rows, cost):
    gains = np.array([g for g, *_ in rows])
    excess = [(a - cost * m) - (g - cost * n) for g, n, a, m in rows]
    found = phi_of(Gains(gains, np.array(excess)))
    total, gap, many = sum(gains), sum(excess), len(rows)
    if total <= 1e-9:
        assert found[:3] == (1.0, 1.0, inf)
        return
    spread = many * variance(excess)  # Q/(Q−1) Σ(e − ē)²
    shrunk = 1 + gap * total / (total**2 + spread / 0.5**2)
    assert found.value == pytest.approx(min(1, max(0, shrunk)), abs=1e-9)
    assert found.ratio == pytest.approx(1 + gap / total, rel=1e-9, abs=1e-9)
    residuals = [e - gap / total * g for e, (g, *_) in zip(excess, rows, strict=True)]
    squares = sum(each**2 for each in residuals)
    assert found.error == pytest.approx(sqrt(many / (many - 1) * squares) / total, rel=1e-6)
    low, high = interval_of(found, 0.9)
    assert 0 <= low <= found.value <= high <= 1


def test_few_questions_that_promise_something_make_the_interval_wide():
    gain = np.array([0.2] * 11 + [0.0] * 49)
    delivered = np.array([1.0] * 2 + [0.0] * 58)
    found = phi_of(Gains(gain, delivered - gain))
    assert found.freedom == pytest.approx(10)
    low, high = interval_of(found, 0.9)
    assert high == 1
    of_a_table = 1.812461  # Student's t at 10 degrees of freedom
    assert low == pytest.approx(max(0, found.ratio - of_a_table * found.error), abs=1e-5)


def test_what_is_promised_and_delivered_alike_has_a_phi_of_one():
    gain = np.array([0.2, 0.1, 0.0])
    assert phi_of(Gains(gain, np.zeros(3))) == (1.0, 1.0, 0.0, 1.0)


def test_where_nothing_is_promised_no_ratio_is_formed():
    nothing = np.zeros(30)
    found = phi_of(Gains(nothing, nothing), [(Gains(nothing, nothing),) * 2])
    assert found[:3] == (1.0, 1.0, inf)
    assert interval_of(found, 0.9) == (0.0, 1.0)


@pytest.mark.parametrize("luck", [0.0, 0.08], ids=["no luck", "the luck of fits"])
def test_intervals_cover_the_share_that_is_delivered(luck):
    """Fits to two halves are off by what all their questions make of it, and by opposite parts."""
    rng, share, questions, splits = np.random.default_rng(0), 0.6, 200, 4
    hits = dict.fromkeys(["known", "ignored"], 0)
    for _ in range(400):
        gain = rng.uniform(0.05, 0.4, questions)
        common, own = luck * rng.normal(), luck * rng.normal(size=splits)
        drawn, excess, halves = rng.random(questions), np.zeros(questions), []
        for split in range(splits):
            order = rng.permutation(questions)
            two = order[: questions // 2], order[questions // 2 :]
            found = []
            for half, sign in zip(two, (1, -1), strict=True):
                chance = (share + common + sign * own[split]) * gain[half]
                off = (drawn[half] < chance) - gain[half]
                excess[half] += off / splits
                found.append(Gains(gain[half], off))
            halves.append(found)
        for name, known in zip(hits, (halves, ()), strict=True):
            low, high = interval_of(phi_of(Gains(gain, excess), known), 0.9)
            hits[name] += low <= share <= high
    assert 0.85 <= hits["known"] / 400 <= 0.95
    if luck:
        assert hits["ignored"] / 400 < 0.85


# Between costs


def test_between_two_costs_phi_is_interpolated_in_the_logarithm_and_held_beyond():
    delivery = table((0.2, 0.4, 0.6, 0.7, 1.0))
    for cost, phi in zip(COSTS, (0.2, 0.4, 0.6, 0.7, 1.0), strict=True):
        assert delivery.at(BOTH, cost) == pytest.approx(phi)
    halfway = exp((log(0.05) + log(0.02)) / 2)
    assert delivery.at(BOTH, halfway) == pytest.approx(0.5)
    assert delivery.at(BOTH, 3.0) == 0.2
    assert delivery.at(BOTH, 0.0) == 1.0
    assert delivery.at(("generate", "revise"), 0.05) == delivery.at(BOTH, 0.05)
    assert delivery.at(BOTH, {"revise": 0.03, "generate": 0.07}) == delivery.at(BOTH, 0.05)


def test_what_was_not_measured_is_counted_on_a_little_less_than_it_promises():
    assert table((0.2,) * 5).at(("revise",), 0.01) == UNMEASURED
    assert Delivery(40, 80, 2, 0.9, 0.5, ()).at(BOTH, 0.01) == UNMEASURED
    traces = recorded(questions=25, starts=3, revisions=0)
    few = Calibration.fit(traces, n_bootstrap=0)
    assert few.delivery is None
    assert Criterion(few).phi == UNMEASURED
    assert Criterion(few.rates).phi == Criterion(few, delivery=False).phi == 1


def test_it_is_so_too_where_there_is_no_verifier_or_no_key_and_where_rates_are_assumed():
    few = Criterion(Calibration.fit(recorded(questions=25, starts=3), n_bootstrap=0))
    assert few.without_verifier().phi == few.without_keys().phi == UNMEASURED
    assert few.replace(variant="training_free").phi == UNMEASURED
    free = Calibration.training_free()
    exact = Criterion(free, exact_verifier=True)
    assert Criterion(free).phi == exact.phi == exact.without_keys().phi == UNMEASURED
    assert Criterion(RATES, variant="training_free").phi == UNMEASURED
    assert Criterion(RATES).without_verifier().phi == 1
    assert Criterion(RATES, exact_verifier=False).replace(max_rounds=3).phi == 1


def test_a_table_goes_to_json_and_comes_back_with_the_calibration(tmp_path):
    delivery = table((0.2, 0.4, 0.6, 0.7, 1.0))
    assert json.loads(json.dumps(asdict(delivery)))["rows"][1]["phi"] == 0.4
    measured(delivery).save(tmp_path / "calibration.json")
    assert Calibration.load(tmp_path / "calibration.json").delivery == delivery


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ({"questions": 3}, r"missing delivery\.first"),
        ({"rows": [{"phi": 1.0}]}, r"missing delivery\.rows\[0\]\.actions"),
    ],
)
def test_a_broken_table_is_one_clear_error(tmp_path, broken, complaint):
    path = tmp_path / "calibration.json"
    measured(table((0.5,) * 5)).save(path)
    content = json.loads(path.read_text())
    content["delivery"] = broken if "rows" not in broken else content["delivery"] | broken
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=complaint):
        Calibration.load(path)


# In the criterion


@given(runs(), st.floats(0.001, 0.1), st.floats(0.05, 1), st.integers(1, 6))
def test_counting_on_a_part_is_deciding_at_a_higher_cost(attempts, cost, phi, left):
    assume(cost / phi < 0.5)  # a criterion takes no higher one
    most = len(attempts) + left
    part = Criterion(measured(table((phi,) * 5)), cost, most)
    assert part.phi == pytest.approx(phi)
    found, dearer = part.decide(attempts), Criterion(RATES, cost / phi, most).decide(attempts)
    for name in ("action", "best", "parent", "belief", "reason", "attempts"):
        assert found[name] == dearer[name]
    assert found["expected_gain"] == pytest.approx(phi * dearer["expected_gain"], abs=1e-12)
    assert found["cost"] == pytest.approx(phi * dearer["cost"], abs=1e-12)


@given(runs(), st.integers(1, 6))
def test_where_nothing_is_delivered_it_does_not_go_on(attempts, left):
    nothing = Criterion(measured(table((0.0,) * 5)), 0.001, len(attempts) + left)
    found = nothing.decide(attempts)
    assert found["action"] == "stop"
    nothing_to_read = all(each["key"] is None is each["score"] for each in attempts)
    assert found["reason"] == ("no_evidence" if nothing_to_read else "gain_below_cost")
    assert found["expected_gain"] == 0


def test_the_first_answer_is_always_drawn():
    assert Criterion(measured(table((0.0,) * 5)), 0.001).decide([])["action"] == "generate"


def test_delivery_is_counted_on_unless_that_is_not_wanted_or_the_rates_are_others():
    calibration = measured(table((0.5,) * 5))
    assert Criterion(calibration).phi == 0.5
    assert Criterion(calibration, variant="gate").phi == 0.5
    assert Criterion(calibration, delivery=False).phi == 1
    assert Criterion(calibration, variant="training_free").phi == UNMEASURED
    assert Criterion(calibration, actions=("revise",)).phi == UNMEASURED
    assert Criterion(RATES).phi == 1
    assert Criterion(RATES, delivery=calibration.delivery).phi == 0.5


def test_what_was_measured_stays_when_something_else_is_replaced():
    criterion = Criterion(measured(table((0.2, 0.4, 0.6, 0.8, 1.0))), 0.05)
    assert criterion.replace(cost_per_round=0.01).phi == pytest.approx(0.8)
    assert criterion.replace(calibration=RATES.without_verifier()).phi == pytest.approx(0.4)
    assert criterion.replace(calibration=measured(table((0.9,) * 5))).phi == 0.9
    assert criterion.replace(calibration=measured(None)).phi == 1
    assert criterion.replace(delivery=True).phi == pytest.approx(0.4)
    assert criterion.replace(delivery=False).phi == 1
    off = Criterion(measured(table((0.5,) * 5)), delivery=False)
    assert off.replace(calibration=measured(table((0.9,) * 5))).phi == 1


def test_costs_by_action_are_stretched_alike():
    calibration, costs = measured(table((0.5,) * 5)), {"revise": 0.01, "generate": 0.04}
    doubled = {action: 2 * cost for action, cost in costs.items()}
    attempts = [
        {"text": "", "key": "a", "score": 0.0, "action": "generate", "parent": None,
         "feedback": None, "tokens": None}
    ]  # fmt: skip
    found, dearer = Criterion(calibration, costs), Criterion(RATES, doubled)
    assert found.decide(attempts)["action"] == dearer.decide(attempts)["action"]
    assert fmean(costs.values()) == pytest.approx(0.025)
