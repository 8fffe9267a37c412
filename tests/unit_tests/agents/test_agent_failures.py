"""What fails, and what ends an agent early, leaves the best answer so far."""

import logging

import pytest
from fakes import SURE, ScriptedModel, accepts, reply
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ModelCallLimitMiddleware,
    ModelRetryMiddleware,
    TodoListMiddleware,
    ToolCallLimitMiddleware,
)
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from scripted_agents import agent_of, asked, multiply, texts, told

from langchain_markovscale import EmptyReplyError, MarkovScaleMiddleware


def test_failing_verifier_leaves_the_best_answer(run, caplog):
    def verify(answer):
        if answer == "391":
            raise ConnectionError("gone")
        return 0.05, "wrong"

    model = ScriptedModel(script=["390", "391"])
    with caplog.at_level(logging.WARNING):
        output = run(agent_of(model, verify), asked())
    assert told(output)["reason"] == "error"
    assert told(output)["attempts"] == 2
    assert told(output)["error"] == "ConnectionError: gone"
    assert "The verifier failed" in caplog.text


@pytest.mark.parametrize("action", ["revise", "generate"])
def test_failing_model_leaves_the_best_answer(run, caplog, action):
    model = ScriptedModel(script=["390", ConnectionError("gone")])
    with caplog.at_level(logging.WARNING):
        output = run(agent_of(model, accepts("391"), actions=(action,)), asked())
    assert texts(output) == ["What is 17 * 23?", "390"]
    assert told(output)["reason"] == "error"
    assert told(output)["error"] == "ConnectionError: gone"
    assert "The model failed" in caplog.text


def test_error_before_the_first_answer_rises(run):
    agent = agent_of(ScriptedModel(script=[ConnectionError("gone")]), accepts("391"))
    with pytest.raises(ConnectionError, match="gone"):
        run(agent, asked())


def test_model_that_fails_on_a_thread_leaves_the_next_question_alone(run):
    model = ScriptedModel(script=["390", ConnectionError("gone"), "5"])
    agent = agent_of(model, accepts("5"), checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    run(agent, asked(), thread)
    output = run(agent, asked("What is 2 + 3?"), thread)
    assert texts(output) == ["What is 17 * 23?", "390", "What is 2 + 3?", "5"]
    assert told(output)["error"] is None


def ended_by_a_limit(model, limit, tools=()):
    """The agent of a question that another middleware ends early."""
    ours = MarkovScaleMiddleware(
        verifier=accepts("391"), calibration=SURE, cost_per_round=0.1, actions=("revise",)
    )
    return create_agent(model, list(tools), middleware=[ours, limit])


def test_best_answer_is_returned_when_a_limit_of_model_calls_ends_the_agent(run, caplog):
    model = ScriptedModel(script=["389", "390", "391"])
    output = run(ended_by_a_limit(model, ModelCallLimitMiddleware(run_limit=2)), asked())
    assert len(model.asked) == 2
    assert [type(message) for message in output["messages"]] == [HumanMessage, AIMessage]
    assert told(output)["reason"] == "interrupted"
    assert told(output)["attempts"] == 2
    assert "limits exceeded" in told(output)["error"]
    assert "limits exceeded" in caplog.text
    assert [usage["calls"] for usage in told(output)["usage"].values()] == [1, 2, 1]


def test_best_answer_is_returned_when_a_limit_of_tool_calls_ends_the_agent(run):
    first, second = reply("", multiply={"a": 17, "b": 32}), reply("", multiply={"a": 17, "b": 23})
    second.tool_calls[0]["id"] = "second"
    model = ScriptedModel(script=[first, "544", second])
    limit = ToolCallLimitMiddleware(run_limit=1, exit_behavior="end")
    output = run(ended_by_a_limit(model, limit, [multiply]), asked())
    assert texts(output) == ["What is 17 * 23?", "", "544", "544"]
    assert told(output)["reason"] == "interrupted"
    assert told(output)["usage"]["revise"]["calls"] == 1  # the call of the tool that was not run


def test_best_answer_is_returned_when_a_tool_ends_the_agent(run):
    @tool(return_direct=True)
    def finish() -> str:
        """Finish."""
        return "finished"

    model = ScriptedModel(script=["390", reply("", finish={})])
    output = run(agent_of(model, accepts("391"), [finish]), asked())
    assert texts(output) == ["What is 17 * 23?", "390"]
    assert told(output)["reason"] == "interrupted"


def test_a_turn_that_ended_well_is_left_alone_by_a_limit_on_the_next(run):
    ours = MarkovScaleMiddleware(verifier=accepts("391"), calibration=SURE, cost_per_round=0.1)
    limit = ModelCallLimitMiddleware(thread_limit=1)
    agent = create_agent(
        ScriptedModel(script=["391"]), middleware=[ours, limit], checkpointer=InMemorySaver()
    )
    thread = {"configurable": {"thread_id": "1"}}
    run(agent, asked(), thread)
    output = run(agent, asked("What is 2 + 3?"), thread)
    assert texts(output)[:3] == ["What is 17 * 23?", "391", "What is 2 + 3?"]
    assert "limits exceeded" in texts(output)[3]


@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_reply_is_a_failure_and_never_the_answer(run, empty):
    model = ScriptedModel(script=["390", reply(empty, read=11, written=1)])
    output = run(agent_of(model, accepts("391")), asked())
    assert texts(output) == ["What is 17 * 23?", "390"]
    assert told(output)["reason"] == "error"
    assert told(output)["error"] == "EmptyReplyError: The model replied without text."
    assert told(output)["usage"]["revise"] == {
        "calls": 1, "input_tokens": 11, "output_tokens": 1, "unknown": 0
    }  # fmt: skip


def test_an_empty_first_reply_is_one_clear_error(run):
    with pytest.raises(EmptyReplyError, match="without text"):
        run(agent_of(ScriptedModel(script=[""]), accepts("391")), asked())


def test_a_failed_model_call_is_in_the_books(run):
    call = reply("", read=5, written=2, multiply={"a": 17, "b": 23})
    model = ScriptedModel(script=["390", call, ConnectionError("gone")])
    output = run(agent_of(model, accepts("391"), [multiply]), asked())
    assert told(output)["usage"]["revise"] == {
        "calls": 2, "input_tokens": 5, "output_tokens": 2, "unknown": 1
    }  # fmt: skip


def key_that_fails_on(text):
    def key(answer):
        if answer == text:
            raise LookupError("no key")
        return answer

    return key


def test_a_key_that_fails_leaves_the_best_answer(run):
    model = ScriptedModel(script=["389", "390"])
    agent = agent_of(model, accepts("391"), answer_key=key_that_fails_on("390"))
    output = run(agent, asked())
    assert texts(output) == ["What is 17 * 23?", "389"]
    assert told(output)["error"] == "LookupError: no key"
    assert told(output)["usage"]["revise"]["calls"] == 1


def test_a_key_that_fails_on_the_first_answer_is_one_clear_error(run):
    agent = agent_of(
        ScriptedModel(script=["389"]), accepts("391"), answer_key=key_that_fails_on("389")
    )
    with pytest.raises(LookupError, match="no key"):
        run(agent, asked())


def test_a_model_is_asked_again_as_the_policy_says_and_then_the_best_answer_is_left(run):
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.0, on_failure="error")
    gone = ConnectionError("gone")
    model = ScriptedModel(script=[gone, "389", gone, "390", gone, gone])
    output = run(ended_by_a_limit(model, retry), asked())
    assert len(model.asked) == 6
    assert told(output)["attempts"] == 2
    assert told(output)["reason"] == "error"
    assert texts(output)[1:] in (["389"], ["390"])


@pytest.mark.parametrize("limit", [12, 25, 60])
@pytest.mark.parametrize("tools", [[], [multiply]], ids=["no tools", "tools"])
def test_the_recursion_limit_ends_with_the_best_answer(limit, tools, run):
    def write(messages):
        if not tools or messages[-1].type == "tool":
            return reply("390")
        call = reply("", multiply={"a": 17, "b": 23})
        call.tool_calls[0]["id"] = f"call {id(call)}"
        return call

    model = ScriptedModel(script=[write], repeat=True)
    ours = MarkovScaleMiddleware(
        verifier=accepts("391"), calibration=SURE, cost_per_round=0.0, max_rounds=60
    )
    agent = create_agent(model, tools, middleware=[ours, TodoListMiddleware()])
    output = run(agent, asked(), {"recursion_limit": limit})
    assert texts(output)[-1] == "390"
    assert told(output)["reason"] == "interrupted"
    assert "recursion_limit" in told(output)["error"]
    assert told(output)["attempts"] >= limit // (14 if tools else 6)
