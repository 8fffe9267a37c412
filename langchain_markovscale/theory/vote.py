"""Vote on: draw some more fresh answers, and return the one with most votes of all fresh draws.

Ties with the answer in hand b go to it; ties without it count as lost. With c_j votes of answer j,
m_j and n_w its weight and all of the urn under hypothesis h, and w = n − R wrong draws among n,

    V_n = Σ_h P(h) Σ_R C(n,R) E[p₀ᴿ (1−p₀)ʷ | h] · B(h,R)
    B(h,R) = w!/(n_w+θ)^(w) · [xʷ] { Π_{j≠h} Σ_{J≤t_j} m_j^(J) xᴶ/J!  ·  exp(θ Σ_{s≤t₀} xˢ/s) }
    t_j = c_h + R − c_j − [h≠b],    t₀ = c_h + R − [h≠b]

where a negative t makes the term 0 and y^(J) = y(y+1)…(y+J−1). With M plausible values m_j + a
stands for m_j, aM for θ, and [Σ_{J≤t₀} a^(J) xᴶ/J!]^(M−D) for the exponential.
"""

from math import comb

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.posterior import Ballot, Urns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST = 32  # draws ahead that anybody plans for
_NEARLY_WHOLE = 1e-9  # M need not be whole, but so many values are left
_UNLIKELY = 1e-13  # hypotheses that weigh less are left out


def vote_on(ballot: Ballot, answer: int | None) -> Floats:
    """Return the chance that the answer with most votes is right, V_n.

    Args:
        ballot: What was drawn, and what up to N more draws depend on.
        answer: Which of the answers is in hand; None for one that is wrong.

    Returns:
        V_n for n = 1 … N, shape (N,).
    """
    most = ballot.chances.shape[1] - 1
    sizes = np.arange(most + 1)
    by_split = np.zeros((most + 1, most + 1))  # at [R, w]
    for urns in ballot.urns:
        weights = urns.weights * ballot.chances[:, 0, 0]
        likely = np.flatnonzero(weights > _UNLIKELY)
        wins = _wins(ballot.votes, urns, likely, answer, most)
        chances = ballot.chances[likely] * urns.weights[likely, None, None]
        by_split += (chances * wins).sum(axis=0)
    by_split *= _CHOICES[sizes[:, None] + sizes, sizes[:, None]]
    return np.array([np.trace(by_split[:, ::-1], most - n) for n in range(1, most + 1)])


def _wins(votes: Floats, urns: Urns, likely: Ints, answer: int | None, most: int) -> Floats:
    """Return B at [h, R, w] for the likely hypotheses, shape (len(likely), N + 1, N + 1)."""
    own = np.append(votes, 0.0)[likely]
    in_hand = -1 if answer is None else answer
    sizes = np.arange(most + 1)
    level = (own[:, None] + sizes - (likely != in_hand)[:, None]).astype(np.int64)
    # Polynomials in x for each hypothesis and R, cut at degree N.
    product = _unseen(urns, likely, level, most)
    for j, cast in enumerate(votes.tolist()):
        series = _rising(urns.urn.law.step, urns.seen[likely, j], most)
        kept = sizes <= (level - int(cast))[..., None]
        factor = np.where(kept, series[:, None, :], 0.0)
        factor[likely == j] = np.eye(1, most + 1)[0]  # the right answer is not in the urn
        product = _times(product, factor)
    total = _log_rising(urns.urn.law.step, urns.whole[likely], most)
    return np.asarray(product * np.exp(_LOG_FACTORIALS[sizes] - total)[:, None])


def _unseen(urns: Urns, likely: Ints, level: Ints, n: int) -> Floats:
    """Return the series of all values not drawn yet, none of which may pass its level."""
    each, whole, step = urns.urn.law
    sizes = np.arange(n + 1)
    series = np.zeros((*level.shape, n + 1))
    if step and not each:
        # g₀ = 1, g_i = (θ/i) Σ_{s ≤ min(t₀, i)} g_{i−s}
        series[..., 0] = 1.0
        for i in range(1, n + 1):
            reach = np.arange(1, i + 1) <= level[..., None]
            series[..., i] = whole / i * (series[..., i - 1 :: -1][..., :i] * reach).sum(axis=-1)
    else:
        left = np.maximum(whole - each * urns.distinct[likely], 0.0)
        many = np.ceil(left / each - _NEARLY_WHOLE)
        one = _rising(step, left / np.maximum(many, 1), n)
        kept = np.where(sizes <= level[..., None], one[:, None], 0.0)
        series = _power(kept, np.broadcast_to(many[:, None], level.shape))
    return np.where((level >= 0)[..., None], series, 0.0)


def _rising(step: float, weights: Floats, n: int) -> Floats:
    """Return y(y+s)…(y+(J−1)s)/J! for J = 0 … n, shape (..., n + 1)."""
    steps = np.arange(n)
    factors = (weights[..., None] + step * steps) / (steps + 1)
    one = np.ones((*weights.shape, 1))
    return np.concatenate([one, np.cumprod(factors, axis=-1)], axis=-1)


def _log_rising(step: float, whole: Floats, n: int) -> Floats:
    """Return ln of the weights of everything over J more draws, J = 0 … n, shape (h, n + 1)."""
    totals = np.log(whole[:, None] + step * np.arange(n))
    return np.concatenate([np.zeros((len(whole), 1)), np.cumsum(totals, axis=1)], axis=1)


def _times(a: Floats, b: Floats) -> Floats:
    """Product of polynomials along the last axis, cut at their length."""
    product = a * b[..., :1]
    for i in range(1, a.shape[-1]):
        product[..., i:] += a[..., : a.shape[-1] - i] * b[..., i, None]
    return np.asarray(product)


def _power(series: Floats, exponents: Floats) -> Floats:
    """Return polynomials that begin with 1 to real powers, cut at their length.

    From p = f^q follows f p' = q f' p, which gives the coefficients one after the other.
    """
    n = series.shape[-1]
    power = np.zeros_like(series)
    power[..., 0] = 1.0
    for i in range(1, n):
        k = np.arange(1, i + 1)
        terms = (exponents[..., None] * k - (i - k)) * series[..., 1 : i + 1]
        power[..., i] = (terms * power[..., i - 1 :: -1][..., :i]).sum(axis=-1) / i
    return power


_LOG_FACTORIALS = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, _MOST + 1)))])
_CHOICES = np.array([[comb(n, k) for k in range(_MOST + 1)] for n in range(2 * _MOST + 1)], float)
