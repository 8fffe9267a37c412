"""What a criterion keeps between decisions, which holds nothing of a question."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from langchain_markovscale.types import Attempt

Pattern = tuple[tuple[int | None, float | None, int | None], ...]
"""What a decision depends on: of each attempt its answer's number, its score and its parent."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """The values that were made last, none of them None; a copy or a pickle of it is empty.

    Threads may share it: at worst two make the same value at the same time.

    Args:
        size: How many values it holds.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[type["Cache[Key, Value]"], tuple[int]]:
        return type(self), (self._size,)

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key, which is made where there is none yet."""
        value = self._values.get(key)
        if value is None:
            value = make()
            with self._lock:
                self._values[key] = value
                if len(self._values) > self._size:
                    self._values.popitem(last=False)
        return value


def pattern_of(attempts: Sequence[Attempt]) -> Pattern | None:
    """Return what a decision depends on; None where attempts can't be read, which it then says."""
    numbers: dict[str | None, int | None] = {None: None}
    try:
        pattern = tuple(
            [
                (
                    numbers.setdefault(attempt["key"], len(numbers)),
                    attempt["score"],
                    attempt["parent"],
                )
                for attempt in attempts
            ]
        )
        hash(pattern)
    except (KeyError, TypeError, AttributeError):
        return None
    return pattern
