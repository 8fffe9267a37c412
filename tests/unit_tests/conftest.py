"""Every behaviour of the loop, and of an agent with it, holds in both ways of calling it."""

import asyncio

import pytest


def _sync(graph, *args, **kwargs):
    return graph.invoke(*args, **kwargs)


def _async(graph, *args, **kwargs):
    return asyncio.run(graph.ainvoke(*args, **kwargs))


def _sync_stream(graph, *args, **kwargs):
    return list(graph.stream(*args, **kwargs))


def _async_stream(graph, *args, **kwargs):
    async def collect():
        return [part async for part in graph.astream(*args, **kwargs)]

    return asyncio.run(collect())


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def run(request):
    """Invokes a graph, or another Runnable."""
    return request.param


@pytest.fixture(params=[_sync_stream, _async_stream], ids=["sync", "async"])
def stream(request):
    """Streams a graph to its end."""
    return request.param
