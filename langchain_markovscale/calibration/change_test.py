"""A sequential test of whether a chance has changed, which may be looked at after every event.

Events come with the chance that the calibration gives them, mᵢ. That chance is known up to a shift
ε of its logit, ε ~ N(0, τ²), by what the calibration leaves open. If nothing changes, the events
have the likelihood

    L₀(t) = ∫ Π_{i≤t} p_ε(xᵢ) dN(ε),      p_ε(1) = expit(logit mᵢ + ε)

and if from event k on the logit is higher by δ (or lower, δ < 0),

    L(t) = ∫ Σ_{k≤t} w_k Π_{i<k} p_ε(xᵢ) Σ_δ π_δ Π_{k≤i≤t} p_{ε+δ}(xᵢ) dN(ε)
           + (1 − Σ_{k≤t} w_k) L₀(t)

The evidence E(t) = L(t) / L₀(t) begins at 1 and, as long as nothing changes, is a non-negative
martingale: P(E(t) ≥ 1/a at any time) ≤ a by Ville's inequality (1939), however long one watches and
however often one looks, on average over ε. The weights w_k leave 1 − Σ_{k≤t} w_k = 1/√(1 + t/100):
they sum to 1 and fall slowly, so that a late change costs little more evidence than an early one.
Mixtures of likelihood ratios go back to Robbins and Siegmund (1970), the sum over times of change
to Shiryaev (1963); see Ramdas et al. (2023, Statistical Science 38(4)) and, for changes, Shin,
Ramdas and Rinaldo (2024, arXiv:2203.03532). The formulas here are our own derivation.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SHIFTS = (-1.6, -0.8, -0.4, 0.4, 0.8, 1.6)  # δ, equally likely
_SOON = 100  # events after which the weight that is left for later changes begins to fall
_REACH = 4.0  # the integral over ε goes so many τ to each side
_FINEST, _COARSEST = 0.02, 15  # widest step between values of ε, and the fewest of them
_MOST = 201  # values of ε
_EDGE = 1e-6  # chances stay this far inside (0, 1), so that logits are finite


class Change(NamedTuple):
    """Evidence that a chance has changed.

    Attributes:
        log_evidence: ln E after each event, shape (n,).
        since: Index of the event from which on the chance is most likely another.
        between: Where that event lies with the given probability, (first, last).
    """

    log_evidence: Floats
    since: int
    between: tuple[int, int]


def change(
    happened: Sequence[bool], chances: Sequence[float], spread: float, level: float = 0.9
) -> Change:
    """Weigh the evidence that the chances of some events are not, or no longer, as expected.

    Args:
        happened: Whether each event happened, in order, n ≥ 1 of them.
        chances: The chance that each of them was expected to have, given those before it.
        spread: τ ≥ 0, the standard error of the logit of the chances.
        level: Probability that the change lies within `between`, in (0, 1).
    """
    x = np.asarray(happened, dtype=bool)
    m = np.clip(np.asarray(chances, dtype=np.float64), _EDGE, 1 - _EDGE)
    logits = np.log(m) - np.log1p(-m)
    shifts, log_prior = _open_shifts(spread)
    n = len(x)
    unchanged = _cumulated(x, logits, shifts)
    left = 1 / np.sqrt(1 + np.arange(n + 1) / _SOON)
    log_start, log_rest = np.log(left[:-1] - left[1:]), np.log(left[1:])
    null = np.logaddexp.reduce(log_prior[:, None] + unchanged[:, 1:], axis=0)
    log_changed = np.full(n, -np.inf)
    log_where = np.full(n, -np.inf)
    for shift in _SHIFTS:
        changed = _cumulated(x, logits, shifts + shift)
        begun = log_prior[:, None] + unchanged[:, :-1] - changed[:, :-1]
        by_now = np.logaddexp.accumulate(begun + log_start, axis=1) + changed[:, 1:]
        log_changed = np.logaddexp(log_changed, np.logaddexp.reduce(by_now, axis=0))
        log_where = np.logaddexp(log_where, np.logaddexp.reduce(begun + changed[:, -1:], axis=0))
    log_changed -= np.log(len(_SHIFTS))
    where = np.exp(log_where - log_where.max())
    below = np.cumsum(where) / where.sum()
    tails = ((1 - level) / 2, (1 + level) / 2)
    first, last = (min(int(np.searchsorted(below, tail)), n - 1) for tail in tails)
    since = int(where.argmax())
    return Change(
        np.logaddexp(log_changed - null, log_rest),
        since,
        (min(first, since), max(last, since)),
    )


def _open_shifts(spread: float) -> tuple[Floats, Floats]:
    """Return values of ε and the logarithms of their probabilities."""
    if spread <= 0:
        return np.zeros(1), np.zeros(1)
    half = max(_COARSEST // 2, min(_MOST // 2, int(np.ceil(_REACH * spread / _FINEST))))
    at = np.linspace(-_REACH, _REACH, 2 * half + 1)
    weights = np.array([NormalDist().pdf(each) for each in at])
    return at * spread, np.log(weights / weights.sum())


def _cumulated(x: NDArray[np.bool_], logits: Floats, shifts: Floats) -> Floats:
    """Return ln Π_{i≤t} p(xᵢ) for each shift and t = 0 … n, shape (E, n + 1)."""
    towards = np.where(x, 1.0, -1.0)
    each = -np.logaddexp(0.0, -towards * (logits + shifts[:, None]))
    return np.concatenate([np.zeros((len(shifts), 1)), np.cumsum(each, axis=1)], axis=1)
