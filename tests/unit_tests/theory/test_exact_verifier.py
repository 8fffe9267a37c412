"""An exact verifier's acceptance is right: the first one ends the run, whatever the belief says."""

import pytest
from hypothesis import given, strategies as st
from runs import runs
from worlds import attempt

from langchain_markovscale import Calibration, Criterion, Rates
from langchain_markovscale.theory.latest_answer import decide_on_latest

SOURCES = [
    Calibration.training_free(),
    Calibration.from_rates(initial=0.6, repair=0.3, corruption=0.1),
    Rates((0.5, 0.5), (0.9, 0.3), (0.5, 0.1), (0.0, 0.2), 0.5, 0.5, keyed=True),
]


@pytest.mark.parametrize("source", SOURCES, ids=["default prior", "stated", "keyed"])
@given(attempts=runs(), actions=st.sampled_from([("revise",), ("generate",)]))
def test_the_first_acceptance_ends_the_run_and_is_returned(source, attempts, actions):
    criterion = Criterion(source, 0.001, 12, actions, exact_verifier=True)
    scores = [each["score"] for each in attempts]
    decision = criterion.decide(attempts)
    if 1.0 in scores:
        assert decision["action"] == "stop"
        assert decision["best"] == scores.index(1.0)
        assert (decision["belief"], decision["reason"]) == (1.0, "gain_below_cost")
        assert decision["expected_gain"] == 0
        assert decision["cost"] == pytest.approx(0.001)  # of a round, which would add nothing
        assert criterion.plan(attempts) is None
    else:
        assert decision["belief"] < 1


@pytest.mark.parametrize(
    "attempts",
    [
        [attempt("7", 0.0), attempt("7", 1.0)],  # the number was right, its form was not
        [attempt("7", 0.5), attempt(None, 1.0)],  # nothing was read from what was accepted
        [attempt("7", 1.0), attempt("8", 1.0)],
        [attempt("7", 0.0), attempt("8", 0.0, 0), attempt("7", 1.0, 1)],
    ],
)
def test_what_contradicts_an_acceptance_does_not_undo_it(attempts):
    for source in SOURCES:
        decision = Criterion(source, 0.001, 12, exact_verifier=True).decide(attempts)
        accepted = next(at for at, each in enumerate(attempts) if each["score"] == 1)
        assert (decision["action"], decision["best"]) == ("stop", accepted)


def test_nothing_less_than_the_full_score_ends_a_run_and_more_of_it_is_nearer():
    for source in SOURCES:
        criterion = Criterion(source, 0.001, 12, exact_verifier=True)
        decision = criterion.decide([attempt("7", 0.8), attempt("8", 0.99), attempt("9", 0.2)])
        assert decision["action"] != "stop"
        assert decision["best"] == 1


def test_the_last_attempt_that_may_be_made_is_returned_as_well():
    decision = Criterion(SOURCES[1], 0.001, 2, exact_verifier=True).decide(
        [attempt("7", 0.0), attempt(None, 1.0)]
    )
    assert (decision["best"], decision["belief"]) == (1, 1.0)
    assert decision["reason"] == "max_rounds"


@pytest.mark.parametrize("key", ["7", None])
def test_where_earlier_answers_are_lost_an_acceptance_ends_the_run_too(key):
    for source in SOURCES:
        criterion = Criterion(source, 0.001, 12, exact_verifier=True)
        decision = decide_on_latest(criterion, attempt(key, 1.0), lost=2)
        assert (decision["action"], decision["best"], decision["belief"]) == ("stop", 2, 1.0)
