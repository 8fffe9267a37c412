"""Draws at once that were broken off: what has returned is kept, and is not paid for again."""

import asyncio
from collections import Counter

import drawing
import pytest
from drawing import QUESTION, REJECTING, texts
from fakes import PowerCut
from langchain_core.runnables import Runnable
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from langchain_markovscale import HumanVerifier
from langchain_markovscale.graph.state import MarkovScaleState

# In one thread, so that it is certain which draws have returned when the last one is cut off.
THREAD = {"configurable": {"thread_id": "1"}, "max_concurrency": 1}


class Once(Runnable):
    """Makes the answer of each index, or the verdict on it; the first call for one is cut off."""

    def __init__(self, cut=None, verdict=None):
        self.cut, self.verdict = cut, verdict
        self.calls = Counter()

    def invoke(self, input, config=None, **kwargs):
        index = config["metadata"]["markovscale_attempt"]
        self.calls[index] += 1
        if index == self.cut and self.calls[index] == 1:
            raise PowerCut
        return f"draw {index}" if self.verdict is None else self.verdict

    async def ainvoke(self, input, config=None, **kwargs):
        await asyncio.sleep(0)
        if config["metadata"]["markovscale_attempt"] == self.cut:
            for _ in range(200):  # the others have returned by then
                await asyncio.sleep(0)
        return self.invoke(input, config)


def graph_of(draws, verdicts=REJECTING, **options):
    return drawing.graph_of(draws, verdicts, **{"checkpointer": InMemorySaver()} | options)


def alone(made, saver):
    return made(checkpointer=saver)


def within_another(made, saver):
    parent = StateGraph(MarkovScaleState).add_node("solver", made(checkpointer=None))
    return parent.add_edge(START, "solver").compile(checkpointer=saver)


# With durability="exit" older versions of LangGraph keep nothing of a graph within another.
@pytest.mark.parametrize(
    ("placed", "durability"),
    [
        (alone, "sync"),
        (alone, "async"),
        (alone, "exit"),
        (within_another, "sync"),
        (within_another, "async"),
    ],
)
def test_a_draw_that_was_cut_off_is_the_only_one_that_is_made_again(placed, durability, run):
    draws = Once(cut=3)
    graph = placed(lambda **options: graph_of(draws, **options), InMemorySaver())
    with pytest.raises(PowerCut):
        run(graph, QUESTION, THREAD, durability=durability)
    state = run(graph, None, THREAD, durability=durability)
    assert draws.calls == {0: 1, 1: 1, 2: 1, 3: 2}
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]
    assert state["usage"]["generate"]["calls"] == state["usage"]["verify"]["calls"] == 4
    assert [message.text for message in state["messages"]] == ["What is 2 + 2?", state["answer"]]


def test_a_verdict_that_was_cut_off_is_given_again_and_its_draw_is_not_made_again(run):
    draws, verdicts = Once(), Once(cut=3, verdict=0.05)
    graph = graph_of(draws, verdicts)
    with pytest.raises(PowerCut):
        run(graph, QUESTION, THREAD, durability="sync")
    state = run(graph, None, THREAD, durability="sync")
    assert draws.calls == {0: 1, 1: 1, 2: 1, 3: 1}
    assert verdicts.calls == {0: 1, 1: 1, 2: 1, 3: 2}
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]


def test_a_later_round_of_draws_that_was_cut_off_goes_on(run):
    draws = Once(cut=3)
    graph = graph_of(draws, draws_at_once=2)
    with pytest.raises(PowerCut):
        run(graph, QUESTION, THREAD, durability="sync")
    state = run(graph, None, THREAD, durability="sync")
    assert draws.calls == {0: 1, 1: 1, 2: 1, 3: 2}
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]


def test_another_process_goes_on_from_a_file(tmp_path):
    before, after = Once(cut=3), Once()
    for draws, given in ((before, QUESTION), (after, None)):
        with SqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
            graph = graph_of(draws, checkpointer=saver)
            if draws is before:
                with pytest.raises(PowerCut):
                    graph.invoke(given, THREAD, durability="sync")
            else:
                state = graph.invoke(given, THREAD, durability="sync")
    assert after.calls == {3: 1}
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]


async def test_another_process_goes_on_from_a_file_under_asyncio(tmp_path):
    before, after = Once(), Once()
    cut, verdicts = Once(cut=3, verdict=0.05), Once(verdict=0.05)
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
        graph = graph_of(before, cut, checkpointer=saver)
        with pytest.raises(PowerCut):
            await graph.ainvoke(QUESTION, THREAD, durability="sync")
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
        graph = graph_of(after, verdicts, checkpointer=saver)
        state = await graph.ainvoke(None, THREAD, durability="sync")
    assert not after.calls
    assert verdicts.calls == {3: 1}
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]


def test_another_question_after_a_cut_is_a_new_run(run):
    draws = Once(cut=3)
    graph = graph_of(draws)
    with pytest.raises(PowerCut):
        run(graph, QUESTION, THREAD, durability="sync")
    state = run(graph, {"question": "And 3 + 3?"}, THREAD)
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]
    assert state["usage"]["generate"]["calls"] == 4
    assert [message.text for message in state["messages"]][:2] == ["What is 2 + 2?", "And 3 + 3?"]


@pytest.mark.parametrize("again", [None, QUESTION], ids=["resumed", "asked again"])
def test_draws_that_have_still_to_be_put_together_are_not_made_again(again, run):
    draws, saver = Once(), InMemorySaver()
    stopped = graph_of(draws, checkpointer=saver)
    stopped.interrupt_before_nodes = ["verify_proxy"]
    run(stopped, QUESTION, THREAD)
    state = run(graph_of(draws, checkpointer=saver), again, THREAD)
    assert draws.calls == {0: 1, 1: 1, 2: 1, 3: 1}
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]


def test_draws_that_have_still_to_be_put_together_are_forgotten_with_their_question(run):
    draws, saver = Once(), InMemorySaver()
    stopped = graph_of(draws, checkpointer=saver)
    stopped.interrupt_before_nodes = ["verify_proxy"]
    run(stopped, QUESTION, THREAD)
    state = run(graph_of(draws, checkpointer=saver), {"question": "And 3 + 3?"}, THREAD)
    assert draws.calls == {0: 2, 1: 2, 2: 2, 3: 2}
    assert len(state["attempts"]) == state["usage"]["generate"]["calls"] == 4


def test_a_graph_that_draws_one_at_a_time_takes_up_a_run_of_several(run):
    draws, saver = Once(cut=3), InMemorySaver()
    with pytest.raises(PowerCut):
        run(graph_of(draws, checkpointer=saver), QUESTION, THREAD, durability="sync")
    state = run(graph_of(draws, checkpointer=saver, draws_at_once=1), None, THREAD)
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]
    assert state["decision"]["reason"] == "max_rounds"


def test_a_graph_of_several_draws_takes_up_a_run_of_one(run):
    draws, saver = Once(cut=1), InMemorySaver()
    with pytest.raises(PowerCut):
        run(graph_of(draws, checkpointer=saver, draws_at_once=1), QUESTION, THREAD)
    state = run(graph_of(draws, checkpointer=saver), None, THREAD)
    assert texts(state) == ["draw 0", "draw 1", "draw 2", "draw 3"]


def test_humans_are_asked_about_all_draws_and_answer_in_any_order(run):
    draws = Once()
    graph = graph_of(draws, HumanVerifier(), max_rounds=3, draws_at_once=3)
    waiting = run(graph, QUESTION, THREAD)["__interrupt__"]
    asked = {interrupt.value["answer"]: interrupt.id for interrupt in waiting}
    assert set(asked) == {"draw 0", "draw 1", "draw 2"}
    left = run(graph, Command(resume={asked["draw 2"]: 0.9}), THREAD)["__interrupt__"]
    assert {interrupt.value["answer"] for interrupt in left} == {"draw 0", "draw 1"}
    resume = {asked["draw 0"]: 0.1, asked["draw 1"]: 0.2}
    state = run(graph, Command(resume=resume), THREAD)
    assert draws.calls == {0: 1, 1: 1, 2: 1}
    assert [attempt["score"] for attempt in state["attempts"]] == [0.1, 0.2, 0.9]
    assert state["answer"] == "draw 2"


def test_a_conversation_is_not_copied_into_the_checkpoints_of_a_draw():
    graph = graph_of(Once())
    graph.invoke({"messages": [("user", "A long story."), ("user", "The end?")]}, THREAD)
    branches = [
        saved
        for saved in graph.checkpointer.list(None)
        if saved.config["configurable"]["checkpoint_ns"].startswith("draw:")
    ]
    assert branches
    assert not any("messages" in saved.checkpoint["channel_values"] for saved in branches)
