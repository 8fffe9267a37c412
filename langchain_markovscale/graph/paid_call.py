"""What the three nodes have in common: one call that is paid for, and what happens when it fails.

A node is a Runnable of its own, which LangGraph takes as it is: wrapped functions would cost a
traced call each, and a thread each under asyncio. Errors rise, so that a `RetryPolicy` works. Only
where LangGraph would not retry, and an answer exists, the best answer is returned instead. This is
done here and not by LangGraph's `error_handler`, because a run that failed there once can't be
resumed: its handler is called again, and not the node.
"""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import time
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.cache.base import FullKey
from langgraph.errors import GraphBubbleUp
from langgraph.types import RetryPolicy

from langchain_markovscale._meter import Meter
from langchain_markovscale._text import logger_of
from langchain_markovscale.graph.budget import why_over_budget
from langchain_markovscale.graph.cache import AnswerCache, Entry
from langchain_markovscale.graph.conversation import values_of
from langchain_markovscale.graph.metering import PendingUsage, UsageByPurpose, add_usage_for
from langchain_markovscale.graph.settings import PerRun, Settings, weighs_time
from langchain_markovscale.graph.steps import Call, Steps, arun_steps, run_steps
from langchain_markovscale.graph.telemetry import current_runtime, emit, labelled
from langchain_markovscale.graph.work import Update, Work, ending
from langchain_markovscale.theory.validation import non_negative, single
from langchain_markovscale.types import ArgumentError, Purpose, Usage

logger = logger_of(__name__)


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

    def invoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        perform: Callable[[Call], Any] = Call.run,
        **kwargs: Any,
    ) -> Update:
        """Run the node on a state and return its update.

        Args:
            input: The state.
            config: The node's config.
            perform: Makes its calls.
            **kwargs: Not used.

        Raises:
            ValueError: If it has a timeout, which only `ainvoke` can keep.
        """
        if self._timeout is not None:
            raise ValueError(
                f"timeout={self._timeout} needs ainvoke or astream: a call that blocks its thread "
                "cannot be ended. Use the async methods, or the timeout of the model's client."
            )
        return run_steps(self._steps(values_of(input), config or ensure_config()), perform)

    async def ainvoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        perform: Callable[[Call], Awaitable[Any]] = Call.arun,
        **kwargs: Any,
    ) -> Update:
        """Run the node on a state and return its update, as `invoke` does."""
        steps = self._steps(values_of(input), config or ensure_config())
        return await arun_steps(steps, perform)

    def _steps(self, values: Mapping[str, Any], config: RunnableConfig) -> Steps[Update]:
        """Return the node's update from a state."""
        work = self._prepare(values)
        if work is None:
            return {}
        settings = None if self._safety is None else self._safety.per_run.now()
        if settings is not None and (instead := self._instead(work, settings)) is not None:
            return instead
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

    def _instead(self, work: Work, settings: Settings) -> Update | None:
        """Return what is written in place of a call: the best answer, if the budget forbids it."""
        budget = settings.budget
        if budget is None or not work.attempts or work.draw is not None:
            return None
        exceeded = why_over_budget(
            budget, self._purpose, work.attempts, work.usage, work.seconds, free=self._free
        )
        if exceeded is None:
            return None
        logger.info("Node %r was not run. %s", self.name, exceeded)
        question = work.run["question"]
        emit({"type": "budget", "node": self.name, "error": exceeded, "question": question})
        return {**work.update, **ending(work, "budget", exceeded, settings)}

    def _call_config(
        self, work: Work, config: RunnableConfig
    ) -> tuple[RunnableConfig, Meter | None]:
        """Return the config of the call, whose output is kept out of the stream, and its meter."""
        index, action = work.place, self._purpose
        if action == "verify":
            action = work.attempts[-1]["action"]
            index -= work.draw is None
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
        place = (self.name, work.place, work.parent)
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
            usage = self._with_pending(usage)
        update = {**work.update, **self._update(work, result, cost, usage)}
        if usage is not work.usage:
            update["usage"] = usage
        return update

    def _with_pending(self, usage: UsageByPurpose) -> UsageByPurpose:
        """Return the usage with that of the failed tries of the current task."""
        return add_usage_for(usage, self._purpose, self._pending_usage.take(_task_id()))

    def _seconds_update(self, work: Work, settings: Settings | None) -> Update:
        """Return the time of the task, failed tries included, where it is measured."""
        if settings is None or not settings.timed:
            return {}
        info = current_runtime().execution_info
        if info is None:
            return {}
        now = time()
        took = max(0.0, now - (info.node_first_attempt_time or now))
        before = work.seconds.get(self._purpose, 0.0)
        return {"seconds": {**work.seconds, self._purpose: before + took}}

    def _round_trip(self, work: Work, settings: Settings) -> Update:
        """Return the time of the round trips, this one included, where the rule weighs it."""
        if self._safety is None or not weighs_time(settings.criterion.waiting):
            return {}
        seconds = self._seconds_update(work, settings) or {"seconds": work.seconds}
        return {**seconds, "round_trips": work.round_trips + 1}

    def _failed(self, work: Work, error: Exception, settings: Settings | None) -> Update:
        """Turn an error into the best answer so far, or let it rise."""
        tries = self._report(work, error)
        if settings is None or not work.attempts or not self._gives_up(error, tries):
            raise error
        logger.warning(
            "Node %r failed in try %d and is not retried; the answer is the best of %d attempts.",
            self.name,
            tries,
            len(work.attempts),
            exc_info=error,
        )
        update = self._failed_update(work, error, settings)
        work = work._replace(usage=update["usage"])
        return {**update, **ending(work, "error", update["error"], settings)}

    def _report(self, work: Work, error: Exception) -> int:
        """Emit the event of an error, and return how many tries of the node have failed."""
        info = current_runtime().execution_info
        tries = 1 if info is None else info.node_attempt
        node, text, question = self.name, _in_words(error), work.run["question"]
        emit({"type": "error", "node": node, "error": text, "try": tries, "question": question})
        return tries

    def _gives_up(self, error: Exception, tries: int) -> bool:
        return self._safety is not None and self._safety.gives_up(error, tries)

    def _failed_update(self, work: Work, error: Exception, settings: Settings) -> Update:
        """Return what a call that is not retried adds to the state."""
        return {
            **work.update,
            "usage": self._with_pending(work.usage),
            "error": _in_words(error),
            **self._seconds_update(work, settings),
        }


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


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
