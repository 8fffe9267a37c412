"""What a listener sees: the answer and no draft, and an event for everything that happens."""

from fakes import REPAIRING, ScriptedModel, accepts, rejecting
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph

from langchain_markovscale import JudgeVerifier, create_markovscale_graph

QUESTION = {"question": "What is 2 + 2?"}


def texts(parts):
    return [message.text for message, _ in parts]


def test_messages_show_the_answer_and_no_draft(stream):
    drafts = ["it is five", "it is four"]
    judge = ScriptedModel(script=["VERDICT: FAIL\nPROBABILITY: 0.0", "VERDICT: PASS"])
    graph = create_markovscale_graph(
        ScriptedModel(script=drafts),
        verifier=JudgeVerifier(judge),
        calibration=REPAIRING,
        actions=("revise",),
        max_rounds=2,
    )
    assert texts(stream(graph, QUESTION, stream_mode="messages")) == ["it is four"]


def test_messages_of_a_conversation_are_not_shown_again(stream):
    graph = create_markovscale_graph(
        ScriptedModel(script=["four"]), verifier=accepts("four"), max_rounds=1
    )
    given = {"messages": [HumanMessage("2 + 2?")]}
    assert texts(stream(graph, given, stream_mode="messages")) == ["four"]


def test_models_within_a_chain_are_not_shown(stream):
    model = ScriptedModel(script=["it is five", "it is four"])
    chain = RunnableLambda(lambda request: request["messages"]) | model
    graph = create_markovscale_graph(
        generate=chain,
        verifier=rejecting(),
        calibration=REPAIRING,
        actions=("generate",),
        max_rounds=2,
    )
    shown = texts(stream(graph, QUESTION, stream_mode="messages"))
    assert len(shown) == 1
    assert shown[0].strip() in ("it is five", "it is four")


def test_an_event_for_each_attempt_and_each_decision(stream):
    graph = create_markovscale_graph(
        ScriptedModel(script=["five", "four"]),
        verifier=accepts("four"),
        calibration=REPAIRING,
        actions=("revise",),
        cost_per_round=0.2,
    )
    parts = stream(graph, QUESTION, stream_mode=["custom", "values"])
    events = [part for mode, part in parts if mode == "custom"]
    final = parts[-1][1]
    assert [event["type"] for event in events] == ["attempt", "decision"] * 2
    assert [event["attempt"] for event in events[::2]] == final["attempts"]
    assert [event["index"] for event in events[::2]] == [0, 1]
    assert events[-1]["decision"] == final["decision"]
    assert {event["question"] for event in events} == {QUESTION["question"]}


def test_updates_name_the_three_nodes(stream):
    graph = create_markovscale_graph(
        ScriptedModel(script=["five", "four"]),
        verifier=accepts("four"),
        calibration=REPAIRING,
        actions=("revise",),
        cost_per_round=0.2,
    )
    nodes = [node for part in stream(graph, QUESTION, stream_mode="updates") for node in part]
    assert nodes == ["generate", "verify_proxy", "revise", "verify_proxy"]


def test_drafts_of_an_agent_are_not_shown_as_those_of_a_subgraph(stream):
    agent = StateGraph(MessagesState)
    model = ScriptedModel(script=["it is five", "it is four"])
    agent.add_node("write", lambda state: {"messages": [model.invoke(state["messages"])]})
    agent.add_edge(START, "write")
    graph = create_markovscale_graph(
        generate=agent.compile(),
        verifier=accepts("it is four"),
        calibration=REPAIRING,
        actions=("generate",),
        cost_per_round=0.1,
        max_rounds=2,
    )
    parts = stream(graph, QUESTION, stream_mode="messages", subgraphs=True)
    assert [message.text for _, (message, _) in parts] == ["it is four"]
