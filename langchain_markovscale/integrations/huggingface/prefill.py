"""Prompts into keys, values and the logits of the first token.

Computing costs by the token here, so no token is computed in vain: what prompts begin with is
computed once, and prompts are padded only to others of about their length.
"""

import inspect
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import torch
from transformers import Cache

from langchain_markovscale.integrations.huggingface.kv_cache import new_cache
from langchain_markovscale.integrations.huggingface.prefixes import (
    NOTHING,
    Prefix,
    Prefixes,
    layers_of,
)

_TOKENS_PER_PASS = 8192  # bounds the memory of the activations


class Filled(NamedTuple):
    """Prompts that the model has read.

    Attributes:
        members: Which of the prompts they are.
        cache: Their keys and values.
        mask: Which columns of it are tokens, shape (rows, columns).
        logits: Of the first token to come, shape (rows, vocabulary).
    """

    members: list[int]
    cache: Cache
    mask: torch.Tensor
    logits: torch.Tensor


class Reader:
    """Has a model read prompts.

    Args:
        model: A causal language model of transformers.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        # How many tokens a processor computes in the time in which it reads the weights once.
        self._worth_a_pass = 32 if model.device.type == "cpu" else 1024
        self._prefixes = Prefixes(self._prefix, self._worth_a_pass)

    def read_whole(self, prompts: Sequence[Sequence[int]]) -> Filled:
        """Read prompts in one pass, each from its beginning."""
        return self._pass(prompts, list(range(len(prompts))), NOTHING)

    def read(self, prompts: Sequence[Sequence[int]]) -> Iterator[Filled]:
        """Read prompts in as few tokens as possible.

        Args:
            prompts: Token ids, at least one each.

        Yields:
            The prompts in groups of the same beginning and similar length.
        """
        for prefix, members in self._prefixes.shared(prompts):
            for group in _groups(members, [len(prompts[i]) for i in members], self._worth_a_pass):
                yield self._pass([prompts[i] for i in group], group, prefix)

    def _prefix(self, ids: Sequence[int], known: Prefix) -> Prefix:
        filled = self._pass([ids], [0], known)
        return Prefix(tuple(ids), layers_of(filled.cache))

    def _pass(self, prompts: Sequence[Sequence[int]], members: list[int], prefix: Prefix) -> Filled:
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
        logits = call(self._model, ids.to(device), mask, positions.to(device), cache)
        return Filled(members, cache, mask, logits)


def call(
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
