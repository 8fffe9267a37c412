"""The plots show the numbers that they are said to show."""

from dataclasses import replace

import numpy as np
import pytest
from figures import misplaced, words_in
from matplotlib import pyplot
from scipy.stats import norm
from simulated_loops import Loop

from langchain_markovscale import Calibration
from langchain_markovscale.display.plotting import STYLE

pytestmark = pytest.mark.usefixtures("few_simulated_questions")


@pytest.fixture
def report(reports):
    return reports["improving"]


@pytest.fixture
def given(reports):
    return reports["prior"]


@pytest.fixture(autouse=True)
def closed_figures(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    pyplot.close("all")  # those of other modules' tests in this process
    yield
    pyplot.close("all")


def of_one_attempt(calibration):
    """A report of one attempt a question: what simulation finds of more is of no interest."""
    return calibration.report(max_rounds=1)


def lines(ax, label):
    return [line for line in ax.get_lines() if line.get_label() == label]


def heights(ax, label):
    (line,) = lines(ax, label)
    return line.get_ydata()


def right_after(traces, revisions):
    labels = []
    for trace in traces:
        depth = []
        for attempt in trace["attempts"]:
            parent = attempt["parent"]
            depth.append(0 if parent is None else depth[parent] + 1)
            if depth[-1] == revisions:
                labels.append(attempt["correct"])
    return sum(labels) / len(labels)


def test_accuracy_shows_what_was_seen_the_fit_and_the_held_out_forecast(
    improving, improving_traces, report
):
    ax = report.plot_accuracy()
    assert heights(ax, "seen") == pytest.approx(
        [right_after(improving_traces, t) for t in range(4)]
    )
    assert heights(ax, "fit, 90% band") == pytest.approx(improving.mixture.accuracy(range(4)))
    assert heights(ax, "held-out forecast") == pytest.approx(improving.fitted.held_out)
    assert words_in(ax) == ["fit, 90% band", "held-out forecast", "seen"]


def test_accuracy_shows_the_band(improving, report):
    (band,) = report.plot_accuracy().collections
    corners = band.get_paths()[0].vertices
    for t, (low, high) in enumerate(improving.fitted.band):
        at = corners[corners[:, 0] == t, 1]
        assert at.min() == pytest.approx(low)
        assert at.max() == pytest.approx(high)


def test_accuracy_of_given_rates_is_a_forecast_alone(given):
    ax = given.plot_accuracy()
    assert heights(ax, "forecast") == pytest.approx(
        Calibration.training_free().mixture.accuracy(range(8))
    )
    assert not lines(ax, "seen")
    assert not ax.collections
    assert words_in(ax) == ["forecast"]


def test_map_shows_each_class_from_its_first_answers_to_where_revising_leads(improving, report):
    ax = report.plot_map()
    rates = improving.rates
    for number, (p, a, b) in enumerate(
        zip(rates.initial, rates.repair, rates.corruption, strict=True), 1
    ):
        (point,) = lines(ax, f"class {number}")
        assert f"class {number}" in words_in(ax)
        after = p
        for depth in range(20_000):
            factor = rates.settling**depth
            after += a * factor * (1 - after) - b * factor * after
        assert point.get_xdata()[0] == pytest.approx(p)
        assert point.get_ydata()[0] == pytest.approx(after, abs=1e-3)


def test_map_shows_all_questions_together_and_the_diagonal(improving, report):
    ax = report.plot_map()
    (star,) = lines(ax, "all questions")
    assert star.get_xdata()[0] == pytest.approx(improving.mixture.accuracy(0))
    assert star.get_ydata()[0] == pytest.approx(improving.mixture.stationary_accuracy)
    (diagonal,) = lines(ax, "diagonal")
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata())


def test_map_of_a_grid_shows_a_point_for_each_class(given):
    points = [line for line in given.plot_map().get_lines() if line.get_marker() == "o"]
    assert len(points) == 63


def test_verifier_shows_the_share_of_right_answers_by_score(improving_traces, report):
    ax = report.plot_verifier()
    (seen,) = ax.containers
    score, share = seen.lines[0].get_data()
    for at, height in zip(score, share, strict=True):
        labels = [a["correct"] for t in improving_traces for a in t["attempts"] if a["score"] == at]
        assert height == pytest.approx(sum(labels) / len(labels))
    assert set(score) == {0.0, 1.0}


def test_verifier_shows_what_its_scores_are_taken_to_mean():
    rng = np.random.default_rng(0)
    traces = Loop().traces(questions=100, starts=2, revisions=1, seed=1)
    for trace in traces:
        for attempt in trace["attempts"]:
            attempt["score"] = rng.beta(4, 2) if attempt["correct"] else rng.beta(2, 4)
    measured = Calibration.fit(traces, n_bootstrap=20, delivery=False)
    ax = of_one_attempt(measured).plot_verifier()
    (line,) = (each for each in ax.lines if str(each.get_label()).startswith("as used"))
    score, chance = line.get_data()
    rates = measured.decision
    law, expected = rates.scores, np.zeros((2, len(score)))
    kinds = ((law.wrong, law.wrong_spread), (law.right, law.right_spread))
    for weight, initial in zip(rates.weights, rates.initial, strict=True):
        shared = law.difficulty * np.log(initial / (1 - initial))
        for label, (mean, spread) in enumerate(kinds):
            density = norm(mean + shared, np.hypot(spread, law.intercept))
            prior = weight * (initial if label else 1 - initial)
            expected[label] += prior * density.pdf(law.quantiles)
    assert score == pytest.approx(law.scores)
    assert chance == pytest.approx(expected[1] / expected.sum(axis=0), abs=2e-3)


def test_drift_shows_changes_by_depth_as_seen_and_as_expected(improving_traces, report):
    ax = report.plot_drift()
    mended, broken = [], []
    for depth in (1, 2, 3):
        moves = [
            (trace["attempts"][a["parent"]]["correct"], a["correct"])
            for trace in improving_traces
            for index, a in enumerate(trace["attempts"])
            if index % 4 == depth
        ]
        mended.append(np.mean([after for before, after in moves if not before]))
        broken.append(np.mean([not after for before, after in moves if before]))
    seen = {each.get_label(): each.lines[0].get_ydata() for each in ax.containers}
    assert seen["corrects a wrong one: seen"] == pytest.approx(mended)
    assert seen["breaks a right one: seen"] == pytest.approx(broken)
    rows = report.findings.mended
    assert heights(ax, "corrects a wrong one: fit") == pytest.approx(
        [row.expected / row.revised for row in rows]
    )


def with_drift(improving, *rows):
    changed = replace(improving, fitted=replace(improving.fitted, drift=rows))
    return of_one_attempt(changed).plot_drift()


def test_drift_has_a_gap_where_nothing_was_there_to_change(improving):
    ax = with_drift(improving, (40, 20, 21, 30, 15, 14), (40, 20, 19, 0, 0, 0))
    seen = {each.get_label(): each.lines[0].get_ydata() for each in ax.containers}
    for heights_of in (
        seen["breaks a right one: seen"],
        heights(ax, "breaks a right one: fit"),
    ):
        assert np.isfinite(heights_of).tolist() == [True, False]
    assert np.isfinite(seen["corrects a wrong one: seen"]).all()
    assert "breaks a right one: fit" in words_in(ax)


@pytest.mark.parametrize("plot", ["accuracy", "map", "verifier", "drift", "cost"])
def test_no_words_of_a_plot_lie_on_others_or_are_cut_off(report, plot):
    with pyplot.rc_context(STYLE):  # as on the page, which has titles of its own
        figure = report._draw(plot)
        assert misplaced(figure) == []
        for ax in figure.axes:
            ax.set_title("")
        assert misplaced(figure) == []


def test_no_words_of_the_overview_lie_on_others_or_are_cut_off(report):
    assert misplaced(report.plot()["map"].figure) == []


def test_words_that_lie_on_others_are_found(report):
    ax = report.plot_map()
    ax.text(0.05, 0.95, "revising", va="top")
    assert misplaced(ax.figure) == [("revising improves", "revising")]
    ax.set_xlabel("right " * 50)
    assert any("the edge" in pair for pair in misplaced(ax.figure))


@pytest.mark.parametrize("classes", [2, 8])
def test_classes_that_lie_at_the_same_place_are_told_apart(classes):
    rates = {"initial": [0.6] * classes, "repair": [0.3] * classes, "corruption": [0.2] * classes}
    ax = of_one_attempt(Calibration.from_rates(**rates)).plot_map()
    points = [line for line in ax.get_lines() if line.get_label().startswith("class ")]
    assert len({line.get_marker() for line in points}) == classes
    assert misplaced(ax.figure) == []


def test_marks_at_nothing_and_at_everything_are_whole(improving, report):
    whole = with_drift(improving, (40, 0, 1, 40, 40, 39))
    for ax in (whole, report.plot_verifier()):
        low, high = ax.get_ylim()
        size = ax.get_window_extent().height / ax.figure.dpi * 72  # points of the page
        assert -low / (high - low) * size > 2.5
        assert (high - 1) / (high - low) * size > 2.5


def test_cost_shows_accuracy_and_attempts_by_cost(report):
    above, below = report.plot_cost()
    outcomes = report.findings.outcomes
    (accuracy,) = lines(above, "with the criterion")
    assert accuracy.get_xdata() == pytest.approx([0.1, 0.2, 0.5, 1, 2, 5, 10, 20])
    assert accuracy.get_ydata() == pytest.approx([each.accuracy for each in outcomes])
    attempts = next(line for line in below.get_lines() if line.get_marker() == "o")
    assert attempts.get_ydata() == pytest.approx([each.attempts for each in outcomes])
    layers = ["first answers", "fresh draws", "revisions"]
    assert words_in(below) == [
        "first answer alone",
        "with the criterion",
        "1 point, as asked",
        *layers,
    ]
    assert above.get_xscale() == below.get_xscale() == "log"


def test_axes_say_what_they_measure(report):
    axes = [report.plot_accuracy(), report.plot_map(), report.plot_verifier(), report.plot_drift()]
    axes.append(report.plot_cost()[1])
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in axes)
    assert "points of accuracy" in axes[-1].get_xlabel()


def test_overview_has_every_plot(report):
    axes = report.plot()
    assert set(axes) == {"accuracy", "map", "drift", "verifier", "above", "below"}
    titles = [ax.get_title(loc="left") for ax in axes.values()]
    assert titles.count("") == 1  # the two panels of the cost share one


def test_overview_leaves_out_what_was_not_measured(given):
    assert set(given.plot()) == {"accuracy", "map", "above", "below"}
    table = Loop().table(questions=60, starts=2, revisions=2, seed=0)
    unverified = Calibration.fit(table, n_bootstrap=20).report()
    assert set(unverified.plot()) == {"accuracy", "map", "drift", "above", "below"}


def test_plots_can_stand_on_axes_of_ones_own(report):
    _, axes = pyplot.subplots(2, 3)
    flat = axes.ravel()
    for plot, ax in zip(
        (report.plot_accuracy, report.plot_map, report.plot_verifier, report.plot_drift),
        flat,
        strict=False,
    ):
        assert plot(ax) is ax
    assert report.plot_cost(flat[4:]) == tuple(flat[4:])
    assert pyplot.get_fignums() == [1]


def test_the_style_of_other_plots_is_left_alone(report):
    before = dict(pyplot.rcParams)
    report.plot()
    assert dict(pyplot.rcParams) == before


def test_a_verifier_that_was_not_measured_cannot_be_plotted(given):
    with pytest.raises(ValueError, match="no measured verifier: fit it to traces with scores"):
        given.plot_verifier()


def test_drift_that_was_not_measured_cannot_be_plotted(given):
    with pytest.raises(ValueError, match="not fitted to revisions"):
        given.plot_drift()
