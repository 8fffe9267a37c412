"""The batch that scores: one pass of a reward model over whole texts."""

from collections.abc import Sequence
from typing import Any

import torch

from langchain_markovscale.integrations.huggingface.jobs import Job
from langchain_markovscale.integrations.huggingface.memory import memory_errors


class Scored(Job):
    """Asks for the model's logits on a text.

    Args:
        ids: The text's tokens.
        positions: Of which tokens the logits are wanted, from a model that scores tokens; None
            from a model that scores the text as a whole.
    """

    def __init__(self, ids: Sequence[int], positions: Sequence[int] | None) -> None:
        super().__init__()
        self.ids = list(ids)
        self.positions = positions


class ScoringBatch:
    """A `Batch` of `Scored` jobs, whose results are lists of rows of logits.

    Args:
        model: A model of transformers that gives logits for a text or for its tokens.
        pad_token: The token to fill rows with.
    """

    def __init__(self, model: Any, pad_token: int) -> None:
        self._model = model
        self._pad_token = pad_token
        self._results: list[tuple[Scored, list[list[float]]]] = []

    def cost(self, jobs: Sequence[Scored]) -> float:
        """Return the cells of the padded batch; see `Batch`."""
        return len(jobs) * max(len(job.ids) for job in jobs)

    @torch.inference_mode()
    def join(self, jobs: Sequence[Scored]) -> None:
        """Score the texts; see `Batch`."""
        width = max(len(job.ids) for job in jobs)
        padded = [(job.ids, width - len(job.ids)) for job in jobs]
        # Padding on the right: a causal model's tokens do not see what is behind them.
        ids = torch.tensor([tokens + [self._pad_token] * pad for tokens, pad in padded])
        mask = torch.tensor([[1] * len(tokens) + [0] * pad for tokens, pad in padded])
        device = self._model.device
        with memory_errors():
            output = self._model(input_ids=ids.to(device), attention_mask=mask.to(device))
            logits = output[0].float().cpu()
        for job, row in zip(jobs, logits, strict=True):
            wanted = row[None] if job.positions is None else row[list(job.positions)]
            self._results.append((job, wanted.tolist()))

    def collect(self) -> list[tuple[Scored, list[list[float]]]]:
        """Return what was scored; see `Batch`."""
        results, self._results = self._results, []
        return results

    def advance(self) -> None:
        """Nothing to do: a text is scored in one pass."""

    def leave(self, jobs: Sequence[Scored]) -> None:
        """Drop jobs; see `Batch`."""
        gone = {id(job) for job in jobs}
        self._results = [result for result in self._results if id(result[0]) not in gone]
