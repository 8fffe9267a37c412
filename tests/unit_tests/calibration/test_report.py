"""The report says what the fit found, and no more than the fit can know."""

import pickle
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from simulated_loops import IMPROVING, Loop

from langchain_markovscale import Calibration, Criterion
from langchain_markovscale.calibration.report import findings
from langchain_markovscale.calibration.report.sections import verifier_section
from langchain_markovscale.calibration.simulate import simulate, simulate_each
from langchain_markovscale.display.interval import Estimate

pytestmark = pytest.mark.usefixtures("few_simulated_questions")


def one_chain(**rates):
    return Calibration.from_rates(**rates).report()


def percentages(words):
    return [int(number) / 100 for number in re.findall(r"(\d+)%", words)]


def section(report, title):
    (found,) = [each for each in report.document.sections if each.title == title]
    return found


def rows(report, title):
    return section(report, title).table.rows


def words(report, title):
    return " ".join(section(report, title).words)


# The verdict


def test_revising_is_said_to_hurt_where_it_does(degrading, reports):
    report = reports["degrading"]
    assert report.kind == "hurts"
    assert report.verdict.startswith("Revising hurts here: three revisions take accuracy from")
    before, after = percentages(report.verdict)
    assert before == pytest.approx(312 / 600, abs=0.011)
    assert after == pytest.approx(92 / 600, abs=0.011)
    assert "draw afresh instead" in report.verdict


def test_revising_is_said_to_help_where_it_does(improving, reports):
    report = reports["improving"]
    assert report.kind == "helps"
    assert report.verdict.startswith("Revising helps here: three revisions take accuracy from")
    before, after = percentages(report.verdict)
    assert (before, after) == pytest.approx(improving.mixture.accuracy([0, 3]), abs=0.006)


def test_nobody_can_tell_from_twenty_questions(uncertain, reports):
    report = reports["uncertain"]
    assert report.kind == "uncertain"
    assert report.verdict.startswith("Too uncertain to tell whether revising helps")
    assert "Record more questions" in report.text


def test_the_verdict_has_the_interval_of_the_resampled_fits(degrading, reports):
    changes = [np.subtract(*draw.mixture.accuracy([3, 0])) for draw in degrading.draws]
    low, high = np.quantile(changes, [0.05, 0.95], method="weibull")
    shown = re.search(r"−(\d+) points \[−(\d+), −(\d+)\]", reports["degrading"].verdict)
    value = np.subtract(*degrading.mixture.accuracy([3, 0]))
    assert [-int(n) for n in shown.groups()] == pytest.approx(
        [100 * value, 100 * low, 100 * high], abs=0.51
    )


def test_without_resampling_the_verdict_is_the_fit_s_alone(improving):
    report = replace(improving, draws=()).report()
    assert report.verdict.startswith("By the fit alone, revising helps here")
    assert "No intervals, since nothing was resampled" in " ".join(report.text.split())
    assert not re.search(r"\[[−+\d]", report.verdict)


def test_rates_behind_the_verdict_are_those_of_first_answers(degrading, reports):
    rates = degrading.rates
    right = np.multiply(rates.weights, rates.initial)
    wrong = np.subtract(rates.weights, right)
    breaks = right @ rates.corruption / right.sum()
    corrects = wrong @ rates.repair / wrong.sum()
    reasons = reports["degrading"].document.summary[1]
    assert f"breaks a right answer {breaks:.0%} [" in reasons
    assert f"corrects a wrong one {corrects:.0%} [" in reasons


def test_the_verdict_does_not_hang_on_which_rate_is_larger():
    # α > β, but first answers are above π = .6; and the other way round.
    assert one_chain(initial=0.9, repair=0.3, corruption=0.2).kind == "hurts"
    assert one_chain(initial=0.1, repair=0.2, corruption=0.3).kind == "helps"


def test_revising_that_pays_only_later_is_said_to_help():
    rates = {"weights": (0.5, 0.5), "initial": (0.9, 0.2), "repair": (0.0, 0.35)}
    calibration = Calibration.from_rates(**rates, corruption=(0.9, 0.0))
    after = calibration.mixture.accuracy([0, 1, 2, 7])
    assert after[1] < after[0]  # every later round is worse than the first answers here
    assert calibration.report().kind == "hurts"
    slow = Calibration.from_rates(
        weights=(0.3, 0.7), initial=(0.5, 0.1), repair=(0.0, 0.25), corruption=(0.95, 0.0)
    )
    after = slow.mixture.accuracy(range(8))
    assert after[1:].max() > after[0]
    assert slow.report().kind == "helps"


def test_help_that_costs_more_than_it_is_worth_is_said_to():
    calibration = Calibration.from_rates(initial=0.6, repair=0.3, corruption=0.15)
    assert calibration.report(cost_per_round=0.01).verdict == (
        "If these rates hold, revising helps here: two revisions take accuracy from 60% to 65%, "
        "+4.7 points."
    )
    costly = calibration.report(cost_per_round=0.1)
    assert "helps here, but less than it costs at 10 points each" in costly.verdict
    assert "stop after the first answer" in costly.document.summary[1]


def test_best_number_of_revisions_is_the_one_of_the_theory():
    calibration = Calibration.from_rates(initial=0.3, repair=0.4, corruption=0.05)
    gains = [(0.4 * 0.7 - 0.05 * 0.3) * 0.55**t for t in range(10)]
    assert sum(gain > 0.01 for gain in gains) == 6
    assert "six revisions pay best at 1 point each" in calibration.report().document.summary[1]


def test_revising_that_changes_nothing_is_said_to():
    report = one_chain(initial=0.6, repair=0.0, corruption=0.0)
    assert report.kind == "nothing"
    assert report.verdict == (
        "If these rates hold, revising changes nothing here: accuracy stays at 60%."
    )


def test_traces_without_revisions_say_nothing_of_revising(improving):
    fitted = improving.fitted
    first_only = replace(
        fitted,
        right=fitted.right[:1],
        total=fitted.total[:1],
        fitted=fitted.fitted[:1],
        band=fitted.band[:1],
        held_out=fitted.held_out[:1],
        drift=(),
    )
    report = replace(improving, fitted=first_only).report()
    assert report.kind == "untried"
    assert report.verdict.startswith("No trace has a revision")
    assert "Record revisions too" in report.text


@pytest.mark.parametrize(
    ("specificity", "sensitivity", "said"),
    [(0.9, 0.9, "fresh draws pay"), (0.5, 0.5, "the criterion stops after the first answer")],
)
def test_it_says_whether_fresh_draws_pay(sensitivity, specificity, said):
    calibration = Calibration.from_rates(
        initial=0.6,
        repair=0.0,
        corruption=0.5,
        sensitivity=sensitivity,
        specificity=specificity,
        coincidence=1.0,
    )
    assert said in calibration.report(cost_per_round=0.05).document.summary[2]


def test_the_recommendation_is_what_the_criterion_does(degrading, reports):
    rates = degrading.decision.without_verifier()  # its verifier says nothing
    rule = Criterion(degrading, 0.01, 8).without_verifier().decide
    got = simulate(rule, rates, questions=findings.QUESTIONS, seed=0)
    assert reports["degrading"].findings.recommended == got
    assert f"{got.fresh_draws:.1f} fresh draws" in reports["degrading"].document.summary[2]
    assert f"right {got.accuracy:.0%} of the time" in reports["degrading"].document.summary[2]


def test_only_what_is_looked_at_is_simulated():
    calls = []

    def counted(policies, *args, **options):
        calls.append(len(policies))
        return simulate_each(policies, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(findings, "simulate_each", counted)
        patch.setattr(findings, "QUESTIONS", 50)
        report = Calibration.from_rates(initial=0.6, repair=0.3, corruption=0.1).report()
        report = pickle.loads(pickle.dumps(report))
        assert report.verdict.startswith("If these rates hold, ")
        assert calls == []
        assert report.document.summary[0] == report.verdict
        assert report.text
        assert sum(calls) == len(findings.COSTS)
        assert report.html()
        assert sum(calls) == len(findings.COSTS)


# The sections


def test_accuracy_by_round_stands_beside_its_forecasts(degrading, reports):
    table = rows(reports["degrading"], "Accuracy by number of blind revisions")
    fitted = degrading.fitted
    for t, row in enumerate(table):
        low, high = fitted.band[t]
        assert row == (
            f"{t}",
            f"{(312, 169, 116, 92)[t] / 600:.0%}",
            "600",
            f"{fitted.fitted[t]:.0%} [{100 * low:.0f}, {100 * high:.0f}]",
            f"{fitted.held_out[t]:.0%}",
        )


def test_the_miss_of_the_fit_is_said(degrading, reports):
    seen = np.array([312, 169, 116, 92]) / 600
    miss = np.abs(np.array(degrading.fitted.fitted) - seen).mean()
    said = words(reports["degrading"], "Accuracy by number of blind revisions")
    assert f"misses what was seen by {100 * miss:.1f} points" in said


def test_rates_of_each_class_have_their_intervals(degrading, reports):
    table = rows(reports["degrading"], "Rates")
    assert len(table) == degrading.rates.n_classes
    for k, row in enumerate(table):
        for cell, name in zip(row[1:], ("weights", "initial", "repair", "corruption"), strict=True):
            interval = degrading.fitted.intervals[name][k]
            assert cell == Estimate(getattr(degrading.rates, name)[k], interval).percent


def test_classes_stand_in_falling_order_of_first_answers():
    report = one_chain(initial=(0.2, 0.9), repair=(0.1, 0.5), corruption=(0.3, 0.04))
    assert rows(report, "Rates") == (
        ("1", "50%", "90%", "50%", "4.0%"),
        ("2", "50%", "20%", "10%", "30%"),
    )


def test_bounds_are_those_of_the_mixture(degrading, reports):
    lower, neutral, upper = degrading.mixture.bounds()
    said = words(reports["degrading"], "Where revising leads")
    assert f"stays between {lower:.0%} and {upper:.0%}, and tends to {neutral:.0%}" in said


def test_it_says_of_each_class_where_revising_leads():
    report = one_chain(initial=(0.2, 0.9), repair=(0.3, 0.1), corruption=(0.3, 0.1))
    said = words(report, "Where revising leads")
    assert "Revising degrades class 1 (50%), from 90% towards 50%." in said
    assert "Revising improves class 2 (50%), from 20% towards 50%." in said


def test_a_verifier_no_better_than_chance_is_called_so(degrading, reports):
    assert degrading.fitted.auc_interval[0] < 0.5
    said = words(reports["degrading"], "The verifier")
    assert said.startswith("It is no better than chance")
    assert f"{degrading.fitted.auc:.0%} [" in said


def test_a_verifier_that_tells_right_from_wrong_has_its_rates_shown(improving, reports):
    report = reports["improving"]
    assert words(report, "The verifier").startswith("It tells right from wrong")
    values = dict(rows(report, "The verifier"))
    assert percentages(values["sensitivity: accepts a right answer"])[0] == pytest.approx(
        IMPROVING.sensitivity, abs=0.03
    )
    assert percentages(values["specificity: rejects a wrong answer"])[0] == pytest.approx(
        IMPROVING.specificity, abs=0.03
    )
    assert float(values["correlation ρ of its scores of one answer"]) == pytest.approx(
        improving.rates.verdict_correlation, abs=0.005
    )


@pytest.mark.parametrize(
    ("auc", "within", "said"),
    [
        ((0.7, 0.6, 0.8), (0.69, 0.6, 0.75), "It tells right from wrong"),
        ((0.7, 0.6, 0.8), (0.6, 0.55, 0.65), "10 points less."),
        ((0.7, 0.6, 0.8), (0.52, 0.48, 0.56), "18 points less, which is not better than one half"),
        (
            (0.7, 0.6, 0.8),
            (0.6, 0.4, 0.8),
            "60% [40, 80] of the time, which is not better than one",
        ),
        ((0.51, 0.48, 0.55), (0.7, 0.6, 0.8), "Across questions it is no better than chance"),
        ((0.51, 0.48, 0.55), (0.52, 0.4, 0.6), "Its scores are given no weight"),
        ((0.7, 0.6, 0.8), (None, 0.0, 1.0), "No question has both"),
    ],
)
def test_a_verifier_may_know_questions_better_than_answers(improving, auc, within, said):
    fitted = replace(
        improving.fitted,
        auc=auc[0],
        auc_interval=auc[1:],
        auc_within=within[0],
        auc_within_interval=within[1:],
    )
    found = SimpleNamespace(calibration=replace(improving, fitted=fitted), rates=improving.rates)
    said_of_it = verifier_section(found)
    (shown,) = said_of_it.words
    assert said in shown
    better = within[0] is not None and within[2] < auc[0]
    assert ("it knows questions better than answers" in shown.lower()) == better
    measured = [row[0] for row in said_of_it.table.rows if "AUC within" in row[0]]
    assert len(measured) == (within[0] is not None)


def test_without_scores_no_verifier_is_reported(reports):
    assert words(reports["uncertain"], "The verifier").startswith("No verifier was measured")


def test_no_drift_is_found_where_there_is_none(reports):
    said = words(reports["improving"], "Drift of the rates with depth")
    assert said.startswith("Rates do not drift")


def test_drift_is_found_where_the_fit_leaves_it_out():
    table = Loop(settling=0.3).table(questions=1200, starts=2, revisions=3, seed=0)
    report = Calibration.fit(table, settling=False, n_bootstrap=20, n_classes=2).report(
        max_rounds=1
    )
    said = words(report, "Drift of the rates with depth")
    assert said.startswith("Rates drift with depth")
    assert "settling d = 1" in words(report, "Rates")
    for (_, wrong, mended, expected, z, *_), each in zip(
        rows(report, "Drift of the rates with depth"), report.findings.mended, strict=True
    ):
        n, share = each.revised, each.expected / each.revised
        by_hand = (each.changed - each.expected) / np.sqrt(n * share * (1 - share))
        assert float(z.replace("−", "-")) == pytest.approx(by_hand, abs=0.051)
        assert (wrong, mended) == (f"{each.revised:,.0f}", f"{each.changed:,.0f}")
        assert expected == f"{each.expected:,.1f}"


def test_where_nothing_was_right_before_no_rate_is_made_up(improving, reports):
    *others, last = improving.fitted.drift
    gone = replace(improving.fitted, drift=(*others, (*last[:3], 0.0, 0.0, 0.0)))
    report = replace(improving, fitted=gone).report(max_rounds=1)  # one attempt is soon simulated
    *_, row = rows(report, "Drift of the rates with depth")
    assert row[1:5] == rows(reports["improving"], "Drift of the rates with depth")[-1][1:5]
    assert row[5:] == ("0", "–", "–", "–")
    assert "among five comparisons" in words(report, "Drift of the rates with depth")


def test_settling_is_explained_where_it_is_there():
    table = Loop(settling=0.4).table(questions=800, starts=2, revisions=3, seed=0)
    report = Calibration.fit(table, n_bootstrap=40, n_classes=2).report(max_rounds=1)
    assert "answers change less and less" in words(report, "Rates")


def test_likelihood_by_number_of_classes_is_shown(degrading, reports):
    shown = {
        row[0].split()[0]: float(row[1].replace("−", "-"))
        for row in rows(reports["degrading"], "Number of classes")
    }
    assert shown == pytest.approx(degrading.fitted.class_likelihood, abs=5e-4)
    used = [row[0] for row in rows(reports["degrading"], "Number of classes") if "*" in row[0]]
    assert used == [f"{degrading.rates.n_classes} *"]


def test_rounds_that_cost_more_are_fewer_and_buy_less(reports):
    for name in reports.keys() - {"uncertain"}:
        report = reports[name]
        attempts = [each.attempts for each in report.findings.outcomes]
        accuracy = [each.accuracy for each in report.findings.outcomes]
        assert np.all(np.diff(attempts) <= 0.05)
        assert attempts[0] > 1
        assert accuracy[0] >= accuracy[-1]


def test_the_cost_asked_for_is_among_those_shown(improving):
    report = improving.report(cost_per_round=0.03, max_rounds=4)
    table = rows(report, "What the criterion achieves")
    assert [row[0] for row in table if "*" in row[0]] == ["3 *"]
    assert max(float(row[1]) for row in table) <= 4
    assert "At a cost of 3 points a round" in report.text.replace("\n", " ")


def test_rounds_may_cost_nothing():
    report = Calibration.from_rates(initial=0.5, repair=0.3, corruption=0.1).report(
        cost_per_round=0.0
    )
    assert rows(report, "What the criterion achieves")[0][0] == "0 *"
    assert "<svg" in report.html()


def test_unlabelled_traces_are_said_to_be(unlabelled):
    assert "none of them labelled" in unlabelled.text.replace("\n", " ")
    assert {row[1] for row in rows(unlabelled, "Accuracy by number of blind revisions")} == {"–"}
    assert "assume that answers which agree are right" in words(unlabelled, "The verifier")
    said = dict(rows(unlabelled, "The verifier"))
    assert said["sensitivity: accepts a right answer"].startswith("8")  # .85 is true


def test_answers_without_keys_are_not_compared(uncertain, reports):
    assert "no keys" in words(reports["uncertain"], "What the criterion achieves")
    assert all(each.fresh_draws < 0.05 for each in reports["uncertain"].findings.outcomes)


def test_warnings_come_before_the_sections(degrading, reports, document):
    report = reports["degrading"]
    assert degrading.fitted.warnings
    text = " ".join(report.text.split())
    for warning in degrading.fitted.warnings:
        assert text.index(f"Warning: {warning}") < text.index("Accuracy by number")
        assert warning in report.markdown
        assert warning in document


def test_what_was_not_fitted_is_said_to_be_missing(reports):
    for name in ("prior", "given"):
        report = reports[name]
        assert report.verdict.startswith("If these rates hold, ")
        assert "Nothing was fitted" in report.text
        assert "markovscale calibrate traces.jsonl" in words(report, "What is missing")
        assert not re.search(r"\[[−+\d]", report.text)


def test_many_classes_are_summed_up(reports):
    table = rows(reports["prior"], "Rates")
    assert table == (
        ("lowest", "3.0%", "3.0%", "2.0%"),
        ("mean", "50%", "13%", "16%"),
        ("highest", "97.0%", "30%", "35%"),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cost_per_round": -0.1}, "cost"),
        ({"max_rounds": 0}, "max_rounds must be a whole number of at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(improving, options, message):
    with pytest.raises(ValueError, match=message):
        improving.report(**options)


def test_first_answers_are_as_often_right_as_in_the_simulation_beside_what_was_counted():
    fitted = Calibration.fit(Loop().traces(13, 1, 2, seed=2), delivery=False, n_bootstrap=4)
    report = fitted.report(cost_per_round=0.45)
    title = "What the criterion achieves"
    costly = rows(report, title)[-1]
    assert costly[1] == "1.00"
    first, counted = percentages(words(report, title))[:2]
    assert first == pytest.approx(percentages(costly[4])[0], abs=0.011)
    assert counted == pytest.approx(report.findings.rounds[0].seen, abs=0.0051)


@pytest.mark.usefixtures("few_simulated_questions")
def test_what_was_never_tried_is_not_recommended():
    report = Calibration.fit(Loop().traces(40, 3, 0, seed=2), n_bootstrap=20).report()
    assert report.kind == "untried"
    assert all(outcome.revisions == 0 for outcome in report.findings.outcomes)
    assert "revisions pay" not in report.text
    assert "no revisions, since none was recorded" in " ".join(report.text.split())
