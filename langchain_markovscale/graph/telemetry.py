"""Events for the stream, and the tags and metadata that traces show of a call.

LangChain's callbacks pass tags and metadata to their handlers: LangSmith, OpenTelemetry through
LangSmith's exporter, `astream_events`. Nothing is sent from here.
"""

from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime, get_runtime

from langchain_markovscale._text import logger_of
from langchain_markovscale.display.wording import counted
from langchain_markovscale.graph.budget import Budget
from langchain_markovscale.graph.metering import UsageByPurpose
from langchain_markovscale.types import (
    Action,
    Attempt,
    AttemptEvent,
    Decision,
    Event,
    Purpose,
    Usage,
    Verdict,
)
from langchain_markovscale.verifiers.base import quiet

logger = logger_of(__name__)


def current_runtime() -> Runtime[Any]:
    """Return LangGraph's runtime; an empty one where a node is called without a graph."""
    try:
        return get_runtime() or Runtime()
    except (KeyError, RuntimeError):
        return Runtime()


def emit(*events: Event) -> None:
    """Write events to the stream, if there is one."""
    write = current_runtime().stream_writer
    for event in events:
        write(event)


def attempt_event(index: int, attempt: Attempt, verdict: Verdict, question: str) -> AttemptEvent:
    """Return the event of an attempt that has been verified.

    Args:
        index: Its index among the attempts at the question.
        attempt: The attempt, with its score and feedback.
        verdict: Its verdict.
        question: The question.
    """
    event: AttemptEvent = {
        "type": "attempt",
        "index": index,
        "attempt": attempt,
        "question": question,
    }
    if criteria := verdict.get("criteria"):
        event["criteria"] = criteria
    return event


def warn_at_end(decision: Decision, usage: UsageByPurpose, budget: Budget | None) -> None:
    """Log what a run's evidence or accounts lacked; it ends once, and so warns once.

    Args:
        decision: The decision to stop.
        usage: The usage of the run.
        budget: What it was allowed.
    """
    verdicts = usage.get("verify")
    if decision["reason"] == "no_evidence":
        warn_without_evidence()
    elif verdicts and verdicts.get("unscored") and _asked_a_model(verdicts):
        logger.warning(
            "%d of %s had no score that could be read, and counted as no evidence: give a "
            "verifier that keeps to its form, such as a larger model.",
            verdicts["unscored"],
            counted(verdicts["calls"], "verdict"),
        )
    unknown = sum(calls["unknown"] for calls in usage.values())
    if unknown and budget and not {"tokens", "usd"}.isdisjoint(budget):
        logger.warning(
            "%d of %s did not report their tokens, and the run has a budget of %s: they were taken "
            "for the average of those that did, and where none did, the run had to end. Let the "
            "model report usage_metadata, and the verifier its usage.",
            unknown,
            counted(sum(calls["calls"] for calls in usage.values()), "call"),
            "tokens" if "tokens" in budget else "US dollars",
        )


def warn_without_evidence() -> None:
    """Log that a run has stopped because it had neither a key nor a score to decide by."""
    logger.warning(
        "No answer has a key and no score could be read, so that nothing tells answers apart, and "
        "the loop stops. Give answer_key, or a verifier whose scores can be read; to a router, the "
        "place where they are as scores_key."
    )


def _asked_a_model(usage: Usage) -> bool:
    """Return whether calls asked a model; whoever asks none abstains on purpose."""
    tokens = usage["input_tokens"] + usage["output_tokens"]
    return tokens > 0 or usage["unknown"] > 0 or usage.get("cached", 0) > 0


TAG = "markovscale"
"""The tag of a whole loop's run; a call within has `markovscale:` and its purpose as well."""


def labelled(
    config: RunnableConfig, purpose: Purpose, attempt: int, action: Action
) -> RunnableConfig:
    """Return the config of a call that belongs to an attempt, and stays out of the user's stream.

    What is called with it, and all that this calls, has the tag `markovscale:<purpose>`, and in its
    metadata `markovscale_attempt` and `markovscale_action`.

    Args:
        config: The node's.
        purpose: What the call is for.
        attempt: The attempt's index.
        action: How the attempt is made.
    """
    metadata: dict[str, Any] = {
        **(config.get("metadata") or {}),
        "markovscale_attempt": attempt,
        "markovscale_action": action,
    }
    tags = [*(config.get("tags") or ()), f"{TAG}:{purpose}"]
    return _without_message_stream(quiet({**config, "tags": tags, "metadata": metadata}))


def _without_message_stream(config: RunnableConfig) -> RunnableConfig:
    """Take LangGraph's stream of messages off a config.

    Its tag for models keeps what they write out of the stream, and not the messages that the nodes
    of a graph return: with `subgraphs=True` a generator that is an agent would show its drafts.
    """
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, BaseCallbackManager) or not any(
        map(_streams_messages, callbacks.handlers)
    ):
        return config
    callbacks = callbacks.copy()
    for handler in [*callbacks.handlers]:
        if _streams_messages(handler):
            callbacks.remove_handler(handler)
    return {**config, "callbacks": callbacks}


def _streams_messages(handler: BaseCallbackHandler) -> bool:
    # By name, because the class is none of LangGraph's public ones.
    return any(each.__name__ == "StreamMessagesHandler" for each in type(handler).__mro__)
