"""Where neither keys nor scores can be read, a loop stops at once, says so, and counts it."""

import logging

import pytest
from fakes import REPAIRING, ScriptedModel

from langchain_markovscale import (
    Criterion,
    MarkovScaleRouter,
    create_markovscale_graph,
    explain_outcome,
    show,
)
from langchain_markovscale.types import new_attempt

QUESTION = {"question": "What is 2 + 2?"}


def unreadable(answer):
    """A verifier whose scores can never be read."""


def warnings_of(caplog):
    return [each for each in caplog.records if "nothing tells answers apart" in each.message]


def test_a_run_without_evidence_returns_its_first_answer_and_warns_once(run, caplog):
    for rule in ({}, {"calibration": REPAIRING}):  # the default prior, and measured rates
        caplog.clear()
        model = ScriptedModel(script=["five", "four", "nine"])
        graph = create_markovscale_graph(model, verifier=unreadable, cost_per_round=0.0, **rule)
        with caplog.at_level(logging.WARNING):
            state = run(graph, QUESTION)
        assert state["answer"] == "five"
        assert state["decision"]["reason"] == "no_evidence"
        assert len(state["attempts"]) == 1
        assert len(warnings_of(caplog)) == 1
        assert state["usage"]["verify"]["unscored"] == 1
        assert "1 verdict without a score" in " ".join(show(state).text.split())
        assert "neither a key nor a score could be read" in show(state).text
        assert "It has no score." in show(state).text


def test_one_key_or_one_score_is_evidence(run, caplog):
    model = ScriptedModel(script=["5", "4", "4", "4", "4", "4", "4", "4"])
    graph = create_markovscale_graph(model, verifier=unreadable, answer_key="last_number")
    with caplog.at_level(logging.WARNING):
        state = run(graph, QUESTION)
    assert state["decision"]["reason"] != "no_evidence"
    assert not warnings_of(caplog)
    made = len(state["attempts"])
    assert state["usage"]["verify"]["unscored"] == made
    said = f"{made} of {made} answers have no score."
    assert said in explain_outcome(state["attempts"], state["decision"], state["usage"])
    assert said in " ".join(show(state).text.split())


def test_a_verdict_that_could_not_be_read_is_counted(run):
    scores = iter([0.2, None, 0.3, 0.9])
    graph = create_markovscale_graph(
        ScriptedModel(script=["five", "six", "nine", "four"]),
        verifier=lambda answer: next(scores),
        calibration=REPAIRING,
        cost_per_round=0.0,
        max_rounds=4,
    )
    state = run(graph, QUESTION)
    assert state["usage"]["verify"]["unscored"] == 1
    said = explain_outcome(state["attempts"], state["decision"])
    assert "1 of 4 answers has no score." in said
    assert said in " ".join(show(state).text.split())


def test_without_a_verifier_there_is_no_verdict_to_count(run):
    model = ScriptedModel(script=["5", "4", "4", "4", "4", "4", "4", "4"])
    state = run(create_markovscale_graph(model, verifier=None, answer_key="last_number"), QUESTION)
    assert "verify" not in state["usage"]
    assert "no score" not in explain_outcome(state["attempts"], state["decision"], state["usage"])
    assert "no score" not in show(state).text


def test_a_router_of_another_graph_says_so_too():
    router = MarkovScaleRouter(Criterion(REPAIRING).rates)
    decision = router.decide({"question": "?", "attempts": [{"text": "five"}]})
    assert decision["reason"] == "no_evidence"
    assert decision["action"] == "stop"


@pytest.mark.parametrize(
    ("options", "drafts"),
    [
        ({}, ["five"]),  # the default prior
        ({"calibration": REPAIRING}, ["five"]),
        ({"calibration": REPAIRING}, "five"),  # the latest draft alone
    ],
)
def test_a_router_alone_warns_once_a_run_however_often_it_is_asked(options, drafts, caplog):
    router = MarkovScaleRouter(answers_key="drafts", scores_key="scores", **options)
    state = {"drafts": drafts, "scores": [None], "iteration": 1}
    with caplog.at_level(logging.WARNING):
        assert router.best(state) in ("five", drafts)
        assert not warnings_of(caplog)  # to read the answer ends no run
        assert router.decide(state)["reason"] == "no_evidence"
        assert router(state) == router.invoke(state) == "stop"
        assert len(warnings_of(caplog)) == 1
        router({**state, "drafts": ["nine"]})  # the next run
    assert len(warnings_of(caplog)) == 2


def test_a_router_that_has_evidence_or_follows_a_stored_decision_warns_of_nothing(caplog):
    router = MarkovScaleRouter(calibration=REPAIRING, actions=("revise",))
    read = {"attempts": [{"text": "five", "score": 0.5}]}
    stored = {"attempts": [{"text": "five"}]}
    stored["decision"] = MarkovScaleRouter(REPAIRING).criterion.decide([new_attempt("five")])
    with caplog.at_level(logging.WARNING):
        router(read)
        assert router(stored) == "stop"  # whoever made it has warned
    assert not warnings_of(caplog)
