"""What LangSmith, OpenTelemetry and listeners of events are told of a run."""

import asyncio
import json
from types import SimpleNamespace

import pytest
import requests
from fakes import REPAIRING, ScriptedModel, accepts, reply
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer
from langgraph.graph import START, MessagesState, StateGraph
from langsmith import Client
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from langchain_markovscale import (
    JudgeVerifier,
    create_markovscale_graph,
    generate_node,
)

QUESTION = {"question": "What is 2 + 2?"}
THREAD = {"configurable": {"thread_id": "tuesday"}}


def loop_with_a_judge(**options):
    """A loop whose first answer is rejected and whose second, a revision, is accepted."""
    judge = ScriptedModel(
        script=[
            reply("VERDICT: FAIL\nPROBABILITY: 0.05"),
            reply("VERDICT: PASS\nPROBABILITY: 0.95"),
        ]
    )
    return create_markovscale_graph(
        ScriptedModel(script=[reply("five"), reply("four")]),
        verifier=JudgeVerifier(judge),
        calibration=REPAIRING,
        actions=("revise",),
        cost_per_round=0.1,
        **options,
    )


class Session(requests.Session):
    """Takes what would be posted to LangSmith, and sends nothing."""

    def __init__(self):
        super().__init__()
        self.runs = {}

    def request(self, method, url, **kwargs):
        told = json.loads(kwargs.get("data") or b"{}")
        if method in ("POST", "PATCH"):
            identity = told.get("id") or url.rpartition("/")[2]
            self.runs.setdefault(identity, {}).update(
                {name: value for name, value in told.items() if value is not None}
            )
        response = requests.Response()
        response.status_code = 200
        response._content = b"{}"
        return response


@pytest.fixture
def langsmith():
    """What LangSmith shows: the runs in the order in which they began."""
    session = Session()
    client = Client(
        api_url="http://127.0.0.1",
        api_key="none is needed",
        session=session,
        auto_batch_tracing=False,
        info={},
    )

    def shown():
        runs = sorted(session.runs.values(), key=lambda run: run["dotted_order"])
        return [
            SimpleNamespace(
                name=run["name"],
                kind=run["run_type"],
                tags=set(run.get("tags") or ()),
                metadata=run["extra"]["metadata"],
                outputs=run.get("outputs"),
                parent=session.runs.get(run.get("parent_run_id"), {}).get("name"),
            )
            for run in runs
        ]

    tracer = LangChainTracer(client=client)
    yield SimpleNamespace(tracer=tracer, shown=shown)
    tracer.wait_for_futures()
    client.close()
    session.close()


def test_langsmith_shows_the_loop_its_nodes_and_the_calls_within(run, langsmith):
    run(loop_with_a_judge(name="solver"), QUESTION, {"callbacks": [langsmith.tracer], **THREAD})
    langsmith.tracer.wait_for_futures()
    tree = [(run.parent, run.name, run.kind) for run in langsmith.shown()]
    verified = [
        ("solver", "verify_proxy", "chain"),
        ("verify_proxy", "JudgeVerifier", "chain"),
        ("JudgeVerifier", "judge", "llm"),
    ]
    assert tree == [
        (None, "solver", "chain"),
        ("solver", "generate", "chain"),
        ("generate", "ScriptedModel", "llm"),
        *verified,
        ("solver", "revise", "chain"),
        ("revise", "ScriptedModel", "llm"),
        *verified,
    ]


def test_every_model_call_says_what_it_is_for_and_which_attempt_it_belongs_to(run, langsmith):
    config = {"callbacks": [langsmith.tracer], "tags": ["mine"], "metadata": {"user": "u1"}}
    run(loop_with_a_judge(), QUESTION, {**config, **THREAD})
    langsmith.tracer.wait_for_futures()
    runs = langsmith.shown()
    calls = [run for run in runs if run.kind == "llm"]
    assert [
        (
            *(tag for tag in run.tags if tag.startswith("markovscale:")),
            run.metadata["markovscale_attempt"],
            run.metadata["markovscale_action"],
        )
        for run in calls
    ] == [
        ("markovscale:generate", 0, "generate"),
        ("markovscale:verify", 0, "generate"),
        ("markovscale:revise", 1, "revise"),
        ("markovscale:verify", 1, "revise"),
    ]
    for run_ in runs:
        assert {"markovscale", "mine"} <= run_.tags
        assert run_.metadata["thread_id"] == "tuesday"
        assert run_.metadata["user"] == "u1"


def test_the_run_ends_with_its_decision_and_what_it_has_used(run, langsmith):
    state = run(loop_with_a_judge(), QUESTION, {"callbacks": [langsmith.tracer]})
    langsmith.tracer.wait_for_futures()
    whole = langsmith.shown()[0].outputs
    assert whole["decision"] == state["decision"]
    assert whole["decision"]["reason"] == "gain_below_cost"
    assert whole["decision"]["belief"] > 0.5
    assert whole["usage"] == state["usage"]
    assert whole["answer"] == "four"


def test_a_loop_within_a_graph_keeps_the_tags_of_both(run, langsmith):
    builder = StateGraph(MessagesState)
    builder.add_node("solver", loop_with_a_judge())
    builder.add_edge(START, "solver")
    config = {"callbacks": [langsmith.tracer], "tags": ["outer"]}
    run(builder.compile(), {"messages": [("user", "2 + 2?")]}, config)
    langsmith.tracer.wait_for_futures()
    judged = [run for run in langsmith.shown() if run.name == "judge"]
    assert len(judged) == 2
    assert all({"outer", "markovscale", "markovscale:verify"} <= run.tags for run in judged)


def test_events_of_the_verifier_can_be_told_from_those_of_the_answer():
    async def calls(**choice):
        events = loop_with_a_judge().astream_events(QUESTION, version="v2", **choice)
        return [
            event["data"]["output"].text
            async for event in events
            if event["event"] == "on_chat_model_end"
        ]

    assert asyncio.run(calls(exclude_tags=["markovscale:verify"])) == ["five", "four"]
    judged = asyncio.run(calls(include_tags=["markovscale:verify"]))
    assert [text.splitlines()[0] for text in judged] == ["VERDICT: FAIL", "VERDICT: PASS"]


def test_calls_within_a_verifier_of_ones_own_are_tagged_as_well(run, langsmith):
    judge = ScriptedModel(script=["0.95"])
    verifier = (
        RunnableLambda(lambda given: given["answer"]) | judge | (lambda said: float(said.text))
    )
    graph = create_markovscale_graph(
        ScriptedModel(script=["four"]), verifier=verifier, max_rounds=1
    )
    run(graph, QUESTION, {"callbacks": [langsmith.tracer]})
    langsmith.tracer.wait_for_futures()
    inner = [run for run in langsmith.shown() if run.kind == "llm"][-1]
    assert "markovscale:verify" in inner.tags
    assert inner.metadata["markovscale_attempt"] == 0


def test_a_node_alone_keeps_the_tags_of_its_caller(langsmith):
    config = {"callbacks": [langsmith.tracer], "tags": ["mine"], "metadata": {"user": "u1"}}
    generate_node(ScriptedModel(script=["four"])).invoke(QUESTION, config)
    langsmith.tracer.wait_for_futures()
    (call,) = langsmith.shown()
    assert {"mine", "markovscale:generate"} <= call.tags
    assert (call.metadata["user"], call.metadata["markovscale_attempt"]) == ("u1", 0)


def test_an_error_that_became_an_answer_is_shown(run, langsmith):
    graph = create_markovscale_graph(
        ScriptedModel(script=["five", ConnectionError("line is dead")]),
        verifier=accepts("four"),
        calibration=REPAIRING,
        actions=("revise",),
        cost_per_round=0.1,
    )
    run(graph, QUESTION, {"callbacks": [langsmith.tracer]})
    langsmith.tracer.wait_for_futures()
    whole = langsmith.shown()[0].outputs
    assert whole["decision"]["reason"] == "error"
    assert whole["error"] == "ConnectionError: line is dead"


def test_opentelemetry_gets_the_same_through_langsmiths_exporter(run):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    client = Client(
        api_url="http://127.0.0.1",
        api_key="none is needed",
        session=Session(),
        info={},
        tracing_mode="otel",
        otel_tracer_provider=provider,
    )
    tracer = LangChainTracer(client=client)
    state = run(loop_with_a_judge(name="solver"), QUESTION, {"callbacks": [tracer], **THREAD})
    tracer.wait_for_futures()
    client.flush()
    client.close()
    spans = {span.context.span_id: span for span in exporter.get_finished_spans()}
    judged = [span for span in spans.values() if span.name == "judge"]
    assert len(spans) == 11
    for attempt, span in enumerate(judged):
        told = span.attributes
        assert told["langsmith.metadata.markovscale_attempt"] == attempt
        assert told["langsmith.metadata.thread_id"] == "tuesday"
        assert "markovscale:verify" in told["langsmith.span.tags"].split(", ")
        assert told["gen_ai.usage.output_tokens"] == 3
        around = [span]
        while around[-1].parent is not None:
            around.append(spans[around[-1].parent.span_id])
        assert [span.name for span in around] == [
            "judge", "JudgeVerifier", "verify_proxy", "solver"
        ]  # fmt: skip
    whole = json.loads(around[-1].attributes["gen_ai.completion"])
    assert whole["decision"] == state["decision"]
