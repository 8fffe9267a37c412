"""Simulation: the accuracy and the attempts of a policy on questions drawn from known rates.

There is no closed form for the accuracy of a rule that decides anew after every attempt, so that
its accuracy and its attempts are measured on simulated questions. Questions differ only by their
attempts, and most begin alike: histories are kept in a tree, and each is decided once.

Two policies with the same seed get the same questions and the same random numbers, attempt by
attempt, so that they differ by what they do and hardly by chance.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.validation import single, whole
from langchain_markovscale.types import Attempt, Decision, new_attempt

Floats = NDArray[np.float64]
Policy = Callable[[Sequence[Attempt]], Decision]
"""What to do after some attempts, such as `Criterion.decide`."""

_RIGHT = -1  # the value of a right answer; wrong ones count from 0
_CORRECT, _VALUE, _RETAINED, _LASTING, _SCORE, _KEY_SCORE = range(6)  # of the random numbers


class PolicyOutcome(NamedTuple):
    """Accuracy and attempts of a policy, as means over simulated questions.

    Attributes:
        accuracy: Share of questions whose returned answer was right.
        accuracy_error: Its standard error, at most.
        attempts: Attempts at a question, the first included.
        revisions: How many of them were revisions.
    """

    accuracy: float
    accuracy_error: float
    attempts: float
    revisions: float

    @property
    def fresh_draws(self) -> float:
        """Fresh draws at a question, beside the first attempt."""
        return self.attempts - self.revisions - 1


class ScoreLaw(NamedTuple):
    """The distribution of a verifier's scores.

    Attributes:
        scores: The J scores that it gives, rising.
        cumulative: P(one of the first j scores | class, label), for j = 1 … J; by label (wrong
            first), then by class.
    """

    scores: tuple[float, ...]
    cumulative: tuple[tuple[tuple[float, ...], ...], ...]


def verdict_law(rates: Rates) -> ScoreLaw:
    """Return scores that say accept (1) or reject (0), by sensitivity and specificity."""
    wrong = tuple((specificity, 1.0) for specificity in rates.specificity)
    right = tuple((1 - sensitivity, 1.0) for sensitivity in rates.sensitivity)
    return ScoreLaw((0.0, 1.0), (wrong, right))


def graded_law(rates: Rates, reliability: Sequence[Sequence[float]]) -> ScoreLaw:
    """Return one score for each step of the likelihood ratio, as often as it was seen.

    Args:
        rates: With `score_cuts`.
        reliability: For each bin of scores: mean score, share correct, attempts; shape (bins, 3).
    """
    score, share, many = np.asarray(reliability, dtype=np.float64).T
    cuts = rates.score_cuts
    step = np.searchsorted(cuts, score, side="right")
    cumulative = []
    for seen in (many * (1 - share), many * share):
        counts = np.bincount(step, seen, len(cuts) + 1)
        chances = np.minimum(np.cumsum(counts) / counts.sum(), 1.0)
        cumulative.append((tuple(chances.tolist()),) * rates.n_classes)
    return ScoreLaw((0.0, *cuts), tuple(cumulative))


def simulate(
    policy: Policy,
    rates: Rates,
    *,
    questions: int = 2000,
    seed: int = 0,
    scores: ScoreLaw | None = None,
    keyed: bool = True,
) -> PolicyOutcome:
    """Put simulated questions to a policy.

    Classes, answers, revisions, coincidences and repeated scores come about as `rates` says (see
    `Rates`); wrong answers spread over ⌈1/κ⌉ values such that two of them coincide with chance κ.
    Shares of classes and of right first answers are met exactly, up to one question.

    Args:
        policy: Decides after every attempt, also before the first; it must stop in the end. It is
            asked once for each distinct history, in which answers are named by their order.
        rates: What the questions are drawn from.
        questions: How many.
        seed: The same seed gives the same questions, whatever the policy.
        scores: The distribution of scores; by default accept or reject, see `verdict_law`.
        keyed: Whether answers have keys, by which they can be told apart and compared.

    Raises:
        ValueError: If `questions` is not a whole number of at least 1.
    """
    n = int(single("questions", whole("questions", questions, least=1)))
    simulator = _Simulator(rates, n, seed, scores or verdict_law(rates), keyed)
    root = _History(policy, [])
    right = attempts = revisions = 0
    for question in range(n):
        end, values = simulator.run(question, root, policy)
        best = end.decision["best"]
        right += best is not None and values[best] == _RIGHT
        attempts += len(end.attempts)
        revisions += sum(each["parent"] is not None for each in end.attempts)
    accuracy = right / n
    return PolicyOutcome(accuracy, sqrt(accuracy * (1 - accuracy) / n), attempts / n, revisions / n)


class _History:
    """Attempts that some questions have in common, and what is decided after them."""

    __slots__ = ("attempts", "decision", "next")

    def __init__(self, policy: Policy, attempts: list[Attempt]) -> None:
        self.attempts = attempts
        self.decision = policy(attempts)
        self.next: dict[tuple[str | None, int], _History] = {}

    def then(self, policy: Policy, key: str | None, score: int, law: ScoreLaw) -> "_History":
        """Return the history with one more attempt, which got the law's `score`."""
        found = self.next.get((key, score))
        if found is None:
            parent = self.decision["parent"]
            attempt = new_attempt("", key=key, score=law.scores[score], parent=parent)
            found = self.next[key, score] = _History(policy, [*self.attempts, attempt])
        return found


class _Simulator:
    """Draws answers and scores by rates, with the same random numbers for every policy."""

    def __init__(self, rates: Rates, questions: int, seed: int, law: ScoreLaw, keyed: bool) -> None:
        self.rates, self.law, self.keyed = rates, law, keyed
        self.questions, self.seed = questions, seed
        self.common, self.values = _wrong_answers(rates.coincidence)
        # Evenly spaced positions on the line of all classes give both: which class a question is
        # of, and where in its class it lies, which decides whether the first answer is right.
        ends = np.cumsum(rates.weights)
        position = (np.arange(questions) + np.random.default_rng(seed).random()) / questions
        self.classes = np.minimum(np.searchsorted(ends, position, "right"), len(ends) - 1).tolist()
        begins = np.append(0.0, ends[:-1])[self.classes]
        shares = np.asarray(rates.weights)[self.classes]
        self.first = ((position - begins) / shares).tolist()
        self.uniforms: list[list[list[float]]] = []  # by attempt, question and use

    def run(self, question: int, root: _History, policy: Policy) -> tuple[_History, list[int]]:
        """Follow the policy to its end; return that, and the value of every answer."""
        k = self.classes[question]
        values: list[int] = []
        depths: list[int] = []
        names: dict[int, str] = {}
        lasting: dict[int, int] = {}
        here = root
        while here.decision["action"] != "stop":
            uniform = self._uniforms_for(len(values))[question]
            parent = here.decision["parent"]
            if parent is None:
                correct = self.first[question] if not values else uniform[_CORRECT]
                right = correct < self.rates.initial[k]
                value = _RIGHT if right else self._any_wrong(uniform[_VALUE])
            else:
                value = self._revised(k, values[parent], depths[parent], uniform)
            values.append(value)
            depths.append(0 if parent is None else depths[parent] + 1)
            key = names.setdefault(value, str(len(names))) if self.keyed else None
            chances = self.law.cumulative[value == _RIGHT][k]
            if value not in lasting:
                lasting[value] = bisect_right(chances[:-1], uniform[_KEY_SCORE])
            # Two scores of an answer are the same draw with chance √ρ · √ρ.
            repeats = uniform[_LASTING] < sqrt(self.rates.verdict_correlation)
            score = lasting[value] if repeats else bisect_right(chances[:-1], uniform[_SCORE])
            here = here.then(policy, key, score, self.law)
        return here, values

    def _revised(self, k: int, before: int, depth: int, uniform: list[float]) -> int:
        repair, corruption = self.rates.at_depth(depth)
        if before == _RIGHT:
            corrupted = uniform[_CORRECT] < corruption[k]
            return self._any_wrong(uniform[_VALUE]) if corrupted else _RIGHT
        if uniform[_CORRECT] < repair[k]:
            return _RIGHT
        if self.values == 1 or uniform[_RETAINED] < self.rates.retention:
            return before
        # Another wrong one: the line of wrong answers with the present one cut out.
        begin = before * self.common
        width = 1 - begin if before == self.values - 1 else self.common
        place = uniform[_VALUE] * (1 - width)
        return self._any_wrong(place if place < begin else place + width)

    def _any_wrong(self, place: float) -> int:
        return min(int(place / self.common), self.values - 1)

    def _uniforms_for(self, attempt: int) -> list[list[float]]:
        """Return six uniform random numbers for each question's attempt at this place."""
        while len(self.uniforms) <= attempt:
            rng = np.random.default_rng((self.seed, len(self.uniforms)))
            self.uniforms.append(rng.random((self.questions, 6)).tolist())
        return self.uniforms[attempt]


def _wrong_answers(coincidence: float) -> tuple[float, int]:
    """Return the chance of each wrong answer but the last, and how many there are.

    With n = ⌈1/κ⌉ values, n − 1 of chance q and one of chance 1 − (n−1) q ≤ q coincide with chance
    κ where (n−1) q² + (1 − (n−1) q)² = κ.
    """
    n = ceil(1 / coincidence - 1e-9)
    if n == 1:
        return 1.0, 1
    rest = max((coincidence * n - 1) / (n - 1), 0.0)
    return (1 + sqrt(rest)) / n, n
