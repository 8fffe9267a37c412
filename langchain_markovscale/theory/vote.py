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
from itertools import product
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
    votes, joint, initial, urns, most = ballot
    # Which answer is which does not matter: in the order of their votes, few ballots differ.
    order = sorted(range(len(votes)), key=lambda index: (-votes[index], index != answer))
    rows = [*order, len(votes)]
    in_urn = urns.weights.take(rows, axis=1).take([*rows, len(votes) + 1], axis=2)
    by_law = _wins(
        tuple([votes[index] for index in order]),
        urns.laws,
        in_urn.tobytes(),
        urns.distinct.take(rows).tobytes(),
        None if answer is None else order.index(answer),
        most,
    )
    wins = by_law[0]
    if len(by_law) > 1:
        wins = np.einsum("uh,uhrw->hrw", urns.chances.take(rows, axis=1), by_law)
    chances = joint.take(rows, axis=0).dot(_splits(initial, most)).reshape(wins.shape)
    return np.asarray((chances * wins).ravel().dot(_ways(most, len(wins))))


def vote_at_most(ballot: Ballot, answer: int | None) -> Floats:
    """Return what no V_n passes: the chance of enough right draws, wherever wrong ones fall.

    Args:
        ballot: What was drawn, and what up to N more draws depend on.
        answer: Which of the answers is in hand; None for one that is wrong.

    Returns:
        For n = 1 … N, shape (N,).
    """
    votes, joint, initial, _, most = ballot
    rival, leader = sorted([0, 0, *votes])[-2:]
    needed = []
    for index, many in enumerate([*votes, 0]):
        ahead = (rival if many == leader else leader) - many + (index != answer)
        needed.append(min(max(ahead, 0), most + 1))
    enough = _enough(initial, most).take(needed, axis=0)
    return np.asarray(joint.ravel().dot(enough.reshape(-1, most)))


@lru_cache(maxsize=64)
def _enough(initial: tuple[float, ...], most: int) -> Floats:
    """Return P(at least so many of n draws are right) at [how many, class, n], n from 1."""
    sizes = most + 1
    splits = _splits(initial, most).reshape(-1, sizes, sizes, 1)
    exactly = (splits * _ways(most, 1).reshape(sizes, sizes, most)).sum(axis=2)
    return np.array([exactly[:, least:].sum(axis=1) for least in range(sizes + 1)])


@lru_cache(maxsize=64)
def _splits(initial: tuple[float, ...], draws: int) -> Floats:
    """Return p₀ᴿ (1−p₀)ʷ for R and w from 0 to `draws`, shape (K, (draws + 1)²)."""
    p, powers = np.array(initial)[:, None], np.arange(draws + 1)
    right, wrong = p**powers, (1 - p) ** powers
    return np.asarray((right[:, :, None] * wrong[:, None]).reshape(len(p), -1), np.float64)


@lru_cache(maxsize=512)
def _wins(
    votes: tuple[int, ...],
    laws: tuple[Law, ...],
    in_urn: bytes,
    distinct: bytes,
    answer: int | None,
    most: int,
) -> Floats:
    """Return B at [law, h, R, w], shape (U, H, N + 1, N + 1), which depends on no class.

    Args:
        votes: c_j.
        laws: What values weigh before any was drawn.
        in_urn: `Urns.weights`, as bytes.
        distinct: `Urns.distinct`, as bytes.
        answer: Which of the answers is in hand.
        most: N.
    """
    answers = len(votes)
    in_urns = np.frombuffer(in_urn).reshape(len(laws), -1, answers + 2)
    step = np.array([law.step for law in laws])[:, None, None, None]
    sizes = np.arange(most + 1)
    # Polynomials in x, first of each answer, then of everything; cut at degree N.
    weights = in_urns[..., :-1, None]
    series = np.empty((*weights.shape[:-1], most + 1))
    series[..., 0] = 1.0
    np.divide(weights + step * sizes[:-1], sizes[1:], out=series[..., 1:])
    np.multiply.accumulate(series, axis=-1, out=series)
    allowed, rows = _room(votes, answer, most)
    factors = np.empty((answers + 1, len(laws), *rows.shape, most + 1))
    each = series[:, :, :-1].transpose(2, 0, 1, 3)
    np.multiply(each[:, :, :, None], allowed[:, None], out=factors[:-1])
    different = np.frombuffer(distinct, np.int64)[:, None]
    factors[-1] = _unseen_by_count(laws, answers, most)[:, different, rows]
    # w!/(n_w+θ)^(w) is 1 over the series of everything.
    wins = _product(factors, float(weights[:, :, -1].max())) / series[:, :, None, -1]
    return np.asarray(wins)


@lru_cache(maxsize=512)
def _room(
    votes: tuple[int, ...], answer: int | None, most: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Return how often wrong answers may be drawn for the right one to win.

    Args:
        votes: c_j.
        answer: Which of the answers is in hand.
        most: N.

    Returns:
        1 at [j, h, R, J] where answer j may be drawn J times more, J ≤ t_j, else 0; t₀ + 1 at
        [h, R], which is a row of `_unseen`.
    """
    sizes = np.arange(most + 1)
    own = [many - (index != answer) for index, many in enumerate(votes)]
    level = np.array([*own, -1])[:, None] + sizes
    room = level - np.array(votes)[:, None, None]
    for right in range(len(votes)):
        room[right, right] = most  # what is right is not in the urn
    return (sizes <= room[..., None]).astype(np.float64), np.minimum(level, most) + 1


def _product(factors: Floats, whole: float) -> Floats:
    """Return products of D polynomials, (D, ..., N + 1), cut at degree N: (..., N + 1).

    By their values on a circle, so small that high powers, which are cut, weigh little.
    """
    count, *shape, length = factors.shape
    there, back = _circle(count, length, round(log2(length / (length + whole))))
    values = factors.reshape(-1, length).dot(there).view(np.complex128)
    product = np.multiply.reduce(values.reshape(count, -1, values.shape[1]))
    return np.asarray(product.view(np.float64).dot(back).reshape(*shape, length))


@lru_cache(maxsize=256)
def _circle(count: int, length: int, radius: int) -> tuple[Floats, Floats]:
    """Return what takes coefficients to values on half a circle, and values to coefficients.

    Args:
        count: D, how many polynomials are multiplied.
        length: N + 1, how many coefficients each has.
        radius: The circle's, as a power of 2.

    Returns:
        Two matrices; values are complex, their real and imaginary parts taking turns.
    """
    points = count * (length - 1) + 1
    half = points // 2 + 1
    steps = np.outer(np.arange(length), np.arange(half)).astype(np.float64)
    turns = np.exp(2j * np.pi / points * steps)
    weights = np.full(half, 2.0)
    weights[0] = 1.0
    if points % 2 == 0:
        weights[-1] = 1.0
    scale = np.exp2(radius * np.arange(length, dtype=np.float64))[:, None]
    back: Floats = (turns * weights / points / scale).view(np.float64).T
    return (turns * scale).view(np.float64), np.ascontiguousarray(back)


@lru_cache(maxsize=256)
def _unseen_by_count(laws: tuple[Law, ...], answers: int, n: int) -> Floats:
    """Return `_unseen` for each law and each number of answers drawn, (U, A + 1, n + 2, n + 1)."""
    return np.array([[_unseen(law, many, n) for many in range(answers + 1)] for law in laws])


def _unseen(law: Law, distinct: int, n: int) -> Floats:
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
def _ways(most: int, hypotheses: int) -> Floats:
    """Return C(n, R) at [(h, R, w), n], where R + w = n, shape (H (N + 1)², N)."""
    sizes = range(most + 1)
    ways = np.zeros((most + 1, most + 1, most))
    for right, wrong in product(sizes, sizes):
        if 0 < right + wrong <= most:
            ways[right, wrong, right + wrong - 1] = comb(right + wrong, right)
    return np.tile(ways.reshape(-1, most), (hypotheses, 1))
