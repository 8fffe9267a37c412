"""Simulated questions against closed forms, and against the chances that they are drawn by."""

from bisect import bisect_right
from dataclasses import replace
from math import sqrt

import pytest
from worlds import World, by_criterion, play

from langchain_markovscale import Calibration, Criterion, Rates
from langchain_markovscale.calibration.simulate import (
    graded_law,
    simulate,
    simulate_each,
    verdict_law,
)

QUESTIONS = 2000
MIXTURE = Rates(
    weights=(0.3, 0.7),
    initial=(0.9, 0.2),
    repair=(0.5, 0.2),
    corruption=(0.1, 0.3),
    sensitivity=0.85,
    specificity=0.8,
    settling=0.6,
)


def one_class(**rates):
    given = {"initial": 0.6, "repair": 0.3, "corruption": 0.1, "sensitivity": 0.5}
    return Calibration.from_rates(**{**given, "specificity": 0.5, **rates}).rates


def step(action, attempts, parent=None):
    best = len(attempts) - 1 if attempts else None
    return {"action": action, "best": best, "parent": parent, "attempts": len(attempts)}


def draw(attempts):
    return step("generate", attempts)


def revise_blindly(revisions):
    """Take whatever so many revisions lead to."""

    def policy(attempts):
        if not attempts:
            return draw(attempts)
        if len(attempts) > revisions:
            return step("stop", attempts)
        return step("revise", attempts, parent=len(attempts) - 1)

    return policy


def until(stop, action="generate"):
    """Make two attempts, and a third one unless the two satisfy `stop`."""

    def policy(attempts):
        if not attempts:
            return draw(attempts)
        if len(attempts) == 1:
            return step(action, attempts, parent=0 if action == "revise" else None)
        return step("stop" if len(attempts) == 3 or stop(*attempts) else "generate", attempts)

    return policy


def share_that_stops(rates, stop, action="generate", **options):
    attempts = simulate(until(stop, action), rates, questions=QUESTIONS, **options).attempts
    return 3 - attempts


def same_key(first, second):
    return first["key"] == second["key"]


def same_score(first, second):
    return first["score"] == second["score"]


def near(chance):
    """Four standard errors of a share of the questions about a chance."""
    return pytest.approx(chance, abs=max(4 * sqrt(chance * (1 - chance) / QUESTIONS), 1e-9))


@pytest.mark.parametrize("revisions", range(5))
def test_blind_revisions_reach_the_accuracy_of_the_chains(revisions):
    outcome = simulate(revise_blindly(revisions), MIXTURE, questions=QUESTIONS)
    assert outcome.accuracy == near(MIXTURE.mixture.accuracy(revisions))
    assert (outcome.attempts, outcome.revisions) == (revisions + 1, revisions)


def test_first_answers_are_right_as_often_as_they_should_be_exactly():
    outcome = simulate(revise_blindly(0), MIXTURE, questions=1000)
    assert outcome.accuracy == pytest.approx(0.3 * 0.9 + 0.7 * 0.2, abs=0.0011)


def test_drawing_until_accepted_matches_its_closed_form():
    def policy(attempts):
        accepted = attempts and attempts[-1]["score"] == 1
        return step("stop" if accepted or len(attempts) == 4 else "generate", attempts)

    p, s, u = 0.6, 0.85, 0.8
    outcome = simulate(
        policy, one_class(sensitivity=s, specificity=u, verdict_correlation=0), questions=QUESTIONS
    )
    accepted_right, rejected = p * s, p * (1 - s) + (1 - p) * u
    length = (1 - rejected**4) / (1 - rejected)
    last_right = rejected**3 * p * (1 - s)
    assert outcome.accuracy == near(accepted_right * length + last_right)
    assert outcome.attempts == pytest.approx(length, abs=0.09)


@pytest.mark.parametrize("coincidence", [1.0, 0.7, 0.5, 0.3, 0.25, 0.013])
def test_wrong_answers_coincide_as_often_as_they_should(coincidence):
    rates = one_class(initial=0.0, coincidence=coincidence)
    assert share_that_stops(rates, same_key) == near(coincidence)


def test_right_answers_always_coincide():
    assert share_that_stops(one_class(initial=1.0), same_key) == 1


@pytest.mark.parametrize("retention", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("coincidence", [0.5, 0.3])
def test_wrong_answers_survive_revision_as_often_as_they_should(coincidence, retention):
    rates = one_class(initial=0.0, repair=0.0, coincidence=coincidence, retention=retention)
    assert share_that_stops(rates, same_key, "revise") == near(retention)


def test_where_there_is_one_wrong_answer_it_stays():
    rates = one_class(initial=0.0, repair=0.0, coincidence=1.0)
    assert share_that_stops(rates, same_key, "revise") == 1


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_repeated_verdicts_agree_as_often_as_they_should(correlation):
    s = 0.8
    rates = one_class(initial=1.0, sensitivity=s, verdict_correlation=correlation)
    agree_by_chance = s**2 + (1 - s) ** 2
    expected = correlation + (1 - correlation) * agree_by_chance
    assert share_that_stops(rates, same_score) == near(expected)


def test_verdicts_on_different_answers_are_independent():
    rates = one_class(initial=0.0, specificity=0.8, coincidence=0.001, verdict_correlation=1.0)
    assert share_that_stops(rates, same_score) == near(0.8**2 + 0.2**2)


def test_verdicts_of_each_class_have_its_own_rates():
    rates = replace(MIXTURE, sensitivity=(0.9, 0.6), specificity=(0.7, 0.5))
    wrong, right = verdict_law(rates).cumulative
    assert wrong == ((0.7, 1.0), (0.5, 1.0))
    assert right == (pytest.approx((0.1, 1.0)), pytest.approx((0.4, 1.0)))


GRADED = replace(
    MIXTURE, score_cuts=(0.3, 0.7), score_log_ratios=(-1.0, 0.0, 1.0), verdict_correlation=0.0
)
RELIABILITY = ((0.1, 0.25, 40.0), (0.2, 0.5, 20.0), (0.5, 0.5, 20.0), (0.9, 0.75, 40.0))


def test_graded_scores_come_as_often_as_they_were_seen():
    law = graded_law(GRADED, RELIABILITY)
    right, wrong = [20 / 60, 10 / 60, 30 / 60], [40 / 60, 10 / 60, 10 / 60]
    for label, chances in ((1, right), (0, wrong)):
        for of_class in law.cumulative[label]:
            steps = [b - a for a, b in zip((0, *of_class), of_class, strict=False)]
            assert steps == pytest.approx(chances)


def test_graded_scores_lie_on_the_step_that_they_stand_for():
    law = graded_law(GRADED, RELIABILITY)
    assert [bisect_right(GRADED.score_cuts, score) for score in law.scores] == [0, 1, 2]


def test_graded_scores_are_given_to_the_policy():
    law = graded_law(GRADED, RELIABILITY)
    rates = replace(GRADED, initial=1.0)
    lowest = share_that_stops(rates, lambda first, _: first["score"] == 0.0, scores=law)
    assert lowest == near(20 / 60)


def test_answers_without_keys_have_none():
    seen = []

    def policy(attempts):
        seen.extend(attempt["key"] for attempt in attempts)
        return revise_blindly(2)(attempts)

    outcome = simulate(policy, MIXTURE, questions=QUESTIONS, keyed=False)
    assert set(seen) == {None}
    assert outcome.accuracy == near(MIXTURE.mixture.accuracy(2))


def test_keys_do_not_betray_which_answer_is_right():
    first = []

    def policy(attempts):
        if len(attempts) == 1:
            first.append(attempts[0]["key"])
        return revise_blindly(0)(attempts)

    simulate(policy, MIXTURE, questions=500)
    assert set(first) == {"0"}


def test_same_seed_gives_the_same_outcome_and_another_one_another():
    criterion = Criterion(MIXTURE, 0.02)
    first, again, other = (
        simulate(criterion.decide, MIXTURE, questions=500, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_policies_side_by_side_fare_as_each_alone():
    rule, given = Criterion(MIXTURE), {"questions": 300, "seed": 3, "keyed": False}
    policies = [rule.replace(cost_per_round=cost).decide for cost in (0.005, 0.05, 0.2)]
    together = simulate_each(policies, MIXTURE, **given)
    assert together == [simulate(policy, MIXTURE, **given) for policy in policies]
    assert len(set(together)) == len(policies)


def test_what_a_policy_does_later_leaves_its_earlier_answers_as_they_are():
    def returns_the_second_of_four(attempts):
        decision = revise_blindly(3)(attempts)
        return decision | {"best": 1} if decision["action"] == "stop" else decision

    stops = simulate(revise_blindly(1), MIXTURE, questions=500)
    goes_on = simulate(returns_the_second_of_four, MIXTURE, questions=500)
    assert stops.accuracy == goes_on.accuracy


def test_a_policy_is_asked_once_for_each_history():
    asked = []

    def policy(attempts):
        asked.append(tuple((each["key"], each["score"]) for each in attempts))
        return revise_blindly(3)(attempts)

    simulate(policy, MIXTURE, questions=1000)
    assert len(asked) == len(set(asked))


def test_criterion_buys_what_it_buys_in_an_independent_simulation():
    rates = World().rates()
    criterion = Criterion(rates, 0.02, 12)
    outcome = simulate(criterion.decide, rates, questions=2000)
    played = play(by_criterion(criterion), World(), 2000)
    error = sqrt(outcome.accuracy_error**2 + played.accuracy_error**2)
    assert outcome.accuracy == pytest.approx(played.accuracy, abs=3 * error)
    assert 2 * outcome.attempts == pytest.approx(played.calls, abs=4 * played.calls_error)


def test_fresh_draws_and_revisions_are_counted_apart():
    def policy(attempts):
        if len(attempts) == 2:
            return step("revise", attempts, parent=1)
        return step("stop" if len(attempts) == 3 else "generate", attempts)

    outcome = simulate(policy, MIXTURE, questions=10)
    assert (outcome.attempts, outcome.revisions, outcome.fresh_draws) == (3, 1, 1)


@pytest.mark.parametrize("questions", [0, 1.5, -3])
def test_number_of_questions_must_make_sense(questions):
    with pytest.raises(ValueError, match="questions must be a whole number of at least 1"):
        simulate(revise_blindly(0), MIXTURE, questions=questions)
