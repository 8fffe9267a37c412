"""An agent as a judge: it may look things up, and all that it takes is counted."""

import logging

import pytest
from fakes import ScriptedModel, always, reply
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_markovscale import JudgeVerifier, create_markovscale_graph

GIVEN = {"question": "Who wrote Faust?", "answer": "Schiller.", "key": None}
FAIL = "CRITIQUE: It was Goethe.\nVERDICT: FAIL\nPROBABILITY: 0.05"


def look_up(who: str) -> str:
    """Look up what somebody wrote."""
    return f"{who} wrote The Robbers."


def judge_of(*script, repeat=False, **options):
    model = ScriptedModel(script=list(script), repeat=repeat)
    return model, JudgeVerifier(create_agent(model, [look_up], **options))


def looking_up():
    return reply("", look_up={"who": "Schiller"})


async def test_an_agent_may_call_tools_before_it_judges():
    model, judge = judge_of(looking_up(), FAIL, repeat=True)
    expected = {
        "score": 0.05,
        "feedback": "It was Goethe.",
        "usage": {"calls": 2, "input_tokens": 14, "output_tokens": 6, "unknown": 0},
    }
    assert judge.invoke(GIVEN) == expected
    assert await judge.ainvoke(GIVEN) == expected
    assert model.asked[1][-1].text == "Schiller wrote The Robbers."


def test_an_agent_keeps_its_own_system_prompt_and_gets_one_human_message():
    model, judge = judge_of(FAIL, system_prompt="You know literature.")
    judge.invoke(GIVEN)
    system, human = model.asked[0]
    assert system.text == "You know literature."
    assert isinstance(human, HumanMessage)
    assert human.text.startswith("You are a strict and fair grader.")
    assert "BEGIN ANSWER" in human.text


def test_a_structured_response_is_read_as_json():
    class Verdict(BaseModel):
        critique: str
        verdict: str
        probability: float

    said = {"critique": "It was Goethe.", "verdict": "FAIL", "probability": 0.05}
    _, judge = judge_of(reply("", Verdict=said), response_format=ToolStrategy(Verdict))
    verdict = judge.invoke(GIVEN)
    assert (verdict["score"], verdict["feedback"]) == (0.05, "It was Goethe.")


def test_an_agent_with_retries_and_a_prompt_of_ones_own():
    model = ScriptedModel(script=[ConnectionError("gone"), FAIL])
    prompt = ChatPromptTemplate.from_messages([("system", "Grade."), ("human", "{answer}")])
    agent = create_agent(model, [look_up]).with_retry(wait_exponential_jitter=False)
    judge = JudgeVerifier(agent, prompt=prompt)
    verdict = judge.invoke(GIVEN)
    assert verdict["score"] == 0.05
    assert verdict["usage"] == {"calls": 2, "input_tokens": 7, "output_tokens": 3, "unknown": 1}
    (human,) = model.asked[1]
    assert human.text.startswith("Grade.\n\n----- BEGIN ANSWER")


def test_an_agent_has_more_steps_than_the_loop_that_asks_it():
    _, judge = judge_of(*[looking_up()] * 30, FAIL)
    graph = create_markovscale_graph(always("Schiller."), verifier=judge, max_rounds=1)
    state = graph.invoke({"question": "Who wrote Faust?"})
    assert state["attempts"][0]["score"] == 0.05
    assert state["usage"]["verify"]["calls"] == 31


def test_an_agent_made_without_a_checkpointer_leaves_nothing_on_the_thread():
    _, judge = judge_of(looking_up(), FAIL, checkpointer=False)
    saver = InMemorySaver()
    graph = create_markovscale_graph(
        always("Schiller."), verifier=judge, max_rounds=1, checkpointer=saver
    )
    graph.invoke({"question": "Who wrote Faust?"}, {"configurable": {"thread_id": "1"}})
    assert set(saver.storage["1"]) == {""}


def test_nobody_knows_whether_an_agent_takes_pictures_unless_the_user_says_so(caplog):
    picture = {"type": "image", "url": "https://example.org/goethe.png"}
    given = {**GIVEN, "messages": [HumanMessage([GIVEN["question"], picture])]}
    model, judge = judge_of(FAIL, FAIL)
    with caplog.at_level(logging.WARNING):
        assert judge.invoke(given)["unseen"] is True
    agent = judge.model
    assert "unseen" not in JudgeVerifier(agent, pictures=True).invoke(given)
    assert picture in model.asked[1][0].content


@pytest.mark.parametrize("streaming", [False, True])
def test_what_an_agent_writes_as_a_judge_stays_out_of_the_stream(streaming):
    _, judge = judge_of(looking_up(), FAIL)
    graph = create_markovscale_graph(always("Schiller."), verifier=judge, max_rounds=1)
    written = graph.stream(
        {"question": "Who wrote Faust?"}, stream_mode="messages", subgraphs=streaming
    )
    texts = [(part[-1] if streaming else part)[0].text for part in written]
    assert "".join(texts) == "Schiller."
