"""Reading a million attempts: from lines of JSON to what a fit needs."""

import tracemalloc
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from langchain_markovscale import Trace, read_traces, write_traces
from langchain_markovscale.calibration.sufficient_statistics import collect

ARITHMETIC = Path(__file__).parents[1] / "data" / "arithmetic.jsonl"
ATTEMPTS = 1_000_000


def copies(attempts: int) -> Iterator[Trace]:
    """The recorded traces over and over, under new names."""
    recorded = list(read_traces(ARITHMETIC))
    questions = attempts // len(recorded[0]["attempts"])
    for number, trace in enumerate(islice(cycle(recorded), questions)):
        yield {**trace, "id": f"question {number}"}


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    path = tmp_path_factory.mktemp("traces") / "million.jsonl"
    write_traces(copies(ATTEMPTS), path)
    return path


def test_a_million_attempts_from_jsonl(benchmark, figure, million):
    statistics = benchmark.pedantic(lambda: collect(read_traces(million)), rounds=1)
    assert statistics.attempts > 0.99 * ATTEMPTS
    figure("1,000,000 attempts from JSONL", benchmark.stats.stats.median, "s", at_most=60)


def test_a_million_attempts_are_written(benchmark, figure, tmp_path):
    path = tmp_path / "traces.jsonl"
    benchmark.pedantic(lambda: write_traces(copies(ATTEMPTS), path), rounds=1)
    figure("1,000,000 attempts to JSONL", benchmark.stats.stats.median, "s", at_most=60)


def test_memory_of_reading_is_flat(figure, million):
    tracemalloc.start()
    try:
        for number, _ in enumerate(read_traces(million)):
            if number == 1_000:
                tracemalloc.reset_peak()
                early = tracemalloc.get_traced_memory()[0]
            elif number == 20_000:
                break
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    figure("memory of reading 19,000 more traces", (peak - early) / 1e6, "MB", at_most=1)
