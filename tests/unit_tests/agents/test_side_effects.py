"""What attempts write beside their words is set back to what the best one wrote."""

import logging
import operator
from typing import Annotated, Any, NotRequired

import pytest
from fakes import SURE, ScriptedModel, accepts, reply
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    AgentState,
    ModelCallLimitMiddleware,
    TodoListMiddleware,
)
from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.channels import DeltaChannel, Topic
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from scripted_agents import LATER_MAY_BE_BETTER, asked, multiply, scoring, texts, told

from langchain_markovscale import Calibration, MarkovScaleMiddleware

THREAD = {"configurable": {"thread_id": "1"}}


def merged(left: dict | None, right: dict) -> dict:
    """Merge files as deepagents does: None deletes one."""
    both = {**(left or {}), **right}
    return {name: text for name, text in both.items() if text is not None}


class Files(AgentState[Any]):
    files: Annotated[NotRequired[dict[str, str]], merged]
    notes: NotRequired[list[str]]
    log: Annotated[list[str], operator.add]


def merged_all(left: dict | None, writes: list[dict]) -> dict:
    """Merge all files that a step writes, for the channel that deepagents keeps its files in."""
    for write in writes:
        left = merged(left, write)
    return left or {}


class DeltaFiles(Files):
    files: Annotated[NotRequired[dict[str, str]], DeltaChannel(merged_all, snapshot_frequency=50)]


@tool
def write_file(path: str, text: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command:
    """Write a file."""
    done = ToolMessage(f"wrote {path}", tool_call_id=tool_call_id)
    return Command(
        update={"files": {path: text}, "notes": [path], "log": [path], "messages": [done]}
    )


def writes(number, path, text):
    call = reply("", write_file={"path": path, "text": text})
    call.tool_calls[0]["id"] = f"call {number}"
    return call


LATER_IS_WORSE = LATER_MAY_BE_BETTER | {"answer_key": "last_number"}
ALL = ("files", "notes", "log")


def agent_of(model, verifier, *, restore=ALL, saver=None, others=(), schema=Files, **options):
    options = LATER_IS_WORSE | {"actions": ("revise",)} | options
    ours = MarkovScaleMiddleware(verifier=verifier, restore=restore, **options)
    return create_agent(
        model, [write_file], middleware=[ours, *others], state_schema=schema, checkpointer=saver
    )


def script():
    return ScriptedModel(
        script=[
            writes(1, "/answer.txt", "391"),
            "I wrote 391",
            writes(2, "/answer.txt", "381"),
            writes(3, "/other.txt", "381"),
            "I wrote 381",
            "I wrote 371",
        ]
    )


@pytest.mark.parametrize("actions", [("revise",), ("generate",)])
@pytest.mark.parametrize("schema", [Files, DeltaFiles])
def test_the_files_are_those_of_the_best_answer(schema, actions, run):
    agent = agent_of(script(), scoring(0.6, 0.0, 0.0), actions=actions, schema=schema)
    output = run(agent, {**asked(), "files": {"/readme.txt": "mine"}})
    assert texts(output)[-1] == "I wrote 391"
    assert output["files"] == {"/readme.txt": "mine", "/answer.txt": "391"}
    assert output["notes"] == ["/answer.txt"]
    assert output["log"] == ["/answer.txt"]


def test_a_fresh_draw_begins_with_the_files_of_the_question(run):
    seen = []

    class Seeing(AgentMiddleware):
        def before_model(self, state, runtime):
            seen.append(sorted(state["files"]))

    model = ScriptedModel(script=[writes(1, "/draft.txt", "1"), "390", "391"])
    agent = agent_of(
        model, accepts("391"), actions=("generate",), calibration=SURE, others=[Seeing()]
    )
    output = run(agent, {**asked(), "files": {"/readme.txt": "mine"}})
    assert seen == [["/readme.txt"], ["/draft.txt", "/readme.txt"], ["/readme.txt"]]
    assert output["files"] == {"/readme.txt": "mine"}
    assert output["notes"] == []  # a channel that had no value has an empty one


def test_a_revision_begins_with_the_files_of_what_it_revises(run):
    model = ScriptedModel(
        script=[writes(1, "/a", "1"), "I wrote 391", writes(2, "/b", "2"), "381", "371"]
    )
    output = run(agent_of(model, scoring(0.6, 0.0, 0.0)), asked())
    assert output["files"] == {"/a": "1"}


def test_a_failure_leaves_the_files_of_the_best_answer(run):
    model = ScriptedModel(
        script=[writes(1, "/a", "391"), "391", writes(2, "/a", "381"), ConnectionError("gone")]
    )
    output = run(agent_of(model, scoring(0.6)), asked())
    assert told(output)["reason"] == "error"
    assert output["files"] == {"/a": "391"}


def test_a_limit_leaves_the_files_of_the_best_answer(run):
    model = ScriptedModel(script=[writes(1, "/a", "391"), "391", writes(2, "/a", "381"), "381"])
    limit = ModelCallLimitMiddleware(run_limit=3)
    output = run(agent_of(model, scoring(0.6), others=[limit]), asked())
    assert told(output)["reason"] == "interrupted"
    assert output["files"] == {"/a": "391"}


@pytest.mark.parametrize("schema", [Files, DeltaFiles])
def test_the_files_are_restored_after_a_resume(schema, run):
    model = ScriptedModel(
        script=[
            writes(1, "/a", "391"),
            "I wrote 391",
            writes(2, "/b", "381"),
            KeyboardInterrupt(),
            "I wrote 381",
            "I wrote 371",
        ]
    )
    agent = agent_of(model, scoring(0.6, 0.0, 0.0), saver=InMemorySaver(), schema=schema)
    with pytest.raises(KeyboardInterrupt):
        run(agent, asked(), THREAD, durability="sync")
    assert agent.get_state(THREAD).values["files"] == {"/a": "391", "/b": "381"}
    output = run(agent, None, THREAD)
    assert output["files"] == {"/a": "391"}
    assert output["log"] == ["/a"]


def test_todos_are_restored_too(run):
    def todo(number, content):
        call = reply("", write_todos={"todos": [{"content": content, "status": "pending"}]})
        call.tool_calls[0]["id"] = f"todo {number}"
        return call

    model = ScriptedModel(script=[todo(1, "one"), "391", todo(2, "two"), "381", "371"])
    ours = MarkovScaleMiddleware(
        verifier=scoring(0.6, 0.0, 0.0), restore="todos", actions=("revise",), **LATER_IS_WORSE
    )
    agent = create_agent(model, [], middleware=[ours, TodoListMiddleware()])
    assert [each["content"] for each in run(agent, asked())["todos"]] == ["one"]


def test_without_restore_a_warning_names_the_channels_once(run, caplog):
    limit = ModelCallLimitMiddleware(run_limit=9)  # its own accounts are nobody's files
    agent = agent_of(
        ScriptedModel(script=["391"] * 2),
        accepts("391"),
        restore=None,
        calibration=SURE,
        cost_per_round=0.1,
        others=[limit],
    )
    with caplog.at_level(logging.WARNING):
        run(agent, asked())
        run(agent, asked())
    (warning,) = [r.getMessage() for r in caplog.records if "restore" in r.getMessage()]
    assert "'files', 'log', 'notes'" in warning
    assert "count" not in warning


@pytest.mark.parametrize(
    ("restore", "tools"),
    [((), [multiply]), (None, [multiply]), (None, [])],
    ids=["no channel", "not given", "no tools"],
)
def test_there_is_no_warning_where_nothing_is_lost(restore, tools, run, caplog):
    ours = MarkovScaleMiddleware(
        verifier=accepts("391"), calibration=SURE, cost_per_round=0.1, restore=restore
    )
    schema = Files if restore == () or not tools else None
    agent = create_agent(
        ScriptedModel(script=["391"]), tools, middleware=[ours], state_schema=schema
    )
    with caplog.at_level(logging.WARNING):
        run(agent, asked())
    assert not caplog.records


class Posts(AgentState[Any]):
    posts: Annotated[list[str], Topic(str)]


@pytest.mark.parametrize(
    ("name", "told"), [("messages", "sets back by itself"), ("posts", "Topic")]
)
def test_what_cannot_be_restored_is_refused_before_anything_is_paid(name, told, run):
    model = ScriptedModel(script=["never"])
    ours = MarkovScaleMiddleware(verifier=accepts("391"), restore=(name,))
    agent = create_agent(model, [write_file], middleware=[ours], state_schema=Posts)
    with pytest.raises(ValueError, match=told):
        run(agent, asked())
    assert not model.asked


def test_a_channel_that_is_not_there_is_named_once(run, caplog):
    model = ScriptedModel(script=["391"] * 2)
    agent = agent_of(
        model,
        accepts("391"),
        restore=("files", "todos"),
        calibration=SURE,
        cost_per_round=0.1,
    )
    with caplog.at_level(logging.WARNING):
        run(agent, asked())
        run(agent, asked())
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "restore has 'todos', of which this agent has no channel" in warning


SENT: list[str] = []


@tool
def send_mail(text: str) -> str:
    """Send a mail."""
    SENT.append(text)
    return "sent"


def sends(number):
    call = reply("", send_mail={"text": str(number)})
    call.tool_calls[0]["id"] = f"mail {number}"
    return call


def with_mail(model, **options):
    ours = MarkovScaleMiddleware(
        verifier=lambda answer: 0.05,
        calibration=Calibration.from_rates(
            initial=0.9, repair=0.01, corruption=0.3, sensitivity=0.95, specificity=0.95
        ),
        cost_per_round=0.0,
        max_rounds=2,
        **options,
    )
    return create_agent(model, [send_mail], middleware=[ours])


def test_an_agent_with_tools_revises_and_repeats_no_side_effect(run):
    SENT.clear()
    model = ScriptedModel(script=[sends(1), "391", "390"])
    output = run(with_mail(model), asked())
    assert len(SENT) == 1
    assert [m.text for m in output["messages"] if m.type == "tool"] == ["sent"]
    assert set(told(output)["usage"]) == {"generate", "revise", "verify"}


def test_fresh_draws_are_the_users_choice(run):
    SENT.clear()
    model = ScriptedModel(script=[sends(1), "391", sends(2), "390"])
    output = run(with_mail(model, actions=("revise", "generate")), asked())
    assert len(SENT) == 2
    assert set(told(output)["usage"]) == {"generate", "verify"}


def test_an_agent_without_tools_draws_afresh_by_default(run):
    model = ScriptedModel(script=["391", "390"])
    ours = MarkovScaleMiddleware(
        verifier=lambda answer: 0.05,
        calibration=Calibration.from_rates(
            initial=0.9, repair=0.01, corruption=0.3, sensitivity=0.95, specificity=0.95
        ),
        cost_per_round=0.0,
        max_rounds=2,
    )
    output = run(create_agent(model, [], middleware=[ours]), asked())
    assert set(told(output)["usage"]) == {"generate", "verify"}
