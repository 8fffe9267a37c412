"""Rules that learn do so from the questions that they are given, and as they say."""

from functools import lru_cache
from statistics import fmean

import numpy as np
import pytest
from pools import answer, recorded, trace
from scipy.stats import beta, norm, rankdata
from worlds import Band, World

from langchain_markovscale.replay.learned_rules import (
    LEVELS,
    LearnedPolicy,
    Seen,
    WeightedConsistency,
    learned_rules,
    seen,
    tuned_consistency,
)
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.replay import replay
from langchain_markovscale.replay.strategies import RestartUntilAccepted, SelfConsistency

COIN = World((Band(0.55, 0.1, 0.1), Band(0.4, 0.1, 0.1)), 0.8, 0.7)


def draws_of(world, questions, seed=0, starts=8):
    return Pool(recorded(world, questions=questions, seed=seed, starts=starts, revisions=0))


@lru_cache
def lead(first, second):
    return beta.sf(0.5, first + 1, second + 1)


def counted(keys, level):
    """How many draws adaptive consistency takes at a level, and what it returns."""
    for n in range(1, len(keys) + 1):
        made = keys[:n]
        first, second = (*sorted((made.count(key) for key in set(made)), reverse=True), 0)[:2]
        if lead(first, second) > level:
            break
    return n, max(made, key=lambda key: (made.count(key), -made.index(key)))


@pytest.mark.parametrize("cost", [0.002, 0.02, 0.2])
def test_the_level_is_the_one_that_earns_most(cost):
    pool = draws_of(COIN, 40)
    earned = {}
    for level in LEVELS:
        outcomes = [counted([each["key"] for each in one.attempts], level) for one in pool]
        earned[level] = fmean((key == "right") - cost * n for n, key in outcomes)
    found = tuned_consistency(pool, cost, draws=8)
    assert earned[found.confidence] == pytest.approx(max(earned.values()))
    assert found.draws == 8


def test_a_draw_weighs_what_its_score_is_among_those_of_training():
    scores = [0.1, 0.2, 0.2, 0.5, 0.9]
    rule = WeightedConsistency(tuple(scores))
    x = norm.ppf((rankdata(scores) - 0.5) / len(scores))
    for score, expected in zip(scores, (x - x.min()) / (x.max() - x.min()), strict=True):
        assert rule.weight(score) == pytest.approx(expected)
    assert (rule.weight(0.0), rule.weight(1.0), rule.weight(None)) == (0, 1, 0)
    between = norm.ppf(4 / 5)
    assert rule.weight(0.7) == pytest.approx((between - x.min()) / (x.max() - x.min()))
    assert WeightedConsistency((0.5, 0.5)).weight(0.5) == 1
    assert WeightedConsistency(()).weight(0.5) == 0


def test_it_stops_when_the_weighted_lead_is_hardly_chance_and_returns_the_heaviest():
    training = tuple(np.linspace(0, 1, 101).tolist())
    rule = WeightedConsistency(training)
    rng = np.random.default_rng(0)
    for _ in range(20):
        made, weights = [], {}
        for _ in range(40):
            score = float(rng.random())
            made.append(answer(str(rng.choice(list("aaab"))), score=score))
            key = made[-1]["key"]
            weights[key] = weights.get(key, 0) + rule.weight(score)
            first, second = (*sorted(weights.values(), reverse=True), 0)[:2]
            decision = rule.decide(made)
            assert made[decision["best"]]["key"] == max(weights, key=weights.get)
            stops = lead(first, second) > 0.95 or len(made) == 40
            assert decision["action"] == ("stop" if stops else "generate")
            if stops:
                break


def test_it_waits_for_keys_and_learns_the_scores_of_all_attempts():
    rule = WeightedConsistency.learned(draws_of(World(), 5), draws=3)
    assert len(rule.training_scores) == 40
    unkeyed = [answer(None, score=1.0)] * 3
    assert rule.decide([])["action"] == "generate"
    assert rule.decide(unkeyed[:2])["action"] == "generate"
    assert rule.decide(unkeyed)["action"] == "stop"


def test_what_is_seen_of_a_run():
    run = [answer("a", score=0.2), answer("b", score=0.9), answer("b", score=0.5), answer(None)]
    assert seen(run[:3], (0.4, 0.8)) == Seen(3, 2, 1, 2, 1)
    assert seen(run, (0.4, 0.8)) == Seen(4, 2, 1, 2, -1)
    assert seen([answer(None)], ()) == Seen(1, 0, 0, -1, -1)


@pytest.mark.parametrize("share", [0.02, 0.4, 0.6, 0.98])
def test_verdicts_are_parted_however_frequent_each_is(share):
    pool = Pool(
        trace(answer("a", score=float(number < 100 * share)), name=f"{number}")
        for number in range(100)
    )
    cuts = LearnedPolicy.learned(pool, 0.01, 2).cuts
    accepted, rejected = (seen([answer("a", score=score)], cuts).best for score in (1.0, 0.0))
    assert accepted > rejected


def chains(many):
    """Half of the rejected answers are mended by a revision; accepted ones stay as they are."""
    kinds = ((("right", 0.9), ("right", 0.9)), (("w", 0.1), ("right", 0.9)), (("w", 0.1),) * 2)
    for number in range(many):
        for kind, ((one, low), (two, high)) in enumerate(kinds):
            attempts = answer(one, score=low), answer(two, 0, score=high)
            yield trace(*attempts, name=f"{number} {kind}")


@pytest.mark.parametrize(("cost", "goes_on"), [(0.4, True), (0.6, False)])
def test_the_policy_goes_on_where_that_has_paid(cost, goes_on):
    pool = Pool(chains(200))
    policy = LearnedPolicy.learned(pool, cost, 2, "revise")
    rejected, accepted = [answer("w", score=0.1)], [answer("right", score=0.9)]
    assert policy.decide(rejected)["action"] == ("revise" if goes_on else "stop")
    assert policy.decide(accepted)["action"] == "stop"
    outcome = replay(policy, pool)
    expected = (2 / 3, 5 / 3) if goes_on else (1 / 3, 1)
    assert (outcome.correct.mean(), outcome.attempts.mean()) == pytest.approx(expected)


def test_a_cell_that_was_seen_once_is_judged_by_those_like_it():
    lucky = trace(answer("x", score=0.5), answer("right", 0, score=0.5), name="lucky")
    pool = Pool([*chains(200), lucky])
    policy = LearnedPolicy.learned(pool, 0.4, 2, "revise")
    # Revising has brought (1 + 4 · (1 of 3 right and stays so, 1 of 3 mended)) / 5 beyond stopping.
    assert policy.decide([answer("x", score=0.5)])["action"] == "revise"
    assert LearnedPolicy.learned(pool, 0.95, 2, "revise").decide([answer("x", score=0.5)])[
        "action"
    ] == "stop"  # fmt: skip


def test_what_was_never_seen_ends_with_the_plurality():
    policy = LearnedPolicy.learned(Pool(chains(5)), 0.1, 4, "revise")
    run = [answer("a"), answer("b", 0), answer("b", 1)]
    decision = policy.decide(run)
    assert (decision["action"], decision["best"]) == ("stop", 1)
    assert policy.decide([])["action"] == "generate"


@pytest.mark.parametrize("cost", [0.01, 0.05])
def test_on_other_questions_it_earns_what_good_rules_earn(cost):
    world = World(stickiness=1.0)
    learned, tried = draws_of(world, 300, seed=1), draws_of(world, 300, seed=2)
    policy = LearnedPolicy.learned(learned, cost, 8)

    def earned(rule):
        outcome = replay(rule, tried, range(4))
        return float((outcome.correct - cost * outcome.attempts).mean())

    rivals = SelfConsistency(1), SelfConsistency(3), SelfConsistency(5), RestartUntilAccepted()
    assert earned(policy) >= max(map(earned, rivals)) - 0.015


def test_rules_are_made_for_what_was_recorded():
    pool = Pool(recorded(questions=10))
    names = [
        "tuned adaptive consistency",
        "score-weighted consistency",
        "learned policy, revising",
        "learned policy, drawing",
    ]
    assert list(learned_rules(pool, rounds=4, draws=3)) == names
    assert list(learned_rules(pool, rounds=1, draws=3)) == [*names[:2], names[3]]
    assert list(learned_rules(pool, rounds=1, draws=3, scored=False)) == [names[0], names[3]]
    assert list(learned_rules(pool, rounds=4, draws=1, keyed=False)) == [names[2]]
    assert learned_rules(pool, rounds=4, draws=3, keyed=False, scored=False) == {}
