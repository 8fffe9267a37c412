"""The decision where only the latest answer can be returned, because those before it are lost.

No verdict brings an earlier answer back, so that the plans are

    blind, n rounds           revise n times, or draw once, and take what comes
    until accepted, n rounds  take candidates, each made of the one before, until the verifier
                              accepts one, at most n; else the last of them: V = Σ r s, and
                              r (1−s) of the last round, with r as in `theory/plans.py`

Draws are made one at a time, for of several at once all but one would be lost. Rates settle with
each round as in `theory/plans.py`. Where they do not, nothing is scored and there is one class,
this is the rule of MarkovScale: revise iff b < π − c/(α+β), with b the belief in the latest answer.
"""

from collections.abc import Sequence

import numpy as np

from langchain_markovscale.theory.criterion import Criterion, new_decision
from langchain_markovscale.theory.in_hand import in_hand
from langchain_markovscale.theory.plans import (
    Commitments,
    along_chain,
    as_they_come,
    best_of,
    over_cases,
    worth_of,
)
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
    weights, right, _, accepted, _ = cases
    good, bad = along_chain(cases, most)
    gains = np.add.accumulate(over_cases(good, weights * accepted))
    gains += over_cases(good, weights * (1 - accepted))
    gains -= (weights * right).reshape(len(weights), -1).sum(axis=1)
    rounds = np.add.accumulate(over_cases(good + bad, weights))
    return Commitments(gains.T.tolist(), rounds.T.tolist())
