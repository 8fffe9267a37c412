"""The loop inside an agent: its final answers are verified, and revised while that pays.

The agent stays whole: the same model node writes drafts and revisions, with the same tools and the
same other middleware. Only the conversation is arranged for it, and put in order at the end.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, NotRequired, cast
from uuid import uuid4

from langchain.agents.middleware import (
    AgentMiddleware,
    AgentState,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
    hook_config,
)
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Command

from langchain_markovscale.answer_keys import AnswerKey
from langchain_markovscale.attempts import Action, Attempt, Decision
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.graph.choices import Choices
from langchain_markovscale.graph.endings import stopped
from langchain_markovscale.graph.events import tell
from langchain_markovscale.graph.evidence import evidence
from langchain_markovscale.graph.metering import UNKNOWN_CALL, Meter, booked
from langchain_markovscale.graph.nodes import NoVerifier, VerifierLike
from langchain_markovscale.graph.prompts import Prompts, prompts_or_default
from langchain_markovscale.graph.router import MarkovScaleRouter
from langchain_markovscale.graph.tracing import labelled
from langchain_markovscale.integrations.turns import (
    Since,
    Trail,
    Turn,
    best_answer,
    final_answer,
    rewritten,
    since_question,
    text_of_answer,
    turn_of,
)
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.variants import Variant
from langchain_markovscale.usage import usage_of
from langchain_markovscale.verifiers.base import Verifier, VerifierInput, to_verdict
from langchain_markovscale.verifiers.function import as_verifier

logger = logging.getLogger(__name__)

Update = dict[str, Any]


class MarkovScaleAgentState(AgentState[Any]):
    """The agent's state, and what only the middleware sees of it."""

    markovscale: NotRequired[Annotated[Turn | None, PrivateStateAttr]]


class _Due(NamedTuple):
    """A final answer that has to be verified."""

    turn: Turn
    since: Since
    request: VerifierInput


class MarkovScaleMiddleware(AgentMiddleware[MarkovScaleAgentState, Any, Any]):
    """Verifies an agent's final answers, and lets it try again while that is worth the cost.

    After an answer without open tool calls the criterion decides: to revise (the agent goes on,
    with the critique), to draw afresh (it starts again from the question), or to end. Then the
    conversation holds the question, the tool calls that led to the best answer, and that answer,
    whose `response_metadata["markovscale"]` says how many attempts there were, the belief, the
    reason and the usage. With structured output the structured response is what is verified, as
    JSON, and that of the best answer is returned.

    Put it first in `middleware=[…]`: then its hook is the last to run, and sees what the others
    have made of an answer. Every question is a turn of its own, also on a thread.

    A stream of messages shows drafts as the agent writes them, and the best answer last;
    `stream_mode="custom"` shows an event for each attempt and decision.

    Nothing paid for is lost: if the verifier fails, or the model after a first answer, the turn
    ends with the best answer so far and the reason `"error"`. Give `verifier.with_retry()` and, for
    the model, `ModelRetryMiddleware` to have them asked again before. Errors before the first
    answer rise, and so do those of tools. A turn that is broken off and never resumed leaves its
    last draft and critique in the conversation.

    Example::

        agent = create_agent(
            model, tools, middleware=[MarkovScaleMiddleware(verifier=JudgeVerifier(model))]
        )

    Args:
        verifier: The verify-proxy, as for `create_markovscale_graph`. What the tools returned is
            given to it as `context`.
        calibration: A `Calibration` or bare `Rates`; by default `Calibration.training_free()`.
        cost_per_round: What a round must gain to be worth it, in units of accuracy; one number, or
            one for each action.
        max_rounds: The most attempts at one question, the first included; at least 1.
        actions: What may be done after the first attempt: `"revise"`, `"generate"`, or both.
        answer_key: Makes the key of an answer: a function of its text, or a name.
        choices: The possible answers, or how many there are, where they are a closed list.
        variant: Where the class weights come from: `"mixture"`, `"gate"` or `"training_free"`.
        prompts: The words that ask for a revision; `system` is the agent's own affair.

    Raises:
        ValueError: If there is neither a verifier nor a key, or a number leaves its range.
        TypeError: If the verifier or the calibration is none.
    """

    state_schema = MarkovScaleAgentState

    def __init__(
        self,
        *,
        verifier: VerifierLike | None,
        calibration: Calibration | Rates | None = None,
        cost_per_round: float | Mapping[Action, float] = 0.01,
        max_rounds: int = 8,
        actions: Sequence[Action] = ("revise", "generate"),
        answer_key: AnswerKey | str | None = None,
        choices: Choices | None = None,
        variant: Variant = "mixture",
        prompts: Prompts | None = None,
    ) -> None:
        super().__init__()
        self.tools = ()
        if variant == "map":
            raise ValueError(
                "variant='map' needs a predictor, which an agent's middleware does not take: "
                "give 'mixture', 'gate' or 'training_free'."
            )
        router = MarkovScaleRouter(
            evidence(verifier, answer_key, choices, calibration, variant),
            cost_per_round=cost_per_round,
            max_rounds=max_rounds,
            actions=actions,
            answer_key=answer_key,
            choices=choices,
            variant=variant,
        )
        self._criterion, self._answer_key = router.criterion, router.answer_key
        self._verifier = as_verifier(verifier) or NoVerifier()
        self._prompts = prompts_or_default(prompts)

    @hook_config(can_jump_to=["model"])
    def after_model(self, state: MarkovScaleAgentState, runtime: Runtime[Any]) -> Update | None:
        """Verify a final answer and decide; do nothing between tool calls."""
        due = self._due(state)
        if not isinstance(due, _Due):
            return due
        config, meter = self._called(due)
        try:
            returned = self._verifier.invoke(due.request, config)
            return self._verified(due, returned, meter)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._failed(due, error, meter)

    @hook_config(can_jump_to=["model"])
    async def aafter_model(
        self, state: MarkovScaleAgentState, runtime: Runtime[Any]
    ) -> Update | None:
        """Verify a final answer and decide; do nothing between tool calls."""
        due = self._due(state)
        if not isinstance(due, _Due):
            return due
        config, meter = self._called(due)
        try:
            returned = await self._verifier.ainvoke(due.request, config)
            return self._verified(due, returned, meter)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._failed(due, error, meter)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Call the model; where it fails after a first answer, end with the best one."""
        try:
            return handler(request)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._without_model(request, error)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Call the model; where it fails after a first answer, end with the best one."""
        try:
            return await handler(request)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._without_model(request, error)

    def _without_model(
        self, request: ModelRequest[Any], error: Exception
    ) -> ExtendedModelResponse[Any]:
        before = cast("MarkovScaleAgentState", request.state).get("markovscale")
        turn = turn_of(since_question(request.state["messages"], before).question, before)
        if not turn["attempts"]:
            raise error
        failed: Command[Any] = Command(update={"markovscale": self._told(turn, error, "model")})
        return ExtendedModelResponse(ModelResponse(result=[]), failed)

    def _told(self, turn: Turn, error: Exception, who: str) -> Turn:
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

    def _due(self, state: MarkovScaleAgentState) -> _Due | Update | None:
        """Return what has to be verified, or the update where nothing has to."""
        before = state.get("markovscale")
        since = since_question(state["messages"], before)
        turn = turn_of(since.question, before)
        if turn["error"] is not None:
            return self._gave_up(turn, since)
        trail = final_answer(since.messages, state.get("structured_response"), turn)
        if trail is None:
            return None
        attempt = self._attempt(turn, trail)
        usage = turn["usage"]
        for message in since.messages:
            if isinstance(message, AIMessage) and not _known(message, turn):
                usage = booked(usage, attempt["action"], usage_of(message))
        turn = {
            **turn,
            "attempts": [*turn["attempts"], attempt],
            "trails": [*turn["trails"], trail],
            "usage": usage,
        }
        request: VerifierInput = {
            "question": turn["run"]["question"],
            "answer": attempt["text"],
            "key": attempt["key"],
        }
        if results := [str(m.text) for m in trail["steps"] if m.type == "tool"]:
            request["context"] = {"tools": results}
        return _Due(turn, since, request)

    def _attempt(self, turn: Turn, trail: Trail) -> Attempt:
        text, decision = text_of_answer(trail), turn["decision"]
        cost = usage_of(trail["answer"][0])
        return {
            "text": text,
            "key": None if self._answer_key is None else self._answer_key(text),
            "score": None,
            "action": "revise" if decision and decision["action"] == "revise" else "generate",
            "parent": decision["parent"] if decision else None,
            "feedback": None,
            "tokens": None if cost["unknown"] else cost["output_tokens"],
        }

    def _called(self, due: _Due) -> tuple[RunnableConfig, Meter | None]:
        """Return the verifier's config, whose words are no part of the stream, and its meter."""
        attempts = due.turn["attempts"]
        index, action = len(attempts) - 1, attempts[-1]["action"]
        config = labelled(ensure_config(), "verify", index, action)
        if isinstance(self._verifier, (Verifier, NoVerifier)):
            return config, None  # these say what they have cost
        meter = Meter()
        return meter.listening(config), meter

    def _verified(self, due: _Due, returned: object, meter: Meter | None) -> Update:
        turn = due.turn
        verdict = to_verdict(returned, name=self._verifier.get_name())
        latest: Attempt = {
            **turn["attempts"][-1],
            "score": verdict["score"],
            "feedback": verdict["feedback"],
        }
        attempts = [*turn["attempts"][:-1], latest]
        cost = None
        if not isinstance(self._verifier, NoVerifier):
            cost = (meter and meter.usage) or verdict["usage"] or UNKNOWN_CALL
        turn = {**turn, "attempts": attempts, "usage": booked(turn["usage"], "verify", cost)}
        question = turn["run"]["question"]
        index = len(attempts) - 1
        tell({"type": "attempt", "index": index, "attempt": latest, "question": question})
        return self._decided(turn, due.since, self._criterion.decide(attempts))

    def _failed(self, due: _Due, error: Exception, meter: Meter | None) -> Update:
        cost = (meter and meter.usage) or UNKNOWN_CALL
        turn = self._told(due.turn, error, "verifier")
        turn["usage"] = booked(turn["usage"], "verify", cost)
        return self._gave_up(turn, due.since)

    def _gave_up(self, turn: Turn, since: Since) -> Update:
        return self._decided(turn, since, stopped(self._criterion, turn["attempts"], "error"))

    def _decided(self, turn: Turn, since: Since, decision: Decision) -> Update:
        tell({"type": "decision", "decision": decision, "question": turn["run"]["question"]})
        turn = {**turn, "decision": decision, "critique_id": None}
        if decision["action"] == "stop":
            wanted, structured = best_answer(turn, decision)
            update: Update = {"messages": rewritten(since.messages, wanted)}
            if structured is not None:
                update["structured_response"] = structured
            # Nobody needs the drafts any more, and a thread should not carry them on.
            return {**update, "markovscale": {**turn, "attempts": [], "trails": []}}
        if decision["parent"] is None:
            messages = rewritten(since.messages, ())
            return {"messages": messages, "markovscale": turn, "jump_to": "model"}
        turn["critique_id"] = critique_id = str(uuid4())
        parent = turn["trails"][decision["parent"]]
        critique = {"role": "user", "content": self._critique(turn, decision), "id": critique_id}
        messages = rewritten(since.messages, [*parent["steps"], *parent["answer"], critique])
        return {"messages": messages, "markovscale": turn, "jump_to": "model"}

    def _critique(self, turn: Turn, decision: Decision) -> str:
        attempt = turn["attempts"][decision["parent"] or 0]
        request = {
            "question": turn["run"]["question"],
            "messages": [],
            "answer": attempt["text"],
            "feedback": attempt["feedback"],
            "attempts": turn["attempts"],
        }
        return str(self._prompts.for_revision(request)[-1].text)


def _known(message: AIMessage, turn: Turn) -> bool:
    """Whether a message belongs to an earlier attempt, and is in the books."""
    return any(
        message.id == other.id
        for trail in turn["trails"]
        for other in [*trail["steps"], *trail["answer"]]
    )
