"""The first line is about the rule that somebody uses, and says what switching changes."""

import numpy as np
import pytest
from pages import Page
from pools import answer, recorded, trace
from worlds import World

from langchain_markovscale import Calibration, compare_strategies
from langchain_markovscale.comparison.answer import rule_is_worse
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.replay.strategies import FixedRounds, SelfConsistency

QUICK = {
    "costs": (0.01, 0.02, 0.1),
    "variants": ("mixture",),
    "repeats": 1,
    "n_bootstrap": 200,
    "calibration": Calibration(World().rates(), "rates of the world"),
}


def compare(pool, *args, **options):
    return compare_strategies(pool, *args, **(QUICK | options))


def with_usage(pool):
    """An attempt reads 1,000 tokens, writes 100 and takes 2 seconds; checking it half of that."""
    for one in pool:
        for each in one["attempts"]:
            made = {"calls": 1, "input_tokens": 1000, "output_tokens": 100, "unknown": 0}
            checked = {"calls": 1, "input_tokens": 500, "output_tokens": 50, "unknown": 0}
            each["usage"] = {
                each["action"]: {**made, "seconds": 2.0},
                "verify": {**checked, "seconds": 1.0},
            }
    return pool


@pytest.fixture(scope="module")
def priced():
    return compare(with_usage(recorded(questions=40)), mine="2 revisions", prices=(3, 15))


def test_what_a_rule_takes_is_told_in_tokens_seconds_and_money(priced):
    mine = priced.findings.switch.mine
    assert mine.rule.name == "3 rounds, last answer"
    assert (mine.attempts, mine.read, mine.written, mine.seconds) == (3, 3000, 300, 6)
    assert mine.usd(priced.findings.prices) == pytest.approx(3000 * 3e-6 + 300 * 15e-6)
    (row,) = (row for row in Page(priced.html()).rows if row[0] == "USD for 1,000 questions")
    assert row[1] == "13.5"


def test_verifications_count_with_what_looks_at_scores(priced):
    best = compare(with_usage(recorded(questions=20)), mine="best of 3").findings.switch.mine
    assert (best.read, best.written, best.seconds) == (4500, 450, 9)


def test_the_first_line_is_about_the_rule_that_was_named(priced):
    switch = priced.findings.switch
    first = priced.text.replace("\n", " ")
    assert first.startswith(
        f"Your rule, 3 rounds, last answer, is right {switch.mine.accuracy.value:.1%}"
    )
    assert not switch.assumed
    assert priced.document.sections[0].title == "What switching changes"


def test_where_nobody_names_a_rule_a_usual_one_is_taken_and_it_says_so():
    assumed = compare(recorded(questions=20))
    assert assumed.verdict.startswith("The usual rule, 3 rounds, last answer, is right")
    assert "Nobody said which rule you use" in assumed.text
    drawn = [trace(answer("a"), answer("b"), answer("a"), name=f"q{n}") for n in range(8)]
    assert compare(drawn).findings.switch.mine.rule.name == "self-consistency of 3"
    alone = [trace(answer("a", score=None), name=f"q{n}") for n in range(8)]
    assert compare(alone).verdict.startswith("A single pass is right")


def test_it_spends_most_nearly_what_the_rule_spends_unless_that_is_a_single_pass():
    findings = compare(recorded(questions=40), mine="best of 3").findings
    switch = findings.switch
    spent = switch.mine.spent(findings.budget)
    ratios = [
        max(each / spent, spent / each)
        for each in (row.spent(findings.budget) for row in findings.curve("mixture")[1:])
    ]
    ours = switch.ours.spent(findings.budget)
    assert max(ours / spent, spent / ours) == pytest.approx(min(ratios))
    (duel,) = (each for each in findings.duels if each.rule == switch.mine.rule.name)
    assert switch.even == duel.difference
    single = compare(recorded(questions=40), mine="one pass").findings.switch
    assert single.ours.rule.cost == 0.01


def test_differences_are_those_of_the_same_questions(priced):
    findings = priced.findings
    switch = findings.switch
    single = next(row for row in findings.rules if row.rule.name == "single pass")
    assert switch.gain.value == pytest.approx(switch.mine.accuracy.value - single.accuracy.value)
    assert switch.difference.value == pytest.approx(
        switch.ours.accuracy.value - switch.mine.accuracy.value
    )
    same = compare(recorded(questions=40), mine="one pass").findings.switch
    np.testing.assert_allclose(same.gain.interval, 0)


def test_a_rule_of_ones_own_is_named_as_it_is_called():
    rules = {"ours today": FixedRounds(2), "votes": SelfConsistency(3)}
    for given in (rules, lambda calibration: rules):
        found = compare(recorded(questions=10), given, mine="ours today")
        assert found.findings.switch.mine.rule.name == "ours today"
    added = compare(recorded(questions=10), rules, mine="3 rounds").findings
    assert added.switch.mine.rule.name == "3 rounds, last answer"
    assert {row.rule.name for row in added.rules} == {
        "single pass",
        "3 rounds, last answer",
        *rules,
    }
    with pytest.raises(ValueError, match="mine must be one of the names of strategies, single"):
        compare(recorded(questions=10), lambda calibration: rules, mine="theirs")


@pytest.mark.parametrize(
    ("difference", "gain", "worse"),
    [
        ((0.05, 0.02, 0.08), (0.1, 0.05, 0.15), None),
        ((-0.05, -0.08, 0.01), (-0.1, -0.15, 0.05), None),
        ((-0.05, -0.08, -0.02), (0.1, 0.05, 0.15), "is less often right: −5 points [−8, −2]."),
        ((0.05, 0.02, 0.08), (-0.1, -0.15, -0.05), "is less often right than a single pass"),
    ],
)
def test_worse_is_what_is_worse_beyond_its_interval(priced, difference, gain, worse):
    from dataclasses import replace

    made = [Estimate(value, (low, high)) for value, low, high in (difference, gain)]
    switch = priced.findings.switch._replace(even=made[0], gain=made[1])
    found = rule_is_worse(replace(priced.findings, switch=switch))
    assert (found is None) if worse is None else (worse in found)


def test_what_is_worse_with_fewer_tokens_is_not_said_to_have_as_many():
    """At one high cost alone MarkovScale stops after one attempt, where three are right."""
    chain = [answer("wrong", score=None)]
    chain += [answer("right", parent, score=None) for parent in (0, 1)]
    pool = [trace(*chain, name=f"q{n}") for n in range(20)]
    worse = rule_is_worse(compare(pool, mine="3 rounds", costs=(0.45,)).findings)
    assert worse.startswith("MarkovScale takes fewer tokens than 3 rounds, last answer at every")
    assert worse.endswith("it is less often right: −100 points [−100, −100].")


def test_all_but_the_answer_is_folded(priced):
    page = Page(priced.html())
    titles = [section.title for section in priced.document.sections]
    assert page.tags.count("details") == page.tags.count("summary") == len(titles) - 1
    assert page.tags.count("section") == 1


@pytest.mark.parametrize("prices", [3, (3,), (-1, 2), ("a", "b"), (float("nan"), 1)])
def test_prices_are_two_numbers(prices):
    with pytest.raises(ValueError, match="prices must be two prices of at least 0, in USD"):
        compare(recorded(questions=4), prices=prices)


def test_a_name_that_nobody_knows_is_told_before_anything_is_replayed():
    with pytest.raises(ValueError, match=r"mine must name a rule, got 'until I am happy'"):
        compare(recorded(questions=4), mine="until I am happy")


def test_a_single_pass_is_called_so_and_not_that_rule():
    single = compare(recorded(questions=40), mine="one pass").document
    assert "it is a single pass too, and right as often" in single.summary[1]
    assert "that rule" not in single.summary[1]


def test_a_rule_that_takes_more_than_any_cost_is_not_called_as_much():
    """At one high cost alone MarkovScale stops after one attempt, and the rule takes three."""
    found = compare(recorded(questions=20), mine="3 rounds", costs=(0.45,))
    most = max(row.attempts for row in found.findings.curve("mixture"))
    assert most < 2
    text = " ".join(found.text.split())
    assert "MarkovScale takes fewer attempts than that rule at every cost" in text
    assert "at none of those tried does it take about as many attempts" in text


def test_calls_are_those_of_a_verifier_where_there_is_one():
    plain = [trace(answer("a", score=None), name=f"q{n}") for n in range(8)]
    assert "calls of the model " in compare(plain).markdown
    assert "calls of model and verifier" in compare(recorded(questions=20)).markdown


def test_a_table_without_a_verifier_is_no_reason_to_warn_of_tokens():
    plain = [
        trace(*(answer("a", score=None, tokens=None) for _ in range(3)), name=f"q{n}")
        for n in range(8)
    ]
    assert not any("tokens" in each for each in compare(plain).document.warnings)
    (told,) = (
        each for each in compare(recorded(questions=20)).document.warnings if "tokens" in each
    )
    assert "`markovscale compare` takes them as `--verification-tokens`" in told


def test_attempts_are_whole_numbers_below_the_plot(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    ax = compare(recorded(questions=20), mine="3 rounds").plot()
    ticks = ax.get_xticks()
    assert len(ticks) >= 2
    assert all(tick == round(tick) for tick in ticks)
    ax.figure.clear()
