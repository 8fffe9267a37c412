"""What is said of a verifier, against textbook definitions."""

import numpy as np
import pytest

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


def test_likelihood_ratios_are_those_of_the_densities():
    from scipy.stats import beta

    model = model_of(scored(*beta_scores(40_000)))
    for x in (0.2, 0.35, 0.5, 0.65, 0.8):
        step = model.log_ratios[int(np.searchsorted(model.cuts, x, side="right"))]
        truth = np.log(beta(4, 2).pdf(x) / beta(2, 3).pdf(x))
        assert step == pytest.approx(truth, abs=0.35), x  # steps are a twentieth of the scores wide


def test_likelihood_ratios_never_fall():
    rng = np.random.default_rng(2)
    score, correct = rng.random(200), rng.random(200) < 0.5
    score = np.where(correct, np.sqrt(score), score)
    assert np.all(np.diff(model_of(scored(score, correct)).log_ratios) >= 0)


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


def test_verdicts_of_two_values_need_no_steps():
    rng = np.random.default_rng(3)
    correct = rng.random(500) < 0.5
    score = (rng.random(500) < np.where(correct, 0.9, 0.2)).astype(float)
    model = model_of(scored(score, correct))
    assert model.cuts == ()
    assert 0 < model.accept_threshold <= 1


def test_a_verifier_worse_than_chance_is_not_believed():
    score, correct = beta_scores(2000)
    model = model_of(scored(1 - score, correct))
    assert not model.informative
    assert (model.sensitivity, model.specificity, model.cuts) == (0.5, 0.5, ())


@pytest.mark.parametrize("repeat", [0.0, 0.5, 1.0])
def test_correlation_of_repeated_scores(repeat):
    """Four scores of each answer: with chance `repeat` the first one again."""
    rng = np.random.default_rng(4)
    answers, times = 3000, 4
    correct = np.repeat(rng.random(answers) < 0.5, times)
    fresh = (rng.random(answers * times) < np.where(correct, 0.8, 0.3)).astype(float)
    first = np.repeat(fresh[::times], times)
    score = np.where(rng.random(answers * times) < np.sqrt(repeat), first, fresh)
    score[::times] = fresh[::times]
    model = model_of(scored(score, correct, answer=np.repeat(np.arange(answers), times)))
    # Two later scores agree by repetition with chance `repeat`, one with the first by its root.
    expected = (repeat + np.sqrt(repeat)) / 2
    assert model.correlation == pytest.approx(expected, abs=0.04)


def test_without_both_labels_nothing_is_claimed():
    model = model_of(scored([0.2, 0.9], [True, True]))
    assert not model.informative
    assert (model.sensitivity, model.specificity) == (0.5, 0.5)
    assert np.isnan(model.auc)
