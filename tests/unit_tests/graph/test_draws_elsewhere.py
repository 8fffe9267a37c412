"""Draws at once in a graph of somebody else: the router sends to the node that draws."""

import operator
from typing import Annotated, Any

import pytest
from fakes import REPAIRING
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from langchain_markovscale import (
    MarkovScaleRouter,
    MarkovScaleState,
    add_attempt,
    generate_node,
    read_traces,
    record_traces,
    show,
    verify_proxy_node,
)

OPTIONS: dict[str, Any] = {
    "actions": ("generate",),
    "cost_per_round": 0.0,
    "max_rounds": 4,
    "draws_at_once": 3,
}


class State(TypedDict):
    question: str
    attempts: Annotated[list, add_attempt]


class Lists(TypedDict):
    question: str
    drafts: Annotated[list[str], operator.add]
    scores: Annotated[list[float], operator.add]


class Latest(TypedDict):
    draft: str
    score: float
    iteration: int


def graph_of(router, state=State, write=None, score=None, node="generate"):
    def write_attempt(state):
        return {"attempts": "draft"}

    def score_all(state):
        unscored = [each for each in state["attempts"] if each.get("score") is None]
        return {"attempts": [{"id": each["id"], "score": 0.1} for each in unscored]}

    builder = StateGraph(state)
    builder.add_node(node, write or write_attempt)
    builder.add_node("reflect", score or score_all)
    builder.add_edge(START, node)
    builder.add_edge(node, "reflect")
    builder.add_conditional_edges("reflect", router, router.path_map(generate=node))
    return builder.compile()


def test_a_router_sends_the_state_to_so_many_draws():
    state = {"question": "2 + 2?", "attempts": [{"text": "4", "score": 0.1}]}
    router = MarkovScaleRouter(REPAIRING, **OPTIONS)
    assert router(state) == [Send("generate", state)] * 3
    assert router.decide(state)["draws"] == 3
    assert MarkovScaleRouter(REPAIRING, **{**OPTIONS, "draws_at_once": 1})(state) == "generate"
    assert MarkovScaleRouter(REPAIRING, draw_node="write", **OPTIONS)(state)[0].node == "write"
    assert MarkovScaleRouter(REPAIRING, draw_node=None, **OPTIONS)(state) == "generate"


def test_a_graph_of_a_list_of_attempts_draws_several_at_once(run):
    router = MarkovScaleRouter(REPAIRING, state_schema=State, **OPTIONS)
    graph = graph_of(router)
    state = run(graph, {"question": "2 + 2?"})
    assert [attempt["score"] for attempt in state["attempts"]] == [0.1] * 4
    assert router.best(state) == "draft"
    assert "best" in show(router.decide(state)).text


def test_a_graph_of_lists_of_answers_and_scores_draws_several_at_once(run):
    router = MarkovScaleRouter(
        REPAIRING,
        answers_key="drafts",
        scores_key="scores",
        draw_node="write",
        state_schema=Lists,
        **OPTIONS,
    )

    def write(state):
        return {"drafts": [f"after {len(state['drafts'])}"]}

    def score(state):
        missing = len(state["drafts"]) - len(state["scores"])
        return {"scores": [0.1] * missing}

    state = run(graph_of(router, Lists, write, score, node="write"), {"question": "2 + 2?"})
    assert state["drafts"] == ["after 0", "after 1", "after 1", "after 1"]
    assert len(state["scores"]) == 4


def test_a_state_that_keeps_the_latest_alone_is_refused():
    keys = {"answers_key": "draft", "scores_key": "score"}
    with pytest.raises(ValueError, match="draws_at_once needs a state that keeps every draft"):
        MarkovScaleRouter(REPAIRING, state_schema=Latest, **keys, **OPTIONS)
    router = MarkovScaleRouter(REPAIRING, **keys, **OPTIONS)
    with pytest.raises(ValueError, match=r"answers_key='draft'.*add_attempt"):
        router({"draft": "4", "score": 0.1, "iteration": 1})


class Bare(TypedDict):
    question: str
    attempts: list[dict[str, Any]]


@pytest.mark.parametrize("draws", [3, "auto"])
def test_a_key_without_a_reducer_is_refused(draws):
    with pytest.raises(ValueError, match="draws_at_once needs a reducer for 'attempts' of Bare"):
        MarkovScaleRouter(REPAIRING, state_schema=Bare, **{**OPTIONS, "draws_at_once": draws})
    MarkovScaleRouter(REPAIRING, state_schema=Bare, **{**OPTIONS, "draws_at_once": 1})


def test_nodes_of_ours_that_write_one_value_are_refused_before_several_are_called(run):
    router = MarkovScaleRouter(REPAIRING, **OPTIONS)
    calls = []

    def draw(request):
        calls.append(request)
        return "4"

    builder = StateGraph(MarkovScaleState)
    builder.add_node("generate", generate_node(generate=draw))
    builder.add_node("verify_proxy", verify_proxy_node(lambda answer: 0.1))
    builder.add_edge(START, "generate")
    builder.add_edge("generate", "verify_proxy")
    builder.add_conditional_edges("verify_proxy", router, router.path_map())
    with pytest.raises(ValueError, match="generate_node writes the run and its usage"):
        run(builder.compile(), {"question": "2 + 2?"})
    assert len(calls) == 1


def test_a_run_may_begin_with_several_draws():
    router = MarkovScaleRouter(REPAIRING, **OPTIONS)
    builder = StateGraph(State)
    builder.add_node("generate", lambda state: {"attempts": {"text": "4", "score": 0.1}})
    builder.add_node("look", lambda state: {})
    builder.add_conditional_edges(START, router, router.path_map())
    builder.add_edge("generate", "look")
    builder.add_edge("look", END)
    assert len(builder.compile().invoke({"question": "2 + 2?", "attempts": []})["attempts"]) == 3


def test_a_recording_follows_its_schedule_one_draw_after_the_other(tmp_path):
    router = MarkovScaleRouter(REPAIRING, **OPTIONS)
    path = tmp_path / "traces.jsonl"
    options = {"revisions": 0, "fresh_starts": 3, "answer_key": "text"}
    record_traces(graph_of(router), [("2 + 2?", "4")], path=path, **options)
    assert [len(trace["attempts"]) for trace in read_traces(path)] == [3]
