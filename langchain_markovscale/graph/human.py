"""A human as the verify-proxy: the run pauses, and continues when somebody has answered.

It is here and not among the other verifiers because the pause is LangGraph's: the run's state waits
in the checkpointer, for as long as it takes and without a running process.
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import interrupt

from langchain_markovscale.graph.telemetry import current_runtime
from langchain_markovscale.types import Verdict, VerifierInput
from langchain_markovscale.verifiers.base import Verifier
from langchain_markovscale.verifiers.verdicts import to_verdict

_HOW = (
    "Resume with true or false, a score between 0 (wrong) and 1 (right), or "
    '{"score": …, "feedback": "…"}; a score of null abstains.'
)
_FIELDS = frozenset({"score", "feedback"})


class HumanVerifier(Verifier):
    """Asks a human by LangGraph's `interrupt`, and reads what `Command(resume=…)` brings.

    The graph needs a checkpointer and the run a thread. What the run returns then has the request
    under `"__interrupt__"`::

        graph = create_markovscale_graph(model, verifier=HumanVerifier(), checkpointer=saver)
        waiting = graph.invoke({"question": "…"}, thread)
        waiting["__interrupt__"][0].value  # {"question", "answer", "key", "context"?, "how"}
        graph.invoke(Command(resume={"score": 0.2, "feedback": "Check the sum."}), thread)

    A resume value is True, False, a score in [0, 1], or a dictionary with `score` (None to abstain)
    and optionally `feedback`, which the next revision gets to see. After any other value the
    request is repeated, with the error under `"error"`. Neither the wait nor the restart of a
    process costs a call, and waiting does not count for a budget's `seconds`. The conversation is
    not part of the request, because the thread has it already, in its state under `messages`.

    Args:
        how: What the request says about how to answer, under `"how"`.
        name: The name that traces and errors show; the class's name if None.
    """

    asks_model = False

    def __init__(self, how: str = _HOW, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.how = how

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Pause until somebody has answered.

        Raises:
            RuntimeError: If it is called outside of a graph, where nothing can pause.
        """
        if current_runtime().execution_info is None:
            raise RuntimeError(
                f"{self.get_name()} was called outside of a LangGraph run, where nothing can "
                "pause: give it to create_markovscale_graph(verifier=…) or verify_proxy_node(…)."
            )
        request: dict[str, Any] = {**given, "how": self.how}
        request.pop("messages", None)
        while True:
            resume_value = interrupt(request)
            try:
                return _verdict(resume_value, self.get_name())
            except (TypeError, ValueError) as error:
                request["error"] = str(error)

    async def averify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Pause until somebody has answered; it takes no thread."""
        return self.verify(given, config, **kwargs)


def _verdict(value: object, name: str) -> Verdict:
    if isinstance(value, Mapping) and (unknown := sorted(set(map(str, value)) - _FIELDS)):
        raise ValueError(
            f"{name} has no use for {', '.join(map(repr, unknown))}: a verdict has 'score' and "
            "'feedback'."
        )
    return to_verdict(value, name=name)
