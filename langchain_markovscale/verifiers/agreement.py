"""Agreement as evidence, from draws that are not used as attempts: deprecated.

A loop that draws afresh has the same evidence for less, because there every draw is an attempt.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_markovscale._models import resolve_model
from langchain_markovscale.answers.keys import resolve_answer_key
from langchain_markovscale.answers.reading import joined_key
from langchain_markovscale.types import (
    MarkovScaleDeprecationWarning,
    Usage,
    Verdict,
    VerifierInput,
    add_usage,
    no_usage,
    usage_of,
)
from langchain_markovscale.verifiers.base import Verifier
from langchain_markovscale.verifiers.verdicts import text_of


class AgreementVerifier(Verifier):
    """Deprecated: scores an answer by the share of fresh draws that have its key.

    It is removed in the next release. A loop with `verifier=None`, `actions=("generate",)` and an
    `answer_key` has the agreement of its attempts as evidence, and every draw is an attempt.

    The draws are made at once; a model that batches runs them as one batch. Their agreement is no
    evidence where the model does not sample: give it a temperature above 0, and no fixed seed.

    Args:
        model: A chat model; any Runnable from messages to a message or a str; or a name for
            `init_chat_model`.
        draws: How many fresh answers to draw, at least 1.
        answer_key: How answers are compared: a name such as `last_number`, or a function from
            text to key; should be the graph's own.
        messages: Makes the messages from the question; by default the question alone.
        name: The name that traces and errors show.

    Raises:
        TypeError: If `model` is of no accepted type.
        ValueError: If `draws` is less than 1, or the answer key is unknown.
    """

    def __init__(
        self,
        model: Runnable[Any, Any] | str,
        *,
        draws: int = 4,
        answer_key: str | Callable[[str], str | None] = "last_number",
        messages: Callable[[str], Sequence[BaseMessage]] | None = None,
        name: str | None = None,
    ) -> None:
        warnings.warn(
            "AgreementVerifier is deprecated and is removed in the next release, because its draws "
            'cannot become answers. Give verifier=None, actions=("generate",) and an answer key '
            'such as answer_key="last_number", by which the attempts of the loop itself can agree.',
            MarkovScaleDeprecationWarning,
            stacklevel=2,
        )
        super().__init__(name=name)
        if draws < 1:
            raise ValueError(f"draws must be at least 1, got {draws}.")
        self.model = resolve_model(model)
        self.draws = draws
        self.answer_key = resolve_answer_key(answer_key)
        self.messages = messages or (lambda question: [HumanMessage(question)])

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Draw answers and compare; keyword arguments are passed to the model."""
        key = self._key(given)
        if key is None:
            return _ABSTENTION.copy()
        replies = self.model.batch(self._inputs(given), self._configs(config), **kwargs)
        return self._verdict_from(key, replies)

    async def averify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Draw answers without blocking, and compare."""
        key = self._key(given)
        if key is None:
            return _ABSTENTION.copy()
        replies = await self.model.abatch(self._inputs(given), self._configs(config), **kwargs)
        return self._verdict_from(key, replies)

    def _key(self, given: VerifierInput) -> str | None:
        return self.answer_key(given["answer"]) if given["key"] is None else given["key"]

    def _inputs(self, given: VerifierInput) -> list[list[BaseMessage]]:
        return [list(self.messages(given["question"])) for _ in range(self.draws)]

    def _configs(self, config: RunnableConfig) -> list[RunnableConfig]:
        draw_config = {part: value for part, value in config.items() if part != "run_id"}
        draw_config = {"max_concurrency": self.draws, **draw_config, "run_name": "draw"}
        return [cast(RunnableConfig, draw_config)] * self.draws

    def _verdict_from(self, key: str, replies: Sequence[object]) -> Verdict:
        usage = no_usage()
        agreeing = 0
        for reply in replies:
            text = text_of(reply)
            if text is None:
                raise TypeError(
                    f"the model of {self.get_name()} returned {type(reply).__name__}; "
                    "it must return a message or a str."
                )
            usage = add_usage(usage, usage_of(reply))
            drawn = self.answer_key(text)
            agreeing += joined_key(drawn, self.answer_key, [{"key": key}]) == key
        return Verdict(score=agreeing / self.draws, feedback=None, usage=usage)


_ABSTENTION = Verdict(
    score=None,
    feedback=None,
    usage=Usage(calls=0, input_tokens=0, output_tokens=0, unknown=0),
)
