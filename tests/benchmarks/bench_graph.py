"""What the graph adds to a loop that somebody would write by hand.

Both have three nodes, the same state, the same Runnables and the same number of rounds, and neither
waits for anything. The loop by hand counts its rounds; ours decides, books usage, tells the stream
and writes the answer. Processor time is compared, since all of it is work: on a busy machine the
clock on the wall mostly shows who else is there.
"""

import asyncio
from statistics import median
from time import process_time

import pytest
from fakes import stored
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from langchain_markovscale import (
    FunctionVerifier,
    MarkovScaleState,
    create_markovscale_graph,
)
from langchain_markovscale.graph.state import MarkovScaleInput, MarkovScaleOutput
from langchain_markovscale.theory.decision_cache import Cache

ROUNDS = 4


class Constant(Runnable):
    """The cheapest Runnable there is."""

    def __init__(self, value):
        self.value = value

    def invoke(self, input, config=None, **kwargs):
        return self.value

    async def ainvoke(self, input, config=None, **kwargs):
        return self.value


def _lambda(value):
    async def afunc(request):
        return value

    return RunnableLambda(lambda request: value, afunc)


def _chat(value):
    return _lambda("the prompt") | FakeListChatModel(responses=[value]) | (lambda said: said.text)


KINDS = {"bare Runnables": Constant, "RunnableLambdas": _lambda, "chains with a model": _chat}


def rejects(answer):
    """A verifier that is told nothing of the conversation."""
    return 0.1


def reads(answer, messages):
    """One that is given all of it."""
    return 0.1 if messages else None


def parts(kind, check=rejects):
    """A generator, a reviser and a verifier."""
    return KINDS[kind]("12"), KINDS[kind]("13"), FunctionVerifier(check)


def loop(generate, revise, verifier):
    """Ours; free rounds and a verifier that rejects let it use all of them."""
    return create_markovscale_graph(
        generate=generate,
        revise=revise,
        verifier=verifier,
        actions=("revise",),
        cost_per_round=0.0,
        max_rounds=ROUNDS,
    )


def _attempt(text, parent):
    action = "generate" if parent is None else "revise"
    return {
        "text": text, "key": None, "score": None, "action": action, "parent": parent,
        "feedback": None, "tokens": None,
    }  # fmt: skip


def _to_draw(state):
    return {"question": state["messages"][-1].text, "messages": state["messages"]}


def _to_verify(state):
    answer = state["attempts"][-1]["text"]
    return {**_to_draw(state), "answer": answer, "key": None}


def _to_revise(state):
    latest = state["attempts"][-1]
    return {**_to_draw(state), "answer": latest["text"], "feedback": latest["feedback"]}


def _added(state, text):
    attempts = state.get("attempts", [])
    return {"attempts": [*attempts, _attempt(text, len(attempts) - 1 if attempts else None)]}


def _scored(state, verdict):
    *before, latest = state["attempts"]
    scored = {**latest, "score": verdict["score"], "feedback": verdict["feedback"]}
    return {"attempts": [*before, scored]}


def by_hand(draw, rework, verifier, *, native_async):
    """The loop as it is written today, with `max_iterations`."""
    if native_async:

        async def generate(state):
            return _added(state, await draw.ainvoke(_to_draw(state)))

        async def verify_proxy(state):
            return _scored(state, await verifier.ainvoke(_to_verify(state)))

        async def revise(state):
            return _added(state, await rework.ainvoke(_to_revise(state)))

        async def again(state):
            return "stop" if len(state["attempts"]) >= ROUNDS else "revise"

    else:

        def generate(state):
            return _added(state, draw.invoke(_to_draw(state)))

        def verify_proxy(state):
            return _scored(state, verifier.invoke(_to_verify(state)))

        def revise(state):
            return _added(state, rework.invoke(_to_revise(state)))

        def again(state):
            return "stop" if len(state["attempts"]) >= ROUNDS else "revise"

    builder = StateGraph(
        MarkovScaleState, input_schema=MarkovScaleInput, output_schema=MarkovScaleOutput
    )
    for node in (generate, verify_proxy, revise):
        builder.add_node(node)
    builder.add_edge(START, "generate")
    builder.add_edge("generate", "verify_proxy")
    builder.add_edge("revise", "verify_proxy")
    builder.add_conditional_edges("verify_proxy", again, {"stop": END, "revise": "revise"})
    return builder.compile()


ALONE = [HumanMessage("?", id="1")]
TURNS = [HumanMessage("What is 6 + 6?", id="q"), AIMessage("It is 12.", id="a")]
CONVERSATION = [
    *(turn.model_copy(update={"id": f"{turn.id}{n}"}) for n in range(10) for turn in TURNS),
    *ALONE,
]


def timed(graph, messages=ALONE):
    began = process_time()
    state = graph.invoke({"messages": messages})
    took = process_time() - began
    assert len(state["attempts"]) == ROUNDS
    return took


async def atimed(graph):
    given = {"messages": [HumanMessage("?", id="1")]}
    began = process_time()
    state = await graph.ainvoke(given)
    took = process_time() - began
    assert len(state["attempts"]) == ROUNDS
    return took


def ratio(benchmark, take, ours, theirs):
    """Median of ours over median of theirs, taken in turn so that both see the same machine."""
    took = {"ours": [], "theirs": []}
    benchmark.pedantic(
        lambda: took["ours"].append(take(ours)),
        setup=lambda: took["theirs"].append(take(theirs)),
        rounds=200,
        warmup_rounds=20,
    )
    return median(took["ours"]) / median(took["theirs"])


@pytest.mark.parametrize("kind", KINDS)
def test_sync_overhead_over_a_loop_by_hand(kind, benchmark, figure):
    made = parts(kind)
    times = ratio(benchmark, timed, loop(*made), by_hand(*made, native_async=False))
    figure(f"graph over a loop by hand, sync, {kind}", times, "×", at_most=1.35)


@pytest.mark.parametrize("kind", KINDS)
def test_async_overhead_over_a_loop_by_hand(kind, benchmark, figure):
    made = parts(kind)
    with asyncio.Runner() as runner:
        times = ratio(
            benchmark,
            lambda graph: runner.run(atimed(graph)),
            loop(*made),
            by_hand(*made, native_async=True),
        )
    figure(f"graph over a loop by hand, async, {kind}", times, "×", at_most=1.35)


@pytest.mark.parametrize("kind", KINDS)
def test_overhead_with_a_conversation_that_the_verifier_is_given(kind, benchmark, figure):
    made = parts(kind, reads)
    ours, theirs = loop(*made), by_hand(*made, native_async=False)
    times = ratio(benchmark, lambda graph: timed(graph, CONVERSATION), ours, theirs)
    figure(f"graph over a loop by hand, 21 messages, {kind}", times, "×", at_most=1.35)


def kept_of_200_questions(check):
    saver = InMemorySaver()
    generate, revise, verifier = parts("bare Runnables", check)
    graph = loop(generate, revise, verifier)
    graph.checkpointer = saver
    for number in range(200):
        asked = HumanMessage(f"What is {number} + 6?", id=str(number))
        graph.invoke({"messages": [asked]}, {"configurable": {"thread_id": "1"}})
    return sum(map(len, stored((saver.storage, saver.blobs, saver.writes))))


def test_checkpoints_of_200_questions_on_a_thread(benchmark, figure):
    growth = benchmark.pedantic(
        lambda: kept_of_200_questions(reads) / kept_of_200_questions(rejects), rounds=1
    )
    figure(
        "checkpoints of 200 questions, with the conversation to verify", growth, "×", at_most=1.001
    )


def test_overhead_where_no_decision_has_been_made_before(benchmark, figure, monkeypatch):
    """The same without a cache of decisions: each is computed. A figure without a limit."""
    made = parts("RunnableLambdas")
    ours = loop(*made)
    criterion = ours.nodes["verify_proxy"].bound._per_run.own
    monkeypatch.setattr(criterion, "_decisions", Cache(0))
    times = ratio(benchmark, timed, ours, by_hand(*made, native_async=False))
    figure("graph over a loop by hand, sync, every decision new", times, "×")
