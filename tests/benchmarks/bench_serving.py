"""LangGraph's development server under load, and what clients that go away leave in it.

The model takes no time, so that what clients wait for is the server and the loop. The server tells
of itself by a graph: its tasks, threads and memory.
"""

import asyncio
import json
import random
from time import perf_counter
from urllib.parse import urlsplit

import numpy as np
import pytest
from langgraph_sdk import get_client
from langgraph_server import served

SECONDS = 60
CLIENTS = 200
CANCELLED = 100
PATIENCE = 40  # seconds; a run that nobody has cancelled takes minutes
QUESTION = {"question": "What is 17 + 25?"}

GRAPHS = '''
"""Loops whose models take no time, wait and block; and what their process holds."""

import asyncio
import threading
import time
from pathlib import Path

import counted_calls
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from langchain_markovscale import create_markovscale_graph


def loop(writer):
    return create_markovscale_graph(
        generate=writer,
        revise=writer,
        verifier=lambda key: 0.1,
        answer_key="last_number",
        actions=("revise",),
        cost_per_round=0.0,
        max_rounds=4,
    )


def at_once(request):
    return "It is 42."


async def waits(request):
    with counted_calls.counted():
        await asyncio.sleep(60)


def blocks(request):
    with counted_calls.counted():
        time.sleep(0.5)
    return "It is 42."


async def at_once_async(request):
    return "It is 42."


quick = loop(RunnableLambda(at_once, at_once_async))
waiting = loop(RunnableLambda(at_once, waits))
blocking = loop(RunnableLambda(blocks))


class Held(TypedDict, total=False):
    calls_begun: int
    calls_ended: int
    tasks: int
    threads: int
    resident_mb: float


async def look(state: Held):
    memory = await asyncio.to_thread(Path("/proc/self/status").read_text)
    kilobytes = next(line for line in memory.splitlines() if line.startswith("VmRSS")).split()[1]
    return {
        "calls_begun": len(counted_calls.BEGUN),
        "calls_ended": len(counted_calls.ENDED),
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "resident_mb": int(kilobytes) / 1000,
    }


def of_one_node(state, node):
    return StateGraph(state).add_node(node).add_edge(START, node.__name__).compile()


async def wait(state: dict):
    await waits(state)


held = of_one_node(Held, look)
not_ours = of_one_node(dict, wait)
'''
COUNTED_CALLS = """
from contextlib import contextmanager

BEGUN, ENDED = [], []


@contextmanager
def counted():
    BEGUN.append(None)
    try:
        yield
    finally:
        ENDED.append(None)
"""  # a module of its own, since the server loads that of the graphs once for each of them
NAMES = ("quick", "waiting", "blocking", "held", "not_ours")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "graphs.py").write_text(GRAPHS)
    (folder / "counted_calls.py").write_text(COUNTED_CALLS)
    graphs = {name: f"./graphs.py:{name}" for name in NAMES}
    (folder / "langgraph.json").write_text(json.dumps({"dependencies": ["."], "graphs": graphs}))
    with served(folder, {}, jobs=CLIENTS) as where:
        yield where


async def asks(address, until, waits, errors):
    """One client, which asks again as soon as it has its answer."""
    async with get_client(url=address) as client:
        while perf_counter() < until:
            began = perf_counter()
            try:
                state = await client.runs.wait(None, "quick", input=QUESTION)
                assert state["answer"] == "It is 42."
            except Exception as error:
                errors.append(repr(error))
            waits.append(perf_counter() - began)


async def held(client):
    """What the server's process holds."""
    return await client.runs.wait(None, "held", input={})


async def open_runs(client, threads):
    """Runs that have not ended, when the server has had a while."""
    until = perf_counter() + PATIENCE
    while True:
        runs = [run for thread in threads for run in await client.runs.list(thread)]
        still = [run for run in runs if run["status"] in ("pending", "running")]
        if not still or perf_counter() > until:
            return still
        await asyncio.sleep(1)


async def test_two_hundred_clients(address, figure):
    waits, errors = [], []
    until = perf_counter() + SECONDS
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(asks(address, until, waits, errors))
    name = f"{CLIENTS} clients of langgraph dev for {SECONDS} s"
    figure(f"{name}: errors {errors[:1] or ''}".rstrip(), len(errors), "", at_most=0)
    figure(f"{name}: runs", len(waits) / SECONDS, "a second")
    figure(f"{name}: half of the answers came within", np.median(waits), "s")
    figure(f"{name}: 99 % of the answers came within", np.quantile(waits, 0.99), "s")


async def goes_away(address, graph, thread, after):
    """A client that hangs up, so long after the server has told it that there is a run."""
    async with get_client(url=address) as client:
        parts = client.runs.stream(thread, graph, input=QUESTION, on_disconnect="cancel")
        await anext(parts)
        rest = asyncio.create_task(anext(parts))
        await asyncio.wait([rest], timeout=after)
        rest.cancel()
        await asyncio.wait([rest])


async def all_go_away(client, address):
    """Clients of a loop that waits and of one that blocks its thread; their threads."""
    dice, threads = random.Random(1), []
    async with asyncio.TaskGroup() as group:
        for number in range(CANCELLED):
            thread = (await client.threads.create())["thread_id"]
            graph, after = ("waiting", "blocking")[number % 2], dice.uniform(0, 4)
            group.create_task(goes_away(address, graph, thread, after))
            threads.append(thread)
    return threads


async def test_clients_that_cancel_leave_nothing(address, figure):
    async with get_client(url=address) as client:
        threads = await all_go_away(client, address)
        await open_runs(client, threads)
        before = await held(client)  # what is made once is there now
        threads = await all_go_away(client, address)
        still = await open_runs(client, threads)
        after = await held(client)
        again = [await client.runs.wait(thread, "quick", input=QUESTION) for thread in threads]
    assert after["calls_begun"] - before["calls_begun"] > CANCELLED / 4
    name = f"{CANCELLED} clients that hang up"
    figure(f"{name}: runs still open", len(still), "", at_most=0)
    open_calls = after["calls_begun"] - after["calls_ended"]
    figure(f"{name}: calls of the model still open", open_calls, "", at_most=0)
    figure(f"{name}: threads that take no further run", sum(
        state["answer"] != "It is 42." for state in again), "", at_most=0)  # fmt: skip
    figure(f"{name}: tasks left", after["tasks"] - before["tasks"], "", at_most=2)
    figure(f"{name}: threads of the process left", after["threads"] - before["threads"], "",
           at_most=2)  # fmt: skip

    grown = after["resident_mb"] - before["resident_mb"]
    figure(f"{name}: memory left", grown, "MB", at_most=20)


async def goes_away_early(address, graph, thread, after):
    """A client that hangs up so long after it has sent its request, answered or not."""
    where = urlsplit(address)
    body = json.dumps({"assistant_id": graph, "input": QUESTION, "on_disconnect": "cancel"})
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(
        f"POST /threads/{thread}/runs/stream HTTP/1.1\r\nHost: {where.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    await writer.drain()
    await asyncio.sleep(after)
    writer.close()
    await writer.wait_closed()


async def left_open(client, address, graph):
    """The runs that the server goes on with when its clients have gone away early."""
    dice = random.Random(2)
    threads = [(await client.threads.create())["thread_id"] for _ in range(CANCELLED)]
    async with asyncio.TaskGroup() as group:
        for thread in threads:
            group.create_task(goes_away_early(address, graph, thread, dice.uniform(0, 0.5)))
    await asyncio.sleep(3)  # the server has the requests, and perhaps no runs of them yet
    return threads, await open_runs(client, threads)


async def test_clients_that_hang_up_before_they_know_of_their_run(address, figure):
    async with get_client(url=address) as client:
        await left_open(client, address, "not_ours")
        before = await held(client)
        _, control = await left_open(client, address, "not_ours")
        threads, ours = await left_open(client, address, "waiting")
        for run in (*control, *ours):
            await client.runs.cancel(run["thread_id"], run["run_id"])
        still = await open_runs(client, threads)
        after = await held(client)
    name = f"{CANCELLED} clients that hang up early"
    figure(f"{name}: runs still open, a graph with nothing of ours", len(control), "")
    # One is what the server itself may lose, whoever made the graph.
    figure(f"{name}: runs still open, ours", len(ours), "", at_most=max(1, len(control)))
    figure(f"{name}: open when those are cancelled", len(still), "", at_most=0)
    open_calls = after["calls_begun"] - after["calls_ended"]
    figure(f"{name}: calls of the model still open then", open_calls, "", at_most=0)
    figure(f"{name}: tasks left then", after["tasks"] - before["tasks"], "", at_most=2)
