"""The rules to beat do what their authors say."""

import pytest
from pools import answer, trace
from scipy.stats import beta
from worlds import World, by_criterion, play, restart_until_accepted

from langchain_markovscale import Criterion, Rates
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.replay import replay
from langchain_markovscale.replay.strategies import (
    AdaptiveConsistency,
    BestOfN,
    CriticSilent,
    EarlyStoppingSelfConsistency,
    FixedRounds,
    FixedRoundsBestScore,
    OracleGate,
    Predicted,
    RestartUntilAccepted,
    ScoreThreshold,
    SelfConsistency,
    SinglePass,
    UntilUnchanged,
    baselines,
    looks_at_scores,
)


def draws(*keys, scores=None):
    return [answer(k, score=s) for k, s in zip(keys, scores or [None] * len(keys), strict=True)]


def chain(*keys, scores=None, feedback=None):
    n = len(keys)
    return [
        answer(key, index - 1 if index else None, score=score, feedback=words)
        for index, (key, score, words) in enumerate(
            zip(keys, scores or [None] * n, feedback or [None] * n, strict=True)
        )
    ]


def ended(strategy, attempts):
    """How many attempts a strategy makes, and the key that it returns."""
    made = []
    while True:
        decision = strategy.decide(made)
        assert decision["attempts"] == len(made)
        if decision["action"] == "stop" or len(made) == len(attempts):
            return len(made), attempts[decision["best"]]["key"]
        expected = None if decision["action"] == "generate" else len(made) - 1
        assert decision["parent"] == expected
        made.append(attempts[len(made)])


@pytest.mark.parametrize(
    ("strategy", "attempts", "made", "returned"),
    [
        (SinglePass(), draws("a", "b"), 1, "a"),
        (FixedRounds(3), chain("a", "b", "c", "d"), 3, "c"),
        (FixedRoundsBestScore(3), chain(*"abcd", scores=[0.2, 0.9, 0.9, 1]), 3, "b"),
        (FixedRoundsBestScore(3), chain(*"abc", scores=[None, None, 0.1]), 3, "c"),
        (ScoreThreshold(0.5, 4), chain(*"abcd", scores=[0.4, 0.5, 1, 1]), 2, "b"),
        (ScoreThreshold(0.5, 3), chain(*"abcd", scores=[0.4, None, 0, 1]), 3, "c"),
        (RestartUntilAccepted(0.5, 4), draws(*"abcd", scores=[0.4, 0.5, 1, 1]), 2, "b"),
        (RestartUntilAccepted(0.5, 3), draws(*"abcd", scores=[0, 0, 0, 1]), 3, "c"),
        (BestOfN(3), draws(*"abcd", scores=[0.2, 0.8, 0.8, 1]), 3, "b"),
        (SelfConsistency(4), draws("a", "b", None, "b", "a"), 4, "b"),
        (SelfConsistency(4), draws("a", "b", "b", "a"), 4, "a"),
        (SelfConsistency(2), draws(None, None), 2, None),
        (CriticSilent(0.5, 4), chain(*"abcd", feedback=["no", "", "no", "no"]), 2, "b"),
        (CriticSilent(0.5, 3), chain(*"abcd", feedback=["no"] * 4), 3, "c"),
        (
            CriticSilent(0.5, 4),
            chain(*"abc", scores=[0.1, 0.7, 0.9], feedback=["no", "fine", "fine"]),
            2,
            "b",
        ),
        (UntilUnchanged(4), chain("a", "b", "b", "c"), 3, "b"),
        (UntilUnchanged(4), chain("a", None, None, "c"), 4, "c"),
        (UntilUnchanged(2), chain("a", "b", "b"), 2, "b"),
        (OracleGate("revise", 4), chain("a", "b", "right", "c"), 3, "right"),
        (OracleGate("generate", 2), draws("a", "b", "right"), 2, "b"),
    ],
)
def test_a_rule_stops_where_it_should_and_returns_what_it_should(
    strategy, attempts, made, returned
):
    assert ended(strategy, attempts) == (made, returned)


def test_early_stopping_looks_at_whole_windows_and_votes_over_all_draws():
    rule = EarlyStoppingSelfConsistency(window=3, draws=12)
    assert ended(rule, draws(*"aaabbbbbb"))[0] == 3
    assert ended(rule, draws(*"abbbbabbb")) == (9, "b")
    assert ended(rule, draws(*"abcbbbbbb")) == (6, "b")
    assert ended(rule, draws(*[None] * 6, *"aaa")) == (9, "a")
    assert ended(rule, draws(*"abc" * 5))[0] == 12


@pytest.mark.parametrize(("leading", "next_best"), [(4, 0), (6, 1), (8, 2)])
def test_adaptive_consistency_stops_when_the_beta_criterion_first_holds(leading, next_best):
    confidence = beta(leading + 1, next_best + 1).sf(0.5)
    assert beta(leading, next_best + 1).sf(0.5) <= 0.95 < confidence
    votes = "b" * next_best + "a" * 30
    assert ended(AdaptiveConsistency(), draws(*votes))[0] == leading + next_best


def test_adaptive_consistency_has_a_limit_and_waits_for_keys():
    assert ended(AdaptiveConsistency(draws=6), draws(*"ababab"))[0] == 6
    assert ended(AdaptiveConsistency(), draws(*[None] * 5, *"aaaa"))[0] == 9


def test_restarting_is_what_the_simulated_worlds_call_so():
    ours = play(by_criterion(RestartUntilAccepted(0.5, 8)), World(), 500, seed=3)
    assert ours == play(restart_until_accepted(8), World(), 500, seed=3)


def test_the_usual_rules_fit_what_was_recorded():
    names = set(baselines(rounds=4, draws=3))
    assert {
        "single pass",
        "2 rounds, last answer",
        "3 rounds, last answer",
        "4 rounds, last answer",
        "4 rounds, best score",
        "revise until accepted, 4",
        "revise until unchanged, 4",
        "until critic is silent, 4",
        "restart until accepted, 3",
        "self-consistency of 3",
        "best of 3 by score",
        "early-stopping consistency",
        "adaptive consistency",
        "oracle, revising",
        "oracle, redrawing",
    } == names
    assert set(baselines(rounds=1, draws=1)) == {"single pass"}
    unkeyed = baselines(keyed=False)
    assert not any("consistency" in name for name in unkeyed)
    unscored = baselines(scored=False, criticised=False)
    assert not any(rule.scored for rule in unscored.values())


def test_every_usual_rule_ends_by_itself_within_its_limits():
    pool = Pool([trace(*draws(*"abcdefgh"), *chain(*"ijklmnop")[0:1])])
    for name, rule in baselines(0.5, rounds=1, draws=8, most=8).items():
        outcome = replay(rule, pool)
        assert outcome.exhausted[0] == 0, name
        assert outcome.attempts[0] <= 8, name


def test_a_criterion_looks_at_scores_only_if_they_say_something():
    def criterion(**verifier):
        return Criterion(Rates((0.5, 0.5), (0.9, 0.3), 0.2, 0.1, **verifier), 0.01)

    informed = criterion(sensitivity=0.8, specificity=0.6)
    blind = criterion(sensitivity=0.3, specificity=0.7)
    graded = criterion(
        sensitivity=0.5, specificity=0.5, score_cuts=(0.5,), score_log_ratios=(-1.0, 1.0)
    )
    assert looks_at_scores(informed)
    assert not looks_at_scores(blind)
    assert looks_at_scores(graded)
    assert not looks_at_scores(Predicted(blind, [0.5, 0.5]))
    assert looks_at_scores(BestOfN())
    assert not looks_at_scores(SelfConsistency())


def test_a_rule_that_does_not_say_is_taken_to_look_at_scores():
    class Silent:
        def decide(self, attempts):
            return SinglePass().decide(attempts)

    assert looks_at_scores(Silent())
