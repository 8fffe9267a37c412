"""The three variants of the paper: where the weights of the classes come from."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from runs import rates, runs
from worlds import ACCEPT, REJECT, World, attempt

from langchain_markovscale import Belief, Calibration, Criterion, Rates
from langchain_markovscale.theory.prior import PriorBelief
from langchain_markovscale.theory.rates import training_free_rates

KNOWN = World().rates()
VARIANTS = ["mixture", "gate", "map", "training_free"]
EASY, HARD = (0.98, 0.01, 0.01), (0.01, 0.01, 0.98)


@settings(max_examples=50)
@given(rates(most_classes=4), runs(), st.data(), st.sampled_from(["mixture", "gate", "map"]))
def test_weights_of_a_question_stand_in_for_those_of_the_rates(known, attempts, data, variant):
    shares = st.lists(st.floats(0.05, 1), min_size=known.n_classes, max_size=known.n_classes)
    weights = np.array(data.draw(shares))
    weights /= weights.sum()
    given_late = Criterion(known, 0.03, variant=variant).decide(attempts, weights.tolist())
    built_in = Criterion(replace(known, weights=weights), 0.03, variant=variant).decide(attempts)
    for name, value in built_in.items():
        if isinstance(value, float):
            assert given_late[name] == pytest.approx(value, abs=1e-9)
    found = Belief(known).posterior(attempts, weights.tolist())
    expected = Belief(replace(known, weights=weights)).posterior(attempts)
    np.testing.assert_allclose(found.joint, expected.joint, atol=1e-9)
    np.testing.assert_allclose(found.classes, expected.classes, atol=1e-9)


def test_the_first_decision_expects_what_fresh_draws_of_this_question_bring():
    rule = Criterion(KNOWN, variant="map")
    assert rule.decide([])["expected_gain"] == pytest.approx((0.9 + 0.6 + 0.25) / 3)
    assert rule.decide([], EASY)["expected_gain"] == pytest.approx(0.98 * 0.9 + 0.0085)


def test_pooled_draws_take_the_weights_of_one_draw():
    draws = [KNOWN, replace(KNOWN, repair=(0.5, 0.3, 0.1)), replace(KNOWN, initial=(0.8, 0.5, 0.3))]
    pooled = Rates.pooled(KNOWN, draws)
    run = [attempt("7", REJECT), attempt("8", ACCEPT, 0)]
    as_one = replace(pooled, weights=[weight / 3 for weight in EASY] * 3)
    np.testing.assert_allclose(
        Belief(pooled).posterior(run, EASY).joint, Belief(as_one).posterior(run).joint
    )
    forecasts = [draw.mixture.accuracy(4) for draw in draws]
    assert pooled.mixture.accuracy(4) == pytest.approx(sum(forecasts) / 3)


@pytest.mark.parametrize("score", [ACCEPT, REJECT, None])
def test_the_gate_stays_shut_whatever_the_first_answer_was_where_no_loop_pays(score):
    # Easy questions: nine in ten are right at once, and a round costs more than the tenth.
    gate = Criterion(KNOWN, 0.15, variant="gate")
    assert gate.decide([attempt("7", score)], EASY)["action"] == "stop"


def test_the_gate_once_open_leaves_the_rest_to_the_run():
    gate, plain = (Criterion(KNOWN, 0.02, variant=name) for name in ("gate", "mixture"))
    for run in ([attempt("7", REJECT)], [attempt("7", ACCEPT)], [attempt("7", ACCEPT)] * 5):
        assert gate.decide(run, HARD) == plain.decide(run, HARD)


def test_a_rejection_reopens_the_loop_where_only_the_prior_spoke_against_it():
    run = [attempt("7", REJECT)]
    assert Criterion(KNOWN, 0.15, variant="map").decide(run, EASY)["action"] != "stop"


def test_the_training_free_prior_has_63_chains_and_what_is_expected_of_the_rest():
    free = training_free_rates()
    chains = set(zip(free.initial, free.repair, free.corruption, strict=True))
    assert len(chains) == free.n_classes == 63
    assert np.dot(free.weights, free.initial) == pytest.approx(0.5)
    assert np.dot(free.weights, free.repair) == pytest.approx(0.012 + 0.042 + 0.075)
    assert np.dot(free.weights, free.corruption) == pytest.approx(0.49 / 3)
    assert free.settling == 0.5
    assert free.coincidence == pytest.approx((1 / 1.7 + 1 / 4 + 1 / 16) / 3)
    assert free.retention == (pytest.approx(0.6),) * 63
    shifts = {0: 0.4, 0.5: 0.35, 1.5: 0.25}
    accepted = [
        weight / 5 / (1 + np.exp(-z - shift))
        for z in (-4, -1.5, 0, 1.5, 4)
        for shift, weight in shifts.items()
    ]
    assert free.sensitivity == (pytest.approx(sum(accepted)),) * 63
    assert free.specificity == pytest.approx(free.sensitivity)


@pytest.mark.parametrize("variant", ["mixture", "training_free"])
def test_only_the_untouched_prior_decides_by_its_factors(tmp_path, variant):
    free = Calibration.training_free()
    free.save(tmp_path / "free.json")
    same = (
        free,
        free.rates,
        Calibration.load(tmp_path / "free.json"),
        pickle.loads(pickle.dumps(free)),
        replace(free.rates),
    )
    for calibration in same:
        for choices in (None, 4):
            criterion = Criterion(calibration, choices=choices, variant=variant)
            again = pickle.loads(pickle.dumps(criterion)).replace(max_rounds=3)
            for each in (criterion, again):
                assert isinstance(each.belief, PriorBelief)
                assert each.rates == free.rates
                assert each.belief.choices == choices
    touched = replace(free.rates, retention=0.5), replace(free.rates, accept_threshold=0.6)
    for changed in touched:
        assert isinstance(Criterion(changed).belief, Belief)
    exact = Criterion(free, exact_verifier=True)
    assert isinstance(exact.belief, Belief)
    assert exact.decide([attempt("a", 1.0)])["belief"] == 1


def test_the_prior_counts_on_less_than_it_promises():
    run = [attempt("a", 0.2), attempt("b", 0.3)]
    careful, trusting = (
        Criterion(Calibration.training_free(), delivery=delivery) for delivery in (True, False)
    )
    assert 0 < careful.phi < 1 == trusting.phi
    gain = careful.decide(run)["expected_gain"]
    assert 0 < gain < trusting.decide(run)["expected_gain"]


def test_training_free_believes_only_what_was_measured_of_the_verifier():
    measured = replace(
        KNOWN, sensitivity=0.95, specificity=0.6, coincidence=0.1, plausible_wrong=None
    )
    found = Criterion(measured, variant="training_free").rates
    grid = training_free_rates()
    assert (found.weights, found.initial, found.repair, found.corruption) == (
        grid.weights,
        grid.initial,
        grid.repair,
        grid.corruption,
    )
    assert found.sensitivity == pytest.approx((0.95,) * 63)
    assert found.specificity == pytest.approx((0.6,) * 63)
    assert (found.coincidence, found.verdict_correlation) == (0.1, 0.0)


def test_an_unknown_variant_is_refused_by_name():
    with pytest.raises(ValueError, match="variant"):
        Criterion(KNOWN, variant="magic")


@pytest.mark.parametrize(
    "weights", [(0.5, 0.5), (0.5, 0.5, 0.5), (1.0, 0.5, -0.5), (), 4 * (0.25,)]
)
def test_weights_that_do_not_fit_are_refused_by_name(weights):
    for run in ([], [attempt("7")], [attempt(None)]):
        with pytest.raises(ValueError, match="weights"):
            Criterion(KNOWN, variant="map").decide(run, weights)
