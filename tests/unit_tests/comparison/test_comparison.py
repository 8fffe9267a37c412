"""A comparison says what the replays say: wins, losses and ties alike, and without peeking."""

import json
import re
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from figures import misplaced, words_in
from pages import Page
from pools import answer, recorded, trace
from worlds import Band, World

from langchain_markovscale import Calibration, compare_strategies, write_traces
from langchain_markovscale.calibration import predictor
from langchain_markovscale.comparison.compare import COSTS
from langchain_markovscale.comparison.report import Comparison
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.strategies import BestOfN, OracleGate, SelfConsistency

REVISING_HELPS = World((Band(0.4, 0.6, 0.03), Band(0.2, 0.5, 0.05)), 0.9, 0.9)
KNOWN = Calibration(World().rates(), "rates of the world")
QUICK = {
    "costs": (0.02, 0.1),
    "variants": ("mixture",),
    "repeats": 1,
    "n_bootstrap": 200,
    "calibration": KNOWN,
}


class Peeking:
    """Knows the labels, and is passed off as a rule."""

    scored = False

    def __init__(self):
        self.oracle = OracleGate("generate", 8)

    def decide(self, attempts):
        return self.oracle.decide(attempts)


def compare(traces, *args, **options):
    return compare_strategies(traces, *args, **(QUICK | options))


def row(comparison, name):
    (found,) = (each for each in comparison.findings.rows if each.rule.name == name)
    return found


def duel(comparison, name):
    (found,) = (each for each in comparison.findings.duels_of("mixture") if each.rule == name)
    return found


@pytest.fixture(scope="module")
def helping():
    """Revising helps here, and a good verifier sees it: who draws afresh is easily beaten."""
    return compare(
        recorded(REVISING_HELPS, questions=120, seed=1),
        costs=(0.02, 0.1, 0.2, 0.3, 0.45),
        variants=("mixture", "gate", "training_free"),
        verification_tokens=1,
        mine="best of 3",
        calibration=Calibration(REVISING_HELPS.rates(), "rates of the world"),
    )


@pytest.fixture(scope="module")
def losing():
    """A rule that knows the labels cannot be beaten, least of all without a verifier."""
    blind = World(sensitivity=0.5, specificity=0.5)
    return compare(
        recorded(blind, questions=60),
        {"peeking": Peeking()},
        verification_tokens=0,
        calibration=Calibration(blind.rates(), "rates of the world"),
    )


def test_nothing_is_learned_from_the_questions_that_it_is_tried_on(monkeypatch):
    """What is fitted on half of the pool decides on the other half only."""
    fitted, fit = [], Calibration.fit.__func__

    def noting(cls, traces, **options):
        found = fit(cls, traces, **options)
        fitted.append({each["id"] for each in traces})
        return found

    tried = []

    class Watching:
        scored = False

        def __init__(self, learned_from):
            self.learned_from = learned_from

        def decide(self, attempts):
            if attempts:
                tried.append((self.learned_from, attempts[0]["text"]))
            return SelfConsistency(1).decide(attempts)

    monkeypatch.setattr(Calibration, "fit", classmethod(noting))
    pool = recorded(questions=20)
    for each in pool:
        for attempt in each["attempts"]:
            attempt["text"] = each["id"]
    compare(pool, lambda calibration: {"watching": Watching(fitted[-1])}, calibration=None)
    assert len(fitted) == 2
    assert len(tried) == 20
    assert all(question not in learned_from for learned_from, question in tried)


def test_rules_are_counted_with_the_verifier_where_they_look_at_scores():
    pool = recorded(questions=20, tokens=10)
    rules = {"best of 3": BestOfN(3), "votes": SelfConsistency(3)}
    comparison = compare(pool, rules, verification_tokens=4)
    best, votes = row(comparison, "best of 3"), row(comparison, "votes")
    assert (best.attempts, best.calls, best.tokens) == (3, 6, 42)
    assert (votes.attempts, votes.calls, votes.tokens) == (3, 3, 30)
    assert comparison.findings.budget == "tokens"


def test_where_tokens_are_unknown_budgets_are_attempts_and_it_says_so():
    comparison = compare(recorded(questions=20))
    assert comparison.findings.budget == "attempts"
    assert row(comparison, "best of 3 by score").tokens is None
    assert row(comparison, "self-consistency of 3").tokens == 30
    assert any("not all tokens are known" in each for each in comparison.document.warnings)
    with pytest.raises(ValueError, match="budget must be 'calls' or 'attempts' where the tokens"):
        compare(recorded(questions=20), budget="tokens")


def test_at_the_highest_cost_it_is_a_single_pass():
    comparison = compare(recorded(questions=20), costs=(0.49,))
    single, costly = row(comparison, "single pass"), comparison.findings.curve("mixture")[-1]
    assert costly.accuracy == single.accuracy
    assert costly.attempts == 1
    assert duel(comparison, "single pass").difference == (0.0, (0.0, 0.0))


def test_wins_are_called_wins(helping):
    findings = helping.findings
    redrawing = duel(helping, "best of 3 by score")
    assert redrawing.finding == "more"
    assert redrawing.needed.value < redrawing.budget
    won = sum(each.finding == "more" for each in findings.duels_of("mixture"))
    lost = sum(each.finding == "less" for each in findings.duels_of("mixture"))
    assert won >= 5
    assert lost == 0
    assert helping.document.tone == "good"
    assert f"more accurate than {won} of {len(findings.rules)} rules" in helping.markdown
    assert "less accurate than none" in helping.markdown
    assert "MarkovScale in its place is more often right, +" in helping.verdict


def test_losses_are_called_losses(losing):
    found = duel(losing, "peeking")
    assert found.finding == "less"
    assert found.needed.value == inf
    assert losing.document.tone == "bad"
    assert "Keep it: MarkovScale in its place is less often right, −" in losing.verdict
    assert (
        "For the same number of tokens MarkovScale is less accurate than peeking (−"
        in losing.markdown
    )
    assert "It is never as accurate as the most accurate rule, peeking" in losing.text
    assert max(each.regret.value for each in losing.findings.standings) > 0.05


def test_ties_are_called_ties():
    """All attempts at a question are alike: no rule can make a difference."""
    pool = []
    for number in range(20):
        key = "right" if number % 2 else "wrong"
        attempts = [answer(key), answer(key, 0), answer(key), answer(key, 2)]
        pool.append(trace(*attempts, name=f"q{number}"))
    comparison = compare(pool)
    assert comparison.document.tone == "unsure"
    assert "MarkovScale in its place is right as often" in comparison.verdict
    assert "No clear difference" in comparison.text
    assert {each.finding for each in comparison.findings.duels} == {"same"}
    assert "It is as accurate as the most accurate rule, single pass" in comparison.text
    assert "MarkovScale takes 10.0 tokens instead of 20.0" in " ".join(comparison.text.split())


def test_what_may_be_chance_is_no_good_news(helping):
    switch = helping.findings.switch._replace(
        difference=Estimate(0.02, (-0.01, 0.05)), even=Estimate(0.01, (-0.01, 0.03))
    )
    comparison = Comparison(replace(helping.findings, switch=switch))
    assert "no clear difference in being right, +2 points [−1, +5]" in comparison.verdict
    assert comparison.document.tone == "unsure"


@pytest.mark.parametrize(("questions", "few"), [(49, True), (50, False)])
def test_few_questions_are_warned_of_where_a_calibration_warns_too(questions, few):
    pool = recorded(questions=questions)
    fitted = Calibration.fit(pool, n_bootstrap=0, n_classes=1).fitted
    for warnings in (compare(pool).document.warnings, fitted.warnings):
        assert any(f"only {questions} questions" in each for each in warnings) == few


def test_bounds_are_shown_but_not_competed_with(helping):
    bounds = {row.rule.name for row in helping.findings.bounds}
    assert bounds == {
        f"{name}, {how}"
        for name, how in (
            *(("oracle", how) for how in ("revising", "redrawing")),
            *(("learned policy", how) for how in ("revising", "drawing")),
        )
    }
    assert not bounds & {each.rule for each in helping.findings.duels}
    standings = helping.findings.standings
    assert not bounds & {name for each in standings for name in (each.rival, each.best)}
    best = max(each.accuracy.value for each in helping.findings.rules)
    assert max(each.accuracy.value for each in helping.findings.bounds) >= best


def test_regret_is_what_the_best_rule_of_hindsight_earns_more(helping):
    findings = helping.findings
    spent = 10 + 1  # tokens of an attempt and of its verification
    for each in findings.standings_of("mixture"):
        worths = {
            one.rule.name: one.accuracy.value - each.cost * one.tokens / spent
            for one in findings.rules
        }
        assert each.worth == pytest.approx(each.accuracy - each.cost * each.budget / spent)
        assert each.best == max(worths, key=worths.get)
        assert each.regret.value == pytest.approx(worths[each.best] - each.worth)
        cheaper = [r for r in findings.rules if r.tokens <= each.budget + 1e-9]
        rival = max(cheaper, key=lambda one: one.accuracy.value)
        assert each.lead.value == pytest.approx(each.accuracy - rival.accuracy.value)


def test_a_verifier_is_used_if_it_is_worth_its_price_and_done_without_if_it_is_not():
    weak = World(REVISING_HELPS.bands, 0.6, 0.5)
    costly = compare(
        recorded(weak, questions=80),
        calibration=Calibration(weak.rates(), "rates of the world"),
        verification_tokens=20,
    )
    assert costly.findings.unverified == 1
    assert all(each.calls == each.attempts for each in costly.findings.curve("mixture"))
    assert any("did not use the verifier" in each for each in costly.document.warnings)
    good = World(REVISING_HELPS.bands, 0.99, 0.99)
    cheap = compare(
        recorded(good, questions=80),
        calibration=Calibration(good.rates(), "rates of the world"),
        verification_tokens=0.1,
    )
    assert cheap.findings.unverified == 0
    assert cheap.findings.curve("mixture")[-1].calls > 2


def test_a_verifier_that_says_nothing_is_not_paid_for():
    blind = World(sensitivity=0.5, specificity=0.5)
    comparison = compare(
        recorded(blind, questions=20),
        calibration=Calibration(blind.rates(), "rates of the world"),
        verification_tokens=10,
    )
    assert comparison.findings.unverified == 1
    assert comparison.findings.curve("mixture")[-1].tokens < 10 * 8


def test_a_calibration_from_elsewhere_is_used_as_it_is(monkeypatch):
    monkeypatch.setattr(Calibration, "fit", None)
    comparison = compare(recorded(questions=20), calibration=KNOWN)
    assert "rates of the world" in comparison.text
    assert comparison.findings.source == "rates of the world"
    monkeypatch.undo()
    assert compare(recorded(questions=10), calibration=None).findings.source is None


def test_only_rules_and_actions_that_the_pool_has_something_for_are_tried():
    plain = compare(recorded(questions=30, key=None, score=None))
    names = {each.rule.name for each in plain.findings.rules}
    assert not any("consistency" in name or "score" in name for name in names)
    assert "votes among answers, since no answer has a key" in plain.findings.left_out
    chains = compare(recorded(questions=30, starts=1, revisions=5))
    assert any("rules that draw afresh" in each for each in chains.findings.left_out)
    assert all(each.exhausted < 0.5 for each in chains.findings.curve("mixture"))


def test_the_map_variant_decides_by_what_the_other_half_tells_of_a_question(monkeypatch):
    easy_and_hard = World((Band(0.95, 0.1, 0.3), Band(0.5, 0.1, 0.3)), 0.5, 0.5)
    pool = recorded(easy_and_hard, questions=60)
    for number, each in enumerate(pool):
        each["features"] = "hard" if number % 2 else "easy"

    class Foretelling:
        @classmethod
        def fit(cls, traces, calibration, seed):
            predictor = cls()
            predictor.learned_from = {each["id"] for each in traces}
            return predictor

        def weights_of(self, questions, features):
            tried.append((self.learned_from, {each.removesuffix("?") for each in questions}))
            return [[1.0, 0.0] if each == "easy" else [0.0, 1.0] for each in features]

    tried = []
    monkeypatch.setattr(predictor, "ClassPredictor", Foretelling)
    known = Calibration(easy_and_hard.rates(), "rates of the world")
    both = compare(pool, variants=("mixture", "map"), costs=(0.05,), calibration=known)
    mixture, informed = (both.findings.curve(each)[-1] for each in ("mixture", "map"))
    assert informed.attempts < mixture.attempts
    assert informed.accuracy.value > mixture.accuracy.value - 0.05
    assert len(tried) == 2
    assert not any(learned & asked for learned, asked in tried)


def test_the_same_seed_gives_the_same_comparison():
    pool = recorded(questions=20)
    one, again, other = (compare(pool, seed=seed, calibration=None) for seed in (5, 5, 6))
    assert one.findings == again.findings
    assert one.findings != other.findings


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"costs": ()}, "costs must hold at least one cost above 0"),
        ({"costs": (0.1, 0.0)}, "costs must hold"),
        ({"costs": (float("nan"),)}, "costs must hold"),
        ({"variants": ()}, "variants must name at least one"),
        ({"variants": ("best",)}, "variants must name at least one of 'mixture'"),
        ({"budget": "euros"}, "budget must be one of 'tokens', 'calls', 'attempts'"),
        ({"level": 95}, "level must lie between 0 and 1"),
        ({"repeats": 0}, "repeats must be"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"n_bootstrap": 0}, "n_bootstrap must be"),
        ({"max_rounds": 0}, "max_rounds must be"),
        ({"verification_tokens": -1}, "verification_tokens must"),
        ({"actions": ("rewrite",)}, "actions must name"),
    ],
)
def test_bad_input_is_one_clear_error(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        compare(recorded(questions=4), **options)


def test_strategies_must_be_called_the_same_on_both_folds():
    calls = iter("ab")
    with pytest.raises(ValueError, match="same names for every calibration"):
        compare(recorded(questions=4), lambda calibration: {next(calls): SelfConsistency(3)})


def test_a_pool_may_be_traces_or_a_pool_or_a_file(tmp_path):
    traces, path = recorded(questions=6), tmp_path / "pool.jsonl"
    write_traces(traces, path)
    expected = compare(traces, verification_tokens=3).findings
    for pool in (path, str(path), Pool(traces), Pool(traces, verification_tokens=3)):
        assert compare(pool, verification_tokens=3).findings == expected
    assert compare(Pool(traces, verification_tokens=3)).findings == expected
    with pytest.raises(FileNotFoundError):
        compare(tmp_path / "missing.jsonl")


@pytest.mark.parametrize(("questions", "repeats"), [(4, 6), (1500, 2), (5000, 1)])
def test_the_more_questions_the_fewer_repeats_are_needed(questions, repeats):
    alike = [trace(answer("right"), name=f"q{number}") for number in range(questions)]
    comparison = compare(alike, {}, repeats=None, n_bootstrap=1)
    assert comparison.findings.repeats == repeats


def test_a_pool_of_two_questions_is_enough_and_one_is_not():
    assert compare(recorded(questions=2), calibration=None).findings.questions == 2
    with pytest.raises(ValueError, match="needs at least two"):
        compare(recorded(questions=1))


def test_every_output_says_the_same(helping):
    verdict = helping.verdict
    assert str(helping) == helping.text
    outputs = (" ".join(helping.text.split()), helping.markdown, words_of(helping.html()))
    for output in outputs:
        assert verdict in output
        for name in (
            each.rule.name for each in (*helping.findings.rules, *helping.findings.bounds)
        ):
            assert name in output
    numbers = [re.findall(r"\d+\.\d%", output) for output in outputs]
    assert sorted(numbers[0]) == sorted(numbers[1]) == sorted(numbers[2])
    assert helping.markdown.startswith(f"# Comparison of stopping rules\n\n**{verdict}")


def words_of(document):
    return " ".join(" ".join(Page(document).text).split())


def test_the_page_needs_nothing_from_elsewhere_and_has_the_plot(helping):
    page = helping.html()
    assert "<svg" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    assert helping._repr_html_() in page


def test_without_matplotlib_the_page_says_so(helping, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    page = helping.html()
    assert "No plot:" in page
    assert "<svg" not in page


def test_the_plot_names_every_rule_and_draws_it_where_it_belongs(helping, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    ax = helping.plot()
    written = words_in(ax)
    for each in (*helping.findings.rules, *helping.findings.bounds):
        assert each.rule.name in written
        (line,) = (one for one in ax.get_lines() if one.get_label() == each.rule.name)
        assert line.get_xydata().tolist() == [[each.tokens, each.accuracy.value]]
    looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in ax.get_lines()}
    assert len(looks) == len(ax.get_lines())
    assert {"MarkovScale, mixture", "MarkovScale, gate"} <= set(written)
    curve = next(one for one in ax.get_lines() if one.get_label() == "MarkovScale, mixture")
    spent = [each.tokens for each in helping.findings.curve("mixture")]
    np.testing.assert_allclose(curve.get_xdata(), sorted(spent))
    ax.figure.clear()


@pytest.mark.parametrize(
    "name", ["sampling {}", "a rule with a name that goes on and on, {} times"]
)
def test_no_words_of_the_plot_lie_on_others_or_are_cut_off(monkeypatch, name):
    monkeypatch.setenv("MPLBACKEND", "agg")
    rules = {name.format(n): SelfConsistency(n) for n in range(2, 20)}
    comparison = compare(
        recorded(questions=20), rules, costs=COSTS, variants=("mixture", "gate", "training_free")
    )
    ax = comparison.plot()
    assert misplaced(ax.figure) == []
    ax.set_title("")  # as on the page
    assert misplaced(ax.figure) == []
    ax.text(0, -0.02, "45", transform=ax.transAxes)
    ax.text(0, -0.02, "46", transform=ax.transAxes)
    assert misplaced(ax.figure) != []
    ax.figure.clear()
    assert misplaced(comparison.plot_switch().figure) == []


def test_as_plain_values_it_goes_to_json(losing):
    values = json.loads(json.dumps(losing.as_dict(), allow_nan=False))
    assert values["verdict"] == losing.verdict
    (single,) = (each for each in values["duels"] if each["rule"] == "peeking")
    assert single["needed"]["value"] is None
    assert values["rows"][0]["rule"]["name"] == "single pass"


def test_of_many_questions_a_sample_is_compared_and_the_page_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("langchain_markovscale.comparison.compare._MOST_QUESTIONS", 20)
    traces = recorded(REVISING_HELPS, questions=30)
    write_traces(traces, tmp_path / "pool.jsonl")
    sampled = compare(tmp_path / "pool.jsonl")
    assert (sampled.findings.questions, sampled.findings.recorded) == (20, 30)
    assert "A random sample of 20 questions of the 30 in the pool, one run" in str(sampled)
    assert compare(iter(traces)).as_dict() == sampled.as_dict()
    assert compare(Pool(traces)).findings.questions == 30
    assert "sample" not in str(compare(traces[:20]))
