"""The table of rates: every rate once, with its interval and what it rests on."""

import json
from dataclasses import replace

import numpy as np
import pytest
from simulated_loops import Loop

from langchain_markovscale import Calibration
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores

LOOP = Loop(initial=(0.8, 0.3), repair=(0.5, 0.2), corruption=(0.05, 0.1))
TRACES = LOOP.traces(questions=120, starts=2, revisions=3, seed=0)


def quantiles(draws, low, high):
    """As the draws of a rate have them in the mean: 5 % lie below the lower end at 90 %."""
    return tuple(np.quantile(draws, (low, high), method="weibull"))


@pytest.fixture(scope="module")
def fitted():
    return Calibration.fit(TRACES, n_classes=2, n_bootstrap=120, level=0.8, delivery=False)


def attempts_before(revision, correct):
    """Answers that were revised, by whether they were right and the depth of the revision."""
    return sum(
        trace["attempts"][attempt["parent"]]["correct"] == correct
        for trace in TRACES
        for place, attempt in enumerate(trace["attempts"])
        if place % 4 in revision
    )


def test_every_rate_has_a_row_that_is_called_as_the_rate_is(fitted):
    table, rates = fitted.summary(), fitted.rates
    beside = ("concentration", "mean_", "auc")
    for row in (row for row in table if not row.name.startswith(beside)):
        name, _, place = row.name.rstrip("]").partition("[")
        value = getattr(rates, name)
        expected = value[int(place or 0)] if isinstance(value, tuple) else value
        assert row.estimate == expected
    assert [row.name for row in table if "[" in row.name] == [
        f"{name}[{k}]"
        for name in ("weights", "initial", "repair", "corruption", "retention")
        for k in (0, 1)
    ]
    assert {"sensitivity", "settling", "verdict_correlation"} < {row.name for row in table}


def test_means_over_questions_and_theta_are_those_of_the_rates(fitted):
    table = fitted.summary()
    for name in ("initial", "repair", "corruption"):
        means = [np.dot(one.weights, getattr(one, name)) for one in (fitted.rates, *fitted.draws)]
        row = table[f"mean_{name}"]
        assert row.estimate == pytest.approx(means[0])
        assert row.interval == pytest.approx(quantiles(means[1:], 0.1, 0.9))
        assert row.n == table[f"{name}[0]"].n
    theta = [1 / draw.coincidence - 1 for draw in fitted.draws]
    assert table["concentration"].estimate == pytest.approx(1 / fitted.rates.coincidence - 1)
    assert table["concentration"].interval == pytest.approx(quantiles(theta, 0.1, 0.9))


def test_of_one_class_the_means_are_its_rates():
    table = Calibration.from_rates(initial=0.5, repair=0.1, corruption=0.2).summary()
    assert not any(row.name.startswith("mean_") for row in table)


def test_few_plausible_wrong_answers_have_a_row_in_place_of_theta():
    rates = {"initial": 0.5, "repair": 0.1, "corruption": 0.2, "coincidence": 0.4}
    table = Calibration.from_rates(**rates, plausible_wrong=5).summary()
    assert table["plausible_wrong"].estimate == 5
    with pytest.raises(KeyError):
        table["concentration"]


def test_both_areas_have_rows_and_the_interval_of_the_fit(fitted):
    table, summary = fitted.summary(), fitted.fitted
    assert table["auc"][1:4] == (summary.auc, *summary.auc_interval)
    assert table["auc_within"][1:4] == (summary.auc_within, *summary.auc_within_interval)
    assert fitted.summary(0.5)["auc"].interval is None


@pytest.mark.parametrize(
    ("law", "symbols"),
    [
        (TwoValuedScores(1.5, -0.5, 0.3, 0.6), ["a₁", "a₀", "γ", "ω"]),
        (
            GradedScores(0.4, -0.3, 0.8, 0.9, 0.3, 0.6, (0.1, 0.9), (-1.0, 1.0)),
            ["μ₁", "μ₀", "s₁", "s₀", "γ", "ω"],
        ),
    ],
)
def test_what_scores_say_has_a_row_for_each_parameter(law, symbols):
    calibration = Calibration.from_rates(initial=0.5, repair=0.1, corruption=0.2)
    table = replace(calibration, rates=replace(calibration.rates, scores=law)).summary()
    rows = [row for row in table if row.name.startswith("scores.")]
    assert [row.estimate for row in rows] == [
        getattr(law, row.name.removeprefix("scores.")) for row in rows
    ]
    shown = [line.split()[1] for line in table.text.splitlines() if line.startswith("scores.")]
    assert shown == symbols


def test_intervals_are_those_of_the_fit_and_wider_at_a_higher_level(fitted):
    table, higher = fitted.summary(), fitted.summary(0.99)
    assert table.level == 0.8
    for name in ("weights", "initial", "repair", "corruption"):
        for k, interval in enumerate(fitted.fitted.intervals[name]):
            row = table[f"{name}[{k}]"]
            assert (row.low, row.high) == pytest.approx(interval)
            assert higher[row.name].low <= row.low <= row.estimate <= row.high
    assert (table["sensitivity"].low, table["sensitivity"].high) == pytest.approx(
        fitted.fitted.intervals["sensitivity"][0]
    )
    kappa = [draw.coincidence for draw in fitted.draws]
    low, high = quantiles(kappa, 0.1, 0.9)
    assert (table["coincidence"].low, table["coincidence"].high) == pytest.approx((low, high))


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_what_never_happened_may_be_impossible(level):
    never = replace(LOOP, corruption=(0.0, 0.0), sensitivity=1.0)
    fit = Calibration.fit(never.traces(40, 2, 2, seed=1), n_bootstrap=50, delivery=False)
    intervals = fit.conf_int(level)
    for name in ("corruption[0]", "corruption[1]", "mean_corruption"):
        assert intervals[name][0] == 0
    assert 0 < intervals["mean_corruption"][1] < 0.2
    assert intervals["sensitivity"][1] == 1
    assert 0.8 < intervals["sensitivity"][0] < 1
    for name in ("repair[0]", "mean_repair", "mean_initial", "specificity"):
        assert 0 < intervals[name][0] < intervals[name][1] < 1


def test_a_rare_event_is_not_thought_common_in_a_class_that_hardly_tries_it():
    """One answer in a hundred is spoilt, and few answers of the hard class can be."""
    rare = replace(LOOP, initial=(0.9, 0.15), corruption=(0.01, 0.01))
    means = []
    for seed in range(8):
        fit = Calibration.fit(rare.traces(60, 3, 1, seed=seed), n_bootstrap=50, delivery=False)
        means += [np.dot(draw.weights, draw.corruption) for draw in fit.draws]
    assert 0.01 < np.mean(means) < 0.05


def test_conf_int_gives_the_same_intervals_by_name(fitted):
    intervals, table = fitted.conf_int(level=0.5), fitted.summary(0.5)
    assert list(intervals) == [row.name for row in table]
    assert intervals["repair[1]"] == (table["repair[1]"].low, table["repair[1]"].high)
    assert intervals["verdict_correlation"] is None
    low, high = fitted.conf_int()["repair[1]"]
    repairs = [draw.repair[1] for draw in fitted.draws]
    assert (low, high) == pytest.approx(quantiles(repairs, 0.05, 0.95))


def test_where_nothing_was_resampled_there_is_no_interval(fitted):
    for calibration in (
        Calibration.fit(TRACES[:60], n_classes=1, n_bootstrap=0, delivery=False),
        Calibration.from_rates(initial=0.5, repair=0.1, corruption=0.2),
        Calibration.training_free(),
    ):
        assert set(calibration.conf_int().values()) == {None}
        assert "Nothing was resampled" in calibration.summary().text
    steady = Calibration.fit(
        TRACES[:60], n_classes=1, n_bootstrap=10, settling=False, delivery=False
    )
    assert steady.conf_int()["settling"] is None
    assert steady.conf_int()["repair"] is not None


def test_n_counts_what_a_rate_rests_on(fitted):
    table = fitted.summary()
    every = [attempt for trace in TRACES for attempt in trace["attempts"]]
    revised = {right: attempts_before((1, 2, 3), right) for right in (False, True)}
    expected = {
        "weights[0]": 120,
        "initial[1]": 240,
        "repair[0]": revised[False],
        "corruption[1]": revised[True],
        "settling": sum(attempts_before((2, 3), right) for right in (False, True)),
        "sensitivity": sum(attempt["correct"] for attempt in every),
        "specificity": sum(not attempt["correct"] for attempt in every),
        "coincidence": None,
    }
    assert {name: table[name].n for name in expected} == expected


def test_n_is_unknown_where_labels_are_missing_or_nothing_was_fitted():
    traces = Loop(wrong_answers=10).traces(60, 3, 1, seed=0, labelled=0)
    table = Calibration.fit(traces, n_classes=1, n_bootstrap=4).summary()
    assert table["weights"].n == 60
    assert table["initial"].n is None
    assert table["sensitivity"].n is None
    given = Calibration.from_rates(initial=0.5, repair=0.1, corruption=0.2).summary()
    assert {row.n for row in given} == {None}
    assert "n counts" not in given.text


def test_a_verifier_without_weight_rests_on_nothing():
    coin = Loop(sensitivity=0.5, specificity=0.5).traces(60, 2, 1, seed=0)
    table = Calibration.fit(coin, n_classes=1, n_bootstrap=20, delivery=False).summary()
    assert table["sensitivity"][1:] == (0.5, None, None, None)


def test_rows_are_found_by_place_and_by_name(fitted):
    table = fitted.summary()
    assert len(table) == len(table.rows) == len(list(table))
    assert table[0] == table["weights[0]"] == table.rows[0]
    assert table[-1] == table.rows[-1]
    with pytest.raises(KeyError, match=r"no rate 'repair'; its rates are weights\[0\], "):
        table["repair"]


def test_it_goes_to_json(fitted):
    table = fitted.summary()
    values = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert values["initial[0]"] == {
        "estimate": table["initial[0]"].estimate,
        "low": table["initial[0]"].low,
        "high": table["initial[0]"].high,
        "n": 240,
    }


def test_a_terminal_and_a_notebook_show_every_row(fitted):
    table = fitted.summary()
    assert repr(table) == str(table) == table.text
    assert max(map(len, table.text.splitlines())) <= 80
    assert "80% interval" in " ".join(table.text.split())
    page = table._repr_html_()
    for row in table:
        cells = [f"{each:.3f}" for each in (row.estimate, row.low, row.high) if each is not None]
        (line,) = (line for line in table.text.splitlines() if line.startswith(f"{row.name} "))
        assert all(cell in line for cell in cells)
        assert f">{row.name}</th>" in page
    assert "<svg" not in page


def test_of_very_many_rates_the_first_and_the_last_are_shown():
    free = Calibration.training_free()
    table = free.summary()
    assert len(table) == free.rates.n_classes * 5 + 9
    shown = [line for line in table.text.splitlines() if "0." in line or "…" in line]
    assert 20 < len(shown) < 50
    assert table["repair[44]"].estimate == free.rates.repair[44]


def test_a_saved_calibration_gives_the_same_table(fitted, tmp_path):
    fitted.save(tmp_path / "calibration.json")
    assert Calibration.load(tmp_path / "calibration.json").summary() == fitted.summary()


@pytest.mark.parametrize("level", [0, 1, 95, "high", float("nan")])
def test_a_level_that_is_none_is_refused(fitted, level):
    for method in (fitted.summary, fitted.conf_int):
        with pytest.raises(ValueError, match="level must lie between 0 and 1"):
            method(level=level)
