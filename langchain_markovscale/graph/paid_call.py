"""What the three nodes have in common: one call that is paid for, and what happens when it fails.

A node is a Runnable of its own, which LangGraph takes as it is: wrapped functions would cost a
traced call each, and a thread each under asyncio. Errors rise, so that a `RetryPolicy` works. Only
where LangGraph would not retry, and an answer exists, the best answer is returned instead. This is
done here and not by LangGraph's `error_handler`, because a run that failed there once can't be
resumed: its handler is called again, and not the node.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import time
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.cache.base import FullKey
from langgraph.errors import GraphBubbleUp
from langgraph.types import RetryPolicy

from langchain_markovscale._meter import Meter
from langchain_markovscale._text import logger_of
from langchain_markovscale.graph.budget import Seconds, why_over_budget
from langchain_markovscale.graph.cache import AnswerCache, Entry
from langchain_markovscale.graph.conversation import final_update, stop_decision, values_of
from langchain_markovscale.graph.metering import PendingUsage, UsageByPurpose, add_usage_for
from langchain_markovscale.graph.settings import PerRun, Settings
from langchain_markovscale.graph.state import Run
from langchain_markovscale.graph.steps import Call, Steps, arun_steps, run_steps
from langchain_markovscale.graph.telemetry import current_runtime, emit, labelled, warn_at_end
from langchain_markovscale.theory.validation import non_negative, single
from langchain_markovscale.types import ArgumentError, Attempt, Decision, Purpose, Usage

logger = logger_of(__name__)

Update = dict[str, Any]


@dataclass(frozen=True)
class Safety:
    """What a node of a whole loop needs to end a run with the best answer so far.

    Attributes:
        per_run: The criterion, which picks the best attempt so far, and the budget.
        retry_policies: The retry policies that the node was added with, in LangGraph's order.
    """

    per_run: PerRun
    retry_policies: Sequence[RetryPolicy] = ()

    def gives_up(self, error: Exception, tries: int) -> bool:
        """Return whether LangGraph will not retry after this error of the last of `tries` tries."""
        for policy in self.retry_policies:
            if _matches(policy, error):
                return tries >= policy.max_attempts
        return True


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

    def call_input(self) -> Any:
        """Return the input of the call."""
        return self.input if self.prompt is None else self.prompt(self.input)


class LoopNode(Runnable[Any, Update]):
    """A node that makes one call and turns its output into an update of the state.

    Args:
        name: Name of the node.
        purpose: What the call is for.
        metered: Whether the model calls below have to be counted, because what is called does not
            report its usage.
        free: Whether it is certain that the call takes no tokens.
        safety: Given by the whole loop; None in a user's own graph, where all errors rise.
        timeout: Time that the call may take, under asyncio, in seconds; None for no limit.
        answers: Where results are cached; None for nowhere.

    Attributes:
        scheduled: Whether the nodes follow a schedule in place of the criterion, for a recording:
            they then decide nothing, draw when told to whatever the loop's own actions are, and
            take no answer from a cache, since what is recorded is of independent answers.
    """

    name: str
    scheduled = False

    def __init__(
        self,
        name: str,
        purpose: Purpose,
        *,
        metered: bool,
        safety: Safety | None,
        timeout: float | timedelta | None,
        free: bool = False,
        answers: AnswerCache | None = None,
    ) -> None:
        self.name = name
        self._purpose = purpose
        self._metered = metered
        self._free = free
        self._safety = safety
        self._timeout = _checked_timeout(timeout)
        self._answers = answers
        self._pending_usage = PendingUsage()

    @abstractmethod
    def _prepare(self, values: Mapping[str, Any]) -> Work | None:
        """Return the call to make; None where its result is already in the state."""

    @abstractmethod
    def _read(self, output: Any) -> Any:
        """Return what the call's output means, or raise."""

    def _reading(self, output: Any, config: RunnableConfig) -> Steps[Any]:
        """Return the result that is read from an output."""
        yield from ()
        return self._read(output)

    def _among_earlier(self, work: Work, result: Any, config: RunnableConfig) -> Steps[Any]:
        """Return a result as it reads among the earlier attempts."""
        yield from ()
        return result

    @abstractmethod
    def _cost(self, output: Any, result: Any) -> Usage | None:
        """Return the usage that the call itself reports.

        `output` is None where it failed, `result` where its output could not be read.
        """

    def _counted(self, cost: Usage | None, result: Any) -> Usage | None:
        """Return the usage of a call with what else of its result is counted."""
        return cost

    def _explained(self, work: Work, error: Exception, config: RunnableConfig) -> Exception:
        """Return an error of the call, as one that says what to do where that is clear."""
        return error

    @abstractmethod
    def _update(self, work: Work, result: Any, cost: Usage | None, usage: UsageByPurpose) -> Update:
        """Return what the result adds to the state, and emit its events."""

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Update:
        """Run the node on a state and return its update.

        Raises:
            ValueError: If it has a timeout, which only `ainvoke` can keep.
        """
        if self._timeout is not None:
            raise ValueError(
                f"timeout={self._timeout} needs ainvoke or astream: a call that blocks its thread "
                "cannot be ended. Use the async methods, or the timeout of the model's client."
            )
        return run_steps(self._steps(values_of(input), config or ensure_config()), Call.run)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Update:
        """Run the node on a state and return its update."""
        steps = self._steps(values_of(input), config or ensure_config())
        return await arun_steps(steps, Call.arun)

    def _steps(self, values: Mapping[str, Any], config: RunnableConfig) -> Steps[Update]:
        """Return the node's update from a state."""
        work = self._prepare(values)
        if work is None:
            return {}
        settings = None if self._safety is None else self._safety.per_run.now()
        if settings is not None and (refused := self._refused(work, settings)) is not None:
            return refused
        config, meter = self._call_config(work, config)
        started, output = False, None
        try:
            answers, key = self._answers, self._cache_key(work, values, config)
            if answers is not None and key is not None:
                cached = yield Call(answers, Entry(key), config)
                if cached is not None:
                    result = self._from_cache(cached["result"])
                    result = yield from self._among_earlier(work, result, config)
                    return self._added(work, result, cached["cost"])
            call = Call(work.runnable, work.call_input(), config, self._timeout, self.name)
            started = True
            output = yield call
            result = yield from self._reading(output, config)
            cost = self._counted(_metered_usage(meter) or self._cost(output, result), result)
            if answers is not None and key is not None:
                value = {"result": self._for_cache(result), "cost": cost}
                yield Call(answers, Entry(key, value), config)
            result = yield from self._among_earlier(work, result, config)
            return self._added(work, result, cost) | self._seconds_update(work, settings)
        except GraphBubbleUp:  # an interrupt: the node runs again from the start when it is resumed
            self._pending_usage.keep(_task_id(), _metered_usage(meter))
            raise
        except Exception as error:
            if started and output is None:
                error = self._explained(work, error, config)
            if started:
                self._pending_usage.keep(
                    _task_id(), _metered_usage(meter) or self._cost(output, None)
                )
            return self._failed(work, error, settings)

    def _refused(self, work: Work, settings: Settings) -> Update | None:
        """Return the best answer so far if the budget does not allow the call."""
        criterion, budget = settings
        if budget is None or not work.attempts:
            return None
        exceeded = why_over_budget(
            budget, self._purpose, work.attempts, work.usage, work.seconds, free=self._free
        )
        if exceeded is None:
            return None
        logger.info("Node %r was not run. %s", self.name, exceeded)
        question = work.run["question"]
        decision = stop_decision(criterion, work.attempts, "budget", work.class_weights, work.last)
        emit(
            {"type": "budget", "node": self.name, "error": exceeded, "question": question},
            {"type": "decision", "decision": decision, "question": question},
        )
        warn_at_end(decision, work.usage, budget)
        return {
            **work.update,
            "error": exceeded,
            **final_update(work.run, work.attempts, decision, work.usage, work.replies),
        }

    def _call_config(
        self, work: Work, config: RunnableConfig
    ) -> tuple[RunnableConfig, Meter | None]:
        """Return the config of the call, whose output is kept out of the stream, and its meter."""
        index, action = len(work.attempts), self._purpose
        if action == "verify":
            index, action = index - 1, work.attempts[-1]["action"]
        config = labelled(config, self._purpose, index, action)
        if not self._metered:
            return config, None
        meter = Meter()
        return meter.metered_config(config), meter

    def _cache_key(
        self, work: Work, values: Mapping[str, Any], config: RunnableConfig
    ) -> FullKey | None:
        if self._answers is None or self.scheduled:
            return None
        place = (self.name, len(work.attempts), work.parent)
        return self._answers.key(place, work.input, work.call_input, values, config)

    def _from_cache(self, value: Any) -> Any:
        """Return the result of a call from what was cached of it."""
        return value

    def _for_cache(self, result: Any) -> Any:
        """Return what is cached of a result."""
        return result

    def _added(self, work: Work, result: Any, cost: Usage | None) -> Update:
        usage = add_usage_for(work.usage, self._purpose, cost)
        if self._pending_usage:
            usage = add_usage_for(usage, self._purpose, self._pending_usage.take(_task_id()))
        update = {**work.update, **self._update(work, result, cost, usage)}
        if usage is not work.usage:
            update["usage"] = usage
        return update

    def _seconds_update(self, work: Work, settings: Settings | None) -> Update:
        """Return the time of the task, failed tries included, where the budget limits it."""
        if settings is None or settings.budget is None or "seconds" not in settings.budget:
            return {}
        info = current_runtime().execution_info
        if info is None:
            return {}
        now = time()
        took = max(0.0, now - (info.node_first_attempt_time or now))
        before = work.seconds.get(self._purpose, 0.0)
        return {"seconds": {**work.seconds, self._purpose: before + took}}

    def _failed(self, work: Work, error: Exception, settings: Settings | None) -> Update:
        """Turn an error into the best answer so far, or let it rise."""
        info = current_runtime().execution_info
        tries = 1 if info is None else info.node_attempt
        text, question = f"{type(error).__name__}: {error}", work.run["question"]
        node, safety = self.name, self._safety
        emit({"type": "error", "node": node, "error": text, "try": tries, "question": question})
        gives_up = safety is not None and work.attempts and safety.gives_up(error, tries)
        if settings is None or not gives_up:
            raise error
        logger.warning(
            "Node %r failed in try %d and is not retried; the answer is the best of %d attempts.",
            self.name,
            tries,
            len(work.attempts),
            exc_info=error,
        )
        usage = add_usage_for(work.usage, self._purpose, self._pending_usage.take(_task_id()))
        decision = stop_decision(
            settings.criterion, work.attempts, "error", work.class_weights, work.last
        )
        emit({"type": "decision", "decision": decision, "question": question})
        warn_at_end(decision, usage, settings.budget)
        return {
            **work.update,
            "usage": usage,
            "error": text,
            **self._seconds_update(work, settings),
            **final_update(work.run, work.attempts, decision, usage, work.replies),
        }


def _checked_timeout(timeout: float | timedelta | None) -> float | None:
    if timeout is None:
        return None
    given = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    seconds = single("timeout", non_negative("timeout", given))
    if seconds == 0:
        raise ArgumentError("timeout", f"must be above 0 seconds, got {timeout!r}.")
    return seconds


def _matches(policy: RetryPolicy, error: Exception) -> bool:
    """Return whether a policy retries an error; `retry_on` is a class, several, or a predicate."""
    retry_on = policy.retry_on
    if isinstance(retry_on, Sequence):
        return isinstance(error, tuple(retry_on))
    if isinstance(retry_on, type):
        return isinstance(error, retry_on)
    return retry_on(error)


def _metered_usage(meter: Meter | None) -> Usage | None:
    return None if meter is None else meter.usage


def _task_id() -> str | None:
    info = current_runtime().execution_info
    return None if info is None else info.task_id
