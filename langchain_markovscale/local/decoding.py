"""The batch that generates: one pass over the weights gives every row its next token.

Decoding reads all weights for every token, so the time of a pass hardly depends on how many rows
share it. Rows join and leave between two passes; transformers' own continuous batching does that
too, but on its paged cache, which on a CPU is slower than padded batches.
"""

import inspect
import math
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import torch
from transformers import Cache

from langchain_markovscale.local.kv_cache import (
    EMPTY_PREFIX,
    BatchCache,
    Prefix,
    PrefixCache,
    batch_cache,
    layers_of,
    new_cache,
)
from langchain_markovscale.local.memory import check_finite, memory_errors
from langchain_markovscale.local.sequences import (
    Continuation,
    Probe,
    Prompted,
    TokenLogProbability,
    draw,
    log_probabilities,
)

_TOKENS_PER_PASS = 8192  # bounds the memory of the activations


class Prefilled(NamedTuple):
    """Prompts that the model has read (the prefill).

    Attributes:
        members: Indices of the prompts.
        cache: Their keys and values.
        mask: Which columns of it are tokens, shape (rows, columns).
        logits: Logits of the next token, shape (rows, vocabulary).
    """

    members: list[int]
    cache: Cache
    mask: torch.Tensor
    logits: torch.Tensor


class PromptReader:
    """Lets a model read prompts; what prompts have in common is read once.

    Args:
        model: A causal language model of transformers.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        # As many tokens take as long to compute as it takes to read the weights once.
        self._worth_a_pass = 32 if model.device.type == "cpu" else 1024
        self._prefixes = PrefixCache(self._prefix, self._worth_a_pass)

    def read_whole(self, prompts: Sequence[Sequence[int]]) -> Prefilled:
        """Read prompts in one pass, each from its beginning."""
        return self._prefill(prompts, list(range(len(prompts))), EMPTY_PREFIX)

    def read(self, prompts: Sequence[Sequence[int]]) -> Iterator[Prefilled]:
        """Read prompts in as few tokens as possible.

        Args:
            prompts: Token ids, at least one each.

        Yields:
            The prompts in groups of the same beginning and similar length.
        """
        for prefix, members in self._prefixes.shared(prompts):
            for group in _groups(members, [len(prompts[i]) for i in members], self._worth_a_pass):
                yield self._prefill([prompts[i] for i in group], group, prefix)

    def _prefix(self, ids: Sequence[int], previous: Prefix) -> Prefix:
        filled = self._prefill([ids], [0], previous)
        return Prefix(tuple(ids), layers_of(filled.cache))

    def _prefill(
        self, prompts: Sequence[Sequence[int]], members: list[int], prefix: Prefix
    ) -> Prefilled:
        """Read prompts that begin with a prefix."""
        shared = len(prefix.ids)
        rests = [prompt[shared:] for prompt in prompts]
        width = max(map(len, rests))
        padded = [(width - len(rest), rest) for rest in rests]
        ids = torch.tensor([[0] * pad + list(rest) for pad, rest in padded])
        mask = torch.tensor([[1] * shared + [0] * pad + [1] * len(rest) for pad, rest in padded])
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, shared:]
        cache: Any = new_cache(self._model)
        for layer, (keys, values) in zip(cache.layers, prefix.layers, strict=False):
            layer.update(*(states.expand(len(rests), -1, -1, -1) for states in (keys, values)))
        device = self._model.device
        mask = mask.to(device)
        logits = forward(self._model, ids.to(device), mask, positions.to(device), cache)
        return Prefilled(members, cache, mask, logits)


def forward(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, past: Cache
) -> torch.Tensor:
    """Call a model, and return the logits of the last column, shape (rows, vocabulary)."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model  # under adapters
    names = _parameters(cast(Hashable, type(base)))
    options: dict[str, Any] = {}
    if "position_ids" in names:
        options["position_ids"] = positions
    if "logits_to_keep" in names:
        options["logits_to_keep"] = 1
    # The newer name since transformers 5.24, which warns of the older one.
    options["cache" if "cache" in names else "past_key_values"] = past
    output = model(input_ids=ids, attention_mask=mask, use_cache=True, **options)
    logits: torch.Tensor = output.logits[:, -1]
    return logits


@lru_cache(maxsize=64)
def _parameters(model_class: Any) -> frozenset[str]:
    return frozenset(inspect.signature(model_class.forward).parameters)


def _groups(
    members: Sequence[int], lengths: Sequence[int], worth_a_pass: int
) -> Iterator[list[int]]:
    """Split prompts by length: a pass of their own where padding would cost more."""
    group: list[int] = []
    longest = 0
    for length, member in sorted(zip(lengths, members, strict=True)):
        padding = len(group) * (length - longest)
        if group and (padding > worth_a_pass or (len(group) + 1) * length > _TOKENS_PER_PASS):
            yield group
            group = []
        group.append(member)
        longest = length
    yield group


class DecodingBatch:
    """A `Batch` of `Continuation` and `Probe` jobs on one causal language model.

    Args:
        model: A causal language model of transformers, in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._jobs: list[Prompted] = []
        self._cache: BatchCache = batch_cache(model)
        self._logits: torch.Tensor | None = None  # (rows, vocabulary), of each row's next token
        self._reader = PromptReader(model)

    def __reduce__(self) -> tuple[type["DecodingBatch"], tuple[Any]]:
        return type(self), (self._model,)  # a copy is empty

    def cost(self, jobs: Sequence[Prompted]) -> float:
        """Return the cells that the jobs' keys and values take; see `Batch`."""
        if self._jobs and not self._cache.can_join and len(jobs) > len(self._jobs):
            return math.inf
        return len(jobs) * max(job.longest for job in jobs)

    @torch.inference_mode()
    def join(self, jobs: Sequence[Prompted]) -> None:
        """Read the jobs' prompts; see `Batch`."""
        prompts = [job.ids for job in jobs]
        # A job that is alone from the start reads its prompt in one pass: what it writes then
        # depends on nothing that was read before, not even in the last bit.
        whole = not self._cache.can_join or (len(prompts) == 1 and not self._jobs)
        with memory_errors():
            for filled in (
                [self._reader.read_whole(prompts)] if whole else self._reader.read(prompts)
            ):
                self._cache.add(filled.cache, filled.mask)
                self._jobs += [jobs[i] for i in filled.members]
                previous = [] if self._logits is None else [self._logits]
                self._logits = torch.cat([*previous, filled.logits])

    @torch.inference_mode()
    def collect(self) -> list[tuple[Prompted, Any]]:
        """Draw every row's next token; see `Batch`."""
        if self._logits is None:
            return []
        with memory_errors():
            finished = [*self._probed(self._logits), *self._written(self._logits)]
        self.leave([job for job, _ in finished])
        return finished

    @torch.inference_mode()
    def advance(self) -> None:
        """Compute the logits after the tokens just drawn; see `Batch`."""
        with memory_errors():
            ids = [job.ids for job in self._jobs]
            last = torch.tensor([[tokens[-1]] for tokens in ids])
            positions = torch.tensor([[len(tokens) - 1] for tokens in ids])
            device = self._model.device
            self._logits = None  # its memory may be needed
            mask = self._cache.next_mask()
            self._logits = forward(
                self._model, last.to(device), mask, positions.to(device), self._cache.past
            )
            self._cache.advance()

    @torch.inference_mode()
    def leave(self, jobs: Sequence[Prompted]) -> None:
        """Drop jobs; see `Batch`."""
        leaving_ids = {id(job) for job in jobs}
        leaving = [row for row, job in enumerate(self._jobs) if id(job) in leaving_ids]
        if len(leaving) == len(self._jobs):
            # A new cache, whatever state an error may have left; this also frees the memory.
            self._jobs, self._logits, self._cache = [], None, batch_cache(self._model)
        elif leaving:
            order = self._cache.drop(leaving)
            self._jobs = [self._jobs[row] for row in order]
            if self._logits is not None:
                self._logits = self._logits[order]

    def _probed(self, logits: torch.Tensor) -> Iterator[tuple[Prompted, list[float]]]:
        for row, job in enumerate(self._jobs):
            if isinstance(job, Probe):
                check_finite(logits[row].amax(), self._model)
                yield job, logits[row].float().log_softmax(dim=-1)[job.tokens].tolist()

    def _written(self, logits: torch.Tensor) -> Iterator[tuple[Prompted, Any]]:
        writing = [(r, job) for r, job in enumerate(self._jobs) if isinstance(job, Continuation)]
        if not writing:
            return
        scores = logits if len(writing) == len(logits) else logits[[row for row, _ in writing]]
        rows = [job.row() for _, job in writing]
        tokens = draw(scores, rows)
        # NaN counts as the highest, so that a greedy draw has found it; another draw may miss it.
        greedy = all(row.sampling.temperature == 0 for row in rows)
        drawn = torch.tensor(tokens, device=scores.device)[:, None]
        check_finite(scores.gather(1, drawn) if greedy else scores.amax(dim=-1), self._model)
        logprobs = _logprobs(scores, tokens, [job.top_logprobs for _, job in writing])
        for (_, job), token, logprob in zip(writing, tokens, logprobs, strict=True):
            written = job.take(token, logprob, len(self._jobs))
            if written is not None:
                yield job, written


def _logprobs(
    scores: torch.Tensor, tokens: Sequence[int], counts: Sequence[int | None]
) -> list[TokenLogProbability | None]:
    """Return the log-probabilities of the rows that request them, None for the others."""
    entries: list[TokenLogProbability | None] = [None] * len(tokens)
    rows = [row for row, count in enumerate(counts) if count is not None]
    if rows:
        most = max(count for count in counts if count is not None)
        likely = log_probabilities(scores[rows], [tokens[row] for row in rows], most)
        for row, (logprob, top) in zip(rows, likely, strict=True):
            entries[row] = TokenLogProbability(tokens[row], logprob, top[: counts[row]])
    return entries
