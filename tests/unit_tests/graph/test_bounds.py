"""What a client sets is checked before anything is paid, and an answer that is there comes back."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Annotated

import pytest
from fakes import REPAIRING, ScriptedModel, always, rejecting, reply
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from langchain_markovscale import (
    Calibration,
    Criterion,
    MarkovScaleRouter,
    create_markovscale_graph,
    generate_node,
)
from langchain_markovscale.graph.budget import checked_budget

QUESTION = {"question": "?"}
THREAD = {"configurable": {"thread_id": "1"}}
PURPOSES = ("generate", "revise", "verify")
PRICES = {"usd_per_input_token": 0.01, "usd_per_output_token": 0.1}


def graph_of(model, **options):
    options = {"cost_per_round": 0.0, "max_rounds": 4, "calibration": REPAIRING} | options
    return create_markovscale_graph(model, **{"verifier": rejecting()} | options)


@pytest.mark.parametrize("rounds", [65, 200, 100_000, 1e9, float("inf"), [3], None, True])
def test_rounds_beyond_the_bound_are_refused_before_anything_is_paid(rounds, run):
    model = ScriptedModel(script=["never"])
    with pytest.raises(ValueError, match="max_rounds"):
        run(graph_of(model), QUESTION, context={"max_rounds": rounds})
    assert not model.asked


def test_the_bound_is_the_graphs_own_rounds_where_those_are_more(run):
    graph = graph_of(always("wrong"), max_rounds=70, actions=("revise",), verifier=lambda a: 0.95)
    assert run(graph, QUESTION, context={"max_rounds": 70})["answer"] == "wrong"
    with pytest.raises(ValueError, match="at most 70"):
        run(graph, QUESTION, context={"max_rounds": 71})


def test_a_router_of_a_users_graph_has_the_bound_too():
    class State(TypedDict):
        drafts: list[str]

    builder = StateGraph(State, context_schema=dict)
    builder.add_node("write", lambda state: {"drafts": [*state.get("drafts", ()), "draft"]})
    builder.add_edge(START, "write")
    router = MarkovScaleRouter(answers_key="drafts")
    builder.add_conditional_edges("write", router, {"revise": "write", "stop": "__end__"})
    with pytest.raises(ValueError, match="max_rounds must be at most 64"):
        builder.compile().invoke({"drafts": []}, context={"max_rounds": 200})


@pytest.mark.parametrize(
    "budget",
    [
        {"tokens": "15"},
        {"tokens": [15]},
        {"tokens": 15.0},
        {"tokens": "many"},
        {"rounds": "3"},
        {"rounds": [2]},
        {"seconds": "5"},
        {"seconds": [5]},
        {"usd": "1", **PRICES},
        {"usd": 1, "usd_per_input_token": "0.01", "usd_per_output_token": 0.1},
        {"usd": 1, "usd_per_input_token": [0.01], "usd_per_output_token": 0.1},
        {"usd": 1, "usd_per_input_token": {"generate": "1"}, "usd_per_output_token": 0.1},
        {1: 2},
        "15",
    ],
)
def test_a_budget_of_another_type_is_refused_at_once_or_kept(budget, run):
    model = always("wrong")
    try:
        checked_budget(budget)
    except ValueError:
        with pytest.raises(ValueError, match="budget"):
            run(graph_of(model), QUESTION, context={"budget": budget})
        assert not model.asked
    else:
        state = run(graph_of(model), QUESTION, context={"budget": budget})
        assert state["answer"] == "wrong"
        assert state["decision"]["reason"] in ("budget", "max_rounds")


@pytest.mark.parametrize(
    "budget",
    [
        {"rounds": True},
        {"tokens": True},
        {"seconds": True},
        {"usd": True, **PRICES},
        {"usd": 1, **PRICES, "usd_per_input_token": False},
        {"usd": 1, **PRICES, "usd_per_input_token": dict.fromkeys(PURPOSES, True)},
    ],
)
def test_true_and_false_are_no_amounts(budget, run):
    model = always("never")
    with pytest.raises(ValueError, match=r"^budget\[.*must be a number"):
        run(graph_of(model), QUESTION, context={"budget": budget})
    assert not model.asked


def test_the_checked_budget_is_plain_numbers():
    import numpy as np

    budget = checked_budget({"tokens": np.int64(7), "usd": np.float64(1), **PRICES})
    assert [type(value) for value in budget.values()] == [int, float, float, float]


@pytest.mark.parametrize("tokens", [-1_000_000, 10**12])
def test_usage_that_no_call_can_have_is_unknown(tokens, run):
    model = always(reply("wrong", read=tokens))
    state = run(graph_of(model), QUESTION, context={"budget": {"tokens": 1000}})
    assert state["usage"]["generate"] == {
        "calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 1
    }  # fmt: skip
    assert state["decision"]["reason"] == "budget"
    assert model.calls == 1


@pytest.mark.parametrize(
    "context",
    [
        {"markovscale": {"max_rounds": 2}, "budget": "as much as it takes", "max_rounds": "all"},
        SimpleNamespace(markovscale={"max_rounds": 2}, budget="as much as it takes"),
        SimpleNamespace(markovscale=None, max_rounds=2),
        {"max_rounds": 2},
    ],
)
def test_settings_given_together_are_not_mixed_with_a_parents_own(context, run):
    state = run(graph_of(always("wrong")), QUESTION, context=context)
    assert len(state["attempts"]) == 2


@pytest.mark.parametrize(
    ("together", "told"),
    [
        ({"max_round": 2}, "no setting 'max_round'"),
        (2, "must be a dictionary"),
        ({"budget": 3}, "budget must be"),
    ],
)
def test_settings_given_together_are_checked(together, told, run):
    model = ScriptedModel(script=["never"])
    with pytest.raises(ValueError, match=told):
        run(graph_of(model), QUESTION, context={"markovscale": together})
    assert not model.asked


@pytest.mark.parametrize("timeout", [-1, 0, "5", float("nan"), timedelta(seconds=-1), 10**400])
def test_a_timeout_that_is_no_time_is_refused_when_the_graph_is_made(timeout):
    with pytest.raises(ValueError, match=r"^timeout must be"):
        graph_of(always("wrong"), timeout=timeout)
    with pytest.raises(ValueError, match=r"^timeout must be"):
        generate_node(always("wrong"), timeout=timeout)


def test_weights_for_other_classes_are_refused_before_anything_is_paid(run):
    model = ScriptedModel(script=["never"])
    of_three = {"variant": "gate", "predictor": lambda question: [0.2, 0.3, 0.5]}
    two = Calibration.from_rates(initial=(0.3, 0.6), repair=0.3, corruption=0.1)
    with pytest.raises(ValueError, match="one share for each of the 2 classes, got 3"):
        run(graph_of(model, calibration=two, **of_three), QUESTION)
    assert not model.asked


class Failing(Criterion):
    """A criterion that decides a number of times, and then no more."""

    left = 0

    def decide(self, attempts, class_weights=None):
        self.left -= 1
        if self.left < 0:
            raise MemoryError("no room for the table")
        return super().decide(attempts, class_weights)


@pytest.mark.parametrize("decisions", [0, 1, 2])
def test_an_answer_comes_back_where_the_criterion_itself_fails(decisions, run):
    criterion = Failing(REPAIRING, cost_per_round=0.0, max_rounds=4, actions=("revise",))
    criterion.left = decisions
    scores = iter([0.3, 0.2, 0.1])
    model = ScriptedModel(script=["first", "second", "third"])
    graph = create_markovscale_graph(model, verifier=lambda a: next(scores), criterion=criterion)
    state = run(graph, QUESTION)
    assert len(state["attempts"]) == decisions + 1
    assert state["answer"] in ("first", "second", "third")
    assert state["decision"]["reason"] == "error"
    assert state["error"] == "MemoryError: no room for the table"


@pytest.mark.parametrize("limit", range(3, 14))
def test_a_recursion_limit_ends_with_the_best_answer(limit, run, caplog):
    state = run(graph_of(always("wrong"), max_rounds=9), QUESTION, {"recursion_limit": limit})
    assert state["answer"] == "wrong"
    assert state["decision"]["reason"] == "interrupted"
    assert len(state["attempts"]) == (limit - 1) // 2
    assert "recursion_limit" in state["error"]


def test_the_recursion_limit_of_a_parent_ends_with_the_best_answer(run):
    class Parent(TypedDict):
        messages: Annotated[list, add_messages]

    builder = StateGraph(Parent)
    builder.add_node("loop", graph_of(always("wrong"), max_rounds=40))
    builder.add_edge(START, "loop")
    asked = {"messages": [("user", "?")]}
    state = run(builder.compile(), asked, {"recursion_limit": 25})
    assert state["messages"][-1].text == "wrong"


@pytest.mark.parametrize(("before", "after"), [("revise", "generate"), ("generate", "revise")])
def test_a_kept_decision_that_is_not_allowed_any_more_is_made_anew(before, after, run):
    saver, model = InMemorySaver(), ScriptedModel(script=["one", "two", "three", "four"])
    verifier = rejecting()
    first = graph_of(model, verifier=verifier, actions=(before,), checkpointer=saver)
    second = graph_of(model, verifier=verifier, actions=(after,), checkpointer=saver)
    run(first, QUESTION, THREAD, interrupt_after=["verify_proxy"])
    state = run(second, QUESTION, THREAD)
    assert state["answer"] is not None
    assert [attempt["action"] for attempt in state["attempts"]] == ["generate"] + [after] * 3
    assert model.calls == 4
