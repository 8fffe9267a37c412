"""The decision where only the latest answer can be returned, because those before it are lost.

No verdict brings an earlier answer back, so that the plans are, with y the correctness of the
answer in hand, p the chance that a candidate is right, and A, R as in `theory/plans.py`:

    blind, n rounds           revise n times, or draw once, and take what comes
    until accepted, n rounds  take candidates until the verifier accepts one, at most n; else the
                              last of them: V = A L + Rⁿ⁻¹ p(1−s)

Draws are made one at a time, for of several at once all but one would be lost. Rates settle with
each round as in `theory/plans.py`. Where they do not, nothing is scored and there is one class,
this is the rule of MarkovScale: revise iff b < π − c/(α+β), with b the belief in the latest answer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.criterion import Criterion, new_decision
from langchain_markovscale.theory.in_hand import in_hand
from langchain_markovscale.theory.plans import Commitments, as_they_come, best_of, worth_of
from langchain_markovscale.theory.posterior import Candidates, KeyedPosterior
from langchain_markovscale.theory.validation import TOLERANCE
from langchain_markovscale.types import Attempt, Decision, Reason, Step

_FARTHEST = 64  # rounds that a plan looks ahead


def decide_on_latest(
    criterion: Criterion,
    attempt: Attempt,
    lost: int,
    class_weights: Sequence[float] | None = None,
) -> Decision:
    """Return what to do after an attempt whose predecessors are lost.

    Args:
        criterion: Its rates, costs, rounds and actions are used.
        attempt: The latest attempt, without a parent. Its score is weighed as that of a first
            answer: nothing is known of those before it.
        lost: How many attempts came before it.
        class_weights: Of this question, as for `Criterion.decide`.

    Returns:
        A decision that counts all attempts; its `best` is the latest.
    """
    exact = criterion.exact_verifier
    posterior = criterion.belief.posterior([attempt], class_weights)
    hand = in_hand(posterior, [attempt], exact=exact)
    left = min(criterion.max_rounds - lost - 1, _FARTHEST)
    silent = attempt["score"] is None
    says_nothing = criterion.rates.verdicts_say_nothing
    if left <= 0:
        return new_decision("stop", lost, lost + 1, "max_rounds", hand.belief)
    if exact and hand.belief == 1.0:
        cost = criterion.cheapest[1] + criterion.waiting.price(None)
        return new_decision("stop", lost, lost + 1, "gain_below_cost", hand.belief, cost=cost)
    if silent and not says_nothing and not isinstance(posterior, KeyedPosterior):
        return new_decision("stop", lost, lost + 1, "no_evidence", hand.belief)
    phi = criterion.phi or 1.0
    wait = criterion.waiting.price(None)
    costs = {action: (cost + wait) / phi for action, cost in criterion.cost_per_round.items()}
    scored = not (silent or says_nothing)
    at = tuple(costs), hand.answer, hand.depth, left
    commitments = [as_they_come(posterior.unverified(*at), "blind")]
    if scored:
        commitments.append(until_accepted(posterior.candidates(*at), left))
    plans = best_of(commitments, costs)
    best = max(plans, key=worth_of)
    pays = criterion.phi > 0 and worth_of(best) > TOLERANCE
    action: Step = best.action if pays else "stop"
    reason: Reason = "gain_exceeds_cost" if pays else "gain_below_cost"
    gain, cost = criterion.phi * best.gain, phi * best.cost
    return new_decision(action, lost, lost + 1, reason, hand.belief, gain, cost, lost)


def until_accepted(cases: Candidates, most: int) -> Commitments:
    """Return the commitments to take candidates until one is accepted, or else the last of them.

    Args:
        cases: What candidates depend on.
        most: The most rounds, at least 1.
    """
    weights, right, candidate, accepted, mistaken = cases
    found = candidate * accepted
    ends = found + (1 - candidate) * mistaken
    reached, taken, took = np.ones_like(ends[0]), np.zeros_like(ends[0]), np.zeros_like(ends[0])
    gains, rounds = [], []
    for at in range(most):
        told = min(at, len(ends) - 1)
        taken, took = taken + reached * found[told], took + reached
        last = reached * (candidate[told] - found[told])
        gains.append(_by_action(weights * (taken + last - right)))
        rounds.append(_by_action(weights * took))
        reached = reached * (1 - ends[told])
    return Commitments(np.transpose(gains).tolist(), np.transpose(rounds).tolist())


def _by_action(cases: NDArray[np.float64]) -> list[float]:
    totals: list[float] = cases.reshape(len(cases), -1).sum(axis=1).tolist()
    return totals
