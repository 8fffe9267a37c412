"""The loop inside an agent: its final answers are verified, and revised while that pays.

The agent itself is unchanged: the same model node writes drafts and revisions, with the same tools
and the same other middleware. The middleware only edits the conversation, and cleans it up at the
end of the turn.
"""

import logging
from collections.abc import Awaitable, Callable, Generator
from time import monotonic
from typing import Any, NamedTuple, Unpack
from uuid import uuid4

from langchain.agents.middleware import (
    AgentMiddleware,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
    hook_config,
)
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Command

from langchain_markovscale.agents.turn import (
    MarkovScaleAgentState,
    Since,
    Trail,
    Turn,
    action_of,
    best_answer,
    checked_response,
    final_answer,
    rewritten,
    since_question,
    text_of_answer,
    turn_of,
    under_way,
    with_model_usage,
    with_seconds,
    written_by_model,
)
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.graph.budget import Budget, why_over_budget
from langchain_markovscale.graph.conversation import stop_decision
from langchain_markovscale.graph.metering import UNKNOWN_CALL, Meter, add_usage_for
from langchain_markovscale.graph.nodes import VerifierLike
from langchain_markovscale.graph.prompts import Prompts, prompts_or_default
from langchain_markovscale.graph.settings import PerRun, RuleOptions, rule_of_loop
from langchain_markovscale.graph.steps import Call, Steps, arun_steps, run_steps
from langchain_markovscale.graph.telemetry import emit, labelled
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.types import (
    Attempt,
    Decision,
    Purpose,
    Reason,
    VerifierInput,
    new_attempt,
    usage_of,
)
from langchain_markovscale.verifiers.base import NoVerifier, Verifier, verdict_in
from langchain_markovscale.verifiers.function import as_verifier

logger = logging.getLogger(__name__)

Update = dict[str, Any]
Response = ModelResponse[Any] | ExtendedModelResponse[Any]


class _Pending(NamedTuple):
    """A final answer that is to be verified."""

    turn: Turn
    since: Since
    request: VerifierInput


class MarkovScaleMiddleware(AgentMiddleware[MarkovScaleAgentState, Any, Any]):
    """Verifies an agent's final answers, and has them revised while that is worth the cost.

    After an answer without open tool calls the criterion decides: to revise (the agent continues,
    with the critique), to draw afresh (it starts again from the question), or to stop. At the end
    the conversation holds the question, the tool calls that led to the best answer, and that
    answer, whose `response_metadata["markovscale"]` has the number of attempts, the belief, the
    reason and the usage. With structured output the structured response is verified, as JSON, and
    that of the best answer is returned.

    Put it first in `middleware=[…]`: then its hook is the last to run, and sees an answer as the
    others have changed it. Every question is a turn of its own, also on a thread.

    A stream of messages shows drafts as the agent writes them, and the best answer last;
    `stream_mode="custom"` shows an event for each attempt and decision.

    `context={"cost_per_round": …, "max_rounds": …, "budget": …}` sets these for one run, see
    `MarkovScaleContext`.

    Nothing paid for is lost: if the verifier fails, or the model after a first answer (an empty
    reply is a failure), the turn ends with the best answer so far and the reason `"error"`; if
    another middleware or a tool ends the agent before that, with the reason `"interrupted"`. To
    have them retried first, give `verifier.with_retry()` and, for the model,
    `ModelRetryMiddleware(on_failure="error")`; its default, `"continue"`, makes an answer of the
    error. Errors before the first answer rise, and so do those of tools. A turn that is interrupted
    and never resumed leaves its last draft and critique in the conversation.

    Example::

        agent = create_agent(
            model, tools, middleware=[MarkovScaleMiddleware(verifier=JudgeVerifier(model))]
        )

    Args:
        verifier: The verify-proxy, as for `create_markovscale_graph`. What the tools returned is
            given to it as `context`.
        criterion: Decides, in place of one that is made from `rule`.
        budget: The most that a question may use, in tokens, money, time or rounds, see `Budget`.
            Where the next call would go beyond it, the turn ends with the best answer so far and
            the reason `"budget"`. Its `seconds` are those of the model and the verifier; what
            tools take does not count.
        answer_key: Makes the key of an answer: a function of its text, or a name.
        prompts: The prompts that ask for a revision; `system` is not used, because the agent has
            its own.
        **rule: How to decide: `calibration`, `variant` (all but `"map"`), `cost_per_round`,
            `max_rounds`, `actions`, `choices` and `delivery`, described by
            `help(langchain_markovscale.RuleOptions)`.

    Raises:
        ValueError: If there is neither a verifier nor a key, or a number is out of range.
        TypeError: If the verifier or the calibration is of no accepted type, or an option is
            unknown.
    """

    state_schema = MarkovScaleAgentState

    def __init__(
        self,
        *,
        verifier: VerifierLike | None,
        criterion: Criterion | None = None,
        budget: Budget | None = None,
        answer_key: AnswerKey | str | None = None,
        prompts: Prompts | None = None,
        **rule: Unpack[RuleOptions],
    ) -> None:
        criterion, self._answer_key = rule_of_loop(
            MarkovScaleMiddleware, verifier, answer_key, criterion, rule
        )
        if criterion.variant == "map":
            raise ValueError(
                "variant='map' needs a predictor, which an agent's middleware does not take: "
                "give 'mixture', 'gate' or 'training_free'."
            )
        super().__init__()
        self.tools = ()
        self._per_run = PerRun(criterion, budget)
        self._verifier = as_verifier(verifier) or NoVerifier()
        self._free = isinstance(self._verifier, Verifier) and not self._verifier.asks_model
        self._prompts = prompts_or_default(prompts)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> Response:
        """Call the model; where it fails after a first answer, end with the best one."""
        return run_steps(self._model_call(request), handler)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> Response:
        """Call the model; where it fails after a first answer, end with the best one."""
        return await arun_steps(self._model_call(request), handler)

    @hook_config(can_jump_to=["model"])
    def after_model(self, state: MarkovScaleAgentState, runtime: Runtime[Any]) -> Update | None:
        """Verify a final answer and decide; do nothing between tool calls."""
        return run_steps(self._verification(state), Call.run)

    @hook_config(can_jump_to=["model"])
    async def aafter_model(
        self, state: MarkovScaleAgentState, runtime: Runtime[Any]
    ) -> Update | None:
        """Verify a final answer and decide; do nothing between tool calls."""
        return await arun_steps(self._verification(state), Call.arun)

    def after_agent(self, state: MarkovScaleAgentState, runtime: Runtime[Any]) -> Update | None:
        """End with the best answer where another middleware or a tool has ended the agent."""
        turn = state.get("markovscale")
        if turn is None or not turn["attempts"]:
            return None
        since = since_question(state["messages"], turn)
        if turn_of(since.question, turn) is not turn:
            return None  # the turn of an earlier question, which was never resumed
        text = "The agent was ended before its next answer could be verified."
        if since.messages and since.messages[-1].type == "ai":
            text += f" The last message is: {since.messages[-1].text}"
        logger.warning("%s The answer is the best of the %d before.", text, len(turn["attempts"]))
        question = turn["run"]["question"]
        emit({"type": "error", "node": "agent", "error": text, "try": 1, "question": question})
        turn = {**with_model_usage(turn, written_by_model(since)), "error": text}
        return self._end_turn(turn, since, "interrupted")

    async def aafter_agent(
        self, state: MarkovScaleAgentState, runtime: Runtime[Any]
    ) -> Update | None:
        """End with the best answer where another middleware or a tool has ended the agent."""
        return self.after_agent(state, runtime)

    def _model_call(
        self, request: ModelRequest[Any]
    ) -> Generator[ModelRequest[Any], ModelResponse[Any], Response]:
        """Time a model call where a budget limits time; keep its error where there is an answer.

        The hook that follows ends the turn with the best answer.
        """
        budget = self._per_run.now().budget or {}  # refuses bad settings before anything is paid
        response, began = None, monotonic()
        try:
            response = yield request
            answered = checked_response(response)
        except GraphBubbleUp:
            raise
        except Exception as error:
            _, turn = under_way(request.state)
            if not turn["attempts"]:
                raise
            turn = _with_error(turn, error, "model")
            cost = UNKNOWN_CALL if response is None else usage_of(response.result[-1])
            turn["usage"] = add_usage_for(turn["usage"], action_of(turn), cost)
            answered = ModelResponse(result=[])
        else:
            if "seconds" not in budget:
                return answered
            _, turn = under_way(request.state)
            turn = with_seconds(turn, action_of(turn), monotonic() - began)
        return ExtendedModelResponse(answered, Command(update={"markovscale": turn}))

    def _verification(self, state: MarkovScaleAgentState) -> Steps[Update | None]:
        """Return the update that follows a model's reply."""
        pending = self._pending(state)
        if not isinstance(pending, _Pending):
            return pending
        config, meter = self._call_config(pending)
        began = monotonic()
        try:
            returned = yield Call(self._verifier, pending.request, config)
            return self._verified(pending, returned, meter, monotonic() - began)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._failed(pending, error, meter)

    def _pending(self, state: MarkovScaleAgentState) -> _Pending | Update | None:
        """Return what is to be verified, or the update where there is nothing to verify."""
        since, turn = under_way(state)
        if turn["error"] is not None:
            return self._end_turn(with_model_usage(turn, since), since)
        trail = final_answer(since.messages, state.get("structured_response"), turn)
        if trail is None:
            return None
        counted = with_model_usage(turn, since)
        try:
            attempt = self._attempt(turn, trail)
        except Exception as error:
            if not turn["attempts"]:
                raise
            return self._end_turn(_with_error(counted, error, "answer's key"), since)
        turn = {
            **counted,
            "attempts": [*turn["attempts"], attempt],
            "trails": [*turn["trails"], trail],
        }
        request: VerifierInput = {
            "question": turn["run"]["question"],
            "answer": attempt["text"],
            "key": attempt["key"],
        }
        if (exceeded := self._over_budget(turn, "verify")) is not None:
            return self._end_turn({**turn, "error": exceeded}, since, "budget")
        if results := [str(m.text) for m in trail["steps"] if m.type == "tool"]:
            request["context"] = {"tools": results}
        return _Pending(turn, since, request)

    def _attempt(self, turn: Turn, trail: Trail) -> Attempt:
        text, decision = text_of_answer(trail), turn["decision"]
        cost = usage_of(trail["answer"][0])
        return new_attempt(
            text,
            key=None if self._answer_key is None else self._answer_key(text),
            parent=decision["parent"] if decision else None,
            tokens=None if cost["unknown"] else cost["output_tokens"],
        )

    def _call_config(self, pending: _Pending) -> tuple[RunnableConfig, Meter | None]:
        """Return the verifier's config, whose output is kept out of the stream, and its meter."""
        attempts = pending.turn["attempts"]
        index, action = len(attempts) - 1, attempts[-1]["action"]
        config = labelled(ensure_config(), "verify", index, action)
        if isinstance(self._verifier, Verifier):
            return config, None  # it reports its usage
        meter = Meter()
        return meter.metered_config(config), meter

    def _verified(
        self, pending: _Pending, returned: object, meter: Meter | None, seconds: float
    ) -> Update:
        turn = with_seconds(pending.turn, "verify", seconds)
        verdict = verdict_in(returned, self._verifier)
        latest: Attempt = {
            **turn["attempts"][-1],
            "score": verdict["score"],
            "feedback": verdict["feedback"],
        }
        attempts = [*turn["attempts"][:-1], latest]
        cost = None
        if not isinstance(self._verifier, NoVerifier):
            cost = (meter and meter.usage) or verdict["usage"] or UNKNOWN_CALL
        turn = {**turn, "attempts": attempts, "usage": add_usage_for(turn["usage"], "verify", cost)}
        question = turn["run"]["question"]
        index = len(attempts) - 1
        emit({"type": "attempt", "index": index, "attempt": latest, "question": question})
        decision = self._per_run.now().criterion.decide(attempts)
        if decision["action"] != "stop":
            exceeded = self._over_budget(turn, decision["action"])
            if exceeded is not None:
                return self._end_turn({**turn, "error": exceeded}, pending.since, "budget")
        return self._decided(turn, pending.since, decision)

    def _over_budget(self, turn: Turn, purpose: Purpose) -> str | None:
        """Return why the budget does not allow the next call, and emit the event."""
        budget = self._per_run.now().budget
        if budget is None:
            return None
        usage, seconds = turn["usage"], turn.get("seconds", {})
        free = self._free and purpose == "verify"
        exceeded = why_over_budget(budget, purpose, turn["attempts"], usage, seconds, free=free)
        if exceeded is not None:
            logger.info("The call to %s was skipped. %s", purpose, exceeded)
            question = turn["run"]["question"]
            emit({"type": "budget", "node": purpose, "error": exceeded, "question": question})
        return exceeded

    def _failed(self, pending: _Pending, error: Exception, meter: Meter | None) -> Update:
        cost = (meter and meter.usage) or UNKNOWN_CALL
        turn = _with_error(pending.turn, error, "verifier")
        turn["usage"] = add_usage_for(turn["usage"], "verify", cost)
        return self._end_turn(turn, pending.since)

    def _end_turn(self, turn: Turn, since: Since, reason: Reason = "error") -> Update:
        criterion = self._per_run.now().criterion
        return self._decided(turn, since, stop_decision(criterion, turn["attempts"], reason))

    def _decided(self, turn: Turn, since: Since, decision: Decision) -> Update:
        emit({"type": "decision", "decision": decision, "question": turn["run"]["question"]})
        turn = {**turn, "decision": decision, "critique_id": None}
        if decision["action"] == "stop":
            wanted, structured = best_answer(turn, decision)
            update: Update = {"messages": rewritten(since.messages, wanted)}
            if structured is not None:
                update["structured_response"] = structured
            # The drafts are not needed any more, and a thread should not keep them.
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


def _with_error(turn: Turn, error: Exception, source: str) -> Turn:
    """Log and emit an error that does not rise, and return the turn with it."""
    logger.warning(
        "The %s failed; the answer is the best of %d attempts.",
        source,
        len(turn["attempts"]),
        exc_info=error,
    )
    text, question = f"{type(error).__name__}: {error}", turn["run"]["question"]
    emit({"type": "error", "node": source, "error": text, "try": 1, "question": question})
    return {**turn, "error": text}
