"""What a CachePolicy spares, and what it must not remember."""

import pytest
from fakes import REPAIRING, ScriptedModel, accepts, reply
from langchain_core.messages import HumanMessage
from langgraph.cache.memory import InMemoryCache
from langgraph.types import CachePolicy

from langchain_markovscale import create_markovscale_graph
from langchain_markovscale.graph.cache import writer_cache_policy

QUESTION = {"question": "What is 2 + 2?"}


def cached(model, cache, verifier=None, **options):
    return create_markovscale_graph(
        model,
        verifier=verifier or accepts("four"),
        **{"calibration": REPAIRING, "actions": ("revise",), "cost_per_round": 0.1} | options,
        cache_policy=CachePolicy(),
        cache=cache,
    )


def test_an_answer_is_asked_for_once_and_booked_as_when_it_was(run):
    model = ScriptedModel(script=[reply("five"), reply("four")])
    graph = cached(model, InMemoryCache())
    first, *others = [run(graph, QUESTION) for _ in range(4)]
    assert model.calls == 2
    for state in others:
        assert state["answer"] == "four"
        assert state["usage"] == first["usage"]
        assert state["attempts"] == first["attempts"]


@pytest.mark.parametrize("action", ["revise", "generate"])
def test_a_conversation_that_is_had_again_ends(run, action):
    model = ScriptedModel(script=[reply("five"), reply("six"), reply("seven")])
    graph = cached(model, InMemoryCache(), actions=(action,), cost_per_round=0.001, max_rounds=3)
    texts = [
        [attempt["text"] for attempt in run(graph, given)["attempts"]]
        for given in [{"messages": [HumanMessage("What is 2 + 2?")]} for _ in range(3)]
    ]
    assert texts == [["five", "six", "seven"]] * 3
    assert model.calls == 3


def test_another_question_and_another_attempt_are_asked_for(run):
    model = ScriptedModel(script=["five", "four", "six", "four"])
    graph = cached(model, InMemoryCache())
    run(graph, QUESTION)
    run(graph, {"question": "And 1 + 3?"})
    assert model.calls == 4


def test_draws_of_one_run_differ(run):
    model = ScriptedModel(script=["five", "six", "four"])
    graph = cached(model, InMemoryCache(), actions=("generate",))
    for _ in range(3):
        assert [attempt["text"] for attempt in run(graph, QUESTION)["attempts"]] == [
            "five", "six", "four"
        ]  # fmt: skip
    assert model.calls == 3


def test_settings_of_one_run_do_not_decide_for_the_next(run):
    model = ScriptedModel(script=["five", "four"])
    graph = cached(model, InMemoryCache())
    for _ in range(3):
        short = run(graph, QUESTION, context={"max_rounds": 1})
        assert short["decision"]["reason"] == "max_rounds"
        assert len(short["attempts"]) == 1
        assert run(graph, QUESTION)["answer"] == "four"


@pytest.mark.parametrize("limit", ["error", "budget"])
def test_what_ended_one_run_does_not_end_the_next(limit, run):
    broken = [ConnectionError("dead")] * 2 if limit == "error" else []
    model = ScriptedModel(script=["five", *broken, "four"])
    graph = cached(model, InMemoryCache())
    context = {"budget": {"rounds": 1}} if limit == "budget" else {}
    for _ in range(2):
        assert run(graph, QUESTION, context=context)["decision"]["reason"] == limit
    for _ in range(2):
        assert run(graph, QUESTION)["answer"] == "four"


def test_graphs_that_share_a_cache_keep_their_answers_apart(run):
    cache = InMemoryCache()
    first, second = ScriptedModel(script=["four"]), ScriptedModel(script=["vier"])
    for model, text in ((first, "four"), (second, "vier")):
        graph = cached(model, cache, accepts("four", "vier"), name=f"of {text}")
        assert [run(graph, QUESTION)["answer"] for _ in range(2)] == [text] * 2


@pytest.mark.parametrize("kind", [str, str.encode])
def test_a_key_of_ones_own_decides_what_is_the_same(kind, run):
    model = ScriptedModel(script=["four", "four"])
    graph = create_markovscale_graph(
        model,
        verifier=accepts("four"),
        cache_policy=CachePolicy(key_func=lambda state: kind("one for all")),
        cache=InMemoryCache(),
        max_rounds=1,
    )
    run(graph, QUESTION)
    assert run(graph, {"question": "And 1 + 3?"})["answer"] == "four"
    assert model.calls == 1
    graph.cache.clear()
    run(graph, QUESTION)
    assert model.calls == 2


def test_a_key_tells_what_an_author_sees_and_not_the_ids_of_messages():
    key = writer_cache_policy(CachePolicy(), "solver").key_func
    made = {"text": "five", "key": None, "score": 0.1, "feedback": None, "tokens": None}
    attempts = [
        {**made, "action": "generate", "parent": None},
        {**made, "action": "generate", "parent": None},
    ]
    decision = {"action": "revise", "best": 0, "parent": 0, "attempts": 2}

    def state(id="1", text="2 + 2?", parent=0, **more):
        run = {"question": text, "message_id": id}
        messages = [HumanMessage(text, id=id)]
        values = {"run": run, "messages": messages, "attempts": attempts}
        return {**values, "decision": {**decision, "parent": parent}, **more}

    assert key(state()) == key(state(id="2"))
    others = [
        state(text="3 + 3?"),
        state(parent=1),
        state(attempts=attempts[:1]),
        state(contexts=[{"documents": ["a"]}]),
    ]
    assert len({key(state()), *map(key, others)}) == 5
