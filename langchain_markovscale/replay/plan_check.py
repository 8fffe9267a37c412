"""Plan check: promised plans, played out on recorded attempts without deciding again.

A rule that decides again beats its plan, and one whose model is wrong may not; replayed alone, the
two cannot be told apart. A plan that is only carried out gains what it promises where the model is
right: ΣA/ΣG is 1, with G the gain that was promised after the first answer, and A what came of it.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.replay.pool import PooledQuestion
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.plans import Plan

Floats = NDArray[np.float64]


def carried_out(rule: Criterion, questions: Sequence[PooledQuestion]) -> tuple[Floats, Floats]:
    """Return what the plans after the first answers promise, and what they deliver.

    Questions of which fewer attempts are recorded than the plan may take are left out, whatever it
    would have taken, for otherwise those would be left out at which it fails.

    Args:
        rule: Makes the plans.
        questions: Those to play, each from its first draw on.

    Returns:
        G and A of each question, both of shape (Q,); NaN where the rule does not go on, or where
        too few attempts are recorded.
    """
    drawing = rule.replace(actions=("generate",)) if "generate" in rule.actions else rule
    settles = rule.rates.settling < 1
    found = np.full((2, len(questions)), np.nan)
    for column, question in enumerate(questions):
        first = question.draws[0]
        plan = rule.plan([question.attempts[first]])
        candidates = None if plan is None else _candidates(plan, question, settles=settles)
        if plan is not None and candidates is not None:
            right = _play(plan, drawing, question, candidates)
            found[:, column] = plan.gain, right - question.correct[first]
    return found[0], found[1]


def _candidates(plan: Plan, question: PooledQuestion, *, settles: bool) -> Sequence[int] | None:
    """Return the attempts that a plan may take after the first; None where too few are recorded.

    Args:
        plan: What to carry out.
        question: Where.
        settles: Whether rates fall with depth, so that only a chain is what the plan expects.
    """
    first, later = question.draws[0], question.draws[1:]
    if plan.action == "revise" and plan.kind != "optimal":  # that is what draws would gain
        later = question.chain_of(first)[1:]
        if plan.kind == "verified" and not settles:
            # Several revisions of the first draw, or else the chain that a loop leaves.
            later = max(question.revisions[first], later, key=len)
    return later[: plan.most] if len(later) >= plan.most else None


def _play(
    plan: Plan, drawing: Criterion, question: PooledQuestion, candidates: Sequence[int]
) -> bool:
    """Return whether the answer that a plan ends with is right."""
    if plan.kind == "blind":
        return question.correct[candidates[-1]]
    if plan.kind == "vote":
        return _won(question, candidates)
    if plan.kind == "optimal":
        return _stopped(drawing, question, candidates)
    threshold = drawing.rates.accept_threshold
    for candidate in candidates:
        score = question.attempts[candidate]["score"]
        if score is not None and score >= threshold:
            return question.correct[candidate]
    return question.correct[question.draws[0]]


def _won(question: PooledQuestion, candidates: Sequence[int]) -> bool:
    """Return whether the answer with most votes is right; ties are as in `theory/vote.py`."""
    first = question.draws[0]
    drawn = [first, *candidates]
    votes = Counter(question.attempts[index]["key"] for index in drawn)
    most = max(votes.values())
    if votes[question.attempts[first]["key"]] == most:
        return question.correct[first]
    winners = [key for key, many in votes.items() if many == most]
    right = (i for i in drawn if question.attempts[i]["key"] == winners[0])
    return len(winners) == 1 and question.correct[next(right)]


def _stopped(drawing: Criterion, question: PooledQuestion, candidates: Sequence[int]) -> bool:
    """Return whether the answer is right that optimal stopping of fresh draws ends with."""
    drawn = [question.draws[0]]
    for candidate in [*candidates, None]:
        decision = drawing.decide([question.attempts[index] for index in drawn])
        if candidate is None or decision["action"] == "stop":
            break
        drawn.append(candidate)
    best = decision["best"]
    return best is not None and question.correct[drawn[best]]
