"""Everything here holds over both databases; without a server, what needs one is left out."""

import asyncio
from collections import Counter

import pytest
from savers import SERVER, address_of, async_saver_at, saver_at

LEFT_OUT = pytest.StashKey[list[pytest.Item]]()


@pytest.hookimpl(trylast=True)  # after -k
def pytest_collection_modifyitems(config, items):
    left_out = [] if SERVER else [item for item in items if _over_postgres(item)]
    config.stash[LEFT_OUT] = left_out
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def _over_postgres(item):
    return hasattr(item, "callspec") and "postgres" in item.callspec.params.values()


def pytest_terminal_summary(terminalreporter, config):
    if left_out := config.stash.get(LEFT_OUT, []):
        files = Counter(item.path.relative_to(config.rootpath) for item in left_out)
        which = ", ".join(f"{file} ({count})" for file, count in files.items())
        terminalreporter.write_line(
            f"Left out: {len(left_out)} tests over PostgreSQL, because MARKOVSCALE_POSTGRES names "
            f"no server ('.ci/with-postgres make test' runs them): {which}",
            yellow=True,
        )


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
