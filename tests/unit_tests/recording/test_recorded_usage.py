"""What each recorded attempt took, measured as it was made."""

import asyncio
import json
import time

import pytest
from fakes import reply, scripted
from langchain_core.runnables import RunnableLambda
from langgraph.types import RetryPolicy

from langchain_markovscale import (
    arecord_traces,
    create_markovscale_graph,
    read_traces,
    record_traces,
)
from langchain_markovscale.replay.pool import Pool

QUESTION = [("What is 2 + 2?", "4")]
ONCE = RetryPolicy(max_attempts=1)
TWICE = RetryPolicy(max_attempts=2, initial_interval=0, jitter=False)


def counting(*failing):
    """A model whose n-th call reads 10 n tokens and writes n, unless the call is to fail."""
    down = ConnectionError("down")
    return scripted(*(down if n in failing else reply("4", 10 * n, n) for n in range(1, 9)))


class Judge:
    """Its n-th verification reads 100 n tokens and writes 1."""

    def __init__(self, failing=()):
        self.calls, self.failing = 0, set(failing)

    def __call__(self, request):
        self.calls += 1
        if self.calls in self.failing:
            raise ConnectionError("down")
        return {"score": 0.5, "feedback": None, "usage": known(100 * self.calls, 1)}


def known(read, written, calls=1, unknown=0):
    return {
        "calls": calls,
        "input_tokens": read,
        "output_tokens": written,
        "unknown": unknown,
    }


def counts(attempt):
    """An attempt's usage without its seconds."""
    return {
        purpose: {name: value for name, value in part.items() if name != "seconds"}
        for purpose, part in attempt["usage"].items()
    }


def recorded_on_a_loop(*args, **kwargs):
    return asyncio.run(arecord_traces(*args, **kwargs))


@pytest.fixture(params=[record_traces, recorded_on_a_loop], ids=["threads", "asyncio"])
def record(request, tmp_path):
    """Record one question with one fresh start, and return its attempts, finished or not."""
    path = tmp_path / "traces.jsonl"

    def record(model, judge, policy=ONCE, revisions=2):
        verifier = judge and RunnableLambda(judge)
        graph = create_markovscale_graph(
            model, verifier=verifier, answer_key="last_number", retry_policy=policy
        )
        request.param(graph, QUESTION, path=path, revisions=revisions, fresh_starts=1)
        (trace,) = read_traces(path if path.stat().st_size else f"{path}.partial")
        return trace["attempts"]

    record.path = path
    return record


def test_each_attempt_has_what_its_own_calls_took(record):
    assert [counts(each) for each in record(counting(), Judge())] == [
        {"generate": known(10, 1), "verify": known(100, 1)},
        {"revise": known(20, 2), "verify": known(200, 1)},
        {"revise": known(30, 3), "verify": known(300, 1)},
    ]


def test_a_comparison_counts_what_was_read_and_written(record):
    record(counting(), Judge())
    pool = Pool(read_traces(record.path))
    assert pool.reading_counts
    assert pool.priced
    assert pool[0].tokens == (11, 22, 33)
    assert pool[0].verification_tokens == 201


def test_seconds_are_those_of_the_step(record):
    def slow(request):
        time.sleep(0.05)
        return {"score": 0.5}

    attempts = record(counting(), slow, revisions=0)
    taken = {purpose: part["seconds"] for purpose, part in attempts[0]["usage"].items()}
    assert 0.05 <= taken["verify"] < 5
    assert 0 <= taken["generate"] < 5
    assert json.loads(record.path.read_text())["attempts"] == attempts


def test_without_a_verifier_nothing_is_said_of_verifying(record):
    assert [set(each["usage"]) for each in record(counting(), None)] == [
        {"generate"},
        {"revise"},
        {"revise"},
    ]
    assert Pool(read_traces(record.path))[0].verification_tokens == 0


def test_a_try_that_failed_is_counted_and_what_it_took_is_unknown(record):
    attempts = record(counting(2), Judge(failing={3}), TWICE)
    assert [counts(each) for each in attempts] == [
        {"generate": known(10, 1), "verify": known(100, 1)},
        {"revise": known(30, 3, calls=2, unknown=1), "verify": known(200, 1)},
        {"revise": known(40, 4), "verify": known(400, 1, calls=2, unknown=1)},
    ]
    pool = Pool(read_traces(record.path))
    assert not pool.reading_counts  # so that all are counted alike, as far as they are known
    assert pool.priced
    assert (pool[0].tokens, pool[0].verification_tokens) == ((1, 3, 4), 1)


def test_a_call_that_made_no_attempt_is_charged_to_none(record):
    attempts = record(counting(2), Judge())
    assert [counts(each) for each in attempts] == [
        {"generate": known(10, 1), "verify": known(100, 1)}
    ]


def test_usage_goes_on_where_a_recording_is_taken_up(record):
    judge = Judge(failing={2})
    model = counting()
    first = record(model, judge)
    assert counts(first[-1]) == {
        "revise": known(20, 2),
        "verify": known(0, 0, unknown=1),
    }
    again = record(model, judge)
    assert again[0]["usage"] == first[0]["usage"]
    assert [counts(each) for each in again[1:]] == [
        {"revise": known(20, 2), "verify": known(300, 1, calls=2, unknown=1)},
        {"revise": known(30, 3), "verify": known(400, 1)},
    ]


def test_attempts_of_version_0_1_stay_unknown_where_a_recording_is_taken_up(record):
    judge = Judge(failing={2})
    model = counting()
    record(model, judge)
    partial = record.path.with_name("traces.jsonl.partial")
    (trace,) = read_traces(partial)
    for attempt in trace["attempts"]:
        del attempt["usage"]
    partial.write_text(json.dumps(trace) + "\n")
    first, second, third = record(model, judge)
    assert "usage" not in first
    assert counts(second) == {"revise": known(0, 0, unknown=1), "verify": known(300, 1)}
    assert counts(third) == {"revise": known(30, 3), "verify": known(400, 1)}
