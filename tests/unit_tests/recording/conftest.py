import asyncio

import pytest
from recorded_parts import Parts

from langchain_markovscale import arecord_traces, record_traces


def recorded_on_a_loop(*args, **kwargs):
    return asyncio.run(arecord_traces(*args, **kwargs))


@pytest.fixture(params=[record_traces, recorded_on_a_loop], ids=["threads", "asyncio"])
def record(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.jsonl"


@pytest.fixture
def parts():
    return Parts()
