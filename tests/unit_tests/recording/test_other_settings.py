"""A file of traces is only added to by recordings that were made in the same way."""

import json

import pytest
from fakes import ScriptedModel
from langgraph.cache.memory import InMemoryCache
from langgraph.types import CachePolicy

from langchain_markovscale import create_markovscale_graph, read_traces, record_traces

QUESTIONS = [(f"What is {n} + 0?", str(n)) for n in range(4)]
SETTINGS = {"model": "a", "temperature": 0.7, "stop": ("x", "y"), "max_tokens": None}


@pytest.fixture
def asked():
    return []


@pytest.fixture
def record(tmp_path, asked):
    """Record so many questions with some options."""

    def answer(request):
        asked.append(request["question"])
        return "1"

    graph = create_markovscale_graph(
        generate=answer, revise=answer, verifier=lambda answer: 0.5, answer_key="last_number"
    )

    def record(number, **options):
        options = {"path": tmp_path / "traces.jsonl", "revisions": 1, "fresh_starts": 2} | options
        return record_traces(graph, QUESTIONS[:number], **options)

    return record


def test_the_same_settings_go_on(record):
    record(2, metadata=SETTINGS)
    again = record(4, metadata=SETTINGS)
    assert (again.already_there, again.recorded) == (2, 2)


@pytest.mark.parametrize(
    ("change", "there", "here"),
    [
        ({"metadata": SETTINGS | {"model": "b"}}, "model='a'", "model='b'"),
        ({"metadata": SETTINGS | {"max_tokens": 9}}, "max_tokens=None", "max_tokens=9"),
        ({"metadata": SETTINGS, "revisions": 3}, "revisions=1", "revisions=3"),
        ({"metadata": SETTINGS, "fresh_starts": 3}, "fresh_starts=2", "fresh_starts=3"),
    ],
)
def test_other_settings_are_refused_before_anything_is_paid_for(
    record, asked, tmp_path, change, there, here
):
    record(2, metadata=SETTINGS)
    before, paid = (tmp_path / "traces.jsonl").read_bytes(), len(asked)
    with pytest.raises(ValueError, match="record to another file") as caught:
        record(4, **change)
    assert f"was recorded with {there}; this recording asks for {here}, and" in str(caught.value)
    assert len(asked) == paid
    assert (tmp_path / "traces.jsonl").read_bytes() == before


def test_what_only_one_of_the_two_tells_is_no_contradiction(record):
    record(1, metadata={"model": "a", "site": "lab"})
    record(2, metadata={"model": "a", "seed": 1})
    assert record(3, metadata={"model": "a"}).recorded == 1


def test_without_metadata_nobody_is_asked_to_agree(record, tmp_path):
    record(1, metadata={"model": "a"})
    assert record(2, revisions=2).recorded == 1
    attempts = [len(trace["attempts"]) for trace in read_traces(tmp_path / "traces.jsonl")]
    assert attempts == [4, 6]


# The former name of `revisions`


@pytest.fixture
def former(tmp_path, record):
    """A file of traces as version 0.1 wrote them."""
    path = tmp_path / "traces.jsonl"

    def former(number):
        record(number, metadata=SETTINGS)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            line["metadata"]["rounds"] = line["metadata"].pop("revisions")
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    return former


def test_a_file_of_version_0_1_goes_on_with_as_many_revisions(record, former):
    former(2)
    assert record(4, metadata=SETTINGS).recorded == 2


def test_a_file_of_version_0_1_is_refused_other_revisions(record, former):
    former(2)
    with pytest.raises(ValueError, match=r"recorded with revisions=1; this .* for revisions=2"):
        record(4, metadata=SETTINGS, revisions=2)


def test_rounds_of_somebodys_own_are_no_revisions(record):
    record(2, metadata=SETTINGS | {"rounds": 7})
    assert record(4, metadata=SETTINGS).recorded == 2
    with pytest.raises(ValueError, match=r"recorded with rounds=7; this .* for rounds=8"):
        record(4, metadata=SETTINGS | {"rounds": 8})


def test_the_former_name_works_and_names_the_new_one(record, tmp_path):
    with pytest.deprecated_call(match="revisions=2"):
        record(1, revisions=None, rounds=2)
    (trace,) = read_traces(tmp_path / "traces.jsonl")
    assert len(trace["attempts"]) == 6
    assert (trace["metadata"]["revisions"], "rounds" in trace["metadata"]) == (2, False)


def test_both_names_at_once_are_refused(record):
    with pytest.raises(ValueError, match="give revisions alone"):
        record(1, revisions=2, rounds=2)


def test_a_recording_takes_no_answer_from_the_graphs_cache(tmp_path):
    model = ScriptedModel(script=["1", "2", "3", "4"])
    graph = create_markovscale_graph(
        model, verifier=None, answer_key="last_number", cache=InMemoryCache(),
        cache_policy=CachePolicy(),
    )  # fmt: skip
    for number in range(2):
        path = tmp_path / f"{number}.jsonl"
        record_traces(graph, [("What?", "1")], path=path, fresh_starts=2, revisions=0)
        (trace,) = read_traces(path)
        assert len({attempt["text"] for attempt in trace["attempts"]}) == 2
    assert model.calls == 4


def test_another_loop_adds_to_a_file_with_a_warning(record, tmp_path, caplog):
    record(2)
    record(3)
    assert not caplog.records
    graph = create_markovscale_graph(
        ScriptedModel(script=["1"], repeat=True), verifier=lambda answer: 0.5, answer_key="text"
    )
    record_traces(graph, QUESTIONS, path=tmp_path / "traces.jsonl", revisions=1, fresh_starts=2)
    assert "was recorded with answer_key='last_number', and this loop has answer_key='text'" in (
        caplog.text
    )
