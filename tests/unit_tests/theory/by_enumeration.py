"""Posteriors in plain Python: every hypothesis written out, every chance multiplied up.

Slow, and for that reason easy to compare with the theory line by line.
"""

from itertools import product
from math import exp, log

from hypothesis import reject

from langchain_markovscale import Attempt, Rates


def depth_of(attempts: list[Attempt], index: int) -> int:
    """How many revisions lie between an attempt and its fresh draw."""
    parent = attempts[index]["parent"]
    return 0 if parent is None else 1 + depth_of(attempts, parent)


def score_chance(rates: Rates, k: int, score: float, right: bool) -> float:
    """f_C(x) or f_W(x) in class k; of score ratios only their quotient is known."""
    if rates.score_cuts:
        step = sum(score >= cut for cut in rates.score_cuts)
        return exp(rates.score_log_ratios[step]) if right else 1.0
    accepts = rates.sensitivity[k] if right else 1 - rates.specificity[k]
    return accepts if score >= rates.accept_threshold else 1 - accepts


def over_keys(
    rates: Rates, attempts: list[Attempt], choices: int | None = None
) -> tuple[dict[str | None, list[float]], list[str]]:
    """P(class k and hypothesis h), h a key or None for none of them; and the keys in order."""
    kappa = 1 / (choices - 1) if choices else rates.coincidence
    sigma = 1.0 if kappa == 1 else rates.retention
    keys = list(dict.fromkeys(one["key"] for one in attempts if one["key"] is not None))
    unseen = choices - len(keys) if choices else max(1 / kappa + 1 - len(keys), 1)
    joint = {}
    for hypothesis in [*keys, None]:
        row = []
        for k in range(rates.n_classes):
            chance = rates.weights[k] * (unseen if hypothesis is None else 1)
            for index in range(len(attempts)):
                chance *= _attempt_chance(rates, kappa, sigma, attempts, index, hypothesis, k)
            row.append(chance * _evidence(rates, attempts, hypothesis, k))
        joint[hypothesis] = row
    total = sum(map(sum, joint.values()))
    if total == 0:  # what contradicts its rates has no posterior to compare with
        reject()
    return {h: [chance / total for chance in row] for h, row in joint.items()}, keys


def _attempt_chance(rates, kappa, sigma, attempts, index, hypothesis, k):
    key, parent = attempts[index]["key"], attempts[index]["parent"]
    right = key is not None and key == hypothesis
    value = 1.0 if key is None else kappa  # what is wrong and has no key draws no value
    if parent is None:
        return rates.initial[k] if right else (1 - rates.initial[k]) * value
    factor = rates.settling ** (depth_of(attempts, index) - 1)
    repair, corruption = rates.repair[k] * factor, rates.corruption[k] * factor
    before = attempts[parent]["key"]
    if before is not None and before == hypothesis:
        return 1 - corruption if right else corruption * value
    if right:
        return repair
    if key is None or before is None:
        return (1 - repair) * (value if before is None else 1.0)
    if key == before:
        return (1 - repair) * sigma
    return 0.0 if kappa == 1 else (1 - repair) * (1 - sigma) * kappa / (1 - kappa)


def _evidence(rates, attempts, hypothesis, k):
    """P(all scores), those of one key counting for m/(1+(m−1)ρ) of them."""
    by_answer = {}
    for index, one in enumerate(attempts):
        if one["score"] is not None:
            answer = index if one["key"] is None else one["key"]
            by_answer.setdefault(answer, []).append(one["score"])
    total = 0.0
    for answer, scores in by_answer.items():
        m, rho = len(scores), rates.verdict_correlation
        chances = [score_chance(rates, k, score, answer == hypothesis) for score in scores]
        total += sum(map(log, chances)) / (1 + (m - 1) * rho)
    return exp(total)


def over_candidates(rates: Rates, attempts: list[Attempt], wrong_answers: int) -> list[float]:
    """P(candidate is right) for candidates "0", "1", …, each of them equally likely beforehand.

    Tells how a run comes about if there are exactly so many wrong answers and a verdict is drawn
    anew each time: nothing here knows of a weight for answers not yet seen.
    """
    candidates = [str(i) for i in range(wrong_answers + 1)]
    chances = []
    for truth in candidates:
        chances.append(0.0)
        for k in range(rates.n_classes):
            chance = rates.weights[k]
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
                    chance *= (1 - to_right) * rates.retention
                else:
                    chance *= (1 - to_right) * (1 - rates.retention) / (wrong_answers - 1)
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
    for labels in product((False, True), repeat=n):
        for k in range(rates.n_classes):
            chance = rates.weights[k]
            for index, right in enumerate(labels):
                parent, score = attempts[index]["parent"], attempts[index]["score"]
                factor = rates.settling ** (depth_of(attempts, index) - 1)
                if parent is None:
                    to_right = rates.initial[k]
                elif labels[parent]:
                    to_right = 1 - rates.corruption[k] * factor
                else:
                    to_right = rates.repair[k] * factor
                chance *= to_right if right else 1 - to_right
                if score is not None:
                    chance *= score_chance(rates, k, score, right)
            classes[k] += chance
            for index, right in enumerate(labels):
                joint[index][k] += chance if right else 0.0
    total = sum(classes)
    return [[chance / total for chance in row] for row in joint], [c / total for c in classes]
