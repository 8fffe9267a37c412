"""The default prior written out: every class of it, every hypothesis, every chance multiplied up.

Shares no code with the package: 5,670 classes p₀ × α × β × σ × (z, δ) × θ, each a column.
"""

from functools import cache
from itertools import permutations, product
from math import exp

import numpy as np
from scipy.integrate import cumulative_simpson

P0 = (0.03, 0.12, 0.3, 0.5, 0.7, 0.88, 0.97)
ALPHA = dict(zip((0.03, 0.12, 0.3), (0.4, 0.35, 0.25), strict=True))
BETA = (0.02, 0.12, 0.35)
SIGMA = (0.3, 0.9)
NODES = {
    (z, delta): weight / 5
    for z in (-4, -1.5, 0, 1.5, 4)
    for delta, weight in ((0, 0.4), (1, 0.35), (3, 0.25))
}
THETA = (0.7, 3, 15)
CLASSES = list(product(P0, ALPHA, BETA, SIGMA, NODES, THETA))
P, A, B, S = (np.array([cell[i] for cell in CLASSES]) for i in range(4))
T = np.array([cell[5] for cell in CLASSES])
NODE = np.array([list(NODES).index(cell[4]) for cell in CLASSES])
WEIGHTS = np.array([ALPHA[cell[1]] * NODES[cell[4]] / (7 * 3 * 2 * 3) for cell in CLASSES])
KEYLESS = (SIGMA[0] == S) & (THETA[0] == T)
_STEPS = 2001


@cache
def _side_chance(labels: tuple[bool, ...], accepted: bool) -> np.ndarray:
    """The chain of integrals below e or above it, by node: on a fine grid, one after the other."""
    chances = []
    for z, delta in NODES:
        e = 1 / (1 + exp(z - delta / 2))
        u = np.linspace(e, 1.0, _STEPS) if accepted else np.linspace(0.0, e, _STEPS)
        density = exp(delta) / (u + (1 - u) * exp(delta)) ** 2
        below = np.ones(_STEPS)
        for right in labels:
            below = cumulative_simpson(density * below if right else below, x=u, initial=0)
        chances.append(below[-1])
    return np.array(chances)


def order_chance(labels: tuple[bool, ...], rejected: int) -> np.ndarray:
    """P(an order and its verdicts), by node, of answers right or wrong by ascending score."""
    return _side_chance(labels[:rejected], False) * _side_chance(labels[rejected:], True)


def scores_chance(scored: list[tuple[float, bool]]) -> np.ndarray:
    """P(order and verdicts) by node, of (score, right): the mean of all orders left open."""
    ranked = sorted(scored, key=lambda each: each[0])
    values = [score for score, _ in ranked]
    rejected = sum(score < 0.5 for score in values)
    found: dict[tuple[bool, ...], int] = {}
    for order in permutations(ranked) if len(set(values)) < len(values) else [ranked]:
        if [score for score, _ in order] == values:
            labels = tuple(right for _, right in order)
            found[labels] = found.get(labels, 0) + 1
    total = sum(found.values())
    return sum(many / total * order_chance(labels, rejected) for labels, many in found.items())


def depth_of(attempts, index):
    parent = attempts[index]["parent"]
    return 0 if parent is None else 1 + depth_of(attempts, parent)


def chain_chance(attempts, right):
    """P(each is right or wrong | class), without what wrong answers are."""
    chance = np.ones(len(CLASSES))
    for index, one in enumerate(attempts):
        if one["parent"] is None:
            chance = chance * (P if right[index] else 1 - P)
            continue
        settled = 0.5 ** (depth_of(attempts, index) - 1)
        if right[one["parent"]]:
            chance = chance * (1 - B * settled if right[index] else B * settled)
        else:
            chance = chance * (A * settled if right[index] else 1 - A * settled)
    return chance


def keys_of(attempts):
    return list(dict.fromkeys(one["key"] for one in attempts if one["key"] is not None))


def over_keys(attempts):
    """P(attempts, hypothesis, class), by hypothesis: each key, then None."""
    joint = {}
    for truth in [*keys_of(attempts), None]:
        right = [one["key"] is not None and one["key"] == truth for one in attempts]
        chance = WEIGHTS * chain_chance(attempts, right)
        drawn: dict[str, np.ndarray] = {}
        n = np.zeros(len(CLASSES))
        for index, one in enumerate(attempts):
            key, parent = one["key"], one["parent"]
            if right[index] or key is None:
                continue
            before = attempts[parent]["key"] if parent is not None else None
            share = drawn.get(key, T) / (n + T)
            extra = 0.0
            if before is not None and before != truth:
                if before == key:
                    chance = chance * S
                    continue
                passed = drawn[before]
                chance = chance * (1 - S) / (1 - passed / (n + T))
                extra = passed / (n + T - passed)
                drawn[before] = passed + extra
            chance = chance * share
            drawn[key] = drawn.get(key, 0.0) + 1
            n = n + 1 + extra
        by_answer: dict[object, list[float]] = {}
        for index, one in enumerate(attempts):
            if one["score"] is not None:
                by_answer.setdefault(one["key"] or index, []).append(one["score"])
        scored = [
            (round(sum(scores) / len(scores), 9), answer == truth)
            for answer, scores in by_answer.items()
        ]
        joint[truth] = chance * scores_chance(scored)[NODE]
    return joint


def over_labels(attempts):
    """P(attempts, labels, class), by how the drafts are right or wrong.

    Values do not matter here, so that 945 of the classes stand for all: see `KEYLESS`.
    """
    joint = {}
    for right in product((False, True), repeat=len(attempts)):
        scored = [
            (round(one["score"], 9), y)
            for one, y in zip(attempts, right, strict=True)
            if one["score"] is not None
        ]
        joint[right] = chain_chance(attempts, right)[KEYLESS] * scores_chance(scored)[NODE[KEYLESS]]
        joint[right] *= 6 * WEIGHTS[KEYLESS]
    return joint


def accepted_anew():
    """P(a wrong answer is accepted | class), and P(a right one is), where neither was judged."""
    z = np.array([node[0] for node in NODES])[NODE]
    half = np.array([node[1] for node in NODES])[NODE] / 2
    return 1 / (1 + np.exp(half - z)), 1 / (1 + np.exp(-half - z))


def next_is_right(action, latest, depth):
    """P(the next candidate is right | class), made of one that is right or not, at its depth."""
    if action == "generate":
        return P
    return 1 - B * 0.5**depth if latest else A * 0.5**depth


def until_accepted(action, in_hand, depth, n, mistaken, accepted):
    """P(right | class) and rounds of candidates until one is accepted, else the answer in hand.

    Each revision is made of the one before, whether or not the answer in hand was right.
    """

    def follow(latest, at):
        if at == n:
            return np.full(len(CLASSES), float(in_hand)), np.zeros(len(CLASSES))
        chance = next_is_right(action, latest, depth + at)
        value, rounds = np.zeros(len(CLASSES)), np.ones(len(CLASSES))
        for candidate, share, accepts in (
            (True, chance, accepted),
            (False, 1 - chance, mistaken),
        ):
            later, length = follow(candidate, at + 1)
            value = value + share * (accepts * candidate + (1 - accepts) * later)
            rounds = rounds + share * (1 - accepts) * length
        return value, rounds

    return follow(in_hand, 0)
