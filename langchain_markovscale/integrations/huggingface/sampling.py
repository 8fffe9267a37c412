"""How the next token is drawn.

Rows of one batch may have different settings: they share the pass over the weights, which is what
costs, and are grouped only here. What is drawn depends on a row's own random numbers alone, so
that a seeded request does not depend on who else is in the batch (up to rounding, which changes
with the batch's shape).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
)

_NUCLEUS = 512  # tokens looked at before the whole vocabulary is sorted


@dataclass(frozen=True)
class Sampling:
    """Settings of the draw; the defaults are greedy decoding.

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
    """Log-probabilities under the model itself, before any setting of the draw.

    Args:
        logits: Shape (rows, vocabulary).
        tokens: The token that was drawn, per row.
        most_likely: How many of the most likely tokens to name beside it.

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
    """Scores under the settings, in the order in which the library's `generate` applies them."""
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
    """Keep the smallest set of tokens that has the probability ``top_p``.

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
    """The token at which the cumulative probability passes the random number, shape (rows,)."""
    cumulative = probabilities.cumsum(dim=-1)
    total = cumulative[:, -1:]
    # Below the total even after rounding, so that a token of probability zero is never met.
    highest = 1 - torch.finfo(cumulative.dtype).eps
    points = torch.tensor(uniforms, device=total.device).clamp(max=highest)[:, None] * total
    return torch.searchsorted(cumulative, points, right=True)[:, 0]
