"""What is said of a verifier, against textbook definitions."""

import numpy as np
import pytest
from scipy.stats import norm
from scored_questions import GRID, scored_questions

from langchain_markovscale.calibration.sufficient_statistics import Scores
from langchain_markovscale.calibration.verifier_scores import fit_scores


def scored(score, correct, question=None, answer=None):
    n = len(score)
    every = np.arange(n)
    return Scores(
        np.asarray(score, float),
        np.asarray(correct, bool),
        every if question is None else np.asarray(question),
        every if answer is None else np.asarray(answer),
    )


def model_of(scores, threshold=None):
    return fit_scores(
        scores, accept_threshold=threshold, level=0.9, n_draws=100, rng=np.random.default_rng(0)
    )


def beta_scores(n=6000, seed=1):
    """Scores from Beta(4, 2) for correct answers and Beta(2, 3) for wrong ones."""
    rng = np.random.default_rng(seed)
    correct = rng.random(n) < 0.4
    return np.where(correct, rng.beta(4, 2, n), rng.beta(2, 3, n)), correct


def test_area_under_the_curve_counts_pairs():
    score, correct = beta_scores(400)
    right, wrong = score[correct], score[~correct]
    pairs = (right[:, None] > wrong).mean() + 0.5 * (right[:, None] == wrong).mean()
    # Scores share quantile bins, within which pairs count as ties.
    assert model_of(scored(score, correct)).auc == pytest.approx(pairs, abs=0.01)


def test_sensitivity_and_specificity_count_verdicts():
    score, correct = beta_scores(500)
    model = model_of(scored(score, correct), threshold=0.5)
    accepted = score >= 0.5
    assert model.sensitivity == pytest.approx(accepted[correct].mean(), abs=0.01)
    assert model.specificity == pytest.approx((~accepted)[~correct].mean(), abs=0.01)


def test_the_threshold_is_put_where_it_separates_best():
    score, correct = beta_scores(20_000)
    model = model_of(scored(score, correct))

    def separation(threshold):
        accepted = score >= threshold
        return accepted[correct].mean() - accepted[~correct].mean()

    best = max(separation(t) for t in np.linspace(0, 1, 201))
    assert separation(model.accept_threshold) == pytest.approx(best, abs=0.01)


def test_verdicts_of_two_values_are_told_apart_between_them():
    rng = np.random.default_rng(3)
    correct = rng.random(500) < 0.5
    score = (rng.random(500) < np.where(correct, 0.9, 0.2)).astype(float)
    assert 0 < model_of(scored(score, correct)).accept_threshold <= 1


def test_a_verifier_worse_than_chance_is_not_believed():
    score, correct = beta_scores(2000)
    model = model_of(scored(1 - score, correct))
    assert not model.informative
    assert (model.sensitivity, model.specificity) == (0.5, 0.5)
    assert model.law(np.ones((2000, 1)), np.array([0.4])) is None


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("repeat", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("mood", [0.0, 0.7])
def test_correlation_of_repeated_scores(repeat, mood, graded):
    """Four scores of each answer, four answers a question, whose mood they share."""
    rng = np.random.default_rng(4)
    answers, times, share = 4000, 4, 4
    question = np.repeat(np.arange(answers // share), share * times)
    correct = np.repeat(rng.random(answers) < 0.5, times)
    noise = np.sqrt(repeat) * np.repeat(rng.standard_normal(answers), times)
    noise += np.sqrt(1 - repeat) * rng.standard_normal(answers * times)
    score = 1 / (1 + np.exp(-noise - correct - mood * rng.standard_normal(answers)[question]))
    if not graded:
        # With chance √ρ the answer's own verdict, so that two of them are the same with chance ρ.
        chance = 1 / (1 + np.exp(-1.0 * correct - mood * rng.standard_normal(answers)[question]))
        verdict = rng.random(answers * times) < chance
        lasting = np.repeat(verdict[::times], times)
        fresh = rng.random(answers * times) < chance
        score = np.where(rng.random(answers * times) < np.sqrt(repeat), lasting, fresh) * 1.0
    answer = np.repeat(np.arange(answers), times)
    model = model_of(scored(score, correct, question, answer))
    assert model.correlation == pytest.approx(repeat, abs=0.05)


def test_correlation_is_assumed_where_it_cannot_be_seen():
    """One answer a question: what its scores share may be the answer's or the question's."""
    score, correct = beta_scores(500)
    assert model_of(scored(score, correct)).correlation == 0.5
    same = np.repeat(np.arange(250), 2)
    one = scored(np.repeat(score[:250], 2), np.repeat(correct[:250], 2), same, same)
    assert model_of(one).correlation == 0.5


def test_area_within_questions_counts_their_pairs():
    rng = np.random.default_rng(5)
    question = rng.integers(0, 60, 400)
    score, correct = rng.integers(0, 6, 400) / 5, rng.random(400) < 0.4
    model = model_of(scored(score, correct, question))
    own = []
    for each in range(60):
        right, wrong = (score[(question == each) & (correct == y)] for y in (True, False))
        if len(right) and len(wrong):
            pairs = right[:, None] - wrong
            own.append((pairs > 0).mean() + 0.5 * (pairs == 0).mean())
    assert model.both == len(own)
    assert model.auc_within == pytest.approx(np.mean(own))
    assert model.auc_within_interval[0] < model.auc_within < model.auc_within_interval[1]


def test_areas_are_those_of_normal_scores():
    """Without γ, right answers lie μ₁−μ₀ above wrong ones, whose z they share, or do not."""
    scores, _ = scored_questions(4000, difficulty=0.0, seed=6)
    model = model_of(scores)
    within = norm.cdf(0.9 / np.hypot(0.9, 0.8))
    across = norm.cdf(0.9 / np.sqrt(0.9**2 + 0.8**2 + 2 * 0.7**2))
    assert model.auc_within == pytest.approx(within, abs=0.012)
    assert model.auc == pytest.approx(across, abs=0.012)
    assert model.auc_within_interval[1] - model.auc_within_interval[0] < 0.03


def test_where_no_question_has_both_there_is_no_area_within():
    model = model_of(scored(*beta_scores(300)))
    assert (model.auc_within, model.auc_within_interval, model.both) == (None, (0.0, 1.0), 0)
    assert "only 0 questions have both a right and a wrong answer" in " ".join(model.warnings)


def test_scores_that_help_only_within_questions_have_weight():
    """Hard questions are scored higher, so that across questions nothing is left."""
    scores, classes = scored_questions(600, right=0.4, wrong=-0.4, difficulty=-0.45, seed=7)
    model = model_of(scores)
    assert model.auc_interval[0] < 0.5 < 0.6 < model.auc_within_interval[0]
    assert model.informative
    law = model.law(classes, GRID)
    assert law.right - law.wrong > 0.3


def test_a_verifier_that_never_erred_in_35_questions_may_err():
    """105 right and 105 wrong answers, all judged rightly: as 35 of 35."""
    correct = np.arange(210) < 105
    model = model_of(scored(correct.astype(float), correct, np.arange(210) // 3))
    for value, drawn in zip((model.sensitivity, model.specificity), model.draws.T, strict=True):
        low, high = np.quantile(drawn, (0.05, 0.95))
        assert low == pytest.approx(0.92, abs=0.02)
        assert low < value < high <= 1


def test_few_questions_with_both_are_said():
    scores, _ = scored_questions(12, right=2.0, seed=8)
    (warning,) = model_of(scores).warnings
    assert "taken to be about half of what they tell across questions" in warning
    assert list(model_of(scored_questions(200, seed=8)[0]).warnings) == []


def test_without_both_labels_nothing_is_claimed():
    model = model_of(scored([0.2, 0.9], [True, True]))
    assert not model.informative
    assert (model.sensitivity, model.specificity) == (0.5, 0.5)
    assert np.isnan(model.auc)
