"""What draws at once take: the time of one, and hardly more than the same calls by hand.

The clock on the wall counts, because waiting is what is saved; the fastest of several runs is
taken, because others use the machine too. What a graph adds to calls by hand is work, so that the
ratio to those is held to its limit by the processor time that comes on top of the waiting: a busy
machine would otherwise be measured. The ratio by the clock on the wall stands beside it.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from time import perf_counter, process_time

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver

from langchain_markovscale import FunctionVerifier, create_markovscale_graph

SECONDS = 0.2
RUNS = 7
QUESTION = {"question": "What is 17 * 23?"}


NUMBERS = count()  # no two answers agree, so that no draw is left out


def draw(request):
    time.sleep(SECONDS)
    return AIMessage(f"It is {next(NUMBERS)}.")


async def adraw(request):
    await asyncio.sleep(SECONDS)
    return AIMessage(f"It is {next(NUMBERS)}.")


DRAW = RunnableLambda(draw, adraw)


def loop(draws, at_once, verifier=None, **options):
    return create_markovscale_graph(
        generate=DRAW,
        verifier=verifier,
        answer_key="last_number",
        actions=("generate",),
        cost_per_round=0.0,
        max_rounds=draws,
        draws_at_once=at_once,
        **options,
    )


async def by_hand(draws):
    """Self-consistency as it is written without a graph."""
    await asyncio.gather(*[DRAW.ainvoke(QUESTION) for _ in range(draws)])


def by_hand_in_threads(draws):
    with ThreadPoolExecutor(draws) as threads:
        list(threads.map(DRAW.invoke, [QUESTION] * draws))


def fastest(*kinds, clock=perf_counter):
    """The shortest of several runs of each kind, in turn."""
    taken = [[] for _ in kinds]
    for _ in range(RUNS):
        for kind, times in zip(kinds, taken, strict=True):
            began = clock()
            kind()
            times.append(clock() - began)
    return [min(times) for times in taken]


def asked(graph, draws, config=None):
    state = graph.invoke(QUESTION, config)
    assert len(state["attempts"]) == draws


async def aasked(graph, draws):
    state = await graph.ainvoke(QUESTION)
    assert len(state["attempts"]) == draws


def test_four_draws_take_the_time_of_one(benchmark, figure):
    check = FunctionVerifier(lambda answer: 0.1)
    at_once, alone = loop(4, 4, check), loop(4, 1, check)
    with asyncio.Runner() as runner:
        took, before = benchmark.pedantic(
            lambda: fastest(
                lambda: runner.run(aasked(at_once, 4)), lambda: runner.run(aasked(alone, 4))
            ),
            rounds=1,
        )
    figure("four draws of .2 s at once, async", took, "s", at_most=0.25)
    figure("the same one after the other", before, "s")


def test_four_draws_in_threads_take_the_time_of_one(benchmark, figure):
    graph = loop(4, 4, FunctionVerifier(lambda answer: 0.1))
    [took] = benchmark.pedantic(lambda: fastest(lambda: asked(graph, 4)), rounds=1)
    figure("four draws of .2 s at once, sync", took, "s", at_most=0.25)


def test_self_consistency_of_eight_over_the_same_calls_by_hand(benchmark, figure):
    graph = loop(8, 8)
    with asyncio.Runner() as runner:
        both = (lambda: runner.run(aasked(graph, 8)), lambda: runner.run(by_hand(8)))
        ours, theirs = fastest(*both)
        figure("self-consistency of 8 over asyncio.gather, by the clock", ours / theirs, "×")
        ours, theirs = benchmark.pedantic(lambda: fastest(*both, clock=process_time), rounds=1)
    ratio = (SECONDS + ours) / (SECONDS + theirs)
    figure("self-consistency of 8 over asyncio.gather", ratio, "×", at_most=1.15)


def test_self_consistency_of_eight_in_threads_over_the_same_calls_by_hand(benchmark, figure):
    # LangGraph has four threads more than the machine has processors, unless it is told otherwise.
    graph, config = loop(8, 8), {"max_concurrency": 8}
    ours, theirs = benchmark.pedantic(
        lambda: fastest(lambda: asked(graph, 8, config), lambda: by_hand_in_threads(8)), rounds=1
    )
    figure("self-consistency of 8 over a thread pool, by the clock", ours / theirs, "×")


@pytest.mark.parametrize("draws", [4, 8])
def test_checkpoints_cost_little_time(draws, benchmark, figure):
    graph = loop(draws, draws, checkpointer=InMemorySaver())
    threads = iter(range(RUNS))
    [took] = benchmark.pedantic(
        lambda: fastest(
            lambda: asked(graph, draws, {"configurable": {"thread_id": str(next(threads))}})
        ),
        rounds=1,
    )
    figure(f"{draws} draws of .2 s at once, sync, kept in memory", took, "s")
