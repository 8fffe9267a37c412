"""A file of traces is only added to by recordings that were made in the same way."""

import pytest

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
        options = {"path": tmp_path / "traces.jsonl", "rounds": 1} | options
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
        ({"metadata": SETTINGS, "rounds": 3}, "rounds=1", "rounds=3"),
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
    assert record(2, rounds=2).recorded == 1
    attempts = [len(trace["attempts"]) for trace in read_traces(tmp_path / "traces.jsonl")]
    assert attempts == [4, 6]
