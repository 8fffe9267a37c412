"""Ordinary runs of a loop, as traces without labels, while they happen.

What people do with a loop in production costs nothing extra to learn from: the runs are there. They
are labelled later, by a person, a grader or feedback, see `markovscale label`.
"""

import functools
import inspect
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

from langchain_core.runnables import Runnable
from typing_extensions import Unpack

from langchain_markovscale._text import logger_of
from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.graph.router import router_of
from langchain_markovscale.recording.observed_run import ObservedRun, RunTap, StateKeys, StateView
from langchain_markovscale.recording.record import key_of
from langchain_markovscale.traces.appending import append_trace
from langchain_markovscale.traces.provenance import LOOP
from langchain_markovscale.traces.trace import Trace

logger = logger_of(__name__)

Watched = TypeVar("Watched", bound=Callable[..., Any] | Runnable[Any, Any])


def watch(
    loop: Watched,
    path: str | os.PathLike[str],
    *,
    answer_key: AnswerKey | str | None = None,
    **keys: Unpack[StateKeys],
) -> Watched:
    """Return a loop that adds each of its runs to a file of traces, and is otherwise the same.

    Runs are seen by a callback handler, whichever way the loop is called: `invoke`, `stream`,
    `batch` and their async forms. A run is written when it has ended, as one line that is marked as
    `censored`, since the loop's own rule ended it. Several threads and processes may write to one
    file. Runs that fail are left out. An error within (a full disk, a state without drafts) is
    logged once, and never reaches the run.

    Example:
        graph = watch(graph, "traces.jsonl", answers_key="drafts", scores_key="scores")
        graph.invoke({"question": "What is 17 * 23?"})

    Args:
        loop: A compiled graph, an agent (also with `MarkovScaleMiddleware`), any other Runnable, or
            a function or async function whose first argument is the question or a state.
        path: The JSONL file, new or begun.
        answer_key: Makes the keys of answers that have none; by default that of the loop's router.
            Keys that are made by a model, such as a `SemanticKey`, take their time in each run.
        **keys: Where the state has drafts, scores and the question, as for `record_traces`; by
            default what the loop's `MarkovScaleRouter` reads, or else the attempts that a graph of
            this package keeps, or the conversation.

    Returns:
        A loop of the same kind.

    Raises:
        ValueError: If the keys contradict each other, or the path is a folder.
        TypeError: If `loop` is neither a Runnable nor a function.
    """
    if Path(path).is_dir():
        raise ValueError(f"path must be a file, got the folder {str(path)!r}: give another path.")
    router = router_of(loop) if hasattr(loop, "builder") else None  # type: ignore[arg-type]
    if router is not None and "attempts" not in getattr(loop, "channels", {}):
        keys = {**router.keys, **keys}  # type: ignore[typeddict-item]
    key = resolve_answer_key(answer_key or key_of(loop))
    view = StateView(keys, key)
    writer = _Writer(Path(path), view, key, {} if router is None else dict(router.loop))
    if isinstance(loop, Runnable):
        tap = RunTap(view, writer.write, writer.trouble)
        return cast(Watched, loop.with_config(callbacks=[tap]))
    if not callable(loop):
        raise TypeError(
            f"loop must be a Runnable or a function, got {type(loop).__name__}: give the compiled "
            "graph, the agent or the function that answers a question."
        )
    return cast(Watched, _watched_function(loop, writer))


def _watched_function(function: Any, writer: "_Writer") -> Any:
    def note(args: Any, kwargs: Any, result: Any) -> None:
        taken = args[0] if args else next(iter(kwargs.values()), None)
        try:
            writer.write(uuid4(), ObservedRun(taken), result)
        except Exception as error:
            writer.trouble(error)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awatched(*args: Any, **kwargs: Any) -> Any:
            result = await function(*args, **kwargs)
            note(args, kwargs, result)
            return result

        return awatched

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        note(args, kwargs, result)
        return result

    return watched


class _Writer:
    """Writes runs as traces.

    Args:
        path: The file.
        view: Reads the runs.
        answer_key: Makes the keys of attempts that have none.
        loop: The names of the loop's parts.
    """

    def __init__(
        self, path: Path, view: StateView, answer_key: AnswerKey | None, loop: dict[str, Any]
    ) -> None:
        self._path, self._view, self._answer_key, self._loop = path, view, answer_key, loop
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def write(self, name: UUID, run: ObservedRun, result: Any) -> None:
        """Add a run that is finished."""
        question = self._view.question(run.taken, result)
        if question is None:
            raise ValueError(
                "the question of a run is neither in its input nor in its state: name its key, "
                "with question_key."
            )
        attempts = run.attempts(result, self._view)
        for attempt in attempts:
            if attempt["key"] is None and self._answer_key is not None:
                attempt["key"] = self._answer_key(attempt["text"])
        trace: Trace = {
            "id": str(name),
            "question": question,
            "attempts": attempts,
            "reference": None,
            "features": None,
            "metadata": {
                "watched": datetime.now(UTC).isoformat(timespec="seconds"),
                **({LOOP: self._loop} if self._loop else {}),
            },
            "censored": True,
        }
        append_trace(self._path, trace)

    def trouble(self, error: Exception) -> None:
        """Log an error, each kind once."""
        kind = f"{type(error).__name__}: {error}"[:80]
        with self._lock:
            if kind in self._seen or len(self._seen) > 20:
                return
            self._seen.add(kind)
        logger.warning(
            "A run could not be added to %s, and went on: %s: %s",
            self._path,
            type(error).__name__,
            error,
        )
