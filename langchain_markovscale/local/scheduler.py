"""The scheduler: one thread that gathers waiting jobs into a batch and keeps that batch full.

Jobs come one at a time, from threads and from event loops; a batch of them takes hardly longer than
one. So the first job waits a few milliseconds for others, later ones join between two steps as
places become free, and a finished job leaves at once. The scheduler also isolates jobs: a caller
that stops waiting, a job that fails or a batch that does not fit into memory costs the other jobs
time at most, never their answer.
"""

import contextlib
import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, Protocol, TypeVar


class BatchTooLarge(Exception):
    """A batch did not fit into memory; the same jobs in smaller batches may."""


class Job:
    """A piece of work that a caller waits for.

    A job keeps its own progress: when a batch fails, its jobs go back to the queue and continue in
    another batch from where they are.

    Attributes:
        answer: The future that the caller waits for; cancelling it takes the job out of its batch.
        suspect: Whether the job was in a batch that failed; it is retried alone, so that its error
            fails no other job.
    """

    def __init__(self) -> None:
        self.answer: Future[Any] = Future()
        self.suspect = False


J = TypeVar("J", bound=Job)


class Batch(Protocol[J]):
    """Jobs that are computed together.

    In a turn some jobs join, finished ones are collected, and the others advance. After an error
    the state of the batch is undefined; the scheduler then lets all jobs leave and join again.
    """

    def cost(self, jobs: Sequence[J]) -> float:
        """Return the tokens that these jobs take together; infinite where they cannot."""

    def join(self, jobs: Sequence[J]) -> None:
        """Take in more jobs and compute what they need to be collected from."""

    def collect(self) -> Sequence[tuple[J, Any]]:
        """Return the finished jobs with their results; they leave the batch."""

    def advance(self) -> None:
        """Compute the next step of all jobs."""

    def leave(self, jobs: Sequence[J]) -> None:
        """Drop jobs that are not to be finished here; jobs of no batch are skipped."""


_LONGEST_GATHERING = 20  # times `gather_seconds`, so that a stream of arrivals cannot delay a start
_RECOVERY = 1.002  # a budget that was halved for lack of memory is restored after some 350 steps


class SchedulerClosed(RuntimeError):
    """The scheduler was closed before it answered."""


class JobFailed(RuntimeError):
    """A job failed with what a future cannot carry to its caller, such as `SystemExit`."""


class _Signals:
    """What the thread holds while it sleeps: not the scheduler, so that it can be collected.

    Attributes:
        work: Set when there is something to do.
        closed: Whether the thread is to end.
        unanswered: All jobs that a caller waits for, wherever they are.
    """

    def __init__(self) -> None:
        self.work = threading.Event()
        self.closed = False
        self.unanswered: dict[int, Job] = {}

    def fail_all(self, error: BaseException) -> None:
        """Fail all jobs that are not finished, so that no caller waits for ever."""
        for job in list(self.unanswered.values()):
            _fail(job, error)


class Scheduler(Generic[J]):
    """Runs jobs in batches, on a thread that starts with the first job and ends with the scheduler.

    Args:
        batch: What computes; used by the worker thread alone.
        max_jobs: Most jobs in the batch at once.
        max_cost: Most tokens in the batch at once, as `Batch.cost` counts them; a single job may
            exceed it.
        gather_seconds: How long an idle scheduler waits for another job to arrive before it starts.
        name: The thread's name.
    """

    def __init__(
        self,
        batch: Batch[J],
        *,
        max_jobs: int = 64,
        max_cost: float = math.inf,
        gather_seconds: float = 0.003,
        name: str = "markovscale-engine",
    ) -> None:
        self._batch = batch
        self._max_jobs = max_jobs
        self._max_cost = max_cost
        self._budget = max_cost  # less than max_cost after a batch did not fit
        self._gather_seconds = gather_seconds
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[J] = deque()
        self._running: list[J] = []
        self._signals = _Signals()
        self._thread: threading.Thread | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, in this process or another one, has the same batch and no jobs."""
        limits: dict[str, Any] = {
            "max_jobs": self._max_jobs,
            "max_cost": self._max_cost,
            "gather_seconds": self._gather_seconds,
            "name": self._name,
        }
        return partial(type(self), self._batch, **limits), ()

    def submit(self, job: J) -> None:
        """Queue a job; its `answer` will hold the result or the error.

        Raises:
            SchedulerClosed: If the scheduler was closed.
        """
        with self._lock:
            if self._signals.closed:
                raise SchedulerClosed(
                    "The engine was closed: load the model again for more requests."
                )
            unanswered = self._signals.unanswered
            unanswered[id(job)] = job
            job.answer.add_done_callback(lambda _: unanswered.pop(id(job), None))
            self._waiting.append(job)
            if self._thread is None or not self._thread.is_alive():
                self._start()
        self._signals.work.set()

    def close(self) -> None:
        """End the thread after the current step; unfinished jobs fail with `SchedulerClosed`."""
        with self._lock:
            self._signals.closed = True
            thread = self._thread
        self._signals.work.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._fail_all(SchedulerClosed("The engine was closed before it answered."))

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=_serve, args=(weakref.ref(self), self._signals), name=self._name, daemon=True
        )
        self._thread.start()
        # At exit too: a daemon thread that is inside torch while the interpreter goes down may
        # crash it.
        weakref.finalize(self, _stop, self._signals, self._thread)

    def work(self) -> None:
        """Run until nothing is waiting or running (called by the worker thread)."""
        try:
            while not self._signals.closed and (self._running or self._waiting):
                self._turn()
        except BaseException as error:  # an error of no single job; no caller may wait for ever
            self._fail_all(error)

    def _turn(self) -> None:
        self._drop_cancelled()
        if not self._running:
            self._gather()
        joining = self._joining()
        try:
            if joining:
                self._batch.join(joining)
                self._running += joining
                joining = []
            self._answer(self._batch.collect())
            if self._running:
                self._batch.advance()
        except BaseException as error:  # also SystemExit: this thread has nobody to raise it to
            self._recover(joining, error)
        else:
            self._budget = min(self._max_cost, self._budget * _RECOVERY)

    def _gather(self) -> None:
        """Wait for a moment without arrivals, so that calls made together start together."""
        latest = time.monotonic() + _LONGEST_GATHERING * self._gather_seconds
        waiting_before = 0
        while waiting_before < len(self._waiting) < self._max_jobs and time.monotonic() < latest:
            waiting_before = len(self._waiting)
            time.sleep(self._gather_seconds)

    def _drop_cancelled(self) -> None:
        cancelled = [job for job in self._running if job.answer.cancelled()]
        if cancelled:
            self._batch.leave(cancelled)
            self._running = [job for job in self._running if job not in cancelled]
        while self._waiting and self._waiting[0].answer.cancelled():
            cancelled.append(self._waiting.popleft())
        for job in cancelled:
            job.answer.set_running_or_notify_cancel()  # wakes callers that wait on several answers

    def _joining(self) -> list[J]:
        """Take the jobs from the queue that may join now: in order of arrival, as many as fit."""
        batch_jobs = list(self._running)
        with self._lock:  # others append meanwhile
            waiting = list(self._waiting)
        for job in waiting:
            if batch_jobs and not self._fit([*batch_jobs, job]):
                break
            batch_jobs.append(job)
        joining = batch_jobs[len(self._running) :]
        # Joining costs a pass over the weights, whether one joins or many; so a full batch takes
        # several at a time.
        if len(joining) < min(math.isqrt(len(self._running)), len(waiting)):
            return []
        for _ in joining:
            self._waiting.popleft()
        return joining

    def _fit(self, jobs: Sequence[J]) -> bool:
        if len(jobs) > self._max_jobs or any(job.suspect for job in jobs):
            return False
        cost = self._batch.cost(jobs)
        return math.isfinite(cost) and cost <= self._budget

    def _answer(self, finished: Sequence[tuple[J, Any]]) -> None:
        if not finished:
            return
        finished_ids = {id(job) for job, _ in finished}
        self._running = [job for job in self._running if id(job) not in finished_ids]
        for job, result in finished:
            # A callback of one caller's that raises what is no Exception costs no other its answer.
            with contextlib.suppress(BaseException):
                if job.answer.set_running_or_notify_cancel():
                    job.answer.set_result(result)

    def _recover(self, joining: list[J], error: BaseException) -> None:
        """After an error: all jobs are retried, but a job that failed alone has failed.

        Args:
            joining: The jobs that were about to join, if their join failed; empty if the whole
                batch failed.
            error: The error.
        """
        all_jobs = self._running + joining
        self._batch.leave(all_jobs)
        self._running = []
        if len(all_jobs) == 1:
            _fail(all_jobs[0], error)
            return
        self._waiting.extendleft(reversed(all_jobs))
        if isinstance(error, BatchTooLarge):
            self._budget = max(1.0, self._batch.cost(all_jobs) / 2)
        else:
            for job in joining or all_jobs:
                job.suspect = True

    def _fail_all(self, error: BaseException) -> None:
        """Fail all jobs that are not finished."""
        with self._lock:
            self._waiting.clear()
            running, self._running = self._running, []
        self._signals.fail_all(error)
        with contextlib.suppress(BaseException):  # the batch may be broken; all jobs have failed
            self._batch.leave(running)


def _fail(job: Job, error: BaseException) -> None:
    # A caller must get an error that it can tell from its own Ctrl-C, and that asyncio takes.
    if not isinstance(error, Exception) or isinstance(error, (StopIteration, StopAsyncIteration)):
        failed = JobFailed(f"The engine failed with {type(error).__name__}: {error}")
        failed.__cause__ = error
        error = failed
    with contextlib.suppress(BaseException):  # of the callers' own callbacks
        if job.answer.running() or (
            not job.answer.done() and job.answer.set_running_or_notify_cancel()
        ):
            job.answer.set_exception(error)


def _serve(scheduler: "weakref.ref[Scheduler[Any]]", signals: _Signals) -> None:
    """The worker thread: sleep until there is work; hold the scheduler only while working."""
    while True:
        signals.work.wait()
        signals.work.clear()
        awake = scheduler()
        if awake is None or signals.closed:
            signals.fail_all(SchedulerClosed("The engine was closed before it answered."))
            return
        awake.work()
        del awake


def _stop(signals: _Signals, thread: threading.Thread) -> None:
    signals.closed = True
    signals.work.set()
    if thread is not threading.current_thread():
        thread.join()
