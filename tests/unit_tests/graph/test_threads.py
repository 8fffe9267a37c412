"""A question is one run: on a thread the conversation stays and the attempts do not.

A run that was broken off goes on without paying twice.
"""

from functools import partial

import pytest
from fakes import REPAIRING, PowerCut, Scripted, ScriptedModel, accepts, rejecting
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from langchain_markovscale import create_markovscale_graph
from langchain_markovscale.graph.state import MarkovScaleState

THREAD = {"configurable": {"thread_id": "1"}}


def graph_of(model, verifier, **options):
    options = {
        "calibration": REPAIRING,
        "actions": ("revise",),
        "max_rounds": 3,
        "cost_per_round": 0.2,
        "checkpointer": InMemorySaver(),
    } | options
    return create_markovscale_graph(model, verifier=verifier, **options)


def texts(state):
    return [message.text for message in state["messages"]]


def test_a_new_question_starts_without_the_attempts_of_the_last(run):
    model = ScriptedModel(script=["five", "four", "Paris"])
    graph = graph_of(model, accepts("four", "Paris"))
    first = run(graph, {"question": "2 + 2?"}, THREAD)
    assert [attempt["text"] for attempt in first["attempts"]] == ["five", "four"]
    second = run(graph, {"question": "Capital of France?"}, THREAD)
    assert [attempt["text"] for attempt in second["attempts"]] == ["Paris"]
    assert second["answer"] == "Paris"
    assert second["decision"]["attempts"] == 1
    assert set(second["usage"]) == {"generate", "verify"}
    assert texts(second) == ["2 + 2?", "four", "Capital of France?", "Paris"]
    assert [message.text for message in model.asked[2]] == ["2 + 2?", "four", "Capital of France?"]


def test_an_error_of_the_last_question_is_forgotten(run):
    model = ScriptedModel(script=["five", ConnectionError("dead"), "Paris"])
    graph = graph_of(model, accepts("Paris"))
    assert run(graph, {"question": "2 + 2?"}, THREAD)["error"] is not None
    state = run(graph, {"question": "Capital of France?"}, THREAD)
    assert state["error"] is None
    assert state["decision"]["reason"] == "gain_below_cost"


def test_the_same_question_in_the_same_words_is_a_new_run(run):
    graph = graph_of(ScriptedModel(script=["four", "4"]), accepts("four", "4"))
    run(graph, {"question": "2 + 2?"}, THREAD)
    state = run(graph, {"question": "2 + 2?"}, THREAD)
    assert [attempt["text"] for attempt in state["attempts"]] == ["4"]
    assert texts(state) == ["2 + 2?", "four", "2 + 2?", "4"]


def test_questions_may_come_as_text_and_as_messages_in_turn(run):
    model = ScriptedModel(script=["1", "2", "3", "4"])
    graph = graph_of(model, accepts("1", "2", "3", "4"))
    run(graph, {"question": "one?"}, THREAD)
    run(graph, {"messages": [("user", "two?")]}, THREAD)
    run(graph, {"messages": [("user", "two?")]}, THREAD)
    state = run(graph, {"question": "two?"}, THREAD)
    assert texts(state) == ["one?", "1", "two?", "2", "two?", "3", "two?", "4"]
    assert [attempt["text"] for attempt in state["attempts"]] == ["4"]


def test_a_question_that_is_the_last_message_is_not_said_twice(run):
    model = ScriptedModel(script=["four"])
    graph = graph_of(model, accepts("four"))
    given = {"question": "2 + 2?", "messages": [("user", "Hello"), ("user", "2 + 2?")]}
    assert texts(run(graph, given, THREAD)) == ["Hello", "2 + 2?", "four"]


def test_asking_again_by_the_same_message_replaces_the_answer_in_place(run):
    model = ScriptedModel(script=["four", "bye", "4"])
    graph = graph_of(model, accepts("four", "bye", "4"))
    question = HumanMessage("2 + 2?", id="q")
    first = run(graph, {"messages": [question]}, THREAD)
    second = run(graph, {"messages": [question]}, THREAD)
    assert texts(second) == ["2 + 2?", "bye"]
    assert second["messages"][1].id == first["messages"][1].id
    assert [message.text for message in model.asked[1]] == ["2 + 2?"]


def cut_at(call):
    """Scripts of a generator, a reviser and a verifier with a power cut at one of four calls."""
    scripts = {
        "generate": [["five"], 0],
        "verify": [[{"score": 0.05}, {"score": 0.95}], None],
        "revise": [["four"], None],
    }
    node, at = {1: ("generate", 0), 2: ("verify", 0), 3: ("revise", 0), 4: ("verify", 1)}[call]
    scripts[node][0].insert(at, PowerCut())
    return (Scripted(*scripts[name][0]) for name in ("generate", "revise", "verify"))


@pytest.mark.parametrize("call", [1, 2, 3, 4])
@pytest.mark.parametrize("again", [None, {"question": "2 + 2?"}], ids=["resumed", "asked again"])
def test_no_call_that_was_finished_is_repeated_after_a_power_cut(call, again, run):
    generate, revise, verify = cut_at(call)
    graph = graph_of(None, verify, generate=generate, revise=revise)
    with pytest.raises(PowerCut):
        run(graph, {"question": "2 + 2?"}, THREAD, durability="sync")
    state = run(graph, again, THREAD, durability="sync")
    assert generate.calls + revise.calls + verify.calls == 5  # four, and the one that was cut
    assert [attempt["text"] for attempt in state["attempts"]] == ["five", "four"]
    assert state["answer"] == "four"
    assert texts(state) == ["2 + 2?", "four"]


def alone(loop, saver):
    return loop(checkpointer=saver)


def within_another(loop, saver):
    parent = StateGraph(MarkovScaleState).add_node("solver", loop(checkpointer=None))
    return parent.add_edge(START, "solver").compile(checkpointer=saver)


@pytest.mark.parametrize(
    ("placed", "again"),
    [(alone, None), (alone, {"question": "2 + 2?"}), (within_another, None)],
    ids=["resumed", "asked again", "resumed within another graph"],
)
@pytest.mark.parametrize("durability", ["sync", "exit"])
@pytest.mark.parametrize(("left", "now"), [("revise", "generate"), ("generate", "revise")])
def test_a_run_goes_on_where_its_next_step_is_not_allowed_any_more(
    left, now, placed, again, durability, run
):
    scripts = {left: [PowerCut()], now: ["six", "four"]}
    scripts["generate"].insert(0, "five")
    options = {name: Scripted(*script) for name, script in scripts.items()}
    options |= {"cost_per_round": 0.05}
    saver = InMemorySaver()

    def loop(action):
        made = partial(graph_of, None, accepts("four"), actions=(action,), **options)
        return placed(made, saver)

    with pytest.raises(PowerCut):
        run(loop(left), {"question": "2 + 2?"}, THREAD, durability=durability)
    state = run(loop(now), again, THREAD, durability=durability)
    assert state["answer"] == "four"
    assert [attempt["text"] for attempt in state["attempts"]] == ["five", "six", "four"]
    assert [attempt["action"] for attempt in state["attempts"][1:]] == [now, now]
    assert texts(state) == ["2 + 2?", "four"]


def test_another_question_after_a_power_cut_is_a_new_run(run):
    generate = Scripted("five", "Paris")
    graph = graph_of(None, accepts("Paris"), generate=generate, revise=Scripted(PowerCut()))
    with pytest.raises(PowerCut):
        run(graph, {"question": "2 + 2?"}, THREAD, durability="sync")
    state = run(graph, {"question": "Capital of France?"}, THREAD)
    assert [attempt["text"] for attempt in state["attempts"]] == ["Paris"]
    assert texts(state) == ["2 + 2?", "Capital of France?", "Paris"]


def test_the_same_words_in_a_new_message_are_a_new_run(run):
    generate = Scripted("five", "four")
    graph = graph_of(None, accepts("four"), generate=generate, revise=Scripted(PowerCut()))
    given = {"messages": [("user", "2 + 2?")]}
    with pytest.raises(PowerCut):
        run(graph, given, THREAD, durability="sync")
    assert [attempt["text"] for attempt in run(graph, given, THREAD)["attempts"]] == ["four"]


def test_documents_of_the_last_question_are_forgotten(run):
    generate = Scripted({"answer": "a", "context": ["old"]}, "b")
    revise = Scripted("c")
    graph = graph_of(None, accepts("a", "c"), generate=generate, revise=revise)
    run(graph, {"question": "one?"}, THREAD)
    run(graph, {"question": "two?"}, THREAD)
    assert "context" not in revise.asked[0]


def test_a_resumed_run_takes_the_same_decisions(run):
    def events_of(script, cut):
        generate, verify = Scripted(*script), rejecting()
        graph = graph_of(
            None,
            verify,
            generate=generate,
            actions=("generate",),
            max_rounds=4,
            cost_per_round=0.0,
            checkpointer=InMemorySaver(),
        )
        if cut:
            with pytest.raises(PowerCut):
                run(graph, {"question": "?"}, THREAD, durability="sync")
            return run(graph, None, THREAD)
        return run(graph, {"question": "?"}, THREAD)

    whole = events_of(["a", "b", "c", "d"], cut=False)
    broken = events_of(["a", "b", PowerCut(), "c", "d"], cut=True)
    assert broken["attempts"] == whole["attempts"]
    assert broken["decision"] == whole["decision"]


def test_threads_do_not_mix(run):
    graph = graph_of(ScriptedModel(script=["1", "2"]), accepts("1", "2"))
    run(graph, {"question": "one?"}, THREAD)
    other = run(graph, {"question": "two?"}, {"configurable": {"thread_id": "2"}})
    assert texts(other) == ["two?", "2"]
