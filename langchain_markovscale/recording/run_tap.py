"""A callback handler that sees the runs of a loop, whichever way it is called.

It changes nothing of a run: it sees what goes into the outermost chain, what each node of a graph
writes, which calls of models it makes, and what comes out.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult

from langchain_markovscale._meter import Meter
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
        self._within: dict[UUID, UUID] = {}  # of everything below a step, that step
        self._meters: dict[UUID, tuple[Meter, float]] = {}  # of each step, and when it began
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
            if parent_run_id == above and "langgraph_node" in (metadata or {}):
                self._within[run_id] = run_id
                self._meters[run_id] = Meter(), monotonic()
            elif parent_run_id in self._within:
                self._within[run_id] = self._within[parent_run_id]

    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Count a call for the step that it is part of."""
        with self._lock:
            step = None if parent_run_id is None else self._within.get(parent_run_id)
            if step is not None and step in self._meters:
                self._within[run_id] = step
                self._meters[step][0].on_chat_model_start()

    def on_llm_start(
        self, serialized: dict[str, Any] | None, prompts: Any, *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Count a call of a completion model."""
        self.on_chat_model_start(serialized, prompts, run_id=run_id, **kwargs)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget a call that failed; what it used is not known."""
        with self._lock:
            self._within.pop(run_id, None)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Add what a call used."""
        with self._lock:
            step = self._within.pop(run_id, None)
            if step in self._meters:
                self._meters[step][0].on_llm_end(response)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Take over what a step wrote, or hand on a run that is finished."""
        with self._lock:
            above = self._inside.pop(run_id, None)
            run = self._runs.pop(run_id, None)
            self._within.pop(run_id, None)
            step = self._meters.pop(run_id, None)
        try:
            if run is not None:
                self._done(run_id, run, outputs)
            elif step is not None and above in self._runs:
                meter, began = step
                self._runs[above].took(outputs, self._view, meter.usage, monotonic() - began)
                self._runs[above].wrote(outputs, self._view)
        except Exception as error:
            self._trouble(error)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget a run, or a step of one, that failed."""
        with self._lock:
            for noted in (self._inside, self._runs, self._within, self._meters):
                noted.pop(run_id, None)
