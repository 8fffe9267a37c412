"""Several workers over one PostgreSQL: when one is killed, another takes its threads over."""

import inspect
from functools import partial
from pathlib import Path
from signal import SIGKILL
from time import monotonic, sleep

import psycopg
import pytest
from paid_calls import Ledger, paid_graph
from processes import kept_calls, outcome, started, thread_of, unkilled
from savers import saver_at
from worker import work

PAGE = Path(__file__).parents[3] / "docs" / "tasks" / "production.md"
QUESTIONS = [f"question {number}" for number in (9, 14, 16, 21)]


class Gated(Ledger):
    """Lets its process pay for a second call only when a file is there."""

    def __init__(self, path, gate, dies_at=None):
        super().__init__(path, dies_at)
        self._gate = gate

    def pay(self, question, purpose, result):
        super().pay(question, purpose, result)
        while not self._gate.exists():
            sleep(0.005)


def work_on(address, log, gate, dies_at):
    ledger = Gated(log, gate, dies_at)
    work(address, partial(paid_graph, ledger))


@pytest.fixture
def jobs(postgres):
    """The address of a database with questions to answer."""
    with psycopg.connect(postgres) as connection:
        connection.execute(
            "CREATE TABLE jobs (thread text PRIMARY KEY, question text, done bool DEFAULT false)"
        )
        for question in QUESTIONS:
            connection.execute("INSERT INTO jobs VALUES (%s, %s)", [question, question])
    return postgres


@pytest.mark.parametrize("dies_at", [7, 8], ids=["on the way", "just returned"])
def test_the_threads_of_a_killed_worker_are_finished_by_another(dies_at, jobs, tmp_path):
    log, opened, gate = tmp_path / "calls.jsonl", tmp_path / "opened", tmp_path / "gate"
    opened.touch()
    ledger = Ledger(log)
    with started(work_on, jobs, log, gate, None) as survivor:
        deadline = monotonic() + 60
        while len(ledger.entries()) < 2:  # it has a thread, and waits at the gate
            assert survivor.exitcode is None
            assert monotonic() < deadline
            sleep(0.005)
        with started(work_on, jobs, log, opened, dies_at) as victim:
            victim.join(60)
            assert victim.exitcode == -SIGKILL
        before = ledger.entries()
        taken = [
            {call.question for call in before if call.process == worker.pid}
            for worker in (survivor, victim)
        ]
        assert taken[0].isdisjoint(taken[1])  # never two on one thread
        kept = set().union(*(kept_calls(jobs, question) for question in QUESTIONS))
        gate.touch()
        survivor.join(60)
        assert survivor.exitcode == 0
    after = [call.what for call in ledger.entries()[len(before) :] if not call.returned]
    assert kept.isdisjoint(after)
    begun = [call.what for call in before if call.process == victim.pid]
    assert sum(what in begun for what in after) == 1  # the call that the kill has cut short
    with saver_at(jobs) as saver:
        graph = paid_graph(ledger, saver)
        states = {one: graph.get_state(thread_of(one)).values for one in QUESTIONS}
    assert {one: outcome(state) for one, state in states.items()} == {
        one: unkilled(one)[0] for one in QUESTIONS
    }
    with psycopg.connect(jobs) as connection:
        assert connection.execute("SELECT bool_and(done) FROM jobs").fetchone() == (True,)


def test_a_run_that_ended_just_before_its_worker_died_is_not_paid_again(jobs, tmp_path):
    ledger = Ledger(tmp_path / "calls.jsonl")
    with saver_at(jobs) as saver:
        graph = paid_graph(ledger, saver)
        for question in QUESTIONS:
            graph.invoke({"question": question}, thread_of(question), durability="sync")
    paid = ledger.entries()
    work(jobs, partial(paid_graph, ledger))
    assert ledger.entries() == paid
    with psycopg.connect(jobs) as connection:
        assert connection.execute("SELECT bool_and(done) FROM jobs").fetchone() == (True,)


def test_the_documentation_shows_this_worker():
    assert inspect.getsource(work) in PAGE.read_text(encoding="utf-8")
