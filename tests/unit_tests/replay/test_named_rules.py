"""A rule is found by the usual names, and refused where the pool cannot tell of it."""

import pytest
from pools import answer, recorded, trace

from langchain_markovscale.replay import strategies as known
from langchain_markovscale.replay.named_rules import KNOWN, rule_named
from langchain_markovscale.replay.pool import Pool


@pytest.mark.parametrize(
    ("said", "name", "rule"),
    [
        ("3 rounds, last answer", "3 rounds, last answer", known.FixedRounds(3)),
        ("3 rounds", "3 rounds, last answer", known.FixedRounds(3)),
        ("Three Rounds", "3 rounds, last answer", known.FixedRounds(3)),
        ("3 iterations", "3 rounds, last answer", known.FixedRounds(3)),
        ("2 revisions", "3 rounds, last answer", known.FixedRounds(3)),
        ("2 revisions, best score", "3 rounds, best score", known.FixedRoundsBestScore(3)),
        ("4 rounds, keep the best", "4 rounds, best score", known.FixedRoundsBestScore(4)),
        ("one pass", "single pass", known.SinglePass()),
        ("single-pass", "single pass", known.SinglePass()),
        ("no loop", "single pass", known.SinglePass()),
        ("0 revisions", "single pass", known.SinglePass()),
        ("1 round", "single pass", known.SinglePass()),
        ("best of 5", "best of 5 by score", known.BestOfN(5)),
        ("Best-of-5 by score", "best of 5 by score", known.BestOfN(5)),
        ("self-consistency 8", "self-consistency of 8", known.SelfConsistency(8)),
        ("Self consistency of eight", "self-consistency of 8", known.SelfConsistency(8)),
        ("majority vote of 5", "self-consistency of 5", known.SelfConsistency(5)),
        ("maj@5", "self-consistency of 5", known.SelfConsistency(5)),
        ("until accepted, 4", "revise until accepted, 4", known.ScoreThreshold(0.6, 4)),
        ("revise until accepted", "revise until accepted, 8", known.ScoreThreshold(0.6, 8)),
        ("until unchanged", "revise until unchanged, 8", known.UntilUnchanged(8)),
        ("until the critic is silent, 3", "until critic is silent, 3", known.CriticSilent(0.6, 3)),
        ("retry until accepted, at most 3", "restart until accepted, 3",
         known.RestartUntilAccepted(0.6, 3)),
        ("adaptive consistency", "adaptive consistency", known.AdaptiveConsistency(draws=8)),
    ],
)  # fmt: skip
def test_the_usual_ways_of_saying_it_are_understood(said, name, rule):
    found = rule_named(said)
    assert found.name == name
    assert found.make(0.6) == rule


@pytest.mark.parametrize("name", KNOWN)
def test_what_the_error_lists_is_known(name):
    assert rule_named(name).name in {*KNOWN, "3 rounds, last answer"}


def test_a_rule_of_the_table_is_the_same_rule():
    for name, rule in known.baselines(0.6, rounds=4, draws=6, most=8).items():
        if not name.startswith("oracle"):
            found = rule_named(name)
            assert (found.name, found.make(0.6)) == (name, rule)


@pytest.mark.parametrize(
    "name",
    ["", "rounds", "0 rounds", "-3 rounds", "three", "best of", "9" * 5000 + " rounds", "\x00"],
)
def test_an_unknown_name_is_an_error_that_lists_what_is_known(name):
    with pytest.raises(ValueError, match=r"mine must name a rule, got .*Known, .*3 rounds, last"):
        rule_named(name)


def test_a_rule_that_was_not_recorded_far_enough_is_refused_with_the_remedy():
    chain = Pool([trace(answer("a"), answer("a", 0), answer("b", 1))])
    rule_named("3 rounds").check(chain)
    rule_named("until unchanged, 8").check(chain)
    with pytest.raises(ValueError, match=r"'4 rounds, last answer' cannot .* revisions=3"):
        rule_named("4 rounds").check(chain)
    with pytest.raises(ValueError, match=r"draws up to 5 .* fresh_starts=5"):
        rule_named("self-consistency 5").check(chain)


def test_a_rule_that_looks_at_what_nobody_recorded_is_refused():
    bare = Pool([trace(answer("a", score=None), answer("a", 0, score=None))])
    with pytest.raises(ValueError, match="no attempt has one: record with a verifier"):
        rule_named("2 rounds, best score").check(bare)
    without_keys = [
        {**one, "attempts": [{**each, "key": None} for each in one["attempts"]]}
        for one in recorded(questions=2)
    ]
    with pytest.raises(ValueError, match="no answer has a key"):
        rule_named("until unchanged").check(Pool(without_keys))
