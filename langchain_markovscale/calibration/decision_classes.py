"""Seven classes to decide with: a fixed grid of p₀, whose weights are fitted.

Questions differ continuously, and two classes, enough to forecast blind rounds, are too few to read
a run by. The grid is a nonparametric mixture; the other rates of a class rest on few questions, so
they are shrunk to those of all questions.
"""

import numpy as np

from langchain_markovscale.calibration import em
from langchain_markovscale.calibration.selection import Mode, Problem, weighed_rows

GRID = (0.97, 0.88, 0.7, 0.5, 0.3, 0.12, 0.03)
"""p₀ of the classes."""
_PULL = 4.0  # pseudo-observations of every rate at that of all questions
_ROUGHLY = 1e-3  # log density, far below what a decision could notice


def fit_grid(problem: Problem, mode: Mode) -> em.Parameters:
    """Fit the grid's weights and the other rates of its classes.

    Args:
        problem: The events.
        mode: The mixture that was fitted to them, by which missing labels are made up for.

    Returns:
        The parameters, a batch of one.
    """
    pooled = _pooled(problem, mode)
    shape = (1, len(GRID))
    start = pooled._replace(
        weights=np.full(shape, 1 / len(GRID)),
        initial=np.array([GRID]),
        repair=np.broadcast_to(pooled.repair, shape),
        corruption=np.broadcast_to(pooled.corruption, shape),
        retention=np.broadcast_to(pooled.retention, shape),
    )
    found = em.fit(
        problem.events,
        problem.questions[None],
        start,
        settling=problem.settling,
        fixed_initial=True,
        prior=_shrinking(pooled),
        tolerance=_ROUGHLY,
    )
    return found.parameters._replace(initial=start.initial)  # without its rounding


def _pooled(problem: Problem, mode: Mode) -> em.Parameters:
    """Return the rates of all questions together, as one class."""
    events = problem.events.counts.T @ weighed_rows(problem, mode.parameters).sum(axis=1)
    together = em.Events(events[None], np.zeros(1), np.zeros(1, dtype=np.int64))
    even = np.full((1, 1), 0.5)
    start = em.Parameters(2 * even, even, even, even, even, mode.parameters.settling)
    return em.fit(together, np.ones((1, 1)), start, settling=False).parameters


def _shrinking(pooled: em.Parameters) -> em.Prior:
    """Return a prior that shrinks α, β and σ of all classes to the rates of all questions."""
    pulls = [_PULL * np.stack([rate, 1 - rate]) for rate in pooled[2:-1]]
    return em.Prior(em.WEAK.weights, em.WEAK.initial, *pulls)
