"""The three nodes of the loop: draw an answer, verify the latest one, revise the best one."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AnyMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_markovscale._models import uncached
from langchain_markovscale._text import logger_of
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import read_key
from langchain_markovscale.graph.cache import CHAIN_INPUT, AnswerCache
from langchain_markovscale.graph.chain_input import explained
from langchain_markovscale.graph.chain_output import context_of
from langchain_markovscale.graph.class_weights import (
    CLASS_WEIGHTS_KEY,
    plain_weights,
    weights_in,
)
from langchain_markovscale.graph.conversation import conversation_of, final_update, open_question
from langchain_markovscale.graph.metering import (
    UNKNOWN_CALL,
    UsageByPurpose,
    unless_repeated,
    with_verdict,
)
from langchain_markovscale.graph.paid_call import LoopNode, Safety
from langchain_markovscale.graph.settings import PerRun, loop_measured_by
from langchain_markovscale.graph.state import Run
from langchain_markovscale.graph.steps import Call, Steps, joining, without_blocking
from langchain_markovscale.graph.telemetry import attempt_event, emit, warn_at_end
from langchain_markovscale.graph.work import (
    Update,
    Work,
    attempts_in,
    covers,
    mean_seconds,
    with_value,
)
from langchain_markovscale.graph.writers import Draft, Writer, read_reply, typed_in, usage_in
from langchain_markovscale.types import (
    Action,
    Attempt,
    AttemptEvent,
    Decision,
    Usage,
    Verdict,
    new_attempt,
    tokens_written,
)
from langchain_markovscale.verifiers.base import (
    NoVerifier,
    Verifier,
    judged,
    quiet,
    verdict_in,
    verifier_for,
)
from langchain_markovscale.verifiers.function import as_verifier

logger = logger_of(__name__)

VerifierLike = Runnable[Any, Any] | Callable[..., Any]
"""A verifier, any Runnable with the same input and output, or a function."""


class WritingNode(LoopNode):
    """A node whose call writes an answer."""

    def __init__(
        self,
        action: Action,
        writer: Writer,
        answer_key: AnswerKey | None,
        safety: Safety | None = None,
        timeout: float | timedelta | None = None,
        answers: AnswerCache | None = None,
    ) -> None:
        metered = not isinstance(writer.runnable, BaseChatModel)
        super().__init__(
            action, action, metered=metered, safety=safety, timeout=timeout, answers=answers
        )
        self._writer = writer
        self._answer_key = answer_key

    def _read(self, output: Any) -> Draft:
        reply = read_reply(output, whole=self._writer.whole)
        key, metadata = read_key(reply.answered, self._answer_key)
        return Draft(reply.text, key, reply.context, reply.message, metadata, reply.object)

    def _reading(self, output: Any, config: RunnableConfig) -> Steps[Draft]:
        return without_blocking(self._read, output, self._answer_key, config)

    def _from_cache(self, value: Any) -> Draft:
        return Draft(**value)

    def _for_cache(self, result: Draft) -> Any:
        return result._asdict()

    def _among_earlier(self, work: Work, result: Draft, config: RunnableConfig) -> Steps[Draft]:
        key = yield from joining(result.key, self._answer_key, work.attempts, config)
        return result._replace(key=key)

    def _explained(self, work: Work, error: Exception, config: RunnableConfig) -> Exception:
        has_own_input = CHAIN_INPUT in (config.get("configurable") or {})
        return error if has_own_input else explained(error, work.call_input(), self.name)

    def _cost(self, output: Any, result: Draft | None) -> Usage:
        return usage_in(output)

    def _update(
        self, work: Work, result: Draft, cost: Usage | None, usage: UsageByPurpose
    ) -> Update:
        attempt = new_attempt(
            result.text,
            key=result.key,
            parent=work.parent,
            tokens=tokens_written(cost),
            metadata=result.metadata,
        )
        revised = None if work.parent is None else work.attempts[work.parent]
        if (typed := typed_in(result, revised)) is not None:
            attempt["answer_object"] = typed
        attempt = unless_repeated(attempt, cost, work.attempts)
        update: Update = {"attempts": [*work.attempts, attempt]}
        if result.context is not None and work.parent is None:
            update["contexts"] = with_value(work.contexts, len(work.attempts), result.context)
        if result.message is not None:
            update["replies"] = with_value(work.replies, len(work.attempts), result.message)
        return update


class GenerateNode(WritingNode):
    """Makes a fresh draw; the first of a question clears what the last question left in the state.

    With a predictor, it predicts the question's class weights before the first draw is paid for.
    """

    def __init__(
        self,
        writer: Writer,
        answer_key: AnswerKey | None,
        safety: Safety | None = None,
        timeout: float | timedelta | None = None,
        predictor: Runnable[Any, Any] | None = None,
        answers: AnswerCache | None = None,
    ) -> None:
        super().__init__("generate", writer, answer_key, safety, timeout, answers)
        self._predictor = predictor

    def _steps(self, values: Mapping[str, Any], config: RunnableConfig) -> Steps[Update]:
        question = self._unweighed(values)
        if self._predictor is None or question is None:
            return (yield from super()._steps(values, config))
        weights = plain_weights((yield Call(self._predictor, question, quiet(config))))
        if self._safety is not None:
            self._safety.per_run.own.belief.prior(weights)  # raises before anything is paid for
        values = {**values, CLASS_WEIGHTS_KEY: weights}
        return {
            CLASS_WEIGHTS_KEY: weights,
            **(yield from super()._steps(values, config)),
        }

    def _unweighed(self, values: Mapping[str, Any]) -> str | None:
        """Return the question, if its class weights have still to be predicted."""
        if self._predictor is None:
            return None
        opening = open_question(values)
        predicted = not opening.new and values.get(CLASS_WEIGHTS_KEY) is not None
        return None if predicted else opening.run["question"]

    def _prepare(self, values: Mapping[str, Any]) -> Work | None:
        opening = open_question(values)
        attempts = [] if opening.new else list(values.get("attempts") or ())
        if attempts and self._safety is not None and not self._needs_draw(values, attempts):
            return None  # the run was interrupted here, and its next step is not a draw
        update: Update = {}
        if opening.new:
            update = {"run": opening.run, "error": None}
            outcome = ("decision", "answer", "answer_object")
            update |= {key: None for key in outcome if values.get(key)}
            update |= {key: [] for key in ("contexts", "replies") if values.get(key)}
            if values.get("seconds"):
                update["seconds"] = {}
            if values.get("round_trips"):
                update["round_trips"] = 0
        if opening.added is not None:
            # A dictionary, because stream_mode="messages" shows the messages that a node writes,
            # and the user's question is no part of the answer.
            message = {"role": "user", "content": opening.added.text, "id": opening.added.id}
            update["messages"] = [message]
        weights = values.get(CLASS_WEIGHTS_KEY)  # with a predictor they are those of this question
        if opening.new and self._predictor is None:
            weights = None
        request = {"question": opening.run["question"], "messages": opening.conversation}
        return Work(
            uncached(self._writer.runnable),
            request,
            opening.run,
            attempts,
            usage={} if opening.new else values.get("usage") or {},
            contexts=() if opening.new else values.get("contexts") or (),
            replies=() if opening.new else values.get("replies") or (),
            update=update,
            class_weights=weights,
            seconds={} if opening.new else values.get("seconds") or {},
            prompt=self._writer.prompt,
            last=None if opening.new else values.get("decision"),
        )

    def _needs_draw(self, values: Mapping[str, Any], attempts: list[Attempt]) -> bool:
        decision: Decision | None = values.get("decision")
        if self.scheduled:
            return True
        if decision is None or not covers(decision, attempts):
            return False
        return decision["action"] == "generate" and _is_allowed(decision, self._safety)


class ReviseNode(WritingNode):
    """Revises the attempt that the decision names, or the latest where there is no decision."""

    def _prepare(self, values: Mapping[str, Any]) -> Work:
        attempts = attempts_in(values, self.name)
        opening = open_question(values)
        decision: Decision | None = values.get("decision")
        parent = len(attempts) - 1
        if decision is not None and decision["parent"] is not None:
            parent = decision["parent"]
        request = {
            "question": opening.run["question"],
            "messages": opening.conversation,
            "answer": attempts[parent]["text"],
            "feedback": attempts[parent].get("feedback"),
            "attempts": attempts,
        } | _context_of(parent, attempts, values)
        return Work(
            uncached(self._writer.runnable),
            request,
            opening.run,
            attempts,
            usage=values.get("usage") or {},
            parent=parent,
            replies=values.get("replies") or (),
            class_weights=values.get(CLASS_WEIGHTS_KEY),
            seconds=values.get("seconds") or {},
            prompt=self._writer.prompt,
            last=decision,
        )


class VerifyProxyNode(LoopNode):
    """Scores the latest attempt and, given a criterion, decides what to do next.

    Where the decision is to stop, it writes the best attempt as the answer. The verifier is given
    the conversation `as_seen` by the model that writes; nothing of it is kept a second time.
    """

    # One to write and one to verify; at the third LangGraph sees that nothing is left to do.
    _steps_of_a_round = 3

    def __init__(
        self,
        verifier: VerifierLike | None,
        per_run: PerRun | None,
        safety: Safety | None = None,
        timeout: float | timedelta | None = None,
        as_seen: Callable[[list[AnyMessage]], list[AnyMessage]] | None = None,
    ) -> None:
        self._verifier = as_verifier(verifier) or NoVerifier()
        super().__init__(
            "verify_proxy",
            "verify",
            metered=not isinstance(self._verifier, Verifier),  # which reports its usage
            free=isinstance(self._verifier, Verifier) and not self._verifier.asks_model,
            safety=safety,
            timeout=timeout,
        )
        self._per_run = per_run
        self._as_seen = as_seen
        self._measured = None if per_run is None else loop_measured_by(per_run.own)

    def _steps(self, values: Mapping[str, Any], config: RunnableConfig) -> Steps[Update]:
        decision: Decision | None = values.get("decision")
        if decision is None or _is_allowed(decision, self._safety):
            return (yield from super()._steps(values, config))
        # It was kept by a graph whose actions were others: what was paid for is decided anew.
        work = self._work(values)
        if not covers(decision, work.attempts):
            return (yield from super()._steps(values, config))
        return self._decided(work, work.attempts, work.usage)

    def _prepare(self, values: Mapping[str, Any]) -> Work | None:
        attempts = attempts_in(values, self.name)
        if self._safety is not None and covers(values.get("decision"), attempts):
            return None  # already decided: a resumed run, or one that an error has ended
        return self._work(values)

    def _work(self, values: Mapping[str, Any]) -> Work:
        attempts = attempts_in(values, self.name)
        run: Run = values.get("run") or open_question(values).run
        latest = attempts[-1]
        messages = conversation_of(values, run)
        request = {
            "question": run["question"],
            "answer": latest["text"],
            "key": latest.get("key"),
            **({"answer_object": latest["answer_object"]} if "answer_object" in latest else {}),
            "messages": messages if self._as_seen is None else self._as_seen(messages),
        } | _context_of(len(attempts) - 1, attempts, values)
        return Work(
            verifier_for(latest, self._verifier),
            request,
            run,
            attempts,
            usage=values.get("usage") or {},
            replies=values.get("replies") or (),
            class_weights=weights_in(values, None if self._per_run is None else self._per_run.own),
            seconds=values.get("seconds") or {},
            last=values.get("decision"),
            remaining_steps=values.get("remaining_steps"),
            round_trips=values.get("round_trips") or 0,
        )

    def _read(self, output: Any) -> Verdict:
        verdict = verdict_in(output, self._verifier)
        if self._measured is not None:
            self._measured.note(verdict, self._verifier)
        return verdict

    def _cost(self, output: Any, result: Verdict | None) -> Usage | None:
        if isinstance(self._verifier, NoVerifier):
            return None
        return (result and result["usage"]) or UNKNOWN_CALL

    def _counted(self, cost: Usage | None, result: Verdict) -> Usage | None:
        return with_verdict(cost, result)

    def _update(
        self, work: Work, result: Verdict, cost: Usage | None, usage: UsageByPurpose
    ) -> Update:
        index = len(work.attempts) - 1
        attempt = judged(work.attempts[index], result)
        attempts = [*work.attempts[:index], attempt]
        event = attempt_event(index, attempt, result, work.run["question"])
        if self._per_run is None or self.scheduled:
            emit(event)
            return {"attempts": attempts}
        return self._decided(work, attempts, usage, event)

    def _decided(
        self,
        work: Work,
        attempts: list[Attempt],
        usage: UsageByPurpose,
        *events: AttemptEvent,
    ) -> Update:
        """Return what a decision about the attempts adds to the state, and emit its events."""
        per_run = self._per_run
        if per_run is None:
            return {}
        settings = per_run.now()
        update: Update = {"attempts": attempts, **self._round_trip(work, settings)}
        waited = mean_seconds(update)
        decision = settings.criterion.decide(attempts, work.class_weights, **waited)
        left = work.remaining_steps
        if decision["action"] != "stop" and left is not None and left < self._steps_of_a_round:
            decision = {**decision, "action": "stop", "parent": None, "reason": "interrupted"}
            update["error"] = (
                "The recursion limit leaves no steps for another attempt: give the run, or the "
                "graph that this one is a part of, a higher recursion_limit."
            )
            logger.warning(
                "%s The answer is the best of %d attempts.", update["error"], len(attempts)
            )
        emit(
            *events,
            {"type": "decision", "decision": decision, "question": work.run["question"]},
        )
        if decision["action"] == "stop":
            warn_at_end(decision, usage, settings.budget)
            return {**update, **final_update(work.run, attempts, decision, usage, work.replies)}
        return {**update, "decision": decision}


def _is_allowed(decision: Decision, safety: Safety | None) -> bool:
    """Return whether the graph can still follow a decision that an earlier process has made."""
    return safety is None or decision["action"] in ("stop", *safety.per_run.own.actions)


def _context_of(index: int, attempts: list[Attempt], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a request that is what came beside the draw of an attempt."""
    context = context_of(index, attempts, values.get("contexts") or ())
    return {} if context is None else {"context": context}
