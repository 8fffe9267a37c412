"""A budget ends a turn of the agent before the call that goes beyond it; settings of one run."""

import pytest
from fakes import ScriptedModel, accepts, reply
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from scripted_agents import agent_of, asked, texts, told

from langchain_markovscale import JudgeVerifier
from langchain_markovscale.agents import middleware, model_calls

REJECTING = {"verifier": accepts("never"), "cost_per_round": 0.0, "max_rounds": 5}
PRICES = {"usd_per_input_token": 0.01, "usd_per_output_token": 0.1}


@pytest.mark.parametrize(
    ("budget", "attempts"),
    [
        ({"rounds": 2}, 2),
        ({"tokens": 29}, 2),  # each reply takes 10
        ({"tokens": 30}, 3),
        ({"tokens": 9}, 1),
        ({"usd": 0.8, **PRICES}, 2),  # each reply costs 0.37
    ],
)
@pytest.mark.parametrize("per_run", [False, True], ids=["of the agent", "of the run"])
def test_a_budget_ends_the_turn_before_the_call(budget, attempts, per_run, run):
    model = ScriptedModel(script=["391"] * 5)
    agent = agent_of(model, **REJECTING, budget=None if per_run else budget)
    given = {"context": {"budget": budget}} if per_run else {}
    output = run(agent, asked(), **given)
    assert len(model.asked) == attempts
    assert told(output)["attempts"] == attempts
    assert told(output)["reason"] == "budget"
    assert "The budget of" in told(output)["error"]
    assert texts(output) == ["What is 17 * 23?", "391"]


def test_a_budget_counts_the_verifier_and_is_told_to_the_stream(stream):
    judge = ScriptedModel(script=[reply("VERDICT: FAIL", 20, 4)])
    model = ScriptedModel(script=["390"])
    agent = agent_of(model, JudgeVerifier(judge), cost_per_round=0.0, budget={"tokens": 40})
    events = stream(agent, asked(), stream_mode="custom")
    assert [event["type"] for event in events] == ["attempt", "budget", "decision"]
    assert "34 are used" in events[1]["error"]


def test_unknown_usage_ends_a_turn_whose_tokens_are_limited(run):
    model = ScriptedModel(script=[AIMessage("390")])
    output = run(agent_of(model, **REJECTING, budget={"tokens": 10_000}), asked())
    assert told(output)["reason"] == "budget"
    assert "no call to 'generate' reported its tokens" in told(output)["error"]


@pytest.mark.parametrize(("seconds", "replies"), [(7.5, 2), (8.0, 3)])
def test_a_deadline_counts_model_and_verifier(seconds, replies, run, monkeypatch):
    now, verified = [0.0], []
    for module in (middleware, model_calls):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])

    def write(messages):
        now[0] += 2.0
        return "390"

    def verify(answer):
        now[0] += 1.0
        verified.append(answer)
        return 0.05, "no"

    model = ScriptedModel(script=[write] * 5)
    output = run(
        agent_of(model, **{**REJECTING, "verifier": verify}, budget={"seconds": seconds}), asked()
    )
    assert len(model.asked) == replies  # two rounds take six seconds
    assert len(verified) == 2
    assert told(output)["reason"] == "budget"


def test_the_next_question_has_a_budget_of_its_own(run):
    model = ScriptedModel(script=["391"] * 4)
    agent = agent_of(model, **REJECTING, budget={"tokens": 20}, checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    run(agent, asked(), thread)
    assert told(run(agent, asked("What is 2 + 3?"), thread))["attempts"] == 2


def test_a_run_may_have_rounds_of_its_own(run):
    model = ScriptedModel(script=["390"])
    output = run(agent_of(model, **REJECTING), asked(), context={"max_rounds": 1})
    assert told(output)["reason"] == "max_rounds"


@pytest.mark.parametrize("context", [{"max_rounds": 0}, {"budget": {"usd": 1}}, {"max_round": 2}])
def test_bad_settings_are_named_before_anything_is_paid_for(context, run):
    model = ScriptedModel(script=["390"])
    with pytest.raises(ValueError, match=next(iter(context))):
        run(agent_of(model, **REJECTING), asked(), context=context)
    assert not model.asked
