"""The rule against those that people use, on real attempts of other people's loops.

Each rule is met at its own mean attempts: the cost at which ours takes as many is found by
bisection on the half of the questions that rates, levels and tables are learned from, and both are
played on the other half. Differences are paired by question. Pools are those of tests/data/pools,
or of the folder that MARKOVSCALE_POOLS names.
"""

import os
from collections.abc import Callable
from functools import cache
from math import exp, log, sqrt
from pathlib import Path
from time import process_time
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


def ours_at(fold: Fold, attempts: float) -> Outcome:
    """Our rule on the tried half, at the cost at which it took so many attempts on the other.

    Where its attempts leap over that number between two costs, it is the mixture of both.
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
    share = 1.0 if most <= attempts or most == least else (attempts - least) / (most - least)
    plays = [
        replay(fold.criterion.replace(cost_per_round=exp(end)), fold.tried, (fold.start,))
        for end in (low, high)
    ]
    columns = zip(*(vars(each).values() for each in plays), strict=True)
    return Outcome(*(share * many + (1 - share) * few for many, few in columns))


def duel(file: Path, scored: bool, learn: Learn) -> tuple[float, float, float, float]:
    """By how much ours is more often right, with half its 95 % interval, and attempts of both."""
    pool = pool_of(file, scored)
    ours, theirs = Outcome.zero(len(pool)), Outcome.zero(len(pool))
    for fold in folds_of(file, scored):
        rule = learn(fold.learned)
        attempts = float(replay(rule, fold.learned, (fold.start,)).attempts.mean())
        ours.add(ours_at(fold, attempts), fold.where)
        theirs.add(replay(rule, fold.tried, (fold.start,)), fold.where)
    each = (ours.correct - theirs.correct) / SPLITS
    by_question = np.array([each[list(group)].mean() for group in pool.by_question().values()])
    half = 1.96 * by_question.std(ddof=1) / sqrt(len(by_question))
    means = (float(one.attempts.mean()) / SPLITS for one in (ours, theirs))
    return float(by_question.mean()), float(half), *means


def needs_scores(pool: Pool) -> bool:
    """Whether runs were recorded until a verifier accepted: where they end says what it said."""
    ended = [question.longest_chain < pool.longest_chain for question in pool]
    return not pool.scored or sum(ended) > len(pool) / 2


CASES = [
    (file, scored)
    for file in FILES
    for scored in (True, False)
    if scored or not needs_scores(pool_of(file, True))
]


@pytest.mark.parametrize(
    ("file", "scored"),
    CASES,
    ids=[f"{file.stem}{'' if scored else ' without scores'}" for file, scored in CASES],
)
def test_at_the_attempts_of_each_rule(file, scored, figure):
    pool = pool_of(file, scored)
    name = f"{file.stem}{'' if scored else ' without scores'}"
    below = []
    for rule, learn in rules_of(pool).items():
        lead, half, ours, theirs = duel(file, scored, learn)
        what = f"{name}, accuracy above {rule} ({ours:.2f} attempts for {theirs:.2f})"
        figure(what, 100 * lead, f"± {100 * half:.1f} points")
        if lead + half < 0:
            below.append(rule)
    for cost in LIMIT_COSTS:
        lead, half, ours, theirs = duel(file, scored, limit_at(pool, cost))
        what = f"{name}, above the policy learned at c = {cost} ({ours:.2f} for {theirs:.2f})"
        figure(what, 100 * lead, f"± {100 * half:.1f} points")
    figure(f"{name}, rules that are clearly better: {below or 'none'}", len(below), "", at_most=0)


def test_delivery_is_measured_in_a_minute(figure):
    traces, rng = recorded(World(), questions=1000, starts=4, revisions=4), default_rng(0)
    for attempt in (each for trace in traces for each in trace["attempts"]):  # no two are alike
        attempt["score"] = 0.4 * attempt["score"] + 0.6 * rng.random()
    begin = process_time()
    Calibration.fit(traces, n_bootstrap=0, n_classes=2, delivery=False)
    fitted = process_time()
    calibration = Calibration.fit(traces, n_bootstrap=0, n_classes=2)
    seconds = process_time() - fitted - (fitted - begin)
    assert calibration.delivery.questions == 1000
    figure("delivery on 1,000 questions × 20 attempts", seconds, "s", at_most=60)
