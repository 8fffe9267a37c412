"""The jobs of a recording and what came back, in a file beside the traces.

A job is written down before it is submitted and again with the service's id after it, so that a
process that is killed between the two is known to have perhaps submitted it.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any
from uuid import uuid4

from langchain_markovscale._files import replacing


@dataclass
class Job:
    """A job.

    Attributes:
        name: Ours for it.
        service: The provider.
        requests: Names of its requests.
        begun: When it was about to be submitted, in seconds since 1970.
        id: The service's; None where it is not known whether it was submitted.
        ended: Whether its replies are in the journal.
    """

    name: str
    service: str
    requests: list[str]
    begun: float
    id: str | None = None
    ended: bool = False


class JobJournal:
    """The jobs of a recording; each line is on the disk before anything else happens.

    Args:
        path: The file; created if it does not exist.

    Attributes:
        recording: A name of the recording, a part of those of its requests.
        jobs: All jobs by our names, the oldest first.
        replies: What the models sent, by request.

    Raises:
        ValueError: If the file is no journal.
        OSError: If it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recording = ""
        self.jobs: dict[str, Job] = {}
        self.replies: dict[str, dict[str, Any]] = {}
        self._open: dict[str, Job] = {}
        whole = self._read() if path.exists() else 0
        self._file = path.open("ab")
        self._file.truncate(whole)
        if not self.recording:
            self.recording = uuid4().hex[:12]
            self._write({"recording": self.recording})

    def begin(self, service: str, requests: Iterable[str]) -> Job:
        """Note that a job is about to be submitted."""
        job = self._add(Job(uuid4().hex, service, list(requests), time()))
        self._write(
            {
                "job": job.name,
                "service": service,
                "begun": job.begun,
                "requests": job.requests,
            }
        )
        return job

    def submitted(self, job: Job, job_id: str) -> None:
        """Note the service's id for a job."""
        job.id = job_id
        self._write({"job": job.name, "id": job_id})

    def dropped(self, job: Job) -> None:
        """Note that a job was never submitted, or refused as a whole."""
        self._drop(job)
        self._write({"job": job.name, "dropped": True})

    def ended(self, job: Job, replies: Mapping[str, dict[str, Any]]) -> None:
        """Keep the replies of a job, without the errors: those requests may be made again."""
        job.ended = True
        self.replies |= replies
        self._write({"job": job.name, "replies": dict(replies)})

    def open_job_of(self, request: str) -> Job | None:
        """Return the job that a request is a part of and that has not ended."""
        job = self._open.get(request)
        return None if job is None or job.ended else job

    def close(self, *, finished: bool) -> None:
        """Close the file; of a finished recording it keeps only the services' ids of its jobs."""
        self._file.close()
        if finished:
            kept: list[dict[str, Any]] = [{"recording": self.recording}]
            kept += [
                {"job": job.name, "service": job.service, "id": job.id}
                for job in self.jobs.values()
            ]
            with replacing(self.path) as file:
                file.writelines(map(_line, kept))

    def _add(self, job: Job) -> Job:
        self.jobs[job.name] = job
        self._open |= dict.fromkeys(job.requests, job)
        return job

    def _drop(self, job: Job) -> None:
        del self.jobs[job.name]
        job.ended = True

    def _write(self, record: Mapping[str, Any]) -> None:
        self._file.write(_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self) -> int:
        """Take over what the file has, and return how long its whole lines are."""
        whole = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break  # a killed process has left it half-written
                try:
                    self._take(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise ValueError(
                        f"{self.path}, line {number} is no line of a journal of jobs: move the "
                        "file away, or record to another path."
                    ) from None
                whole += len(line)
        return whole

    def _take(self, record: Mapping[str, Any]) -> None:
        if "recording" in record:
            self.recording = str(record["recording"])
            return
        name = record["job"]
        if name not in self.jobs:
            requests, begun = list(record.get("requests", ())), float(record.get("begun", 0))
            job = self._add(Job(name, record["service"], requests, begun))
            job.ended = "requests" not in record  # as a finished recording leaves it
        job = self.jobs[name]
        if record.get("dropped"):
            self._drop(job)
        job.id = record.get("id", job.id)
        if "replies" in record:
            job.ended = True
            self.replies |= record["replies"]


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"
