"""Equal expressions have one key, in any thread and within a time limit."""

import asyncio
import pickle
import threading
import time

import pytest
from fakes import REPAIRING, scripted
from langchain.agents import create_agent

from langchain_markovscale import MarkovScaleMiddleware, create_markovscale_graph
from langchain_markovscale.answers import math_worker, mathematics
from langchain_markovscale.answers.keys import resolve_answer_key
from langchain_markovscale.answers.mathematics import MathKey
from langchain_markovscale.answers.reading import joined_key, read_answer, read_key
from langchain_markovscale.recording.graders import resolve_grader

ONE_DRAW = {"actions": ("generate",), "max_rounds": 1}
HOSTILE = r"\boxed{(x+1)^{123456}}"


@pytest.fixture(scope="module")
def key():
    return resolve_answer_key("math")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"so \boxed{25\text{ cm}}", "25"),
        (r"\boxed{x = \frac{6}{8}}", "0.75"),
        (r"\boxed{50\%}", "50"),
        (r"\boxed{B}", "B"),
        ("The answer is 5. I used 2 methods.", "5"),
        ("$x = 3$", "3"),
        (r"\boxed{x+1}", "x + 1"),
        (r"\boxed{1 + x}", "x + 1"),
        (r"\boxed{(x+1)^2}", "x^{2} + 2 x + 1"),
        (r"$1 + 2x + x^2$", "x^{2} + 2 x + 1"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{\sqrt{2}}{2}"),
        (r"\boxed{\{2, 1\}}", r"\left\{1, 2\right\}"),
        (r"<think>\boxed{3}</think>", None),
        ("no idea", None),
    ],
)
def test_an_expression_has_a_canonical_form(key, text, expected):
    assert key(text) == expected


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (r"\boxed{\sqrt{8}}", r"\boxed{2\sqrt{2}}", True),
        (r"\boxed{2^{10}}", r"\boxed{1024}", True),
        (r"\boxed{\sin^2 x + \cos^2 x}", r"\boxed{1}", True),
        (r"\boxed{x+1}", r"\boxed{x+2}", False),
        (r"\boxed{3}", r"\boxed{4}", False),
        (r"\boxed{0.333}", r"\boxed{\frac{1}{3}}", False),
    ],
)
def test_equal_expressions_are_joined(key, left, right, equal):
    first, second = key(left), key(right)
    earlier = [{"key": None}, {"key": first}]
    assert joined_key(second, key, earlier) == (first if equal else second)
    assert resolve_grader("exact", "math")(right, left.removeprefix(r"\boxed{")[:-1]) is equal


def test_keys_of_a_loop_are_joined():
    answers = iter([r"\boxed{\sqrt{8}}", r"It is \boxed{2\sqrt{2}}"])
    graph = create_markovscale_graph(
        generate=lambda request: next(answers),
        verifier=None,
        calibration=REPAIRING,
        answer_key="math",
        actions=("generate",),
        max_rounds=3,
        cost_per_round=1e-6,
    )
    first, second = graph.invoke({"question": "?"})["attempts"]
    assert first["key"] == second["key"] == r"\sqrt{8}"


def test_what_takes_too_long_has_no_key_in_any_thread():
    key, found = MathKey(seconds=0.7), []
    key(r"\boxed{y+1}")  # the process is warm

    def read():
        found.append(read_key(read_answer(HOSTILE), key))

    threads = [threading.Thread(target=read) for _ in range(2)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(None, {"no_key": "time_limit"})] * 2
    assert time.monotonic() - began < 20
    assert key(r"\boxed{z+1}") == "z + 1"


def test_a_process_that_is_gone_is_started_again(key):
    math_worker.WORKER.stop()
    mathematics._read.cache_clear()
    assert key(r"\boxed{x+7}") == "x + 7"


def test_a_resolved_key_can_be_sent_to_another_process(key):
    assert pickle.loads(pickle.dumps(key))(r"\boxed{7}") == "7"


def test_keys_are_read_under_asyncio():
    async def read():
        return resolve_answer_key("math")(r"\boxed{1+w}")

    assert asyncio.run(read()) == "w + 1"


@pytest.mark.parametrize("surface", ["graph", "agent"])
async def test_the_event_loop_goes_on_while_an_expression_is_read(surface, monkeypatch):
    loop_runs, ask = threading.Event(), mathematics.WORKER.ask

    def slowly(*args, **kwargs):
        assert loop_runs.wait(10), "the event loop stands still"
        return ask(*args, **kwargs)

    monkeypatch.setattr(mathematics.WORKER, "ask", slowly)
    mathematics._read.cache_clear()
    options = {"verifier": None, "calibration": REPAIRING, "answer_key": "math", **ONE_DRAW}
    if surface == "graph":
        graph = create_markovscale_graph(generate=lambda request: r"\boxed{v+1}", **options)
        run = asyncio.create_task(graph.ainvoke({"question": "?"}))
    else:
        middleware = MarkovScaleMiddleware(**options)
        agent = create_agent(scripted(r"\boxed{v+1}"), middleware=[middleware])
        run = asyncio.create_task(agent.ainvoke({"messages": [("user", "?")]}))
    await asyncio.sleep(0.2)
    loop_runs.set()
    assert (await run)["messages"][-1].text == r"\boxed{v+1}"


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "math_verify", None)
    with pytest.raises(ModuleNotFoundError, match=r"langchain-markovscale\[math\]"):
        resolve_answer_key("math")
