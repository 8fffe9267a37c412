"""A branch for each of several draws that are made at once: a graph of two steps.

What a branch has done is kept by its own checkpoints, so that a run which is killed pays for the
calls that were cut off and for no others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.channels import EphemeralValue
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy, Send
from typing_extensions import TypedDict

from langchain_markovscale.graph.class_weights import CLASS_WEIGHTS_KEY
from langchain_markovscale.graph.conversation import values_of
from langchain_markovscale.graph.metering import UsageByPurpose
from langchain_markovscale.graph.paid_call import LoopNode
from langchain_markovscale.graph.settings import MarkovScaleContext
from langchain_markovscale.graph.state import MarkovScaleState
from langchain_markovscale.graph.steps import Call, surrounded_by
from langchain_markovscale.graph.telemetry import current_runtime
from langchain_markovscale.graph.work import Update
from langchain_markovscale.types import Attempt, CriterionVerdict, Purpose, Usage

DRAW = "draw"
"""The node that makes one of several draws."""

_BRANCH = "__markovscale_branch"
"""Where the config of a branch has its question: its own checkpoints keep no second copy of it."""

_FULL_SCORE = 1.0


class Draw(TypedDict, total=False):
    """What a branch has made: at most one attempt, with all that belongs to it.

    Attributes:
        index: The index that the attempt was made for.
        attempts: The attempt; none where its call failed or was dropped.
        contexts: What the generator returned beside it.
        replies: Fields of the message that it was.
        usage: Usage of the branch by purpose.
        seconds: Time at work by purpose, where it is measured.
        cost: Usage of the call that made the attempt.
        criteria: The verdicts on single criteria, where there are several.
        error: The error that ended the branch.
    """

    index: int
    attempts: list[Attempt]
    contexts: list[dict[str, Any] | None]
    replies: list[dict[str, Any] | None]
    usage: UsageByPurpose
    seconds: dict[Purpose, float]
    cost: Usage | None
    criteria: list[CriterionVerdict]
    error: str


def by_index(drawn: Sequence[Draw], update: Sequence[Draw] | None) -> list[Draw]:
    """Return draws in the order of their index, whichever came first; a reducer.

    Args:
        drawn: The draws so far.
        update: Draws to add; None to forget them all.
    """
    if update is None:
        return []
    together = {draw["index"]: draw for draw in (*drawn, *update)}
    return [together[index] for index in sorted(together)]


class DrawsState(MarkovScaleState, total=False):
    """The state of a loop that makes several draws at once.

    Attributes:
        draws: How many to make now.
        drawn: Those that were made, until they are among the attempts.
    """

    draws: Annotated[int, EphemeralValue]
    drawn: Annotated[list[Draw], by_index]


class Dropped(Exception):
    """A call was cancelled, because an exact verifier has accepted another draw."""


class Group:
    """The draws that are made at once with an exact verifier.

    Attributes:
        settled: Whether one of them was accepted.
    """

    def __init__(self) -> None:
        self.settled = False
        self._calls: set[asyncio.Future[Any]] = set()

    def settle(self) -> None:
        """Drop the calls of all others: cancel them under asyncio."""
        self.settled = True
        for call in self._calls:
            call.cancel()

    async def arun(self, call: Call) -> Any:
        """Make a call, unless another draw is accepted before it returns.

        Raises:
            Dropped: If one is.
        """
        if not call.node:  # not the draw or its verdict, but what is done with them
            return await call.arun()
        made = asyncio.ensure_future(call.arun())
        self._calls.add(made)
        try:
            return await made
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.settled or (task is not None and task.cancelling()):
                raise  # the run itself was cancelled
            raise Dropped("Another draw was accepted.") from None
        finally:
            self._calls.discard(made)


class Branch(NamedTuple):
    """What the steps of a branch need of the run, and its checkpoints need not keep.

    Attributes:
        given: The part of the state that a draw and its verdict are made from.
        group: The draws that are made at once with an exact verifier; None without one.
        write: Writes to the run's stream, for a graph within another has one of its own.
    """

    given: Mapping[str, Any]
    group: Group | None
    write: Callable[[Any], None]

    @property
    def dropped(self) -> bool:
        """Whether another draw was accepted, so that this one is of no use."""
        return self.group is not None and self.group.settled


class DrawNode(Runnable[Any, Update]):
    """Makes one of several draws: a graph of two steps, on the question that it is sent.

    Args:
        graph: The graph of one draw, see `branch_of`.
        exact: Whether the verifier's full score means right.
    """

    _MOST_GROUPS = 1024

    def __init__(self, graph: Runnable[Any, Any], *, exact: bool) -> None:
        self.name = DRAW
        self._graph = graph
        self._exact = exact
        self._groups: OrderedDict[str, Group] = OrderedDict()

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Update:
        """Make the draw that `fan_out` has sent, and return it."""
        branch = self._branch_for(input)
        made = self._graph.invoke({"index": input["draw"]}, _config_of(branch, config))
        return self._drawn(made, branch)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Update:
        """Make the draw that `fan_out` has sent, and return it."""
        branch = self._branch_for(input)
        made = await self._graph.ainvoke({"index": input["draw"]}, _config_of(branch, config))
        return self._drawn(made, branch)

    def _drawn(self, made: Draw, branch: Branch) -> Update:
        scores = [attempt["score"] for attempt in made.get("attempts", ())]
        if branch.group is not None and _FULL_SCORE in scores:
            branch.group.settle()
        return {"drawn": [made]}

    def _branch_for(self, given: Mapping[str, Any]) -> Branch:
        runtime = current_runtime()
        if not self._exact:
            return Branch(given, None, runtime.stream_writer)
        # Draws that are made at once belong to one step of the run, and so to one checkpoint.
        info, group = runtime.execution_info, Group()
        if info is not None and info.checkpoint_id:
            group = self._groups.setdefault(info.checkpoint_id, group)
        if len(self._groups) > self._MOST_GROUPS:
            self._groups.popitem(last=False)
        return Branch(given, group, runtime.stream_writer)


class _Step(Runnable[Any, Update]):
    """A node of the loop as a step of a branch."""

    def __init__(self, node: LoopNode) -> None:
        self.name, self._node = node.name, node

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Update:
        branch, config = _branch_in(config)
        if branch.dropped or "error" in input:
            return {}
        with surrounded_by(config):
            return self._node.invoke({**branch.given, **values_of(input)}, config)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Update:
        branch, config = _branch_in(config)
        if branch.dropped or "error" in input:
            return {}
        perform = Call.arun if branch.group is None else branch.group.arun
        values = {**branch.given, **values_of(input)}
        with surrounded_by(config):
            return await self._node.ainvoke(values, config, perform=perform)


def _config_of(branch: Branch, config: RunnableConfig | None) -> RunnableConfig:
    config = ensure_config(config)
    return {**config, "configurable": {**config["configurable"], _BRANCH: branch}}


def _branch_in(config: RunnableConfig | None) -> tuple[Branch, RunnableConfig]:
    """Return the branch of a step, and the step's config with the stream of the run."""
    config = ensure_config(config)
    branch: Branch = config["configurable"][_BRANCH]
    configurable = {
        name: value.override(stream_writer=branch.write) if isinstance(value, Runtime) else value
        for name, value in config["configurable"].items()
    }
    return branch, {**config, "configurable": configurable}


def branch_of(
    generating: LoopNode, verifying: LoopNode | None, policies: Sequence[RetryPolicy]
) -> StateGraph[Draw, MarkovScaleContext, Draw, Draw]:
    """Return the graph of one draw, to be compiled.

    Args:
        generating: The node that draws.
        verifying: The node that verifies; None where nothing is scored.
        policies: Says when they are retried.
    """
    builder = StateGraph(Draw, MarkovScaleContext)
    builder.set_node_defaults(retry_policy=policies or None)
    before = START
    for node in (generating, verifying):
        if node is not None:
            builder.add_node(node.name, _Step(node))
            builder.add_edge(before, node.name)
            before = node.name
    return builder


def fan_out(state: DrawsState) -> str | list[Send]:
    """Return where `generate` leads: to so many branches, or on with the draw that it has made."""
    draws = state.get("draws")
    if not draws:
        return "verify_proxy"
    given: dict[str, Any] = {"question": state["run"]["question"]}
    for name in ("run", "messages", CLASS_WEIGHTS_KEY):
        if state.get(name) is not None:
            given[name] = state[name]  # type: ignore[literal-required]
    made = len(state.get("attempts") or ())
    return [Send(DRAW, {**given, "draw": made + number}) for number in range(draws)]
