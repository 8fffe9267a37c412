"""Simulated wrong answers and scores against the laws that they are drawn by."""

from collections import Counter
from dataclasses import replace
from math import gamma, sqrt

import numpy as np
import pytest
from scipy.stats import norm

from langchain_markovscale import Calibration
from langchain_markovscale.calibration.simulate import simulate
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores, nodes

QUESTIONS = 4000
AT = np.linspace(-6, 6, 1201)
GRADED = GradedScores(0.4, -0.5, 0.9, 0.7, 0.0, 0.8, tuple(norm.cdf(AT)), tuple(AT))


def rates(**given):
    usual = {"initial": 0.0, "repair": 0.0, "corruption": 0.0}
    return Calibration.from_rates(**{**usual, **given}).rates


def runs(rates, parents, seed=0, **options):
    """Every question's attempts, made from the given parents (None for a fresh draw)."""
    ended = []

    def policy(attempts):
        here = len(attempts)
        action = (
            "stop" if here == len(parents) else "generate" if parents[here] is None else "revise"
        )
        if action == "stop":
            ended.append(attempts)
        best = here - 1 if attempts else None
        parent = parents[here] if action == "revise" else None
        return {"action": action, "best": best, "parent": parent, "attempts": here}

    # Histories that questions have in common are decided once: scores that differ keep them apart.
    simulate(policy, replace(rates, scores=GRADED), questions=QUESTIONS, seed=seed, **options)
    assert len(ended) == QUESTIONS
    return ended


def share_of(happens, ended):
    return np.mean([happens(*(attempt["key"] for attempt in run)) for run in ended])


def near(chance):
    """Four standard errors of a share of the questions about a chance."""
    return pytest.approx(chance, abs=max(4 * sqrt(chance * (1 - chance) / QUESTIONS), 1e-9))


def pattern(*keys):
    return tuple(sorted(Counter(keys).values(), reverse=True))


@pytest.mark.parametrize("theta", [0.7, 3.0, 15.0])
def test_patterns_of_wrong_answers_have_the_probabilities_of_ewens(theta):
    seen = Counter(pattern(*(each["key"] for each in run)) for run in runs(urn(theta), [None] * 4))
    labelled = {(4,): 1, (3, 1): 4, (2, 2): 3, (2, 1, 1): 6, (1, 1, 1, 1): 1}  # partitions of 4
    scale = gamma(theta) / gamma(theta + 4)
    for sizes, ways in labelled.items():
        chance = ways * theta ** len(sizes) * scale * np.prod([gamma(size) for size in sizes])
        assert seen[sizes] / QUESTIONS == near(chance), sizes


def urn(theta, **given):
    return rates(coincidence=1 / (1 + theta), **given)


@pytest.mark.parametrize("coincidence", [0.25, 0.4])
def test_few_plausible_wrong_answers_run_out(coincidence):
    """Of M = 4 values, each drawn with a symmetric Dirichlet's chance."""
    four = replace(rates(coincidence=coincidence), plausible_wrong=4.0)
    a = np.inf if coincidence == 0.25 else (1 - coincidence) / (4 * coincidence - 1)
    distinct = 1.0
    for n in range(4):
        distinct *= (4 - n) / 4 if a == np.inf else a * (4 - n) / (n + 4 * a)
    ended = runs(four, [None] * 5)
    assert share_of(lambda *keys: len(set(keys[:4])) == 4, ended) == near(distinct)
    assert max(len({each["key"] for each in run}) for run in ended) == 4


@pytest.mark.parametrize("theta", [0.7, 3.0])
def test_a_revision_that_passed_over_an_answer_makes_it_likelier(theta):
    """A, then another answer B by revision, then a fresh draw, as `Urn.log_chance` has it."""
    ended = runs(urn(theta, retention=0.0), [None, 0, None])
    whole = theta + 2 + 1 / theta
    assert share_of(lambda first, second, _: first == second, ended) == 0
    assert share_of(lambda first, _, last: first == last, ended) == near((1 + 1 / theta) / whole)
    assert share_of(lambda _, second, last: second == last, ended) == near(1 / whole)


def test_retention_is_that_of_the_class():
    two = rates(weights=(0.5, 0.5), retention=(0.0, 0.6))
    ended = runs(two, [None, 0])
    assert share_of(lambda first, second: first == second, ended) == near(0.3)


def scores_of(rates, parents=(None,), seed=0):
    return np.array([[each["score"] for each in run] for run in runs(rates, list(parents), seed)])


def test_graded_scores_of_all_questions_have_the_area_of_the_law():
    right, wrong = (scores_of(rates(initial=p), seed=seed) for p, seed in ((1.0, 1), (0.0, 2)))
    spread = sqrt(0.9**2 + 0.7**2 + 2 * 0.8**2)
    assert np.mean(right[:, 0] > wrong[:, 0]) == near(norm.cdf(0.9 / spread))


def test_graded_scores_of_one_question_have_the_area_of_the_law():
    """Two draws of which one is right and one wrong: the higher score is right as often as that."""

    def policy(attempts):
        decision = {"action": "generate", "best": None, "parent": None, "attempts": len(attempts)}
        if len(attempts) < 2:
            return decision
        best = int(np.argmax([each["score"] for each in attempts]))
        return decision | {"action": "stop", "best": best}

    one_wrong = replace(rates(initial=0.5, coincidence=1.0), scores=GRADED)
    outcome = simulate(policy, one_wrong, questions=QUESTIONS)
    within = norm.cdf(0.9 / sqrt(0.9**2 + 0.7**2))
    assert outcome.accuracy == near(0.25 + 0.5 * within)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 1.0])
def test_graded_scores_of_one_answer_are_correlated(correlation):
    again = scores_of(rates(initial=1.0, verdict_correlation=correlation), (None, None))
    x = norm.ppf(again)
    assert x.mean() == pytest.approx(0.4, abs=0.06)
    assert x.std() == pytest.approx(sqrt(0.9**2 + 0.8**2), abs=0.05)
    expected = (0.8**2 + correlation * 0.9**2) / (0.8**2 + 0.9**2)
    assert np.corrcoef(x.T)[0, 1] == pytest.approx(expected, abs=0.05)


def test_graded_scores_rise_with_the_ease_of_the_class():
    law = replace(GRADED, difficulty=0.3)
    seen = []

    def policy(attempts):
        seen.extend(each["score"] for each in attempts)
        action = "stop" if attempts else "generate"
        return {"action": action, "best": 0, "parent": None, "attempts": len(attempts)}

    simulate(policy, replace(rates(initial=0.2), scores=law), questions=QUESTIONS)
    mean = 0.2 * 0.4 - 0.8 * 0.5 + 0.3 * np.log(0.2 / 0.8)
    assert norm.ppf(seen).mean() == pytest.approx(mean, abs=0.07)


@pytest.mark.parametrize("initial", [0.3, 0.8])
def test_verdicts_of_one_question_share_its_intercept(initial):
    law = TwoValuedScores(right=1.5, wrong=-0.5, difficulty=0.4, intercept=1.2)

    def policy(attempts):
        action = "stop" if len(attempts) == 2 else "generate"
        agree = len(attempts) == 2 and attempts[0]["score"] == attempts[1]["score"]
        # The answer returned is the last, or none at all: so the accuracy counts questions.
        return {
            "action": action,
            "best": 1 if agree else None,
            "parent": None,
            "attempts": len(attempts),
        }

    all_right = rates(initial=(1.0, initial), weights=(0.0, 1.0), verdict_correlation=0.0)
    outcome = simulate(policy, replace(all_right, scores=law), questions=QUESTIONS)
    points, weights = nodes(15)
    wrong, right = law.accepted(np.array([initial]), points)[:, 0]
    # Of two draws, the last right and judged as the first one was.
    first = initial * right + (1 - initial) * wrong
    expected = initial * weights @ (first * right + (1 - first) * (1 - right))
    assert outcome.accuracy == near(expected)


def test_what_is_done_alike_gives_the_same_answers_and_scores():
    """A policy that goes on differs from one that stops only in what comes later."""
    mixed = rates(initial=0.5, repair=0.3, corruption=0.1)
    short, long = (runs(mixed, parents) for parents in ([None, 0], [None, 0, None, 2]))
    assert sorted([(each["key"], each["score"]) for each in run] for run in short) == sorted(
        [(each["key"], each["score"]) for each in run[:2]] for run in long
    )
