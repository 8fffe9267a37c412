"""The states of fresh draws with keys: coloured partitions, and how a draw leads to the next.

For each answer a state has its votes and the level of its score. An answer keeps the level that it
first got, or (verdicts, drawn anew) its state is how often it was accepted and rejected. Up to 8
draws there are 66 states without scores, 1,652 with three levels.
"""

from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

Mark = tuple[int, int]
"""An answer in a state: (votes, level), or (accepted, rejected) where verdicts are drawn anew."""

State = tuple[Mark, ...]
"""The answers drawn so far, in falling order."""


class Layer(NamedTuple):
    """The states of n draws, S of them; answers with the same mark are of a kind, up to D of them.

    Attributes:
        rows: The row of each state.
        kinds: The number of each kind's mark, shape (S, D).
        counts: How many answers are of it, 0 where there is no such kind, shape (S, D).
        again: The next layer's row when one of them is drawn again, shape (S, D, B).
        new: The next layer's row when a new one is drawn, shape (S, L).
    """

    rows: dict[State, int]
    kinds: Ints
    counts: Ints
    again: Ints
    new: Ints


class Lattice(NamedTuple):
    """All states up to a horizon.

    Attributes:
        layers: By the number of draws, from 0.
        marks: The marks that occur, in the order of their numbers.
        votes: How often an answer with each mark was drawn, shape (marks,).
    """

    layers: tuple[Layer, ...]
    marks: tuple[Mark, ...]
    votes: Ints


@lru_cache(maxsize=32)
def lattice(horizon: int, levels: int, *, anew: bool) -> Lattice:
    """Return the states of up to `horizon` draws.

    Args:
        horizon: The most draws.
        levels: L, how many levels a score has; 1 without scores.
        anew: Whether an answer's verdict is drawn anew each time, where L is 2.
    """
    first: list[Mark] = [(0, 1), (1, 0)] if anew else [(1, level) for level in range(levels)]
    outcomes = 2 if anew else 1
    numbers: dict[Mark, int] = {}
    layers = []
    states: dict[State, int] = {(): 0}
    for n in range(horizon + 1):
        following: dict[State, int] = {}
        kinds, counts, again, new = [], [], [], []
        for state in states:
            tally = Counter(state)
            kinds.append([numbers.setdefault(mark, len(numbers)) for mark in tally])
            counts.append(list(tally.values()))
            if n == horizon:
                continue
            again.append(
                [
                    [
                        following.setdefault(each, len(following))
                        for each in _again(state, mark, anew)
                    ]
                    for mark in tally
                ]
            )
            new.append(
                [following.setdefault(_sorted([*state, mark]), len(following)) for mark in first]
            )
        shape = len(states), max(map(len, kinds)) or 1
        layers.append(
            Layer(
                states,
                _padded(kinds, shape),
                _padded(counts, shape),
                _padded(again, (*shape, outcomes)),
                _padded(new, (len(states), len(first))),
            )
        )
        states = following
    votes = [sum(mark) if anew else mark[0] for mark in numbers]
    return Lattice(tuple(layers), tuple(numbers), np.array(votes, dtype=np.int64))


def _again(state: State, mark: Mark, anew: bool) -> list[State]:
    """Return the states in which one answer with that mark was drawn again, by outcome."""
    rest = list(state)
    rest.remove(mark)
    votes, level = mark
    after = [(votes, level + 1), (votes + 1, level)] if anew else [(votes + 1, level)]
    return [_sorted([*rest, each]) for each in after]


def _sorted(marks: list[Mark]) -> State:
    return tuple(sorted(marks, reverse=True))


def _padded(rows: list[Any], shape: tuple[int, ...]) -> Ints:
    """Return rows of different lengths as one array, 0 where there is nothing."""
    padded = np.zeros(shape, dtype=np.int64)
    for row, values in enumerate(rows):
        if values:
            padded[row, : len(values)] = values
    return padded
