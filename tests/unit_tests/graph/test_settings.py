"""Settings of one run come as its context, and change nothing for other runs."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from fakes import REPAIRING, Scripted, ScriptedModel, accepts, rejecting
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from typing_extensions import TypedDict

from langchain_markovscale import (
    Criterion,
    MarkovScaleRouter,
    create_markovscale_graph,
    generate_node,
    revise_node,
    verify_proxy_node,
)

QUESTION = {"question": "?"}
THREAD = {"configurable": {"thread_id": "1"}}


def graph_of(calls=20, **options):
    """Rejects everything, so that the settings alone say how long it goes on."""
    options = {"calibration": REPAIRING, "cost_per_round": 0.0, "max_rounds": 4} | options
    return create_markovscale_graph(
        generate=Scripted(*["wrong"] * calls),
        revise=Scripted(*["wrong"] * calls),
        verifier=rejecting(),
        **options,
    )


def rounds(state):
    return len(state["attempts"])


def test_a_run_may_have_rounds_of_its_own(run):
    graph = graph_of()
    assert rounds(run(graph, QUESTION)) == 4
    assert rounds(run(graph, QUESTION, context={"max_rounds": 2})) == 2
    assert rounds(run(graph, QUESTION, context={"max_rounds": 6})) == 6
    assert rounds(run(graph, QUESTION)) == 4


@pytest.mark.parametrize("cost", [0.49, {"revise": 0.49, "generate": 0.49}])
def test_a_run_may_have_a_cost_of_its_own(cost, run):
    repairing = replace(REPAIRING, rates=replace(REPAIRING.rates, repair=(0.4,)))
    graph = graph_of(calibration=repairing)
    assert rounds(run(graph, QUESTION)) == 4
    state = run(graph, QUESTION, context={"cost_per_round": cost})
    assert rounds(state) == 1
    assert state["decision"]["reason"] == "gain_below_cost"


@pytest.mark.parametrize("variant", ["mixture", "gate", "training_free"])
def test_a_run_with_settings_decides_as_a_graph_that_was_made_with_them(variant, run):
    settings = {"cost_per_round": {"revise": 0.03, "generate": 0.02}, "max_rounds": 5}
    made = graph_of(variant=variant, choices=4, answer_key=str.strip, **settings)
    told = graph_of(variant=variant, choices=4, answer_key=str.strip)
    expected, state = run(made, QUESTION), run(told, QUESTION, context=settings)
    assert state["attempts"] == expected["attempts"]
    assert state["decision"] == pytest.approx(expected["decision"])


def test_a_run_has_steps_enough_for_many_more_rounds(run):
    graph = graph_of(calls=60, actions=("generate",))
    assert rounds(run(graph, QUESTION, context={"max_rounds": 60})) == 60


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({"max_rounds": 0}, "max_rounds.*0"),
        ({"max_rounds": 2.5}, "max_rounds.*2.5"),
        ({"max_rounds": "many"}, "max_rounds.*many"),
        ({"max_rounds": 65}, "max_rounds must be at most 64 in a context, got 65: .*is made"),
        ({"cost_per_round": -1}, "cost_per_round.*-1"),
        ({"cost_per_round": 5}, "cost_per_round must be below 0.5, got 5: .* 0.05 is five points"),
        ({"cost_per_round": {"revise": 0.1}}, "cost_per_round has no cost for generate"),
        ({"max_round": 3}, "'max_round'.*did you mean 'max_rounds'"),
        ({"budgets": {}}, "'budgets'.*did you mean 'budget'"),
        ({"budget": {"token": 3}}, "budget has no 'token'"),
        ({"budget": 17}, "budget must be a dictionary.*17"),
    ],
)
def test_bad_settings_are_named_before_anything_is_paid_for(context, told, run):
    model = ScriptedModel(script=["never"])
    graph = create_markovscale_graph(model, verifier=rejecting())
    with pytest.raises(ValueError, match=told):
        run(graph, QUESTION, context=context)
    assert model.calls == 0


def test_the_context_of_a_parent_graph_is_looked_through(run):
    class Ours(TypedDict, total=False):
        user: str
        max_rounds: int

    @dataclass
    class Theirs:
        user: str
        max_rounds: int | None = None

    for schema, context, expected in (
        (Ours, {"user": "ada", "max_rounds": 2}, 2),
        (Theirs, Theirs("ada", 3), 3),
        (Theirs, Theirs("ada"), 4),
        (Ours, {"user": "ada"}, 4),
    ):
        seen = []
        builder = StateGraph(MessagesState, schema)
        builder.add_node("solver", graph_of(actions=("generate",)))
        builder.add_edge(START, "solver")
        builder.add_node(
            "count",
            lambda state, seen=seen: seen.append(
                state["messages"][-1].response_metadata["markovscale"]["attempts"]
            ),
        )
        builder.add_edge("solver", "count")
        run(builder.compile(), {"messages": [("user", "?")]}, context=context)
        assert seen == [expected]


class Own(TypedDict, total=False):
    question: str
    attempts: list[Any]
    decision: dict[str, Any] | None


def own_loop(router, criterion=None):
    builder = StateGraph(Own, dict)
    builder.add_node(generate_node(generate=Scripted(*"abcdefgh")))
    builder.add_node(verify_proxy_node(rejecting(), criterion=criterion))
    builder.add_node(revise_node(revise=Scripted(*"abcdefgh")))
    builder.add_edge(START, "generate")
    builder.add_edge("generate", "verify_proxy")
    builder.add_edge("revise", "verify_proxy")
    builder.add_conditional_edges("verify_proxy", router, router.path_map())
    return builder.compile()


@pytest.mark.parametrize("criterion", [None, Criterion(REPAIRING, 0.0, 4)])
def test_router_and_nodes_in_a_graph_of_ones_own_honour_it(criterion, run):
    router = MarkovScaleRouter(REPAIRING, cost_per_round=0.0, max_rounds=4)
    graph = own_loop(router, criterion)
    assert rounds(run(graph, QUESTION)) == 4
    assert rounds(run(graph, QUESTION, context={"max_rounds": 2})) == 2
    with pytest.raises(ValueError, match="max_rounds"):
        run(graph, QUESTION, context={"max_rounds": -1})


def test_the_router_follows_a_decision_that_was_made_with_other_settings(run):
    # As a resumed run must, whose caller gives no context this time.
    router = MarkovScaleRouter(REPAIRING, cost_per_round=0.0, max_rounds=4)
    attempt = {"text": "a", "score": 0.05, "action": "generate"}
    decision = Criterion(REPAIRING, 0.0, 1).decide([attempt | {"key": None, "parent": None}])
    assert router.decide({"attempts": [attempt]})["action"] != "stop"
    assert router({"attempts": [attempt], "decision": decision}) == "stop"


def test_a_resumed_run_may_bring_other_settings(run):
    graph = create_markovscale_graph(
        generate=Scripted("a"),
        revise=Scripted(KeyboardInterrupt(), "b", "c", "never"),
        verifier=accepts(),
        calibration=REPAIRING,
        actions=("revise",),
        cost_per_round=0.0,
        checkpointer=InMemorySaver(),
    )
    with pytest.raises(KeyboardInterrupt):
        run(graph, QUESTION, THREAD, durability="sync")
    assert rounds(run(graph, None, THREAD, context={"max_rounds": 3})) == 3


def test_the_context_has_a_schema_for_servers():
    schema = graph_of().get_context_jsonschema()
    assert set(schema["properties"]) == {
        "cost_per_round",
        "max_rounds",
        "budget",
        "markovscale",
    }
