"""One body for sync and async code: steps that yield the calls they need, and two ways to run them.

What is done around a call is a generator, which yields the call and is sent its result, or thrown
its error. `run_steps` makes the calls in place and `arun_steps` awaits them, so that neither needs
a thread or an event loop that is not there, and the logic before and after a call stands once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.errors import NodeTimeoutError

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import compares, joined_key
from langchain_markovscale.types import Attempt

Requested = TypeVar("Requested")
Result = TypeVar("Result")
Returned = TypeVar("Returned")


def run_steps(
    steps: Generator[Requested, Result, Returned], perform: Callable[[Requested], Result]
) -> Returned:
    """Run steps to their end and return what they return.

    Args:
        steps: Yields each call that is to be made, and is sent its result or thrown its error.
        perform: Makes a call and returns its result.
    """
    try:
        requested = next(steps)
        while True:
            try:
                result = perform(requested)
            except BaseException as error:
                requested = steps.throw(error)
            else:
                requested = steps.send(result)
    except StopIteration as end:
        returned: Returned = end.value
        return returned


async def arun_steps(
    steps: Generator[Requested, Result, Returned], perform: Callable[[Requested], Awaitable[Result]]
) -> Returned:
    """Run steps to their end as `run_steps` does, awaiting each call."""
    try:
        requested = next(steps)
        while True:
            try:
                result = await perform(requested)
            except BaseException as error:
                requested = steps.throw(error)
            else:
                requested = steps.send(result)
    except StopIteration as end:
        returned: Returned = end.value
        return returned


@contextmanager
def surrounded_by(config: RunnableConfig) -> Iterator[None]:
    """Make a config the surrounding one of the calls within.

    A graph merges the callbacks of the surrounding config into those that it is called with, so
    that a handler that was taken off the latter alone would come back.
    """
    token = var_child_runnable_config.set(config)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


class Call(NamedTuple):
    """A call to make.

    Attributes:
        runnable: What to call.
        input: What to call it with.
        config: The config of its run.
        timeout: Seconds that it may take, under asyncio; None for no limit.
        node: Whose call it is, for the error of one that takes longer.
    """

    runnable: Runnable[Any, Any]
    input: Any
    config: RunnableConfig
    timeout: float | None = None
    node: str = ""

    def run(self) -> Any:
        """Make the call and return its result."""
        with surrounded_by(self.config):
            return self.runnable.invoke(self.input, self.config)

    async def arun(self) -> Any:
        """Make the call and return its result.

        Raises:
            NodeTimeoutError: If it takes longer than it may.
        """
        with surrounded_by(self.config):
            return await self._arun()

    async def _arun(self) -> Any:
        if self.timeout is None:
            return await self.runnable.ainvoke(self.input, self.config)
        began = monotonic()
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self.runnable.ainvoke(self.input, self.config)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise NodeTimeoutError(
                self.node, monotonic() - began, kind="run", run_timeout=self.timeout
            ) from error


Steps = Generator[Call, Any, Returned]
"""What is done around calls: yields each of them, and is sent its result or thrown its error."""


class InThread(Runnable[Any, Any]):
    """A function that computes for a while: called in place, or in a thread under asyncio.

    A `RunnableLambda` would be a run of its own in every trace.

    Args:
        function: Called with the input.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the function."""
        return self._function(input)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the function without blocking the event loop."""
        return await asyncio.to_thread(self._function, input)


class InPlace(Runnable[Any, Returned]):
    """A path function that is called where it is: LangGraph calls plain ones in threads.

    Args:
        path: Called with the state.
        name: Its name in diagrams and traces.
    """

    def __init__(self, path: Callable[[Any], Returned], name: str) -> None:
        self._path, self.name = path, name

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Returned:
        """Return where the state leads."""
        return self._path(input)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Returned:
        """Return where the state leads."""
        return self._path(input)


def without_blocking(
    function: Callable[[Any], Returned],
    input: Any,
    answer_key: AnswerKey | None,
    config: RunnableConfig,
) -> Steps[Returned]:
    """Return what a function of keys returns, in a thread under asyncio where these take time.

    Args:
        function: Called with the input.
        input: What it reads, or compares.
        answer_key: What makes the keys.
        config: The config of the run.
    """
    if not compares(answer_key):
        return function(input)
    returned: Returned = yield Call(InThread(function), input, config)
    return returned


def joining(
    key: str | None,
    answer_key: AnswerKey | None,
    earlier: Sequence[Attempt],
    config: RunnableConfig,
) -> Steps[str | None]:
    """Return `joined_key` of a key; one that has to be compared is so without blocking."""
    if key is None or not earlier:
        return key
    join = partial(joined_key, key, answer_key)
    return (yield from without_blocking(join, earlier, answer_key, config))
