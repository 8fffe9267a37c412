"""Everything here holds over both databases."""

import asyncio

import pytest
from savers import address_of, async_saver_at, saver_at


@pytest.fixture(params=["sqlite", "postgres"])
def address(request, tmp_path):
    """An empty place for threads."""
    with address_of(request.param, tmp_path) as place:
        yield place


@pytest.fixture(params=["postgres"])
def postgres(request, tmp_path):
    """An empty schema on the PostgreSQL server."""
    with address_of(request.param, tmp_path) as place:
        yield place


def _sync(address, make_graph, given, config, **options):
    with saver_at(address) as saver:
        return make_graph(saver).invoke(given, config, **options)


def _async(address, make_graph, given, config, **options):
    async def invoke():
        async with async_saver_at(address) as saver:
            return await make_graph(saver).ainvoke(given, config, **options)

    return asyncio.run(invoke())


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def run(request):
    """Connects to an address, invokes a graph made for it, and hangs up."""
    return request.param
