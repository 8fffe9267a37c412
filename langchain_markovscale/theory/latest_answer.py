"""The decision where only the latest answer can be returned, because those before it are lost.

No verdict brings an earlier answer back, so that a plan is worth what its last answer is worth: it
revises n times, or draws once, and takes what comes. With one class and revisions only this is the
rule of MarkovScale: revise iff b < π − c/(α+β), with b the belief in the latest answer.
"""

from collections.abc import Sequence

from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.in_hand import in_hand
from langchain_markovscale.theory.plans import Plan, blind, one_draw
from langchain_markovscale.theory.posterior import KeyedPosterior
from langchain_markovscale.theory.validation import TOLERANCE
from langchain_markovscale.types import Attempt, Decision, Reason


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
    left = criterion.max_rounds - lost - 1
    keyed = isinstance(posterior, KeyedPosterior)
    reason: Reason = "max_rounds"
    plan = None
    if left > 0 and attempt["score"] is None and not keyed and not _unscored(criterion):
        reason = "no_evidence"
    elif left > 0:
        phi = criterion.phi or 1.0
        costs = {action: cost / phi for action, cost in criterion.cost_per_round.items()}
        plans = []
        if "revise" in criterion.actions:
            chains = posterior.chains(hand.answer, hand.depth)
            plans.append(blind(chains, left).best("revise", costs["revise"]))
        if "generate" in criterion.actions:
            drawn = one_draw(posterior.drawn(hand.answer))
            plans.append(drawn.best("generate", costs["generate"]))
        plan = max(plans, key=lambda each: each.gain - costs[each.action] * each.rounds)
        pays = criterion.phi > 0 and plan.gain - costs[plan.action] * plan.rounds > TOLERANCE
        reason = "gain_exceeds_cost" if pays else "gain_below_cost"
    return _decision(criterion, plan, reason, hand.belief, lost)


def _unscored(criterion: Criterion) -> bool:
    return criterion.rates.verdicts_say_nothing


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
