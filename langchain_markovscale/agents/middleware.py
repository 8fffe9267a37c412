"""The loop inside an agent: its final answers are verified, and revised while that pays.

The agent stays whole: the same model node writes drafts and revisions, with the same tools and the
same other middleware. Only the conversation is arranged for it, and put in order at the end.
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
    final_answer,
    rewritten,
    since_question,
    text_of_answer,
    turn_of,
    under_way,
    with_bill,
    with_seconds,
    with_text,
    written_by_model,
)
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.graph.budget import Budget, shortfall
from langchain_markovscale.graph.conversation import stopped
from langchain_markovscale.graph.metering import UNKNOWN_CALL, Meter, booked
from langchain_markovscale.graph.nodes import VerifierLike
from langchain_markovscale.graph.prompts import Prompts, prompts_or_default
from langchain_markovscale.graph.settings import PerRun, RuleOptions, rule_of_loop
from langchain_markovscale.graph.steps import Call, Steps, acompleted, completed
from langchain_markovscale.graph.telemetry import labelled, tell
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

    `context={"cost_per_round": …, "max_rounds": …, "budget": …}` sets these for one run, see
    `MarkovScaleContext`.

    Nothing paid for is lost: if the verifier fails, or the model after a first answer (an empty
    reply is a failure), the turn ends with the best answer so far and the reason `"error"`; if
    another middleware or a tool ends the agent before that, with the reason `"interrupted"`. Give
    `verifier.with_retry()` and, for the model, `ModelRetryMiddleware(on_failure="error")` to have
    them asked again before; its default, `"continue"`, makes an answer of the error. Errors before
    the first answer rise, and so do those of tools. A turn that is broken off and never resumed
    leaves its last draft and critique in the conversation.

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
        prompts: The words that ask for a revision; `system` is the agent's own affair.
        **rule: How to decide: `calibration`, `variant` (all but `"map"`), `cost_per_round`,
            `max_rounds`, `actions` and `choices`, described by
            `help(langchain_markovscale.RuleOptions)`.

    Raises:
        ValueError: If there is neither a verifier nor a key, or a number leaves its range.
        TypeError: If the verifier or the calibration is of another type, or there is no such
            option.
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
        return completed(self._model_call(request), handler)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> Response:
        """Call the model; where it fails after a first answer, end with the best one."""
        return await acompleted(self._model_call(request), handler)

    @hook_config(can_jump_to=["model"])
    def after_model(self, state: MarkovScaleAgentState, runtime: Runtime[Any]) -> Update | None:
        """Verify a final answer and decide; do nothing between tool calls."""
        return completed(self._verification(state), Call.made)

    @hook_config(can_jump_to=["model"])
    async def aafter_model(
        self, state: MarkovScaleAgentState, runtime: Runtime[Any]
    ) -> Update | None:
        """Verify a final answer and decide; do nothing between tool calls."""
        return await acompleted(self._verification(state), Call.amade)

    def after_agent(self, state: MarkovScaleAgentState, runtime: Runtime[Any]) -> Update | None:
        """End with the best answer where another middleware or a tool has ended the agent."""
        turn = state.get("markovscale")
        if turn is None or not turn["attempts"]:
            return None
        since = since_question(state["messages"], turn)
        if turn_of(since.question, turn) is not turn:
            return None  # the turn of an earlier question, which nobody has resumed
        text = "The agent was ended before its next answer could be verified."
        if since.messages and since.messages[-1].type == "ai":
            text += f" It was told: {since.messages[-1].text}"
        logger.warning("%s The answer is the best of the %d before.", text, len(turn["attempts"]))
        question = turn["run"]["question"]
        tell({"type": "error", "node": "agent", "error": text, "try": 1, "question": question})
        turn = {**with_bill(turn, written_by_model(since)), "error": text}
        return self._gave_up(turn, since, "interrupted")

    async def aafter_agent(
        self, state: MarkovScaleAgentState, runtime: Runtime[Any]
    ) -> Update | None:
        """End with the best answer where another middleware or a tool has ended the agent."""
        return self.after_agent(state, runtime)

    def _model_call(
        self, request: ModelRequest[Any]
    ) -> Generator[ModelRequest[Any], ModelResponse[Any], Response]:
        """Time a model call where a budget limits time; note its error where there is an answer.

        The hook that follows ends the turn with the best answer.
        """
        budget = self._per_run.now().budget or {}  # refuses bad settings before anything is paid
        response, began = None, monotonic()
        try:
            response = yield request
            answered = with_text(response)
        except GraphBubbleUp:
            raise
        except Exception as error:
            _, turn = under_way(request.state)
            if not turn["attempts"]:
                raise
            turn = _told_of(turn, error, "model")
            cost = UNKNOWN_CALL if response is None else usage_of(response.result[-1])
            turn["usage"] = booked(turn["usage"], action_of(turn), cost)
            answered = ModelResponse(result=[])
        else:
            if "seconds" not in budget:
                return answered
            _, turn = under_way(request.state)
            turn = with_seconds(turn, action_of(turn), monotonic() - began)
        return ExtendedModelResponse(answered, Command(update={"markovscale": turn}))

    def _verification(self, state: MarkovScaleAgentState) -> Steps[Update | None]:
        """Return the update that follows a model's reply."""
        due = self._due(state)
        if not isinstance(due, _Due):
            return due
        config, meter = self._listened(due)
        began = monotonic()
        try:
            returned = yield Call(self._verifier, due.request, config)
            return self._verified(due, returned, meter, monotonic() - began)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._failed(due, error, meter)

    def _due(self, state: MarkovScaleAgentState) -> _Due | Update | None:
        """Return what has to be verified, or the update where nothing has to."""
        since, turn = under_way(state)
        if turn["error"] is not None:
            return self._gave_up(with_bill(turn, since), since)
        trail = final_answer(since.messages, state.get("structured_response"), turn)
        if trail is None:
            return None
        paid = with_bill(turn, since)
        try:
            attempt = self._attempt(turn, trail)
        except Exception as error:
            if not turn["attempts"]:
                raise
            return self._gave_up(_told_of(paid, error, "answer's key"), since)
        turn = {
            **paid,
            "attempts": [*turn["attempts"], attempt],
            "trails": [*turn["trails"], trail],
        }
        request: VerifierInput = {
            "question": turn["run"]["question"],
            "answer": attempt["text"],
            "key": attempt["key"],
        }
        if (told := self._refusal(turn, "verify")) is not None:
            return self._gave_up({**turn, "error": told}, since, "budget")
        if results := [str(m.text) for m in trail["steps"] if m.type == "tool"]:
            request["context"] = {"tools": results}
        return _Due(turn, since, request)

    def _attempt(self, turn: Turn, trail: Trail) -> Attempt:
        text, decision = text_of_answer(trail), turn["decision"]
        cost = usage_of(trail["answer"][0])
        return new_attempt(
            text,
            key=None if self._answer_key is None else self._answer_key(text),
            parent=decision["parent"] if decision else None,
            tokens=None if cost["unknown"] else cost["output_tokens"],
        )

    def _listened(self, due: _Due) -> tuple[RunnableConfig, Meter | None]:
        """Return the verifier's config, whose words are no part of the stream, and its meter."""
        attempts = due.turn["attempts"]
        index, action = len(attempts) - 1, attempts[-1]["action"]
        config = labelled(ensure_config(), "verify", index, action)
        if isinstance(self._verifier, Verifier):
            return config, None  # it says what it has cost
        meter = Meter()
        return meter.listening(config), meter

    def _verified(self, due: _Due, returned: object, meter: Meter | None, seconds: float) -> Update:
        turn = with_seconds(due.turn, "verify", seconds)
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
        turn = {**turn, "attempts": attempts, "usage": booked(turn["usage"], "verify", cost)}
        question = turn["run"]["question"]
        index = len(attempts) - 1
        tell({"type": "attempt", "index": index, "attempt": latest, "question": question})
        decision = self._per_run.now().criterion.decide(attempts)
        if decision["action"] != "stop":
            told = self._refusal(turn, decision["action"])
            if told is not None:
                return self._gave_up({**turn, "error": told}, due.since, "budget")
        return self._decided(turn, due.since, decision)

    def _refusal(self, turn: Turn, purpose: Purpose) -> str | None:
        """Return why the budget does not allow the next call, and tell the stream."""
        budget = self._per_run.now().budget
        if budget is None:
            return None
        books, seconds = turn["usage"], turn.get("seconds", {})
        free = self._free and purpose == "verify"
        told = shortfall(budget, purpose, turn["attempts"], books, seconds, free=free)
        if told is not None:
            logger.info("No call to %s. %s", purpose, told)
            question = turn["run"]["question"]
            tell({"type": "budget", "node": purpose, "error": told, "question": question})
        return told

    def _failed(self, due: _Due, error: Exception, meter: Meter | None) -> Update:
        cost = (meter and meter.usage) or UNKNOWN_CALL
        turn = _told_of(due.turn, error, "verifier")
        turn["usage"] = booked(turn["usage"], "verify", cost)
        return self._gave_up(turn, due.since)

    def _gave_up(self, turn: Turn, since: Since, reason: Reason = "error") -> Update:
        criterion = self._per_run.now().criterion
        return self._decided(turn, since, stopped(criterion, turn["attempts"], reason))

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


def _told_of(turn: Turn, error: Exception, who: str) -> Turn:
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
