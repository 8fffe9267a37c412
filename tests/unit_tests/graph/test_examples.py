"""Worked examples: the loop in graphs that were there before it."""

import difflib
import inspect
import operator
from typing import Annotated, Literal

from fakes import Scripted, ScriptedModel, accepts
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from langchain_markovscale import Calibration, MarkovScaleRouter, create_markovscale_graph

CALIBRATION = Calibration.from_rates(
    initial=0.5, repair=0.6, corruption=0.05, sensitivity=0.98, specificity=0.99
)


class Drafts(TypedDict, total=False):
    """The state of somebody's reflection graph; it knows nothing of attempts."""

    task: str
    drafts: Annotated[list[str], operator.add]
    scores: Annotated[list[float], operator.add]


def reflection_by_hand(write, criticise):
    def writer(state):
        return {"drafts": [write.invoke(state)]}

    def critic(state):
        return {"scores": [criticise(state["drafts"][-1])]}

    def again(state):
        return "writer" if len(state["drafts"]) < 4 else END

    builder = StateGraph(Drafts)
    builder.add_node("writer", writer)
    builder.add_node("critic", critic)
    builder.add_edge(START, "writer")
    builder.add_edge("writer", "critic")
    builder.add_conditional_edges("critic", again, ["writer", END])
    return builder.compile()


def reflection_with_the_router(write, criticise):
    def writer(state):
        return {"drafts": [write.invoke(state)]}

    def critic(state):
        return {"scores": [criticise(state["drafts"][-1])]}

    again = MarkovScaleRouter(CALIBRATION, answers_key="drafts", scores_key="scores")

    builder = StateGraph(Drafts)
    builder.add_node("writer", writer)
    builder.add_node("critic", critic)
    builder.add_edge(START, "writer")
    builder.add_edge("writer", "critic")
    builder.add_conditional_edges("critic", again, again.path_map(revise="writer"))
    return builder.compile()


def test_a_reflection_graph_gets_the_router_in_three_changed_lines():
    before, after = (
        inspect.getsource(function).splitlines()[1:]
        for function in (reflection_by_hand, reflection_with_the_router)
    )
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    assert sum(line[0] == "-" for line in changes) == 3
    assert sum(line[0] == "+" for line in changes) == 2


def test_it_stops_at_a_good_draft_where_it_always_made_four():
    by_hand, with_router = Scripted("good", "b", "c", "d"), Scripted("good")
    reflection_by_hand(by_hand, accepts("good")).invoke({"task": "?"})
    reflection_with_the_router(with_router, accepts("good")).invoke({"task": "?"})
    assert by_hand.calls == 4
    assert with_router.calls == 1


def test_it_goes_on_from_bad_drafts_and_names_the_best():
    write = Scripted("bad", "worse", "good")
    state = reflection_with_the_router(write, accepts("good")).invoke({"task": "?"})
    assert state["drafts"] == ["bad", "worse", "good"]
    router = MarkovScaleRouter(CALIBRATION, answers_key="drafts", scores_key="scores")
    assert state["drafts"][router.decide(state)["best"]] == router.best(state) == "good"


def supervised(supervisor, solver):
    """A supervisor that sends the conversation to one of two agents until it is done."""

    def supervise(state) -> Command[Literal["solver", "clerk", "__end__"]]:
        chosen = supervisor.invoke(state["messages"]).text
        return Command(goto=END if chosen == "done" else chosen)

    def clerk(state):
        return {"messages": [AIMessage("Filed.")]}

    builder = StateGraph(MessagesState)
    builder.add_node("supervisor", supervise)
    builder.add_node("solver", solver)
    builder.add_node("clerk", clerk)
    builder.add_edge(START, "supervisor")
    builder.add_edge("solver", "supervisor")
    builder.add_edge("clerk", "supervisor")
    return builder.compile()


def test_a_supervisor_uses_the_loop_as_an_agent(run):
    supervisor = ScriptedModel(script=["solver", "clerk", "done"])
    model = ScriptedModel(script=["five", "four"])
    solver = create_markovscale_graph(
        model,
        verifier=accepts("four"),
        calibration=CALIBRATION,
        actions=("revise",),
        cost_per_round=0.2,
        name="solver",
    )
    state = run(supervised(supervisor, solver), {"messages": [("user", "2 + 2?")]})
    assert [message.text for message in state["messages"]] == ["2 + 2?", "four", "Filed."]
    assert model.calls == 2
    # The supervisor sees the answer and none of the drafts.
    assert [message.text for message in supervisor.asked[1]] == ["2 + 2?", "four"]
    assert state["messages"][1].response_metadata["markovscale"]["attempts"] == 2


def test_the_supervisor_s_caller_says_what_the_agent_may_cost(run):
    model = ScriptedModel(script=["five", "never"])
    solver = create_markovscale_graph(
        model, verifier=accepts("four"), calibration=CALIBRATION, actions=("revise",)
    )
    graph = supervised(ScriptedModel(script=["solver", "done"]), solver)
    state = run(graph, {"messages": [("user", "2 + 2?")]}, context={"budget": {"rounds": 1}})
    assert state["messages"][-1].text == "five"
    assert state["messages"][-1].response_metadata["markovscale"]["reason"] == "budget"
