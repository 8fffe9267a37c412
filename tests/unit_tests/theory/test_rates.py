"""Rates refuse what cannot be, and are plain values that compare and hash."""

import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from langchain_markovscale import Belief, Calibration, Criterion, Rates, TwoStateChain

TWO = {
    "weights": (0.5, 0.5),
    "initial": (0.8, 0.3),
    "repair": (0.5, 0.1),
    "corruption": (0.05, 0.15),
    "sensitivity": (0.85, 0.85),
    "specificity": (0.8, 0.8),
}


def test_one_number_serves_all_classes():
    rates = Rates(**{**TWO, "sensitivity": 0.85, "specificity": np.float64(0.8)})
    assert rates == Rates(**TWO)
    assert hash(rates) == hash(Rates(**TWO))


def test_values_are_plain_whatever_they_came_as():
    rates = Rates(**{name: np.array(values) for name, values in TWO.items()})
    for name, value in asdict(rates).items():
        for each in value if isinstance(value, tuple) else (value,):
            assert type(each) in (float, bool, type(None)), name


def test_weights_that_sum_to_one_but_for_rounding_are_taken():
    assert sum(Rates(**{**TWO, "weights": (0.3333333, 0.6666666)}).weights) == pytest.approx(1)


def test_the_mixture_forecasts_blind_rounds():
    rates = Rates(**TWO)
    paths = [TwoStateChain(0.5, 0.05).accuracy(0.8, 3), TwoStateChain(0.1, 0.15).accuracy(0.3, 3)]
    assert rates.mixture.accuracy(3) == pytest.approx(sum(paths) / 2)


def test_without_a_verifier_every_answer_is_accepted_and_says_nothing():
    rates = Rates(**TWO, score_cuts=(0.5,), score_log_ratios=(-1.0, 1.0)).without_verifier()
    assert rates.sensitivity == (1.0, 1.0)
    assert rates.specificity == (0.0, 0.0)
    run = [{"key": "7", "score": 1.0, "parent": None}]
    silent = [{"key": "7", "score": None, "parent": None}]
    np.testing.assert_allclose(
        Belief(rates).posterior(run).joint, Belief(rates).posterior(silent).joint
    )


def test_a_closed_list_of_choices_sets_how_wrong_answers_coincide():
    assert Rates(**TWO).among(None) == Rates(**TWO)
    assert Rates(**TWO).among(5).coincidence == pytest.approx(1 / 4)
    assert Rates(**TWO).among(5).plausible_wrong == 4
    assert Rates(**TWO).among(3).coincidence == pytest.approx(1 / 2)  # as often as they can
    assert Rates(**TWO, coincidence=0.6).among(5).coincidence == 0.6  # some tempt more than others
    assert Rates(**TWO).among(2).coincidence == 1


@pytest.mark.parametrize("many", [1, 2, 3, 6, 7, 13, 19, 3.0, np.int64(3)])
def test_a_rounded_coincidence_is_that_of_equally_likely_answers(many):
    # As rounded up: then some answers are hardly likelier than others, and M stays as it is.
    for digits in (4, 6, 12):
        given = Rates(**TWO, coincidence=round(1 / float(many), digits), plausible_wrong=many)
        assert given.plausible_wrong == many
        assert given.coincidence == pytest.approx(1 / float(many), rel=1e-3)
        assert given.coincidence >= 1 / float(many)
    assert Rates(**TWO, coincidence=0.9999, plausible_wrong=1).retention == (1.0, 1.0)


def test_too_few_wrong_answers_are_refused_with_what_to_give_instead():
    with pytest.raises(ValueError, match=r"1/coincidence = 5, got 3: .* coincidence=0\.3333"):
        Rates(**TWO, coincidence=0.2, plausible_wrong=3)
    assert Rates(**TWO, coincidence=0.3333, plausible_wrong=3).urn.law.step == 0  # as it said
    with pytest.raises(ValueError, match=r"plausible_wrong must be one finite .* got 0\.5"):
        Rates(**TWO, plausible_wrong=0.5)


@pytest.mark.parametrize(
    ("many", "kappa"), [(None, 0.25), (1, 1), (2, 1 / 2), (3, 1 / 3), (4, 1 / 4), (9, 1 / 4)]
)
def test_where_only_the_number_of_wrong_answers_is_given_they_coincide_as_on_closed_lists(
    many, kappa
):
    given = Calibration.from_rates(initial=0.5, repair=0.2, corruption=0.1, plausible_wrong=many)
    rates = given.rates
    assert (rates.coincidence, rates.plausible_wrong) == (kappa, many)
    assert rates.retention == (kappa,)
    if many is not None:
        listed = Rates(1.0, 0.5, 0.2, 0.1, 0.5, 0.5).among(many + 1)
        assert (listed.coincidence, listed.plausible_wrong) == (kappa, many)


def test_where_there_is_one_wrong_answer_it_is_always_kept():
    assert Rates(**TWO, coincidence=1.0, retention=0.2).retention == (1.0, 1.0)
    assert Rates(**TWO, retention=0.2).among(2).retention == (1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("weights", (0.5, 0.6)),
        ("weights", (1.2, -0.2)),
        ("weights", ()),
        ("initial", (0.5, 1.1)),
        ("initial", (0.5, 0.5, 0.5)),
        ("repair", (0.5, math.nan)),
        ("corruption", (0.5, -0.1)),
        ("sensitivity", "good"),
        ("specificity", None),
        ("accept_threshold", 1.5),
        ("accept_threshold", (0.5, 0.5)),
        ("settling", 0.0),
        ("settling", 1.01),
        ("coincidence", 0.0),
        ("coincidence", 1.2),
        ("plausible_wrong", 3.9),
        ("plausible_wrong", math.inf),
        ("plausible_wrong", (4, 5)),
        ("plausible_wrong", "many"),
        ("retention", -0.1),
        ("retention", (0.5, 1.5)),
        ("verdict_correlation", 1.5),
        ("verdict_correlation", math.nan),
    ],
)
def test_what_leaves_its_range_is_refused_by_name(name, bad):
    with pytest.raises(ValueError, match=name):
        Rates(**{**TWO, name: bad})


@pytest.mark.parametrize(
    ("name", "cuts", "ratios"),
    [
        ("score_cuts", (0.7, 0.3), (-1.0, 0.0, 1.0)),
        ("score_cuts", (0.3, 0.3), (-1.0, 0.0, 1.0)),
        ("score_cuts", (0.3, 1.3), (-1.0, 0.0, 1.0)),
        ("score_log_ratios", (0.3, 0.7), (-1.0, 1.0)),
        ("score_log_ratios", (0.3, 0.7), (1.0, 0.0, 2.0)),
        ("score_log_ratios", (0.3,), ()),
        ("score_log_ratios", (), (1.0, 2.0)),
        ("score_log_ratios", (0.5,), (-1.0, math.nan)),
        ("score_log_ratios", (0.5,), (-math.inf, 1.0)),
    ],
)
def test_steps_of_the_likelihood_ratio_that_make_no_sense_are_refused_by_name(name, cuts, ratios):
    with pytest.raises(ValueError, match=name):
        Rates(**TWO, score_cuts=cuts, score_log_ratios=ratios)


def test_replacing_a_value_checks_it_again():
    with pytest.raises(ValueError, match="repair"):
        replace(Rates(**TWO), repair=(0.5, 2.0))


@pytest.mark.parametrize("truth", [True, False, [0.5, True], [[0.5], [False]], np.True_])
def test_true_and_false_are_no_numbers(truth):
    with pytest.raises(ValueError, match=r"^initial must be a number or an array of numbers, got"):
        TwoStateChain(0.5, 0.1).accuracy(truth, 3)


@pytest.mark.parametrize("huge", [10**400, -(10**5_000)], ids=["huge", "hugely negative"])
def test_a_number_that_no_float_can_hold_is_refused_by_name(huge):
    with pytest.raises(ValueError, match="initial must be a number that a float can hold"):
        Rates(1.0, huge, 0.1, 0.1, 0.5, 0.5)
    with pytest.raises(ValueError, match="cost_per_round"):
        Criterion(Rates(1.0, 0.5, 0.1, 0.1, 0.5, 0.5), huge)
