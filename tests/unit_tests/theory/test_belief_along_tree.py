"""Belief where no answer has a key, against every way in which attempts can be right or wrong."""

import math
from dataclasses import replace

import numpy as np
import pytest
from by_enumeration import over_labels
from hypothesis import given, settings, strategies as st
from runs import graded_scores, rates, runs, scored_rates, two_valued_scores
from worlds import ACCEPT, REJECT, attempt

from langchain_markovscale import Belief, Rates
from langchain_markovscale.theory.posterior import KeyedPosterior

ONE = Rates((1.0,), (0.6,), (0.3,), (0.1,), (0.85,), (0.8,), verdict_correlation=0.0)


def check_against_labels(known, attempts, within=1e-9):
    found = Belief(known).posterior(attempts)
    joint, classes = over_labels(known, attempts)
    np.testing.assert_allclose(found.joint, joint, atol=within)
    np.testing.assert_allclose(found.classes, classes, atol=within)


@given(rates(), runs(keys=(None,)))
def test_posterior_is_the_sum_over_all_labels_of_the_tree(known, attempts):
    check_against_labels(known, attempts)
    found = Belief(known).posterior(attempts)
    assert found.latest == list(range(len(attempts)))
    assert not isinstance(found, KeyedPosterior)


@settings(max_examples=15, deadline=None)
@given(scored_rates(two_valued_scores), runs(keys=(None,), most=4))
def test_two_valued_scores_share_the_intercept_of_their_question(known, attempts):
    check_against_labels(known, attempts, within=1e-4)


@settings(max_examples=15, deadline=None)
@given(scored_rates(graded_scores), runs(keys=(None,), most=4))
def test_graded_scores_share_the_intercept_of_their_question(known, attempts):
    check_against_labels(known, attempts, within=1e-4)


@given(st.floats(0.05, 0.95), st.floats(0, 1), st.floats(0, 1), st.lists(st.booleans(), max_size=6))
def test_along_a_line_of_revisions_the_last_belief_is_the_filter_of_bayes(
    initial, repair, corruption, verdicts
):
    belief = initial
    run = [attempt(None)]
    for accepted in verdicts:
        belief = (1 - corruption) * belief + repair * (1 - belief)
        right, wrong = (0.85, 0.2) if accepted else (0.15, 0.8)
        belief = belief * right / (belief * right + (1 - belief) * wrong)
        run.append(attempt(None, ACCEPT if accepted else REJECT, len(run) - 1))
    known = replace(ONE, initial=initial, repair=repair, corruption=corruption)
    assert Belief(known).posterior(run).beliefs[-1] == pytest.approx(belief, abs=1e-9)


def test_a_later_verdict_speaks_for_the_attempts_before_it():
    alone = Belief(ONE).posterior([attempt(None)]).beliefs[0]
    run = [attempt(None), attempt(None, ACCEPT, 0)]
    assert Belief(ONE).posterior(run).beliefs[0] > alone
    # Fresh draws of one class say nothing about each other.
    apart = [attempt(None), attempt(None, ACCEPT)]
    assert Belief(ONE).posterior(apart).beliefs[0] == pytest.approx(alone)


def test_rejections_move_belief_to_the_hard_class():
    known = Rates((0.5, 0.5), (0.9, 0.1), (0.5, 0.1), (0.1, 0.1), (0.85,) * 2, (0.8,) * 2)
    easy = [Belief(known).posterior([attempt(None, REJECT)] * n).classes[0] for n in range(1, 5)]
    assert easy == sorted(easy, reverse=True)
    assert easy[0] < 0.5


def test_rates_of_nought_and_one_still_leave_a_posterior():
    never = replace(ONE, initial=0.0, repair=0.0, corruption=1.0, sensitivity=1.0, specificity=1.0)
    found = Belief(never).posterior([attempt(None, ACCEPT), attempt(None, ACCEPT, 0)])
    assert np.all(np.isfinite(found.joint))
    assert found.classes.sum() == pytest.approx(1)


@pytest.mark.parametrize("score", [math.nan, -0.1, 1.01])
def test_a_score_outside_its_range_is_refused_by_name(score):
    with pytest.raises(ValueError, match=r"attempts\[0\]\['score'\]"):
        Belief(ONE).posterior([attempt(None, score)])
