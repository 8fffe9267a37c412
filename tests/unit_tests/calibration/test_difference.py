"""Two calibrations side by side: what has changed, and what is within noise."""

from dataclasses import replace

import pytest
from figures import misplaced
from pages import Page
from simulated_loops import Loop

from langchain_markovscale import Calibration
from langchain_markovscale.display.interval import Estimate

LOOP = Loop()
BETTER = replace(LOOP, initial=(0.95, 0.55))


def fit(loop, seed, **options):
    options = {"n_bootstrap": 60, "delivery": False} | options
    return Calibration.fit(loop.traces(200, 2, 2, seed=seed), **options)


def parentless(trace):
    return [{**each, "parent": None} for each in trace["attempts"] if each["parent"] is None]


@pytest.fixture(scope="module")
def before():
    return fit(LOOP, 1)


@pytest.fixture(scope="module")
def found(before):
    return before.diff(fit(BETTER, 2))


def test_what_has_changed_is_found_and_nothing_else(found):
    assert found["initial"].finding == "better"
    low, high = found["initial"].change.interval
    assert low < 0.175 < high
    for name in ("repair", "corruption", "sensitivity", "specificity"):
        assert found[name].finding == "noise"
    assert found.verdict.startswith("What has changed: first answers that are right +")
    assert found.document.tone == "good"


def test_the_verdict_agrees_with_the_table(found):
    """Accuracy after revisions that is better is told, and no rate is called noise beside it."""
    changes = {"repair": (0.01, 0.3), "initial": (-0.1, 0.1)}
    rows = tuple(
        row._replace(
            change=Estimate(0.1, changes.get(row.name, (-0.1, 0.1)))
            if "after" not in row.name
            else Estimate(0.1, (0.05, 0.2) if "1" not in row.name else (-0.1, 0.2))
        )
        for row in found.rows
    )
    verdict = replace(found, rows=rows).verdict
    assert verdict.endswith(
        "Accuracy after 2 and 3 revisions is better. The other rates are within noise."
    )
    silent = tuple(
        row._replace(change=Estimate(0.1, (-0.1, 0.1))) if row.name == "repair" else row
        for row in rows
    )
    assert replace(found, rows=silent).verdict == (
        "No rate has clearly changed by itself. Accuracy after 2 and 3 revisions is better."
    )


def test_the_other_way_round_it_is_worse(before, found):
    back = fit(BETTER, 2).diff(before)
    assert back["initial"].finding == "worse"
    assert back["initial"].change.value == pytest.approx(-found["initial"].change.value)


def test_a_higher_corruption_is_worse(before):
    worse = before.diff(fit(replace(LOOP, corruption=(0.35, 0.5)), 3))["corruption"]
    assert worse.change.value > 0
    assert worse.finding == "worse"


def test_two_measurements_of_one_loop_differ_by_noise(before):
    again = before.diff(fit(LOOP, 5), level=0.99)
    assert all(row.finding == "noise" for row in again.rows)
    assert again.verdict == "No rate has clearly changed: every difference is within noise."
    assert again.document.tone == "plain"


def test_what_one_of_them_has_not_measured_is_not_called_a_change(before):
    first = [
        {**each, "attempts": [a | {"score": None} for a in parentless(each)]}
        for each in LOOP.traces(60, 2, 2, seed=4)
    ]
    found = before.diff(Calibration.fit(first, n_bootstrap=20, delivery=False))
    assert [row.name for row in found.rows] == ["initial"]
    assert set(found.unmeasured) == {"repair", "corruption", "sensitivity", "specificity"}
    assert "revisions that correct a wrong answer" in found.document.warnings[0]
    assert "blind revision" not in found.text


def test_without_resampled_fits_nothing_is_called_a_change(before):
    given = Calibration.from_rates(initial=0.9, repair=0.3, corruption=0.1)
    found = before.diff(given)
    assert all(row.finding == "unknown" for row in found.rows)
    assert "cannot be told from chance" in found.verdict
    assert "calibrate with n_bootstrap=200" in found.text


def test_every_output_holds_every_number_and_the_plot(found, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    page = Page(found.html())
    assert page.tags.count("svg") == 1
    assert len(page.rows) == 1 + len(found.rows)
    ax = found.plot()
    assert misplaced(ax.figure) == []
    ax.figure.clear()


def test_bad_input_is_one_clear_error(before, found):
    with pytest.raises(ValueError, match="level must lie between"):
        before.diff(before, level=95)
    with pytest.raises(KeyError, match="known are initial"):
        found["unknown"]
