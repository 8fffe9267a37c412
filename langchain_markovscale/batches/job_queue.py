"""Makes one job of what all questions are waiting for.

A question on its way through the loop makes one call after another. When each of them waits for a
reply, what they wait for is submitted as one job: first all draws, then all verdicts, then all
revisions. The queue knows nothing of loops; it is asked, and answers when the job has ended.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from langchain_markovscale._text import logger_of
from langchain_markovscale.batches.job_journal import Job, JobJournal
from langchain_markovscale.batches.services import (
    BatchService,
    JobRefusedError,
    Reply,
    Request,
    in_jobs,
)
from langchain_markovscale.display.wording import counted

logger = logger_of(__name__)

Item = TypeVar("Item")

_MOST_TRIES = 3
_TOGETHER = 0.05  # seconds in which a question may make more calls beside its first one


class BatchRequestError(RuntimeError):
    """A request that came back with an error from a job of a batch interface."""


@dataclass
class _Run:
    """A question on its way through the loop; its calls go to a queue."""

    queue: "JobQueue"
    name: str
    asked: Counter[str] = field(default_factory=Counter)
    waiting: int = 0


class _Waiting(NamedTuple):
    """A call that waits for its reply."""

    request: Request
    service: BatchService
    model: str
    reply: asyncio.Future[dict[str, Any]]


_CURRENT: ContextVar[_Run | None] = ContextVar("markovscale_batch_run", default=None)


async def ask(service: BatchService, model: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return what the model sends for a request, in the job of the current recording.

    Raises:
        BatchRequestError: If the request failed, and will fail again.
        RuntimeError: If there is no recording.
    """
    run = _CURRENT.get()
    if run is None:
        raise RuntimeError(
            "a BatchChatModel answers within record_in_batches alone, where many questions wait "
            "together: give the graph that solves questions the provider's own chat model."
        )
    return await run.queue.ask(run, service, model, body)


class JobQueue:
    """Collects what runs wait for, submits it, and gives each its reply.

    Args:
        journal: What was submitted and what came back, also from an earlier process.
        poll_seconds: How long to wait before asking again whether a job has ended.
    """

    def __init__(self, journal: JobJournal, poll_seconds: float) -> None:
        self._journal, self._poll = journal, poll_seconds
        self._waiting: dict[str, _Waiting] = {}
        self._tries: Counter[str] = Counter()
        self._runs = self._blocked = 0
        self._changed = asyncio.Event()

    async def work_through(
        self,
        work: Callable[[Item], Awaitable[None]],
        items: Sequence[Item],
        name: Callable[[Item], str],
        most: int,
    ) -> None:
        """Do some work for all items, at most so many at a time, and answer its calls.

        Args:
            work: Makes its calls by `ask`.
            items: What it is done for.
            name: Names an item, in this process and in one that takes the recording up.
            most: Items at a time.

        Raises:
            JobRefusedError: If the service refuses a whole job.
        """
        left = iter(items)

        async def work_on() -> None:
            for item in left:
                self._runs += 1
                _CURRENT.set(_Run(self, name(item)))
                try:
                    await work(item)
                finally:
                    self._runs -= 1

        tasks = [asyncio.create_task(work_on()) for _ in range(min(most, len(items)))]
        for task in tasks:
            task.add_done_callback(lambda _: self._changed.set())
        serving = asyncio.create_task(self._serve(tasks))
        try:
            await asyncio.gather(serving, *tasks)
        finally:
            for task in (serving, *tasks):
                task.cancel()
            await asyncio.gather(serving, *tasks, return_exceptions=True)

    async def ask(
        self, run: _Run, service: BatchService, model: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what a model sends for the request of a run."""
        text = json.dumps([run.name, service.name, body], sort_keys=True)
        run.asked[text] += 1
        digest = sha256(f"{text}{run.asked[text]}".encode()).hexdigest()[:40]
        request = Request(f"{self._journal.recording}-{digest}", body)
        if (known := self._journal.replies.get(request.id)) is not None:
            return known
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = _Waiting(request, service, model, future)
        self._blocked += not run.waiting
        run.waiting += 1
        self._changed.set()
        try:
            return await future
        finally:
            self._waiting.pop(request.id, None)
            run.waiting -= 1
            self._blocked -= not run.waiting

    async def _serve(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        while not all(task.done() for task in tasks):
            if self._runs and self._blocked == self._runs:
                before = len(self._waiting)
                await asyncio.sleep(_TOGETHER)
                if self._blocked == self._runs and len(self._waiting) == before:
                    await self._round()
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _round(self) -> None:
        """Answer what is waiting: see what earlier jobs have, and submit the rest."""
        jobs: dict[str, tuple[Job, BatchService]] = {}
        fresh: dict[tuple[int, str], list[_Waiting]] = defaultdict(list)
        for waiting in list(self._waiting.values()):
            job = self._journal.open_job_of(waiting.request.id)
            if job is not None and await self._was_submitted(job, waiting.service):
                jobs[job.name] = (job, waiting.service)
            else:
                fresh[id(waiting.service.client), waiting.model].append(waiting)
        for those in fresh.values():
            service = those[0].service
            for requests in in_jobs(service, [each.request for each in those]):
                job = await self._submit(service, requests)
                jobs[job.name] = (job, service)
        results = await asyncio.gather(*(self._result(*each) for each in jobs.values()))
        for replies in results:
            for name, reply in replies.items():
                self._deliver(name, reply)

    async def _submit(self, service: BatchService, requests: list[Request]) -> Job:
        job = self._journal.begin(service.name, [each.id for each in requests])
        try:
            job_id = await asyncio.to_thread(service.submit, job.name, requests)
        except Exception:
            # Only the reply may be lost. If it can't be told now, the next process looks.
            if not await self._is_found(job, service):
                raise
        else:
            self._journal.submitted(job, job_id)
        size = counted(len(requests), "request")
        logger.info("Job %s with %s was submitted to %s.", job.id, size, service.name)
        return job

    async def _was_submitted(self, job: Job, service: BatchService) -> bool:
        """Return whether the service has a job; one that it never got is dropped."""
        if job.id is not None or await self._is_found(job, service):
            return True
        self._journal.dropped(job)
        return False

    async def _is_found(self, job: Job, service: BatchService) -> bool:
        """Look for a job at the service, and note its id."""
        known = {each.id for each in self._journal.jobs.values() if each.id is not None}
        found = await asyncio.to_thread(service.find, job.name, job.requests, job.begun, known)
        if found is None:
            return False
        self._journal.submitted(job, found)
        return True

    async def _result(self, job: Job, service: BatchService) -> dict[str, Reply]:
        """Return the replies to a job's requests, once it has ended."""
        job_id = job.id or ""
        try:
            while not await asyncio.to_thread(service.has_ended, job_id):
                await asyncio.sleep(self._poll)
        except JobRefusedError:
            self._journal.dropped(job)
            raise
        listed = await asyncio.to_thread(_by_name, service, job_id)
        replies = {name: listed[name] for name in job.requests if name in listed}
        missing = await asyncio.to_thread(service.missing, job_id)
        if listed and not replies:  # it was taken for ours while it ran, and is another's
            if await self._is_found(job, service):
                return await self._result(job, service)
            self._journal.dropped(job)
        else:
            bodies = {name: reply.body for name, reply in replies.items() if reply.body is not None}
            self._journal.ended(job, bodies)
        return {name: replies.get(name, missing) for name in job.requests}

    def _deliver(self, name: str, reply: Reply) -> None:
        waiting = self._waiting.get(name)
        if waiting is None or waiting.reply.done():
            return
        if reply.body is not None:
            waiting.reply.set_result(reply.body)
            return
        self._tries[name] += 1
        if not reply.temporary or self._tries[name] >= _MOST_TRIES:
            waiting.reply.set_exception(BatchRequestError(reply.error))


def _by_name(service: BatchService, job_id: str) -> dict[str, Reply]:
    """Return the replies of a job; of several to one request, the first that is no error."""
    listed: dict[str, Reply] = {}
    for name, reply in service.replies(job_id):
        if name not in listed or listed[name].body is None:
            listed[name] = reply
    return listed
