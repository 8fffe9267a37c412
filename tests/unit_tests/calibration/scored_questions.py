"""Questions whose scores come from a law with an intercept by question, and known classes."""

import numpy as np
from scipy.special import ndtr

from langchain_markovscale.calibration.sufficient_statistics import Scores

GRID = np.array([0.03, 0.12, 0.3, 0.5, 0.7, 0.88, 0.97])
ETA = np.log(GRID / (1 - GRID))
WRONG_ANSWERS = 4


def scored_questions(
    questions,
    attempts=8,
    *,
    right=0.6,
    wrong=-0.3,
    difficulty=0.3,
    intercept=0.7,
    spreads=(0.9, 0.8),
    correlation=0.5,
    two_valued=False,
    initial=GRID,
    seed=0,
):
    """Return scores and P(class | labels), shape (questions, 7).

    A score is Φ(x/1.5). Of `spreads`, the first is that of wrong answers. Wrong answers spread
    evenly over four; verdicts are drawn anew each time.
    """
    rng = np.random.default_rng(seed)
    shape = (questions, attempts)
    kind = rng.integers(0, len(initial), questions)
    correct = rng.random(shape) < np.asarray(initial)[kind][:, None]
    key = np.where(correct, 0, 1 + rng.integers(0, WRONG_ANSWERS, shape))
    eta = np.log(initial / (1 - np.asarray(initial)))[kind]
    shared = difficulty * eta + intercept * rng.standard_normal(questions)
    mean = np.where(correct, right, wrong) + shared[:, None]
    of_key = np.take_along_axis(rng.standard_normal((questions, WRONG_ANSWERS + 1)), key, 1)
    noise = np.sqrt(correlation) * of_key + np.sqrt(1 - correlation) * rng.standard_normal(shape)
    score = ndtr((mean + np.where(correct, spreads[1], spreads[0]) * noise) / 1.5)
    if two_valued:
        score = (rng.random(shape) < 1 / (1 + np.exp(-mean))).astype(float)
    answer = np.arange(questions)[:, None] * (WRONG_ANSWERS + 1) + key
    question = np.repeat(np.arange(questions), attempts)
    scores = Scores(score.ravel(), correct.ravel(), question, answer.ravel())
    return scores, classes_of(correct)


def classes_of(correct):
    """P(class | labels) under even weights of the grid, by how many are right of how many."""
    right = correct.sum(axis=1, keepdims=True)
    chance = GRID**right * (1 - GRID) ** (correct.shape[1] - right)
    return chance / chance.sum(axis=1, keepdims=True)
