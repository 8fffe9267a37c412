"""Fitted laws of scores against the model that decides by them, and against known parameters."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import logsumexp, ndtri
from scored_questions import GRID, classes_of, scored_questions

from langchain_markovscale import Belief, Rates
from langchain_markovscale.calibration.score_laws import (
    ENOUGH_BOTH,
    Answers,
    _Normal,
    fit_law,
    graded_objective,
    knots,
    two_valued_objective,
)
from langchain_markovscale.calibration.sufficient_statistics import Scores
from langchain_markovscale.theory.graded_scores import GradedModel
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores
from langchain_markovscale.theory.scores import SteppedModel
from langchain_markovscale.types import new_attempt

FLAT = _Normal(0.0, 1e9)
THRESHOLD, CORRELATION = 0.5, 0.4


def fit(scores, classes, correlation=CORRELATION):
    return fit_law(
        scores, threshold=THRESHOLD, correlation=correlation, classes=classes, initial=GRID
    )


def one_right_answer(scores):
    """The scores of each question as the model takes them: the right answer is hypothesis 0."""
    for question in np.unique(scores.question):
        own = scores.question == question
        scored = []
        for answer in np.unique(scores.answer[own]):
            same = scores.answer == answer
            hypothesis = 0 if scores.correct[same].all() else -1
            scored.append((hypothesis, scores.score[same].tolist()))
        yield question, scored


def log_likelihood(model, scores, classes):
    """What the model says of the scores: Σ_q ln Σ_k P(k | labels) f(scores | right answer, k)."""
    total = 0.0
    for question, scored in one_right_answer(scores):
        right = 0 if any(hypothesis == 0 for hypothesis, _ in scored) else -1
        log_chances = model.evidence(scored, 2).log_chances[right]
        total += logsumexp(log_chances + np.log(classes[question]))
    return total


def graded_law(point, at, x):
    wrong, apart, difficulty, *logs = point
    intercept, spread = np.exp(logs)
    return GradedScores(
        wrong + apart, wrong, spread, spread, difficulty, intercept, tuple(at), tuple(x)
    )


def objective_of(kind, scores, classes, difference=FLAT):
    if kind == "graded":
        values = np.interp(scores.score, *knots(scores.score))
        make = graded_objective
    else:
        values, make = (scores.score >= THRESHOLD).astype(float), two_valued_objective
    answers = Answers.of_scores(scores, values, CORRELATION, classes, GRID)
    return make(answers, difference), answers


POINTS = np.array([[-0.2, 0.7, 0.2, -0.4, -0.1], [0.3, -0.4, 0.5, 0.6, 0.4]])


def priors(point, kind):
    """−ln of the priors of γ, ln ω and ln s; for verdicts, of one of each kind each way."""
    penalty = 0.5 * (point[2] / 0.5) ** 2 + 0.5 * (point[3] + 0.5) ** 2
    if kind == "graded":
        return penalty + 0.5 * point[4] ** 2
    levels = np.array([point[0], point[0] + point[1]])
    return penalty + (np.logaddexp(0, levels) + np.logaddexp(0, -levels)).sum()


def test_what_is_maximised_for_graded_scores_is_what_the_model_says_of_them():
    scores, classes = scored_questions(40, seed=1)
    objective, answers = objective_of("graded", scores, classes)
    got, expected = [], []
    for point in POINTS:
        law = graded_law(point, *knots(scores.score))
        model = GradedModel(law, GRID, THRESHOLD, CORRELATION)
        got.append(objective(point)[0] - priors(point, "graded"))
        # The model leaves out ln s of each answer, which is the same under all hypotheses.
        left_out = len(answers.mean) * point[4]
        expected.append(left_out - log_likelihood(model, scores, classes))
    assert got[0] - got[1] == pytest.approx(expected[0] - expected[1], abs=1e-8)


def test_what_is_maximised_for_verdicts_is_what_the_model_says_of_them():
    scores, classes = scored_questions(40, two_valued=True, seed=2)
    objective, _ = objective_of("two-valued", scores, classes)
    for point in POINTS[:, :4]:
        law = TwoValuedScores(point[0] + point[1], point[0], point[2], np.exp(point[3]))
        model = SteppedModel.of_scores(law, GRID, THRESHOLD, CORRELATION)
        got = objective(point)[0] - priors(point, "two-valued")
        assert got == pytest.approx(-log_likelihood(model, scores, classes), abs=1e-4)


@pytest.mark.parametrize("kind", ["graded", "two-valued"])
def test_gradients_are_those_of_the_objective(kind):
    scores, classes = scored_questions(60, two_valued=kind == "two-valued", seed=3)
    objective, _ = objective_of(kind, scores, classes, _Normal(0.4, 0.7))
    for point in POINTS if kind == "graded" else POINTS[:, :4]:
        numerical = approx_fprime(point, lambda at: objective(at)[0], 1e-6)
        assert objective(point)[1] == pytest.approx(numerical, abs=2e-3)


def test_graded_scores_give_back_the_law_they_were_drawn_by():
    """Up to the scale of x, on which the scores together have variance 1."""
    scores, classes = scored_questions(4000, spreads=(0.9, 0.9), seed=4)
    law = fit(scores, classes, 0.5)
    spread = law.wrong_spread
    assert law.right_spread == spread
    assert (law.right - law.wrong) / spread == pytest.approx(0.9 / 0.9, abs=0.06)
    assert law.intercept / spread == pytest.approx(0.7 / 0.9, abs=0.05)
    assert law.difficulty / spread == pytest.approx(0.3 / 0.9, abs=0.03)


def test_verdicts_give_back_the_law_they_were_drawn_by():
    scores, classes = scored_questions(4000, two_valued=True, seed=5)
    law = fit(scores, classes, 0.0)
    assert law.right == pytest.approx(0.6, abs=0.08)
    assert law.wrong == pytest.approx(-0.3, abs=0.08)
    assert law.difficulty == pytest.approx(0.3, abs=0.05)
    assert law.intercept == pytest.approx(0.7, abs=0.08)


@pytest.mark.parametrize("two_valued", [False, True])
def test_scores_that_know_only_the_question_say_little_of_the_answer(two_valued):
    """Across questions right answers are scored higher by half a standard deviation."""
    scores, classes = scored_questions(
        2000, right=0.0, wrong=0.0, difficulty=0.5, two_valued=two_valued, seed=6
    )
    x = scores.score if two_valued else ndtri(np.clip(scores.score, 1e-9, 1 - 1e-9))
    gap = x[scores.correct].mean() - x[~scores.correct].mean()
    law = fit(scores, classes, 0.0 if two_valued else 0.5)
    assert gap / x.std() > 0.5
    assert abs(law.right - law.wrong) < 0.1


@pytest.mark.parametrize("two_valued", [False, True])
def test_where_no_question_has_both_half_of_the_difference_is_taken(two_valued):
    """Questions that are always right and questions that never are: half is all there is to say."""
    scores, _ = scored_questions(600, two_valued=two_valued, seed=7)
    right = np.bincount(scores.question, scores.correct)[scores.question]
    pure = (right == 0) | (right == 8)
    few = Scores(*(values[pure] for values in vars(scores).values()))
    unknown = np.full((600, len(GRID)), 1 / len(GRID))
    law = fit(few, unknown)
    values = np.interp(few.score, *knots(few.score)) if not two_valued else few.score
    answers = Answers.of_scores(few, values, CORRELATION, unknown, GRID)
    assert answers.both == 0
    prior = answers.difference(2.0)
    assert prior == (1.0, 0.8)
    mean = [values[few.correct == label].mean() for label in (False, True)]
    pooled = (
        mean[1] - mean[0] if not two_valued else np.diff(np.log(mean) - np.log1p(-np.array(mean)))
    )
    assert 0.3 * pooled < law.right - law.wrong < pooled


def test_few_questions_with_both_are_fewer_than_twenty():
    scores, classes = scored_questions(100, seed=8)
    answers = objective_of("graded", scores, classes)[1]
    assert answers.both >= ENOUGH_BOTH
    assert answers.difference(2.0) == (0.0, 2.0)
    few = replace(answers, correct=answers.correct & (answers.question < ENOUGH_BOTH - 1))
    assert few.both < ENOUGH_BOTH
    assert few.difference(2.0).mean == 1.0


def test_a_verifier_that_never_erred_is_not_believed_to_be_infallible():
    """35 right and 35 wrong answers of 35 questions, all judged rightly."""
    question = np.tile(np.arange(35), 2)
    correct = np.arange(70) < 35
    scores = Scores(correct.astype(float), correct, question, np.arange(70))
    law = fit(scores, classes_of(np.ones((35, 2)) * [1, 0]))
    model = SteppedModel.of_scores(law, GRID, THRESHOLD, 0.0)
    wrong, right = (model.accepted @ model.weights)[:, 3]
    assert 0.9 < right < 36 / 37
    assert 0.9 < 1 - wrong < 36 / 37


@pytest.mark.parametrize("spreads", [(0.3, 0.9), (0.9, 0.3)])
def test_a_higher_score_is_never_worse_evidence(spreads):
    """Also where right answers are scored all over the place, or wrong ones are."""
    scores, classes = scored_questions(300, spreads=spreads, seed=9)
    law = fit(scores, classes, 0.5)
    mixture = Rates([1 / 7] * 7, GRID, 0.2, 0.1, 0.7, 0.7, scores=law)
    for others in ([], [("b", 0.0)], [("b", 0.3), ("c", 0.9)], [("a", 0.5), ("b", 1.0)]):
        run = [new_attempt("", key=key, score=score) for key, score in others]
        beliefs = [
            Belief(mixture).posterior([new_attempt("", key="a", score=score), *run]).beliefs[0]
            for score in np.linspace(0, 1, 41).tolist()
        ]
        assert np.diff(beliefs).min() >= 0
        assert beliefs[-1] > 2 * beliefs[0]


def test_a_score_nobody_got_is_not_impossible_where_right_answers_never_differ():
    """Shares of tests: 1 for 35 right answers, 0 or .5 for 35 wrong ones."""
    question, correct = np.arange(70), np.arange(70) < 35
    scores = Scores(np.where(correct, 1.0, question % 2 / 2), correct, question, question)
    law = fit(scores, classes_of(np.ones((70, 1))))
    mixture = Rates([1.0], [0.5], 0.2, 0.1, 0.9, 0.9, scores=law)
    nearly, fully = (
        Belief(mixture).posterior([new_attempt("", key="a", score=score)]).beliefs[0]
        for score in (0.95, 1.0)
    )
    assert 0.9 < nearly < fully


def test_x_is_the_normal_quantile_of_the_middle_rank():
    at, x = knots(np.array([0.5, 0.1, 0.5, 0.9]))
    assert at.tolist() == [0.1, 0.5, 0.9]
    assert x == pytest.approx(ndtri([1 / 8, 1 / 2, 7 / 8]))
    assert knots(np.array([0.3]))[1] == pytest.approx([0.0])


def test_many_scores_are_kept_at_two_hundred_of_them():
    score = np.random.default_rng(0).beta(2, 5, 30_000)
    at, x = knots(score)
    assert len(at) <= 200
    assert (at[0], at[-1]) == (score.min(), score.max())
    rank = (np.searchsorted(np.sort(score), score) + 0.5) / len(score)
    middle = (rank > 0.01) & (rank < 0.99)
    assert np.abs(np.interp(score, at, x) - ndtri(rank))[middle].max() < 0.02
