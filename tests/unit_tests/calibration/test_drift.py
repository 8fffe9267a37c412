"""Drift is found where rates have changed, dated, and told with what could not be seen."""

from dataclasses import replace

import pytest
from figures import misplaced
from pages import Page
from simulated_loops import Loop

from langchain_markovscale import Calibration, write_traces

LOOP = Loop(initial=(0.9, 0.5), repair=(0.5, 0.2))
WORSE = replace(LOOP, initial=(0.65, 0.25))


def bare(traces):
    return [
        {**one, "attempts": [{**each, "correct": None} for each in one["attempts"]]}
        for one in traces
    ]


@pytest.fixture(scope="module")
def calibration():
    return Calibration.fit(LOOP.traces(300, 2, 2, seed=1), n_bootstrap=60, delivery=False)


@pytest.fixture(scope="module")
def changed(calibration):
    return calibration.drift(LOOP.traces(300, 1, 2, seed=2) + WORSE.traces(500, 1, 2, seed=3))


def test_where_nothing_has_changed_it_says_so(calibration):
    found = calibration.drift(LOOP.traces(600, 1, 2, seed=4))
    assert not found.drifted
    assert found.verdict.startswith("No drift was found in 600 traces")
    assert found.document.tone == "plain"


def test_a_model_that_got_worse_is_found_and_dated(changed):
    (first,) = (each for each in changed.rates if each.name == "initial")
    assert first.changed
    assert first.between[0] <= 300 <= first.between[1]
    assert first.between[1] - first.between[0] < 150
    assert first.since <= first.alarm
    assert first.seen < first.expected - 0.15
    assert f"number {first.since + 1} of 800" in changed.verdict
    assert [each.name for each in changed.rates if each.changed] == ["initial"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("repair", {"repair": (0.05, 0.02)}),
        ("corruption", {"corruption": (0.3, 0.45)}),
        ("sensitivity", {"sensitivity": 0.6}),
        ("specificity", {"specificity": 0.45}),
    ],
)
def test_each_rate_is_watched_by_itself(calibration, name, change):
    traces = LOOP.traces(100, 1, 2, seed=5) + replace(LOOP, **change).traces(500, 1, 2, seed=6)
    found = calibration.drift(traces)
    assert [each.name for each in found.rates if each.changed] == [name]


def test_it_does_not_matter_when_a_loop_stops(calibration):
    """Runs that revise rejected answers alone are no drift."""
    kept = []
    for one in LOOP.traces(600, 1, 2, seed=7):
        attempts = one["attempts"]
        end = next((i for i, each in enumerate(attempts) if each["score"]), len(attempts) - 1)
        kept.append({**one, "attempts": attempts[: end + 1]})
    assert not calibration.drift(kept).drifted


def test_without_labels_it_watches_what_can_be_seen_and_says_what_cannot(calibration):
    traces = bare(LOOP.traces(300, 1, 2, seed=2) + WORSE.traces(900, 1, 2, seed=3))
    found = calibration.drift(traces)
    assert {each.name for each in found.rates} == {"acceptance", "unchanged"}
    assert found.drifted
    assert "Without labels nobody sees whether answers are right." in found.markdown
    assert found.labelled == 0
    several = calibration.drift(bare(LOOP.traces(200, 2, 1, seed=8)))
    assert {each.name for each in several.rates} == {"acceptance", "unchanged", "agreement"}
    assert not several.drifted


def test_a_file_and_its_traces_give_the_same(calibration, tmp_path):
    traces = LOOP.traces(40, 1, 1, seed=9)
    path = tmp_path / "later.jsonl"
    write_traces(traces, path)
    assert calibration.drift(path).rates == calibration.drift(traces).rates
    assert calibration.drift(iter(traces)).rates == calibration.drift(traces).rates


def test_given_rates_are_taken_as_exact_and_fitted_ones_without_draws_too():
    exact = Calibration.from_rates(initial=0.7, repair=0.3, corruption=0.1)
    found = exact.drift(LOOP.traces(50, 1, 1, seed=1))
    assert any("taken to be exact" in each for each in found.document.warnings)
    assert {each.name for each in found.rates} == {"initial", "repair", "corruption"}


def test_the_depths_add_up_to_all_revisions(changed):
    for rows, name in ((changed.corrected, "repair"), (changed.broken, "corruption")):
        (rate,) = (each for each in changed.rates if each.name == name)
        assert sum(row.revised for row in rows) == rate.events
    page = Page(changed.html())
    assert page.tags.count("svg") == 1


def test_no_words_of_the_plot_lie_on_others(changed, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    ax = changed.plot()
    assert misplaced(ax.figure) == []
    ax.figure.clear()


def test_bad_input_is_one_clear_error(calibration):
    with pytest.raises(ValueError, match="alpha must lie between 0 and 1, got 5"):
        calibration.drift(LOOP.traces(5, 1, 1, seed=1), alpha=5)
    with pytest.raises(ValueError, match="was not measured"):
        Calibration.training_free().drift(LOOP.traces(5, 1, 1, seed=1))
    with pytest.raises(ValueError, match="hold nothing to watch"):
        calibration.drift([])
    with pytest.raises(ValueError, match=r"traces\[0\]"):
        calibration.drift([{"id": "q"}])
