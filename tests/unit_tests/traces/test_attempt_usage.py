"""What attempts took, in files of today and of version 0.1."""

import json

import pytest

from langchain_markovscale import read_traces, round_costs, write_traces
from langchain_markovscale.traces.attempt_counts import AttemptCounts
from langchain_markovscale.traces.usage import add_timed, mean_tokens, tokens_of, usage_between


def usage(read, written, calls=1, unknown=0, seconds=None):
    tokens = {"input_tokens": read, "output_tokens": written}
    return {"calls": calls, **tokens, "unknown": unknown, "seconds": seconds}


def untimed(read, written, calls=1, unknown=0):
    made = usage(read, written, calls, unknown)
    return {name: value for name, value in made.items() if name != "seconds"}


SILENT = usage(0, 0, unknown=1)
DRAW = {"generate": usage(40, 9, seconds=1.5), "verify": usage(60, 3)}
REVISION = {"revise": usage(80, 11), "verify": usage(100, 5)}


def attempt(took=None, **changes):
    made = {"text": "4", "key": None, "score": None, "action": "generate", **changes}
    return made if took is None else made | {"usage": took}


def trace(*attempts):
    return {"id": "q", "question": "?", "attempts": list(attempts)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.jsonl"


def test_usage_comes_back_as_it_was_written(path):
    write_traces([trace(attempt(DRAW), attempt(REVISION, action="revise", parent=0))], path)
    (read,) = read_traces(path)
    assert [each["usage"] for each in read["attempts"]] == [DRAW, REVISION]


def test_traces_of_version_0_1_have_none_and_stay_as_they_are(path):
    write_traces([trace(attempt())], path)
    assert "usage" not in path.read_text()
    (read,) = read_traces(path)
    assert "usage" not in read["attempts"][0]
    assert tokens_of(read["attempts"][0], "generate") is None


@pytest.mark.parametrize(
    "wrong",
    [
        7,
        {"think": usage(1, 1)},
        {"generate": None},
        {"generate": {"input_tokens": 4, "output_tokens": 2}},
        {"generate": usage(-1, 1)},
        {"generate": usage(1.5, 1)},
        {"generate": usage(0, 0, calls=1, unknown=2)},
        {"generate": usage(1, 1, seconds="1")},
        {"generate": usage(1, 1, seconds=-1)},
    ],
)
def test_what_is_no_usage_is_named(path, wrong):
    path.write_text(json.dumps(trace(attempt(wrong))))
    with pytest.raises(ValueError, match=r"line 1: attempts\[0\].usage must be an object with"):
        list(read_traces(path))


def test_what_is_unknown_may_be_null_or_missing(path):
    attempts = [attempt() | {"usage": None}, attempt({"generate": untimed(1, 1)})]
    path.write_text(json.dumps(trace(*attempts)))
    unknown, timeless = next(read_traces(path))["attempts"]
    assert unknown["usage"] is None
    assert timeless["usage"] == {"generate": usage(1, 1, seconds=None)}


# Sums


def test_what_a_step_took_is_the_difference_of_two_accounts():
    before = {"generate": untimed(40, 9), "verify": untimed(60, 3)}
    failed = untimed(0, 0, calls=2, unknown=2)
    after = before | {"verify": untimed(160, 8, calls=2), "revise": failed}
    assert usage_between(before, after) == {"verify": untimed(100, 5), "revise": failed}
    assert usage_between(after, after) == {}
    assert usage_between({}, before) == before


def test_seconds_add_up():
    once = add_timed(None, untimed(40, 9), 1.25)
    assert once == usage(40, 9, seconds=1.25)
    assert add_timed(once, SILENT, 0.5) == usage(40, 9, calls=2, unknown=1, seconds=1.75)


def test_tokens_are_unknown_where_those_of_one_call_are():
    assert tokens_of(attempt(DRAW), "generate") == (40, 9)
    assert tokens_of(attempt(DRAW), "revise") is None
    retried = {"generate": usage(40, 9, calls=2, unknown=1)}
    assert tokens_of(attempt(retried), "generate") is None


def test_means_are_over_what_is_known_and_price_a_round():
    attempts = [attempt(DRAW), attempt(REVISION), attempt({"generate": SILENT}), attempt()]
    means = {each: mean_tokens(attempts, each) for each in ("generate", "revise", "verify")}
    assert means == {"generate": (40, 9), "revise": (80, 11), "verify": (80, 4)}
    costs = round_costs(1.0, input_token=0.0001, output_token=0.001, tokens=means)
    assert costs["revise"] == pytest.approx(160 * 0.0001 + 15 * 0.001)
    assert mean_tokens([attempt(), attempt({"generate": SILENT})], "generate") is None


# In words


@pytest.mark.parametrize(
    ("attempts", "words"),
    [
        ([attempt(DRAW), attempt(REVISION)], "Usage: 280 tokens read, 28 written."),
        ([attempt(), attempt()], "Usage: unknown."),
        ([attempt({"generate": SILENT})], "Usage: unknown."),
        ([attempt({"generate": SILENT, "verify": usage(0, 0)})], "Usage: unknown."),
        ([attempt({"generate": usage(0, 0)})], "Usage: 0 tokens read, 0 written."),
        ([], "Usage: unknown."),
        (
            [attempt(DRAW), attempt({"generate": SILENT}), attempt()],
            "Usage: 100 tokens read, 12 written, unknown for 1 call and 1 attempt.",
        ),
    ],
)
def test_counts_tell_the_usage_and_what_of_it_is_unknown(attempts, words):
    counts = AttemptCounts()
    counts.add(attempts)
    assert str(counts).endswith(words)
