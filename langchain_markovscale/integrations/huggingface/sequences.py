"""What can be asked of the decoding batch: to write on, or how likely certain tokens are next."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_markovscale.integrations.huggingface.jobs import Job
from langchain_markovscale.integrations.huggingface.sampling import Row, Sampling
from langchain_markovscale.integrations.huggingface.text import TextReader

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class TokenLogProbability:
    """A token that was written, and the most likely ones in its place; natural logarithms."""

    token: int
    logprob: float
    top: list[tuple[int, float]]


@dataclass(frozen=True)
class Written:
    """What was written for a `Sequence`.

    Attributes:
        text: The text, without the stop string.
        tokens: How many tokens the model wrote for it.
        finish_reason: ``stop`` where the model or a stop string ended it, ``length`` where
            ``max_tokens`` did.
        logprobs: One entry per token, or None if they were not asked for.
        mean_batch_size: How many jobs shared the hardware, on average over the tokens.
    """

    text: str
    tokens: int
    finish_reason: FinishReason
    logprobs: list[TokenLogProbability] | None
    mean_batch_size: float


class Prompted(Job):
    """A job that begins with a prompt.

    Args:
        prompt: Token ids, at least one.
        reserve: Tokens that may follow.
    """

    def __init__(self, prompt: Sequence[int], reserve: int = 0) -> None:
        super().__init__()
        self.prompt = list(prompt)
        self.reserve = reserve

    @property
    def ids(self) -> list[int]:
        """All tokens so far."""
        return self.prompt

    @property
    def longest(self) -> int:
        """Tokens that the job may take in the end."""
        return len(self.prompt) + self.reserve


class Probe(Prompted):
    """Asks for the log-probabilities of certain tokens right after the prompt; nothing is written.

    Args:
        prompt: Token ids, at least one.
        tokens: The tokens to look at.
    """

    def __init__(self, prompt: Sequence[int], tokens: Sequence[int]) -> None:
        super().__init__(prompt)
        self.tokens = list(tokens)


class Continuation(Prompted):
    """Writes on from a prompt, token by token.

    Args:
        prompt: Token ids, at least one.
        max_tokens: Most tokens to write, at least 1.
        end_tokens: Token ids with which the model ends its turn.
        reader: Reads the tokens as text.
        sampling: How tokens are drawn.
        seed: Seed of the draws; None for a fresh one.
        top_logprobs: How many likely tokens to name with each token's log-probability; None for no
            log-probabilities.
        on_text: Called on the engine's thread with each final piece of text and the entries of the
            tokens since the last one; the last piece, possibly empty, comes before the answer.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        *,
        max_tokens: int,
        end_tokens: frozenset[int],
        reader: TextReader,
        sampling: Sampling,
        seed: int | None = None,
        top_logprobs: int | None = None,
        on_text: Callable[[str, list[TokenLogProbability]], Any] | None = None,
    ) -> None:
        super().__init__(prompt, max_tokens)
        self.sampling = sampling
        self.top_logprobs = top_logprobs
        self.written: list[int] = []
        self._logprobs: list[TokenLogProbability] = []
        self._sent = 0  # log-probabilities handed to on_text so far
        self._end_tokens = end_tokens
        self._reader = reader
        self._random = random.Random(seed)
        self._on_text = on_text
        self._shared = 0  # sum of the batch sizes over the tokens

    @property
    def ids(self) -> list[int]:
        """The prompt and what was written so far."""
        return self.prompt + self.written

    def row(self) -> Row:
        """Return the job's part in the next draw."""
        before = self.ids if self.sampling.repetition_penalty != 1 else ()
        uniform = self._random.random() if self.sampling.temperature else 0.0
        return Row(self.sampling, before, uniform)

    def take(
        self, token: int, logprob: TokenLogProbability | None, batch_size: int
    ) -> Written | None:
        """Write one token more.

        Args:
            token: The token.
            logprob: Its log-probability, if asked for.
            batch_size: How many jobs were in the batch.

        Returns:
            The result if this token was the last one.
        """
        self.written.append(token)
        self._shared += batch_size
        if logprob is not None:
            self._logprobs.append(logprob)
        ended = token in self._end_tokens
        last = ended or len(self.written) >= self.reserve
        if last or self._on_text is not None or self._reader.has_stops:
            self._read(last=last, ended=ended)
        if not last and not self._reader.stopped:
            return None
        return Written(
            text=self._reader.text,
            tokens=len(self.written),
            finish_reason="stop" if ended or self._reader.stopped else "length",
            logprobs=self._logprobs if self.top_logprobs is not None else None,
            mean_batch_size=self._shared / len(self.written),
        )

    def _read(self, *, last: bool, ended: bool) -> None:
        text = self._reader.read(self.written[:-1] if ended else self.written, last=last)
        if self._on_text is not None and (text or last or self._reader.stopped):
            since, self._sent = self._logprobs[self._sent :], len(self._logprobs)
            try:
                self._on_text(text, since)
            except Exception:
                self.answer.cancel()  # a listener that fails is a waiter that is gone
