"""Estimates and draws of the rates of classes are of one model, at the boundary too."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from langchain_markovscale import Calibration, read_traces
from langchain_markovscale.calibration import class_rates, em
from langchain_markovscale.calibration.report.findings import find

ARITHMETIC = Path(__file__).parents[2] / "data" / "arithmetic.jsonl"
QUESTIONS = 35  # that are always right, and as many that never are
DRAWS = 600


def never_changing(starts, revisions):
    """A table of rounds in which no revision changes anything."""
    right = np.arange(2 * QUESTIONS) < QUESTIONS
    return np.tile(right[:, None, None], (1, starts, revisions + 1)).astype(float)


@pytest.mark.parametrize(("starts", "revisions"), [(1, 1), (1, 2), (3, 3)])
@pytest.mark.parametrize("n_classes", [1, 2])
def test_what_never_happened_in_few_questions_is_as_uncertain_as_they_leave_it(
    starts, revisions, n_classes
):
    """However many attempts or classes; by the Beta posterior of as many independent trials."""
    fitted = Calibration.fit(
        never_changing(starts, revisions), n_classes=n_classes, n_bootstrap=DRAWS, delivery=False
    )
    most = beta.ppf(0.95, 1, QUESTIONS + 1)
    found, table = find(fitted), fitted.summary()
    compared = {row.name: row.before for row in fitted.diff(fitted).rows}
    for name in ("repair", "corruption"):
        headline = getattr(found, name)
        assert headline.interval[0] == compared[name].interval[0] == 0
        assert headline.interval[1] == pytest.approx(most, rel=0.2)
        assert 0 < headline.value < 0.02
        for row in table:
            if name in row.name:
                assert row.low == 0 < row.estimate < 0.02
                assert row.high > most / 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("chances", [(0.95, 0.05), (0.99, 0.99)])
@pytest.mark.parametrize("starts", [1, 2])
def test_no_estimate_lies_outside_its_own_interval(chances, starts, seed):
    rng = np.random.default_rng(seed)
    first = rng.random((40, starts)) < rng.choice(chances, 40)[:, None]
    table = np.tile(first[:, :, None], (1, 1, 3))
    table[:, :, 1:] |= rng.random((40, starts, 1)) < 0.05
    fitted = Calibration.fit(table.astype(float), n_bootstrap=60, seed=seed, delivery=False)
    rows = [row for row in fitted.summary() if row.low is not None]
    assert len(rows) > 8
    for row in rows:
        assert row.low - 1e-6 <= row.estimate <= row.high + 1e-6, row


def test_a_class_without_trials_has_the_rate_of_all_and_the_others_their_own():
    """Of the first class answers are never wrong, of the second 6 of 60 wrong ones are repaired."""
    counts = np.zeros((2, 8))
    counts[0, [0, 4]] = 2, 2
    counts[1, [1, 6, 7]] = 2, 0.2, 1.8
    events = em.Events(counts, np.zeros(2), np.arange(2))
    sure = np.array([[1 - 1e-6, 1e-6]])
    even = np.full((1, 2), 0.5)
    fit = em.Parameters(even, sure, even, even, even, np.ones(1))
    found = class_rates.estimated_rates(events, np.full(2, 30.0), fit)
    assert found.repair[0] == pytest.approx(6.5 / 61, rel=1e-3)
    assert found.corruption[0] == pytest.approx(0.5 / 61, rel=1e-3)
    assert found.initial[0] == pytest.approx([0.9939, 0.0061], abs=1e-3)
    assert found.weights.tolist() == even.tolist()


def test_trials_of_a_settling_loop_count_as_at_the_first_depth():
    """α is what explains 8 of 20 and 2 of 20 best where half of it is left at the second depth."""
    happened, missed = np.array([[[8.0], [2.0]]]), np.array([[[12.0], [18.0]]])
    nothing, start = np.zeros((2, 1, 1)), np.full((1, 1), 0.5)
    found = em.best_rate(happened, missed, np.array([0.5]), nothing, start)[0, 0]
    grid = np.linspace(0.01, 0.99, 981)
    density = 10 * np.log(grid) + 12 * np.log1p(-grid) + 18 * np.log1p(-grid / 2)
    assert found == pytest.approx(grid[density.argmax()], abs=1e-3)
    counts = np.array([5.0, 5, 0, 0, 0, 0, 8, 12, 0, 0, 2, 18])
    assert class_rates.trials(counts, np.array(0.5))["repair"].tolist() == [10, 20]


def test_labels_of_a_few_questions_are_few_however_many_they_are():
    """Of 60 labels at 5 questions the fit took .66 of first answers to be right, of .51."""
    traces = [dict(trace) for trace in read_traces(ARITHMETIC)]
    for trace in traces[5:]:
        trace["attempts"] = [{**each, "correct": None} for each in trace["attempts"]]
    with pytest.raises(ValueError, match=r"only 5 of 200 questions.*at no fewer than 30 of 200"):
        Calibration.fit(traces, n_classes=2, n_bootstrap=0, delivery=False)
