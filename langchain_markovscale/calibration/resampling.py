"""Rates and their uncertainty with the question as the unit.

What happens in one question is alike, so that attempts are not independent: questions are what is
resampled. Each gets a random weight, exponential with mean 1 (the Bayesian bootstrap; Rubin, 1981).
A rate that was never seen to fail would have no spread at all, however few the questions. So a
question that fails and one that does not are imagined beside those that were seen, each with a
random weight of its own. Where every question is one trial, the draws are those of the Beta
posterior under a uniform prior: after 35 of 35, 90 % of them lie between 92 % and 99.9 %.

The imagined questions are of the size of one independent trial. With m trials a question, and ρ
their correlation, m trials count as m/(1+(m−1)ρ), so one independent trial is 1+(m−1)ρ of them.
Where nothing has failed ρ is unknown, and is taken to be 1: 105 of 105 in 35 questions are 35 of
35.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_BLOCKS = 500  # questions are resampled in at most this many blocks
_HALF = 0.5  # independent trials each way, in an estimate
_FEW_MIXED = 2.0  # questions of each kind from which half is learned of how alike trials are


def question_weights(questions: int, n_draws: int, rng: np.random.Generator) -> Floats:
    """Return random weights of blocks of questions, shape (B, blocks); see `by_block`.

    Args:
        questions: Q ≥ 1, how many there are.
        n_draws: B, how many draws are wanted.
        rng: Source of randomness.
    """
    return rng.standard_exponential((n_draws, min(questions, _MOST_BLOCKS)))


def by_block(values: Floats) -> Floats:
    """Sum values by block of questions, shape (Q, ...) → (blocks, ...)."""
    blocks = min(len(values), _MOST_BLOCKS)
    padded = np.zeros((-(-len(values) // blocks) * blocks, *values.shape[1:]))
    padded[: len(values)] = values
    return np.asarray(padded.reshape(-1, blocks, *values.shape[1:]).sum(axis=0))


def independent_trial(happened: Floats, tried: Floats) -> float:
    """Return 1+(m−1)ρ, how many trials tell as much as one independent trial; at least 1.

    ρ is that of a one-way analysis of variance, drawn to 1 as long as few questions have a success
    or few a failure.

    Args:
        happened: Successes by question, shape (Q,).
        tried: Trials by question, shape (Q,).
    """
    some = tried > 0
    happened, tried = happened[some], tried[some]
    total, questions = tried.sum(), len(tried)
    if total <= questions:
        return 1.0
    size = (tried**2).sum() / total
    share = happened / tried
    mixed = min(np.count_nonzero(happened), np.count_nonzero(happened < tried))
    measured = 1.0
    if questions > 1:
        between = (tried * (share - happened.sum() / total) ** 2).sum() / (questions - 1)
        within = (happened * (1 - share)).sum() / (total - questions)
        measured = intraclass(between, within, float((total - size) / (questions - 1)))
    correlation = (mixed * measured + _FEW_MIXED) / (mixed + _FEW_MIXED)
    return float(1 + (size - 1) * correlation)


def intraclass(between: float, within: float, size: float) -> float:
    """Return ρ in [0, 1] from mean squares between and within groups of a size; 1 without any."""
    spread = between + (size - 1) * within
    return float(np.clip((between - within) / spread, 0, 1)) if spread > 0 else 1.0


def share(happened: Floats, tried: Floats) -> float:
    """Estimate a rate: its share of the trials, with half an independent trial each way.

    Args:
        happened: Successes by question, shape (Q,).
        tried: Trials by question, shape (Q,).
    """
    half = _HALF * independent_trial(happened, tried)
    return float((happened.sum() + half) / (tried.sum() + 2 * half))


def imagined_counts(
    happened: Floats, tried: Floats, n_draws: int, rng: np.random.Generator
) -> Floats:
    """Draw successes and failures to add to those of resampled questions, shape (B, 2).

    Each is exponential, with the mean of one independent trial. Added to the counts of a rate in
    each resampled fit, they give it an honest spread where it was never seen to fail, or never to
    succeed, and change little elsewhere.

    Args:
        happened: Successes by question, shape (Q,).
        tried: Trials by question, shape (Q,).
        n_draws: B, how many draws are wanted.
        rng: Source of randomness.
    """
    return independent_trial(happened, tried) * rng.standard_exponential((n_draws, 2))


def share_draws(
    happened: Floats, tried: Floats, weights: Floats, rng: np.random.Generator
) -> Floats:
    """Draw a rate from its posterior with the question as the unit, shape (B,).

    Args:
        happened: Successes by question, shape (Q,); also fractions of a trial.
        tried: Trials by question, shape (Q,).
        weights: Of `question_weights`; the same ones keep the draws of several rates together.
        rng: Source of randomness.
    """
    counts = weights @ by_block(np.stack([happened, tried - happened], axis=1))
    counts += imagined_counts(happened, tried, len(weights), rng)
    return np.asarray(counts[:, 0] / counts.sum(axis=1))
