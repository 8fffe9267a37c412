"""Two workers of a Ray cluster against one, and what twenty killed workers cost.

`make test-distributed ARGS=tests/benchmarks/bench_distributed.py` runs it, in the environment that
has Ray.
"""

import os
import random
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from ray_cluster import ACTOR_PARTS, ray_cluster

from langchain_markovscale import read_traces, record_dataset

sys.path.append(str(ACTOR_PARTS))

pytestmark = pytest.mark.skipif(not find_spec("ray"), reason="the extra ray is not installed")

LATENCY = 0.05
IN_FLIGHT = 8
OPTIONS = {"revisions": 1, "fresh_starts": 2, "max_concurrency": IN_FLIGHT}
ATTEMPTS = 4
KILLS = 20


class Call(NamedTuple):
    """A call of the model, as its process noted it."""

    question: str
    clock: float
    cpu_seconds: float


@pytest.fixture(scope="module", autouse=True)
def cluster():
    with ray_cluster() as ray:
        yield ray


def calls_by_process(log):
    """The calls of each process, in their order."""
    return {
        file.name: [
            Call(question, float(clock), float(cpu))
            for question, clock, cpu in (line.split("\t") for line in file.open())
        ]
        for file in Path(log).iterdir()
    }


def asked(questions):
    return [(f"What is {number} + 0?", str(number)) for number in range(questions)]


def recorded(folder, questions, actors, **options):
    """Record, and return the calls of each process."""
    from actor_parts import make_waiting_parts

    log = folder / "log"
    log.mkdir(parents=True)
    run = record_dataset(
        make_waiting_parts(str(log), LATENCY),
        asked(questions),
        folder / "out",
        actors=actors,
        **OPTIONS,
        **options,
    )
    assert run.failed == {}
    assert run.done == questions
    return calls_by_process(log)


def rate(by_process):
    """Attempts a second, from the first call of any process to the last of all."""
    clocks = [call.clock for calls in by_process.values() for call in calls]
    return len(clocks) / (max(clocks) - min(clocks))


def test_two_workers_against_one(tmp_path, figure):
    one = recorded(tmp_path / "one", 400, 1, shards=4)
    two = recorded(tmp_path / "two", 800, 2, shards=8)
    assert (len(one), len(two)) == (1, 2)
    (calls,) = one.values()
    first, last = calls[0], calls[-1]
    cpu = (last.cpu_seconds - first.cpu_seconds) / (len(calls) - 1)
    wall = 1 / rate(one) - LATENCY / IN_FLIGHT
    figure("Ray, two workers over one", rate(two) / rate(one), "×", at_least=1.8)
    figure("Ray, one worker, processor time", cpu * 1e3, "ms an attempt", at_most=3)
    figure("Ray, one worker, beyond the model's latency", wall * 1e3, "ms an attempt", at_most=3)


class Killer(threading.Thread):
    """Kills processes that have made a call, one after the other, at random moments."""

    def __init__(self, log, kills):
        super().__init__(daemon=True)
        self._log, self._kills, self._dice = log, kills, random.Random(1)
        self.killed = set()
        self.ended = threading.Event()

    def run(self):
        while len(self.killed) < self._kills and not self.ended.wait(self._dice.uniform(0, 1)):
            names = {file.name for file in self._log.iterdir()} if self._log.exists() else set()
            if alive := sorted(names - self.killed):
                name = self._dice.choice(alive)
                os.kill(int(name), signal.SIGKILL)
                self.killed.add(name)


def test_what_killed_workers_cost(tmp_path, figure):
    killer = Killer(tmp_path / "log", KILLS)
    killer.start()
    questions = 500
    by_process = recorded(tmp_path, questions, 2, shards=8)
    killer.ended.set()
    kills = len(killer.killed)
    counts = {trace["id"]: len(trace["attempts"]) for trace in read_traces(tmp_path / "out")}
    calls = sum(map(len, by_process.values()))
    figure("workers killed", kills, "", at_least=KILLS)
    lost = questions * ATTEMPTS - sum(counts.values())
    figure("attempts lost by the kills", lost, "", at_most=0)
    figure("questions that are not read once", questions - len(counts), "", at_most=0)
    twice = (calls - questions * ATTEMPTS) / kills
    figure("calls paid twice", twice, "a kill", at_most=IN_FLIGHT)
