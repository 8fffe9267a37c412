"""Posteriors in plain Python: every hypothesis written out, every chance multiplied up.

Slow, and for that reason easy to compare with the theory line by line.
"""

from itertools import pairwise, product
from math import erfc, exp, inf, log, pi, sqrt

from hypothesis import reject

from langchain_markovscale import Attempt, Rates
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores

NOTHING_KNOWN = [(0.0, 1.0)]  # one question's intercept, where there is none
GRID = [(z / 20, exp(-((z / 20) ** 2) / 2) / 20 / sqrt(2 * pi)) for z in range(-180, 181)]


def depth_of(attempts: list[Attempt], index: int) -> int:
    """How many revisions lie between an attempt and its fresh draw."""
    parent = attempts[index]["parent"]
    return 0 if parent is None else 1 + depth_of(attempts, parent)


# Wrong answers


class Values:
    """The wrong answers drawn so far: κ says how they coincide, M how many there may be.

    Where more were seen than there may be, there are as many as were seen.
    """

    def __init__(self, kappa: float, plausible: float) -> None:
        self.kappa, self.plausible = kappa, plausible
        self.many: dict[str, float] = {}

    def copy(self) -> "Values":
        """The same draws, to go on from."""
        same = Values(self.kappa, self.plausible)
        same.many = self.many.copy()
        return same

    def chance(self, value: str) -> float:
        """P(the next is `value`); of any not seen, where it was not."""
        m, n, d = self.many.get(value), sum(self.many.values()), len(self.many)
        if self.kappa == 1:
            return 1.0 if m is not None or d == 0 else 0.0
        if self.plausible == inf:
            theta = 1 / self.kappa - 1
            return (theta if m is None else m) / (n + theta)
        left = max(self.plausible - d, 0)
        if self.kappa * self.plausible <= 1 + 1e-12:
            return (left if m is None else 1) / max(self.plausible, d)
        a = (1 - self.kappa) / (self.kappa * self.plausible - 1)
        return (a * left if m is None else m + a) / (n + a * max(self.plausible, d))

    def draw(self, value: str, left: str | None = None) -> float:
        """Draw `value`, and return the chance of that; `left` is a wrong one that it replaces."""
        chance, passed = self.chance(value), 0.0
        if left is not None:
            passed = self.chance(left)
            if passed >= 1:
                return 0.0
            chance /= 1 - passed
            # Draws of `left` that were passed over, geometrically many: in the mean p / (1 − p).
            self.many[left] = self.many.get(left, 0.0) + passed / (1 - passed)
        self.many[value] = self.many.get(value, 0.0) + 1
        return chance


def values_of(rates: Rates, choices: int | None) -> Values:
    """The wrong answers of a question, none of which was drawn."""
    if choices is None:
        plausible = inf if rates.plausible_wrong is None else rates.plausible_wrong
        return Values(rates.coincidence, plausible)
    return Values(max(rates.coincidence, 1 / (choices - 1)), choices - 1)


# Scores


def intercepts(rates: Rates) -> list[tuple[float, float]]:
    """Values of a question's intercept, and how likely each is."""
    return NOTHING_KNOWN if rates.scores is None else GRID


def normal(x: float, mean: float, variance: float) -> float:
    return exp(-((x - mean) ** 2) / (2 * variance)) / sqrt(2 * pi * variance)


def normal_below(x: float) -> float:
    return erfc(-x / sqrt(2)) / 2


def logistic(x: float) -> float:
    return 1 / (1 + exp(-x))


def quantile(law: GradedScores, score: float) -> float:
    """x of a score, between the two known ones next to it."""
    known = list(zip(law.scores, law.quantiles, strict=True))
    if score <= known[0][0]:
        return known[0][1]
    for (low, from_x), (high, to_x) in pairwise(known):
        if score <= high:
            return from_x + (to_x - from_x) * (score - low) / (high - low)
    return known[-1][1]


def accept_chance(rates: Rates, k: int, z: float, right: bool) -> float:
    """P(accept | label, class, intercept)."""
    law = rates.scores
    if law is None:
        return rates.sensitivity[k] if right else 1 - rates.specificity[k]
    eta = log(rates.initial[k] / (1 - rates.initial[k]))
    shared = law.difficulty * eta + law.intercept * z
    level = law.right if right else law.wrong
    if isinstance(law, TwoValuedScores):
        return logistic(level + shared)
    spread = law.right_spread if right else law.wrong_spread
    return 1 - normal_below((quantile(law, rates.accept_threshold) - level - shared) / spread)


def score_chance(rates: Rates, k: int, score: float, right: bool, z: float = 0.0) -> float:
    """f_C(x) or f_W(x) of one score; of score ratios only their quotient is known."""
    if isinstance(rates.scores, GradedScores):
        return scores_chance(rates, k, [score], right, z)
    if rates.score_cuts and rates.scores is None:
        step = sum(score >= cut for cut in rates.score_cuts)
        return exp(rates.score_log_ratios[step]) if right else 1.0
    accepts = accept_chance(rates, k, z, right)
    return accepts if score >= rates.accept_threshold else 1 - accepts


def scores_chance(rates: Rates, k: int, scores: list[float], right: bool, z: float) -> float:
    """f of all scores of one answer, which count for m/(1+(m−1)ρ) of them."""
    m, law = len(scores), rates.scores
    size = 1 + (m - 1) * rates.verdict_correlation
    if not isinstance(law, GradedScores):
        each = [score_chance(rates, k, score, right, z) for score in scores]
        return 0.0 if 0 in each else exp(sum(map(log, each)) / size)
    eta = log(rates.initial[k] / (1 - rates.initial[k]))
    mean = (law.right if right else law.wrong) + law.difficulty * eta + law.intercept * z
    spread = law.right_spread if right else law.wrong_spread
    x = sum(quantile(law, score) for score in scores) / m
    return normal(x, mean, spread**2 * size / m)


# Runs


def over_keys(
    rates: Rates, attempts: list[Attempt], choices: int | None = None
) -> tuple[dict[str | None, list[float]], list[str]]:
    """P(class k and hypothesis h), h a key or None for none of them; and the keys in order."""
    keys = list(dict.fromkeys(one["key"] for one in attempts if one["key"] is not None))
    joint = {
        hypothesis: [
            run_chance(rates, attempts, hypothesis, k, choices) for k in range(rates.n_classes)
        ]
        for hypothesis in [*keys, None]
    }
    total = sum(map(sum, joint.values()))
    if total == 0:  # what contradicts its rates has no posterior to compare with
        reject()
    return {h: [chance / total for chance in row] for h, row in joint.items()}, keys


def run_chance(
    rates: Rates, attempts: list[Attempt], right: str | None, k: int, choices: int | None = None
) -> float:
    """P(class k and all attempts), if `right` is the right answer; None if no attempt has it."""
    chance, _ = answers_chance(rates, attempts, right, k, choices)
    return chance * sum(
        weight * _evidence(rates, attempts, right, k, z) for z, weight in intercepts(rates)
    )


def answers_chance(
    rates: Rates, attempts: list[Attempt], right: str | None, k: int, choices: int | None = None
) -> tuple[float, Values]:
    """The same without the scores, and the wrong answers drawn."""
    chance, values = rates.weights[k], values_of(rates, choices)
    for index in range(len(attempts)):
        chance *= _attempt_chance(rates, values, attempts, index, right, k)
    return chance, values


def _attempt_chance(rates, values, attempts, index, right, k):
    key, parent = attempts[index]["key"], attempts[index]["parent"]
    correct = key is not None and key == right

    def value(left=None):  # what is wrong and has no key draws no value
        return 1.0 if key is None else values.draw(key, left)

    if parent is None:
        return rates.initial[k] if correct else (1 - rates.initial[k]) * value()
    factor = rates.settling ** (depth_of(attempts, index) - 1)
    repair, corruption = rates.repair[k] * factor, rates.corruption[k] * factor
    before = attempts[parent]["key"]
    if before is not None and before == right:
        return 1 - corruption if correct else corruption * value()
    if correct:
        return repair
    if key is None or before is None:
        return (1 - repair) * value()
    sigma = 1.0 if values.kappa == 1 else rates.retention[k]
    if key == before:
        return (1 - repair) * sigma
    return (1 - repair) * (1 - sigma) * value(before)


def _evidence(rates, attempts, right, k, z):
    chance = 1.0
    for answer, scores in scores_by_answer(attempts).items():
        chance *= scores_chance(rates, k, scores, answer == right, z)
    return chance


def scores_by_answer(attempts: list[Attempt]) -> dict[str | int, list[float]]:
    """The scores of each key; an attempt without one is an answer of its own."""
    by_answer: dict[str | int, list[float]] = {}
    for index, one in enumerate(attempts):
        if one["score"] is not None:
            answer = index if one["key"] is None else one["key"]
            by_answer.setdefault(answer, []).append(one["score"])
    return by_answer


def over_candidates(rates: Rates, attempts: list[Attempt], wrong_answers: int) -> list[float]:
    """P(candidate is right) for candidates "0", "1", …, each of them equally likely beforehand.

    Tells how a run comes about if there are exactly so many wrong answers, all equally likely, and
    a verdict is drawn anew each time: nothing here knows of answers not yet seen.
    """
    candidates = [str(i) for i in range(wrong_answers + 1)]
    chances = []
    for truth in candidates:
        chances.append(0.0)
        for k in range(rates.n_classes):
            chance, sigma = rates.weights[k], rates.retention[k]
            for one in attempts:
                right = one["key"] == truth
                if one["parent"] is None:
                    before, to_right = None, rates.initial[k]
                else:
                    before = attempts[one["parent"]]["key"]
                    to_right = rates.repair[k] if before != truth else 1 - rates.corruption[k]
                if right:
                    chance *= to_right
                elif before in (None, truth):
                    chance *= (1 - to_right) / wrong_answers
                elif one["key"] == before:
                    chance *= (1 - to_right) * sigma
                else:
                    chance *= (1 - to_right) * (1 - sigma) / (wrong_answers - 1)
                if one["score"] is not None:
                    accept = rates.sensitivity[k] if right else 1 - rates.specificity[k]
                    chance *= accept if one["score"] >= rates.accept_threshold else 1 - accept
            chances[-1] += chance
    return [chance / sum(chances) for chance in chances]


def over_labels(rates: Rates, attempts: list[Attempt]) -> tuple[list[list[float]], list[float]]:
    """P(class k and attempt i is correct), and P(class k): from all 2ⁿ ways of being right."""
    n = len(attempts)
    joint = [[0.0] * rates.n_classes for _ in range(n)]
    classes = [0.0] * rates.n_classes
    scored = [index for index in range(n) if attempts[index]["score"] is not None]
    for k, (z, weight) in product(range(rates.n_classes), intercepts(rates)):
        says = {
            (index, right): score_chance(rates, k, attempts[index]["score"], right, z)
            for index in scored
            for right in (False, True)
        }
        for labels in product((False, True), repeat=n):
            chance = rates.weights[k] * weight
            for index, right in enumerate(labels):
                parent = attempts[index]["parent"]
                factor = rates.settling ** (depth_of(attempts, index) - 1)
                if parent is None:
                    to_right = rates.initial[k]
                elif labels[parent]:
                    to_right = 1 - rates.corruption[k] * factor
                else:
                    to_right = rates.repair[k] * factor
                chance *= (to_right if right else 1 - to_right) * says.get((index, right), 1.0)
            classes[k] += chance
            for index, right in enumerate(labels):
                joint[index][k] += chance if right else 0.0
    total = sum(classes)
    return [[chance / total for chance in row] for row in joint], [c / total for c in classes]
