"""The KV cache (keys and values) of a batch whose rows come and go, and a cache of prefixes.

Rows are aligned at their ends, so that one step writes one column for all of them; columns before
a row's first token are masked. A row that leaves is replaced by the last one and new rows are
appended, so that the other rows are not copied.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple, Protocol

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin, DynamicLayer

_MOST_CACHED = 4  # prefixes
_LONGEST_CACHED = 1024  # tokens of a prefix that is kept

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values by layer, shape (1, heads, tokens, dimensions)."""


class Prefix(NamedTuple):
    """Tokens, and the keys and values that the model computed from them."""

    ids: tuple[int, ...]
    layers: Layers

    def first(self, count: int) -> "Prefix":
        """Return the prefix of the first `count` tokens."""
        if count == len(self.ids):
            return self
        return Prefix(
            self.ids[:count],
            [(keys[:, :, :count], values[:, :, :count]) for keys, values in self.layers],
        )


EMPTY_PREFIX = Prefix((), [])


class PrefixCache:
    """A cache of the prefixes that were used last.

    Args:
        read: Computes a longer prefix from all its tokens and a shorter one.
        worth_a_pass: How many tokens take as long to compute as another pass over the weights.
    """

    def __init__(self, read: Callable[[Sequence[int], Prefix], Prefix], worth_a_pass: int) -> None:
        self._read = read
        self._worth_a_pass = worth_a_pass
        self._cached: OrderedDict[tuple[int, ...], Prefix] = OrderedDict()

    def shared(self, prompts: Sequence[Sequence[int]]) -> Iterable[tuple[Prefix, list[int]]]:
        """Group prompts by what they begin with.

        Args:
            prompts: Token ids.

        Yields:
            A prefix, and the indices of the longer prompts that begin with it.
        """
        groups: dict[tuple[int, ...], list[int]] = {}
        for i, prompt in enumerate(prompts):
            best = max(self._cached, key=lambda ids: _common([ids, prompt]), default=())
            groups.setdefault(best, []).append(i)
        for ids, members in groups.items():
            cached = self._cached.get(ids, EMPTY_PREFIX)
            yield self._extended(cached, [prompts[i] for i in members]), members

    def _extended(self, cached: Prefix, prompts: Sequence[Sequence[int]]) -> Prefix:
        common = min(_common(prompts), min(map(len, prompts)) - 1)
        prefix = cached.first(min(_common([cached.ids, prompts[0]]), common))
        if cached.ids:
            self._cached.move_to_end(cached.ids)
        saved = (common - len(prefix.ids)) * (len(prompts) - 1)
        if saved <= self._worth_a_pass:
            return prefix
        prefix = self._read(prompts[0][:common], prefix)
        if common <= _LONGEST_CACHED:
            self._cached[prefix.ids] = prefix
            while len(self._cached) > _MOST_CACHED:
                self._cached.popitem(last=False)
        return prefix


def _common(many: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all of them begin with."""
    one, other = list(min(many, key=list)), list(max(many, key=list))  # the rest lie between
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def layers_of(cache: Any, row: int = 0) -> Layers:
    """Return one row of a cache, without copying."""
    return [(layer.keys[row : row + 1], layer.values[row : row + 1]) for layer in cache.layers]


_COLUMNS_AHEAD = 64


class BatchCache(Protocol):
    """What the decoding batch needs of a cache.

    Attributes:
        can_join: Whether rows may be added while there are others.
        past: What the model is called with.
    """

    can_join: bool
    past: Any

    def add(self, filled: Any, mask: torch.Tensor) -> None:
        """Append a filled cache's rows; `mask` (rows, columns) tells tokens from padding."""

    def drop(self, leaving: Sequence[int]) -> list[int]:
        """Drop rows by their indices, and return for each row that is left which one it was."""

    def next_mask(self) -> torch.Tensor:
        """Make room for one more column of tokens, and return the mask that includes it."""

    def advance(self) -> None:
        """Count the column that the model has filled."""


def new_cache(model: Any) -> DynamicCache:
    """Return an empty cache of the library's own, as the model's architecture needs it."""
    return DynamicCache(config=model.config)


def batch_cache(model: Any) -> BatchCache:
    """Return the best cache for a model.

    Sliding windows and recurrent states depend on the position of a row, so the rows of such models
    have to start together.
    """
    plain = all(type(layer) is DynamicLayer for layer in new_cache(model).layers)
    return RowCache() if plain else WaveCache()


class RowCache(Cache):
    """For models all of whose layers keep plain keys and values: rows come and go at any time."""

    can_join = True

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.layers: list[Any] = []
        self.past: Any = self
        self.rows = 0
        self.start = 0  # the first column in use
        self.end = 0  # one past the last
        self._firsts: list[int] = []  # column of each row's first token
        self._mask = torch.empty(0, 0, dtype=torch.bool)  # (slots, columns)

    def add(self, filled: Any, mask: torch.Tensor) -> None:
        """Append rows; see `BatchCache`."""
        count, width = mask.shape
        if not self.layers:
            self.layers = [_RowLayer(self, layer) for layer in filled.layers]
            self._mask = self._mask.to(mask.device)
        self._make_room(self.rows + count, before=width, after=0)
        slots, columns = slice(self.rows, self.rows + count), slice(self.end - width, self.end)
        for layer, source in zip(self.layers, filled.layers, strict=True):
            layer.keys[slots, :, columns] = source.keys
            layer.values[slots, :, columns] = source.values
        self._mask[slots] = False
        self._mask[slots, columns] = mask.bool()
        self._firsts += [columns.start + first for first in mask.int().argmax(dim=1).tolist()]
        self.rows += count
        self.start = min(self._firsts)

    def drop(self, leaving: Sequence[int]) -> list[int]:
        """Drop rows; see `BatchCache`."""
        leaving_rows = set(leaving)
        left = self.rows - len(leaving_rows)
        holes = [row for row in range(left) if row in leaving_rows]
        movers = [row for row in range(left, self.rows) if row not in leaving_rows]
        order = list(range(left))
        for hole, mover in zip(holes, movers, strict=True):
            order[hole] = mover
        if holes:
            self._mask[holes] = self._mask[movers]
            for layer in self.layers:
                for states in (layer.keys, layer.values):
                    states[holes, :, self.start : self.end] = states[
                        movers, :, self.start : self.end
                    ]
        self._firsts = [self._firsts[row] for row in order]
        self.rows = left
        self.start = min(self._firsts, default=self.end)
        return order

    def next_mask(self) -> torch.Tensor:
        """Make room for a column; see `BatchCache`."""
        self._make_room(self.rows, before=0, after=1)
        self._mask[: self.rows, self.end] = True
        return self._mask[: self.rows, self.start : self.end + 1]

    def advance(self) -> None:
        """Count a column; see `BatchCache`."""
        self.end += 1

    def _make_room(self, slots: int, *, before: int, after: int) -> None:
        """Make room for `slots` rows, and for columns before and after the end."""
        have_slots, have_columns = self._mask.shape
        if slots <= have_slots and before <= self.end and self.end + after <= have_columns:
            return
        used = self.end - self.start
        end = max(before, used)
        shape = max(slots, have_slots), end + after + max(_COLUMNS_AHEAD, end // 2)
        old, new = slice(self.start, self.end), slice(end - used, end)
        for layer in self.layers:
            layer.keys = _moved(layer.keys, shape, self.rows, old, new)
            layer.values = _moved(layer.values, shape, self.rows, old, new)
        mask = self._mask.new_zeros(shape)
        mask[: self.rows, new] = self._mask[: self.rows, old]
        self._mask = mask
        self._firsts = [first - self.end + end for first in self._firsts]
        self.start, self.end = new.start, new.stop


def _moved(
    states: torch.Tensor, shape: tuple[int, int], rows: int, old: slice, new: slice
) -> torch.Tensor:
    # Zeros and not just memory: what is masked is multiplied by zero, and zero times NaN is NaN.
    moved = states.new_zeros(shape[0], states.shape[1], shape[1], states.shape[3])
    moved[:rows, :, new] = states[:rows, :, old]
    return moved


class _RowLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's keys and values, shape (slots, heads, columns, dimensions)."""

    is_sliding = False

    def __init__(self, cache: RowCache, like: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._cache = cache
        self.keys: torch.Tensor = like.keys[:0, :, :0]
        self.values: torch.Tensor = like.values[:0, :, :0]
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: a layer begins with the first rows."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new columns behind the end, and return all columns in use."""
        cache = self._cache
        rows, end = slice(0, cache.rows), cache.end + key_states.shape[2]
        self.keys[rows, :, cache.end : end] = key_states
        self.values[rows, :, cache.end : end] = value_states
        used = slice(cache.start, end)
        return self.keys[rows, :, used], self.values[rows, :, used]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many columns the mask covers, and which one it begins with."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of columns in use."""
        return self._cache.end - self._cache.start

    def get_max_length(self) -> int:
        """Return -1: a layer grows as it needs to."""
        return -1


class WaveCache:
    """For all other models: the library's own cache; rows start together and leave one by one."""

    can_join = False

    def __init__(self) -> None:
        self.past: Any = None
        self._mask = torch.empty(0, 0, dtype=torch.bool)

    def add(self, filled: Any, mask: torch.Tensor) -> None:
        """Take the rows over; see `BatchCache`."""
        self.past = filled
        self._mask = mask.bool()

    def drop(self, leaving: Sequence[int]) -> list[int]:
        """Drop rows; see `BatchCache`."""
        order = [row for row in range(len(self._mask)) if row not in set(leaving)]
        if order:
            kept = torch.tensor(order, device=self._mask.device)
            self.past.reorder_cache(kept)
            self._mask = self._mask[kept]
        else:
            self.__init__()  # type: ignore[misc]
        return order

    def next_mask(self) -> torch.Tensor:
        """Add a column; see `BatchCache`."""
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=True)
        return self._mask

    def advance(self) -> None:
        """Nothing to do: the library's cache counts by itself."""
