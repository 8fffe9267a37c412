"""Draws at once beside the other options: budgets, caches, predictors, time, chains, models."""

import asyncio
import logging
from functools import partial

import cloudpickle
import drawing
import pytest
from drawing import QUESTION, texts
from fakes import REPAIRING, ByIndex, Clock, ScriptedModel, rejecting, reply
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.runnables import RunnableLambda
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import CachePolicy
from meanings import CLOSED, ENDED, RENT, SHUT, Meanings

from langchain_markovscale import (
    Budget,
    Calibration,
    ChatMarkovScale,
    Criterion,
    SemanticKey,
    create_markovscale_graph,
    show,
    with_markovscale,
)

THREAD = {"configurable": {"thread_id": "1"}}
FREE = {"input_tokens": 0, "output_tokens": 0, "unknown": 0}


graph_of = partial(drawing.graph_of, max_rounds=8)


def replies(*tokens):
    return ScriptedModel(script=[reply(str(n), each, 0) for n, each in enumerate(tokens)])


@pytest.mark.parametrize(
    ("budget", "calls"),
    [
        (Budget(rounds=3), 3),
        (Budget(rounds=6), 6),
        (Budget(tokens=100), 4),  # the first four: nothing is known of what they take
        (Budget(tokens=600), 6),
        (Budget(tokens=699), 6),
        (Budget(tokens=10_000), 8),
        (Budget(seconds=3600), 8),
    ],
)
def test_no_more_draws_are_started_than_the_budget_allows(budget, calls, run):
    model = replies(*[100] * 8)
    state = run(graph_of(model, budget=budget), QUESTION)
    assert model.calls == len(state["attempts"]) == calls
    assert state["decision"]["reason"] == ("max_rounds" if calls == 8 else "budget")


def test_usage_adds_up(run):
    state = run(graph_of(replies(1, 20, 300, 4000), max_rounds=4), QUESTION)
    assert state["usage"]["generate"] == {"calls": 4, **FREE, "input_tokens": 4321}
    assert state["messages"][-1].usage_metadata["total_tokens"] == 4321


def test_a_cache_of_answers_has_one_for_each_draw(run):
    model = ScriptedModel(script=list("abcd"))
    options = {"cache": InMemoryCache(), "cache_policy": CachePolicy(), "max_rounds": 4}
    graph = graph_of(model, **options)
    first = run(graph, QUESTION)
    assert sorted(texts(first)) == list("abcd")
    again = run(graph, QUESTION)
    assert model.calls == 4
    assert again["attempts"] == first["attempts"]
    assert again["usage"] == first["usage"]
    # It is the same cache for a loop that draws one after the other.
    alone = run(graph_of(model, **options, draws_at_once=1), QUESTION)
    assert alone["attempts"] == first["attempts"]


def test_the_cache_of_replies_of_a_process_does_not_make_copies(run, llm_cache):
    model = ScriptedModel(script=list("abcd"))
    assert sorted(texts(run(graph_of(model, max_rounds=4), QUESTION))) == list("abcd")


def test_a_draw_that_a_cache_has_given_again_is_no_evidence(run, llm_cache, caplog):
    # A chain goes through the cache of the process, which has the reply to its prompt already.
    chain = RunnableLambda(lambda request: request["question"]) | ScriptedModel(
        script=["4"], repeat=True
    )
    chain.invoke(QUESTION)
    with caplog.at_level(logging.WARNING, logger="langchain_markovscale"):
        state = run(graph_of(chain, answer_key="last_number", max_rounds=4), QUESTION)
    assert [attempt["key"] for attempt in state["attempts"]] == ["4", None, None, None]
    assert [attempt["score"] for attempt in state["attempts"]] == [0.05, None, None, None]
    assert caplog.text.count("A cache gave the same answer again") == 1


def test_keys_are_compared_in_the_order_of_attempts(run):
    key = SemanticKey(Meanings({CLOSED, SHUT, ENDED}), threshold=0.9)
    said = [CLOSED, RENT, SHUT, ENDED]
    options = {"answer_key": key, "verifier": None, "max_rounds": 4}
    state = run(graph_of(ByIndex(said, (3, 2, 1, 0)), **options), QUESTION)
    keys = [attempt["key"] for attempt in state["attempts"]]
    assert keys[0] == keys[2] == keys[3] != keys[1]
    alone = run(graph_of(ByIndex(said), **options, draws_at_once=1), QUESTION)
    assert alone["attempts"] == state["attempts"][: len(alone["attempts"])]


def test_agreement_of_draws_by_meaning_is_seen_before_more_are_made(run):
    options = {"verifier": None, "cost_per_round": 0.02, "draws_at_once": 3}
    said = [CLOSED, SHUT, ENDED, *[RENT] * 5]
    key = SemanticKey(Meanings({CLOSED, SHUT, ENDED}), threshold=0.9)
    by_meaning = ByIndex(said)
    state = run(graph_of(by_meaning, answer_key=key, **options), QUESTION)
    assert sorted(by_meaning.started) == [0, 1, 2]
    assert state["decision"]["reason"] == "gain_below_cost"
    same_words = run(graph_of(ByIndex([CLOSED] * 8), answer_key="text", **options), QUESTION)
    assert state["decision"]["belief"] == same_words["decision"]["belief"]
    by_words = ByIndex(said)
    run(graph_of(by_words, answer_key="text", **options), QUESTION)
    assert len(by_words.started) > 3


def test_class_weights_are_predicted_once_and_weigh_the_first_draws(run):
    calibration = Calibration.from_rates(
        weights=[0.5, 0.5], initial=[0.9, 0.1], repair=[0.5, 0.1], corruption=[0.1, 0.1],
        sensitivity=0.9, specificity=0.9,
    )  # fmt: skip
    asked = []

    def predict(question):
        asked.append(question)
        return [0.25, 0.75]

    options = {"variant": "map", "predictor": predict, "calibration": calibration}
    graph = graph_of(ByIndex("abcd"), **options, max_rounds=4, checkpointer=InMemorySaver())
    state = run(graph, QUESTION, THREAD)
    assert texts(state) == list("abcd")
    assert asked == [QUESTION["question"]]
    assert graph.get_state(THREAD).values["class_weights"] == [0.25, 0.75]


def test_the_time_of_draws_at_once_is_that_of_the_longest(monkeypatch):
    clock = Clock(monkeypatch)

    def draw(request, config):
        clock.now += 10 * (1 + config["metadata"]["markovscale_attempt"])
        return "4"

    budget, one = Budget(seconds=39), {**THREAD, "max_concurrency": 1}
    graph = graph_of(draw, budget=budget, max_rounds=4, checkpointer=InMemorySaver())
    state = graph.invoke(QUESTION, one)
    assert len(state["attempts"]) == 4
    assert graph.get_state(THREAD).values["seconds"]["generate"] == 40


class Noting(Criterion):
    """Notes what it is told of the time that a round takes."""

    def decide(self, attempts, class_weights=None, *, seconds_per_round=None):
        vars(self).setdefault("noted", []).append((len(attempts), seconds_per_round))
        decision = super().decide(attempts, class_weights, seconds_per_round=seconds_per_round)
        if decision["action"] == "generate":
            decision["draws"] = 1 if not attempts else 2
        return decision


def test_the_rule_is_told_how_long_a_round_takes(monkeypatch):
    clock = Clock(monkeypatch)

    def draw(request, config):
        clock.now += [10, 20, 40, 5, 5][config["metadata"]["markovscale_attempt"]]
        return "4"

    criterion = Noting(
        REPAIRING, 0.0, 5, ("generate",), draws_at_once="auto", cost_per_second=1e-6
    ).without_keys()
    graph = create_markovscale_graph(
        generate=draw, verifier=rejecting(), criterion=criterion, checkpointer=InMemorySaver()
    )
    graph.invoke(QUESTION, {**THREAD, "max_concurrency": 1})
    noting = graph.builder.nodes["verify_proxy"].runnable._per_run.own
    # One draw of 10 s; two of which the longer takes 40 s; two of 5 s.
    assert noting.noted == [(0, None), (1, 10.0), (3, 25.0), (5, pytest.approx(55 / 3))]
    state = graph.get_state(THREAD).values
    assert state["round_trips"] == 3
    assert sum(state["seconds"].values()) == 55


def test_time_is_not_measured_where_nothing_depends_on_it():
    graph = graph_of(ByIndex("abcd"), max_rounds=4, checkpointer=InMemorySaver())
    graph.invoke(QUESTION, THREAD)
    assert not {"seconds", "round_trips"} & set(graph.get_state(THREAD).values)


def test_auto_draws_one_where_nothing_is_known_of_time(run):
    draws = ByIndex("abcd")
    state = run(graph_of(draws, draws_at_once="auto", max_rounds=4), QUESTION)
    assert draws.started == [0, 1, 2, 3]
    assert texts(state) == list("abcd")


def test_auto_draws_several_where_waiting_is_dear(stream):
    options = {"draws_at_once": "auto", "cost_per_second": 0.05, "seconds_per_round": 1.0}
    graph = graph_of(
        ByIndex("abcdefgh"), answer_key="text", verifier=None, cost_per_round=0.001, **options
    )
    parts = stream(graph, QUESTION, stream_mode="updates")
    assert sum("draw" in part for part in parts) > 1


def test_a_budget_of_a_run_and_its_rounds_hold(run):
    draws = ByIndex("abcdefgh")
    state = run(graph_of(draws), QUESTION, context={"max_rounds": 2})
    assert texts(state) == ["a", "b"]


def test_a_chat_model_answers_with_the_best_of_draws_at_once(run):
    graph = create_markovscale_graph(
        ScriptedModel(script=["3", "4", "5", "6"]),
        verifier=lambda answer: 0.9 if answer == "4" else 0.1,
        actions=("generate",),
        draws_at_once=4,
        max_rounds=4,
    )
    counted = UsageMetadataCallbackHandler()
    message = run(ChatMarkovScale(graph=graph), "What is 2 + 2?", {"callbacks": [counted]})
    assert message.text == "4"
    assert message.response_metadata["markovscale"]["attempts"] == 4
    assert message.usage_metadata["total_tokens"] == 40


def test_a_chain_is_called_several_times_at_once_with_its_own_input(run):
    seen = []

    def chain(given):
        seen.append(given)
        return "4"

    careful = with_markovscale(chain, verifier=rejecting(), draws_at_once=3, max_rounds=3)
    assert run(careful, {"input": "2 + 2?", "tone": "kind"}) == "4"
    assert seen == [{"input": "2 + 2?", "tone": "kind"}] * 3


def test_a_recursion_limit_that_leaves_no_round_ends_with_what_there_is(run):
    graph = graph_of(ByIndex("abcdefgh"))
    state = run(graph, QUESTION, {"recursion_limit": 5})
    assert texts(state) == list("abcd")
    assert state["decision"]["reason"] == "interrupted"
    assert len(run(graph, QUESTION, {"recursion_limit": 7})["attempts"]) == 8


def test_a_generator_writes_to_the_stream_of_the_run(stream):
    from langgraph.config import get_stream_writer

    def draw(request):
        get_stream_writer()("drawing")
        return "4"

    parts = stream(graph_of(draw, max_rounds=4), QUESTION, stream_mode="custom")
    assert parts.count("drawing") == 4


def test_a_timeout_needs_the_async_methods_and_ends_a_draw_alone():
    async def draw(request, config):
        waits.append(None)
        if len(waits) == 2:
            await asyncio.Event().wait()
        return "4"

    waits = []
    graph = graph_of(draw, max_rounds=3, draws_at_once=3, timeout=0.05)
    with pytest.raises(ValueError, match=r"timeout=0\.05 needs ainvoke"):
        graph.invoke(QUESTION)
    state = asyncio.run(
        graph_of(draw, max_rounds=2, draws_at_once=2, timeout=0.05).ainvoke(QUESTION)
    )
    assert state["attempts"][0]["text"] == "4"


def test_a_graph_of_draws_at_once_travels_to_another_process(run):
    graph = cloudpickle.loads(cloudpickle.dumps(graph_of(lambda request: "4", max_rounds=4)))
    assert texts(run(graph, QUESTION)) == ["4"] * 4


def test_many_runs_at_the_same_time_keep_their_draws_apart():
    graph = graph_of(lambda request: request["question"], max_rounds=4)

    async def runs():
        return await asyncio.gather(*[graph.ainvoke({"question": f"{n}?"}) for n in range(30)])

    assert [texts(state) for state in asyncio.run(runs())] == [[f"{n}?"] * 4 for n in range(30)]


def test_a_run_shows_a_decision_where_one_was_made(run):
    graph = graph_of(ByIndex("abcde"), max_rounds=5, draws_at_once=3)
    shown = show(run(graph, QUESTION), graph)
    assert [decision and decision["attempts"] for decision in shown.decisions] == [
        None, None, 3, None, 5
    ]  # fmt: skip
    assert "2 fresh answers at once: should raise" in " ".join(shown.text.split())
    assert not shown.warnings
