"""`markovscale record --loop`: a loop of one's own, by the name of where it is."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_markovscale import read_traces
from langchain_markovscale.cli.app import app

LOOP = """
import operator
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    question: str
    drafts: Annotated[list, operator.add]
    scores: Annotated[list, operator.add]


async def write(state):
    return {"drafts": [f"It is {len(state['drafts'])}."], "scores": [0.5]}


builder = StateGraph(State)
builder.add_node("write", write)
builder.add_edge(START, "write")
builder.add_conditional_edges("write", lambda state: END if len(state["drafts"]) > 1 else "write")
graph = builder.compile()
number = 3


def plain(question):
    return ["It is 1.", "It is 2."]


def build(revisions):
    return lambda question: [f"It is {n}." for n in range(revisions + 1)]
"""


@pytest.fixture
def record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("my_agent", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "my_agent.py").write_text(LOOP)
    (tmp_path / "broken.py").write_text("import no_such_package_at_all")
    (tmp_path / "questions.jsonl").write_text('{"question": "How many?", "reference": "1"}\n')

    def run(*options):
        command = ["record", "questions.jsonl", "--fresh-starts", "2", *options]
        return CliRunner().invoke(app, command)

    yield run
    for name in ("my_agent", "broken"):
        sys.modules.pop(name, None)


def labels():
    (trace,) = read_traces("traces.jsonl")
    return [each["correct"] for each in trace["attempts"]], trace


KEY = ("--answer-key", "last_number")
STATE = ("--drafts", "drafts", "--scores", "scores", *KEY)


@pytest.mark.parametrize("name", ["my_agent:graph", "my_agent.py:graph"])
def test_a_graph_is_run_as_it_stops_also_one_for_an_event_loop_alone(record, name):
    result = record("--loop", name, *STATE)
    assert result.exit_code == 0, result.output
    assert "at least 2 attempts" in result.stderr
    assert "1/1 questions, 4 attempts, " in result.stderr  # nobody knew of how many
    found, trace = labels()
    assert found == [False, True] * 2
    assert trace["censored"]
    assert trace["metadata"]["own_loop"] == name
    assert "1 was there before" in record("--loop", name, *STATE).stdout


@pytest.mark.parametrize(
    ("fixed", "attempts"), [("1", 2), ("my_agent:build", 4), ("my_agent.py:build", 4)]
)
def test_a_loop_that_does_not_stop_by_its_own_rule_is_not_censored(record, fixed, attempts):
    result = record("--loop", "my_agent:plain", "--fixed", fixed, *KEY)
    assert result.exit_code == 0, result.output
    found, trace = labels()
    assert (len(found), "censored" in trace) == (2 * attempts, False)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--loop", "my_agent"], "--loop must be package.module:name or file.py:name"),
        (["--loop", "my_agents:graph"], "no module 'my_agents'"),
        (["--loop", "my_agents:graph"], "Here are broken, my_agent."),
        (["--loop", "my_agents.py:graph"], "my_agents.py: there is no such file in"),
        (["--loop", "my_agent:grph"], "has no 'grph'. It has write, graph, plain, build."),
        (
            ["--loop", "my_agent:builder"],
            "a graph that is not compiled: name what compile() returns",
        ),
        (["--loop", "my_agent:number"], "it is of the type int"),
        (["--loop", "broken:graph"], "importing it failed with ModuleNotFoundError"),
        (
            ["--loop", "my_agent:graph", "--drafts", "draft"],
            "--drafts must be a key of the graph's",
        ),
        (["--loop", "my_agent:graph"], "nothing says where its state has the drafts"),
        (["--loop", "my_agent:graph", "--model", "smollm2"], "--model is for the loop that this"),
        (["--loop", "my_agent:plain", "--fixed", "my_agent:bld"], "--fixed my_agent:bld: my_agent"),
        (["--drafts", "drafts"], "--drafts is for a loop of your own: name that with --loop"),
    ],
)
def test_what_cannot_be_recorded_is_said_before_anything_is_run(record, options, told, tmp_path):
    result = record(*options, *KEY)
    assert result.exit_code == 2, result.output
    assert told in " ".join(result.stderr.split())
    assert not (tmp_path / "traces.jsonl").exists()


def test_an_estimate_is_made_from_past_runs(record):
    record("--loop", "my_agent:plain", *KEY)
    with Path("questions.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"question": "And now?", "reference": "2"}) + "\n")
    result = record("--loop", "my_agent:plain", *KEY)
    assert "1 question to record: 4 attempts" in " ".join(result.stderr.split())
