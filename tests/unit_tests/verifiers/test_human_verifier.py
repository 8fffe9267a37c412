"""A human as verifier: the run pauses, survives its process, and goes on with what was said."""

import asyncio

import pytest
from fakes import REPAIRING, scripted
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langchain_markovscale import Budget, HumanVerifier, create_markovscale_graph

THREAD = {"configurable": {"thread_id": "1"}}
QUESTION = {"question": "What is 2 + 2?"}


def _sync(graph, given):
    return graph.invoke(given, THREAD)


def _async(graph, given):
    return asyncio.run(graph.ainvoke(given, THREAD))


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def run(request):
    return request.param


def graph_of(**options):
    options = {"max_rounds": 2, "cost_per_round": 0.0, "checkpointer": InMemorySaver()} | options
    return create_markovscale_graph(
        scripted("five", "four"),
        verifier=HumanVerifier(),
        calibration=REPAIRING,
        actions=("revise",),
        answer_key=str.upper,
        **options,
    )


def asked(state):
    (request,) = state["__interrupt__"]
    return request.value


def test_the_request_shows_question_answer_and_key(run):
    request = asked(run(graph_of(), QUESTION))
    assert {name: request[name] for name in ("question", "answer", "key")} == {
        "question": "What is 2 + 2?",
        "answer": "five",
        "key": "FIVE",
    }
    assert "score" in request["how"]
    assert "error" not in request


@pytest.mark.parametrize(
    ("said", "score", "feedback"),
    [
        (True, 1.0, None),
        (False, 0.0, None),
        (0, 0.0, None),
        (0.25, 0.25, None),
        ({"score": 0.1, "feedback": "Count again."}, 0.1, "Count again."),
        ({"score": False}, 0.0, None),
        ({"score": None, "feedback": "I can't say."}, None, "I can't say."),
    ],
)
def test_what_was_said_becomes_the_verdict(said, score, feedback, run):
    graph = graph_of(max_rounds=1)
    run(graph, QUESTION)
    state = run(graph, Command(resume=said))
    assert "__interrupt__" not in state
    assert state["attempts"][0]["score"] == score
    assert state["attempts"][0]["feedback"] == feedback
    unscored = {"unscored": 1} if score is None else {}
    assert state["usage"]["verify"] == {
        "calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 0, **unscored
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("yes", "'yes'"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        ([], "[]"),
        ({"feedback": "no"}, "without 'score'"),
        ({"score": 0.5, "feedbak": "no"}, "'feedbak'"),
        ({"score": 0.5, "feedback": 7}, "7"),
    ],
)
def test_what_is_no_verdict_is_asked_again(said, told, run):
    graph = graph_of(max_rounds=1)
    first = asked(run(graph, QUESTION))
    for _ in range(2):
        again = asked(run(graph, Command(resume=said)))
        assert told in again["error"]
        assert {**again, "error": None} == {**first, "error": None}
    assert run(graph, Command(resume=True))["attempts"][0]["score"] == 1.0


def test_every_attempt_is_asked_about_once(run):
    graph = graph_of()
    run(graph, QUESTION)
    second = asked(run(graph, Command(resume={"score": 0, "feedback": "No."})))
    assert second["answer"] == "four"
    state = run(graph, Command(resume=True))
    assert [attempt["score"] for attempt in state["attempts"]] == [0.0, 1.0]
    assert state["answer"] == "four"
    assert state["usage"]["generate"]["calls"] == state["usage"]["revise"]["calls"] == 1


def test_a_human_needs_no_tokens_of_a_budget(run):
    graph = graph_of(budget=Budget(tokens=1))
    assert asked(run(graph, QUESTION))["answer"] == "five"


def test_outside_of_a_graph_nobody_can_be_asked():
    given = {"question": "?", "answer": "four", "key": None}
    with pytest.raises(RuntimeError, match="create_markovscale_graph"):
        HumanVerifier().invoke(given)
    with pytest.raises(RuntimeError, match="create_markovscale_graph"):
        asyncio.run(HumanVerifier().ainvoke(given))
