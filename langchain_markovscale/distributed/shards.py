"""Which part of a question set a worker takes: by the questions' names, so that parts never mix."""

from collections.abc import Sequence
from hashlib import sha256

from langchain_markovscale.recording.questions import Question
from langchain_markovscale.types import ArgumentError


def shard_of(name: str, shards: int) -> int:
    """Return the number of the shard that a question is in, from 0.

    It depends on the question's id alone: a question set that grows keeps its shards.

    Args:
        name: The question's id.
        shards: How many shards there are.
    """
    return int(sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:12], 16) % shards


def in_shards(questions: Sequence[Question], shards: int) -> list[list[Question]]:
    """Return the questions of each shard; some may have none.

    Args:
        questions: All questions.
        shards: How many shards to make.

    Raises:
        ValueError: If `shards` is no whole number of at least 1.
    """
    if isinstance(shards, bool) or not isinstance(shards, int) or shards < 1:
        raise ArgumentError("shards", f"must be a whole number of at least 1, got {shards!r}.")
    parts: list[list[Question]] = [[] for _ in range(shards)]
    for question in questions:
        parts[shard_of(question.id, shards)].append(question)
    return parts


def shard_name(number: int, shards: int) -> str:
    """Return the name of a shard in files, from 0: `00002-of-00016`."""
    return f"{number:05d}-of-{shards:05d}"
