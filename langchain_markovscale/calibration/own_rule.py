"""Runs that a loop's own rule ended, and what its stopping says of answers.

Such a rule chooses which answers are revised. Let a question be of class k with labels y, and let
the rule stop after an attempt with a chance that depends on what the trace holds: on its score x,
or, where it has left none, on the label alone. Then the likelihood of the trace is

    P(labels | k) · Π f(x | y) · Π h where it stopped, 1 − h where it went on        h = h(x) or h_y

in which the last product has no p₀, α or β: with known labels it cancels, and the rates are those
of a loop that never stops. What does not cancel is the accuracy of the answers that happen to be
there at a depth, which is why no forecast is compared with it. Without labels h_y tells a right
answer from a wrong one, as an unrecorded verdict would: it weighs the hypotheses. At the deepest
end of all the loop's limit stopped it, which says nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import NamedTuple

import numpy as np

from langchain_markovscale.traces.trace import Trace


class RuleStep(NamedTuple):
    """What a loop's own rule did after an attempt of which it has left no score.

    Attributes:
        depth: Revisions between the attempt and its fresh draw.
        right: Whether it is right.
        stopped: Whether the loop ended with it.
    """

    depth: int
    right: bool
    stopped: bool


def rule_steps(trace: Trace, depths: Sequence[int], labels: Sequence[bool]) -> tuple[RuleStep, ...]:
    """Return what the loop's own rule did in a trace; nothing where a schedule ended it.

    Args:
        trace: The trace.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
        labels: For each attempt, whether it is right, known or supposed.
    """
    if not trace.get("censored"):
        return ()
    attempts = trace["attempts"]
    revised = {attempt["parent"] for attempt in attempts}
    return tuple(
        RuleStep(depth, label, stopped=index not in revised)
        for index, (attempt, depth, label) in enumerate(zip(attempts, depths, labels, strict=True))
        if attempt["score"] is None
    )


def stop_chances(steps: Mapping[RuleStep, float], deepest: int) -> tuple[float, float]:
    """Return how often the rule stops after a wrong and after a right answer, (h₀, h₁).

    Args:
        steps: How often each step was seen, or is expected.
        deepest: The greatest depth at which the rule ended a run.
    """
    counts = np.full((2, 2), 0.5)
    for step, many in steps.items():
        if step.depth < deepest:
            counts[int(step.right), int(step.stopped)] += many
    wrong, right = (counts[:, 1] / counts.sum(axis=1)).tolist()
    return wrong, right


def log_steps(steps: Iterable[RuleStep], stops: tuple[float, float], deepest: int) -> float:
    """Return the logarithm of the chance of what the rule did.

    Args:
        steps: What it did.
        stops: (h₀, h₁), see `stop_chances`.
        deepest: The greatest depth at which the rule ended a run.
    """
    total = 0.0
    for depth, right, stopped in steps:
        if depth < deepest:
            total += log(stops[right] if stopped else 1 - stops[right])
    return total
