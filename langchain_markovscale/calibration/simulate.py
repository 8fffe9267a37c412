"""Simulation: the accuracy and the attempts of a policy on questions drawn from known rates.

There is no closed form for the accuracy of a rule that decides anew after every attempt, so that
its accuracy and its attempts are measured on simulated questions. Questions differ only by their
attempts, and most begin alike: histories are kept in a tree, and each is decided once.

Two policies with the same seed get the same questions and the same random numbers, attempt by
attempt, so that they differ by what they do and hardly by chance: they get the same answers and the
same scores for as long as they do the same.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores, log_odds
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.urn import Urn
from langchain_markovscale.theory.validation import single, whole
from langchain_markovscale.types import Attempt, Decision, new_attempt

Floats = NDArray[np.float64]
Policy = Callable[[Sequence[Attempt]], Decision]
"""What to do after some attempts, such as `Criterion.decide`."""

_STANDARD = NormalDist()
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
    """The distribution of a verifier's scores, where questions of a class are scored alike.

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

    Classes, answers, revisions, coincidences and scores come about as `rates` says (see `Rates`):
    wrong answers are drawn from its urn one after the other, and scores by `rates.scores`, with an
    intercept z for each question. Shares of classes and of right first answers are met exactly, up
    to one question.

    Args:
        policy: Decides after every attempt, also before the first; it must stop in the end. It is
            asked once for each distinct history, in which answers are named by their order.
        rates: What the questions are drawn from.
        questions: How many.
        seed: The same seed gives the same questions, whatever the policy.
        scores: The distribution of scores in place of that of `rates`, which is `rates.scores`, or
            else accept or reject, see `verdict_law`.
        keyed: Whether answers have keys, by which they can be told apart and compared.

    Raises:
        ValueError: If `questions` is not a whole number of at least 1.
    """
    (outcome,) = simulate_each(
        [policy], rates, questions=questions, seed=seed, scores=scores, keyed=keyed
    )
    return outcome


def simulate_each(
    policies: Sequence[Policy],
    rates: Rates,
    *,
    questions: int = 2000,
    seed: int = 0,
    scores: ScoreLaw | None = None,
    keyed: bool = True,
) -> list[PolicyOutcome]:
    """Put the same simulated questions to each of several policies, see `simulate`.

    All of them answer one question before any answers the next, so that criteria that share what
    they work out (see `Criterion.replace`) find it.
    """
    n = int(single("questions", whole("questions", questions, least=1)))
    simulator = _Simulator(rates, n, seed, scores, keyed)
    roots = [_History(policy, []) for policy in policies]
    right, attempts, revisions = np.zeros((3, len(policies)))
    for question in range(n):
        for which, (policy, root) in enumerate(zip(policies, roots, strict=True)):
            end, values = simulator.run(question, root, policy)
            best = end.decision["best"]
            right[which] += best is not None and values[best] == _RIGHT
            attempts[which] += len(end.attempts)
            revisions[which] += sum(each["parent"] is not None for each in end.attempts)
    accuracy = right / n
    error = np.sqrt(accuracy * (1 - accuracy) / n)
    means = np.array([accuracy, error, attempts / n, revisions / n])
    return [PolicyOutcome(*each) for each in means.T.tolist()]


class _History:
    """Attempts that some questions have in common, and what is decided after them."""

    __slots__ = ("attempts", "decision", "next")

    def __init__(self, policy: Policy, attempts: list[Attempt]) -> None:
        self.attempts = attempts
        self.decision = policy(attempts)
        self.next: dict[tuple[str | None, float], _History] = {}

    def then(self, policy: Policy, key: str | None, score: float) -> "_History":
        """Return the history with one more attempt."""
        found = self.next.get((key, score))
        if found is None:
            parent = self.decision["parent"]
            attempt = new_attempt("", key=key, score=score, parent=parent)
            found = self.next[key, score] = _History(policy, [*self.attempts, attempt])
        return found


class _WrongAnswers:
    """The urn of one question; see `theory/urn.py`."""

    __slots__ = ("_each", "_start", "_step", "_weights", "_whole")

    def __init__(self, urn: Urn) -> None:
        self._each, self._start, self._step = urn.law
        self._whole = self._start
        self._weights: list[float] = []  # of the values drawn so far, by their numbers

    @property
    def only_one(self) -> bool:
        """Whether there is one wrong answer."""
        return self._each == self._start

    def draw(self, uniform: float) -> int:
        """Draw a value, by a uniform random number."""
        return self._put(self._pick(uniform, None))

    def move(self, left: int, uniform: float) -> int:
        """Draw another value than `left`, passing over those draws that are the same."""
        found = self._pick(uniform, left)
        if self._step:
            passed = self._weights[left]
            extra = passed / (self._whole - passed)
            self._weights[left] += extra
            self._whole += extra
        return self._put(found)

    def _pick(self, uniform: float, without: int | None) -> int:
        unseen = max(self._start - self._each * len(self._weights), 0.0)
        whole = sum(self._weights) + unseen
        if without is not None:
            whole -= self._weights[without]
        place = uniform * whole - unseen
        if place < 0 or whole <= 0:
            return len(self._weights)
        last = len(self._weights)
        for value, weight in enumerate(self._weights):
            if value != without:
                last, place = value, place - weight
                if place < 0:
                    break
        return last

    def _put(self, value: int) -> int:
        if value == len(self._weights):
            self._weights.append(self._each)
        self._weights[value] += self._step
        self._whole += self._step
        return value


class _Verifier(Protocol):
    """Scores one answer after the other."""

    def score(self, question: int, value: int, scored: dict[int, float], use: list[float]) -> float:
        """Score an answer.

        Args:
            question: The question.
            value: The answer's value.
            scored: What lasts of each value of the question that was scored before.
            use: Uniform random numbers.
        """


class _Steps:
    """Some scores, each with its chance, which differs by label and question."""

    def __init__(
        self,
        scores: Sequence[float],
        cumulative: Sequence[Sequence[Sequence[float]]],
        correlation: float,
    ) -> None:
        self._scores, self._cumulative = scores, cumulative
        self._repeats = sqrt(correlation)  # two scores are the same draw with chance √ρ · √ρ

    def score(self, question: int, value: int, scored: dict[int, float], use: list[float]) -> float:
        chances = self._cumulative[value == _RIGHT][question][:-1]
        lasting = scored.setdefault(value, use[_KEY_SCORE])
        uniform = lasting if use[_LASTING] < self._repeats else use[_SCORE]
        return self._scores[bisect_right(chances, uniform)]


class _Graded:
    """Normal x about a mean that differs by label and question, taken back to scores."""

    def __init__(self, law: GradedScores, shared: Floats, correlation: float) -> None:
        self._scores, self._quantiles = np.array(law.scores), np.array(law.quantiles)
        self._means = [(mean + shared).tolist() for mean in (law.wrong, law.right)]
        self._spreads = law.wrong_spread, law.right_spread
        self._of_answer, self._of_score = sqrt(correlation), sqrt(1 - correlation)

    def score(self, question: int, value: int, scored: dict[int, float], use: list[float]) -> float:
        lasting = scored.setdefault(value, _normal(use[_KEY_SCORE]))
        noise = self._of_answer * lasting + self._of_score * _normal(use[_SCORE])
        right = value == _RIGHT
        x = self._means[right][question] + self._spreads[right] * noise
        return float(np.interp(x, self._quantiles, self._scores))


def _normal(uniform: float) -> float:
    return _STANDARD.inv_cdf(max(uniform, 1e-300))


class _Simulator:
    """Draws answers and scores by rates, with the same random numbers for every policy."""

    def __init__(
        self, rates: Rates, questions: int, seed: int, law: ScoreLaw | None, keyed: bool
    ) -> None:
        self.rates, self.keyed = rates, keyed
        self.questions, self.seed = questions, seed
        # Evenly spaced positions on the line of all classes give both: which class a question is
        # of, and where in its class it lies, which decides whether the first answer is right.
        rng = np.random.default_rng(seed)
        ends = np.cumsum(rates.weights)
        position = (np.arange(questions) + rng.random()) / questions
        self.classes = np.minimum(np.searchsorted(ends, position, "right"), len(ends) - 1).tolist()
        begins = np.append(0.0, ends[:-1])[self.classes]
        shares = np.asarray(rates.weights)[self.classes]
        self.first = ((position - begins) / shares).tolist()
        self.verifier = self._verifier(law, rng.standard_normal(questions))
        self.uniforms: list[list[list[float]]] = []  # by attempt, question and use

    def _verifier(self, given: ScoreLaw | None, z: Floats) -> _Verifier:
        rates, correlation = self.rates, self.rates.verdict_correlation
        law = rates.scores
        if given is not None or law is None:
            scores, by_class = given or verdict_law(rates)
            by_question = [[one[k] for k in self.classes] for one in by_class]
            return _Steps(scores, by_question, correlation)
        eta = log_odds(rates.arrays.initial)[self.classes]
        shared = law.difficulty * eta + law.intercept * z
        if isinstance(law, GradedScores):
            return _Graded(law, shared, correlation)
        return _Steps((0.0, 1.0), _verdicts(law, shared), correlation)

    def run(self, question: int, root: _History, policy: Policy) -> tuple[_History, list[int]]:
        """Follow the policy to its end; return that, and the value of every answer."""
        values: list[int] = []
        depths: list[int] = []
        names: dict[int, str] = {}
        scored: dict[int, float] = {}
        wrong = _WrongAnswers(self.rates.urn)
        here = root
        while here.decision["action"] != "stop":
            use = self._uniforms_for(len(values))[question]
            parent = here.decision["parent"]
            if parent is None:
                correct = use[_CORRECT] if values else self.first[question]
                right = correct < self.rates.initial[self.classes[question]]
                value = _RIGHT if right else wrong.draw(use[_VALUE])
            else:
                value = self._revised(question, values[parent], depths[parent], wrong, use)
            values.append(value)
            depths.append(0 if parent is None else depths[parent] + 1)
            key = names.setdefault(value, str(len(names))) if self.keyed else None
            score = self.verifier.score(question, value, scored, use)
            here = here.then(policy, key, score)
        return here, values

    def _revised(
        self, question: int, before: int, depth: int, wrong: _WrongAnswers, use: list[float]
    ) -> int:
        k = self.classes[question]
        repair, corruption = self.rates.at_depth(depth)
        if before == _RIGHT:
            return wrong.draw(use[_VALUE]) if use[_CORRECT] < corruption[k] else _RIGHT
        if use[_CORRECT] < repair[k]:
            return _RIGHT
        if wrong.only_one or use[_RETAINED] < self.rates.retention[k]:
            return before
        return wrong.move(before, use[_VALUE])

    def _uniforms_for(self, attempt: int) -> list[list[float]]:
        """Return six uniform random numbers for each question's attempt at this place."""
        while len(self.uniforms) <= attempt:
            rng = np.random.default_rng((self.seed, len(self.uniforms)))
            self.uniforms.append(rng.random((self.questions, 6)).tolist())
        return self.uniforms[attempt]


def _verdicts(law: TwoValuedScores, shared: Floats) -> list[list[tuple[float, float]]]:
    """Return P(rejected) and 1 by label, wrong first, and question."""
    rejected = (1 / (1 + np.exp(level + shared)) for level in (law.wrong, law.right))
    return [[(chance, 1.0) for chance in chances.tolist()] for chances in rejected]
