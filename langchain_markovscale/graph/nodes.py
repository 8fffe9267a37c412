"""The three nodes: draw an answer, verify the latest one, revise the best one.

Each also works alone in a user's own graph whose state has the keys that it reads; LangGraph drops
what it writes to keys that the state does not have.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.graph.class_weights import (
    CLASS_WEIGHTS_KEY,
    PredictorLike,
    as_predictor,
    plain_weights,
    weights_in,
)
from langchain_markovscale.graph.conversation import final_update, open_question
from langchain_markovscale.graph.metering import UNKNOWN_CALL, UsageByPurpose, with_unscored
from langchain_markovscale.graph.paid_call import LoopNode, Safety, Update, Work
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.graph.settings import PerRun
from langchain_markovscale.graph.state import Run
from langchain_markovscale.graph.steps import Call, Steps
from langchain_markovscale.graph.telemetry import emit, warn_without_evidence
from langchain_markovscale.graph.writers import (
    ChatLike,
    Writer,
    WriterLike,
    generator,
    read_reply,
    reviser,
    usage_in,
)
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.types import (
    Action,
    Attempt,
    AttemptEvent,
    Decision,
    Usage,
    Verdict,
    new_attempt,
)
from langchain_markovscale.verifiers.base import NoVerifier, Verifier, quiet, verdict_in
from langchain_markovscale.verifiers.function import as_verifier

VerifierLike = Runnable[Any, Any] | Callable[..., Any]
"""A verifier, any Runnable with the same input and output, or a function."""


class Draft(NamedTuple):
    """An answer that has just been written."""

    text: str
    key: str | None
    context: dict[str, Any] | None


class WritingNode(LoopNode):
    """A node whose call writes an answer."""

    def __init__(
        self,
        action: Action,
        writer: Writer,
        answer_key: AnswerKey | None,
        safety: Safety | None = None,
        timeout: float | None = None,
    ) -> None:
        metered = not isinstance(writer.runnable, BaseChatModel)
        super().__init__(action, action, metered=metered, safety=safety, timeout=timeout)
        self._writer = writer
        self._answer_key = answer_key

    def _read(self, output: Any) -> Draft:
        reply = read_reply(output)
        key = None if self._answer_key is None else self._answer_key(reply.text)
        return Draft(reply.text, key, reply.context)

    def _cost(self, output: Any, result: Draft | None) -> Usage:
        return usage_in(output)

    def _update(
        self, work: Work, result: Draft, cost: Usage | None, usage: UsageByPurpose
    ) -> Update:
        tokens = None if cost is None or cost["unknown"] else cost["output_tokens"]
        attempt = new_attempt(result.text, key=result.key, parent=work.parent, tokens=tokens)
        update: Update = {"attempts": [*work.attempts, attempt]}
        if result.context is not None and work.parent is None:
            missing = len(work.attempts) - len(work.contexts)
            update["contexts"] = [*work.contexts, *[None] * missing, result.context]
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
        timeout: float | None = None,
        predictor: Runnable[Any, Any] | None = None,
    ) -> None:
        super().__init__("generate", writer, answer_key, safety, timeout)
        self._predictor = predictor

    def _steps(self, values: Mapping[str, Any], config: RunnableConfig) -> Steps[Update]:
        question = self._unweighed(values)
        if self._predictor is None or question is None:
            return (yield from super()._steps(values, config))
        predicted = yield Call(self._predictor, question, quiet(config))
        return {
            CLASS_WEIGHTS_KEY: plain_weights(predicted),
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
        if attempts and self._safety is not None and not _needs_draw(values, attempts):
            return None  # the run was interrupted here, and its next step is not a draw
        update: Update = {}
        if opening.new:
            update = {"run": opening.run, "error": None}
            update |= {key: None for key in ("decision", "answer") if values.get(key)}
            if values.get("contexts"):
                update["contexts"] = []
            if values.get("seconds"):
                update["seconds"] = {}
        if opening.added is not None:
            # A dictionary, because stream_mode="messages" shows the messages that a node writes,
            # and the user's question is no part of the answer.
            message = {"role": "user", "content": opening.added.text, "id": opening.added.id}
            update["messages"] = [message]
        request = {"question": opening.run["question"], "messages": opening.conversation}
        return Work(
            self._writer.runnable,
            request,
            opening.run,
            attempts,
            usage={} if opening.new else values.get("usage") or {},
            contexts=() if opening.new else values.get("contexts") or (),
            update=update,
            class_weights=None if opening.new else values.get(CLASS_WEIGHTS_KEY),
            seconds={} if opening.new else values.get("seconds") or {},
            prompt=self._writer.prompt,
        )


class ReviseNode(WritingNode):
    """Revises the attempt that the decision names, or the latest where there is no decision."""

    def _prepare(self, values: Mapping[str, Any]) -> Work:
        attempts = _attempts(values, self.name)
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
            self._writer.runnable,
            request,
            opening.run,
            attempts,
            usage=values.get("usage") or {},
            parent=parent,
            class_weights=values.get(CLASS_WEIGHTS_KEY),
            seconds=values.get("seconds") or {},
            prompt=self._writer.prompt,
        )


class VerifyProxyNode(LoopNode):
    """Scores the latest attempt and, given a criterion, decides what to do next.

    Where the decision is to stop, it writes the best attempt as the answer.
    """

    def __init__(
        self,
        verifier: VerifierLike | None,
        per_run: PerRun | None,
        safety: Safety | None = None,
        timeout: float | None = None,
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

    def _prepare(self, values: Mapping[str, Any]) -> Work | None:
        attempts = _attempts(values, self.name)
        if self._safety is not None and _covers(values.get("decision"), attempts):
            return None  # already decided: a resumed run, or one that an error has ended
        run: Run = values.get("run") or open_question(values).run
        latest = attempts[-1]
        request = {
            "question": run["question"],
            "answer": latest["text"],
            "key": latest.get("key"),
        } | _context_of(len(attempts) - 1, attempts, values)
        return Work(
            self._verifier,
            request,
            run,
            attempts,
            usage=values.get("usage") or {},
            class_weights=weights_in(values, None if self._per_run is None else self._per_run.own),
            seconds=values.get("seconds") or {},
        )

    def _read(self, output: Any) -> Verdict:
        return verdict_in(output, self._verifier)

    def _cost(self, output: Any, result: Verdict | None) -> Usage | None:
        if isinstance(self._verifier, NoVerifier):
            return None
        return (result and result["usage"]) or UNKNOWN_CALL

    def _counted(self, cost: Usage | None, result: Verdict) -> Usage | None:
        return with_unscored(cost, result)

    def _update(
        self, work: Work, result: Verdict, cost: Usage | None, usage: UsageByPurpose
    ) -> Update:
        index = len(work.attempts) - 1
        attempt: Attempt = {
            **work.attempts[index],
            "score": result["score"],
            "feedback": result["feedback"],
        }
        attempts = [*work.attempts[:index], attempt]
        question = work.run["question"]
        attempt_event: AttemptEvent = {
            "type": "attempt",
            "index": index,
            "attempt": attempt,
            "question": question,
        }
        if self._per_run is None:
            emit(attempt_event)
            return {"attempts": attempts}
        decision = self._per_run.now().criterion.decide(attempts, work.class_weights)
        emit(attempt_event, {"type": "decision", "decision": decision, "question": question})
        if decision["action"] == "stop":
            warn_without_evidence(decision)
            return {"attempts": attempts, **final_update(work.run, attempts, decision, usage)}
        return {"attempts": attempts, "decision": decision}


def generate_node(
    model: ChatLike | None = None,
    *,
    generate: WriterLike | None = None,
    answer_key: AnswerKey | str | None = None,
    prompts: Prompts | None = None,
    predictor: PredictorLike | None = None,
    timeout: float | None = None,
) -> GenerateNode:
    """Return a node that makes a fresh draw.

    It reads `question` or `messages` and writes `attempts`, `usage` and `run`, and with a predictor
    `class_weights`. Errors rise.

    Args:
        model: A chat model or a name for `init_chat_model`.
        generate: A Runnable instead, called with `{"question", "messages"}`.
        answer_key: Makes an answer's key, as for `create_markovscale_graph`.
        prompts: Templates for the chat model.
        predictor: Predicts the question's class weights, as for `create_markovscale_graph`.
        timeout: Seconds that a call may take, under asyncio.

    Raises:
        ValueError: If there is neither a model nor a Runnable.
    """
    writer = generator(generate, model, prompts)
    key = resolve_answer_key(answer_key)
    return GenerateNode(writer, key, timeout=timeout, predictor=as_predictor(predictor))


def verify_proxy_node(
    verifier: VerifierLike | None,
    *,
    criterion: Criterion | None = None,
    timeout: float | None = None,
) -> VerifyProxyNode:
    """Return a node that scores the latest attempt.

    It reads `question` or `messages`, and `attempts`, and `class_weights` where the criterion uses
    them; it writes the score and the feedback of the latest attempt and `usage`. Errors rise.

    Args:
        verifier: The verify-proxy; None where agreement between answers is the only evidence.
        criterion: If given, the node also writes `decision` and, when that is to stop, `answer` and
            the AI message in `messages`. The run's context may change its costs and rounds, see
            `MarkovScaleContext`.
        timeout: Seconds that a call may take, under asyncio.
    """
    per_run = None if criterion is None else PerRun(criterion)
    return VerifyProxyNode(verifier, per_run, timeout=timeout)


def revise_node(
    model: ChatLike | None = None,
    *,
    revise: WriterLike | None = None,
    answer_key: AnswerKey | str | None = None,
    prompts: Prompts | None = None,
    timeout: float | None = None,
) -> ReviseNode:
    """Return a node that revises an attempt.

    It reads `question` or `messages`, `attempts` and `decision`, whose `parent` it revises (the
    latest attempt where there is no decision); it writes `attempts` and `usage`. Errors rise.

    Args:
        model: A chat model or a name for `init_chat_model`.
        revise: A Runnable instead, called with `{"question", "messages", "answer", "feedback",
            "attempts"}` and, where the generator returned any, `"context"`.
        answer_key: Makes an answer's key, as for `create_markovscale_graph`.
        prompts: Templates for the chat model.
        timeout: Seconds that a call may take, under asyncio.

    Raises:
        ValueError: If there is neither a model nor a Runnable.
    """
    writer = reviser(revise, model, prompts)
    return ReviseNode("revise", writer, resolve_answer_key(answer_key), timeout=timeout)


def _attempts(values: Mapping[str, Any], node: str | None) -> list[Attempt]:
    attempts = list(values.get("attempts") or ())
    if not attempts:
        raise ValueError(f"attempts is empty: {node} needs an answer, so run generate before it.")
    return attempts


def _covers(decision: Decision | None, attempts: list[Attempt]) -> bool:
    return decision is not None and decision["attempts"] == len(attempts)


def _needs_draw(values: Mapping[str, Any], attempts: list[Attempt]) -> bool:
    decision: Decision | None = values.get("decision")
    return decision is not None and _covers(decision, attempts) and decision["action"] == "generate"


def _context_of(index: int, attempts: list[Attempt], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the generator returned beside the draw that an attempt goes back to."""
    contexts = values.get("contexts") or ()
    if not contexts:
        return {}
    while (parent := attempts[index].get("parent")) is not None:
        index = parent
    context = contexts[index] if index < len(contexts) else None
    return {} if context is None else {"context": context}
