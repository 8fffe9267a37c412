"""A large question set on this machine, and a model that takes no time: all that is left is ours.

`make bench` records, calibrates to and compares ten thousand questions: three minutes. `make
bench-scale` takes a hundred thousand: half an hour at most, nearly all of it recording, and it says
how far it is as it goes. Every stage runs in a process of its own, so that its memory is seen, and
is judged by its processor time, since all of it is work.
"""

import logging
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import NamedTuple

import pytest
from worlds import World

from langchain_markovscale import (
    Calibration,
    compare_strategies,
    create_markovscale_graph,
    read_traces,
    record_traces,
)

QUESTIONS = int(os.environ.get("SCALE_QUESTIONS", "10000"))
STARTS, REVISIONS = 2, 3
ATTEMPTS = STARTS * (REVISIONS + 1)
PAGE = os.sysconf("SC_PAGE_SIZE")


class Took(NamedTuple):
    """What a stage took, and what it found."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    found: object


class Model:
    """Answers, revises and verifies as a world does, at once."""

    def __init__(self, questions):
        self._world, self._dice = World(), Random(0)
        self._calls, self._all, self._began = 0, questions * ATTEMPTS, process_time()
        self.mb_by_tenths = []

    def write(self, request):
        """A draw, or a revision where there is an answer."""
        self._calls += 1
        if self._calls % (self._all // 10) == 0:
            self.mb_by_tenths.append(resident_mb())
            each = (process_time() - self._began) / self._calls * 1e3
            tell(
                f"recorded {self._calls:,} of {self._all:,} attempts, {each:.2f} ms of processor "
                f"time each, {resident_mb():.0f} MB"
            )
        number = int(request["question"].split()[2])
        band = self._world.bands[number % len(self._world.bands)]
        before = request.get("answer")
        if before is None:
            right = self._dice.random() < band.initial
        elif before == f"It is {number}.":
            right = self._dice.random() >= band.corruption
        else:
            right = self._dice.random() < band.repair
        off = 0 if right else self._dice.randint(1, self._world.wrong_answers)
        return f"It is {number + off}."

    def verify(self, question, key):
        """A verdict that is right as often as the world's verifier."""
        right = key == question.split()[2]
        accepts = self._world.sensitivity if right else 1 - self._world.specificity
        return 1.0 if self._dice.random() < accepts else 0.0


def tell(what):
    """Say what is there by now; it is seen as it comes where pytest captures nothing."""
    print(f"{datetime.now():%H:%M:%S} {what}", flush=True)


def resident_mb():
    """Memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def peak_mb():
    """The most memory of this process; `getrusage` counts what its parent had as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def record(path, questions):
    """Record, and return by how many megabytes memory grew from a tenth of the questions on."""
    model = Model(questions)
    graph = create_markovscale_graph(
        generate=model.write,
        revise=model.write,
        verifier=model.verify,
        answer_key="last_number",
    )
    asked = [(f"What is {number} + 0?", str(number)) for number in range(questions)]
    recording = record_traces(
        graph, asked, path=path, fresh_starts=STARTS, revisions=REVISIONS, progress=False
    )
    assert recording.recorded == questions
    return resident_mb() - model.mb_by_tenths[0]


def calibrate(path):
    """Fit with intervals and delivery, as the command does."""
    return Calibration.fit(read_traces(path)).rates.n_classes


def compare(path):
    """Compare all rules on a sample."""
    return compare_strategies(path).findings.questions


def measured(function, *args):
    """What a function takes in a fresh process."""
    tell(f"{function.__name__} begins")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        took = pool.submit(timed, function, *args).result()
    tell(f"{function.__name__} took {took.seconds:.0f} s and at most {took.peak_mb:.0f} MB")
    return took


def timed(function, *args):
    logging.disable(logging.INFO)
    began, cpu = perf_counter(), process_time()
    found = function(*args)
    took = perf_counter() - began, process_time() - cpu
    return Took(*took, peak_mb(), found)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The file of traces, and what recording it took."""
    path = tmp_path_factory.mktemp("scale") / "traces.jsonl"
    return path, measured(record, path, QUESTIONS)


SIZE = f"{QUESTIONS:,} questions × {ATTEMPTS} attempts"


def test_recording(recorded, figure):
    _, took = recorded
    each = took.cpu_seconds / (QUESTIONS * ATTEMPTS) * 1e3
    figure(f"recording {SIZE}, processor time", each, "ms an attempt", at_most=1.5)
    figure("recording, by the clock on the wall", took.seconds, "s")
    figure(
        "recording, growth of memory from a tenth of the questions on",
        took.found,
        "MB",
        at_most=100,
    )


def test_calibrating(recorded, figure):
    took = measured(calibrate, recorded[0])
    figure(f"calibrating to {SIZE}, processor time", took.cpu_seconds, "s", at_most=600)
    figure("memory of calibrating, at most", took.peak_mb, "MB", at_most=2000)


def test_comparing(recorded, figure):
    took = measured(compare, recorded[0])
    figure(
        f"comparing on {took.found:,} of them, processor time", took.cpu_seconds, "s", at_most=900
    )
    figure("memory of comparing, at most", took.peak_mb, "MB", at_most=2000)
