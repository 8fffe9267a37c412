"""The loop inside an agent: its final answers are verified, and revised while that pays.

The agent itself is unchanged: the same model node writes drafts and revisions, with the same tools
and the same other middleware. The middleware only edits the conversation, and cleans it up at the
end of the turn.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple, Unpack

from langchain.agents.middleware import (
    AgentMiddleware,
    ModelRequest,
    ModelResponse,
    hook_config,
)
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from langchain_markovscale._meter import Meter
from langchain_markovscale._text import logger_of, valid
from langchain_markovscale.agents.limits import Limits
from langchain_markovscale.agents.model_calls import Response, accounted, reported
from langchain_markovscale.agents.side_effects import check_restorable, snapshot, warn_of_channels
from langchain_markovscale.agents.transcript import (
    final_answer,
    has_answer,
    reading,
    reply_index,
    seen_by_model,
)
from langchain_markovscale.agents.turn import (
    MarkovScaleAgentState,
    Turn,
    is_asked_again,
    last_turn,
    new_calls,
    new_turn,
    under_way,
    with_cost,
)
from langchain_markovscale.agents.updates import (
    Now,
    continuing,
    is_out_of_steps,
    stopping,
    with_answer_last,
)
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.graph.budget import Budget
from langchain_markovscale.graph.conversation import stop_decision
from langchain_markovscale.graph.metering import UNKNOWN_CALL, with_verdict
from langchain_markovscale.graph.named_parts import named_parts
from langchain_markovscale.graph.nodes import VerifierLike
from langchain_markovscale.graph.prompts import Prompts, prompts_or_default
from langchain_markovscale.graph.settings import PerRun, RuleOptions, rule_of_loop
from langchain_markovscale.graph.steps import Call, Steps, arun_steps, run_steps
from langchain_markovscale.graph.telemetry import attempt_event, emit, labelled, warn_at_end
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.types import Decision, Reason, VerifierInput
from langchain_markovscale.verifiers.base import (
    NoVerifier,
    Verifier,
    judged,
    verdict_in,
    verifier_for,
)
from langchain_markovscale.verifiers.function import as_verifier

logger = logger_of(__name__)

Update = dict[str, Any]


class _Pending(NamedTuple):
    """A final answer that is to be verified."""

    now: Now
    request: VerifierInput


class MarkovScaleMiddleware(AgentMiddleware[MarkovScaleAgentState, Any, Any]):
    """Verifies an agent's final answers, and has them revised while that is worth the cost.

    After an answer without open tool calls the criterion decides: to revise (the agent continues,
    with the critique), to draw afresh (it starts again from the question), or to stop. At the end
    the conversation holds the question, the tool calls that led to the best answer, and that
    answer, whose `response_metadata["markovscale"]` has the number of attempts, the belief, the
    reason and the usage. With a response format only structured responses are answers: they are
    verified, as JSON, and that of the best attempt is returned.

    An agent with tools only revises, unless `actions` says otherwise: a fresh draw would call the
    tools again, and what they did the first time (a mail that was sent) would be done twice, with
    no trace of it in the conversation. Without tools an answer is drawn afresh as well.

    What tools write into the agent's state (files, todos) is set back to what it was after the best
    attempt where `restore` names the channel. Nothing else that tools do can be undone.

    Each call of the agent is a turn of its own, also on a thread. The user's question, the settings
    and the usage are pinned when it begins, and kept when it is resumed: whatever other middleware
    does to the messages, the verifier is asked what the user wrote (also where another redacts it:
    keep a judge that must not see that on your own machines), and the limits hold. A turn
    that has stopped stays stopped: who asks for another reply then gets the same answer, without a
    call. Put this middleware first in `middleware=[…]`: then it sees the user's messages before the
    others change them, and an answer as they have changed it.

    A stream of messages shows drafts as the agent writes them, and the best answer last;
    `stream_mode="custom"` shows an event for each attempt and decision.

    `context={"cost_per_round": …, "max_rounds": …, "budget": …}` sets these for one run, see
    `MarkovScaleContext`.

    Nothing paid for is lost: if the verifier fails, or the model after a first answer (an empty
    reply is a failure, and so is one that lacks the response format), the turn ends with the best
    answer so far and the reason `"error"`; if another middleware, a tool or the recursion limit
    ends the agent before that, with the reason `"interrupted"`. To have errors retried first, give
    `verifier.with_retry()` and, for the model, `ModelRetryMiddleware(on_failure="error")`; its
    default, `"continue"`, makes an answer of the error. Errors before the first answer rise, and so
    do those of tools. A turn that is interrupted and never resumed leaves its last draft and
    critique in the conversation.

    Example::

        agent = create_agent(
            model, tools, middleware=[MarkovScaleMiddleware(verifier=JudgeVerifier(model))]
        )

    Args:
        verifier: The verify-proxy, as for `create_markovscale_graph`. What the tools returned is
            given to it as `context`; `messages` is the conversation up to the question, with the
            system prompt that the model was sent, and the tool calls that led to the answer.
        criterion: Decides, in place of one that is made from `rule`.
        budget: The most that a question may use, in tokens, money, time or rounds, see `Budget`.
            Where the next call would go beyond it, the turn ends with the best answer so far and
            the reason `"budget"`. Its `seconds` are those of the model and the verifier; what
            tools take does not count.
        answer_key: Makes the key of an answer: a function of its text, or a name.
        prompts: The prompts that ask for a revision; `system` and `trim` are not used, because
            the agent has its own.
        restore: Channels of the agent's state that belong to an answer, such as `("files",
            "todos")`. None, the default, restores nothing, and warns once where tools could write
            any; `()` restores nothing without a warning.
        **rule: How to decide: `calibration`, `variant` (all but `"map"`), `cost_per_round`,
            `max_rounds`, `actions`, `choices`, `delivery` and `exact_verifier`, described by
            `help(langchain_markovscale.RuleOptions)`; `actions` is `("revise",)` by default where
            the agent has tools.

    Raises:
        ValueError: If there is neither a verifier nor a key, or a number is out of range; when the
            agent is called, if `restore` names a channel that cannot be set back.
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
        restore: Sequence[str] | None = None,
        **rule: Unpack[RuleOptions],
    ) -> None:
        by_default = criterion is None and rule.get("actions") is None
        criterion, self._answer_key, self._measured = rule_of_loop(
            MarkovScaleMiddleware, verifier, answer_key, criterion, rule
        )
        if criterion.variant == "map":
            raise ValueError(
                "variant='map' needs a predictor, which an agent's middleware does not take: "
                "give 'mixture', 'gate' or 'training_free'."
            )
        if (at_once := criterion.waiting.draws_at_once) != 1:
            raise ValueError(
                f"draws_at_once={at_once!r} is not for an agent, which makes one attempt at a time "
                "in one conversation: with_markovscale(agent, draws_at_once=…) calls several."
            )
        super().__init__()
        self.tools = ()
        self._verifier = as_verifier(verifier) or NoVerifier()
        free = isinstance(self._verifier, Verifier) and not self._verifier.asks_model
        self._per_run = with_tools = PerRun(criterion, budget)
        if by_default:  # a fresh draw would repeat what tools did
            with_tools = PerRun(criterion.replace(actions=("revise",)), budget)
        self._limits = Limits(self._per_run, with_tools, free=free)
        self._prompts = prompts_or_default(prompts)
        if isinstance(restore, str):
            restore = (restore,)
        self._restore = tuple(restore or ())
        self._unwarned = criterion.max_rounds > 1
        self._restores_by_choice = restore is not None

    def before_agent(self, state: MarkovScaleAgentState, runtime: Runtime[Any]) -> Update | None:
        """Pin the question, the settings and the accounts of the turn that begins."""
        check_restorable(self._restore)
        settings = self._per_run.given()
        last = last_turn(state)
        if last is not None and is_asked_again(last, state["messages"]):
            turn, calls = under_way(state)
            turn = {**turn, "settings": {**turn["settings"], **settings}}
            return {"markovscale": turn, "markovscale_calls": calls}
        turn = new_turn(state["messages"], last, settings, snapshot(state, self._restore))
        turn["steps_left"] = state.get("remaining_steps")
        return {"markovscale": turn, "markovscale_calls": new_calls()}

    async def abefore_agent(
        self, state: MarkovScaleAgentState, runtime: Runtime[Any]
    ) -> Update | None:
        """Pin the question, the settings and the accounts of the turn that begins."""
        return self.before_agent(state, runtime)

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
        now = Now.of(state)
        if (final := now.turn["final"]) is not None:
            return None if has_answer(now.transcript, final) else with_answer_last(now, final)
        if not now.turn["attempts"]:
            return None
        text = "The agent was ended before its next answer could be verified."
        since = now.transcript.since
        if since and since[-1].type == "ai":
            text += f" The last message is: {valid(since[-1].text)}"
        return self._interrupted(now, text)

    async def aafter_agent(
        self, state: MarkovScaleAgentState, runtime: Runtime[Any]
    ) -> Update | None:
        """End with the best answer where another middleware or a tool has ended the agent."""
        return self.after_agent(state, runtime)

    def _model_call(
        self, request: ModelRequest[Any]
    ) -> Generator[ModelRequest[Any], ModelResponse[Any], Response]:
        if self._unwarned and request.tools:
            self._unwarned = False
            warn_of_channels(self._restore if self._restores_by_choice else None)
        parts = (request.model, request.model, self._verifier, self._answer_key)
        self._measured.compare(lambda: named_parts(*parts))
        return accounted(request, self._limits)

    def _verification(self, state: Mapping[str, Any]) -> Steps[Update | None]:
        """Return the update that follows a model's reply."""
        pending = yield from self._pending(Now.of(state))
        if not isinstance(pending, _Pending):
            return pending
        config, meter = self._call_config(pending)
        began = monotonic()
        try:
            verifier = verifier_for(pending.now.turn["attempts"][-1], self._verifier)
            returned = yield Call(verifier, pending.request, config)
            return self._verified(pending.now, returned, meter, monotonic() - began)
        except GraphBubbleUp:
            raise
        except Exception as error:
            now, cost = pending.now, (meter and meter.usage) or UNKNOWN_CALL
            now = now._replace(calls=with_cost(now.calls, "verify", cost, monotonic() - began))
            return self._end_turn(now.with_error(reported(now.turn, error, "verifier")), "error")

    def _pending(self, now: Now) -> Steps[_Pending | Update | None]:
        """Return what is to be verified, or the update where there is nothing to verify."""
        state, turn, calls, transcript = now
        if (final := turn["final"]) is not None:
            return with_answer_last(now, final)
        if calls["error"] is not None:
            return self._end_turn(now, "budget" if calls["over_budget"] else "error")
        if self._limits.forbid(turn, calls) and calls["reply"] is None:
            criterion = self._limits.settings(turn, calls).criterion
            return self._decided(now, criterion.decide(turn["attempts"]))
        structured = state.get("structured_response") if calls["formatted"] is not None else None
        trail = final_answer(transcript, turn, calls, structured)
        if trail is None:
            if turn["attempts"] and reply_index(transcript, turn, calls) is None:
                return self._interrupted(now, "Another middleware has removed the model's reply.")
            return None
        trail["channels"] = snapshot(state, self._restore)
        try:
            attempt, trail = yield from reading(turn, trail, self._answer_key)
        except Exception as error:
            if not turn["attempts"]:
                raise
            return self._end_turn(now.with_error(reported(turn, error, "answer's key")), "error")
        turn = {
            **turn,
            "attempts": [*turn["attempts"], attempt],
            "trails": [*turn["trails"], trail],
        }
        now = now._replace(turn=turn)
        request: VerifierInput = {
            "question": turn["run"]["question"],
            "answer": attempt["text"],
            "key": attempt["key"],
            "messages": seen_by_model(transcript, turn, trail, state.get("markovscale_system")),
        }
        if (exceeded := self._limits.exceeded(turn, calls, "verify")) is not None:
            return self._end_turn(now.with_error(exceeded, over_budget=True), "budget")
        if results := [valid(m.text) for m in trail["steps"] if m.type == "tool"]:
            request["context"] = {"tools": results}
        return _Pending(now, request)

    def _call_config(self, pending: _Pending) -> tuple[RunnableConfig, Meter | None]:
        """Return the verifier's config, whose output is kept out of the stream, and its meter."""
        attempts = pending.now.turn["attempts"]
        index, action = len(attempts) - 1, attempts[-1]["action"]
        config = labelled(ensure_config(), "verify", index, action)
        if isinstance(self._verifier, Verifier):
            return config, None  # it reports its usage
        meter = Meter()
        return meter.metered_config(config), meter

    def _verified(self, now: Now, returned: object, meter: Meter | None, seconds: float) -> Update:
        verdict = verdict_in(returned, self._verifier)
        self._measured.note(verdict, self._verifier)
        latest = judged(now.turn["attempts"][-1], verdict)
        attempts = [*now.turn["attempts"][:-1], latest]
        cost = None
        if not isinstance(self._verifier, NoVerifier):
            cost = (meter and meter.usage) or verdict["usage"] or UNKNOWN_CALL
            cost = with_verdict(cost, verdict)
        turn: Turn = {**now.turn, "attempts": attempts}
        calls = with_cost(now.calls, "verify", cost, seconds)
        decision = self._limits.settings(turn, calls).criterion.decide(attempts)
        question, index = turn["run"]["question"], len(attempts) - 1
        emit(attempt_event(index, latest, verdict, question))
        now = now._replace(turn=turn, calls=calls)
        if decision["action"] != "stop":
            exceeded = self._limits.exceeded(turn, calls, decision["action"])
            if exceeded is not None:
                return self._end_turn(now.with_error(exceeded, over_budget=True), "budget")
            if is_out_of_steps(now):
                return self._interrupted(now, "The recursion_limit allows no further attempt.")
        return self._decided(now, decision)

    def _interrupted(self, now: Now, text: str) -> Update:
        turn = now.turn
        logger.warning("%s The answer is the best of the %d before.", text, len(turn["attempts"]))
        question = turn["run"]["question"]
        emit({"type": "error", "node": "agent", "error": text, "try": 1, "question": question})
        return self._end_turn(now.with_error(text), "interrupted")

    def _end_turn(self, now: Now, reason: Reason) -> Update:
        turn = now.turn
        criterion = self._limits.settings(turn, now.calls).criterion
        decision = stop_decision(criterion, turn["attempts"], reason, last=turn["decision"])
        return self._decided(now, decision)

    def _decided(self, now: Now, decision: Decision) -> Update:
        question = now.turn["run"]["question"]
        emit({"type": "decision", "decision": decision, "question": question})
        if decision["action"] == "stop":
            settings = self._limits.settings(now.turn, now.calls)
            warn_at_end(decision, now.calls["usage"], settings.budget)
            return stopping(now, decision, self._restore)
        revises = decision["action"] == "revise"
        critique = self._critique(now.turn, decision) if revises else None
        return continuing(now, decision, critique, self._restore)

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
