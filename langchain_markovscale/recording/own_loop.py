"""Loops that somebody else wrote, as a recording takes questions through them.

A graph whose edge is our router goes on as often as the schedule says. Any other loop runs as it
does in use: by `fixed` it is told how often to revise, else it ends where its own rule ends it.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs, run_in_executor
from langgraph.graph.state import CompiledStateGraph

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import joined_key
from langchain_markovscale.graph.router import MarkovScaleRouter, router_of, stepping_by
from langchain_markovscale.recording.call_log import CallLog
from langchain_markovscale.recording.observed_run import ObservedRun, StateKeys, StateView
from langchain_markovscale.recording.run_tap import RunTap
from langchain_markovscale.recording.schedule import OwnDepth, Schedule
from langchain_markovscale.traces.trace import LabelledAttempt
from langchain_markovscale.types import ArgumentError, Step

Fixed = int | Callable[[int], Any]
"""How often a loop always revises; or a function of that number, which returns the loop."""


class OwnLoop:
    """A graph, agent, Runnable or function with a loop.

    Args:
        loop: The loop.
        keys: Where its state has drafts, scores and the question.
        answer_key: Makes the keys of answers that have none.
        make_input: Makes what it is called with from a question.
        schedule: How many fresh starts to make, and how many revisions where that can be told.
        fixed: See `Fixed`.

    Attributes:
        router: The router in its edge, where that is one of ours.
        schedule: What a question gets.

    Raises:
        ValueError: If it is no loop, the keys contradict each other, or it cannot be run so.
    """

    def __init__(
        self,
        loop: Any,
        keys: StateKeys,
        *,
        answer_key: AnswerKey | None,
        make_input: Callable[[str], Any] | None,
        schedule: Schedule,
        fixed: Fixed | None,
    ) -> None:
        self.router = router_of(loop) if isinstance(loop, CompiledStateGraph) else None
        if callable(fixed):
            loop = fixed(schedule.revisions)
        self._loop = runnable_loop(loop)
        if self.router is not None:
            keys = {**self.router.keys, **keys}  # type: ignore[typeddict-item]
        if isinstance(self._loop, CompiledStateGraph):
            _check_keys(self._loop, keys)
        self._view = StateView(keys, answer_key)
        self._answer_key = answer_key
        self._make_input = make_input
        self._question_key = keys.get("question_key")
        censored = self.router is None and fixed is None
        starts = schedule.fresh_starts
        self._revisions = fixed if isinstance(fixed, int) else schedule.revisions
        self._checks_depth = not censored and not callable(fixed)
        self.schedule = OwnDepth(self._revisions, starts, schedule.stopping, censored)
        if self.router is not None and fixed is None:
            self._check_router(self.router)

    def _check_router(self, router: MarkovScaleRouter) -> None:
        if self._revisions and "revise" not in router.criterion.actions:
            raise ArgumentError(
                "revisions",
                f"must be 0 where the router may not revise, got {self._revisions}.",
            )

    def _step(self, made: int) -> Step:
        if not made:
            return "generate"
        return "revise" if made <= self._revisions else "stop"

    def _stepping(self) -> AbstractContextManager[None]:
        return nullcontext() if self.router is None else stepping_by(self._step)

    def stream(
        self, state: dict[str, Any], config: RunnableConfig, **kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield the attempts at a question after each fresh start that is missing.

        Raises:
            ValueError: If no drafts can be read from what the loop returns.
        """
        attempts = list(state["attempts"])
        while not self._is_over(attempts):
            seen = _Seen()
            with self._stepping(), seen.log:
                result = self._loop.invoke(self._input(state), self._config(config, seen))
            attempts = self._with_chain(attempts, seen.attempts(result, self._view))
            yield {"attempts": attempts}

    async def astream(
        self, state: dict[str, Any], config: RunnableConfig, **kwargs: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """As `stream`, on an event loop."""
        attempts = list(state["attempts"])
        while not self._is_over(attempts):
            seen = _Seen()
            with self._stepping(), seen.log:
                result = await self._loop.ainvoke(self._input(state), self._config(config, seen))
            attempts = self._with_chain(attempts, seen.attempts(result, self._view))
            yield {"attempts": attempts}

    def _is_over(self, attempts: Sequence[LabelledAttempt]) -> bool:
        return self.schedule.is_whole(attempts) or self.schedule.stopping.is_set()

    def _input(self, state: dict[str, Any]) -> Any:
        question: str = state["messages"][0].text
        if self._make_input is not None:
            return self._make_input(question)
        if self._question_key is not None:
            return {self._question_key: question}
        if isinstance(self._loop, CompiledStateGraph):
            builder = self._loop.builder
            named = builder.schemas[builder.input_schema]
            if "question" in named or "messages" not in named:
                return {"question": question}
            return {"messages": [HumanMessage(question)]}
        return question

    def _config(self, config: RunnableConfig, seen: "_Seen") -> RunnableConfig:
        tap = RunTap(self._view, seen.note, seen.fail)
        return merge_configs(config, {"callbacks": [tap]})

    def _with_chain(
        self, earlier: Sequence[LabelledAttempt], chain: Sequence[LabelledAttempt]
    ) -> list[LabelledAttempt]:
        """Return attempts with those of another run, which had numbers of their own."""
        if self._checks_depth and len(chain) != self._revisions + 1:
            raise ValueError(
                f"the loop made {len(chain)} attempts where {self._revisions + 1} were to be made "
                f"({self._revisions} revisions): leave fixed out where its own rule may end it."
            )
        attempts = list(earlier)
        for attempt in chain:
            parent, key = attempt["parent"], attempt["key"]
            if self._answer_key is not None:
                key = joined_key(key, self._answer_key, attempts)
            shifted = None if parent is None else parent + len(earlier)
            attempts.append({**attempt, "parent": shifted, "key": key})
        return attempts


class _Seen:
    """The one run that a tap of its own has seen."""

    def __init__(self) -> None:
        self.log = CallLog()
        self._run: ObservedRun | None = None

    def note(self, name: Any, run: ObservedRun, result: Any) -> None:
        self._run = run

    def fail(self, error: Exception) -> None:
        raise error

    def attempts(self, result: Any, view: StateView) -> list[LabelledAttempt]:
        run = self._run or ObservedRun(None)
        run.usage.calls = self.log.calls
        return run.attempts(result, view)


def _check_keys(graph: CompiledStateGraph[Any, Any, Any, Any], keys: StateKeys) -> None:
    """Refuse keys that a graph's state does not have, before anything is paid for."""
    state = sorted(name for name in graph.builder.channels if not name.startswith("__"))
    if not keys.keys() & {"attempts_key", "answers_key", "messages_key"}:
        raise ValueError(
            "the graph has no node 'generate' or 'verify_proxy' of create_markovscale_graph, and "
            "nothing says where its state has the drafts: give answers_key, attempts_key or "
            f"messages_key, each one of {', '.join(map(repr, state))}."
        )
    for name, key in keys.items():
        if key not in state:
            raise ArgumentError(
                name,
                f"must be a key of the graph's state, got {key!r}: it has "
                f"{', '.join(map(repr, state))}.",
            )


def runnable_loop(loop: Any) -> Runnable[Any, Any]:
    """Return a loop as a Runnable.

    Args:
        loop: A Runnable, or a function or async function of one argument.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(loop, Runnable):
        return loop
    if callable(loop):
        return _Function(loop)
    raise ValueError(
        "graph_or_parts must be a compiled graph, an agent, a Runnable or a function of the "
        f"question, got {type(loop).__name__}: give one of these."
    )


class _Function(Runnable[Any, Any]):
    """A function with a loop: unlike `RunnableLambda` it hands on whatever that returns."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        result = self._function(input)
        if inspect.isawaitable(result):
            return asyncio.run(_awaited(result))
        return result

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(input)
        result = await run_in_executor(config, self._function, input)
        return await result if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result
