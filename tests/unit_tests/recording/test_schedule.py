"""The graph of a recording: two steps for an attempt, and none of them leaves the event loop."""

import asyncio

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from recorded_parts import QUESTIONS

from langchain_markovscale import create_markovscale_graph
from langchain_markovscale.recording.record import arecord_traces
from langchain_markovscale.recording.schedule import Schedule, scheduled


def write(request):
    return "It is 12."


async def awrite(request):
    return "It is 12."


def loop():
    writer = RunnableLambda(write, awrite)
    return create_markovscale_graph(
        generate=writer, revise=writer, verifier=lambda answer: 0.5, answer_key="last_number"
    )


def begun(attempts=()):
    return {"messages": [HumanMessage("?")], "attempts": list(attempts)}


def test_an_attempt_takes_two_steps():
    graph = scheduled(loop(), Schedule(revisions=1, fresh_starts=2))
    updates = [list(update) for update in graph.stream(begun(), stream_mode="updates")]
    assert [name for names in updates for name in names] == [
        *("generate", "verify_proxy", "revise", "verify_proxy"),
        *("generate", "verify_proxy", "revise", "verify_proxy"),
    ]


def test_what_has_all_its_attempts_takes_no_step():
    graph = scheduled(loop(), Schedule(revisions=1, fresh_starts=1))
    done = graph.invoke(begun())["attempts"]
    assert list(graph.stream(begun(done), stream_mode="updates")) == []
    assert graph.invoke(begun(done))["attempts"] == done


async def test_an_async_loop_is_recorded_without_a_thread(monkeypatch, path):
    def refuse(*args):
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", refuse)
    recording = await arecord_traces(loop(), QUESTIONS, path=path, revisions=1, fresh_starts=2)
    assert (recording.recorded, recording.failed) == (len(QUESTIONS), {})
