"""The rule against those that people use, on real attempts of other people's loops.

Each rule is met at its own mean attempts: the cost at which ours takes as many is found by
bisection on the half of the questions that rates, levels and tables are learned from, and both are
played on the other half. Differences are paired by question. Where the attempts of the two are
further apart than they should be, on either half, the figures say by how much. Pools are those of
tests/data/pools, or of the folder that MARKOVSCALE_POOLS names.
"""

import os
from collections.abc import Callable
from functools import cache
from math import exp, log, sqrt
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pytest
from numpy.random import default_rng
from pools import recorded
from worlds import World

from langchain_markovscale import Calibration, Criterion, read_traces
from langchain_markovscale.replay.learned_rules import (
    LearnedPolicy,
    WeightedConsistency,
    tuned_consistency,
)
from langchain_markovscale.replay.pool import Pool, PooledQuestion
from langchain_markovscale.replay.replay import Outcome, Strategy, replay
from langchain_markovscale.replay.strategies import SelfConsistency, UntilUnchanged

DATA = Path(__file__).parents[1] / "data"
POOLS = Path(os.environ.get("MARKOVSCALE_POOLS", DATA / "pools"))
FILES = sorted([*POOLS.glob("*.jsonl"), DATA / "arithmetic.jsonl"])
MOST = 8  # attempts
SPLITS = 3  # each of them both ways
LIMIT_COSTS = (0.05, 0.02, 0.004)
NEAR = 0.1  # attempts

Half = list[PooledQuestion]
Learn = Callable[[Half], Strategy]


class Fold(NamedTuple):
    """What is learned from one half of the questions, and where the other half lies."""

    criterion: Criterion
    learned: Half
    tried: Half
    where: list[int]
    start: int


@cache
def pool_of(file: Path, scored: bool) -> Pool:
    traces = list(read_traces(file))
    if not scored:
        for trace in traces:
            for attempt in trace["attempts"]:
                attempt.update(score=None, feedback=None)
    return Pool(traces)


@cache
def folds_of(file: Path, scored: bool) -> list[Fold]:
    pool, folds = pool_of(file, scored), []
    actions = [
        *(["revise"] if pool.longest_chain > 1 else []),
        *(["generate"] if pool.most_draws > 1 else []),
    ]
    for split in range(SPLITS):
        one, other = pool.folds(0, split)
        for learned, where in ((one, other), (other, one)):
            calibration = Calibration.fit([pool.traces[index] for index in learned], delivery=False)
            criterion = Criterion(calibration, 0.01, MOST, actions)
            halves = ([pool[index] for index in half] for half in (learned, where))
            folds.append(Fold(criterion, *halves, where, split))
    return folds


def rules_of(pool: Pool) -> dict[str, Learn]:
    """The rules to beat that the pool has the attempts for; each is made from the learned half."""
    rules: dict[str, Learn] = {}
    if pool.most_draws > 1 and pool.keyed:
        for n in (3, 5, 8):
            if n <= pool.most_draws:
                rules[f"self-consistency of {n}"] = lambda _, n=n: SelfConsistency(n)
        draws = min(MOST, pool.most_draws)
        rules["tuned adaptive consistency"] = lambda half: tuned_consistency(half, draws=draws)
        if pool.scored:
            rules["score-weighted consistency"] = lambda half: WeightedConsistency.learned(
                half, draws
            )
    if pool.longest_chain > 1 and pool.keyed:
        rounds = min(MOST, pool.longest_chain)
        rules["revise until unchanged"] = lambda _: UntilUnchanged(rounds)
    return rules


def limit_at(pool: Pool, cost: float) -> Learn:
    """The policy learned at a cost, by the action that the pool has more attempts of."""
    draws, rounds = min(MOST, pool.most_draws), min(MOST, pool.longest_chain)
    action = "generate" if draws > 1 else "revise"
    return lambda half: LearnedPolicy.learned(half, cost, max(draws, rounds), action)


def ours_at(fold: Fold, attempts: float) -> tuple[Outcome, float]:
    """Our rule on the tried half, at the cost at which it took so many attempts on the other.

    Where its attempts leap over that number between two costs, it is the mixture of both. Also
    returned is how many more it took on the other half than it should have: fewer, where it does
    not take so many at any cost.
    """

    def taken(cost: float) -> float:
        rule = fold.criterion.replace(cost_per_round=cost)
        return float(replay(rule, fold.learned, (fold.start,)).attempts.mean())

    low, high = log(1e-5), log(0.499)  # many attempts, and few: half of what an answer is worth
    most, least = taken(exp(low)), taken(exp(high))
    while high - low > 0.01 and most > attempts + NEAR:
        middle = (low + high) / 2
        found = taken(exp(middle))
        if found > attempts:
            low, most = middle, found
        else:
            high, least = middle, found
        if abs(found - attempts) <= NEAR:
            low, most, high, least = middle, found, middle, found
    share = 1.0
    if most > max(attempts, least):
        share = max(0.0, (attempts - least) / (most - least))
    missed = share * most + (1 - share) * least - attempts
    plays = [
        replay(fold.criterion.replace(cost_per_round=exp(end)), fold.tried, (fold.start,))
        for end in (low, high)
    ]
    columns = zip(*(vars(each).values() for each in plays), strict=True)
    mixed = Outcome(*(share * many + (1 - share) * few for many, few in columns))
    return mixed, missed


class Duel(NamedTuple):
    """Ours against another rule.

    Attributes:
        lead: By how much ours is more often right.
        half: Half its 95 % interval.
        attempts: Mean attempts of ours.
        theirs: Mean attempts of the other.
        missed: How many more ours took on the learned halves than the other, in the mean.
    """

    lead: float
    half: float
    attempts: float
    theirs: float
    missed: float

    def show(self, figure: Callable[..., None], name: str, rule: str) -> None:
        """Record the lead, and where attempts are not alike, by how much."""
        taken = f"{self.attempts:.2f} attempts for {self.theirs:.2f}"
        what = f"{name}, accuracy above {rule} ({taken})"
        figure(what, 100 * self.lead, f"± {100 * self.half:.1f} points")
        for where, apart in (("learned", self.missed), ("tried", self.attempts - self.theirs)):
            if abs(apart) > NEAR:
                figure(f"{name}, attempts more than {rule}, {where} halves", apart, "")


def duel(file: Path, scored: bool, learn: Learn) -> Duel:
    pool, missed = pool_of(file, scored), []
    ours, theirs = Outcome.zero(len(pool)), Outcome.zero(len(pool))
    for fold in folds_of(file, scored):
        rule = learn(fold.learned)
        attempts = float(replay(rule, fold.learned, (fold.start,)).attempts.mean())
        played, more = ours_at(fold, attempts)
        missed.append(more)
        ours.add(played, fold.where)
        theirs.add(replay(rule, fold.tried, (fold.start,)), fold.where)
    each = (ours.correct - theirs.correct) / SPLITS
    by_question = np.array([each[list(group)].mean() for group in pool.by_question().values()])
    half = 1.96 * by_question.std(ddof=1) / sqrt(len(by_question))
    means = (float(one.attempts.mean()) / SPLITS for one in (ours, theirs))
    return Duel(float(by_question.mean()), float(half), *means, float(np.mean(missed)))


def ended_early(pool: Pool) -> float:
    """Share of questions whose revisions end before the most that there are."""
    return float(np.mean([question.longest_chain < pool.longest_chain for question in pool]))


CASES = [
    (file, scored)
    for file in FILES
    for scored in (True, False)
    if scored or pool_of(file, True).scored
]


@pytest.mark.parametrize(
    ("file", "scored"),
    CASES,
    ids=[f"{file.stem}{'' if scored else ' without scores'}" for file, scored in CASES],
)
def test_at_the_attempts_of_each_rule(file, scored, figure):
    pool = pool_of(file, scored)
    name = f"{file.stem}{'' if scored else ' without scores'}"
    # Where runs were recorded until a verifier accepted, as the repair of programs is, their ends
    # tell its verdicts though the scores are taken away: whoever asks for the revision after an
    # accepted answer gets none, keeps the answer and has spent nothing. Revising until nothing
    # changes lives on that; in a loop without a verifier it would go on to revise right answers.
    # What that rule gets there is shown, and is no limit.
    tells = not scored and ended_early(pool) > 0.5
    if tells:
        figure(f"{name}, runs whose end tells the verdict", 100 * ended_early(pool), "%")
    below = []
    for rule, learn in rules_of(pool).items():
        fought = duel(file, scored, learn)
        fought.show(figure, name, rule)
        if fought.lead + fought.half < 0:
            below.append(rule)
    for cost in LIMIT_COSTS:
        policy = f"the policy learned at c = {cost}"
        duel(file, scored, limit_at(pool, cost)).show(figure, name, policy)
    figure(
        f"{name}, rules that are clearly better: {below or 'none'}",
        len(below),
        "",
        at_most=None if tells else 0,
    )


def test_delivery_is_measured_in_a_minute(figure):
    # More questions than are sampled.
    traces, rng = recorded(World(), questions=1200, starts=4, revisions=4), default_rng(0)
    for attempt in (each for trace in traces for each in trace["attempts"]):  # no two are alike
        attempt["score"] = 0.4 * attempt["score"] + 0.6 * rng.random()

    def seconds() -> float:
        """By how much longer a fit takes that measures it."""
        start = perf_counter()
        Calibration.fit(traces, n_bootstrap=0, delivery=False)
        fitted = perf_counter()
        measured = Calibration.fit(traces, n_bootstrap=0).delivery
        assert measured.questions == 1000
        return perf_counter() - fitted - (fitted - start)

    figure("delivery on 1,000 of 1,200 questions × 20 attempts", seconds, "s", at_most=60)
