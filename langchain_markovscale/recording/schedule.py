"""The loop without its stopping rule: the same nodes on a schedule instead of the criterion.

What is recorded is then what the loop does, prompts, verifier, retries and all. The schedule
decides from the attempts alone, as the criterion does, so that a question that was broken off can
go on where it stopped.
"""

import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from langgraph.constants import END, START
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from langchain_markovscale.graph.builder import LEAST_RECURSION_LIMIT
from langchain_markovscale.graph.state import MarkovScaleState
from langchain_markovscale.graph.steps import InPlace
from langchain_markovscale.types import ArgumentError, Step

_VERIFY = "verify_proxy"
_NODES = ("generate", _VERIFY, "revise")
_STEPS_PER_ATTEMPT = 2
_STEPS_BESIDE = 5


@dataclass(frozen=True)
class Schedule:
    """So many fresh starts, each revised so many times.

    Attributes:
        revisions: Revisions of each fresh start, at least 0.
        fresh_starts: Fresh draws for each question, at least 1.
        stopping: When set, running questions end after the call that they are in.
        censored: Whether the loop's own rule ends a chain of revisions; never so by a schedule.
    """

    revisions: int
    fresh_starts: int
    stopping: threading.Event = field(default_factory=threading.Event, compare=False)
    censored: bool = False

    def __post_init__(self) -> None:
        for name, least in (("revisions", 0), ("fresh_starts", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
                raise ArgumentError(
                    name, f"must be a whole number of at least {least}, got {value!r}."
                )
            object.__setattr__(self, name, int(value))  # NumPy's are none that JSON can hold

    @property
    def attempts(self) -> int:
        """How many attempts a question gets."""
        return self.fresh_starts * (self.revisions + 1)

    def step(self, made: int) -> Step:
        """Return what comes after so many attempts; a revision is always of the latest."""
        if made >= self.attempts:
            return "stop"
        return "revise" if made % (self.revisions + 1) else "generate"

    def common(self, attempts: Sequence[Any]) -> int:
        """Return how many of the attempts, from the first, this schedule would have made."""
        for index, attempt in enumerate(attempts):
            parent = index - 1 if self.step(index) == "revise" else None
            if attempt["action"] != self.step(index) or attempt["parent"] != parent:
                return index
        return len(attempts)

    def is_whole(self, attempts: Sequence[Any]) -> bool:
        """Return whether a question has all its attempts."""
        return len(attempts) == self.attempts

    @property
    def settings(self) -> dict[str, Any]:
        """What traces tell of the schedule."""
        return {"revisions": self.revisions, "fresh_starts": self.fresh_starts}


@dataclass(frozen=True)
class OwnDepth(Schedule):
    """So many fresh starts, each revised as often as the loop itself does.

    Attributes:
        censored: Whether the answers have a say in how often that is.
    """

    censored: bool = True

    @property
    def attempts(self) -> int:
        """How many attempts a question gets at least."""
        return self.fresh_starts

    def common(self, attempts: Sequence[Any]) -> int:
        """Return how many of the attempts can be kept: all, for whole chains are set aside."""
        return len(attempts)

    def is_whole(self, attempts: Sequence[Any]) -> bool:
        """Return whether a question has all its fresh starts."""
        return sum(each["parent"] is None for each in attempts) >= self.fresh_starts

    @property
    def settings(self) -> dict[str, Any]:
        """What traces tell of the schedule."""
        return {"fresh_starts": self.fresh_starts}


def is_scheduled(loop: Any) -> bool:
    """Return whether a loop has the nodes that a schedule can be put between."""
    return isinstance(loop, CompiledStateGraph) and _VERIFY in loop.builder.nodes


def scheduled(
    graph: CompiledStateGraph[Any, Any, Any, Any], schedule: Schedule
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the nodes of a loop as a graph that follows a schedule.

    Args:
        graph: A graph of `create_markovscale_graph`.
        schedule: How many attempts to make.

    Raises:
        ValueError: If the graph lacks a node that the schedule needs.
    """
    missing = [name for name in _NODES if name not in graph.builder.nodes]
    if schedule.revisions == 0 and missing == ["revise"]:
        missing = []
    if missing:
        raise ValueError(
            f"the graph has no node {missing[0]!r}: recording needs one of "
            "create_markovscale_graph, with 'revise' among its actions or with revisions=0."
        )

    def after(state: MarkovScaleState) -> str:
        step = schedule.step(len(state["attempts"]))
        over = step == "stop" or state.get("error") or schedule.stopping.is_set()
        return END if over else step

    def begin(state: MarkovScaleState) -> str:
        attempts = state.get("attempts")
        if not attempts:
            return "generate"
        return _VERIFY if attempts[-1]["score"] is None else after(state)

    builder = StateGraph(graph.builder.state_schema, graph.builder.context_schema)
    for name in _NODES:
        if name in graph.builder.nodes:
            node: Any = copy(graph.builder.nodes[name].runnable)
            node.scheduled = True
            builder.add_node(name, node, retry_policy=graph.nodes[name].retry_policy or None)
    actions = [name for name in ("generate", "revise") if name in graph.builder.nodes]
    builder.add_conditional_edges(START, InPlace(begin, "schedule"), [*actions, _VERIFY, END])
    for name in actions:
        builder.add_edge(name, _VERIFY)
    builder.add_conditional_edges(_VERIFY, InPlace(after, "schedule"), [*actions, END])
    recording = builder.compile(store=graph.store, name=f"{graph.get_name()}_recording")
    limit = _STEPS_PER_ATTEMPT * schedule.attempts + _STEPS_BESIDE
    limit = max(limit, LEAST_RECURSION_LIMIT)
    return recording.with_config(graph.config).with_config(recursion_limit=limit)
