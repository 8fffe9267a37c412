"""Seven classes on a grid of p₀: their weights, their shrunk rates, and who decides with them."""

from pathlib import Path

import numpy as np
import pytest
from simulated_loops import Loop

from langchain_markovscale import Calibration, ClassPredictor, Criterion
from langchain_markovscale.calibration import em, selection
from langchain_markovscale.calibration.decision_classes import GRID, fit_grid
from langchain_markovscale.calibration.sufficient_statistics import collect
from langchain_markovscale.graph.class_weights import check_predictor

OLD = Path(__file__).parents[2] / "data" / "v0_1"


def fitted(traces):
    """The events of labelled traces, and the grid that is fitted to them."""
    statistics = collect(traces)
    rows = statistics.labelled
    events = em.Events(rows, np.zeros(len(rows)), np.arange(len(rows)))
    problem = selection.Problem(events, statistics.questions, settling=False)
    mode = selection.fit_mode(problem, 2, np.random.default_rng(0))
    return problem, fit_grid(problem, mode)


def test_weights_are_those_that_their_own_posterior_gives_back():
    problem, grid = fitted(Loop().traces(300, 4, 0, seed=1))
    assert grid.initial[0].tolist() == list(GRID)
    shares = selection.weighed_rows(problem, grid).sum(axis=0)
    assert grid.weights[0] == pytest.approx((shares + 0.5) / (300 + 3.5), abs=2e-3)
    assert grid.weights[0] @ grid.initial[0] == pytest.approx(0.575, abs=0.04)


def test_rates_of_classes_are_shrunk_by_four_observations():
    problem, grid = fitted(Loop().traces(300, 2, 1, seed=2))
    rows, weights = problem.events.counts, selection.weighed_rows(problem, grid)
    expected = rows.T @ weights
    names = ("stuck", "moved", "kept", "broken", "repaired", "unrepaired")
    seen = dict(zip(names, expected[2:], strict=True))
    for rates, happened, missed in (
        (grid.repair, seen["repaired"], seen["unrepaired"]),
        (grid.corruption, seen["broken"], seen["kept"]),
        (grid.retention, seen["stuck"], seen["moved"]),
    ):
        pooled = (happened.sum() + 0.5) / (happened.sum() + missed.sum() + 1)
        shrunk = (happened + 4 * pooled) / (happened + missed + 4)
        assert rates[0] == pytest.approx(shrunk, abs=0.01)


def test_a_class_without_evidence_has_the_rates_of_all():
    # Nothing is ever wrong for long: the class of p₀ = .03 has next to no weight.
    _, grid = fitted(Loop(initial=(0.9, 0.85), repair=(0.6, 0.5)).traces(400, 2, 1, seed=3))
    assert grid.weights[0, -1] < 0.01
    assert grid.repair[0, -1] == pytest.approx(0.55, abs=0.12)


def test_decisions_are_made_with_the_grid_unless_a_number_of_classes_was_asked_for():
    traces = Loop().traces(60, 2, 1, seed=5)
    calibration = Calibration.fit(traces, n_bootstrap=8, delivery=False)
    assert calibration.decision_rates is calibration.decision
    assert calibration.decision.initial == GRID
    assert calibration.rates.n_classes == 2
    assert Criterion(calibration).rates == calibration.decision
    asked = Calibration.fit(traces, n_classes=1, n_bootstrap=0, delivery=False)
    assert asked.decision is None
    assert asked.decision_rates == asked.rates


def test_retention_is_measured_by_class():
    stubborn, fluid = (
        Loop((1.0,), (p,), (0.05,), (0.05,), wrong_answers=many)
        for p, many in ((0.1, 1), (0.8, 12))
    )
    traces = [
        {**trace, "id": f"{kind} {trace['id']}"}
        for kind, loop in enumerate((stubborn, fluid))
        for trace in loop.traces(200, 2, 2, seed=6)
    ]
    retention = Calibration.fit(traces, n_bootstrap=0, delivery=False).decision.retention
    assert retention[-2] > 0.9
    assert retention[2] < 0.3


# Predictors.


@pytest.fixture(scope="module")
def told():
    """Traces whose features say what kind a question is of, and a fit to them."""
    traces = [
        {**trace, "id": f"{name} {trace['id']}", "question": f"{name} {trace['id']}"}
        | {"features": name}
        for name, p in (("easy", 0.9), ("hard", 0.2))
        for trace in Loop((1.0,), (p,), (0.3,), (0.1,)).traces(100, 2, 1, seed=7)
    ]
    return traces, Calibration.fit(traces, n_bootstrap=8, delivery=False)


def test_a_predictor_predicts_the_classes_that_decide(told):
    traces, calibration = told
    predictor = ClassPredictor.fit(traces, calibration)
    assert predictor.usual_weights == calibration.decision.weights
    easy, hard = (np.array(predictor.weights("", name)) for name in ("easy", "hard"))
    assert easy @ GRID > hard @ GRID + 0.3
    for variant in ("map", "gate"):
        criterion = Criterion(calibration, variant=variant)
        check_predictor(predictor, criterion)
        assert criterion.decide([], easy.tolist())["action"] == "generate"


def test_an_old_predictor_goes_on_with_its_calibration_alone(told):
    predictor = ClassPredictor.load(OLD / "predictor.json")
    check_predictor(predictor, Criterion(Calibration.load(OLD / "calibration.json"), variant="map"))
    with pytest.raises(ValueError, match="was the predictor trained for this calibration"):
        check_predictor(predictor, Criterion(told[1], variant="map"))
