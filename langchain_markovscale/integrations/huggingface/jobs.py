"""What the scheduler and a batch have to know of each other.

The scheduler decides who runs when and sees that every waiter gets exactly one answer; a batch
does the computing. Between them stand only jobs, so that the one is tested without torch and the
other without threads.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar


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
