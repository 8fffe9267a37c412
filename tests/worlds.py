"""Simulated questions whose rates are known, and rules that spend calls on them.

A world says how answers, revisions and verdicts come about; a question is one draw from it. The
right answer is always "right", the wrong ones are "wrong 1", "wrong 2", … A rule takes a question
and returns the answer that it settles on; the question counts the calls that this took.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt
from random import Random
from typing import NamedTuple

from langchain_markovscale import Attempt, Criterion, Rates

RIGHT = "right"
ACCEPT, REJECT = 1.0, 0.0


class Band(NamedTuple):
    """How hard a share of the questions is."""

    initial: float
    repair: float
    corruption: float


@dataclass(frozen=True)
class World:
    """Bands of questions in equal shares, and one verifier for all.

    `stickiness` is the chance that a verdict on an answer that was judged before repeats the first
    verdict. `retention` is the chance that a wrong answer survives an unsuccessful revision; None
    draws it anew among the wrong answers. Repair and corruption are `settling` times as large at
    each further depth of revision. With a `concentration` θ a question has tempting wrong answers
    of its own, any number of them, drawn from an urn.
    """

    bands: tuple[Band, ...] = (
        Band(0.90, 0.60, 0.05),
        Band(0.60, 0.35, 0.10),
        Band(0.25, 0.12, 0.15),
    )
    sensitivity: float = 0.85
    specificity: float = 0.80
    wrong_answers: int = 3
    stickiness: float = 0.0
    retention: float | None = None
    settling: float = 1.0
    concentration: float | None = None

    def rates(self) -> Rates:
        """What somebody who knew everything about this world would decide with."""
        initial, repair, corruption = zip(*self.bands, strict=True)
        n = len(self.bands)
        urn, many = self.concentration, self.wrong_answers
        even = 1 / many if urn is None else 1 / (1 + urn)
        return Rates(
            weights=(1 / n,) * n,
            initial=initial,
            repair=repair,
            corruption=corruption,
            sensitivity=(self.sensitivity,) * n,
            specificity=(self.specificity,) * n,
            coincidence=even,
            plausible_wrong=many if urn is None else None,
            retention=even if self.retention is None else self.retention,
            verdict_correlation=self.stickiness,
            settling=self.settling,
        )


@dataclass
class Question:
    """One question of a world: answers, revisions and verdicts, each of them a call."""

    world: World
    band: Band
    random: Random
    calls: int = 0
    verdicts: dict[str, bool] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def draw(self) -> str:
        self.calls += 1
        return RIGHT if self.random.random() < self.band.initial else self._wrong()

    def revise(self, answer: str, depth: int = 0) -> str:
        """Revise an answer that so many revisions led to."""
        self.calls += 1
        settled = self.world.settling**depth
        if answer == RIGHT:
            return self._wrong() if self.random.random() < self.band.corruption * settled else RIGHT
        if self.random.random() < self.band.repair * settled:
            return RIGHT
        retention = self.world.retention
        if retention is None:
            return self._wrong()
        if self.random.random() < retention:
            return answer
        while (other := self._wrong()) == answer:
            pass
        return other

    def accepts(self, answer: str) -> bool:
        self.calls += 1
        if answer in self.verdicts and self.random.random() < self.world.stickiness:
            return self.verdicts[answer]
        right = answer == RIGHT
        chance = self.world.sensitivity if right else 1 - self.world.specificity
        verdict = self.random.random() < chance
        self.verdicts.setdefault(answer, verdict)
        return verdict

    def _wrong(self) -> str:
        many = self.world.wrong_answers
        if self.world.concentration is not None:
            place = self.random.random() * (len(self.wrong) + self.world.concentration)
            if place < len(self.wrong):
                self.wrong.append(self.wrong[int(place)])
                return self.wrong[-1]
            many = 10**9
        self.wrong.append(f"wrong {self.random.randint(1, many)}")
        return self.wrong[-1]


Rule = Callable[[Question], str]


class Outcome(NamedTuple):
    """What a rule bought, over some questions."""

    accuracy: float
    calls: float
    accuracy_error: float
    calls_error: float


def play(rule: Rule, world: World, questions: int, seed: int = 0) -> Outcome:
    """Put seeded questions, the bands in turn, to a rule; errors are standard errors."""
    random = Random(seed)
    right, calls = 0, []
    for number in range(questions):
        question = Question(world, world.bands[number % len(world.bands)], random)
        right += rule(question) == RIGHT
        calls.append(question.calls)
    accuracy, mean = right / questions, sum(calls) / questions
    spread = sqrt(sum((paid - mean) ** 2 for paid in calls) / questions)
    return Outcome(
        accuracy, mean, sqrt(accuracy * (1 - accuracy) / questions), spread / sqrt(questions)
    )


def by_criterion(criterion: Criterion) -> Rule:
    """Do what the criterion decides until it stops, and return its best answer."""

    def rule(question: Question) -> str:
        attempts: list[Attempt] = []
        while True:
            decision = criterion.decide(attempts)
            if decision["action"] == "stop":
                return attempts[decision["best"]]["key"]
            parent = decision["parent"]
            key = question.draw() if parent is None else question.revise(attempts[parent]["key"])
            attempts.append(attempt(key, ACCEPT if question.accepts(key) else REJECT, parent))

    return rule


def restart_until_accepted(most: int) -> Rule:
    """Fresh draws until one is accepted; where none of them is, the last."""

    def rule(question: Question) -> str:
        for _ in range(most):
            answer = question.draw()
            if question.accepts(answer):
                break
        return answer

    return rule


def best_of(draws: int) -> Rule:
    """The answer accepted most often among fresh draws, a rejected draw counting one hundredth."""

    def rule(question: Question) -> str:
        votes: Counter[str] = Counter()
        for _ in range(draws):
            answer = question.draw()
            votes[answer] += 1 if question.accepts(answer) else 0.01
        return votes.most_common(1)[0][0]

    return rule


def attempt(key: str | None, score: float | None = None, parent: int | None = None) -> Attempt:
    """An attempt of which only what the theory reads is told."""
    return {
        "text": "" if key is None else key,
        "key": key,
        "score": score,
        "action": "generate" if parent is None else "revise",
        "parent": parent,
        "feedback": None,
        "tokens": None,
    }


def broad_prior() -> Rates:
    """The training-free grid: 45 equal classes and a guess at the verifier."""
    grid = [
        (initial, repair, corruption)
        for initial in (0.1, 0.3, 0.5, 0.7, 0.9)
        for repair in (0.05, 0.2, 0.5)
        for corruption in (0.02, 0.1, 0.3)
    ]
    initial, repair, corruption = zip(*grid, strict=True)
    return Rates(
        weights=(1 / 45,) * 45,
        initial=initial,
        repair=repair,
        corruption=corruption,
        sensitivity=(0.8,) * 45,
        specificity=(0.75,) * 45,
        coincidence=0.25,
        retention=0.25,
        verdict_correlation=0.5,
    )
