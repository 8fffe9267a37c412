"""Vote on: draw some more fresh answers, and return the one with most votes of all fresh draws.

Ties with the answer in hand b go to it; ties without it count as lost. With c_j votes of answer j,
m_j and n_w its weight and all of the urn under hypothesis h, and w = n − R wrong draws among n,

    V_n = Σ_h P(h) Σ_R C(n,R) E[p₀ᴿ (1−p₀)ʷ | h] · B(h,R)
    B(h,R) = w!/(n_w+θ)^(w) · [xʷ] { Π_{j≠h} Σ_{J≤t_j} m_j^(J) xᴶ/J!  ·  exp(θ Σ_{s≤t₀} xˢ/s) }
    t_j = c_h + R − c_j − [h≠b],    t₀ = c_h + R − [h≠b]

where a negative t makes the term 0 and y^(J) = y(y+1)…(y+J−1). With M plausible values m_j + a
stands for m_j, aM for θ, and [Σ_{J≤t₀} a^(J) xᴶ/J!]^(M−D) for the exponential.
"""

from functools import lru_cache
from math import comb, log2

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.posterior import Ballot
from langchain_markovscale.theory.urn import Law

Floats = NDArray[np.float64]

_NEARLY_WHOLE = 1e-9  # M need not be whole, but so many values are left


def vote_on(ballot: Ballot, answer: int | None) -> Floats:
    """Return the chance that the answer with most votes is right, V_n.

    Args:
        ballot: What was drawn, and what up to N more draws depend on.
        answer: Which of the answers is in hand; None for one that is wrong.

    Returns:
        V_n for n = 1 … N, shape (N,).
    """
    most = ballot.chances.shape[1] - 1
    wins = np.zeros(ballot.chances.shape)
    votes = tuple(ballot.votes.tolist())
    for urns in ballot.urns:
        seen = tuple(map(tuple, urns.seen.tolist()))
        drawn = tuple(zip(urns.whole.tolist(), urns.distinct.tolist(), strict=True))
        wins += urns.weights[:, None, None] * _wins(votes, urns.urn.law, seen, drawn, answer, most)
    by_split = np.add.reduce(ballot.chances * wins, axis=0)
    choices, draws = _ways(most)
    return np.asarray(np.bincount(draws, (choices * by_split).ravel())[1 : most + 1], np.float64)


@lru_cache(maxsize=512)
def _wins(
    votes: tuple[float, ...],
    law: Law,
    seen: tuple[tuple[float, ...], ...],
    drawn: tuple[tuple[float, float], ...],
    answer: int | None,
    most: int,
) -> Floats:
    """Return B at [h, R, w], shape (H, N + 1, N + 1), which depends on no class.

    Args:
        votes: c_j.
        law: What values weigh in the urn.
        seen: What each answer weighs, for each hypothesis.
        drawn: What everything weighs, and how many values are in the urn, for each hypothesis.
        answer: Which of the answers is in hand.
        most: N.
    """
    hypotheses, answers, step = len(drawn), len(votes), law.step
    weights, cast = np.array(seen).reshape(hypotheses, answers), np.array(votes)
    whole, distinct = np.array(drawn).T
    sizes = np.arange(most + 1)
    # Of each hypothesis and R: how many votes more the right answer has than one without any may
    # have, t₀, then than each other may have, t_j.
    own = np.append(cast, 0.0) - 1
    if answer is not None:
        own[answer] += 1
    level = (own[:, None] + sizes).astype(np.int64)
    room = level[..., None] - cast
    room[range(answers), :, range(answers)] = most  # what is right is not in the urn
    # Polynomials in x, first of each answer, then of all that were not drawn; cut at degree N.
    series = np.empty((hypotheses, answers, most + 1))
    series[..., 0] = 1.0
    series[..., 1:] = (weights[..., None] + step * sizes[:-1]) / sizes[1:]
    np.multiply.accumulate(series, axis=-1, out=series)
    factors = np.empty((hypotheses, most + 1, answers + 1, most + 1))
    factors[:, :, :-1] = series[:, None] * (sizes <= room[..., None])
    unseen = [_unseen(law, many, most) for many in distinct.tolist()]
    rows = np.minimum(level, most) + 1
    factors[:, :, -1] = np.array(unseen)[np.arange(hypotheses)[:, None], rows]
    totals = np.empty((hypotheses, most + 1))
    totals[:, 0] = 1.0
    totals[:, 1:] = sizes[1:] / (whole[:, None] + step * sizes[:-1])
    np.multiply.accumulate(totals, axis=1, out=totals)
    return np.asarray(_product(factors, float(whole.max())) * totals[:, None])


def _product(factors: Floats, whole: float) -> Floats:
    """Return products of D polynomials, (..., D, N + 1), cut at degree N: (..., N + 1).

    By their values on a circle, so small that high powers, which are cut, weigh little.
    """
    *shape, count, length = factors.shape
    scale, there, back = _circle(count, length, round(log2(length / (length + whole))))
    values = (factors * scale).reshape(-1, length).dot(there)
    half = values.shape[1] // 2
    pairs = values[:, :half] + 1j * values[:, half:]
    product = np.multiply.reduce(pairs.reshape(-1, count, half), axis=1)
    cut = np.concatenate([product.real, product.imag], axis=1).dot(back) / scale
    return np.asarray(cut.reshape(*shape, length))


@lru_cache(maxsize=256)
def _circle(count: int, length: int, radius: int) -> tuple[Floats, Floats, Floats]:
    """Return what takes coefficients to values on half a circle, and values to coefficients.

    Args:
        count: D, how many polynomials are multiplied.
        length: N + 1, how many coefficients each has.
        radius: The circle's, as a power of 2.

    Returns:
        What coefficients are scaled by, shape (N + 1,), and two matrices.
    """
    points = count * (length - 1) + 1
    half = points // 2 + 1
    steps = np.outer(np.arange(length), np.arange(half)).astype(np.float64)
    angles: Floats = 2 * np.pi / points * steps
    there = np.hstack([np.cos(angles), np.sin(angles)])
    weights = np.full(half, 2.0)
    weights[0] = 1.0
    if points % 2 == 0:
        weights[-1] = 1.0
    back: Floats = there.T * np.tile(weights, 2)[:, None] / points
    return np.exp2(radius * np.arange(length, dtype=np.float64)), there, back


@lru_cache(maxsize=1024)
def _unseen(law: Law, distinct: float, n: int) -> Floats:
    """Return the series of all values not drawn yet, none of which passes t₀.

    Args:
        law: What values weigh.
        distinct: How many were drawn.
        n: The degree at which series are cut.

    Returns:
        For t₀ from −1 to n, shape (n + 2, n + 1); 0 where t₀ is −1.
    """
    each, whole, step = law
    table = np.zeros((n + 2, n + 1))
    table[1:, 0] = 1.0
    left = max(whole - each * distinct, 0.0)
    many = np.ceil(left / each - _NEARLY_WHOLE) if each else 0.0
    weight = left / max(many, 1.0)
    for most in range(n + 1):
        row = table[most + 1]
        if each:
            one = np.cumprod([1.0, *(weight + step * np.arange(n)) / np.arange(1, n + 1)])
            one[most + 1 :] = 0.0
        for i in range(1, n + 1):
            if each:  # from p = f^q follows f p′ = q f′ p
                k = np.arange(1, i + 1)
                row[i] = ((many * k - (i - k)) * one[1 : i + 1] * row[i - k]).sum() / i
            else:  # g_i = (θ/i) Σ_{s ≤ min(t₀, i)} g_{i−s}
                row[i] = whole / i * row[max(i - most, 0) : i].sum()
    return table


@lru_cache(maxsize=64)
def _ways(most: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return C(R+w, R) at [R, w], and R + w of each, flat."""
    sizes = range(most + 1)
    choices = [[float(comb(right + wrong, right)) for wrong in sizes] for right in sizes]
    return np.array(choices), np.add.outer(sizes, sizes).ravel()
