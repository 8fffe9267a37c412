"""Who runs when: one thread that gathers waiting jobs into a batch and keeps that batch full.

Callers come from threads and from event loops, one at a time; the hardware is paid for by the
batch. So the first arrival waits a few milliseconds for others, later ones join between two steps
as places fall free, and whoever finishes leaves at once. The scheduler also keeps the peace: a
waiter that gives up, a job that fails or a batch that does not fit into memory costs the other
waiters time at most, never their answer.
"""

import contextlib
import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar


class BatchTooLarge(Exception):
    """A batch did not fit into memory; the same jobs in smaller batches may."""


class Job:
    """A piece of work that somebody waits for.

    A job keeps its own progress: when a batch fails, its jobs go back to the queue and join
    another one from where they are.

    Attributes:
        answer: Where the waiter waits; cancelling it takes the job out of its batch.
        suspect: Whether the job was in a batch that failed; a suspect runs alone, so that it can
            harm no other.
    """

    def __init__(self) -> None:
        self.answer: Future[Any] = Future()
        self.suspect = False


J = TypeVar("J", bound=Job)


class Batch(Protocol[J]):
    """Jobs that are computed together.

    A turn is: some join, what is finished is collected, the others advance. Whatever raises leaves
    the batch in doubt; then the scheduler lets all jobs leave and has them join anew.
    """

    def cost(self, jobs: Sequence[J]) -> float:
        """Return the tokens that these jobs take together; infinite where they cannot."""

    def join(self, jobs: Sequence[J]) -> None:
        """Take in more jobs and compute what they need to be collected from."""

    def collect(self) -> Sequence[tuple[J, Any]]:
        """Read off what was computed last; finished jobs leave, with their results."""

    def advance(self) -> None:
        """Compute the next step of all jobs."""

    def leave(self, jobs: Sequence[J]) -> None:
        """Drop jobs that are not to be finished here; jobs that are not here are passed over."""


_LONGEST_GATHERING = (
    20  # in gathering times: a stream of arrivals must not hold up the first for ever
)
_RECOVERY = 1.002  # a budget halved for want of memory is back after some 350 steps without it


class SchedulerClosed(RuntimeError):
    """The scheduler was closed before it answered."""


class _Signals:
    """What the thread holds while it sleeps: not the scheduler, so that it can be collected."""

    def __init__(self) -> None:
        self.work = threading.Event()
        self.closed = False


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

    def submit(self, job: J) -> None:
        """Queue a job; its `answer` will hold the result or the error.

        Raises:
            SchedulerClosed: If the scheduler was closed.
        """
        with self._lock:
            if self._signals.closed:
                raise SchedulerClosed(
                    "this engine was closed; load the model again for further requests."
                )
            self._waiting.append(job)
            if self._thread is None or not self._thread.is_alive():
                self._start()
        self._signals.work.set()

    def close(self) -> None:
        """End the thread after the step in hand; unfinished jobs fail with `SchedulerClosed`."""
        with self._lock:
            self._signals.closed = True
            thread = self._thread
        self._signals.work.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._abandon(SchedulerClosed("the engine was closed before it answered"))

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
        except Exception as error:  # a fault beyond any one job; nobody may wait for ever
            self._abandon(error)

    def _turn(self) -> None:
        self._forget_cancelled()
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
        except Exception as error:
            self._recover(joining, error)
        else:
            self._budget = min(self._max_cost, self._budget * _RECOVERY)

    def _gather(self) -> None:
        """Wait for a moment without arrivals, so that calls made together start together."""
        latest = time.monotonic() + _LONGEST_GATHERING * self._gather_seconds
        seen = 0
        while seen < len(self._waiting) < self._max_jobs and time.monotonic() < latest:
            seen = len(self._waiting)
            time.sleep(self._gather_seconds)

    def _forget_cancelled(self) -> None:
        gone = [job for job in self._running if job.answer.cancelled()]
        if gone:
            self._batch.leave(gone)
            self._running = [job for job in self._running if job not in gone]
        while self._waiting and self._waiting[0].answer.cancelled():
            gone.append(self._waiting.popleft())
        for job in gone:
            job.answer.set_running_or_notify_cancel()  # tells those who wait on several answers

    def _joining(self) -> list[J]:
        """Take those from the queue who may join now: in order of arrival, as many as fit."""
        together = list(self._running)
        with self._lock:  # others append meanwhile
            waiting = list(self._waiting)
        for job in waiting:
            if together and not self._fit([*together, job]):
                break
            together.append(job)
        joining = together[len(self._running) :]
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
        done = {id(job) for job, _ in finished}
        self._running = [job for job in self._running if id(job) not in done]
        for job, result in finished:
            if job.answer.set_running_or_notify_cancel():
                job.answer.set_result(result)

    def _recover(self, joining: list[J], error: Exception) -> None:
        """After a failure: everybody starts afresh, but a job that failed alone has failed.

        Args:
            joining: The jobs that were about to join if they are what failed, none if the whole
                batch failed.
            error: What was raised.
        """
        everybody = self._running + joining
        self._batch.leave(everybody)
        self._running = []
        if len(everybody) == 1:
            _fail(everybody[0], error)
            return
        self._waiting.extendleft(reversed(everybody))
        if isinstance(error, BatchTooLarge):
            self._budget = max(1.0, self._batch.cost(everybody) / 2)
        else:
            for job in joining or everybody:
                job.suspect = True

    def _abandon(self, error: Exception) -> None:
        """Tell everybody who still waits that no answer will come."""
        with self._lock:
            left = [*self._running, *self._waiting]
            self._waiting.clear()
        running, self._running = self._running, []
        for job in left:
            _fail(job, error)
        with contextlib.suppress(Exception):  # it may be what is broken, and all have been told
            self._batch.leave(running)


def _fail(job: Any, error: Exception) -> None:
    if job.answer.set_running_or_notify_cancel():
        job.answer.set_exception(error)


def _serve(scheduler: "weakref.ref[Scheduler[Any]]", signals: _Signals) -> None:
    """The worker thread: sleep until there is work; hold the scheduler only while working."""
    while True:
        signals.work.wait()
        signals.work.clear()
        awake = scheduler()
        if awake is None or signals.closed:
            return
        awake.work()
        del awake


def _stop(signals: _Signals, thread: threading.Thread) -> None:
    signals.closed = True
    signals.work.set()
    if thread is not threading.current_thread():
        thread.join()
