"""Plans that could be followed blindly from here, and what each is worth.

With y the correctness of the answer in hand and p the chance that a candidate is right (a revision:
1−β if y, else α; a fresh draw: p₀):

    verified, n rounds   draw candidates until the verifier accepts one, at most n; else keep the
                         answer in hand: A = p s, R = p(1−s) + (1−p)u, L = (1−Rⁿ)/(1−R) rounds,
                         V = A L + Rⁿ y
    blind, n rounds      revise n times and take what comes; one round for a fresh draw
    vote on, n rounds    draw n more and return what has most votes, see `theory/vote.py`

Where rates settle, revisions are a chain: what was rejected is revised next, one level deeper. With
q₁ and q₀ the chances that no candidate was accepted yet and that the latest answer is right, or
wrong (at first y and 1 − y), a round has r = q₁(1−β) + q₀α and w = q₁ + q₀ − r, and

    V grows by r s − (r s + w (1−u)) y,  L by q₁ + q₀,  and then q₁ = r (1−s),  q₀ = w u

A commitment's worth is linear in the belief. For verdicts that are independent it is one that a
plan attains, so it bounds the optimum from below, and deciding again each round can only raise it.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.posterior import Candidates
from langchain_markovscale.types import Action

Floats = NDArray[np.float64]


Kind = Literal["verified", "blind", "vote", "optimal"]
"""What a plan does: one of the above, or optimal stopping of fresh draws, see `theory/optimum.py`,
which draws whatever the first step of its plan is said to be."""


class Plan(NamedTuple):
    """One plan, as it looks from a belief.

    Attributes:
        action: Its first step.
        gain: What it adds to the chance that the answer returned is right.
        rounds: The rounds it is expected to take.
        kind: What it does.
        most: The most rounds that it may take.
        cost: What it is expected to cost, rounds and waiting together.
        draws: How many fresh draws are made at once in its first step.
    """

    action: Action
    gain: float
    rounds: float
    kind: Kind
    most: int
    cost: float = 0.0
    draws: int = 1


def worth_of(plan: Plan) -> float:
    """Return what a plan gains, less what it costs."""
    return plan.gain - plan.cost


class Outlook(NamedTuple):
    """What a plan depends on beside the belief.

    Attributes:
        left: Attempts that are left, at least 1.
        scored: Whether the verifier is to be counted on.
        fresh: Whether the run is one of fresh draws, whose optimum is in a table.
        class_weights: Those of this question, where it has its own.
        wait: w, what waiting for a round trip costs.
    """

    left: int
    scored: bool
    fresh: bool
    class_weights: tuple[float, ...] | None
    wait: float = 0.0


class Commitments(NamedTuple):
    """Plans of 1 … n rounds that begin with one of X actions.

    Attributes:
        gains: What each adds to the chance that the answer returned is right, X rows.
        rounds: The rounds that each is expected to take, X rows.
        kind: What they do.
    """

    gains: Sequence[Sequence[float]]
    rounds: Sequence[Sequence[float]]
    kind: Kind = "verified"


def best_of(commitments: Sequence[Commitments], costs: Mapping[Action, float]) -> list[Plan]:
    """Return for each action the plan that is worth most; of equal ones the first, and shortest.

    Args:
        commitments: At least one, each with a row for each action.
        costs: c, what a round of each action costs, in the order of the rows.
    """
    plans = []
    for row, (action, cost) in enumerate(costs.items()):
        best, at, most = commitments[0], 0, -inf
        for each in commitments:
            pairs = zip(each.gains[row], each.rounds[row], strict=True)
            worths = [gain - cost * taken for gain, taken in pairs]
            worth = max(worths)
            if worth > most:
                best, at, most = each, worths.index(worth), worth
        taken = best.rounds[row][at]
        plans.append(Plan(action, best.gains[row][at], taken, best.kind, at + 1, cost * taken))
    return plans


def verified(cases: Candidates, most: int) -> Commitments:
    """Return the commitments to take candidates until one is accepted, else the answer in hand.

    Where one round stands for all, every candidate is made of the answer in hand; where each has
    its own chances, it is made of the one before.

    Args:
        cases: What candidates depend on.
        most: The most rounds, at least 1.
    """
    weights, right, chances, accepted, mistaken = cases
    if len(chances) > 1:
        good, bad = along_chain(cases, most)
        gains = over_cases(good, weights * accepted * (1 - right))
        gains -= over_cases(bad, weights * mistaken * right)
        reached = good + bad
    else:
        candidate = np.where(right, chances[0, 1], chances[0, 0])
        found = candidate * accepted  # A
        ends = found + (1 - candidate) * mistaken  # 1 − R
        reached = np.empty((most, *ends.shape))
        reached[0], rejected = 1.0, 1 - ends
        for n in range(1, most):  # `accumulate` takes several times as long
            np.multiply(reached[n - 1], rejected, out=reached[n])
        # V − y = Σ (A − (1 − R) y) times the chance that a round is reached.
        gains = over_cases(reached, weights * (found - right * ends))
    by_round = np.add.accumulate([gains, over_cases(reached, weights)], axis=1)
    return Commitments(*by_round.transpose(0, 2, 1).tolist())


def along_chain(cases: Candidates, most: int) -> tuple[Floats, Floats]:
    """Return r and w: P(a chain reaches a round, and its candidate is right, or wrong | case).

    A wrong answer that comes back unchanged is judged as in the first round, though it was rejected
    since: where verdicts repeat themselves that promises a little too little.

    Args:
        cases: What candidates depend on.
        most: How many rounds.

    Returns:
        By round, action and case, both of shape (most, X, …).
    """
    weights, right, chances, accepted, mistaken = cases
    missed, refused = 1 - accepted, 1 - mistaken
    latest_right, latest_wrong = right, 1 - right
    good, bad = np.empty((2, most, *weights.shape))
    for at, (its_right, its_wrong) in enumerate(zip(good, bad, strict=True)):
        if_wrong, if_right = chances[min(at, len(chances) - 1)]
        np.multiply(latest_wrong, if_wrong, out=its_right)
        its_right += latest_right * if_right
        np.subtract(latest_right + latest_wrong, its_right, out=its_wrong)
        latest_right, latest_wrong = its_right * missed, its_wrong * refused
    return good, bad


def over_cases(rounds: Floats, weights: Floats) -> Floats:
    """Return the weighted sum over cases of something by round, shape (n, X, …), as (n, X)."""
    flat = rounds.reshape(*rounds.shape[:2], -1)
    return np.asarray(np.vecdot(weights.reshape(flat.shape[1:]), flat))


def as_they_come(gains: Floats, kind: Kind) -> Commitments:
    """Return the commitments to take n candidates, whatever they are.

    Args:
        gains: What each adds, shape (X, most).
        kind: What they do.
    """
    rounds = range(1, gains.shape[1] + 1)
    return Commitments(gains.tolist(), [rounds] * len(gains), kind)
