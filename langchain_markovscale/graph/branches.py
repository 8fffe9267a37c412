"""Finding the router of a compiled loop, for those who want to know how it decides."""

from typing import Any

from langgraph.graph.state import CompiledStateGraph

from langchain_markovscale.graph.router import MarkovScaleRouter


def router_of(
    graph: CompiledStateGraph[Any, Any, Any, Any],
) -> MarkovScaleRouter | None:
    """Return the first `MarkovScaleRouter` among a graph's branches; None where it has none.

    Args:
        graph: A compiled graph, one of `create_markovscale_graph` or one of yours.
    """
    for branches in graph.builder.branches.values():
        for branch in branches.values():
            if isinstance(branch.path, MarkovScaleRouter):
                return branch.path
    return None
