"""What might have come out with other questions: bootstrap, and curves through resampled points."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CHUNK = 256  # resamples at a time: their weights fit into a cache
_SAME = 1e-12


def resampled_means(values: Floats, resamples: int, seed: int) -> Floats:
    """Return the means of columns over questions drawn with replacement.

    Args:
        values: By question and quantity, shape (Q, M); NaN where unknown.
        resamples: B.
        seed: The same seed gives the same questions.

    Returns:
        Shape (B, M): all quantities of a row come from the same questions, so that their
        differences are paired.
    """
    rng = np.random.default_rng(seed)
    questions = len(values)
    even = np.full(questions, 1 / questions)
    means = np.empty((resamples, values.shape[1]))
    for begin in range(0, resamples, _CHUNK):
        rows = means[begin : begin + _CHUNK]
        rows[:] = rng.multinomial(questions, even, len(rows)) @ values / questions
    return means


def interpolated(x: Floats, y: Floats, at: Floats) -> Floats:
    """Return the heights of curves; a curve goes on level after its last point.

    Between two points lies what one gets by taking one for some runs and the other for the rest.

    Args:
        x: B curves of J points from left to right, shape (B, J); where resampling has put a point
            left of the one before it, it is taken to lie above that.
        y: Their heights, shape (B, J).
        at: Where to look, shape (B,); not left of the first point.

    Returns:
        Shape (B,).
    """
    x = np.maximum.accumulate(x, axis=1)
    row = np.arange(len(x))
    left = np.clip((x <= at[:, None] + _SAME).sum(axis=1) - 1, 0, x.shape[1] - 1)
    right = np.minimum(left + 1, x.shape[1] - 1)
    step = x[row, right] - x[row, left]
    share = np.clip((at - x[row, left]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
    low, high = y[row, left], y[row, right]
    return np.asarray(np.where(step > 0, low + share * (high - low), low))


def reached(x: Floats, y: Floats, height: Floats) -> Floats:
    """Return where curves first reach a height, infinity where they never do.

    Args:
        x: As for `interpolated`.
        y: Their heights, shape (B, J).
        height: Shape (B,).

    Returns:
        Shape (B,).
    """
    x = np.maximum.accumulate(x, axis=1)
    row = np.arange(len(x))
    high_enough = y >= height[:, None] - _SAME
    right = high_enough.argmax(axis=1)
    left = np.maximum(right - 1, 0)
    rise = y[row, right] - y[row, left]
    share = np.clip((height - y[row, left]) / np.where(rise > 0, rise, 1.0), 0.0, 1.0)
    where = x[row, left] + share * (x[row, right] - x[row, left])
    where = np.where((right > left) & (rise > 0), where, x[row, right])
    return np.asarray(np.where(high_enough.any(axis=1), where, np.inf))
