"""An agent's model calls: timed where a budget limits time, and no end of the turn when they fail.

What a middleware does around a model call is apart from what it makes of the answer: here an error
after a first answer is noted in the turn, and the hook that follows ends with the best answer.
"""

import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Annotated, Any, NotRequired, cast

from langchain.agents.middleware import (
    AgentMiddleware,
    AgentState,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
)
from langchain.agents.middleware.types import PrivateStateAttr
from langgraph.errors import GraphBubbleUp
from langgraph.types import Command

from langchain_markovscale.agents.turn import (
    Turn,
    action_of,
    since_question,
    turn_of,
    with_seconds,
    with_text,
)
from langchain_markovscale.graph.metering import UNKNOWN_CALL, booked
from langchain_markovscale.graph.settings import PerRun
from langchain_markovscale.graph.telemetry import tell
from langchain_markovscale.types import usage_of

logger = logging.getLogger(__name__)


class MarkovScaleAgentState(AgentState[Any]):
    """The agent's state, and what only the middleware sees of it."""

    markovscale: NotRequired[Annotated[Turn | None, PrivateStateAttr]]


class GuardedModelCalls(AgentMiddleware[MarkovScaleAgentState, Any, Any]):
    """Middleware whose turn survives a model that fails.

    Args:
        per_run: The criterion and the budget, and what a run sets instead.
    """

    state_schema = MarkovScaleAgentState

    def __init__(self, per_run: PerRun) -> None:
        super().__init__()
        self.tools = ()
        self._per_run = per_run

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Call the model; where it fails after a first answer, end with the best one."""
        self._per_run.now()  # refuses bad settings before anything is paid for
        response, began = None, monotonic()
        try:
            response = handler(request)
            return self._timed(request, with_text(response), began)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._without_model(request, error, response)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Call the model; where it fails after a first answer, end with the best one."""
        self._per_run.now()  # refuses bad settings before anything is paid for
        response, began = None, monotonic()
        try:
            response = await handler(request)
            return self._timed(request, with_text(response), began)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._without_model(request, error, response)

    def _timed(
        self, request: ModelRequest[Any], response: ModelResponse[Any], began: float
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Note what a call has taken, if the budget limits it."""
        if "seconds" not in (self._per_run.now().budget or {}):
            return response
        turn = _turn_in(request)
        turn = with_seconds(turn, action_of(turn), monotonic() - began)
        return ExtendedModelResponse(response, Command(update={"markovscale": turn}))

    def _without_model(
        self, request: ModelRequest[Any], error: Exception, response: ModelResponse[Any] | None
    ) -> ExtendedModelResponse[Any]:
        turn = _turn_in(request)
        if not turn["attempts"]:
            raise error
        turn = told_of(turn, error, "model")
        cost = UNKNOWN_CALL if response is None else usage_of(response.result[-1])
        turn["usage"] = booked(turn["usage"], action_of(turn), cost)
        failed: Command[Any] = Command(update={"markovscale": turn})
        return ExtendedModelResponse(ModelResponse(result=[]), failed)


def _turn_in(request: ModelRequest[Any]) -> Turn:
    before = cast("MarkovScaleAgentState", request.state).get("markovscale")
    return turn_of(since_question(request.state["messages"], before).question, before)


def told_of(turn: Turn, error: Exception, who: str) -> Turn:
    """Tell of an error that does not rise, and note it."""
    logger.warning(
        "The %s failed; the answer is the best of the %d made before.",
        who,
        len(turn["attempts"]),
        exc_info=error,
    )
    text, question = f"{type(error).__name__}: {error}", turn["run"]["question"]
    tell({"type": "error", "node": who, "error": text, "try": 1, "question": question})
    return {**turn, "error": text}
