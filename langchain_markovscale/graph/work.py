"""A call that is to be made, what its result is added to, and how a run ends with what there is."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.runnables import Runnable

from langchain_markovscale.graph.budget import Seconds
from langchain_markovscale.graph.conversation import final_update, stop_decision
from langchain_markovscale.graph.metering import UsageByPurpose
from langchain_markovscale.graph.settings import Settings
from langchain_markovscale.graph.state import Run
from langchain_markovscale.graph.telemetry import emit, warn_at_end
from langchain_markovscale.types import Attempt, Decision, Reason

Update = dict[str, Any]
"""What a node writes into the state."""


class Work(NamedTuple):
    """A call to make, and what its result will be added to.

    Attributes:
        runnable: The Runnable to call.
        input: Its input, or what `prompt` makes that from.
        run: The question.
        attempts: The attempts at it so far.
        usage: Their usage.
        parent: The attempt to revise.
        contexts: What the generator returned beside the attempts.
        replies: Fields of the messages that the attempts were.
        update: What the node writes whatever the call returns.
        class_weights: The question's class weights, where a predictor has predicted any.
        seconds: Time that was spent on the attempts, where the budget limits it.
        prompt: Makes the input; an error that it raises is an error of the call.
        last: The last decision about the attempts.
        remaining_steps: Steps that the graph's run may still take; None where that is unknown.
        round_trips: How often a decision has been made, where the rule weighs their time.
        draw: The attempt's index, of one of several draws that are made at once; else None.
    """

    runnable: Runnable[Any, Any]
    input: Any
    run: Run
    attempts: list[Attempt]
    usage: UsageByPurpose
    parent: int | None = None
    contexts: Sequence[dict[str, Any] | None] = ()
    replies: Sequence[dict[str, Any] | None] = ()
    update: Mapping[str, Any] = MappingProxyType({})
    class_weights: Sequence[float] | None = None
    seconds: Seconds = MappingProxyType({})
    prompt: Callable[[Any], Any] | None = None
    last: Decision | None = None
    remaining_steps: int | None = None
    round_trips: int = 0
    draw: int | None = None

    @property
    def place(self) -> int:
        """The index that an attempt which the call makes will have."""
        return len(self.attempts) if self.draw is None else self.draw

    def call_input(self) -> Any:
        """Return the input of the call."""
        return self.input if self.prompt is None else self.prompt(self.input)


def ending(work: Work, reason: Reason, error: str, settings: Settings) -> Update:
    """Return the update that ends a run with the best answer so far, and emit its decision.

    Args:
        work: The attempts, and the usage of them all.
        reason: Why the run ends.
        error: The same in words.
        settings: Those of the run.
    """
    criterion, budget = settings
    decision = stop_decision(criterion, work.attempts, reason, work.class_weights, work.last)
    emit({"type": "decision", "decision": decision, "question": work.run["question"]})
    warn_at_end(decision, work.usage, budget)
    final = final_update(work.run, work.attempts, decision, work.usage, work.replies)
    return {"error": error, **final}


def mean_seconds(update: Update) -> dict[str, float]:
    """Return how long a round trip of the run has taken so far, where that is weighed.

    Returns:
        The argument `seconds_per_round` of `Criterion.decide`, or nothing.
    """
    trips = update.get("round_trips")
    return {"seconds_per_round": sum(update["seconds"].values()) / trips} if trips else {}


def with_value(kept: Sequence[Any], index: int, value: Any) -> list[Any]:
    """Return what is kept for some of the attempts, with a value for one that has none yet."""
    return [*kept, *[None] * (index - len(kept)), value]


def attempts_in(values: Mapping[str, Any], node: str | None) -> list[Attempt]:
    """Return the attempts in a state, for a node that needs one.

    Raises:
        ValueError: If there are none.
    """
    attempts = list(values.get("attempts") or ())
    if not attempts:
        raise ValueError(f"attempts is empty: {node} needs an answer, so run generate before it.")
    return attempts


def covers(decision: Decision | None, attempts: Sequence[Attempt]) -> bool:
    """Return whether a decision was made from these attempts."""
    return decision is not None and decision["attempts"] == len(attempts)
