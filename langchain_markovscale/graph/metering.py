"""Token accounting: the usage of a node's calls, which has to be right when calls fail, too.

The usage of a failed try is pending until a retry of the same task can write it into the state,
because a try that raises writes nothing.
"""

from collections import OrderedDict
from collections.abc import Sequence

from langchain_markovscale._text import logger_of
from langchain_markovscale.types import (
    Attempt,
    Purpose,
    Usage,
    Verdict,
    add_usage,
    is_repeated,
)

logger = logger_of(__name__)

UsageByPurpose = dict[Purpose, Usage]
"""The usage of a run, as its state keeps it under `usage`."""

UNKNOWN_CALL: Usage = {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 1}
"""The usage of a call that reported none."""


class PendingUsage:
    """The usage of the failed tries of each task, until a retry writes it into the state.

    It lives in this process only. It is bounded, because a run that is cancelled before the retry
    never takes its own.
    """

    _MOST_TASKS = 1024

    def __init__(self) -> None:
        self._by_task: OrderedDict[str, Usage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_task)

    def keep(self, task: str | None, usage: Usage | None) -> None:
        """Add the usage of a failed try."""
        if task is None or usage is None:
            return
        self._by_task[task] = add_usage(self._by_task.pop(task, None), usage)
        if len(self._by_task) > self._MOST_TASKS:
            self._by_task.popitem(last=False)

    def take(self, task: str | None) -> Usage | None:
        """Return the pending usage of a task, and remove it."""
        return None if task is None else self._by_task.pop(task, None)


def with_verdict(cost: Usage | None, verdict: Verdict) -> Usage | None:
    """Return the usage of a verification, with its verdict counted where it lacks something.

    Args:
        cost: The usage; None where there was no verification.
        verdict: Its verdict: without a score, or given without seeing all pictures.
    """
    if cost is None or not cost["calls"]:
        return cost
    if verdict["score"] is None:
        cost = {**cost, "unscored": cost.get("unscored", 0) + 1}
    if verdict.get("unseen"):
        cost = {**cost, "unseen": cost.get("unseen", 0) + 1}
    return cost


def unless_repeated(attempt: Attempt, cost: Usage | None, earlier: Sequence[Attempt]) -> Attempt:
    """Return an attempt, without a key where a cache has only given an earlier one again.

    That two draws agree says something because they are independent, which these are not. It takes
    a round, and is neither a vote nor verified again; the criterion leaves it out.

    Args:
        attempt: The attempt.
        cost: What making it has taken.
        earlier: The attempts before it.
    """
    if cost is None or cost.get("cached", 0) < max(cost["calls"], 1):
        return attempt
    made = (attempt["text"], attempt["parent"])
    if made not in [(each["text"], each["parent"]) for each in earlier]:
        return attempt
    if not any(map(is_repeated, earlier)):
        logger.warning(
            "A cache gave the same answer again, which is no evidence: give the model cache=False, "
            "so that its draws are independent."
        )
    return {
        **attempt,
        "key": None,
        "metadata": {**attempt.get("metadata", {}), "no_key": "repeated"},
    }


def add_usage_for(usage: UsageByPurpose, purpose: Purpose, added: Usage | None) -> UsageByPurpose:
    """Return the usage with that of another call; the same object where there is none to add."""
    if added is None:
        return usage
    return {**usage, purpose: add_usage(usage.get(purpose), added)}
