"""The jobs of the decoding batch: a continuation, or the probabilities of certain next tokens."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
)

from langchain_markovscale.local.chat_template import TextReader
from langchain_markovscale.local.scheduler import Job

_NUCLEUS = 512  # tokens looked at before the whole vocabulary is sorted


@dataclass(frozen=True)
class Sampling:
    """Settings of the draw of a token; the defaults are greedy decoding.

    Attributes:
        temperature: At least 0; 0 takes the most likely token.
        top_p: In (0, 1]: draw from the most likely tokens that together have this probability.
        top_k: Draw from this many most likely tokens; 0 for all.
        min_p: In [0, 1]: draw from tokens at least this likely, relative to the most likely one.
        repetition_penalty: Above 0: divides the logits of tokens that were there before; 1 for
            none.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0


@dataclass(frozen=True)
class Row:
    """One row's part in a draw: its settings, the tokens before, and a random number in [0, 1)."""

    sampling: Sampling
    before: Sequence[int]
    uniform: float


def draw(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
    """Draw the next token of each row.

    Args:
        logits: One row of logits per row of the batch, shape (rows, vocabulary).
        rows: The rows' settings.

    Returns:
        One token id per row.
    """
    tokens = torch.empty(len(rows), dtype=torch.long, device=logits.device)
    for sampling, members in _by_settings(rows):
        scores = logits if len(members) == len(rows) else logits[members]
        if sampling.repetition_penalty != 1:
            scores = _penalized(scores, [rows[i].before for i in members], sampling)
        if sampling.temperature == 0:
            tokens[members] = scores.argmax(dim=-1)
        else:
            uniforms = [rows[i].uniform for i in members]
            tokens[members] = _invert(_warped(scores.float(), sampling).softmax(dim=-1), uniforms)
    drawn: list[int] = tokens.tolist()
    return drawn


def log_probabilities(
    logits: torch.Tensor, tokens: Sequence[int], most_likely: int
) -> list[tuple[float, list[tuple[int, float]]]]:
    """Return log-probabilities under the model itself, before any setting of the draw.

    Args:
        logits: Shape (rows, vocabulary).
        tokens: The token that was drawn, per row.
        most_likely: How many of the most likely tokens to return beside it.

    Returns:
        Per row the drawn token's log-probability, and the most likely tokens with theirs.
    """
    scores = logits.float().log_softmax(dim=-1)
    chosen = scores.gather(1, torch.tensor(tokens, device=scores.device)[:, None])[:, 0].tolist()
    top = scores.topk(most_likely, dim=-1)
    return [
        (own, list(zip(ids, values, strict=True)))
        for own, ids, values in zip(chosen, top.indices.tolist(), top.values.tolist(), strict=True)
    ]


def _by_settings(rows: Sequence[Row]) -> Iterable[tuple[Sampling, list[int]]]:
    groups: dict[Sampling, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row.sampling, []).append(i)
    return groups.items()


def _penalized(
    scores: torch.Tensor, before: Sequence[Sequence[int]], sampling: Sampling
) -> torch.Tensor:
    penalize: Any = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)
    rows = [
        penalize(torch.tensor([list(ids)], device=scores.device), row[None])
        for ids, row in zip(before, scores.float(), strict=True)
    ]
    return torch.cat(rows)


def _warped(scores: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Return the scores under the settings, in the order in which transformers applies them."""
    ids: Any = None  # the warpers do not look at the tokens before
    if sampling.temperature != 1:
        scores = TemperatureLogitsWarper(sampling.temperature)(ids, scores)
    if sampling.top_k:
        scores = TopKLogitsWarper(sampling.top_k)(ids, scores)
    if sampling.top_p < 1:
        scores = _nucleus(scores, sampling.top_p)
    if sampling.min_p:
        scores = MinPLogitsWarper(sampling.min_p)(ids, scores)
    return scores


def _nucleus(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the smallest set of tokens that has the probability `top_p`.

    The library's warper sorts the vocabulary, which on a CPU takes as long as a pass of a small
    model. The set is nearly always among a few hundred tokens.
    """
    probabilities = scores.softmax(dim=-1)
    likely, tokens = probabilities.topk(min(_NUCLEUS, scores.shape[-1]))
    if float(likely.sum(dim=-1).min()) < top_p:
        likely, tokens = probabilities.sort(dim=-1, descending=True)
    beyond = likely.cumsum(dim=-1) - likely >= top_p
    kept = scores.gather(-1, tokens).masked_fill(beyond, -torch.inf)
    return torch.full_like(scores, -torch.inf).scatter(-1, tokens, kept)


def _invert(probabilities: torch.Tensor, uniforms: Sequence[float]) -> torch.Tensor:
    """Return the token where the cumulative probability exceeds the random number; (rows,)."""
    cumulative = probabilities.cumsum(dim=-1)
    total = cumulative[:, -1:]
    # Below the total even after rounding, so that a token of probability zero is never drawn.
    highest = 1 - torch.finfo(cumulative.dtype).eps
    points = torch.tensor(uniforms, device=total.device).clamp(max=highest)[:, None] * total
    return torch.searchsorted(cumulative, points, right=True)[:, 0]


FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class TokenLogProbability:
    """A token that was written, and the most likely ones in its place; natural logarithms."""

    token: int
    logprob: float
    top: list[tuple[int, float]]


@dataclass(frozen=True)
class Completion:
    """The result of a `Continuation`.

    Attributes:
        text: The text, without the stop string.
        tokens: How many tokens the model wrote for it.
        finish_reason: `stop` where the model or a stop string ended it, `length` where
            `max_tokens` did.
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
    """Requests the log-probabilities of certain tokens after the prompt; nothing is generated.

    Args:
        prompt: Token ids, at least one.
        tokens: The tokens to look at.
    """

    def __init__(self, prompt: Sequence[int], tokens: Sequence[int]) -> None:
        super().__init__(prompt)
        self.tokens = list(tokens)


class Continuation(Prompted):
    """Continues a prompt, token by token.

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
    ) -> Completion | None:
        """Add a token.

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
        return Completion(
            text=self._reader.text,
            tokens=len(self.written),
            finish_reason="stop" if ended or self._reader.stopped else "length",
            logprobs=self._logprobs if self.top_logprobs is not None else None,
            mean_batch_size=self._shared / len(self.written),
        )

    def _read(self, *, last: bool, ended: bool) -> None:
        text = self._reader.read(self.written[:-1] if ended else self.written, last=last)
        if self._on_text is not None and (text or last or self._reader.stopped):
            new_logprobs, self._sent = self._logprobs[self._sent :], len(self._logprobs)
            try:
                self._on_text(text, new_logprobs)
            except Exception:
                self.answer.cancel()  # a caller whose callback fails no longer needs the answer
