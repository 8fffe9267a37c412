"""Exact forward-backward along the tree of revisions, where each attempt is right or wrong.

An array of shape (2, …) holds chances for a wrong attempt, then for a right one, each for every
class of questions: …, whatever classes are made of.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TINY = 1e-300  # stands for a chance of 0, so that contradictions leave a posterior


class Labels(NamedTuple):
    """What is known of n attempts, by class.

    Attributes:
        log_chance: ln P(all scores | class), of the shape of classes.
        chances: P(attempt is wrong or right | class, all scores), shape (n, 2, …).
    """

    log_chance: Floats
    chances: Floats

    def joint(self, log_before: Floats) -> tuple[Floats, Floats]:
        """Return P(class), and P(attempt is wrong or right, class), shape (n, 2, …).

        Args:
            log_before: ln P(class) before any attempt.
        """
        logs = self.log_chance + log_before
        classes = np.exp(logs - logs.max())
        classes /= classes.sum()
        return classes, self.chances * classes


def along_tree(
    parents: Sequence[int | None],
    fresh: Floats,
    moves: Sequence[Floats],
    log_scores: dict[int, Floats],
    shape: tuple[int, ...],
) -> Labels:
    """Return what is known of attempts: messages go up the tree of revisions, then down it.

    The larger of two messages, if wrong and if right, is scaled to 1; what is taken out goes to the
    logarithm. As no draw and no move has a chance of 0, none is divided by.

    Args:
        parents: The attempt that each was revised from; None for a fresh one.
        fresh: P(a fresh draw is wrong or right), shape (2, …).
        moves: For each depth of revision P(it is z | the revised attempt is y) at [y, z], shape
            (2, 2, …), see `moves_of`.
        log_scores: ln of the chance of an attempt's score if it is wrong or right, shape (2, …),
            for those that have one.
        shape: That of the classes.
    """
    n, log = len(parents), np.zeros(shape)
    fresh = np.maximum(fresh, _TINY)
    depths: list[int] = []
    for parent in parents:
        depths.append(0 if parent is None else depths[parent] + 1)
    below = [np.ones_like(fresh)] * n  # the chances of all scores of what was made from each
    for attempt, logs in log_scores.items():
        most = np.maximum(*logs)
        log += most
        below[attempt] = np.exp(logs - most)
    messages = list(below)
    for attempt in range(n - 1, -1, -1):
        parent = parents[attempt]
        if parent is not None:
            move, (wrong, right) = moves[depths[attempt] - 1], below[attempt]
            messages[attempt] = message = move[:, 0] * wrong + move[:, 1] * right
            so_far = below[parent] * message
            most = np.maximum(*so_far)
            log += np.log(most)
            below[parent] = so_far / most
    chances = np.empty((n, 2, *shape))
    for attempt, parent in enumerate(parents):
        if parent is None:
            before = fresh
        else:
            # What the attempt itself said to its parent is taken out.
            move, (wrong, right) = moves[depths[attempt] - 1], chances[parent] / messages[attempt]
            before = move[0] * wrong + move[1] * right
        found = before * below[attempt]
        total = found[0] + found[1]
        if parent is None:
            log += np.log(total)
        np.divide(found, total, out=chances[attempt])
    return Labels(log, chances)


def moves_of(repair: Floats, corruption: Floats) -> Floats:
    """Return P(a revision is z | the revised attempt is y) at [y, z], shape (2, 2, …).

    Args:
        repair: α at the revision's depth, of any shape.
        corruption: β at the same depth; the two broadcast.
    """
    chances = np.broadcast_arrays(1 - repair, repair, corruption, 1 - corruption)
    return np.maximum(chances, _TINY).reshape(2, 2, *chances[0].shape)
