"""The decision where only the latest answer can be returned, because those before it are lost.

No verdict brings an earlier answer back, so that the plans are, with y the correctness of the
answer in hand, p the chance that a candidate is right, and A, R as in `theory/plans.py`:

    blind, n rounds           revise n times, or draw once, and take what comes
    until accepted, n rounds  take candidates until the verifier accepts one, at most n; else the
                              last of them: V = A L + Rⁿ⁻¹ p(1−s)

As in `theory/plans.py`, every revision of a plan is of the answer in hand. Where nothing is scored
and there is one class, this is the rule of MarkovScale: revise iff b < π − c/(α+β), with b the
belief in the latest answer.
"""

from collections.abc import Sequence

import numpy as np

from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.in_hand import InHand, in_hand
from langchain_markovscale.theory.plans import Commitments, Plan, blind, one_draw
from langchain_markovscale.theory.posterior import Candidates, KeyedPosterior, Posterior
from langchain_markovscale.theory.validation import TOLERANCE
from langchain_markovscale.types import Action, Attempt, Decision, Reason

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
    posterior = criterion.belief.posterior([attempt], class_weights)
    hand = in_hand(posterior, [attempt])
    left = min(criterion.max_rounds - lost - 1, _FARTHEST)
    silent = attempt["score"] is None
    says_nothing = criterion.rates.verdicts_say_nothing
    if left <= 0:
        return _decision(criterion, None, "max_rounds", hand.belief, lost)
    if silent and not says_nothing and not isinstance(posterior, KeyedPosterior):
        return _decision(criterion, None, "no_evidence", hand.belief, lost)
    phi = criterion.phi or 1.0
    costs = {action: cost / phi for action, cost in criterion.cost_per_round.items()}
    scored = not (silent or says_nothing)
    plans = [
        commitments.best(action, costs[action])
        for action in criterion.actions
        for commitments in _commitments(posterior, hand, action, left, scored=scored)
    ]
    worth = [plan.gain - costs[plan.action] * plan.rounds for plan in plans]
    best = max(range(len(plans)), key=worth.__getitem__)
    pays = criterion.phi > 0 and worth[best] > TOLERANCE
    reason: Reason = "gain_exceeds_cost" if pays else "gain_below_cost"
    return _decision(criterion, plans[best], reason, hand.belief, lost)


def until_accepted(cases: Candidates, most: int) -> Commitments:
    """Return the commitments to take candidates until one is accepted, or else the last of them.

    Args:
        cases: What candidates depend on.
        most: The most rounds, at least 1.
    """
    weights, right, candidate, accepted, mistaken = cases
    rejected = 1 - mistaken - candidate * (accepted - mistaken)
    reached = np.ones_like(rejected)
    taken, took = np.zeros_like(rejected), np.zeros_like(rejected)
    gains, rounds = [], []
    for _ in range(most):
        taken, took = taken + reached * candidate * accepted, took + reached
        last = reached * candidate * (1 - accepted)
        gains.append(float((weights * (taken + last - right)).sum()))
        rounds.append(float((weights * took).sum()))
        reached = reached * rejected
    return Commitments(np.array(gains), np.array(rounds))


def _commitments(
    posterior: Posterior, hand: InHand, action: Action, most: int, *, scored: bool
) -> list[Commitments]:
    if action == "revise":
        unseen = blind(posterior.chains(hand.answer, hand.depth), most)
        cases = posterior.revised(hand.answer, hand.depth)
    else:
        cases = posterior.drawn(hand.answer)
        unseen = one_draw(cases)
    return [unseen, until_accepted(cases, most)] if scored else [unseen]


def _decision(
    criterion: Criterion, plan: Plan | None, reason: Reason, belief: float, lost: int
) -> Decision:
    action = plan.action if plan is not None and reason == "gain_exceeds_cost" else "stop"
    return {
        "action": action,
        "best": lost,
        "parent": lost if action == "revise" else None,
        "belief": belief,
        "expected_gain": 0.0 if plan is None else criterion.phi * plan.gain,
        "cost": 0.0 if plan is None else criterion.cost_per_round[plan.action] * plan.rounds,
        "attempts": lost + 1,
        "reason": reason,
    }
