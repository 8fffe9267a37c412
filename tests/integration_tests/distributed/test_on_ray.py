"""Question sets on a real Ray cluster of this machine: two workers, killed at will."""

import json
import os
import signal
import threading
import time
from collections import Counter

import pytest
from actor_parts import calls_in, make_graph, make_local_parts, make_parts

from langchain_markovscale import read_traces, record_dataset, record_traces, solve_dataset
from langchain_markovscale._files import held

pytestmark = pytest.mark.usefixtures("cluster")

QUESTIONS = [(f"What is {n} + 0?", str(n)) for n in range(24)]
OPTIONS = {"revisions": 1, "fresh_starts": 2, "max_concurrency": 4}
PER_QUESTION = 4


def attempts_by_id(traces):
    return {trace["id"]: len(trace["attempts"]) for trace in traces}


def kill_a_worker(log, after):
    """Kill a process that has made so many calls, and return its number."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for file in log.iterdir():
            if file.read_text().count("\n") >= after and file.name not in killed:
                os.kill(int(file.name), signal.SIGKILL)
                killed.add(file.name)
                return
        time.sleep(0.01)
    raise AssertionError("no worker got so far")


killed = set()


def test_the_union_is_what_one_process_records(tmp_path, log):
    run = record_dataset(make_parts(str(log), 0), QUESTIONS, tmp_path / "out", shards=5, **OPTIONS)
    assert (run.done, run.already_there, run.failed, run.shards) == (24, 0, {}, 5)
    record_traces(make_parts(str(log), 0)(), QUESTIONS, path=tmp_path / "one.jsonl", **OPTIONS)
    assert attempts_by_id(read_traces(tmp_path / "out")) == attempts_by_id(
        read_traces(tmp_path / "one.jsonl")
    )
    again = record_dataset(make_parts(str(log)), QUESTIONS, tmp_path / "out", shards=5, **OPTIONS)
    assert (again.done, again.already_there) == (0, 24)


def test_a_killed_actor_loses_nothing_and_pays_twice_for_calls_in_flight_alone(tmp_path, log):
    out = tmp_path / "out"
    killing = threading.Thread(target=kill_a_worker, args=(log, 6))
    killing.start()
    run = record_dataset(make_parts(str(log)), QUESTIONS, f"file://{out}", shards=4, **OPTIONS)
    killing.join()
    assert run.failed == {}
    assert attempts_by_id(read_traces(out)) == dict.fromkeys(
        attempts_by_id(read_traces(out)), PER_QUESTION
    )
    assert len(attempts_by_id(read_traces(out))) == 24
    calls = Counter(calls_in(log))
    assert sum(calls.values()) <= 24 * PER_QUESTION + OPTIONS["max_concurrency"]
    assert not list(out.glob("*.partial"))


def test_what_a_killed_actor_with_a_real_model_had_begun_is_finished_by_another(tmp_path, log):
    questions, out = QUESTIONS[:6], tmp_path / "out"
    options = {"revisions": 1, "fresh_starts": 1, "max_concurrency": 2, "grader": "exact"}

    def kill_in_mid_shard():
        deadline = time.monotonic() + 200
        while not list(out.glob("*.partial")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(int(min(log.iterdir()).name), signal.SIGKILL)

    killing = threading.Thread(target=kill_in_mid_shard)
    killing.start()
    run = record_dataset(make_local_parts(str(log)), questions, out, shards=2, **options)
    killing.join()
    assert run.failed == {}
    # Two actors, and one in the place of the first, unless the other was free before it had begun.
    assert len(list(log.iterdir())) in (2, 3)
    record_traces(make_local_parts(str(log))(), questions, path=tmp_path / "one.jsonl", **options)
    assert attempts_by_id(read_traces(out)) == attempts_by_id(read_traces(tmp_path / "one.jsonl"))


def test_a_question_set_is_solved_and_taken_up_again(tmp_path, log):
    first = solve_dataset(make_graph(str(log), 0), QUESTIONS[:10], tmp_path / "out", shards=3)
    run = solve_dataset(make_graph(str(log), 0), QUESTIONS, tmp_path / "out", shards=3)
    assert (first.done, run.done, run.already_there) == (10, 14, 10)
    lines = [
        json.loads(line)
        for file in (tmp_path / "out").glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert len(lines) == len({line["id"] for line in lines}) == 24
    assert all(line["answer"].startswith("It is") for line in lines)


def test_a_second_call_on_a_folder_says_that_there_is_one_already(tmp_path, log):
    (tmp_path / "out").mkdir()
    with held(tmp_path / "out" / "00000-of-00001.jsonl"):
        with pytest.raises(Exception, match="is being written to by another process"):
            record_dataset(make_parts(str(log), 0), QUESTIONS, tmp_path / "out", shards=1)
        assert calls_in(log) == []


def test_rows_of_a_ray_dataset_are_questions(cluster, tmp_path, log):
    rows = [{"question": text, "reference": right} for text, right in QUESTIONS[:6]]
    run = record_dataset(
        make_parts(str(log), 0), cluster.data.from_items(rows), tmp_path / "out", **OPTIONS
    )
    assert run.done == 6
    assert {trace["reference"] for trace in read_traces(tmp_path / "out")} == set("012345")


def test_shards_are_written_to_an_object_store(tmp_path, log, bucket):
    url, options = bucket
    killing = threading.Thread(target=kill_a_worker, args=(log, 12))
    killing.start()
    run = record_dataset(
        make_parts(str(log)),
        QUESTIONS,
        f"{url}/traces",
        shards=2,
        storage_options=options,
        **OPTIONS,
    )
    killing.join()
    assert (run.done, run.failed) == (24, {})
    import fsspec

    fs, root = fsspec.core.url_to_fs(f"{url}/traces", **options)
    assert sorted(name.rsplit("/", 1)[1] for name in fs.find(root)) == [
        "00000-of-00002.jsonl",
        "00001-of-00002.jsonl",
    ]
    fs.get(f"{root}/*.jsonl", str(tmp_path / "copies") + "/")
    counts = attempts_by_id(read_traces(tmp_path / "copies"))
    assert len(counts) == 24
    assert set(counts.values()) == {PER_QUESTION}


@pytest.fixture
def bucket():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    options = {"key": "k", "secret": "s", "client_kwargs": {"endpoint_url": address}}
    import fsspec

    fsspec.filesystem("s3", **options).mkdir("bucket")
    yield "s3://bucket", options
    server.stop()
