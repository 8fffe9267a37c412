"""Seven classes to decide with: a fixed grid of p₀, whose weights are fitted.

Questions differ continuously, and two classes, enough to forecast blind rounds, are too few to read
a run by. The grid is a nonparametric mixture; the other rates of a class rest on few questions, so
they are shrunk to those of all questions.
"""

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration import em
from langchain_markovscale.calibration.selection import Mode, Problem, weighed_rows

Floats = NDArray[np.float64]

GRID = (0.97, 0.88, 0.7, 0.5, 0.3, 0.12, 0.03)
"""p₀ of the classes."""
_PULL = 4.0  # pseudo-observations of every rate at that of all questions
_DRAWS = 32
_ROUGHLY = 1e-3  # log density, far below what a decision could notice


def fit_grid(
    problem: Problem, mode: Mode, *, resampled: bool, rng: np.random.Generator
) -> em.Parameters:
    """Fit the grid's weights and the other rates of its classes.

    Args:
        problem: The events.
        mode: The mixture that was fitted to them, by which missing labels are made up for.
        resampled: Whether to average over fits to resampled questions. The posterior after a run
            is linear in the weights, so that their mean stands for that of all fits.
        rng: Source of randomness.

    Returns:
        The parameters, a batch of one.
    """
    pooled = _pooled(problem, mode)
    prior = em.shrinking(pooled, _PULL)
    shape = (1, len(GRID))
    start = em.Parameters(
        np.full(shape, 1 / len(GRID)),
        np.array([GRID]),
        *(np.broadcast_to(rate, shape) for rate in pooled[2:-1]),
        pooled.settling,
    )
    found = _fit(problem, problem.questions[None], start, prior)
    if not resampled:
        return found
    n = int(problem.questions.sum())
    questions = rng.multinomial(n, problem.questions / n, size=_DRAWS).astype(np.float64)
    starts = found.pick(np.zeros(_DRAWS, dtype=np.int64))
    return _mean(_fit(problem, questions, starts, prior))


def _fit(
    problem: Problem, questions: Floats, start: em.Parameters, prior: em.Prior
) -> em.Parameters:
    found = em.fit(
        problem.events,
        questions,
        start,
        settling=problem.settling,
        fixed_initial=True,
        prior=prior,
        tolerance=_ROUGHLY,
    )
    return found.parameters._replace(initial=start.initial)


def _pooled(problem: Problem, mode: Mode) -> em.Parameters:
    """Return the rates of all questions together, as one class."""
    events = problem.events.counts.T @ weighed_rows(problem, mode.parameters).sum(axis=1)
    together = em.Events(events[None], np.zeros(1), np.zeros(1, dtype=np.int64))
    start = em.Parameters(np.ones((1, 1)), *np.full((4, 1, 1), 0.5), mode.parameters.settling)
    return em.fit(together, np.ones((1, 1)), start, settling=False).parameters


def _mean(draws: em.Parameters) -> em.Parameters:
    weights = draws.weights.mean(axis=0, keepdims=True)
    by_class = (np.average(rate, axis=0, weights=draws.weights)[None] for rate in draws[1:-1])
    return em.Parameters(weights, *by_class, draws.settling.mean(keepdims=True))
