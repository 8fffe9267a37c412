"""Thumbs label the answer that a run returned, and nothing that they say nothing about."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from langsmith import traceable
from langsmith.schemas import Feedback
from test_own_loops import one_draft, with_router

from langchain_markovscale import (
    create_markovscale_graph,
    label_traces,
    read_traces,
    watch,
    write_traces,
)

RUNS = [UUID(int=number) for number in range(1, 4)]


def trace(run, answers, returned=None):
    metadata = {"run_id": str(run), **({} if returned is None else {"returned": returned})}
    attempts = [{"text": f"It is {each}.", "key": each} for each in answers]
    return {"id": str(run), "question": "Q?", "attempts": attempts, "metadata": metadata}


def thumb(run, score, key="user_score", **other):
    return {"run_id": str(run), "key": key, "score": score, **other}


def summary(run, stats):
    return {"id": str(run), "inputs": {}, "feedback_stats": {"like": stats}}


def labels(path):
    return [[each["correct"] for each in trace["attempts"]] for trace in read_traces(path)]


@pytest.fixture
def runs(path):
    answers = (["1", "2", "1"], 0), (["3", "4"], 1), (["5", "6"], None)
    write_traces([trace(run, *each) for run, each in zip(RUNS, answers, strict=True)], path)
    return path


def test_a_thumb_labels_what_was_returned_and_its_equals(runs):
    done = label_traces(runs, [thumb(RUNS[0], 1), thumb(RUNS[1], 0)])
    assert labels(runs) == [[True, None, True], [None, False], [None, None]]
    assert (done.runs, done.attempts) == (2, 3)


def test_without_knowing_what_was_returned_it_is_the_last_and_that_is_told(runs):
    done = label_traces(runs, [thumb(RUNS[2], True)])
    assert labels(runs)[2] == [None, True]
    assert "1 run does not tell which answer was returned" in str(done)


def test_users_who_disagree_are_counted_and_named(runs):
    done = label_traces(
        runs, [thumb(RUNS[0], 1), thumb(RUNS[0], 0), thumb(uuid4(), 1), thumb(RUNS[1], 0.5)]
    )
    assert labels(runs) == [[None] * 3, [None] * 2, [None] * 2]
    assert (done.contradictory, done.elsewhere, done.neither) == ((str(RUNS[0]),), 1, 1)
    assert str(RUNS[0]) in str(done)


def test_a_label_that_is_there_is_kept(runs):
    label_traces(runs, [thumb(RUNS[1], 1)])
    done = label_traces(runs, [thumb(RUNS[1], 0), thumb(RUNS[0], 1)])
    assert labels(runs)[1] == [None, True]
    assert done.labelled_otherwise == (str(RUNS[1]),)


@pytest.mark.parametrize(
    ("feedback", "label"),
    [
        (thumb(RUNS[1], None, "user_feedback", value="👍"), True),
        (thumb(RUNS[1], None, "thumbs", value="down"), False),
        (thumb(RUNS[1], -1), False),
        (thumb(RUNS[1], 1, "thumbs_down"), False),
        (thumb(RUNS[1], 0, "thumbs_down"), None),
        (thumb(RUNS[1], 1, "tone_was_right"), True),
        (summary(RUNS[1], {"n": 2, "avg": 1.0}), True),
        (summary(RUNS[1], {"n": 2, "avg": 0.5}), None),
        ({"traceId": RUNS[1].hex, "name": "thumb", "value": 0, "dataType": "NUMERIC"}, False),
        ({"id": RUNS[1].hex, "observations": [], "scores": [{"name": "like", "value": 1}]}, True),
    ],
)
def test_thumbs_have_many_forms(runs, feedback, label):
    label_traces(runs, [feedback])
    assert labels(runs)[1] == [None, label]


def test_feedback_on_the_run_around_a_run_counts_where_it_is_the_only_one(runs):
    around, both = uuid4(), [{"id": str(each), "inputs": {}} for each in RUNS]
    both[0]["trace_id"] = str(around)
    label_traces(runs, [*both, thumb(around, 1)])
    assert labels(runs)[0] == [True, None, True]
    both[1]["trace_id"] = both[2]["trace_id"] = str(around := uuid4())
    assert label_traces(runs, [*both, thumb(around, 1)]).elsewhere == 1
    assert labels(runs)[1:] == [[None, None], [None, None]]


@pytest.mark.parametrize(
    ("feedback", "told"),
    [
        ([thumb(RUNS[0], 4)], "user_score has the value 4"),
        ([thumb(RUNS[0], 1, "tone"), thumb(RUNS[0], 0, "length")], "name one of length, tone"),
        ([thumb(RUNS[0], 0.3, "tone")], "no key has values"),
        ([{"id": "1", "inputs": {}, "outputs": {}}], "has no feedback"),
    ],
)
def test_what_is_no_thumb_is_refused(runs, feedback, told):
    before = runs.read_bytes()
    with pytest.raises(ValueError, match=told):
        label_traces(runs, feedback)
    assert runs.read_bytes() == before


def test_a_key_that_is_not_there_is_refused(runs):
    with pytest.raises(ValueError, match="label must be one of user_score, got 'stars'"):
        label_traces(runs, [thumb(RUNS[0], 1)], label="stars")


def test_objects_of_the_client_label_what_was_watched(path):
    graph = watch(one_draft(), path, answers_key="draft")
    run = uuid4()
    graph.invoke({"question": "Third?"}, {"run_id": run})
    now = datetime.now(UTC)
    given = Feedback(
        id=uuid4(),
        run_id=run,
        trace_id=run,
        key="user_score",
        score=1,
        created_at=now,
        modified_at=now,
    )
    label_traces(path, [given])
    assert labels(path) == [[None, None, True]]


def test_feedback_on_a_part_of_a_run_is_not_about_what_it_returned(runs):
    part = thumb(uuid4(), 1, trace_id=str(RUNS[1]), value=None)
    done = label_traces(runs, [part])
    assert labels(runs)[1] == [None, None]
    assert "labelled no answer" in str(done)


def test_the_file_of_an_export_is_read(runs, tmp_path):
    export = tmp_path / "feedback.json"
    export.write_text(json.dumps([thumb(RUNS[0], 1)]))
    assert label_traces(runs, export).runs == 1


def test_traces_in_memory_are_labelled_too(runs):
    traces = list(read_traces(runs))
    label_traces(traces, [thumb(RUNS[0], 0)])
    assert [each["correct"] for each in traces[0]["attempts"]] == [False, None, False]


def test_a_watched_run_tells_what_it_returned(path):
    scores = iter([0.9, 0.2, 0.1])
    graph = create_markovscale_graph(
        generate=lambda request: "It is 1.",
        revise=lambda request: f"It is {len(request['answer'])}.",
        verifier=lambda answer: next(scores),
        exact_verifier=True,
        max_rounds=3,
        criterion=None,
    )
    watch(graph, path).invoke({"question": "One?"})
    watch(with_router(), path).invoke({"question": "Two?"})
    first, second = (trace["metadata"]["returned"] for trace in read_traces(path))
    assert (first, second) == (0, 0)


def test_a_traced_function_has_the_run_id_that_the_service_has(path, monkeypatch):
    monkeypatch.setenv("LANGSMITH_TRACING", "false")

    @traceable
    def loop(question):
        return ["1", "2"]

    run = uuid4()
    watched = watch(loop, path)
    assert watched("One?", langsmith_extra={"run_id": run}) == ["1", "2"]
    assert watched("Two?") == ["1", "2"]
    given, other = (trace["metadata"]["run_id"] for trace in read_traces(path))
    assert given == str(run) != other
