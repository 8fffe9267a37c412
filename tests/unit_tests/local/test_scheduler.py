"""The scheduler against a batch that only counts: no torch, no model."""

import asyncio
import gc
import random
import threading
import time
import tracemalloc
import weakref
from concurrent.futures import CancelledError, wait

import pytest

from langchain_markovscale.local.scheduler import BatchTooLarge, Job, Scheduler, SchedulerClosed


class CountingJob(Job):
    """Takes `steps` turns; a poisonous one makes every batch fail that it is in."""

    def __init__(self, number, steps=1, *, poison=False):
        super().__init__()
        self.number = number
        self.steps = steps
        self.poison = poison
        self.done = 0


class CountingBatch:
    """Keeps what happened, and breaks where it is told to."""

    def __init__(self, *, capacity=None, glitch=None):
        self.jobs = []
        self.sizes = []
        self.capacity = capacity  # more jobs than this do not fit into memory
        self.glitch = glitch or (lambda: False)  # a failure that is nobody's fault
        self.gate = threading.Event()
        self.gate.set()

    def cost(self, jobs):
        return len(jobs)

    def join(self, jobs):
        self.gate.wait()
        self._compute([*self.jobs, *jobs])
        self.jobs = [*self.jobs, *jobs]

    def collect(self):
        self.sizes.append(len(self.jobs))
        for job in self.jobs:
            job.done += 1
        finished = [job for job in self.jobs if job.done >= job.steps]
        self.leave(finished)
        return [(job, job.number) for job in finished]

    def advance(self):
        self._compute(self.jobs)

    def leave(self, jobs):
        self.jobs = [job for job in self.jobs if job not in jobs]

    def _compute(self, jobs):
        if self.capacity is not None and len(jobs) > self.capacity:
            raise BatchTooLarge
        if any(job.poison for job in jobs):
            raise ZeroDivisionError
        if self.glitch():
            raise OSError


def submitted(scheduler, jobs):
    for job in jobs:
        scheduler.submit(job)
    return jobs


def results(jobs):
    wait([job.answer for job in jobs], timeout=30)
    return [job.answer.result(timeout=0) for job in jobs]


@pytest.fixture
def batch():
    return CountingBatch()


@pytest.fixture
def scheduler(batch):
    scheduler = Scheduler(batch, max_jobs=16, gather_seconds=0.02)
    yield scheduler
    batch.gate.set()
    scheduler.close()


def test_calls_made_together_run_together(scheduler, batch):
    jobs = submitted(scheduler, [CountingJob(i, steps=3) for i in range(16)])
    assert results(jobs) == list(range(16))
    assert batch.sizes == [16, 16, 16]


def test_calls_from_threads_run_together(scheduler, batch):
    jobs = [CountingJob(i) for i in range(16)]
    threads = [threading.Thread(target=scheduler.submit, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    assert results(jobs) == list(range(16))
    assert len(batch.sizes) < 8
    for thread in threads:
        thread.join()


def test_short_jobs_leave_early_and_their_places_are_filled(scheduler, batch):
    jobs = [CountingJob(i, steps=1 + i % 8) for i in range(64)]
    assert results(submitted(scheduler, jobs)) == list(range(64))
    turns_at_full_width = sum(job.steps for job in jobs) / 16
    turns_in_order_of_arrival = 4 * 8
    assert max(batch.sizes) == 16
    assert turns_at_full_width <= len(batch.sizes) < 0.8 * turns_in_order_of_arrival


def test_a_batch_stays_within_its_budget():
    batch = CountingBatch()
    scheduler = Scheduler(batch, max_jobs=16, max_cost=5)
    assert results(submitted(scheduler, [CountingJob(i, 3) for i in range(40)])) == list(range(40))
    assert max(batch.sizes) == 5
    scheduler.close()


def test_a_job_over_the_budget_runs_alone():
    scheduler = Scheduler(CountingBatch(), max_cost=0.5)
    assert results(submitted(scheduler, [CountingJob(i) for i in range(3)])) == [0, 1, 2]
    scheduler.close()


@pytest.mark.parametrize("capacity", [1, 3, 15])
def test_out_of_memory_makes_batches_smaller_and_loses_nobody(capacity):
    batch = CountingBatch(capacity=capacity)
    scheduler = Scheduler(batch, max_jobs=16, gather_seconds=0.02)
    jobs = submitted(scheduler, [CountingJob(i, steps=4) for i in range(50)])
    assert results(jobs) == list(range(50))
    assert max(batch.sizes) <= capacity
    assert not any(job.suspect for job in jobs)
    scheduler.close()


def test_a_job_that_does_not_fit_alone_fails_and_others_go_on():
    batch = CountingBatch()
    batch.cost = lambda jobs: sum(job.steps for job in jobs)
    fits = batch._compute

    def compute(jobs):
        if batch.cost(jobs) > 10:
            raise BatchTooLarge
        fits(jobs)

    batch._compute = compute
    scheduler = Scheduler(batch, gather_seconds=0.02)
    giant, *small = submitted(scheduler, [CountingJob(0, steps=11), *map(CountingJob, range(1, 9))])
    assert results(small) == list(range(1, 9))
    assert isinstance(giant.answer.exception(timeout=30), BatchTooLarge)
    scheduler.close()


def test_a_poisonous_job_fails_alone(scheduler):
    jobs = [CountingJob(i, steps=3, poison=i == 5) for i in range(16)]
    submitted(scheduler, jobs)
    assert isinstance(jobs[5].answer.exception(timeout=30), ZeroDivisionError)
    assert results(jobs[:5] + jobs[6:]) == [i for i in range(16) if i != 5]


def test_cancelling_one_waiter_harms_no_other(scheduler, batch):
    batch.gate.clear()
    jobs = submitted(scheduler, [CountingJob(i, steps=5) for i in range(8)])
    assert jobs[3].answer.cancel()
    batch.gate.set()
    assert results(jobs[:3] + jobs[4:]) == [0, 1, 2, 4, 5, 6, 7]
    assert batch.sizes[-1] == 7
    assert jobs[3].done < 5


async def test_a_cancelled_task_takes_its_job_out_of_the_batch(scheduler, batch):
    batch.gate.clear()
    jobs = submitted(scheduler, [CountingJob(i, steps=5) for i in range(2)])
    waiters = [asyncio.ensure_future(asyncio.wrap_future(job.answer)) for job in jobs]
    await asyncio.sleep(0)
    waiters[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiters[0]
    batch.gate.set()
    assert await waiters[1] == 1
    assert jobs[0].answer.cancelled()


def test_closing_answers_everybody(batch):
    batch.gate.clear()
    scheduler = Scheduler(batch, max_jobs=2)
    jobs = submitted(scheduler, [CountingJob(i) for i in range(5)])
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    batch.gate.set()
    closing.join(timeout=30)
    assert all(job.answer.done() for job in jobs)
    with pytest.raises(SchedulerClosed, match="closed"):
        jobs[-1].answer.result(timeout=0)
    with pytest.raises(SchedulerClosed, match="load the model again"):
        scheduler.submit(CountingJob(6))


def test_the_thread_ends_with_its_scheduler(batch):
    scheduler = Scheduler(batch, name="ends-with-its-scheduler")
    results(submitted(scheduler, [CountingJob(0)]))
    (thread,) = [t for t in threading.enumerate() if t.name == "ends-with-its-scheduler"]
    gone = weakref.ref(scheduler)
    del scheduler
    deadline = time.monotonic() + 30
    while (thread.is_alive() or gone() is not None) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert gone() is None
    assert not thread.is_alive()


@pytest.mark.parametrize("part", ["cost", "leave"])
def test_nobody_waits_for_ever_when_the_batch_itself_breaks(batch, part):
    def broken(jobs):
        raise RuntimeError("housekeeping")

    setattr(batch, part, broken)
    scheduler = Scheduler(batch, gather_seconds=0.02)
    jobs = submitted(scheduler, [CountingJob(i) for i in range(3)])
    wait([job.answer for job in jobs], timeout=30)
    assert all(isinstance(job.answer.exception(timeout=0), RuntimeError) for job in jobs)
    scheduler.close()


def test_every_survivor_is_answered_once_under_cancellations_and_failures():
    random_numbers = random.Random(7)
    failures = random.Random(8)
    batch = CountingBatch(capacity=24, glitch=lambda: failures.random() < 0.01)
    scheduler = Scheduler(batch, max_jobs=32, gather_seconds=0.001)

    def wave():
        jobs = [
            CountingJob(
                i, steps=random_numbers.randint(1, 6), poison=random_numbers.random() < 0.02
            )
            for i in range(1000)
        ]
        answered = []
        for job in jobs:
            job.answer.add_done_callback(lambda answer: answered.append(id(answer)))
            scheduler.submit(job)
            if random_numbers.random() < 0.1:
                random_numbers.choice(jobs[: job.number + 1]).answer.cancel()
        wait([job.answer for job in jobs], timeout=60)
        assert sorted(answered) == sorted(id(job.answer) for job in jobs)
        for job in jobs:
            if job.answer.cancelled():
                with pytest.raises(CancelledError):
                    job.answer.result(timeout=0)
            elif job.answer.exception(timeout=0) is None:
                assert job.answer.result(timeout=0) == job.number
            else:
                assert job.poison or isinstance(job.answer.exception(timeout=0), OSError)
        survivors = sum(not job.answer.cancelled() and not job.poison for job in jobs)
        assert survivors > 800
        return survivors

    wave()  # warm-up
    gc.collect()
    tracemalloc.start()
    wave()
    gc.collect()
    after_one = tracemalloc.get_traced_memory()[0]
    for _ in range(3):
        wave()
    gc.collect()
    after_four = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after_four - after_one < 200_000
    assert batch.jobs == []
    scheduler.close()
