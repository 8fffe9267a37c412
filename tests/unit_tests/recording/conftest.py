import asyncio

import pytest
from recorded_parts import Parts

from langchain_markovscale import arecord_traces, record_traces

TWO = {"fresh_starts": 2}  # unless a test asks for others


def recorded_in_threads(*args, **kwargs):
    return record_traces(*args, **(TWO | kwargs))


def recorded_on_a_loop(*args, **kwargs):
    return asyncio.run(arecord_traces(*args, **(TWO | kwargs)))


@pytest.fixture(params=[recorded_in_threads, recorded_on_a_loop], ids=["threads", "asyncio"])
def record(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.jsonl"


@pytest.fixture
def parts():
    return Parts()
