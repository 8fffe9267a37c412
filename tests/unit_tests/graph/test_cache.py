"""What a CachePolicy spares, and what it must not remember."""

import logging
from dataclasses import dataclass

import pytest
from fakes import REPAIRING, ScriptedModel, accepts, reply
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.runtime import get_runtime
from langgraph.types import CachePolicy
from pydantic import SecretStr

from langchain_markovscale import JudgeVerifier, create_markovscale_graph, with_markovscale

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


def test_a_key_tells_what_a_writer_sees_and_not_the_ids_of_messages(run):
    model = ScriptedModel(script=["four"] * 5)
    graph = cached(model, InMemoryCache())

    def asked(*before, id):
        run(graph, {"messages": [*before, HumanMessage("And 2 + 2?", id=id)]})
        return model.calls

    assert asked(id="1") == asked(id="2") == 1
    assert asked(AIMessage("Hi"), id="3") == asked(AIMessage("Hi", id="a"), id="4") == 2
    assert asked(HumanMessage("Hi", name="ann"), id="5") == 3
    assert asked(HumanMessage("Hi", name="bob"), id="6") == 4
    looked = {"name": "look", "args": {"at": 1}, "id": "c"}
    assert (
        asked(AIMessage("Hi", tool_calls=[looked]), ToolMessage("1", tool_call_id="c"), id="7") == 5
    )


def test_a_question_asked_in_turn_by_messages_and_by_question_ends(run):
    model = ScriptedModel(script=[reply("five"), reply("four")])
    graph = cached(model, InMemoryCache())
    given = [QUESTION, {"messages": [HumanMessage("What is 2 + 2?")]}] * 2
    states = [run(graph, each) for each in given]
    assert [state["answer"] for state in states] == ["four"] * 4
    assert [len(state["attempts"]) for state in states] == [2] * 4
    assert model.calls == 2


def test_what_is_cached_holds_nothing_of_the_run(run):
    cache = InMemoryCache()
    checks = iter([reply("VERDICT: FAIL", 100, 1), reply("VERDICT: PASS", 100, 1)] * 2)
    judge = ScriptedModel(script=[lambda messages: next(checks)], repeat=True)
    graph = cached(
        ScriptedModel(script=[reply("five"), reply("four")]),
        cache,
        JudgeVerifier(judge),
        checkpointer=InMemorySaver(),
    )
    states = []
    for thread in ("secret thread 1", "secret thread 2"):
        asked = {"messages": [HumanMessage("What is 2 + 2?", id=f"id on {thread}")]}
        states.append(run(graph, asked, {"configurable": {"thread_id": thread}}))
    kept = [value for part in cache._cache.values() for _, value, _ in part.values()]
    assert len(kept) == 2
    assert not any(word in value for value in kept for word in (b"thread", b"verify", b"2 + 2"))
    first, second = states
    assert second["usage"] == first["usage"]
    assert second["messages"][0].id == "id on secret thread 2"
    assert len(second["messages"]) == 2


TENANTS = [
    lambda number: {"configurable": {"user_id": number}},
    lambda number: {"configurable": {"key": SecretStr(f"secret {number}")}},
    lambda number: {"configurable": {"key": {("of", number): [number]}}},
    lambda number: {"configurable": {"user": Tenant(number)}},
    lambda number: {"configurable": {"thread_id": str(number)}},
    lambda number: {"metadata": {"user_id": number}},
    lambda number: {"configurable": {"stranger": Stranger(number)}},
]


NAMES = {"user_id", "key", "user", "thread_id", "stranger"}


@dataclass
class Tenant:
    number: int


class Stranger:
    """Nothing but its place in memory tells it from another."""

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return "a stranger"


@pytest.mark.parametrize("tenant", TENANTS)
def test_no_tenant_gets_the_answer_of_another(run, tenant, caplog):
    def balance(request, config: RunnableConfig):
        asked.append(1)
        given = {**config["metadata"], **config["configurable"]}
        (value,) = (value for name, value in given.items() if name in NAMES)
        secret = value.get_secret_value() if isinstance(value, SecretStr) else value
        return f"{secret} {getattr(secret, 'number', '')}"

    asked, cache = [], InMemoryCache()
    graph = create_markovscale_graph(
        generate=RunnableLambda(balance), verifier=lambda answer: 0.99, max_rounds=1,
        actions=("generate",), cache=cache, cache_policy=CachePolicy(),
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        answers = [run(graph, QUESTION, tenant(number))["answer"] for number in (1, 2, 1, 2)]
    assert answers[0] == answers[2] != answers[1] == answers[3]
    refused = tenant is TENANTS[-1]
    assert len(asked) == (4 if refused else 2)
    warnings = [each.message for each in caplog.records if "does not cache" in each.message]
    assert len(warnings) == refused
    assert not refused or "Stranger has no value by which" in warnings[0]
    assert "secret" not in str(cache._cache.keys()) + str([*map(list, cache._cache.values())])


def test_no_context_gets_the_answer_of_another(run):
    def greeting(request):
        return f"Hello {get_runtime().context['user']}"

    graph = create_markovscale_graph(
        generate=greeting, verifier=lambda answer: 0.99, actions=("generate",), max_rounds=1,
        cache=InMemoryCache(), cache_policy=CachePolicy(),
    )  # fmt: skip
    for user in ("ann", "bob") * 2:
        state = run(graph, QUESTION, context={"user": user, "max_rounds": 1})
        assert state["answer"] == f"Hello {user}"


def test_a_chains_own_input_is_part_of_the_key(run):
    asked = []

    def chain(given):
        asked.append(given)
        return f"{given['account']} has {len(asked)}"

    careful = with_markovscale(
        chain, verifier=lambda answer: 0.99, max_rounds=1,
        cache=InMemoryCache(), cache_policy=CachePolicy(),
    )  # fmt: skip
    given = [{"question": "My balance?", "account": name} for name in ("ann", "bob")] * 2
    answers = [run(careful, each) for each in given]
    assert answers == ["ann has 1", "bob has 2"] * 2


def test_a_key_function_or_a_cache_that_fails_ends_no_run(run, caplog):
    class Broken(InMemoryCache):
        def get(self, keys):
            raise ConnectionError("gone")

        set = get

    for cache, options in (
        (Broken(), {}),
        (InMemoryCache(), {"key_func": lambda state: state["nothing"]}),
    ):
        caplog.clear()
        model = ScriptedModel(script=["five", "four"])
        graph = create_markovscale_graph(
            model, verifier=accepts("four"), calibration=REPAIRING, actions=("revise",),
            cost_per_round=0.1, cache=cache, cache_policy=CachePolicy(**options),
        )  # fmt: skip
        assert run(graph, QUESTION)["answer"] == "four"
        assert model.calls == 2
        assert len([each for each in caplog.records if "does not cache" in each.message]) == 1


def test_draws_of_a_key_of_ones_own_differ(run):
    model = ScriptedModel(script=["five", "six", "four"])
    graph = create_markovscale_graph(
        model, verifier=accepts("four"), calibration=REPAIRING, actions=("generate",),
        cost_per_round=0.001, cache=InMemoryCache(),
        cache_policy=CachePolicy(key_func=lambda state: str(state.get("question"))),
    )  # fmt: skip
    for _ in range(2):
        texts = [attempt["text"] for attempt in run(graph, QUESTION)["attempts"]]
        assert texts == ["five", "six", "four"]
    assert model.calls == 3
