"""The variants decide differently, each where it should."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from pools import recorded
from worlds import ACCEPT, REJECT, Band, World, attempt, by_criterion, play

from langchain_markovscale import Calibration, ClassPredictor, Criterion, Rates
from langchain_markovscale.theory.rates import rates_for, training_free_rates

# A fresh draw is right nine times in ten, and the verifier knows better.
SURE = Rates((1.0,), (0.9,), (0.05,), (0.05,), 0.9, 0.9, verdict_correlation=0.0)
# Half of the questions are easy; a hard one gains by every draw.
EASY_OR_HARD = Rates(
    (0.5, 0.5), (0.98, 0.4), (0.05, 0.3), (0.02, 0.1), 0.8, 0.8, verdict_correlation=0.0
)
EASY, HARD = (1.0, 0.0), (0.0, 1.0)

HISTORIES = (
    [],
    [attempt("a", ACCEPT)],
    [attempt("a", REJECT)],
    [attempt("a", REJECT), attempt("b", REJECT, parent=0)],
    [attempt("a", REJECT), attempt("b", ACCEPT)],
    [attempt(None, REJECT), attempt(None, REJECT, parent=0)],
)


# Gate: decided before the run, by the question alone.


def test_gate_stays_shut_where_only_a_rejection_would_make_another_round_pay():
    rejected = [attempt("a", REJECT)]
    mixture = Criterion(SURE, 0.12).decide(rejected)
    gate = Criterion(SURE, 0.12, variant="gate").decide(rejected)
    assert (mixture["action"], mixture["reason"]) == ("generate", "gain_exceeds_cost")
    assert (gate["action"], gate["reason"]) == ("stop", "gain_below_cost")
    assert gate["expected_gain"] < gate["cost"]
    assert (gate["best"], gate["belief"]) == (mixture["best"], mixture["belief"])


@pytest.mark.parametrize("attempts", HISTORIES)
def test_open_gate_decides_as_the_mixture(attempts):
    mixture = Criterion(EASY_OR_HARD, 0.01)
    gate = Criterion(EASY_OR_HARD, 0.01, variant="gate")
    assert gate.decide(attempts) == mixture.decide(attempts)


def test_gate_opens_by_the_weights_of_the_question():
    gate = Criterion(EASY_OR_HARD, 0.05, variant="gate")
    rejected = [attempt("a", REJECT)]
    assert gate.decide(rejected, EASY)["action"] == "stop"
    assert gate.decide(rejected, HARD)["action"] == "generate"


# MAP: weights of this question, then updated by the run.


def test_map_continues_where_the_question_is_hard_and_stops_where_it_is_easy():
    criterion = Criterion(EASY_OR_HARD, 0.05, variant="map")
    accepted = [attempt("a", ACCEPT)]
    easy, hard = (criterion.decide(accepted, weights) for weights in (EASY, HARD))
    assert (easy["action"], hard["action"]) == ("stop", "revise")
    assert easy["belief"] > Criterion(EASY_OR_HARD, 0.05).decide(accepted)["belief"]
    assert hard["belief"] < Criterion(EASY_OR_HARD, 0.05).decide(accepted)["belief"]


@pytest.mark.parametrize("attempts", HISTORIES)
def test_map_with_the_usual_weights_is_the_mixture(attempts):
    usual = Criterion(EASY_OR_HARD, 0.03, variant="map").decide(attempts, EASY_OR_HARD.weights)
    assert usual == pytest.approx(Criterion(EASY_OR_HARD, 0.03).decide(attempts))


def test_run_updates_the_weights_that_map_began_with():
    belief = Criterion(EASY_OR_HARD, variant="map").belief
    mostly_easy, run = (0.9, 0.1), [attempt(key, REJECT) for key in "abcd"]
    shares = [belief.posterior(run[:n], mostly_easy).classes[1] for n in range(1, 5)]
    assert np.all(np.diff([0.1, *shares]) > 0)
    assert shares[-1] > 0.9


def test_weights_of_one_draw_reach_the_classes_of_all_pooled_draws():
    other = Rates((0.4, 0.6), (0.9, 0.2), (0.1, 0.2), (0.1, 0.1), 0.8, 0.8, verdict_correlation=0.0)
    calibration = Calibration(EASY_OR_HARD, "two draws", draws=(EASY_OR_HARD, other))
    run = [attempt("a", REJECT)]
    pooled = Criterion(calibration, variant="map").belief.posterior(run, HARD)
    alone = [
        Criterion(each, variant="map").belief.posterior(run, HARD) for each in calibration.draws
    ]
    assert pooled.classes[[0, 2]] == pytest.approx([0, 0])
    # Each draw counts by how well it explains the run; here both explain it about as well.
    share = pooled.classes[1]
    mean = share * alone[0].beliefs[0] + (1 - share) * alone[1].beliefs[0]
    assert pooled.beliefs[0] == pytest.approx(mean)


def test_weights_of_another_number_of_classes_are_refused():
    with pytest.raises(ValueError, match="was the predictor trained for this calibration"):
        Criterion(EASY_OR_HARD, variant="map").decide([attempt("a")], (0.2, 0.3, 0.5))


# Training-free: the grid's chains, the measured verifier.


def test_training_free_does_not_read_the_chains_that_were_fitted():
    harmless = Rates((1.0,), (0.5,), (0.6,), (0.01,), 0.8, 0.8)
    harmful = Rates((1.0,), (0.5,), (0.01,), (0.6,), 0.8, 0.8)
    rejected = [attempt("a", REJECT)]

    def action(rates, variant):
        criterion = Criterion(rates, 0.02, actions=("revise",), variant=variant)
        return criterion.decide(rejected)["action"]

    assert action(harmless, "mixture") == "revise"
    assert action(harmful, "mixture") == "stop"
    assert action(harmless, "training_free") == action(harmful, "training_free") == "revise"


def test_training_free_believes_what_was_measured_of_the_verifier():
    rejected = [attempt("a", REJECT)]
    sharp, blunt = (
        Criterion(
            Rates((0.5, 0.5), (0.9, 0.3), 0.3, 0.1, (quality, quality), quality, coincidence=0.1),
            variant="training_free",
        )
        for quality in (0.95, 0.55)
    )
    assert sharp.decide(rejected)["belief"] < blunt.decide(rejected)["belief"] - 0.1
    assert sharp.rates.coincidence == 0.1


def test_training_free_starts_from_the_grid():
    rates = rates_for("training_free", EASY_OR_HARD)
    free = training_free_rates()
    for name in ("weights", "initial", "repair", "corruption", "settling"):
        assert getattr(rates, name) == getattr(free, name)


@pytest.mark.parametrize("variant", ["mixture", "gate", "map", "training_free"])
def test_without_a_verifier_every_variant_hears_no_scores(variant):
    rates = rates_for(variant, EASY_OR_HARD).without_verifier()
    criterion = Criterion(rates, variant=variant)
    assert set(criterion.rates.sensitivity) == {1.0}
    assert set(criterion.rates.specificity) == {0.0}


def test_unknown_variant_is_refused():
    with pytest.raises(ValueError, match=r"'mixture', 'gate', 'map', 'training_free', got 'MAP'"):
        Criterion(SURE, variant="MAP")


# What a predictor buys, where the question reveals its class.

# Easy ones that a revision spoils, middling ones that it mends, and hopeless ones.
REVEALED = World((Band(0.9, 0.05, 0.3), Band(0.3, 0.4, 0.05), Band(0.05, 0.02, 0.3)))


def by_predicted_classes(criterion, weights):
    """As `by_criterion`, told the weights of the question's band."""

    @cache
    def decide(band, run):
        return criterion.decide([attempt(*each) for each in run], weights[band])

    def rule(question):
        band = question.world.bands.index(question.band)
        told = SimpleNamespace(decide=lambda attempts: decide(band, tuple(map(seen, attempts))))
        return by_criterion(told)(question)

    return rule


def seen(attempt):
    return attempt["key"], attempt["score"], attempt["parent"]


@pytest.fixture(scope="module")
def learned():
    """A calibration, and what its predictor says of the three bands."""
    traces = recorded(REVEALED, 300, starts=2)
    calibration = Calibration.fit(
        traces, n_classes=3, n_bootstrap=16, settling=False, delivery=False
    )
    predictor = ClassPredictor.fit(traces, calibration)
    return calibration, predictor.weights_of([""] * 3, ["0", "1", "2"])


# Nor at .06: so much does a draw bring where hardly any is right, as far as 300 questions show.
def test_map_answers_more_questions_with_fewer_calls_at_the_same_cost(learned):
    cost = 0.03
    calibration, weights = learned
    mixture = play(by_criterion(Criterion(calibration, cost)), REVEALED, 4000, seed=1)
    told = by_predicted_classes(Criterion(calibration, cost, variant="map"), weights)
    mapped = play(told, REVEALED, 4000, seed=1)
    assert mapped.calls < mixture.calls
    gain = mapped.accuracy - mixture.accuracy
    assert gain > 2 * np.hypot(mapped.accuracy_error, mixture.accuracy_error)
