"""An agent whose final answers are verified: what it is told, and what is left at the end."""

import asyncio
import logging

import pytest
from fakes import SURE, ScriptedModel, accepts, reply
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ModelRetryMiddleware,
    ToolCallLimitMiddleware,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from scripted_agents import agent_of, asked, multiply, texts, told

from langchain_markovscale import Calibration, EmptyReplyError, JudgeVerifier, MarkovScaleMiddleware
from langchain_markovscale.agents import middleware, model_calls


def test_good_answer_is_left_as_it_is(run):
    model = ScriptedModel(script=["391"])
    output = run(agent_of(model, accepts("391")), asked())
    assert texts(output) == ["What is 17 * 23?", "391"]
    assert len(model.asked) == 1
    assert told(output)["attempts"] == 1
    assert told(output)["reason"] == "gain_below_cost"


def test_bad_answer_is_revised_with_its_critique(run):
    model = ScriptedModel(script=["390", "391"])
    output = run(agent_of(model, accepts("391")), asked())
    question, draft, critique = model.texts_asked(1)
    assert (question, draft) == ("What is 17 * 23?", "390")
    assert "not 390" in critique
    assert texts(output) == ["What is 17 * 23?", "391"]
    assert told(output)["attempts"] == 2


def test_fresh_draw_sees_neither_draft_nor_critique(run):
    model = ScriptedModel(script=["390", "391"])
    output = run(agent_of(model, accepts("391"), actions=("generate",)), asked())
    assert model.texts_asked(1) == ["What is 17 * 23?"]
    assert texts(output) == ["What is 17 * 23?", "391"]


def scoring(*scores):
    """A verifier that gives one score after the other."""
    left = iter(scores)
    return lambda answer: next(left)


TO_THE_END = {
    "calibration": Calibration.from_rates(
        initial=0.5, repair=0.6, corruption=0.1, sensitivity=0.7, specificity=0.95
    ),
    "max_rounds": 3,
    "cost_per_round": 0.0,
    "actions": ("generate",),
}


def test_best_answer_is_returned_when_later_ones_are_worse(run):
    model = ScriptedModel(script=["391", "390", "389"])
    agent = agent_of(model, scoring(0.6, 0.0, 0.0), **TO_THE_END, answer_key="last_number")
    output = run(agent, asked())
    assert len(model.asked) == 3
    assert texts(output) == ["What is 17 * 23?", "391"]
    assert told(output)["reason"] == "max_rounds"


def test_nothing_is_verified_between_tool_calls(run):
    seen = []
    model = ScriptedModel(script=[reply("", multiply={"a": 17, "b": 23}), "It is 391"])
    agent = agent_of(model, lambda answer: seen.append(answer) or 0.95, [multiply])
    output = run(agent, asked())
    assert seen == ["It is 391"]
    kinds = [type(message) for message in output["messages"]]
    assert kinds == [HumanMessage, AIMessage, ToolMessage, AIMessage]


def test_revision_may_call_tools_and_keeps_what_led_to_the_answer(run):
    first, second = reply("", multiply={"a": 17, "b": 32}), reply("", multiply={"a": 17, "b": 23})
    second.tool_calls[0]["id"] = "second"
    model = ScriptedModel(script=[first, "544", second, "391"])
    output = run(agent_of(model, accepts("391"), [multiply]), asked())
    assert model.texts_asked(2)[2:4] == ["544", "544"]  # the tool's result, then the draft
    assert "not 544" in model.texts_asked(2)[4]
    assert texts(output) == ["What is 17 * 23?", "", "544", "", "391", "391"]
    assert [m.id for m in output["messages"]] == list(
        dict.fromkeys(m.id for m in output["messages"])
    )


def test_fresh_draw_starts_before_the_tool_calls(run):
    model = ScriptedModel(script=[reply("", multiply={"a": 17, "b": 32}), "544", "391"])
    agent = agent_of(model, accepts("391"), [multiply], actions=("generate",))
    output = run(agent, asked())
    assert model.texts_asked(2) == ["What is 17 * 23?"]
    assert texts(output) == ["What is 17 * 23?", "391"]


def test_verifier_sees_what_the_tools_returned():
    seen = []
    verifier = RunnableLambda(lambda given: seen.append(given) or 0.95)
    model = ScriptedModel(script=[reply("", multiply={"a": 17, "b": 23}), "It is 391"])
    agent_of(model, verifier, [multiply]).invoke(asked())
    assert seen == [
        {
            "question": "What is 17 * 23?",
            "answer": "It is 391",
            "key": None,
            "context": {"tools": ["391"]},
        }
    ]


class Product(BaseModel):
    """The product."""

    value: int


@pytest.mark.parametrize("tools", [[], [multiply]], ids=["no tools", "tools"])
def test_structured_response_is_verified_and_revised(run, tools):
    wrong, right = reply("", Product={"value": 390}), reply("", Product={"value": 391})
    right.tool_calls[0]["id"] = "second"
    model = ScriptedModel(script=[wrong, right])
    agent = agent_of(model, accepts('{"value":391}'), tools, response_format=ToolStrategy(Product))
    output = run(agent, asked())
    assert output["structured_response"] == Product(value=391)
    assert len(model.asked) == 2
    assert [type(m) for m in output["messages"]] == [HumanMessage, AIMessage, ToolMessage]


def test_structured_response_of_the_best_attempt_is_returned(run):
    script = [reply("", Product={"value": value}) for value in (391, 390, 389)]
    for number, message in enumerate(script):
        message.tool_calls[0]["id"] = str(number)
    agent = agent_of(
        ScriptedModel(script=script),
        scoring(0.6, 0.0, 0.0),
        **TO_THE_END,
        answer_key=lambda text: text,
        response_format=ToolStrategy(Product),
    )
    output = run(agent, asked())
    assert output["messages"][1].response_metadata["markovscale"]["attempts"] == 3
    assert output["structured_response"] == Product(value=391)
    assert [message.tool_calls for message in output["messages"][1:2]] == [script[0].tool_calls]
    assert isinstance(output["messages"][2], ToolMessage)


def test_new_question_on_a_thread_starts_anew(run):
    model = ScriptedModel(script=["390", "391", "5"])
    agent = agent_of(model, accepts("391", "5"), checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    run(agent, asked(), thread)
    output = run(agent, asked("What is 2 + 3?"), thread)
    assert texts(output) == ["What is 17 * 23?", "391", "What is 2 + 3?", "5"]
    assert told(output)["attempts"] == 1


def test_counters_are_private_to_the_run(run):
    output = run(agent_of(ScriptedModel(script=["391"]), accepts("391")), asked())
    assert set(output) == {"messages"}


def test_same_agent_serves_two_questions_at_once():
    answers = {"first": iter(["bad", "good"]), "second": iter(["good"])}
    model = ScriptedModel(script=[lambda given: next(answers[given[0].text])], repeat=True)
    agent = agent_of(model, accepts("good"))

    async def both():
        return await asyncio.gather(*(agent.ainvoke(asked(text)) for text in answers))

    assert [told(output)["attempts"] for output in asyncio.run(both())] == [2, 1]


def test_usage_of_all_attempts_and_verdicts_is_told(run):
    judge = ScriptedModel(script=[reply("VERDICT: FAIL", 20, 4), reply("VERDICT: PASS", 20, 4)])
    model = ScriptedModel(script=["390", "391"])
    output = run(agent_of(model, JudgeVerifier(judge)), asked())
    assert told(output)["usage"] == {
        "generate": {"calls": 1, "input_tokens": 7, "output_tokens": 3, "unknown": 0},
        "revise": {"calls": 1, "input_tokens": 7, "output_tokens": 3, "unknown": 0},
        "verify": {"calls": 2, "input_tokens": 40, "output_tokens": 8, "unknown": 0},
    }


def test_stream_shows_the_agents_words_and_none_of_the_judges(stream):
    judge = ScriptedModel(script=["CRITIQUE: odd\nVERDICT: FAIL", "VERDICT: PASS"])
    model = ScriptedModel(script=["It is 390", "It is 391"])
    parts = stream(agent_of(model, JudgeVerifier(judge)), asked(), stream_mode="messages")
    shown = "".join(message.text for message, _ in parts)
    assert shown == "It is 390It is 391"
    assert all(isinstance(message, AIMessage) for message, _ in parts)


def test_stream_ends_with_the_best_answer(stream):
    model = ScriptedModel(script=["It is 391", "It is 390", "It is 389"])
    agent = agent_of(model, scoring(0.6, 0.0, 0.0), **TO_THE_END, answer_key="last_number")
    parts = stream(agent, asked(), stream_mode="messages")
    assert parts[-1][0].text == "It is 391"
    assert parts[-1][0].id not in {message.id for message, _ in parts[:-1]}


def test_events_tell_attempts_and_decisions(stream):
    agent = agent_of(ScriptedModel(script=["390", "391"]), accepts("391"))
    events = stream(agent, asked(), stream_mode="custom")
    assert [event["type"] for event in events] == ["attempt", "decision"] * 2
    assert [event["attempt"]["score"] for event in events[::2]] == [0.05, 0.95]


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


def test_human_verifier_pauses_the_agent_and_goes_on():
    verifier = RunnableLambda(lambda given: interrupt(given["answer"]))
    agent = agent_of(ScriptedModel(script=["391"]), verifier, checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    paused = agent.invoke(asked(), thread)
    assert paused["__interrupt__"][0].value == "391"
    output = agent.invoke(Command(resume=0.95), thread)
    assert texts(output) == ["What is 17 * 23?", "391"]
    assert told(output)["attempts"] == 1


class Shouting(AgentMiddleware):
    """Rewrites answers, and counts how often it is asked."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def after_model(self, state, runtime):
        self.calls += 1
        last = state["messages"][-1]
        if isinstance(last, AIMessage) and not last.tool_calls:
            return {"messages": [last.model_copy(update={"content": last.text.upper()})]}
        return None


@pytest.mark.parametrize("tools", [[], [multiply]], ids=["no tools", "tools"])
def test_in_first_place_it_sees_what_other_middleware_made_of_an_answer(tools):
    other = Shouting()
    middleware = MarkovScaleMiddleware(
        verifier=accepts("B"), calibration=SURE, cost_per_round=0.1, actions=("revise",)
    )
    agent = create_agent(ScriptedModel(script=["a", "b"]), tools, middleware=[middleware, other])
    output = agent.invoke(asked())
    assert texts(output) == ["What is 17 * 23?", "B"]
    assert other.calls == 2


@pytest.mark.parametrize("tools", [[], [multiply]], ids=["no tools", "tools"])
def test_in_last_place_it_works_as_well(tools):
    middleware = MarkovScaleMiddleware(
        verifier=accepts("b"), calibration=SURE, cost_per_round=0.1, actions=("generate",)
    )
    model = ScriptedModel(script=["a", "b"])
    agent = create_agent(model, tools, middleware=[Shouting(), middleware])
    assert texts(agent.invoke(asked())) == ["What is 17 * 23?", "B"]


def test_run_goes_on_from_a_checkpoint_between_attempts():
    """A verdict that was checkpointed is not asked for again."""
    verdicts = []

    def verify(answer):
        verdicts.append(answer)
        return accepts("391")(answer)

    saver = InMemorySaver()
    thread = {"configurable": {"thread_id": "1"}}
    first = agent_of(ScriptedModel(script=["390", KeyboardInterrupt()]), verify, checkpointer=saver)
    with pytest.raises(KeyboardInterrupt):
        first.invoke(asked(), thread, durability="sync")
    second = agent_of(ScriptedModel(script=["391"]), verify, checkpointer=saver)
    output = second.invoke(None, thread)
    assert texts(output) == ["What is 17 * 23?", "391"]
    assert told(output)["attempts"] == 2
    assert verdicts == ["390", "391"]


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


def test_a_model_is_asked_again_as_the_policy_says_and_then_the_best_answer_is_left(run):
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.0, on_failure="error")
    gone = ConnectionError("gone")
    model = ScriptedModel(script=[gone, "389", gone, "390", gone, gone])
    output = run(ended_by_a_limit(model, retry), asked())
    assert len(model.asked) == 6
    assert told(output)["attempts"] == 2
    assert told(output)["reason"] == "error"
    assert texts(output)[1:] in (["389"], ["390"])
