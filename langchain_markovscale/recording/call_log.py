"""The model calls of a context: those of a node with its tools, or those of a plain function.

LangChain asks a context variable which handlers to tell of a call. A call is seen through it
wherever it is made, also in a tool, in a function that is no Runnable, or with callbacks of its
own. A thread that is started without a copy of the context is another context: its calls are not
seen.
"""

from contextvars import ContextVar
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult
from langchain_core.tracers.context import register_configure_hook

from langchain_markovscale._meter import Meter
from langchain_markovscale.graph.metering import UNKNOWN_CALL
from langchain_markovscale.types import Usage

_listening: ContextVar["CallLog | None"] = ContextVar("markovscale_calls", default=None)
register_configure_hook(_listening, inheritable=True)


class ModelCall(NamedTuple):
    """A call of a model.

    Attributes:
        reply: The text that it returned; None where it failed or did not end.
        usage: Its usage, unknown where the model reported none.
        seconds: How long it took, or has taken so far.
    """

    reply: str | None
    usage: Usage
    seconds: float


class CallLog(BaseCallbackHandler):
    """Notes every model call of a context, once each, between `listen` and `stop`.

    A log that listened before goes on hearing of the calls.

    Example:
        with CallLog() as log:
            answer(question)
        log.calls
    """

    run_inline = True  # under asyncio it would otherwise cost a thread for every event

    def __init__(self) -> None:
        self._around: CallLog | None = None
        self._meters: dict[UUID, tuple[Meter, float]] = {}  # of each call, and when it began
        self._ended: dict[UUID, tuple[str | None, float]] = {}  # of each, its reply, and when

    @property
    def ignore_chain(self) -> bool:
        """Chains make no calls of their own."""
        return True

    def listen(self) -> None:
        """Begin to note the calls of this context."""
        self._around = _listening.get()
        _listening.set(self)

    def stop(self) -> None:
        """Leave the context to the log that listened before."""
        _listening.set(self._around)

    def __enter__(self) -> "CallLog":
        self.listen()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    @property
    def calls(self) -> list[ModelCall]:
        """The calls so far, in the order in which they began."""
        found = []
        for run_id, (meter, began) in list(self._meters.items()):
            reply, ended = self._ended.get(run_id, (None, monotonic()))
            found.append(ModelCall(reply, meter.usage or UNKNOWN_CALL, ended - began))
        return found

    def on_chat_model_start(
        self, serialized: dict[str, Any] | None, messages: Any, *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Note a call."""
        meter, _ = self._meters.setdefault(run_id, (Meter(), monotonic()))
        # A log around hears of a call twice: from LangChain, and from the log within.
        if meter.usage is None:
            meter.on_chat_model_start()
        if self._around is not None:
            self._around.on_chat_model_start(serialized, messages, run_id=run_id)

    def on_llm_start(
        self, serialized: dict[str, Any] | None, prompts: Any, *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Note a call of a completion model."""
        self.on_chat_model_start(serialized, prompts, run_id=run_id)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Note what a call returned and used."""
        if run_id in self._meters and run_id not in self._ended:
            self._meters[run_id][0].on_llm_end(response)
            texts = [each.text for several in response.generations for each in several]
            self._ended[run_id] = "".join(texts[:1]), monotonic()
        if self._around is not None:
            self._around.on_llm_end(response, run_id=run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Note when a call failed; what it used is not known."""
        self._ended.setdefault(run_id, (None, monotonic()))
        if self._around is not None:
            self._around.on_llm_error(error, run_id=run_id)
