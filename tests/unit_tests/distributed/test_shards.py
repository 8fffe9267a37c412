"""Shards without a cluster: who takes what, where it is written, and what is read again."""

import asyncio
import json
import sys
from threading import Event

import fsspec
import pytest
from recorded_loop import counting_graph

from langchain_markovscale import read_traces, record_dataset, record_traces, write_traces
from langchain_markovscale.distributed import datasets, outputs
from langchain_markovscale.distributed.answer_file import solve_to_file
from langchain_markovscale.distributed.outputs import ObjectStore, output_at
from langchain_markovscale.distributed.shards import in_shards, shard_name, shard_of
from langchain_markovscale.recording.questions import as_questions
from langchain_markovscale.recording.recording_file import unfinished_file

QUESTIONS = as_questions([(f"What is {n} + 0?", str(n)) for n in range(40)])
SHARD = "00000-of-00001.jsonl"


def test_every_question_is_in_one_shard_whatever_the_others_are():
    parts = in_shards(QUESTIONS, 7)
    assert sorted(each for part in parts for each in part) == sorted(QUESTIONS)
    assert in_shards(QUESTIONS[::-2], 7)[shard_of(QUESTIONS[-1].id, 7)][0] == QUESTIONS[-1]
    assert max(map(len, in_shards(as_questions(map(str, range(7_000))), 7))) < 1_150
    assert shard_name(3, 16) == "00003-of-00016"


@pytest.mark.parametrize("shards", [0, -1, 2.5, True, "4"])
def test_a_wrong_number_of_shards_is_named(shards):
    with pytest.raises(ValueError, match="shards must be a whole number of at least 1"):
        in_shards(QUESTIONS, shards)


@pytest.fixture
def store():
    fsspec.filesystem("memory").store.clear()
    return ObjectStore("memory://bucket/traces", {})


def objects():
    return sorted(fsspec.filesystem("memory").store)


def record(path, questions=QUESTIONS[:6], fails=lambda question: False):
    graph, calls = counting_graph(fails)
    recording = record_traces(
        graph, questions, path=path, revisions=1, fresh_starts=1, grader="exact", max_concurrency=1
    )
    return recording, calls


def test_an_object_store_has_one_object_for_a_finished_shard(store):
    with store.working(SHARD) as path:
        record(path)
    assert objects() == [f"/bucket/traces/{SHARD}"]
    assert store.ids(SHARD) == {question.id for question in QUESTIONS[:6]}


def test_a_lost_worker_takes_with_it_what_it_has_not_uploaded_alone(store, monkeypatch):
    monkeypatch.setattr(outputs, "_LOOK_EVERY", 0.001)
    monkeypatch.setattr(outputs, "_PART_LINES", 1)
    monkeypatch.setattr(store, "_join", lambda path, parts: None)  # it is lost before
    with store.working(SHARD) as path:
        record(path, QUESTIONS[:4])
        record(path, QUESTIONS[4:6], fails=lambda question: "5 +" in question)
        assert unfinished_file(path).exists() is False
    monkeypatch.undo()
    assert any(".parts/" in name for name in objects())
    with store.working(SHARD) as path:
        recording, calls = record(path)
    assert (recording.already_there, recording.recorded) == (5, 1)
    assert set(calls) == {"What is 5 + 0?"}
    assert objects() == [f"/bucket/traces/{SHARD}"]


def test_attempts_of_an_unfinished_question_come_back_from_the_parts(store, monkeypatch):
    monkeypatch.setattr(store, "_join", lambda path, parts: None)
    graph, calls = counting_graph(lambda question: len(calls) and sum(calls.values()) > 2)
    with store.working(SHARD) as path:
        record_traces(graph, QUESTIONS[:1], path=path, revisions=3, fresh_starts=1, grader="exact")
        (trace,) = read_traces(unfinished_file(path))
    monkeypatch.undo()
    with store.working(SHARD) as path:
        assert [each["text"] for each in next(read_traces(unfinished_file(path)))["attempts"]] == [
            each["text"] for each in trace["attempts"]
        ]


def test_parts_that_became_the_object_just_before_are_not_read_twice(store, monkeypatch):
    with store.working(SHARD) as path:
        record(path)
        whole = path.read_bytes()
    store.put(store.part(SHARD, "000001-a-000001.jsonl"), whole)
    with store.working(SHARD) as path:
        assert path.read_bytes() == whole


def test_a_part_that_was_cut_off_costs_its_last_line_alone(store, tmp_path):
    record(tmp_path / SHARD)
    lines = (tmp_path / SHARD).read_bytes().splitlines(keepends=True)
    cut_off, after = b"".join([*lines[:3], lines[3][:50]]), b"".join(lines[4:])
    store.put(store.part(SHARD, "000001-a-000001.jsonl"), cut_off)
    store.put(store.part(SHARD, "000001-a-000002.jsonl"), after)
    store.put(store.part(SHARD, "000001-a-000003.partial"), lines[3][:50])
    assert len(store.ids(SHARD)) == 5
    with store.working(SHARD) as path:
        recording, calls = record(path)
    assert (recording.already_there, recording.recorded, len(calls)) == (5, 1, 1)
    assert objects() == [f"/bucket/traces/{SHARD}"]


def test_uploads_that_fail_are_made_again_and_overwrite_nothing(store, monkeypatch, caplog):
    monkeypatch.setattr(outputs, "_LOOK_EVERY", 0.001)
    monkeypatch.setattr(outputs, "_PART_EVERY", 0.001)
    monkeypatch.setattr(outputs, "_PART_LINES", 1)
    monkeypatch.setattr(store, "_join", lambda path, parts: None)  # the worker is lost before
    put, failed = store.put, Event()

    def put_half(address, content):
        if address.endswith(".partial") and not failed.is_set():
            put(address, content[:20])
            failed.set()
            raise ConnectionError("the network is down")
        put(address, content)

    monkeypatch.setattr(store, "put", put_half)
    with store.working(SHARD) as path:
        record(path, QUESTIONS[:1])
        unfinished_file(path).write_bytes(path.read_bytes())
        assert failed.wait(60)
        unfinished_file(path).unlink()
        record(path, QUESTIONS[1:3])
    assert "could not be uploaded, and is tried again: the network is down" in caplog.text
    assert store.ids(SHARD) == {question.id for question in QUESTIONS[:3]}


def test_two_workers_at_once_on_a_shard_lose_nothing(store):
    with store.working(SHARD) as one:
        record(one, QUESTIONS[:4])
        with store.working(SHARD) as other:
            record(other, QUESTIONS[2:6])
    assert store.ids(SHARD) == {question.id for question in QUESTIONS[:6]}
    assert objects() == [f"/bucket/traces/{SHARD}"]


def test_a_file_of_something_else_is_named(tmp_path, store):
    (tmp_path / SHARD).write_text('{"id": "1"}\n{"name": 2}\n')
    with pytest.raises(ValueError, match=rf"{SHARD}, line 2 is none of a shard"):
        output_at(tmp_path).ids(SHARD)
    store.put(store.part(SHARD, "000001-a-000001.jsonl"), b"[1]\n")
    with pytest.raises(ValueError, match="line 1 is none of a shard"):
        store.ids(SHARD)


def test_addresses_of_files_are_folders(tmp_path):
    for out in (tmp_path / "a", str(tmp_path / "a"), f"file://{tmp_path}/a"):
        with output_at(out).working(SHARD) as path:
            assert path == tmp_path / "a" / SHARD


def test_answers_are_written_as_they_come_and_not_asked_for_again(tmp_path):
    graph, calls = counting_graph(lambda question: "3 +" in question)
    path = tmp_path / "answers.jsonl"
    solved = asyncio.run(solve_to_file(graph, QUESTIONS[:5], path))
    assert (solved.answered, list(solved.failed)) == (4, [QUESTIONS[3].id])
    asked = dict(calls)
    graph, calls = counting_graph()
    solved = asyncio.run(solve_to_file(graph, QUESTIONS[:5], path))
    assert (solved.answered, solved.already_there, set(calls)) == (1, 4, {QUESTIONS[3].text})
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert {each["id"] for each in records} == {question.id for question in QUESTIONS[:5]}
    assert all(each["decision"]["action"] == "stop" and each["answer"] for each in records)
    assert asked[QUESTIONS[0].text] >= 1


def test_another_file_is_not_added_to(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text('{"question": "x"}\n')
    with pytest.raises(ValueError, match="line 1 is no answer"):
        asyncio.run(solve_to_file(counting_graph()[0], QUESTIONS[:1], path))


def test_without_ray_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match=r"langchain-markovscale\[ray\]"):
        record_dataset(dict, QUESTIONS, tmp_path)


class TestSeveralFiles:
    @pytest.fixture
    def shards(self, tmp_path):
        for number in range(3):
            record(tmp_path / f"{number}.jsonl", QUESTIONS[number * 2 : number * 2 + 2])
        return tmp_path

    def test_a_folder_or_a_pattern_is_read_as_one_file(self, shards):
        patterns = shards / "*.jsonl", str(shards / "[0-2].jsonl"), f"file://{shards}/*.jsonl"
        for path in (shards, f"file://{shards}", *patterns):
            asked = [trace["question"] for trace in read_traces(path)]
            assert sorted(asked) == [question.text for question in QUESTIONS[:6]]

    def test_a_question_with_the_same_settings_twice_is_an_error_that_names_both(self, shards):
        write_traces(list(read_traces(shards / "1.jsonl")), shards / "copy.jsonl")
        with pytest.raises(ValueError, match=r"copy\.jsonl has the question .*1\.jsonl"):
            list(read_traces(shards))

    def test_other_settings_are_other_traces(self, shards):
        others = [
            {**trace, "metadata": {**trace["metadata"], "temperature": 1.0}}
            for trace in read_traces(shards / "1.jsonl")
        ]
        write_traces(others, shards / "warmer.jsonl")
        assert len(list(read_traces(shards))) == 8

    def test_nothing_to_read_is_an_error(self, tmp_path):
        with pytest.raises(ValueError, match=r"s3://bucket/traces is an address.*copy them"):
            list(read_traces("s3://bucket/traces"))
        with pytest.raises(ValueError, match="has no file of traces"):
            list(read_traces(tmp_path))
        with pytest.raises(ValueError, match="has no file of traces"):
            list(read_traces(tmp_path / "*.jsonl"))
        with pytest.raises(FileNotFoundError):
            list(read_traces(tmp_path / "none.jsonl"))


def test_what_a_cluster_takes_is_said_before_its_actors_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "_ray", lambda: None)
    seen = []
    questions = [(f"{n}?", "1") for n in range(10)]
    run = record_dataset(dict, questions, tmp_path, actors=2, confirm=seen.append, revisions=1)
    (expected,) = seen
    assert (run.done, run.failed) == (0, {})
    assert (expected.questions, expected.attempts, expected.seconds) == (10, 80, None)
    with pytest.raises(ValueError, match="prices is for the estimate that confirm gets"):
        record_dataset(dict, questions, tmp_path, prices=(1, 2))
