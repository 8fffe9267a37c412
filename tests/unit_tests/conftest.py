"""What tests of several rooms need: both ways of calling a graph, and quick reports."""

import asyncio
from contextlib import contextmanager

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


@pytest.fixture
def llm_cache():
    """A cache of replies that all chat models of this process share, as long as a test runs."""
    from langchain_core.caches import InMemoryCache
    from langchain_core.globals import set_llm_cache

    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


@pytest.fixture(scope="session")
def with_few_questions():
    """A context in which reports are quick: enough questions to see what they say."""
    from langchain_markovscale.calibration.report import findings

    @contextmanager
    def few():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(findings, "QUESTIONS", 200)
            yield

    return few


@pytest.fixture(scope="module")
def few_simulated_questions(with_few_questions):
    """Quick reports in all tests of a module."""
    with with_few_questions():
        yield
