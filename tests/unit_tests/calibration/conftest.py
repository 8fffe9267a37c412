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
def improving():
    return Calibration.fit(IMPROVING.traces(400, 2, 3, seed=0), n_bootstrap=60, delivery=False)


@pytest.fixture(scope="session")
def uncertain():
    return Calibration.fit(Loop().table(questions=20, starts=2, revisions=3, seed=2))


@pytest.fixture(scope="module")
def reports(few_simulated_questions, degrading, improving, uncertain):
    """One report for each kind of calibration."""
    return {
        "degrading": degrading.report(),
        "improving": improving.report(),
        "uncertain": uncertain.report(),
        "prior": Calibration.training_free().report(),
        "given": Calibration.from_rates(initial=0.6, repair=0.3, corruption=0.1).report(),
    }


@pytest.fixture(scope="module")
def document(reports):
    """The page of a report that has every plot."""
    return reports["degrading"].html()
