"""The loop inside other graphs, and its nodes one by one."""

import operator
from typing import Annotated, Any

import pytest
from fakes import REPAIRING, Scripted, ScriptedModel, accepts, rejecting
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from langchain_markovscale import (
    Criterion,
    MarkovScaleRouter,
    create_markovscale_graph,
    generate_node,
    revise_node,
    verify_proxy_node,
)


def test_it_is_a_node_of_a_graph_that_shares_its_messages(run):
    loop = create_markovscale_graph(
        ScriptedModel(script=["five", "four"]),
        verifier=accepts("four"),
        calibration=REPAIRING,
        actions=("revise",),
        cost_per_round=0.2,
        name="solver",
    )
    builder = StateGraph(MessagesState)
    builder.add_node("solver", loop)
    builder.add_node("thank", lambda state: {"messages": [AIMessage("Any time.")]})
    builder.add_edge(START, "solver")
    builder.add_edge("solver", "thank")
    state = run(builder.compile(), {"messages": [("user", "2 + 2?")]})
    assert [message.text for message in state["messages"]] == ["2 + 2?", "four", "Any time."]


def test_it_is_called_from_a_node_with_another_schema(run):
    loop = create_markovscale_graph(
        ScriptedModel(script=["four"]), verifier=accepts("four"), max_rounds=1
    )

    class Homework(TypedDict):
        tasks: list[str]
        solutions: Annotated[list[str], operator.add]

    def solve(state):
        return {"solutions": [loop.invoke({"question": state["tasks"][0]})["answer"]]}

    builder = StateGraph(Homework)
    builder.add_node(solve)
    builder.add_edge(START, "solve")
    state = run(builder.compile(), {"tasks": ["2 + 2?"], "solutions": []})
    assert state["solutions"] == ["four"]


def test_a_subgraph_has_steps_enough_whatever_its_parent_has(run):
    loop = create_markovscale_graph(
        ScriptedModel(script=["wrong"] * 20),
        verifier=rejecting(),
        calibration=REPAIRING,
        max_rounds=20,
        cost_per_round=0.0,
    )
    builder = StateGraph(MessagesState)
    builder.add_node("solver", loop)
    builder.add_edge(START, "solver")
    state = run(builder.compile(), {"messages": [("user", "?")]})
    assert state["messages"][-1].text == "wrong"


class Own(TypedDict, total=False):
    question: str
    attempts: list[Any]
    note: str


class OwnWithRun(Own, total=False):
    run: dict[str, Any]


def own_graph(schema=Own, **nodes):
    builder = StateGraph(schema)
    router = MarkovScaleRouter(REPAIRING, cost_per_round=0.0, max_rounds=4)
    builder.add_node("draw", nodes["draw"])
    builder.add_node("check", nodes["check"])
    builder.add_node("rework", nodes["rework"])
    builder.add_edge(START, "draw")
    builder.add_edge("draw", "check")
    builder.add_edge("rework", "check")
    builder.add_conditional_edges(
        "check", router, router.path_map(generate="draw", revise="rework")
    )
    return builder.compile()


@pytest.mark.parametrize("schema", [Own, OwnWithRun])
def test_nodes_work_in_a_graph_with_a_state_of_its_own(schema, run):
    # Most keys are missing from this state, and its question never goes away.
    draw, rework = Scripted(*"abcd"), Scripted(*"efgh")
    graph = own_graph(
        schema,
        draw=generate_node(generate=draw),
        check=verify_proxy_node(rejecting("no")),
        rework=revise_node(revise=rework),
    )
    state = run(graph, {"question": "?", "note": "kept"})
    assert set(state) - {"run"} == {"question", "attempts", "note"}
    assert len(state["attempts"]) == 4
    for request in (*draw.asked, *rework.asked):
        assert [message.text for message in request["messages"]] == ["?"]
    assert draw.calls + rework.calls == 4
    assert all(attempt["feedback"] == "no" for attempt in state["attempts"])


def test_nodes_mix_with_functions_of_ones_own(run):
    def check(state):
        *before, latest = state["attempts"]
        return {"attempts": [*before, {**latest, "score": 0.05}]}

    graph = own_graph(
        draw=generate_node(generate=Scripted(*"abcd")),
        check=check,
        rework=revise_node(revise=Scripted(*"efgh")),
    )
    assert len(run(graph, {"question": "?"})["attempts"]) == 4


def test_a_node_alone_lets_every_error_rise(run):
    graph = own_graph(
        draw=generate_node(generate=Scripted("a", KeyError("dead"))),
        check=verify_proxy_node(rejecting()),
        rework=revise_node(revise=Scripted(KeyError("dead"))),
    )
    with pytest.raises(KeyError):
        run(graph, {"question": "?"})


def test_nodes_read_pydantic_states(run):
    class State(BaseModel):
        question: str
        attempts: list[Any] = []

    builder = StateGraph(State)
    builder.add_node("draw", generate_node(ScriptedModel(script=["four"])))
    builder.add_node("check", verify_proxy_node(accepts("four")))
    builder.add_edge(START, "draw")
    builder.add_edge("draw", "check")
    builder.add_edge("check", END)
    state = run(builder.compile(), {"question": "2 + 2?"})
    assert state["attempts"][0]["score"] == 0.95


def test_nodes_can_be_called_without_a_graph():
    state: dict[str, Any] = {"question": "2 + 2?"}
    state |= generate_node(ScriptedModel(script=["five"])).invoke(state)
    criterion = Criterion(REPAIRING, actions=("revise",))
    state |= verify_proxy_node(rejecting("count"), criterion=criterion).invoke(state)
    assert state["decision"]["action"] == "revise"
    state |= revise_node(ScriptedModel(script=["four"])).invoke(state)
    assert [attempt["text"] for attempt in state["attempts"]] == ["five", "four"]
    assert state["attempts"][1]["parent"] == 0


def test_documents_belong_to_their_draw_also_after_revisions():
    made = {"text": "a", "key": None, "score": 0.1, "feedback": None, "tokens": None}
    state: dict[str, Any] = {
        "question": "?",
        "attempts": [
            {**made, "action": "generate", "parent": None},
            {**made, "action": "revise", "parent": 0},
        ],
        "contexts": [{"context": "old"}],
    }
    state |= generate_node(generate=Scripted({"answer": "b", "context": "new"})).invoke(state)
    assert state["contexts"] == [{"context": "old"}, None, {"context": "new"}]
    for parent, expected in ((1, "old"), (2, "new")):
        revise = Scripted("c")
        decision = Criterion(REPAIRING).decide(state["attempts"]) | {"parent": parent}
        revise_node(revise=revise).invoke(state | {"decision": decision})
        assert revise.asked[0]["context"] == {"context": expected}


def test_verifying_and_revising_need_an_attempt():
    for node in (verify_proxy_node(rejecting()), revise_node(ScriptedModel(script=["a"]))):
        with pytest.raises(ValueError, match="attempts is empty"):
            node.invoke({"question": "?"})


def test_it_joins_a_chain_on_both_sides(run):
    loop = create_markovscale_graph(
        ScriptedModel(script=["four"]), verifier=accepts("four"), max_rounds=1
    )
    chain = (lambda text: {"question": text}) | loop | (lambda state: state["answer"].upper())
    assert run(chain, "2 + 2?") == "FOUR"


def test_concurrent_runs_do_not_touch_each_other(run):
    def draw(request):
        return request["question"]

    graph = create_markovscale_graph(
        generate=draw, verifier=lambda answer: 0.95, actions=("generate",)
    )
    questions = [{"question": f"q{n}"} for n in range(20)]
    assert [state["answer"] for state in graph.batch(questions)] == [f"q{n}" for n in range(20)]
