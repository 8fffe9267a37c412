"""A callback handler that sees the runs of a loop, whichever way it is called.

It changes nothing of a run: it sees what goes into the outermost chain, what each node of a graph
writes, which calls of models it makes, and what comes out.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from langchain_markovscale.recording.call_log import CallLog
from langchain_markovscale.recording.observed_run import ObservedRun, StateView


class RunTap(BaseCallbackHandler):
    """Hands on every finished run of the chain that it is given to.

    Args:
        view: Reads its states.
        done: Called with each run and what it returned, in the thread of the run.
        trouble: Called with an error within, which the run never sees.
    """

    run_inline = True  # under asyncio it would otherwise cost a thread for every event

    def __init__(
        self,
        view: StateView,
        done: Callable[[UUID, ObservedRun, Any], None],
        trouble: Callable[[Exception], None],
    ) -> None:
        self._view, self._done, self._trouble = view, done, trouble
        self._runs: dict[UUID, ObservedRun] = {}
        self._inside: dict[UUID, UUID] = {}  # of every chain below a run, that run
        self._steps: dict[UUID, _Open] = {}
        self._lock = threading.Lock()

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Note a run, or a step of one."""
        with self._lock:
            above = None if parent_run_id is None else self._inside.get(parent_run_id)
            if above is None:
                self._runs[run_id] = ObservedRun(inputs)
                self._inside[run_id] = run_id
                return
            self._inside[run_id] = above
            node = (metadata or {}).get("langgraph_node")
            if parent_run_id == above and node is not None:
                self._steps[run_id] = _Open(self._runs[above], node, CallLog(), monotonic())
                self._steps[run_id].log.listen()

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Take over what a step wrote, or hand on a run that is finished."""
        run, step = self._closed(run_id)
        try:
            if run is not None:
                self._done(run_id, run, outputs)
            elif step is not None:
                seconds = monotonic() - step.began
                step.run.wrote(step.node, outputs, self._view, step.log.calls, seconds)
        except Exception as error:
            self._trouble(error)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget a run that failed; of a step of one, keep its calls for the next try."""
        _, step = self._closed(run_id)
        if step is not None:
            step.run.usage.add_failed(step.node, step.log.calls)

    def _closed(self, run_id: UUID) -> "tuple[ObservedRun | None, _Open | None]":
        with self._lock:
            self._inside.pop(run_id, None)
            run, step = self._runs.pop(run_id, None), self._steps.pop(run_id, None)
        if step is not None:
            step.log.stop()
        return run, step


class _Open(NamedTuple):
    """A step that has not ended."""

    run: ObservedRun
    node: str
    log: CallLog
    began: float
