"""Ordinary runs become traces, whichever way they are called, and are never broken by that."""

import asyncio
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from test_own_loops import one_draft, with_router

from langchain_markovscale import (
    Calibration,
    MarkovScaleMiddleware,
    create_markovscale_graph,
    read_traces,
    watch,
)
from langchain_markovscale.traces.appending import append_trace

KEYS = {"answers_key": "draft", "scores_key": "score", "answer_key": "last_number"}


def model():
    return GenericFakeChatModel(messages=iter([AIMessage(str(i)) for i in range(20)]))


def texts(path):
    return [[each["text"] for each in trace["attempts"]] for trace in read_traces(path)]


async def astreamed(graph, taken):
    return [each async for each in graph.astream(taken, stream_mode="updates")]


@pytest.mark.parametrize(
    "call",
    [
        lambda graph, taken: graph.invoke(taken),
        lambda graph, taken: list(graph.stream(taken)),
        lambda graph, taken: graph.batch([taken]),
        lambda graph, taken: asyncio.run(graph.ainvoke(taken)),
        lambda graph, taken: asyncio.run(graph.abatch([taken])),
        lambda graph, taken: asyncio.run(astreamed(graph, taken)),
    ],
)
def test_every_way_of_calling_a_graph_leaves_a_trace_and_the_same_result(path, call):
    watched, taken = watch(one_draft(), path, **KEYS), {"question": "Third?"}
    assert call(watched, taken) == call(one_draft(), taken)
    (trace,) = read_traces(path)
    assert (trace["question"], trace["censored"]) == ("Third?", True)
    assert [(each["text"], each["key"], each["score"]) for each in trace["attempts"]] == [
        ("0", "0", 0.1),
        ("1", "1", 0.1),
        ("2", "2", 0.9),
    ]
    assert {each["correct"] for each in trace["attempts"]} == {None}


def test_the_keys_of_a_router_need_not_be_told(path):
    watch(with_router(), path).invoke({"question": "First?"})
    assert texts(path) == [["0"]]


def test_a_graph_of_this_package_and_agents_leave_all_their_attempts(path):
    rule = {"verifier": lambda answer: 0.1, "max_rounds": 3}
    watch(create_markovscale_graph(model(), **rule), path).invoke({"question": "One?"})
    middleware = MarkovScaleMiddleware(**rule)
    agent = create_agent(model(), [], middleware=[middleware])
    plain = create_agent(model(), [])
    for each in (agent, plain):
        watch(each, path).invoke({"messages": [("user", "Two?")]})
    assert texts(path) == [["0", "1", "2"], ["0", "1", "2"], ["0"]]


def test_functions_are_watched(path):
    async def loop(question):
        return ["1", "2"]

    assert watch(lambda question: ["0"], path)("One?") == ["0"]
    assert asyncio.run(watch(loop, path)("Two?")) == ["1", "2"]
    assert texts(path) == [["0"], ["1", "2"]]


def test_an_error_within_is_logged_once_and_the_run_goes_on(path, caplog):
    graph = watch(one_draft(), path, answers_key="no such key")
    with caplog.at_level(logging.WARNING, "langchain_markovscale"):
        for _ in range(3):
            assert graph.invoke({"question": "Third?"})["draft"] == "2"
    assert len(caplog.records) == 1
    assert not path.exists()


def test_a_run_that_fails_is_left_out(path):
    def broken(question):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        watch(broken, path)("One?")
    assert not path.exists()


def test_threads_add_to_one_file(path):
    graph = watch(one_draft(), path, **KEYS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(graph.invoke, [{"question": str(i)} for i in range(40)]))
    assert {trace["question"] for trace in read_traces(path)} == {str(i) for i in range(40)}


SCRIPT = """
import sys
from langchain_markovscale.traces.appending import append_trace
for number in range(50):
    name = f"{sys.argv[2]} {number}"
    append_trace(sys.argv[1], {"id": name, "question": "Q" * 5000, "attempts": []})
"""


def test_processes_add_to_one_file(path):
    command = [sys.executable, "-c", SCRIPT, str(path)]
    running = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [each.wait() for each in running] == [0, 0]
    assert len({trace["id"] for trace in read_traces(path)}) == 100


def test_a_line_that_a_killed_process_left_half_written_is_removed(path):
    append_trace(path, {"id": "a", "question": "A?", "attempts": []})
    with path.open("ab") as file:
        file.write(b'{"id": "b", "quest')
    append_trace(path, {"id": "c", "question": "C?", "attempts": []})
    assert [trace["id"] for trace in read_traces(path)] == ["a", "c"]


def test_what_was_watched_can_be_fitted_once_it_is_labelled(path):
    graph = watch(one_draft(), path, **KEYS)
    for number in range(20):
        graph.invoke({"question": f"{number}?"})
    traces = list(read_traces(path))
    for trace in traces:
        for attempt in trace["attempts"]:
            attempt["correct"] = attempt["text"] == "2"
    fitted = Calibration.fit(traces, n_bootstrap=0)
    assert fitted.delivery is None
    assert any("own rule ended 20" in each for each in fitted.fitted.warnings)
