"""Rules that learn from labelled questions, to be tried on others.

Two of them are rules that people could use today. The third, a policy that is read off a table of
what has paid, shows how much a rule could earn that knows no more of a run than a few counts.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist, fmean
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from langchain_markovscale.replay.pool import PooledQuestion
from langchain_markovscale.replay.replay import Strategy, replay
from langchain_markovscale.replay.strategies import (
    AdaptiveConsistency,
    best_scored,
    chance_of_majority,
    drawing,
    plurality,
    revising,
    votes_by_key,
)
from langchain_markovscale.types import Action, Attempt, Decision

LEVELS = (0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
"""Levels that `tuned_consistency` tries: from 0.75 on there are at least two draws."""

_ORDERS = 16  # in which each question's draws are learned from
_PRIOR = 4.0  # observations that a cell of the table is worth before it has any of its own


def tuned_consistency(
    questions: Sequence[PooledQuestion], cost: float = 0.01, draws: int = 40
) -> AdaptiveConsistency:
    """Return adaptive consistency with the level that earns most on labelled questions.

    Args:
        questions: What to learn from.
        cost: c ≥ 0, of a draw: most is the highest mean of right − c × attempts.
        draws: The most draws of a question.
    """

    def earned(rule: AdaptiveConsistency) -> float:
        outcome = replay(rule, questions)
        return float(np.mean(outcome.correct - cost * outcome.attempts))

    return max((AdaptiveConsistency(level, draws) for level in LEVELS), key=earned)


@dataclass(frozen=True)
class WeightedConsistency:
    """Draw until the weighted lead is hardly chance; return the answer with the most weight.

    Adaptive consistency in which a draw counts by its score, after the idea of ReASC (ACL 2026):
    x is the normal quantile of the score's mid-rank among the training scores, within their range,
    and the weight is x mapped linearly from that range to [0, 1]. With V₁ the weight of the leading
    answer and V₂ that of the next, stop when P(p > 1/2) > `confidence` for p from
    Beta(V₁ + 1, V₂ + 1). A draw without a score weighs nothing.

    Attributes:
        training_scores: Of any attempts, rising.
        confidence: The level, in (0, 1).
        draws: The most draws of a question.
    """

    training_scores: tuple[float, ...]
    confidence: float = 0.95
    draws: int = 40
    scored: ClassVar[bool] = True

    @classmethod
    def learned(cls, questions: Iterable[PooledQuestion], draws: int = 40) -> "WeightedConsistency":
        """Return the rule with the scores of all attempts at some questions."""
        scores = (each["score"] for question in questions for each in question.attempts)
        return cls(tuple(sorted(score for score in scores if score is not None)), draws=draws)

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Draw while the weighted lead may be chance."""
        weights: dict[str, float] = {}
        for attempt in attempts:
            if attempt["key"] is not None:
                weight = self.weight(attempt["score"])
                weights[attempt["key"]] = weights.get(attempt["key"], 0.0) + weight
        if not weights:
            return drawing(attempts, len(attempts) >= self.draws, 0)
        first, second = (*sorted(weights.values(), reverse=True), 0.0)[:2]
        leading = max(weights, key=weights.__getitem__)
        done = len(attempts) >= self.draws or chance_of_majority(first, second) > self.confidence
        return drawing(attempts, done, votes_by_key(attempts)[leading][0])

    def weight(self, score: float | None) -> float:
        """Return what a draw with this score counts, in [0, 1]."""
        if score is None or not self.training_scores:
            return 0.0
        low, high = self._range
        if low == high:
            return 1.0
        return (min(max(self._quantile(score), low), high) - low) / (high - low)

    @cached_property
    def _range(self) -> tuple[float, float]:
        return self._quantile(self.training_scores[0]), self._quantile(self.training_scores[-1])

    def _quantile(self, score: float) -> float:
        end = 0.5 / len(self.training_scores)
        rank = mid_rank(self.training_scores, score)
        return NormalDist().inv_cdf(min(max(rank, end), 1 - end))


def mid_rank(scores: Sequence[float], score: float) -> float:
    """Return the share of some rising scores that lie below, those that are equal as a half."""
    return (bisect_left(scores, score) + bisect_right(scores, score)) / 2 / len(scores)


class Seen(NamedTuple):
    """What the learned policy knows of a run.

    Attributes:
        attempts: How many there are.
        first: Votes of the leading answer.
        second: Votes of the next.
        best: Tercile of the best score, 0 to 2; −1 without scores.
        last: Tercile of the last one.
    """

    attempts: int
    first: int
    second: int
    best: int
    last: int


Answer = Literal["plurality", "best score", "last"]
Step = Answer | Literal["go on"]


@dataclass(frozen=True)
class LearnedPolicy:
    """Do what has paid most on labelled questions, by a table over `Seen`.

    The table is found by backward induction: the value of a cell is the largest of the shares of
    right answers, by each way of choosing one, and of going on, −c + mean value of the cells that
    followed. A cell's means are drawn to those of all cells with the same attempts and votes.

    Attributes:
        action: How it goes on: `"generate"` draws afresh, `"revise"` revises the last attempt.
        rounds: The most attempts.
        cuts: The lowest scores of the upper terciles, by mid-rank: two values are always parted.
        steps: What to do, by cell; where a cell was never seen, it stops with the plurality.
    """

    action: Action
    rounds: int
    cuts: tuple[float, ...]
    steps: Mapping[Seen, Step]
    scored: ClassVar[bool] = True
    bound: ClassVar[bool] = True

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Look up what to do."""
        if not attempts:
            return drawing(attempts, False, 0)
        step = self.steps.get(seen(attempts, self.cuts), "plurality")
        best = _answer(attempts, "plurality" if step == "go on" else step)
        go = drawing if self.action == "generate" else revising
        return go(attempts, step != "go on" or len(attempts) >= self.rounds, best)

    @classmethod
    def learned(
        cls,
        questions: Sequence[PooledQuestion],
        cost: float = 0.01,
        rounds: int = 8,
        action: Action = "generate",
        seed: int = 0,
    ) -> "LearnedPolicy":
        """Learn from labelled questions.

        Args:
            questions: What to learn from; draws are taken in several orders, revisions as recorded.
            cost: c ≥ 0, of a round.
            rounds: The most attempts.
            action: How to go on.
            seed: Of the orders of draws.
        """
        scores = [each["score"] for question in questions for each in question.attempts]
        known = sorted(score for score in scores if score is not None)
        cuts = _terciles(known)
        table = _Table()
        for question in questions:
            for indices in _runs(question, rounds, action, seed):
                run = [question.attempts[index] for index in indices]
                cells = [seen(run[: n + 1], cuts) for n in range(len(run))]
                for n, cell in enumerate(cells):
                    right = {
                        answer: question.correct[indices[_answer(run[: n + 1], answer)]]
                        for answer in _answers(action, known)
                    }
                    table.add(cell, right, cells[n + 1] if n + 1 < len(cells) else None)
        return cls(action, rounds, cuts, table.solved(cost))


def seen(attempts: Sequence[Attempt], cuts: Sequence[float]) -> Seen:
    """Return what the learned policy knows of a run."""
    counts = sorted((many for _, many in votes_by_key(attempts).values()), reverse=True)
    first, second = (*counts, 0, 0)[:2]
    terciles = [
        -1 if attempt["score"] is None else bisect_right(cuts, attempt["score"])
        for attempt in attempts
    ]
    return Seen(len(attempts), first, second, max(terciles), terciles[-1])


def _terciles(scores: Sequence[float]) -> tuple[float, ...]:
    """Return the lowest of some rising scores whose mid-rank is at least 1/3, and at least 2/3."""
    ranks = {each: mid_rank(scores, each) for each in scores}
    above = ([each for each, rank in ranks.items() if rank >= part / 3] for part in (1, 2))
    return tuple(scores[0] for scores in above if scores)


def _answers(action: Action, scores: Sequence[float]) -> tuple[Answer, ...]:
    """Return the ways of choosing an answer that make sense."""
    ways: tuple[Answer, ...] = ("plurality",)
    if scores:
        ways += ("best score",)
    return (*ways, "last") if action == "revise" else ways


def _answer(attempts: Sequence[Attempt], way: Answer) -> int:
    if way == "last":
        return len(attempts) - 1
    return best_scored(attempts) if way == "best score" else plurality(votes_by_key(attempts))


def _runs(
    question: PooledQuestion, rounds: int, action: Action, seed: int
) -> Iterator[Sequence[int]]:
    """Yield runs through a question's attempts."""
    if action == "generate":
        rng = np.random.default_rng((seed, len(question.draws)))
        for _ in range(_ORDERS):
            yield rng.permutation(question.draws)[:rounds].tolist()
        return
    for draw in question.draws:
        yield question.chain_of(draw)[:rounds]


class _Table:
    """How often each cell was seen, what was right there, and which cells followed."""

    def __init__(self) -> None:
        self._right: dict[Seen, list[dict[Answer, bool]]] = defaultdict(list)
        self._next: dict[Seen, list[Seen]] = defaultdict(list)

    def add(self, cell: Seen, right: dict[Answer, bool], following: Seen | None) -> None:
        """Count one visit."""
        self._right[cell].append(right)
        if following is not None:
            self._next[cell].append(following)

    def solved(self, cost: float) -> dict[Seen, Step]:
        """Return the best step of each cell, found from the last attempts to the first."""
        values: dict[Seen, float] = {}
        steps: dict[Seen, Step] = {}
        for attempts in sorted({cell.attempts for cell in self._right}, reverse=True):
            alike: dict[tuple[int, int], list[Seen]] = defaultdict(list)
            for cell in self._right:
                if cell.attempts == attempts:
                    alike[cell.first, cell.second].append(cell)
            for cells in alike.values():
                for cell in cells:
                    worth = self._worths(cell, cells, values, cost)
                    steps[cell] = max(worth, key=worth.__getitem__)
                    values[cell] = worth[steps[cell]]
        return steps

    def _worths(
        self, cell: Seen, alike: Sequence[Seen], values: Mapping[Seen, float], cost: float
    ) -> dict[Step, float]:
        """Return what each step is worth in a cell."""
        answers = self._right[cell][0]
        worths: dict[Step, float] = {
            answer: _shrunk(
                [right[answer] for right in self._right[cell]],
                [right[answer] for other in alike for right in self._right[other]],
            )
            for answer in answers
        }
        everywhere = [values[following] for other in alike for following in self._next[other]]
        if everywhere:
            here = [values[following] for following in self._next[cell]]
            worths["go on"] = _shrunk(here, everywhere) - cost
        return worths


def _shrunk(here: Sequence[float], everywhere: Sequence[float]) -> float:
    """Return the mean in a cell, drawn towards that of all cells like it."""
    return (sum(here) + _PRIOR * fmean(everywhere)) / (len(here) + _PRIOR)


def learned_rules(
    questions: Sequence[PooledQuestion],
    *,
    rounds: int = 8,
    draws: int = 8,
    keyed: bool = True,
    scored: bool = True,
    cost: float = 0.01,
) -> dict[str, Strategy]:
    """Return the rules that learn, by name; the learned policies last.

    Args:
        questions: What to learn from.
        rounds: The most attempts of a rule that revises.
        draws: The most attempts of a rule that draws afresh.
        keyed: Whether answers have keys, which votes need.
        scored: Whether attempts have scores.
        cost: c ≥ 0, of a round, at which the rules that need one are learned.
    """
    named: dict[str, Strategy] = {}
    if draws > 1 and keyed:
        named["tuned adaptive consistency"] = tuned_consistency(questions, cost, draws)
        if scored:
            named["score-weighted consistency"] = WeightedConsistency.learned(questions, draws)
    if rounds > 1 and (keyed or scored):
        named["learned policy, revising"] = LearnedPolicy.learned(questions, cost, rounds, "revise")
    if draws > 1 and (keyed or scored):
        named["learned policy, drawing"] = LearnedPolicy.learned(questions, cost, draws)
    return named
