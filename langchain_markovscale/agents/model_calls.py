"""The calls of an agent's model: what they take is counted, and what they break leaves the answer.

They are counted where they are made and not in the messages, which others may remove before an
attempt is finished.
"""

from collections.abc import Generator
from dataclasses import replace
from time import monotonic
from typing import Any

from langchain.agents.middleware import ExtendedModelResponse, ModelRequest, ModelResponse
from langchain_core.runnables.config import ensure_config
from langgraph.errors import GraphBubbleUp
from langgraph.types import Command

from langchain_markovscale._messages import valid_message
from langchain_markovscale._meter import with_handler
from langchain_markovscale._models import uncached
from langchain_markovscale._text import logger_of
from langchain_markovscale.agents.limits import Limits
from langchain_markovscale.agents.system_prompt import SystemPrompts
from langchain_markovscale.agents.transcript import checked_response, reply_in
from langchain_markovscale.agents.turn import Calls, Turn, action_of, under_way, with_cost
from langchain_markovscale.graph.metering import UNKNOWN_CALL
from langchain_markovscale.graph.steps import surrounded_by
from langchain_markovscale.graph.telemetry import emit
from langchain_markovscale.types import usage_of

logger = logger_of(__name__)

Response = ModelResponse[Any] | ExtendedModelResponse[Any]


def accounted(
    request: ModelRequest[Any], limits: Limits
) -> Generator[ModelRequest[Any], ModelResponse[Any], Response]:
    """Yield the request where its call may be made, and return the response with its account.

    An error after a first answer is kept: the hook that follows ends the turn with the best one. So
    it does where the budget is used up. A turn that has stopped makes no call: whoever asks for
    another reply gets its answer.

    Args:
        request: The request, with the agent's state.
        limits: Those of the agent.

    Raises:
        ValueError: If the run was given bad settings; before anything is paid.
    """
    turn, calls = under_way(request.state)
    if (final := turn["final"]) is not None:
        return ModelResponse(result=[*final["answer"]], structured_response=final["structured"])
    calls = {**calls, "tools": bool(request.tools)}
    action, answered = action_of(turn), bool(turn["attempts"])
    limits.settings(turn, calls)  # a run that is resumed may have been given bad ones
    if limits.forbid(turn, calls):  # the hook that follows decides anew
        return _no_reply({**calls, "reply": None})
    if answered and (exceeded := limits.exceeded(turn, calls, action, used_up=True)):
        return _no_reply({**calls, "error": exceeded, "over_budget": True})
    if answered:
        # What a cache gave before, it would give again.
        request = request.override(model=uncached(request.model))  # type: ignore[arg-type]
    needs_format = request.response_format is not None
    response, began, prompts = None, monotonic(), SystemPrompts()
    try:
        with surrounded_by(with_handler(ensure_config(), prompts)):
            response = _made_valid((yield request))
        # Before the first answer the agent asks again for the format, or ends without it.
        checked_response(response, needs_format=needs_format and answered)
    except GraphBubbleUp:
        raise
    except Exception as error:
        if not answered:
            raise
        reply = None if response is None else reply_in(response)
        cost = UNKNOWN_CALL if reply is None else usage_of(reply)
        calls = with_cost(calls, action, cost, monotonic() - began)
        return _no_reply({**calls, "error": reported(turn, error, "model")})
    reply = reply_in(response)
    calls = with_cost(calls, action, usage_of(reply), monotonic() - began)
    calls["reply"] = None if reply is None else reply.id
    formatted = response.structured_response is not None
    calls["formatted"] = formatted if formatted or needs_format else None
    system = prompts.of(reply, request)
    if system == request.state.get("markovscale_system"):
        return _with_calls(response, calls)
    return _with_calls(response, calls, markovscale_system=system)


def reported(turn: Turn, error: Exception, source: str) -> str:
    """Log and emit an error that does not rise, and return it as text."""
    logger.warning(
        "The %s failed; the answer is the best of %d attempts.",
        source,
        len(turn["attempts"]),
        exc_info=error,
    )
    text, question = f"{type(error).__name__}: {error}", turn["run"]["question"]
    emit({"type": "error", "node": source, "error": text, "try": 1, "question": question})
    return text


def _made_valid(response: ModelResponse[Any]) -> ModelResponse[Any]:
    return replace(response, result=[valid_message(message) for message in response.result])


def _with_calls(response: ModelResponse[Any], calls: Calls, **others: Any) -> Response:
    return ExtendedModelResponse(response, Command(update={"markovscale_calls": calls, **others}))


def _no_reply(calls: Calls) -> Response:
    return _with_calls(ModelResponse(result=[]), calls)
