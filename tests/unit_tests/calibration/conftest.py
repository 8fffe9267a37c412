"""Reports on calibrations of every kind."""

from pathlib import Path

import pytest
from simulated_loops import IMPROVING, Loop

from langchain_markovscale import Calibration, read_traces

ARITHMETIC = Path(__file__).parents[2] / "data" / "arithmetic.jsonl"


@pytest.fixture(scope="session")
def degrading():
    return Calibration.fit(read_traces(ARITHMETIC), n_bootstrap=60, delivery=False)


@pytest.fixture(scope="session")
def improving_traces():
    return IMPROVING.traces(400, 2, 3, seed=0)


@pytest.fixture(scope="session")
def improving(improving_traces):
    return Calibration.fit(improving_traces, n_bootstrap=60, delivery=False)


@pytest.fixture(scope="session")
def uncertain():
    return Calibration.fit(Loop().table(questions=20, starts=2, revisions=3, seed=2))


@pytest.fixture(scope="session")
def reports(with_few_questions, degrading, improving, uncertain):
    """One report for each kind of calibration."""
    calibrations = {
        "degrading": degrading,
        "improving": improving,
        "uncertain": uncertain,
        "prior": Calibration.training_free(),
        "given": Calibration.from_rates(initial=0.6, repair=0.3, corruption=0.1),
    }
    with with_few_questions():
        return {name: each.report() for name, each in calibrations.items()}


@pytest.fixture(scope="session")
def document(reports):
    """The page of a report that has every plot."""
    return reports["degrading"].html()


@pytest.fixture(scope="session")
def unlabelled(with_few_questions):
    """A report on traces without a label."""
    traces = Loop(wrong_answers=10).traces(80, 3, 1, seed=0, labelled=0)
    with with_few_questions():
        return Calibration.fit(traces, n_bootstrap=4).report()
