"""What an answer's user should know of its run is a warning, once, in the log of its room."""

import logging

import pytest
from fakes import REPAIRING, ScriptedModel, accepts, always, reply
from langchain.agents import create_agent
from langchain_core.messages import AIMessage

from langchain_markovscale import JudgeVerifier, MarkovScaleMiddleware, create_markovscale_graph

QUESTION = {"messages": [("user", "What is 2 + 2?")]}
LOOP = {
    "calibration": REPAIRING,
    "cost_per_round": 0.0,
    "max_rounds": 4,
    "actions": ("revise",),
    "answer_key": "text",
}


def graph_of(model, verifier, **options):
    return create_markovscale_graph(model, verifier=verifier, **LOOP | options)


def agent_of(model, verifier, **options):
    middleware = MarkovScaleMiddleware(verifier=verifier, **LOOP | options)
    return create_agent(model, [], middleware=[middleware])


loops = pytest.mark.parametrize("loop_of", [graph_of, agent_of])


@pytest.fixture
def warnings(caplog):
    def taken():
        messages = [each.message for each in caplog.records if each.levelno >= logging.WARNING]
        caplog.clear()
        return messages

    return taken


def judge(*scores):
    lines = ["hm" if each is None else f"PROBABILITY: {each}" for each in scores]
    return JudgeVerifier(ScriptedModel(script=lines, repeat=True))


@loops
def test_verdicts_that_could_not_be_read_are_told_of_once_a_run(loop_of, run, warnings):
    loop = loop_of(always("wrong"), judge(0.1, None, None, 0.1))
    for _ in range(2):
        run(loop, QUESTION)
        (message,) = warnings()
        assert message.startswith("2 of 4 verdicts had no score that could be read")


@loops
def test_a_verifier_that_abstains_on_purpose_is_no_trouble(loop_of, run, warnings):
    scores = iter([0.1, None, None, 0.1])
    run(loop_of(always("wrong"), lambda answer: next(scores)), QUESTION)
    assert not warnings()


@loops
def test_without_any_evidence_it_is_one_warning_all_the_same(loop_of, run, warnings):
    run(loop_of(always("wrong"), judge(None), answer_key=None), QUESTION)
    (message,) = warnings()
    assert "nothing tells answers apart" in message


@loops
@pytest.mark.parametrize(
    ("replies", "told"),
    [
        ([AIMessage("wrong")], "1 of 2 calls did"),  # the budget can't be kept
        ([reply("a"), reply("b"), AIMessage("c"), reply("d")], "1 of 8 calls did"),
    ],
)
@pytest.mark.parametrize(
    ("budget", "unit"),
    [
        ({"tokens": 10**6}, "tokens"),
        ({"usd": 1.0, "usd_per_input_token": 1e-6, "usd_per_output_token": 1e-6}, "US dollars"),
    ],
)
def test_tokens_that_nobody_counts_under_a_budget_are_told_of_once_a_run(
    loop_of, run, warnings, replies, told, budget, unit
):
    loop = loop_of(ScriptedModel(script=replies), lambda answer: 0.1, budget=budget)
    run(loop, QUESTION)
    (message,) = warnings()
    assert message.startswith(f"{told} not report")
    assert f"a budget of {unit}:" in message


@loops
def test_tokens_that_nobody_limits_need_not_be_counted(loop_of, run, warnings):
    for budget in (None, {"rounds": 3}, {"seconds": 60}):
        run(loop_of(always(AIMessage("wrong")), lambda answer: 0.1, budget=budget), QUESTION)
    assert not warnings()


@loops
def test_a_run_without_trouble_warns_of_none(loop_of, run, warnings):
    run(loop_of(always("4"), accepts("4"), budget={"tokens": 10**6}), QUESTION)
    assert not warnings()


def test_each_room_has_a_logger_of_its_own(run, caplog):
    logging.getLogger("langchain_markovscale.graph").setLevel(logging.ERROR)
    try:
        run(graph_of(always("wrong"), judge(None), answer_key=None), QUESTION)
    finally:
        logging.getLogger("langchain_markovscale.graph").setLevel(logging.NOTSET)
    assert not caplog.records
