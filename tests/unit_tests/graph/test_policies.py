"""LangGraph's policies on the nodes of this package, in a graph of somebody else."""

import asyncio
from datetime import timedelta

import pytest
from fakes import Scripted, ScriptedModel, accepts, reply
from langgraph.cache.memory import InMemoryCache
from langgraph.errors import NodeTimeoutError
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy, RetryPolicy
from typing_extensions import TypedDict

from langchain_markovscale import (
    Usage,
    create_markovscale_graph,
    generate_node,
    revise_node,
    verify_proxy_node,
)

QUESTION = {"question": "What is 2 + 2?"}
AT_ONCE = RetryPolicy(initial_interval=0.0, jitter=False, max_attempts=3, retry_on=Exception)


class State(TypedDict, total=False):
    question: str
    attempts: list
    usage: dict[str, Usage]


def chain_of(*nodes, cache=None, **policies):
    """A graph of one's own that takes the nodes in turn, each with the same policies."""
    builder = StateGraph(State)
    before = START
    for node in nodes:
        builder.add_node(node.name, node, **policies)
        builder.add_edge(before, node.name)
        before = node.name
    return builder.compile(cache=cache)


async def endless(request):
    await asyncio.sleep(3600)


def test_each_node_is_retried_and_counts_every_try(run):
    fault = ConnectionError("line is dead")
    graph = chain_of(
        generate_node(ScriptedModel(script=[fault, reply("five", 5, 1)])),
        revise_node(ScriptedModel(script=[fault, fault, reply("four", 6, 2)])),
        verify_proxy_node(Scripted(fault, {"score": 0.9})),
        retry_policy=AT_ONCE,
    )
    state = run(graph, QUESTION)
    assert [attempt["text"] for attempt in state["attempts"]] == ["five", "four"]
    assert state["attempts"][-1]["score"] == 0.9
    calls = {purpose: usage["calls"] for purpose, usage in state["usage"].items()}
    assert calls == {"generate": 2, "revise": 3, "verify": 2}
    assert state["usage"]["revise"]["output_tokens"] == 2


def test_a_fault_that_stays_rises_from_the_node(run):
    model = ScriptedModel(script=[ConnectionError("dead")] * 3)
    with pytest.raises(ConnectionError):
        run(chain_of(generate_node(model), retry_policy=AT_ONCE), QUESTION)
    assert model.calls == 3


def test_a_cached_node_is_not_called_again(run):
    model, verifier = ScriptedModel(script=["four"]), Scripted({"score": 0.9})
    graph = chain_of(
        generate_node(model),
        verify_proxy_node(verifier),
        cache_policy=CachePolicy(key_func=lambda state: state["question"]),
        cache=InMemoryCache(),
    )
    states = [run(graph, QUESTION) for _ in range(3)]
    assert states[1:] == states[:1] * 2
    assert (model.calls, verifier.calls) == (1, 1)


@pytest.mark.parametrize("own", [True, False], ids=["of the node", "of LangGraph"])
async def test_a_node_that_takes_too_long_is_ended(own):
    node = generate_node(generate=endless, timeout=0.02 if own else None)
    graph = chain_of(node, **({} if own else {"timeout": 0.02}))
    with pytest.raises(NodeTimeoutError):
        await graph.ainvoke(QUESTION)


@pytest.mark.parametrize("limit", [0.2, timedelta(milliseconds=200)])
async def test_a_verifier_that_takes_too_long_leaves_the_answer(limit):
    async def slow(answer):
        await asyncio.sleep(3600)

    graph = create_markovscale_graph(
        generate=Scripted("four"), actions=("generate",), verifier=slow, timeout=limit
    )
    state = await graph.ainvoke(QUESTION)
    assert state["answer"] == "four"
    assert state["decision"]["reason"] == "error"
    assert "verify_proxy" in state["error"]


async def test_a_first_draw_that_takes_too_long_is_one_clear_error():
    graph = create_markovscale_graph(
        generate=endless, verifier=accepts("four"), actions=("generate",), timeout=0.02
    )
    with pytest.raises(NodeTimeoutError, match="generate"):
        await graph.ainvoke(QUESTION)
