"""What deepagents' own tools write is set back to what the best answer's attempt wrote."""

from itertools import count

import pytest
from deepagents import create_deep_agent
from fakes import ScriptedModel, reply
from langchain.agents.middleware import TodoListMiddleware
from langgraph.checkpoint.memory import InMemorySaver

from langchain_markovscale import Calibration, MarkovScaleMiddleware

THREAD = {"configurable": {"thread_id": "1"}}
QUESTION = {"messages": [("user", "What is 17 * 23? Write it into /answer.txt.")]}
CALLS = count()


def calls(**tools):
    """A reply that calls a tool."""
    message = reply("", **tools)
    message.tool_calls[0]["id"] = f"call {next(CALLS)}"
    return message


def script(*interruption):
    return [
        calls(write_file={"file_path": "/answer.txt", "content": "391"}),
        calls(write_todos={"todos": [{"content": "show it", "status": "pending"}]}),
        "I wrote 391",
        calls(
            edit_file={"file_path": "/answer.txt", "old_string": "391", "new_string": "381"},
        ),
        calls(write_file={"file_path": "/other.txt", "content": "381"}),
        calls(write_todos={"todos": [{"content": "hide it", "status": "pending"}]}),
        *interruption,
        "I wrote 381",
        "I wrote 371",
    ]


def deep_agent(lines):
    scores = iter([0.6, 0.0, 0.0])
    ours = MarkovScaleMiddleware(
        verifier=lambda answer: next(scores),
        calibration=Calibration.from_rates(
            initial=0.5, repair=0.6, corruption=0.1, sensitivity=0.7, specificity=0.95
        ),
        cost_per_round=0.0,
        max_rounds=3,
        actions=("revise",),
        restore=("files", "todos"),
    )
    return create_deep_agent(
        model=ScriptedModel(script=lines),
        tools=[],
        middleware=[TodoListMiddleware(), ours],
        checkpointer=InMemorySaver(),
    )


def assert_is_as_the_best_left_it(state):
    assert state["messages"][-1].text == "I wrote 391"
    assert state["messages"][-1].response_metadata["markovscale"]["attempts"] == 3
    assert {path: file["content"] for path, file in state["files"].items()} == {
        "/answer.txt": "391"
    }
    assert [todo["content"] for todo in state["todos"]] == ["show it"]


def test_files_and_todos_are_those_of_the_best_answer():
    assert_is_as_the_best_left_it(deep_agent(script()).invoke(QUESTION, THREAD))


async def test_files_and_todos_are_those_of_the_best_answer_under_asyncio():
    assert_is_as_the_best_left_it(await deep_agent(script()).ainvoke(QUESTION, THREAD))


def test_files_and_todos_are_those_of_the_best_answer_after_a_resume():
    agent = deep_agent(script(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        agent.invoke(QUESTION, THREAD, durability="sync")
    assert "/other.txt" in agent.get_state(THREAD).values["files"]
    assert_is_as_the_best_left_it(agent.invoke(None, THREAD))
