"""Exact verifiers: a full score is right, anything less is wrong and only orders drafts."""

import pytest

from langchain_markovscale import (
    Calibration,
    Criterion,
    FunctionVerifier,
    MarkovScaleMiddleware,
    MarkovScaleRouter,
    create_markovscale_graph,
)
from langchain_markovscale.types import new_attempt
from langchain_markovscale.verifiers.function import is_exact

BLIND = Calibration.from_rates(initial=0.5, repair=0.3, corruption=0.1)


def attempts(*scores: float, keys: str | None = None):
    return [
        new_attempt("", key=None if keys is None else keys[i], score=score)
        for i, score in enumerate(scores)
    ]


@pytest.mark.parametrize("keys", [None, "abc"])
def test_a_full_score_ends_the_run_and_less_is_wrong(keys):
    criterion = Criterion(BLIND, 0.01, exact_verifier=True)
    accepted = criterion.decide(attempts(0.8, 1.0, keys=keys))
    assert (accepted["action"], accepted["best"]) == ("stop", 1)
    assert accepted["belief"] == pytest.approx(1)
    rejected = criterion.decide(attempts(0.4, 0.8, 0.6, keys=keys))
    assert rejected["action"] != "stop"
    assert rejected["best"] == 1
    assert rejected["belief"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "replies",
    [
        ["seven", "The answer: 8", "The answer is seven"],  # no number is read from the last
        ["7 apples?", "The answer is 7"],  # the same number was rejected for its form
    ],
)
def test_a_run_ends_at_the_first_acceptance_whatever_was_read_from_it(replies):
    made = iter([*replies, *["The answer: 9"] * 9])
    graph = create_markovscale_graph(
        generate=lambda request: next(made),
        actions=("generate",),
        verifier=FunctionVerifier(lambda answer: answer.startswith("The answer is"), exact=True),
        answer_key="last_number",
        max_rounds=6,
    )
    result = graph.invoke({"question": "How many?"})
    assert result["answer"] == replies[-1]
    assert result["decision"]["attempts"] == len(replies)


def test_the_default_prior_may_have_an_exact_verifier():
    criterion = Criterion(Calibration.training_free(), 0.01, exact_verifier=True)
    assert criterion.decide(attempts(0.9, keys="a"))["belief"] == pytest.approx(0, abs=1e-9)
    assert criterion.decide(attempts(1.0, keys="a"))["belief"] == pytest.approx(1)


def test_other_measured_rates_are_refused():
    measured = Calibration.from_rates(
        initial=0.5, repair=0.3, corruption=0.1, sensitivity=0.8, specificity=0.7
    )
    with pytest.raises(ValueError, match=r"exact_verifier=True.* specificity of 0\.70: leave"):
        Criterion(measured, exact_verifier=True)
    nearly = Calibration.from_rates(
        initial=0.5, repair=0.3, corruption=0.1, sensitivity=0.99, specificity=0.98
    )
    assert Criterion(nearly, exact_verifier=True).rates.sensitivity == (1.0,)


def fitted(score):
    """A calibration fitted to answers of which half are right, scored by a function of that."""
    traces = [
        {"id": f"{number} {right}", "question": "?", "attempts": [labelled(right, number, score)]}
        for number in range(40)
        for right in (True, False)
    ]
    return Calibration.fit(traces, n_bootstrap=0, delivery=False)


def labelled(right, number, score):
    return {**new_attempt("", key=str(right), score=score(right, number)), "correct": right}


def test_a_verifier_that_was_measured_as_useless_is_refused_and_an_unmeasured_one_is_not(tmp_path):
    useless = fitted(lambda right, number: float(number % 2))
    assert useless.decision_rates.verdicts_say_nothing
    useless.save(tmp_path / "useless.json")
    loaded = Calibration.load(tmp_path / "useless.json")
    exact = FunctionVerifier(lambda answer: True, exact=True)
    for make in (
        lambda: Criterion(useless, exact_verifier=True),
        lambda: Criterion(useless, variant="training_free", exact_verifier=True),
        lambda: MarkovScaleRouter(loaded, exact_verifier=True),
        lambda: MarkovScaleMiddleware(verifier=exact, calibration=loaded),
        lambda: create_markovscale_graph(
            generate=str, actions=("generate",), verifier=exact, calibration=loaded
        ),
    ):
        with pytest.raises(ValueError, match=r"exact_verifier=True.* than chance: leave it out"):
            make()
    for other in (lambda right, number: None, lambda right, number: float(right)):
        assert set(Criterion(fitted(other), exact_verifier=True).rates.sensitivity) == {1.0}


def test_traces_of_an_exact_verifier_are_those_of_one():
    calibration = fitted(lambda right, number: float(right))
    rates = calibration.decision_rates  # shrunk by class, where a handful of mistakes may hide
    assert min(*rates.sensitivity, *rates.specificity) < 0.95
    decision = Criterion(calibration, exact_verifier=True).decide(attempts(1.0, keys="a"))
    assert decision["belief"] == 1
    often_wrong = fitted(lambda right, number: float(right or number % 5 == 0))
    with pytest.raises(ValueError, match=r"a specificity of 0\.79"):
        Criterion(often_wrong, exact_verifier=True)


def test_a_verifier_says_that_it_is_exact():
    verifier = FunctionVerifier(lambda answer: answer == "2", exact=True)
    assert is_exact(verifier)
    assert is_exact(verifier.with_retry())
    assert not is_exact(FunctionVerifier(lambda answer: True))
    assert not is_exact(None)


def test_a_graph_with_an_exact_verifier_stops_at_its_first_acceptance():
    replies = iter("1325")
    graph = create_markovscale_graph(
        generate=lambda request: next(replies),
        revise=lambda request: next(replies),
        verifier=FunctionVerifier(lambda answer: {"1": 0.5, "3": 0.9}.get(answer, 1.0), exact=True),
        answer_key="last_number",
        calibration=BLIND,
        cost_per_round=0.001,
    )
    out = graph.invoke({"question": "?"})
    assert out["answer"] == "2"
    assert [one["score"] for one in out["attempts"]] == [0.5, 0.9, 1.0]


def test_a_router_is_told():
    router = MarkovScaleRouter(BLIND, exact_verifier=True)
    assert router({"attempts": attempts(0.99, keys="a")}) != "stop"
    assert router({"attempts": attempts(1.0, keys="a")}) == "stop"
