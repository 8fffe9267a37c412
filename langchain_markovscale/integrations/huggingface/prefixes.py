"""What prompts begin with: computed once, and kept for the next prompts that begin so.

Prompts of one kind share their system message and their instructions; drafts of one question share
all but the seed; a verifier's prompts are mostly shared.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import torch

_KEPT = 4  # prefixes
_LONGEST = 1024  # tokens of a prefix that is kept

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values by layer, shape (1, heads, tokens, dimensions)."""


class Prefix(NamedTuple):
    """Tokens, and what the model computed from them."""

    ids: tuple[int, ...]
    layers: Layers

    def first(self, count: int) -> "Prefix":
        """Return the prefix of so many tokens."""
        if count == len(self.ids):
            return self
        return Prefix(
            self.ids[:count],
            [(keys[:, :, :count], values[:, :, :count]) for keys, values in self.layers],
        )


NOTHING = Prefix((), [])


class Prefixes:
    """The prefixes that were used last.

    Args:
        read: Computes a longer prefix from all its tokens and a shorter one.
        worth_a_pass: How many tokens' computing costs as much as another pass over the weights.
    """

    def __init__(self, read: Callable[[Sequence[int], Prefix], Prefix], worth_a_pass: int) -> None:
        self._read = read
        self._worth_a_pass = worth_a_pass
        self._kept: OrderedDict[tuple[int, ...], Prefix] = OrderedDict()

    def shared(self, prompts: Sequence[Sequence[int]]) -> Iterable[tuple[Prefix, list[int]]]:
        """Split prompts by what they begin with.

        Args:
            prompts: Token ids.

        Yields:
            A prefix, and which prompts begin with it and go on.
        """
        groups: dict[tuple[int, ...], list[int]] = {}
        for i, prompt in enumerate(prompts):
            best = max(self._kept, key=lambda ids: _common([ids, prompt]), default=())
            groups.setdefault(best, []).append(i)
        for ids, members in groups.items():
            known = self._kept.get(ids, NOTHING)
            yield self._extended(known, [prompts[i] for i in members]), members

    def _extended(self, known: Prefix, prompts: Sequence[Sequence[int]]) -> Prefix:
        common = min(_common(prompts), min(map(len, prompts)) - 1)
        prefix = known.first(min(_common([known.ids, prompts[0]]), common))
        if known.ids:
            self._kept.move_to_end(known.ids)
        saved = (common - len(prefix.ids)) * (len(prompts) - 1)
        if saved <= self._worth_a_pass:
            return prefix
        prefix = self._read(prompts[0][:common], prefix)
        if common <= _LONGEST:
            self._kept[prefix.ids] = prefix
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return prefix


def _common(many: Sequence[Sequence[int]]) -> int:
    """How many tokens all of them begin with."""
    one, other = list(min(many, key=list)), list(max(many, key=list))  # the rest lie between
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def layers_of(cache: Any, row: int = 0) -> Layers:
    """Return one row of a cache, without copying."""
    return [(layer.keys[row : row + 1], layer.values[row : row + 1]) for layer in cache.layers]
