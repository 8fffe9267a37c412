"""The protocol of a verify-proxy, and the base class of the package's own.

Any Runnable from `VerifierInput` to something that `to_verdict` reads is a verifier. `Verifier`
adds what every verifier needs: it records a run of its own where there are callbacks and takes
hardly any time where there are none (LangChain's generic wrapper takes longer than many checks),
and it keeps its calls out of the user's stream.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import AnyMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor, var_child_runnable_config

from langchain_markovscale._messages import all_messages, as_messages
from langchain_markovscale.types import (
    Attempt,
    Usage,
    Verdict,
    VerifierInput,
    is_repeated,
    no_usage,
)
from langchain_markovscale.verifiers.verdicts import text_of, to_verdict

NOSTREAM = "nostream"
"""The tag by which LangGraph keeps model calls out of `stream_mode="messages"`.

The value of `langgraph.constants.TAG_NOSTREAM`; verifiers do not need LangGraph.
"""


class Verifier(Runnable[VerifierInput, Verdict]):
    """Base class of verifiers: implement `verify`, and `averify` where the work can be awaited.

    `invoke`, `ainvoke`, `batch`, `abatch` and `|` work as on any Runnable. What `verify`
    returns is read by `to_verdict`. Calls made with the config that it is given carry the tag
    `NOSTREAM`.

    Attributes:
        asks_model: Whether the verifier asks a model. One that does not, and returns no usage,
            counts as one call of no tokens.

    Args:
        name: The name that traces and errors show; the class's name if None.
    """

    asks_model: ClassVar[bool] = True

    def __init__(self, *, name: str | None = None) -> None:
        self.name = name

    @abstractmethod
    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> object:
        """Judge one answer.

        Args:
            given: Question, answer and key; `key` is always there, and may be None. `messages`
                is there where the verifier is a loop's.
            config: The config to pass to calls within.
            **kwargs: Arguments that were bound to the verifier.

        Returns:
            A verdict, in any of the forms that `to_verdict` reads.
        """

    async def averify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> object:
        """Judge one answer; unless overridden, by `verify` in LangChain's thread pool."""
        return await run_in_executor(config, self.verify, given, config, **kwargs)

    def invoke(
        self, input: VerifierInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Verdict:
        """Judge one answer.

        Args:
            input: Question, answer and, where there is one, key.
            config: The run's config.
            **kwargs: Passed to `verify`.

        Returns:
            The verdict.

        Raises:
            ValueError: If the input lacks the question or the answer, or has messages that are
                none, or the verifier returned a score that is NaN or outside [0, 1].
            TypeError: If the input is no dict, or what the verifier returned is no verdict.
        """
        given = _checked_input(input)
        if not _has_listeners(config):
            return self._verdict(given, quiet(config), **kwargs)
        call: Any = self._verdict
        return self._call_with_config(call, given, quiet(config), **kwargs)

    async def ainvoke(
        self, input: VerifierInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Verdict:
        """Judge one answer, as `invoke` does."""
        given = _checked_input(input)
        if not _has_listeners(config):
            return await self._averdict(given, quiet(config), **kwargs)
        call: Any = self._averdict
        return await self._acall_with_config(call, given, quiet(config), **kwargs)

    def _verdict(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        return self._checked(self.verify(given, config, **kwargs))

    async def _averdict(
        self, given: VerifierInput, config: RunnableConfig, **kwargs: Any
    ) -> Verdict:
        return self._checked(await self.averify(given, config, **kwargs))

    def _checked(self, returned: object) -> Verdict:
        verdict = to_verdict(returned, name=self.get_name())
        if verdict["usage"] is None and not self.asks_model:
            verdict["usage"] = Usage(calls=1, input_tokens=0, output_tokens=0, unknown=0)
        return verdict


class NoVerifier(Verifier):
    """Always abstains: agreement between answers and their stability are then the evidence."""

    asks_model = False

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Abstain."""
        return Verdict(score=None, feedback=None, usage=None)

    def invoke(
        self, input: VerifierInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Verdict:
        """Abstain, and record no run."""
        return self.verify(input, {})

    async def ainvoke(
        self, input: VerifierInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Verdict:
        """Abstain, as `invoke` does."""
        return self.verify(input, {})


class NoAnswer(NoVerifier):
    """Rejects a reply that holds no answer, which nobody needs to be asked about."""

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Reject it."""
        feedback = "The reply ended within its thoughts and gave no answer. Give the answer."
        return Verdict(score=0.0, feedback=feedback, usage=no_usage())


class Repeated(NoVerifier):
    """Abstains from an attempt that is an earlier one again, which has its verdict."""

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Abstain."""
        return Verdict(score=None, feedback=None, usage=no_usage())


def verifier_for(attempt: Attempt, verifier: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return what verifies an attempt: the verifier, unless nobody needs to be asked."""
    if isinstance(verifier, NoVerifier):
        return verifier
    if is_repeated(attempt):
        return Repeated()
    return verifier if attempt["text"].strip() else NoAnswer()


def verdict_in(returned: object, verifier: Runnable[Any, Any]) -> Verdict:
    """Return the verdict in what a verifier returned, checked once: a `Verifier` has done it."""
    if isinstance(verifier, Verifier):
        return cast(Verdict, returned)
    return to_verdict(returned, name=verifier.get_name())


def judged(attempt: Attempt, verdict: Verdict) -> Attempt:
    """Return an attempt with its verdict."""
    attempt = {**attempt, "score": verdict["score"], "feedback": verdict["feedback"]}
    if judged_with := verdict.get("judged_with"):
        attempt["metadata"] = {**attempt.get("metadata", {}), "judged_with": judged_with}
    return attempt


def quiet(config: RunnableConfig | None) -> RunnableConfig:
    """Return a config with the tag `NOSTREAM`: what runs under it stays out of the stream."""
    config = config or {}
    tags = config.get("tags") or []
    return {**config, "tags": tags if NOSTREAM in tags else [*tags, NOSTREAM]}


def _has_listeners(config: RunnableConfig | None) -> bool:
    """Return whether a run may have listeners: not within one whose handlers ignore chains."""
    callbacks = config.get("callbacks") if config else None
    if callbacks is None:
        outer = var_child_runnable_config.get()
        callbacks = outer.get("callbacks") if outer else None
    if not isinstance(callbacks, BaseCallbackManager):
        return True
    return not all(handler.ignore_chain for handler in callbacks.handlers)


def _checked_input(given: object) -> VerifierInput:
    """Check an input; messages become text, for `{"answer": model, …} | verifier`."""
    if not isinstance(given, Mapping):
        raise TypeError(
            "A verifier's input must be a dict with 'question', 'answer' and, where there is one, "
            f"'key', got {type(given).__name__}."
        )
    question, answer, key = text_of(given.get("question")), text_of(given.get("answer")), None
    if question is None or answer is None:
        part = "question" if question is None else "answer"
        raise ValueError(
            f"A verifier's input needs {part!r} as a str or a message, got {given.get(part)!r}."
        )
    if given.get("key") is not None:
        key = text_of(given["key"])
        if key is None:
            raise ValueError(
                f"A verifier's input needs 'key' as a str or None, got {given['key']!r}."
            )
    checked = {**given, "question": question, "answer": answer, "key": key}
    if given.get("messages") is not None:
        checked["messages"] = _checked_messages(given["messages"])
    return cast(VerifierInput, checked)


def _checked_messages(given: Any) -> list[AnyMessage]:
    try:
        if isinstance(given, list) and all_messages(given):
            return given  # as a loop gives them
        if isinstance(given, Sequence) and not isinstance(given, str):
            return as_messages(given)
        error: Exception | None = None
    except (TypeError, ValueError, NotImplementedError) as unreadable:
        error = unreadable
    raise ValueError(
        "A verifier's input needs 'messages' as a list of messages, in a form that LangChain "
        f"knows, got {given!r}."
    ) from error
