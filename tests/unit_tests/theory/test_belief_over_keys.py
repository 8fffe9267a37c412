"""Belief where answers have keys, against every hypothesis written out."""

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from by_enumeration import over_candidates, over_keys
from hypothesis import assume, given, settings, strategies as st
from runs import graded_scores, rates, runs, scored_rates, two_valued_scores, unlimited
from worlds import ACCEPT, REJECT, RIGHT, Question, World, attempt

from langchain_markovscale import Belief, Rates
from langchain_markovscale.theory.posterior import KeyedPosterior
from langchain_markovscale.theory.prior import PriorBelief

ONE = Rates(
    weights=(1.0,),
    initial=(0.6,),
    repair=(0.3,),
    corruption=(0.1,),
    sensitivity=(0.85,),
    specificity=(0.8,),
    coincidence=1 / 3,
    plausible_wrong=3,
    retention=0.4,
    verdict_correlation=0.0,
)
SEVEN = Rates(
    weights=[1 / 7] * 7,
    initial=(0.03, 0.12, 0.3, 0.5, 0.7, 0.88, 0.97),
    repair=0.15,
    corruption=0.1,
    sensitivity=0.8,
    specificity=0.7,
    coincidence=0.25,
    verdict_correlation=0.0,
)


def check_against_enumeration(known, attempts, choices=None, within=1e-9):
    found = Belief(known, choices).posterior(attempts)
    expected, keys = over_keys(known, attempts, choices)
    np.testing.assert_allclose(found.joint, [expected[key] for key in keys], atol=within)
    np.testing.assert_allclose(found.classes, np.sum(list(expected.values()), axis=0), atol=within)
    np.testing.assert_allclose(found.beliefs, [sum(expected[key]) for key in keys], atol=within)
    last = {one["key"]: i for i, one in enumerate(attempts) if one["key"] is not None}
    assert [attempts[i]["key"] for i in found.latest] == keys
    assert found.latest == [last[key] for key in keys]
    assert isinstance(found, KeyedPosterior)


@given(rates(coincidences=(0.5, 1 / 3, 0.37, 0.05)), runs())
def test_posterior_is_the_product_over_hypotheses(known, attempts):
    assume(any(one["key"] for one in attempts))
    check_against_enumeration(known, attempts)


@settings(max_examples=50)
@given(rates(coincidences=(1.0,)), runs(keys=("a", "b", None)))
def test_posterior_where_there_is_one_wrong_answer(known, attempts):
    assume(any(one["key"] for one in attempts))
    check_against_enumeration(known, attempts)


@settings(max_examples=50)
@given(rates(), runs(keys=("a", "b", "c", "d", None)), st.integers(4, 9))
def test_posterior_over_a_closed_list_counts_exactly_the_answers_left(known, attempts, choices):
    assume(any(one["key"] for one in attempts))
    check_against_enumeration(known, attempts, choices)


@settings(max_examples=50)
@given(rates(coincidences=(0.5,)), runs(keys=("a", "b", "c", "d", "e"), most=8))
def test_posterior_where_more_answers_were_seen_than_thought_possible(known, attempts):
    check_against_enumeration(known, attempts)


@settings(max_examples=25, deadline=None)
@given(scored_rates(graded_scores, coincidences=(0.25,)), runs())
def test_graded_scores_share_an_intercept_that_is_summed_out_exactly(known, attempts):
    assume(any(one["key"] for one in attempts))
    check_against_enumeration(known, attempts)


@settings(max_examples=25, deadline=None)
@given(scored_rates(two_valued_scores, coincidences=(0.25,)), runs())
def test_two_valued_scores_share_an_intercept_that_is_summed_over_nodes(known, attempts):
    assume(any(one["key"] for one in attempts))
    check_against_enumeration(known, attempts, within=1e-4)


@settings(max_examples=50)
@given(rates(), runs(), st.sampled_from([None, 4, 6]))
def test_chances_are_chances_and_classes_sum_to_one(known, attempts, choices):
    found = Belief(known, choices).posterior(attempts)
    assert np.all(found.joint >= 0)
    assert found.classes.sum() == pytest.approx(1)
    assert np.all(found.joint.sum(axis=0) <= found.classes + 1e-12) or not isinstance(
        found, KeyedPosterior
    )
    assert np.all(found.beliefs <= 1 + 1e-12)


@settings(max_examples=50)
@given(st.data(), st.integers(2, 5))
def test_posterior_is_that_of_a_right_answer_drawn_evenly_from_all_candidates(data, wrong):
    known = replace(
        data.draw(rates(coincidences=(1 / wrong,), plausible=unlimited)),
        plausible_wrong=wrong,
        settling=1.0,
        verdict_correlation=0.0,
        specificity=0.7,
        score_cuts=(),
        score_log_ratios=(),
    )
    keys = [str(i) for i in range(wrong + 1)]
    # An estimate of how many there are leaves room for one more; a closed list does not.
    attempts = data.draw(runs(keys=keys, most=7))
    seen = len({one["key"] for one in attempts})
    expected = over_candidates(known, attempts, wrong)
    for choices in (wrong + 1, *([None] if seen <= wrong else [])):
        found = Belief(known, choices).posterior(attempts)
        for belief, index in zip(found.beliefs, found.latest, strict=True):
            assert belief == pytest.approx(expected[int(attempts[index]["key"])], abs=1e-9)


def test_answers_not_yet_seen_keep_a_rejected_first_answer_from_being_believed():
    # A rejection halves the odds, and three wrong answers are plausible. By hand:
    # .569·.5 against .431 is .398; with "none of them" counted once it would be .664.
    known = replace(ONE, initial=0.569, sensitivity=0.6, specificity=0.8)
    (belief,) = Belief(known).posterior([attempt("7", REJECT)]).beliefs
    assert belief == pytest.approx(0.40, abs=0.005)
    assert pytest.approx(0.66, abs=0.005) == 0.569 * 0.5 / (0.569 * 0.5 + 0.431 / 3)


def test_a_wrong_answer_that_keeps_coming_back_is_not_believed_for_it():
    # A question has its own tempting wrong answers: what is rejected each time it comes is one.
    even = replace(SEVEN, plausible_wrong=4)
    tempting, alike = (
        [Belief(known).posterior([attempt("7", REJECT)] * n).beliefs[0] for n in (1, 6, 9)]
        for known in (SEVEN, even)
    )
    assert tempting[0] == alike[0]
    assert tempting[2] < tempting[1] < 0.05
    assert alike[2] > 0.4  # as if no answer were likelier than another


@pytest.mark.parametrize("votes", [(2, 1), (3, 2), (5, 3), (5, 4, 1)])
def test_the_plurality_of_draws_is_the_answer_believed_most(votes):
    run = [attempt(key) for key, many in zip("abc", votes, strict=False) for _ in range(many)]
    beliefs = Belief(SEVEN).posterior(run).beliefs
    assert beliefs.argmax() == 0
    assert np.all(np.diff(beliefs) < 0)


@given(rates(coincidences=(0.5, 0.25, 0.05)), runs(keys=("a", "b", None), most=5), st.floats(0, 1))
def test_a_higher_score_never_lowers_the_belief_in_its_answer(known, attempts, score):
    # What better scores say of a class may point the other way, so of one class.
    known = replace(known, **of_one_class(known))
    index = next((i for i, one in enumerate(attempts) if one["key"] == "a"), None)
    assume(index is not None)
    beliefs = []
    for each in sorted({score, 0.5, 1.0}):
        scored = [*attempts]
        scored[index] = {**attempts[index], "score": each}
        posterior = Belief(known).posterior(scored)
        beliefs.append(posterior.beliefs[scored_key(posterior, scored, "a")])
    assert np.all(np.diff(beliefs) >= -1e-12)


def of_one_class(known):
    """The first class alone, with a verifier that is better than chance."""
    s, u = sorted((known.sensitivity[0], 1 - known.specificity[0]))[::-1]
    by_class = ("initial", "repair", "corruption", "retention")
    return {
        **{name: getattr(known, name)[0] for name in by_class},
        "weights": (1.0,),
        "sensitivity": s,
        "specificity": 1 - u,
    }


def scored_key(posterior, attempts, key):
    return [attempts[index]["key"] for index in posterior.latest].index(key)


def test_a_closed_list_all_of_which_was_seen_leaves_nothing_else_to_be_right():
    found = Belief(ONE, choices=3).posterior([attempt(key) for key in "abc"])
    assert found.beliefs.sum() == pytest.approx(1)
    assert found.beliefs == pytest.approx([1 / 3] * 3)


def test_with_two_choices_doubt_in_one_is_belief_in_the_other():
    found = Belief(ONE, choices=2).posterior([attempt("yes", REJECT), attempt("no")])
    odds = 0.15 / 0.8  # the draws cancel, the rejection stays
    assert found.beliefs == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])


def test_agreement_raises_belief_and_rare_coincidence_raises_it_more():
    alone = Belief(ONE).posterior([attempt("7")]).beliefs[0]
    twice = Belief(ONE).posterior([attempt("7"), attempt("7")]).beliefs[0]
    rare = Belief(replace(ONE, coincidence=0.01, plausible_wrong=100))
    assert alone < twice < rare.posterior([attempt("7"), attempt("7")]).beliefs[0]


def test_an_answer_that_survives_gains_and_one_that_was_abandoned_loses():
    before = Belief(ONE).posterior([attempt("7")]).beliefs[0]
    survived = Belief(ONE).posterior([attempt("7"), attempt("7", parent=0)]).beliefs[0]
    abandoned = Belief(ONE).posterior([attempt("7"), attempt("8", parent=0)]).beliefs[0]
    assert abandoned < before < survived


def test_a_missing_score_leaves_the_belief_alone_and_is_not_counted():
    known = replace(ONE, verdict_correlation=0.5)
    assert Belief(known).posterior([attempt("7")]).beliefs[0] == pytest.approx(0.6)
    scored = Belief(known).posterior([attempt("7", ACCEPT), attempt("7"), attempt("7")]).beliefs[0]
    silent = Belief(known).posterior([attempt("7")] * 3).beliefs[0]
    assert scored / (1 - scored) == pytest.approx(silent / (1 - silent) * 0.85 / 0.2)


@pytest.mark.parametrize(("correlation", "as_good_as"), [(0.0, 3.0), (1.0, 1.0), (0.5, 1.5)])
def test_repeated_verdicts_on_one_answer_count_by_their_correlation(correlation, as_good_as):
    known = replace(
        ONE, repair=0.5, corruption=0.5, retention=1 / 3, verdict_correlation=correlation
    )
    runs_of = [[attempt("7", score) for score in (s, s, s)] for s in (None, ACCEPT)]
    odds = []
    for run in runs_of:
        (belief,) = Belief(known).posterior(run).beliefs
        odds.append(belief / (1 - belief))
    assert math.log(odds[1] / odds[0]) == pytest.approx(as_good_as * math.log(0.85 / 0.2))


def test_scores_step_at_the_cuts():
    known = replace(ONE, score_cuts=(0.4, 0.9), score_log_ratios=(-1.0, 0.0, 2.0))
    (prior,) = Belief(known).posterior([attempt("7")]).beliefs
    for score, log_ratio in [(0.39, -1), (0.4, 0), (0.89, 0), (0.9, 2), (1.0, 2)]:
        (belief,) = Belief(known).posterior([attempt("7", score)]).beliefs
        assert math.log(belief / (1 - belief) * (1 - prior) / prior) == pytest.approx(log_ratio)


def test_attempts_that_contradict_the_rates_still_leave_a_posterior():
    never = replace(ONE, initial=0.0, repair=0.0, corruption=0.0, sensitivity=1.0, specificity=1.0)
    run = [attempt("a", ACCEPT), attempt("b", REJECT, 0), attempt("a", REJECT), attempt("c")]
    for choices in (None, 2, 3):
        found = Belief(never, choices).posterior(run)
        assert np.all(np.isfinite(found.joint))
        assert found.classes.sum() == pytest.approx(1)


def test_a_long_run_neither_overflows_nor_vanishes():
    run = [
        attempt(str(i % 3), ACCEPT if i % 3 == 0 else REJECT, i - 1 if i % 2 else None)
        for i in range(400)
    ]
    assert Belief(ONE).posterior(run).beliefs[0] == pytest.approx(1)


def test_one_belief_serves_runs_of_any_depth_in_any_order():
    settling = Belief(replace(ONE, settling=0.6))
    deep = [attempt("a"), attempt("b", parent=0), attempt("a", parent=1), attempt("c", parent=2)]
    first = settling.posterior(deep[:2]).joint
    settling.posterior(deep)
    np.testing.assert_array_equal(settling.posterior(deep[:2]).joint, first)
    check_against_enumeration(settling.rates, deep)


@pytest.mark.parametrize("stickiness", [0.0, 1.0])
def test_beliefs_are_right_as_often_as_they_say(stickiness):
    world = World(stickiness=stickiness)
    belief, random = Belief(world.rates()), Random(7)
    said, right = [], []
    for number in range(12_000):
        question = Question(world, world.bands[number % 3], random)
        run = []
        for index in range(random.randint(1, 6)):
            parent = random.randrange(index) if index and random.random() < 0.5 else None
            key = question.draw() if parent is None else question.revise(run[parent]["key"])
            run.append(attempt(key, ACCEPT if question.accepts(key) else REJECT, parent))
        found = belief.posterior(run)
        best = int(found.beliefs.argmax())
        said.append(found.beliefs[best])
        right.append(run[found.latest[best]]["key"] == RIGHT)
    said, right = np.array(said), np.array(right)
    for low in np.arange(0.2, 1.0, 0.1):
        inside = (said >= low) & (said < low + 0.1)
        n, error = inside.sum(), math.sqrt((said[inside] * (1 - said[inside])).sum())
        assert n > 100
        assert abs(right[inside].sum() - said[inside].sum()) < 4 * error


@pytest.mark.parametrize("score", [math.nan, -0.1, 1.01])
@pytest.mark.parametrize("key", ["7", None])
def test_a_score_outside_its_range_is_refused_by_name(score, key):
    with pytest.raises(ValueError, match=r"attempts\[1\]\['score'\]"):
        Belief(ONE).posterior([attempt("7"), attempt(key, score)])


@pytest.mark.parametrize("parent", [1, 5, -1])
def test_a_parent_that_is_no_earlier_attempt_is_refused_by_name(parent):
    with pytest.raises(ValueError, match=r"attempts\[1\]\['parent'\]"):
        Belief(ONE).posterior([attempt("7"), attempt("7", None, parent)])


def test_no_attempts_are_refused():
    with pytest.raises(ValueError, match="attempts"):
        Belief(ONE).posterior([])


@pytest.mark.parametrize("choices", [1, 0, -3, 2.5, True])
def test_choices_that_leave_no_choice_are_refused(choices):
    with pytest.raises(ValueError, match="choices"):
        Belief(ONE, choices)


@settings(max_examples=20, deadline=None)
@given(rates(most_classes=2), st.lists(runs(most=5), min_size=2, max_size=5), st.booleans())
def test_runs_seen_before_change_no_belief(known, seen, prior):
    def make():
        return PriorBelief() if prior else Belief(known)

    weights = [1 / make().rates.n_classes] * make().rates.n_classes
    shared = make()
    for run in [*seen, *(list(reversed(run)) for run in seen if is_fresh(run)), *seen]:
        for of_question in (None, weights):
            expected = make().posterior(run, of_question).beliefs
            assert shared.posterior(run, of_question).beliefs == pytest.approx(expected, abs=1e-12)


def is_fresh(run):
    return all(one["parent"] is None for one in run)
