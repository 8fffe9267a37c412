"""An agent whose final answers are verified: what it is told, and what is left at the end."""

import asyncio

import pytest
from fakes import SURE, ScriptedModel, accepts, reply
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from scripted_agents import LATER_MAY_BE_BETTER, agent_of, asked, multiply, scoring, texts, told

from langchain_markovscale import JudgeVerifier, MarkovScaleMiddleware


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


TO_THE_END = LATER_MAY_BE_BETTER | {"actions": ("generate",)}


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
    (given,) = seen
    assert [message.type for message in given.pop("messages")] == ["human", "ai", "tool"]
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
