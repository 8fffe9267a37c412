"""Every behaviour of the loop holds in both ways of calling it."""

import asyncio

import pytest
from graph_fakes import OVERRUN


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
    """Invokes a graph."""
    return request.param


@pytest.fixture(params=[_sync_stream, _async_stream], ids=["sync", "async"])
def stream(request):
    """Streams a graph to its end."""
    return request.param


@pytest.fixture(autouse=True)
def no_script_runs_out():
    """An error that the loop turned into an answer must not hide that a test asks for too much."""
    yield
    overrun = OVERRUN.copy()
    OVERRUN.clear()
    assert overrun == []
