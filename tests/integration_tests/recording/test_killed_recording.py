import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from langchain_markovscale import create_markovscale_graph, read_traces, record_traces

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
PER_QUESTION = 4
IN_FLIGHT = 3


def record(path, calls, seconds):
    """Record a dozen questions, with a note of every call and so many seconds for each."""

    def answer(request):
        with Path(calls).open("a") as file:
            file.write(request["question"] + "\n")
        time.sleep(seconds)
        return "4"

    graph = create_markovscale_graph(generate=answer, revise=answer, verifier=lambda answer: 0.5)
    questions = [(f"{n}?", "4") for n in range(12)]
    record_traces(
        graph,
        questions,
        path=path,
        revisions=1,
        fresh_starts=2,
        max_concurrency=IN_FLIGHT,
        grader="exact",
    )


class Recording:
    def __init__(self, folder):
        self.path = folder / "traces.jsonl"
        self.partial = folder / "traces.jsonl.partial"
        self.log = folder / "calls"

    def start(self, seconds):
        script = (
            f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
            f"from {Path(__file__).stem} import record\n"
            f"record({str(self.path)!r}, {str(self.log)!r}, {seconds})"
        )
        return subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )

    def break_off(self, how):
        """Start slowly, and send a signal once two questions are finished."""
        process = self.start(0.05)
        deadline = time.monotonic() + 60
        while not self.path.exists() or self.path.read_bytes().count(b"\n") < 2:
            assert process.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(how)
        return process.wait(timeout=60)

    def finish(self):
        """Go on where it was broken off; it is no matter in which process."""
        record(self.path, self.log, 0)

    @property
    def calls(self):
        return Counter(self.log.read_text().splitlines())

    @property
    def done(self):
        return [trace["question"] for trace in read_traces(self.path)]


@pytest.fixture
def recording(tmp_path):
    return Recording(tmp_path)


def test_after_kill_9_recording_goes_on_and_asks_nothing_that_is_finished_again(recording):
    assert recording.break_off(signal.SIGKILL) == -signal.SIGKILL
    done = recording.done
    assert 2 <= len(done) < 12
    recording.finish()
    assert sorted(recording.done) == sorted(f"{n}?" for n in range(12))
    assert recording.done[: len(done)] == done
    assert {recording.calls[question] for question in done} == {PER_QUESTION}
    # Of the others only the calls that were cut off are made again, one for each question at most.
    assert sum(recording.calls.values()) <= 12 * PER_QUESTION + IN_FLIGHT
    assert max(recording.calls.values()) <= PER_QUESTION + 1
    assert all(json.loads(line) for line in recording.path.read_text().splitlines())


def test_two_processes_do_not_record_to_one_file(recording):
    process = recording.start(0.5)
    while not recording.path.exists() or not recording.partial.exists():
        time.sleep(0.01)
    try:
        with pytest.raises(ValueError, match="is being written to by another process"):
            recording.finish()
    finally:
        process.kill()
        process.wait()


def test_after_ctrl_c_no_answer_is_paid_for_twice(recording):
    recording.break_off(signal.SIGINT)
    begun = [
        len(trace["attempts"])
        for trace in read_traces(recording.partial)
        if trace["question"] not in recording.done
    ]
    assert begun
    assert sum(recording.calls.values()) == PER_QUESTION * len(recording.done) + sum(begun)
    recording.finish()
    assert len(recording.done) == 12
    assert set(recording.calls.values()) == {PER_QUESTION}
    assert not recording.partial.exists()
