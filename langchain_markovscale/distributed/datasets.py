"""Recording and solving question sets on a Ray cluster, a shard at a time on each actor.

A shard is a file of its own and is taken up where it was: by the same call after everything was
broken off, and by another actor when one dies, which Ray Data takes care of.
"""

import asyncio
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

from langchain_core.runnables import RunnableConfig
from typing_extensions import TypedDict

from langchain_markovscale._extras import naming_the_extra
from langchain_markovscale._text import harmless
from langchain_markovscale.display.wording import counted
from langchain_markovscale.distributed.answer_file import solve_to_file
from langchain_markovscale.distributed.outputs import output_at
from langchain_markovscale.distributed.shards import in_shards, shard_name
from langchain_markovscale.graph.builder import create_markovscale_graph
from langchain_markovscale.graph.settings import reject_unknown
from langchain_markovscale.recording.forecast import (
    Confirmation,
    confirmation_of,
    estimate,
    left_to_do,
)
from langchain_markovscale.recording.questions import Question, as_questions, read_questions
from langchain_markovscale.recording.record import (
    CommonRecordingOptions,
    GraphOrParts,
    arecord_traces,
)
from langchain_markovscale.recording.schedule import Schedule
from langchain_markovscale.traces.trace import read_traces
from langchain_markovscale.types import ArgumentError

_SHARDS_PER_ACTOR = 4
_ACTORS = 2


class ActorOptions(TypedDict, total=False):
    """Options of the actors, of `record_dataset` and `solve_dataset`.

    Attributes:
        shards: Files that the question set is divided into, by the questions' ids; by default four
            for each actor. It must stay the same when a call is made again.
        actors: Actors at a time, each with a graph of its own; 2 by default.
        resources: What each actor needs, in Ray's words: `{"num_cpus": 1}` by default,
            `{"num_gpus": 1}` for a local model.
        storage_options: For fsspec, where `out` is an object store.
    """

    shards: int
    actors: int
    resources: Mapping[str, Any]
    storage_options: Mapping[str, Any]


class DatasetRecordingOptions(ActorOptions, CommonRecordingOptions, total=False):
    """Options of `record_dataset`: those of the actors, and those of every recording."""


class DatasetSolvingOptions(ActorOptions, total=False):
    """Options of `solve_dataset`: those of the actors, and these of each.

    Attributes:
        max_concurrency: How many questions an actor works on at a time; 8 by default.
        config: For every run of the graph.
    """

    max_concurrency: int
    config: RunnableConfig | None


@dataclass(frozen=True)
class DatasetRun:
    """Summary of what was done with a question set.

    Attributes:
        out: The folder of the shards.
        done: Questions that this call finished.
        already_there: Questions that were finished before.
        failed: Why the others could not be finished, by id; the same call tries them again.
        shards: How many shards there are.
    """

    out: str
    done: int
    already_there: int
    failed: Mapping[str, str] = field(default_factory=dict)
    shards: int = 1

    def __str__(self) -> str:
        there = counted(self.already_there, "was", "were")
        before = f" ({there} there before)" if self.already_there else ""
        text = (
            f"{counted(self.done, 'question')} finished in {self.out}{before}, in "
            f"{counted(self.shards, 'file')}."
        )
        if self.failed:
            name, error = next(iter(self.failed.items()))
            text += (
                f" {counted(len(self.failed), 'question')} failed, {name!r} with "
                f"{error.rstrip('.')}. Make the same call again to go on with what failed."
            )
        return harmless(text)


def record_dataset(
    make_parts: Callable[[], GraphOrParts],
    ds: Any,
    out: str | os.PathLike[str],
    **options: Unpack[DatasetRecordingOptions],
) -> DatasetRun:
    """Record traces on a Ray cluster, as `record_traces` does on one machine.

    The question set is divided into shards, each a file of traces in `out`, and each recorded by
    one actor, which makes its graph in place. The same call takes everything up where it was
    broken off, and finished shards are skipped. A shard whose actor dies is taken up by another:
    every attempt is noted when it is made, so that only the calls that were under way are made
    twice. `read_traces(out)` reads all shards of a folder; those of an object store are copied to
    one first, as by `fsspec.filesystem("s3").get("bucket/traces/*.jsonl", "traces/")`.

    Example:
        def parts():
            return {"model": load_chat_model("Qwen/Qwen2.5-7B-Instruct"), "verifier": …}

        record_dataset(parts, "questions.jsonl", "s3://bucket/traces", actors=8,
                       resources={"num_gpus": 1}, answer_key="last_number")

    Args:
        make_parts: Makes a graph or the arguments of one, in each actor; it must be something that
            cloudpickle can send there.
        ds: The questions: as for `record_traces`, a file of them, or a Ray dataset with such rows.
        out: A folder that all machines see, or a URL that fsspec knows, such as `s3://…`. There an
            actor uploads what is new after 64 lines of its journal, or 30 seconds. A second call
            on a folder at the same time is an error; an object store has no locks, so that there
            both calls pay for the questions, and nothing of either is lost.
        **options: Those of the actors, `ActorOptions`, and those of every recording,
            `CommonRecordingOptions`, as `record_traces` has them. Ray shows how far it is.
            `confirm` is called once, before the actors are made, with an estimate for all
            questions that are not finished; past traces come from `like`, or from `out` where that
            is a folder.

    Raises:
        ValueError: If an argument is wrong.
        TypeError: If an option is unknown.
        ModuleNotFoundError: If Ray is not installed.
    """
    reject_unknown(record_dataset, options, DatasetRecordingOptions)
    given: dict[str, Any] = {**options}
    asked = confirmation_of(*(given.pop(name, None) for name in ("confirm", "like", "prices")))
    if asked is not None and asked.like is None and (folder := Path(out)).is_dir():
        asked = asked._replace(like=folder if any(folder.glob("*.jsonl")) else None)
    return _through_actors(_Recorder, make_parts, ds, out, given, asked)


def _is_confirmed(
    asked: Confirmation | None,
    every: Sequence[Question],
    todo: Sequence[Question],
    options: Mapping[str, Any],
    actors: int,
) -> bool:
    """Ask whether to go on, with what is left to do."""
    if asked is None:
        return True
    schedule = Schedule(options.get("revisions", 3), options.get("fresh_starts", 4))
    at_once = actors * options.get("max_concurrency", 8)
    expected = estimate(
        left_to_do(schedule, [[] for _ in todo], verifies=None, at_once=at_once),
        [] if asked.like is None else list(read_traces(asked.like)),
        labelled=sum(question.reference is not None for question in every),
        revisions=schedule.revisions,
        fresh_starts=schedule.fresh_starts,
        prices=asked.prices,
    )
    return asked.confirm(expected)


def solve_dataset(
    make_graph: Callable[[], Any],
    ds: Any,
    out: str | os.PathLike[str],
    **options: Unpack[DatasetSolvingOptions],
) -> DatasetRun:
    """Answer a question set on a Ray cluster, with the stopping rule.

    As `record_dataset` does it: a shard is a JSONL file with a line for each answer (`id`,
    `question`, `answer`, `attempts`, `decision`, `usage`, …), skipped where it is finished.

    Args:
        make_graph: Makes a graph of `create_markovscale_graph`, or the arguments of one, in each
            actor.
        ds: The questions, as for `record_dataset`.
        out: The folder, as for `record_dataset`.
        **options: Those of the actors, `ActorOptions`, and `max_concurrency` and `config`.

    Raises:
        ValueError: If an argument is wrong.
        TypeError: If an option is unknown.
        ModuleNotFoundError: If Ray is not installed.
    """
    reject_unknown(solve_dataset, options, DatasetSolvingOptions)
    return _through_actors(_Solver, make_graph, ds, out, {**options})


class _Worker(ABC):
    """Works on shards in an actor, with a graph that it makes once.

    Args:
        make: Makes the graph, or its arguments.
        options: For each shard.
        out: Where the shards are.
        storage_options: For fsspec.
    """

    def __init__(
        self,
        make: Callable[[], GraphOrParts],
        options: Mapping[str, Any],
        out: str,
        storage_options: Mapping[str, Any],
    ) -> None:
        made = make()
        self._graph = create_markovscale_graph(**made) if isinstance(made, Mapping) else made
        self._options = dict(options)
        self._output = output_at(out, dict(storage_options))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Finish a shard."""
        questions = [Question(*fields) for fields in json.loads(row["questions"])]
        return {"name": row["name"], "failed": json.dumps(self._work(row["name"], questions))}

    @abstractmethod
    def _work(self, name: str, questions: Sequence[Question]) -> dict[str, str]:
        """Finish what is not finished of a shard, and return the errors of what failed."""


class _Recorder(_Worker):
    def _work(self, name: str, questions: Sequence[Question]) -> dict[str, str]:
        with self._output.working(name) as path:
            recording = asyncio.run(
                arecord_traces(self._graph, questions, path=path, progress=False, **self._options)
            )
        return dict(recording.failed)


class _Solver(_Worker):
    def _work(self, name: str, questions: Sequence[Question]) -> dict[str, str]:
        with self._output.working(name) as path:
            solved = asyncio.run(solve_to_file(self._graph, questions, path, **self._options))
        return solved.failed


def _through_actors(
    worker: type[_Worker],
    make: Callable[[], GraphOrParts],
    ds: Any,
    out: str | os.PathLike[str],
    options: dict[str, Any],
    asked: Confirmation | None = None,
) -> DatasetRun:
    """Have actors work on what is not finished of a question set.

    Args:
        worker: What works in each actor.
        make: Makes its graph there.
        ds: The questions.
        out: The folder.
        options: Those of the actors, and of what is done with each shard.
        asked: Who is asked whether to go on.
    """
    ray = _ray()
    every, place = dict(options), os.fspath(out)
    options = {name: every.pop(name) for name in ActorOptions.__annotations__ if name in every}
    actors = options.get("actors", _ACTORS)
    if isinstance(actors, bool) or not isinstance(actors, int) or actors < 1:
        raise ArgumentError("actors", f"must be a whole number of at least 1, got {actors!r}.")
    shards = options.get("shards", _SHARDS_PER_ACTOR * actors)
    storage = dict(options.get("storage_options") or {})
    questions = _questions(ds)
    parts = in_shards(questions, shards)
    output = output_at(out, storage)
    rows, before = [], 0
    todo: list[Question] = []
    for number, part in enumerate(parts):
        name = f"{shard_name(number, shards)}.jsonl"
        there = output.ids(name)
        left = [question for question in part if question.id not in there]
        before += len(part) - len(left)
        todo += left
        if left:
            rows.append({"name": name, "questions": json.dumps(part)})
    if not rows or not _is_confirmed(asked, questions, todo, every, min(actors, len(rows))):
        return DatasetRun(place, 0, before, {}, shards)
    results = (
        ray.data.from_items(rows, override_num_blocks=len(rows))
        .map(
            worker,
            fn_constructor_args=(make, every, place, storage),
            compute=ray.data.ActorPoolStrategy(
                size=min(actors, len(rows)), max_tasks_in_flight_per_actor=1
            ),
            **dict(options.get("resources") or {"num_cpus": 1}),
        )
        .take_all()
    )
    failed: dict[str, str] = {}
    for result in results:
        failed |= json.loads(result["failed"])
    # Not what the actors have counted: one that took a shard up counts no more than what was left.
    done = len(todo) - len(failed)
    return DatasetRun(place, done, before, failed, shards)


def _questions(ds: Any) -> list[Question]:
    if isinstance(ds, (str, os.PathLike)):
        return read_questions(ds)
    iter_rows = getattr(ds, "iter_rows", None)
    return as_questions(iter_rows() if callable(iter_rows) else ds)


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise naming_the_extra(error) from error
    return ray
