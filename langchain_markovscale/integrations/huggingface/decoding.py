"""The batch that writes: one pass over the weights gives every row its next token.

Decoding reads all weights for every token, so its price hardly depends on how many rows share the
pass. Rows join and leave between two passes; transformers' own continuous batching does that too,
but on its paged cache, which on a CPU is slower than padded batches.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from langchain_markovscale.integrations.huggingface.kv_cache import BatchCache, batch_cache
from langchain_markovscale.integrations.huggingface.memory import memory_errors
from langchain_markovscale.integrations.huggingface.prefill import Reader, call
from langchain_markovscale.integrations.huggingface.sampling import draw, log_probabilities
from langchain_markovscale.integrations.huggingface.sequences import (
    Continuation,
    Probe,
    Prompted,
    TokenLogProbability,
)


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
        self._reader = Reader(model)

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
                known = [] if self._logits is None else [self._logits]
                self._logits = torch.cat([*known, filled.logits])

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
            self._logits = call(
                self._model, last.to(device), mask, positions.to(device), self._cache.past
            )
            self._cache.advance()

    @torch.inference_mode()
    def leave(self, jobs: Sequence[Prompted]) -> None:
        """Drop jobs; see `Batch`."""
        gone = {id(job) for job in jobs}
        leaving = [row for row, job in enumerate(self._jobs) if id(job) in gone]
        if len(leaving) == len(self._jobs):
            # Afresh, whatever state a failure may have left behind; this also gives the memory
            # back.
            self._jobs, self._logits, self._cache = [], None, batch_cache(self._model)
        elif leaving:
            order = self._cache.drop(leaving)
            self._jobs = [self._jobs[row] for row in order]
            if self._logits is not None:
                self._logits = self._logits[order]

    def _probed(self, logits: torch.Tensor) -> Iterator[tuple[Prompted, list[float]]]:
        for row, job in enumerate(self._jobs):
            if isinstance(job, Probe):
                yield job, logits[row].float().log_softmax(dim=-1)[job.tokens].tolist()

    def _written(self, logits: torch.Tensor) -> Iterator[tuple[Prompted, Any]]:
        writing = [(r, job) for r, job in enumerate(self._jobs) if isinstance(job, Continuation)]
        if not writing:
            return
        scores = logits if len(writing) == len(logits) else logits[[row for row, _ in writing]]
        tokens = draw(scores, [job.row() for _, job in writing])
        logprobs = _logprobs(scores, tokens, [job.top_logprobs for _, job in writing])
        for (_, job), token, logprob in zip(writing, tokens, logprobs, strict=True):
            written = job.take(token, logprob, len(self._jobs))
            if written is not None:
                yield job, written


def _logprobs(
    scores: torch.Tensor, tokens: Sequence[int], wanted: Sequence[int | None]
) -> list[TokenLogProbability | None]:
    """The log-probabilities of those rows that want them."""
    entries: list[TokenLogProbability | None] = [None] * len(tokens)
    rows = [row for row, count in enumerate(wanted) if count is not None]
    if rows:
        most = max(count for count in wanted if count is not None)
        found = log_probabilities(scores[rows], [tokens[row] for row in rows], most)
        for row, (logprob, top) in zip(rows, found, strict=True):
            entries[row] = TokenLogProbability(tokens[row], logprob, top[: wanted[row]])
    return entries
