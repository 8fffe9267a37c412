"""The words that every room shares: an attempt, a decision, and the compute that was paid for.

All three are plain dictionaries of strings, numbers and lists, because they live in a graph's
state: checkpointers store them, streams send them, and other people's graphs read them.
"""

from collections.abc import Mapping
from typing import Literal

from typing_extensions import TypedDict

Action = Literal["generate", "revise"]
"""How an attempt is made: ``generate`` is a fresh draw, ``revise`` reworks an earlier attempt."""

Step = Literal["stop", "revise", "generate"]
"""What a decision asks for: an action, or to stop."""

Reason = Literal[
    "gain_exceeds_cost", "gain_below_cost", "max_rounds", "budget", "error", "interrupted"
]
"""Why a decision was taken; a closed set."""

Purpose = Literal["generate", "revise", "verify"]
"""What a call was paid for."""


class Attempt(TypedDict):
    """One answer to a question.

    Attributes:
        text: The answer as the model wrote it.
        key: Its canonical form (equal keys are equally correct), or None where none could be read.
        score: The verifier's score in [0, 1], or None where it gave none.
        action: Whether the attempt is a fresh draw or a revision.
        parent: Index of the attempt that was revised, None for a fresh draw.
        feedback: The verifier's critique, handed to the next revision.
        tokens: Tokens that the model wrote for it, or None where it did not say.
    """

    text: str
    key: str | None
    score: float | None
    action: Action
    parent: int | None
    feedback: str | None
    tokens: int | None


def new_attempt(
    text: str,
    *,
    key: str | None = None,
    score: float | None = None,
    action: Action | None = None,
    parent: int | None = None,
    feedback: str | None = None,
    tokens: int | None = None,
) -> Attempt:
    """Return an attempt; what is left out is not known yet.

    Args:
        text: The answer as the model wrote it.
        key: Its canonical form.
        score: The verifier's score in [0, 1].
        action: How it was made; by default ``revise`` where it has a parent, else ``generate``.
        parent: Index of the attempt that was revised.
        feedback: The verifier's critique.
        tokens: Tokens that the model wrote for it.
    """
    if action is None:
        action = "generate" if parent is None else "revise"
    return {
        "text": text,
        "key": key,
        "score": score,
        "action": action,
        "parent": parent,
        "feedback": feedback,
        "tokens": tokens,
    }


class Decision(TypedDict):
    """What to do next, and why.

    Attributes:
        action: ``stop``, ``revise`` or ``generate``.
        best: Index of the best attempt so far; None before the first.
        parent: Index of the attempt to revise; None unless ``action`` is ``revise``.
        belief: Probability that the best attempt is correct.
        expected_gain: How much the best plan from here is expected to raise that probability.
        cost: What that plan is expected to cost, in units of accuracy.
        attempts: How many attempts the decision was made from.
        reason: One of the closed set `Reason`.
    """

    action: Step
    best: int | None
    parent: int | None
    belief: float
    expected_gain: float
    cost: float
    attempts: int
    reason: Reason


class Usage(TypedDict):
    """Calls and tokens; tokens of calls that reported none are unknown, not zero.

    Attributes:
        calls: How many calls were made.
        input_tokens: Tokens read by the calls that reported usage.
        output_tokens: Tokens written by the calls that reported usage.
        unknown: How many calls reported no usage.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    unknown: int


def usage_of(message: object) -> Usage:
    """Return what one model call cost, read from its reply.

    Args:
        message: The reply: a message with LangChain's ``usage_metadata``, or anything else.

    Returns:
        One call with its tokens; one call of unknown cost where the reply does not report both
        numbers.
    """
    reported = getattr(message, "usage_metadata", None)
    if isinstance(reported, Mapping):
        read, written = reported.get("input_tokens"), reported.get("output_tokens")
        if isinstance(read, int) and isinstance(written, int):
            return Usage(calls=1, input_tokens=read, output_tokens=written, unknown=0)
    return Usage(calls=1, input_tokens=0, output_tokens=0, unknown=1)


def no_usage() -> Usage:
    """Return the usage of nothing: the zero of `add_usage`."""
    return Usage(calls=0, input_tokens=0, output_tokens=0, unknown=0)


def add_usage(left: Usage | None, right: Usage | None) -> Usage:
    """Return the sum of two usages as a new dictionary; None counts as nothing."""
    left, right = left or no_usage(), right or no_usage()
    return Usage(
        calls=left["calls"] + right["calls"],
        input_tokens=left["input_tokens"] + right["input_tokens"],
        output_tokens=left["output_tokens"] + right["output_tokens"],
        unknown=left["unknown"] + right["unknown"],
    )
