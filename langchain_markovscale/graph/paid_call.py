"""What the three nodes have in common: one call that is paid for, and what happens when it fails.

A node is a Runnable of its own, which LangGraph takes as it is: wrapped functions would cost a
traced call each, and a thread each under asyncio. Errors rise, so that a `RetryPolicy` works. Only
where LangGraph would give up, and an answer exists, the error becomes that answer. This is done
here and not by LangGraph's `error_handler`, because a run that failed there once can't be resumed:
its handler is called again, and not the node.
"""

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import time
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.errors import GraphBubbleUp
from langgraph.types import RetryPolicy

from langchain_markovscale.graph.budget import Seconds, shortfall
from langchain_markovscale.graph.conversation import ending, stopped, values_of
from langchain_markovscale.graph.metering import Books, Meter, Unbooked, booked
from langchain_markovscale.graph.settings import PerRun, Settings
from langchain_markovscale.graph.state import Run
from langchain_markovscale.graph.steps import Call, Steps, acompleted, completed
from langchain_markovscale.graph.telemetry import current_runtime, labelled, tell
from langchain_markovscale.types import Attempt, Purpose, Usage

logger = logging.getLogger(__name__)

Update = dict[str, Any]


@dataclass(frozen=True)
class Safety:
    """How a node of a whole loop knows that its state is complete, and when to give up.

    Attributes:
        per_run: The criterion, which picks the best attempt so far, and the budget.
        retry_policies: Those that the node was added with, in LangGraph's order.
    """

    per_run: PerRun
    retry_policies: Sequence[RetryPolicy] = ()

    def gives_up(self, error: Exception, tries: int) -> bool:
        """Return whether LangGraph will not try again after `tries` tries."""
        for policy in self.retry_policies:
            if _matches(policy, error):
                return tries >= policy.max_attempts
        return True


class Work(NamedTuple):
    """A call to make, and what its result will be added to.

    Attributes:
        runnable: What to call.
        input: What to call it with, or what `prompt` makes that from.
        run: The question.
        attempts: The attempts at it so far.
        books: What they have cost.
        parent: The attempt to revise.
        contexts: What the generator returned beside the attempts.
        update: What the node writes whatever the call returns.
        class_weights: Those of the question, where a predictor has said any.
        seconds: Time that was spent on the attempts, where the budget limits it.
        prompt: Makes the input; what it raises is a failure of the call.
    """

    runnable: Runnable[Any, Any]
    input: Any
    run: Run
    attempts: list[Attempt]
    books: Books
    parent: int | None = None
    contexts: Sequence[dict[str, Any] | None] = ()
    update: Mapping[str, Any] = MappingProxyType({})
    class_weights: Sequence[float] | None = None
    seconds: Seconds = MappingProxyType({})
    prompt: Callable[[Any], Any] | None = None

    def asked(self) -> Any:
        """Return what to call the Runnable with."""
        return self.input if self.prompt is None else self.prompt(self.input)


class LoopNode(Runnable[Any, Update]):
    """A node that makes one call and turns its output into an update of the state.

    Args:
        name: Name of the node.
        purpose: What the call is paid for.
        metered: Whether model calls below have to be counted, because what is called does not say
            what it has cost.
        free: Whether it is known that the call takes no tokens.
        safety: Given by the whole loop; None in a graph of somebody else, where all errors rise.
        timeout: Seconds that the call may take, under asyncio; None for no limit.
    """

    name: str

    def __init__(
        self,
        name: str,
        purpose: Purpose,
        *,
        metered: bool,
        safety: Safety | None,
        timeout: float | None,
        free: bool = False,
    ) -> None:
        self.name = name
        self._purpose = purpose
        self._metered = metered
        self._free = free
        self._safety = safety
        self._timeout = timeout
        self._unbooked = Unbooked()

    @abstractmethod
    def _prepare(self, values: Mapping[str, Any]) -> Work | None:
        """Return the call to make; None where its result is already in the state."""

    @abstractmethod
    def _read(self, output: Any) -> Any:
        """Return what the call's output means, or raise."""

    @abstractmethod
    def _cost(self, output: Any, result: Any) -> Usage | None:
        """Return what the call has cost by its own account.

        `output` is None where it failed, `result` where its output could not be read.
        """

    @abstractmethod
    def _update(self, work: Work, result: Any, cost: Usage | None, books: Books) -> Update:
        """Return what the result adds to the state, and tell the stream."""

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
        return completed(self._steps(values_of(input), config or ensure_config()), Call.made)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Update:
        """Run the node on a state and return its update."""
        steps = self._steps(values_of(input), config or ensure_config())
        return await acompleted(steps, Call.amade)

    def _steps(self, values: Mapping[str, Any], config: RunnableConfig) -> Steps[Update]:
        """Return the node's update from a state."""
        work = self._prepare(values)
        if work is None:
            return {}
        settings = None if self._safety is None else self._safety.per_run.now()
        if settings is not None and (refused := self._refused(work, settings)) is not None:
            return refused
        config, meter = self._listened(work, config)
        asked, output = False, None
        try:
            call = Call(work.runnable, work.asked(), config, self._timeout, self.name)
            asked = True
            output = yield call
            return self._succeeded(work, output, meter) | self._timed(work, settings)
        except GraphBubbleUp:  # called again from the start, when whoever was asked has answered
            self._unbooked.keep(_task(), _seen(meter))
            raise
        except Exception as error:
            if asked:
                self._unbooked.keep(_task(), _seen(meter) or self._cost(output, None))
            return self._failed(work, error, settings)

    def _refused(self, work: Work, settings: Settings) -> Update | None:
        """Return the best answer so far if the budget does not allow the call."""
        criterion, budget = settings
        if budget is None or not work.attempts:
            return None
        told = shortfall(
            budget, self._purpose, work.attempts, work.books, work.seconds, free=self._free
        )
        if told is None:
            return None
        logger.info("Node %r was not run. %s", self.name, told)
        question = work.run["question"]
        decision = stopped(criterion, work.attempts, "budget", work.class_weights)
        tell(
            {"type": "budget", "node": self.name, "error": told, "question": question},
            {"type": "decision", "decision": decision, "question": question},
        )
        return {
            **work.update,
            "error": told,
            **ending(work.run, work.attempts, decision, work.books),
        }

    def _listened(self, work: Work, config: RunnableConfig) -> tuple[RunnableConfig, Meter | None]:
        """Return the config of the call, whose words are no part of the stream, and its meter."""
        index, action = len(work.attempts), self._purpose
        if action == "verify":
            index, action = index - 1, work.attempts[-1]["action"]
        config = labelled(config, self._purpose, index, action)
        if not self._metered:
            return config, None
        meter = Meter()
        return meter.listening(config), meter

    def _succeeded(self, work: Work, output: Any, meter: Meter | None) -> Update:
        result = self._read(output)
        cost = _seen(meter) or self._cost(output, result)
        books = booked(work.books, self._purpose, cost)
        if self._unbooked:
            books = booked(books, self._purpose, self._unbooked.take(_task()))
        update = {**work.update, **self._update(work, result, cost, books)}
        if books is not work.books:
            update["usage"] = books
        return update

    def _timed(self, work: Work, settings: Settings | None) -> Update:
        """Return what the task has taken, its failed tries included, if the budget limits it."""
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
        tell({"type": "error", "node": node, "error": text, "try": tries, "question": question})
        gives_up = safety is not None and work.attempts and safety.gives_up(error, tries)
        if settings is None or not gives_up:
            raise error
        logger.warning(
            "Node %r failed for good, in try %d; the answer is the best of the %d made before.",
            self.name,
            tries,
            len(work.attempts),
            exc_info=error,
        )
        books = booked(work.books, self._purpose, self._unbooked.take(_task()))
        decision = stopped(settings.criterion, work.attempts, "error", work.class_weights)
        tell({"type": "decision", "decision": decision, "question": question})
        return {
            **work.update,
            "usage": books,
            "error": text,
            **self._timed(work, settings),
            **ending(work.run, work.attempts, decision, books),
        }


def _matches(policy: RetryPolicy, error: Exception) -> bool:
    """As LangGraph reads `retry_on`: a class, several, or a predicate."""
    retry_on = policy.retry_on
    if isinstance(retry_on, Sequence):
        return isinstance(error, tuple(retry_on))
    if isinstance(retry_on, type):
        return isinstance(error, retry_on)
    return retry_on(error)


def _seen(meter: Meter | None) -> Usage | None:
    return None if meter is None else meter.usage


def _task() -> str | None:
    info = current_runtime().execution_info
    return None if info is None else info.task_id
