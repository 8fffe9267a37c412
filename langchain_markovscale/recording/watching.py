"""Ordinary runs of a loop, as traces without labels, while they happen.

What people do with a loop in production costs nothing extra to learn from: the runs are there. They
are labelled later, by a person, a grader or feedback, see `markovscale label`.
"""

import functools
import inspect
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

from langchain_core.runnables import Runnable
from langsmith.run_helpers import get_current_run_tree, is_traceable_function
from typing_extensions import Unpack

from langchain_markovscale._text import logger_of
from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.graph.router import MarkovScaleRouter, router_of
from langchain_markovscale.recording.call_log import CallLog
from langchain_markovscale.recording.observed_run import (
    ObservedRun,
    StateKeys,
    StateView,
    returned,
)
from langchain_markovscale.recording.record import key_of
from langchain_markovscale.recording.run_tap import RunTap
from langchain_markovscale.recording.usage_by_attempt import UsageByAttempt
from langchain_markovscale.traces.appending import append_trace
from langchain_markovscale.traces.provenance import LOOP, RETURNED, RUN_ID
from langchain_markovscale.traces.trace import Trace
from langchain_markovscale.types import Attempt

logger = logger_of(__name__)

_LANGSMITH = "langsmith_extra"  # the argument by which a traced function is told of its run

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
    logged once, and never reaches the run. The metadata have the run's id as tracing services have
    it (`run_id`), and which attempt was returned (`returned`): `label_traces` joins feedback so.

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
    writer = _Writer(Path(path), view, key, router)
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
    def note(args: Any, kwargs: Any, result: Any, log: CallLog) -> None:
        given = {name: value for name, value in kwargs.items() if name != _LANGSMITH}
        taken = args[0] if args else next(iter(given.values()), None)
        try:
            # A traced run may call the loop several times, so that its id names no trace.
            run = ObservedRun(taken, usage=UsageByAttempt(log.calls))
            writer.write(_run_id(kwargs), run, result, name=uuid4())
        except Exception as error:
            writer.trouble(error)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awatched(*args: Any, **kwargs: Any) -> Any:
            kwargs = _with_run_id(function, kwargs)
            with CallLog() as log:
                result = await function(*args, **kwargs)
            note(args, kwargs, result, log)
            return result

        return awatched

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        kwargs = _with_run_id(function, kwargs)
        with CallLog() as log:
            result = function(*args, **kwargs)
        note(args, kwargs, result, log)
        return result

    return watched


def _with_run_id(function: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return arguments that tell the id of the run to a function that LangSmith traces."""
    if not is_traceable_function(function):
        return kwargs
    return {**kwargs, _LANGSMITH: {"run_id": uuid4(), **(kwargs.get(_LANGSMITH) or {})}}


def _run_id(kwargs: dict[str, Any]) -> UUID:
    """Return the id of a function's run: as LangSmith has it, where it traces the function."""
    if (extra := kwargs.get(_LANGSMITH)) and extra.get("run_id"):
        return UUID(str(extra["run_id"]))
    around = get_current_run_tree()
    return uuid4() if around is None else around.id


class _Writer:
    """Writes runs as traces.

    Args:
        path: The file.
        view: Reads the runs.
        answer_key: Makes the keys of attempts that have none.
        router: The router in the loop's edge, if that is one of ours.
    """

    def __init__(
        self,
        path: Path,
        view: StateView,
        answer_key: AnswerKey | None,
        router: MarkovScaleRouter | None,
    ) -> None:
        self._path, self._view, self._answer_key = path, view, answer_key
        self._router = router
        self._loop = {} if router is None else dict(router.loop)
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def write(
        self, run_id: UUID, run: ObservedRun, result: Any, *, name: UUID | None = None
    ) -> None:
        """Add a run that is finished, by default with its own id as its name."""
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
            "id": str(name or run_id),
            "question": question,
            "attempts": attempts,
            "reference": None,
            "features": None,
            "metadata": {
                "watched": datetime.now(UTC).isoformat(timespec="seconds"),
                RUN_ID: str(run_id),
                RETURNED: self._returned(result, attempts),
                **({LOOP: self._loop} if self._loop else {}),
            },
            "censored": True,
        }
        append_trace(self._path, trace)

    def _returned(self, result: Any, attempts: Sequence[Attempt]) -> int:
        """Return the number of the attempt that is returned: by the router, if it sees them all."""
        if self._router is not None:
            decision = self._router.decide(result)
            if decision["attempts"] == len(attempts) and decision["best"] is not None:
                return decision["best"]
        return returned(result, attempts)

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
