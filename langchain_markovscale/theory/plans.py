"""Plans that could be followed blindly from here, and what each is worth.

A commitment's worth is linear in the belief, so that all of them together are one small matrix
per depth of revision. With y the correctness of the answer in hand and p(y) the chance that a
candidate is correct (a revision: p(1) = 1−β, p(0) = α; a fresh draw: p₀ for both):

    verified, n rounds   draw candidates until the verifier accepts one, at most n; else keep the
                         answer in hand: A = p s, R = p(1−s) + (1−p)u, L = (1−Rⁿ)/(1−R) rounds,
                         V(y) = A L + Rⁿ y
    blind, n rounds      revise n times and take what comes (one round for a fresh draw)
    agreement, n rounds  draw n fresh answers and return the plurality, the answer in hand
                         counting once and ties shared
    verified agreement   the same, counting only the draws that the verifier accepts
"""

from collections.abc import Iterator
from functools import lru_cache
from math import e, lgamma, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.types import Action

Floats = NDArray[np.float64]


class Commitments(NamedTuple):
    """Commitments in order of their rounds, with M rows and, in each, the 2K states.

    The states are (class 1 … K, answer in hand correct), then (class 1 … K, wrong).

    Attributes:
        actions: The first step of each commitment, length M.
        gains: V_n(y) − y, shape (M, 2K): what it adds to the chance of being right.
        rounds: L_n(y), shape (M, 2K): the rounds it is expected to take.
        within: `within[n]` counts the commitments of at most n rounds, n = 0 … the most rounds.
    """

    actions: tuple[Action, ...]
    gains: Floats
    rounds: Floats
    within: tuple[int, ...]


def commitments(
    rates: Rates, actions: tuple[Action, ...], most_rounds: int, depth: int, *, keyed: bool
) -> Commitments:
    """Return every commitment of at most `most_rounds` rounds.

    Args:
        rates: The mixture and what is known of the verifier.
        actions: The first steps that are allowed.
        most_rounds: The most rounds a commitment may take, at least 0.
        depth: How many revisions lie between the answer in hand and its fresh draw.
        keyed: Whether answers have keys; without them there is no agreement.
    """
    rows: list[tuple[Action, Floats, Floats]] = []
    within = [0]
    votes: list[Floats] = []
    if keyed and "generate" in actions and most_rounds:
        votes = _agreements(rates, most_rounds)
    for n in range(1, most_rounds + 1):
        if "revise" in actions:
            rows.extend(("revise", *worth) for worth in _revisions(rates, depth, n))
        if "generate" in actions:
            rows.extend(("generate", *worth) for worth in _draws(rates, n))
            length = np.full((2, rates.n_classes), float(n))
            rows.extend(("generate", values[n], length) for values in votes)
        within.append(len(rows))
    shape = (len(rows), 2 * rates.n_classes)
    in_hand = np.repeat([1.0, 0.0], rates.n_classes)
    values = np.array([value.ravel() for _, value, _ in rows]).reshape(shape)
    lengths = np.array([length.ravel() for _, _, length in rows]).reshape(shape)
    return Commitments(
        tuple(action for action, _, _ in rows), values - in_hand, lengths, tuple(within)
    )


def _revisions(rates: Rates, depth: int, n: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield (V, L), each of shape (2, K), of the commitments that begin with a revision."""
    repair, corruption = rates.at_depth(depth)
    yield _verified(rates, np.array([1 - corruption, repair]), n)
    total = repair + corruption
    level = np.where(total > 0, repair / np.where(total > 0, total, 1), 0.5)
    shrinkage = np.where(total > 0, (1 - total) ** n, 1.0)
    in_hand = np.array([[1.0], [0.0]])
    yield level + (in_hand - level) * shrinkage, np.full((2, len(total)), float(n))


def _draws(rates: Rates, n: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield (V, L), each of shape (2, K), of the commitments that begin with a fresh draw."""
    initial = np.array([rates.arrays.initial] * 2)
    yield _verified(rates, initial, n)
    if n == 1:
        yield initial, np.ones_like(initial)


def _agreements(rates: Rates, most: int) -> list[Floats]:
    """Return V of agreement, then of verified agreement, each of shape (most + 1, 2, K)."""
    shares = plurality_shares(most, max(1, round(1 / rates.coincidence)))
    right, wrong = rates.arrays.initial, 1 - rates.arrays.initial
    s, u = rates.arrays.sensitivity, rates.arrays.specificity
    return [_pluralities(shares, right, wrong), _pluralities(shares, right * s, wrong * (1 - u))]


def _pluralities(shares: Floats, right: Floats, wrong: Floats) -> Floats:
    """Return V after 0, 1, … draws, each of which votes right, votes wrong, or does not vote.

    Args:
        shares: As `plurality_shares` gives them, for up to N draws.
        right: Chance that a draw votes for the right answer, shape (K,).
        wrong: Chance that it votes for a wrong one, shape (K,).

    Returns:
        Shape (N + 1, 2, K).
    """
    most = shares.shape[1] - 1
    silent = np.maximum(1 - right - wrong, 0.0)
    chances = np.zeros((most + 1, most + 1, len(right)))  # of so many right and wrong votes
    chances[0, 0] = 1.0
    values = [np.einsum("yrw,rwk->yk", shares, chances)]
    for _ in range(most):
        after = silent * chances
        after[1:] += right * chances[:-1]
        after[:, 1:] += wrong * chances[:, :-1]
        chances = after
        values.append(np.einsum("yrw,rwk->yk", shares, chances))
    return np.array(values)


def _verified(rates: Rates, candidate: Floats, n: int) -> tuple[Floats, Floats]:
    s, u = rates.arrays.sensitivity, rates.arrays.specificity
    accepted_right = candidate * s
    rejected = candidate * (1 - s) + (1 - candidate) * u
    none_accepted = rejected**n
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.where(rejected < 1, (1 - none_accepted) / (1 - rejected), float(n))
    in_hand = np.array([[1.0], [0.0]])
    return accepted_right * length + none_accepted * in_hand, length


@lru_cache(maxsize=64)
def plurality_shares(most: int, wrong_values: int) -> Floats:
    """Return the chance that the plurality is right, given how many fresh draws are right.

    The answer in hand counts once, wrong draws spread evenly over `wrong_values` values, and tied
    answers share. Found by counting with exponential generating functions: m wrong draws fall so
    that every wrong value has a count in a set with chance m!/Wᵐ [xᵐ] Π Σ_{i in its set} xⁱ/i!.

    Args:
        most: The most fresh draws, at least 1.
        wrong_values: W, at least 1.

    Returns:
        Shape (2, most+1, most+1): [0 for a correct answer in hand and 1 for a wrong one, right
        draws, wrong draws].
    """
    shares = np.zeros((2, most + 1, most + 1))
    for right_draws in range(most + 1):
        shares[0, right_draws] = _shares(right_draws + 1, most, wrong_values, 0)
        if right_draws:
            shares[1, right_draws] = _shares(right_draws, most, wrong_values, 1)
    return shares


def _shares(right: int, most: int, wrong_values: int, in_hand_wrong: int) -> Floats:
    """Return the right answer's share at `right` votes, by the number of wrong draws to `most`."""
    count = np.arange(most + 2)
    # x is scaled so that neither factorials nor powers of W leave the floats: (m/e)ᵐ is near m!.
    scale = np.log(most / e)
    log_factorial = np.array([lgamma(i + 1) for i in count])
    votes = np.exp(count * (scale - log(wrong_values)) - log_factorial)
    below, others = votes * (count < right), wrong_values - in_hand_wrong
    total, ways_to_tie = np.zeros(most + 2), 1.0
    for ties in range(min(others, most // right) + 1):
        spread = np.roll(ways_to_tie * _power(below, others - ties), ties * right)
        spread[: ties * right] = 0
        if in_hand_wrong:  # which has one vote before any draw, and so ties at right − 1 more
            spread = _times(spread, below / (1 + ties + (count == right - 1)))
        else:
            spread /= 1 + ties
        total += spread
        ways_to_tie *= (others - ties) / (ties + 1) * votes[right]
    return np.asarray((total / np.exp(count * scale - log_factorial))[: most + 1])


def _times(a: Floats, b: Floats) -> Floats:
    """Product of two polynomials, cut at their length."""
    return np.asarray(np.convolve(a, b)[: len(a)])


def _power(base: Floats, exponent: int) -> Floats:
    result: Floats = np.eye(1, len(base))[0]
    while exponent:
        if exponent & 1:
            result = _times(result, base)
        base, exponent = _times(base, base), exponent >> 1
    return result
