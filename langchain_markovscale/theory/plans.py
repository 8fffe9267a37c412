"""Plans that could be followed blindly from here, and what each is worth.

With y the correctness of the answer in hand and p the chance that a candidate is right (a revision:
1−β if y, else α; a fresh draw: p₀):

    verified, n rounds   draw candidates until the verifier accepts one, at most n; else keep the
                         answer in hand: A = p s, R = p(1−s) + (1−p)u, L = (1−Rⁿ)/(1−R) rounds,
                         V = A L + Rⁿ y
    blind, n rounds      revise n times and take what comes; one round for a fresh draw
    vote on, n rounds    draw n more and return what has most votes, see `theory/vote.py`

A commitment's worth is linear in the belief. For verdicts that are independent it is one that a
plan attains, so it bounds the optimum from below, and deciding again each round can only raise it.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.posterior import Candidates, Chains
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
    """

    action: Action
    gain: float
    rounds: float
    kind: Kind
    most: int


class Outlook(NamedTuple):
    """What a plan depends on beside the belief.

    Attributes:
        left: Attempts that are left, at least 1.
        scored: Whether the verifier is to be counted on.
        fresh: Whether the run is one of fresh draws, whose optimum is in a table.
        class_weights: Those of this question, where it has its own.
    """

    left: int
    scored: bool
    fresh: bool
    class_weights: tuple[float, ...] | None


class Commitments(NamedTuple):
    """Plans of 1 … n rounds.

    Attributes:
        gains: What each adds to the chance that the answer returned is right, shape (n,).
        rounds: The rounds that each is expected to take, shape (n,).
        kind: What they do.
    """

    gains: Floats
    rounds: Floats
    kind: Kind = "verified"

    def best(self, action: Action, cost: float) -> Plan:
        """Return the one that is worth most when a round costs c; of equal ones the shortest."""
        row = int((self.gains - cost * self.rounds).argmax())
        return Plan(action, float(self.gains[row]), float(self.rounds[row]), self.kind, row + 1)


def verified(cases: Candidates, most: int) -> Commitments:
    """Return the commitments to take candidates until one is accepted.

    Args:
        cases: What candidates depend on.
        most: The most rounds, at least 1.
    """
    weights, right, candidate, accepted, mistaken = cases
    ends = mistaken + candidate * (accepted - mistaken)  # 1 − R
    # V − y = (A − (1 − R) y) L: what a round brings, times the rounds.
    gains = weights * (candidate * accepted - right * ends)
    firsts = np.array([gains.ravel(), weights.ravel()])
    return Commitments(*_summed(firsts, 1 - ends.ravel(), most))


def blind(cases: Chains, most: int) -> Commitments:
    """Return the commitments to revise n times and take what comes.

    Args:
        cases: What revisions depend on.
        most: The most rounds, at least 1.
    """
    right, wrong, repair, corruption = cases
    # a_{t+1} = λ a_t + α, so that a_n − a_0 is the first gain times 1 + λ + … + λⁿ⁻¹.
    first = wrong * repair - right * corruption
    gains = _summed(first.ravel(), (1 - repair - corruption).ravel(), most)
    return Commitments(gains, np.arange(1.0, most + 1), "blind")


def one_draw(cases: Candidates) -> Commitments:
    """Return the commitment to draw once and take what comes."""
    gains = cases.weights * (cases.candidate - cases.right)
    return Commitments(np.add.reduce(gains, axis=None, keepdims=True).ravel(), np.ones(1), "blind")


def _summed(firsts: Floats, factors: Floats, most: int) -> Floats:
    """Return Σ_i x_i (1 + f_i + … + f_iⁿ⁻¹) for n from 1 to `most`, shape (…, most).

    Args:
        firsts: x, shape (…, N).
        factors: f, shape (N,).
        most: The most rounds.
    """
    powers = np.empty((most, factors.size))
    powers[0] = 1.0
    powers[1:] = factors
    np.multiply.accumulate(powers, axis=0, out=powers)
    return np.asarray(np.add.accumulate(firsts.dot(powers.T), axis=-1))
