"""What goes wrong is told, and nothing that was paid for is lost."""

import asyncio
import logging

import pytest
from fakes import REPAIRING, Scripted, ScriptedModel, accepts, rejecting, reply
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, RetryPolicy, interrupt

from langchain_markovscale import EmptyReplyError, Prompts, create_markovscale_graph

QUESTION = {"question": "What is 2 + 2?"}
THREAD = {"configurable": {"thread_id": "1"}}
AT_ONCE = RetryPolicy(initial_interval=0.0, jitter=False, max_attempts=3, retry_on=Exception)


def graph_of(model, verifier=None, **options):
    options = {"calibration": REPAIRING, "actions": ("revise",), "max_rounds": 3} | options
    return create_markovscale_graph(model, verifier=verifier or rejecting(), **options)


def test_a_failing_revision_gives_the_best_answer_so_far(run, caplog):
    model = ScriptedModel(script=["five", ConnectionError("line is dead")])
    with caplog.at_level(logging.WARNING, logger="langchain_markovscale"):
        state = run(graph_of(model), QUESTION)
    assert state["answer"] == "five"
    assert state["messages"][-1].text == "five"
    assert state["decision"]["action"] == "stop"
    assert state["decision"]["reason"] == "error"
    assert state["decision"]["best"] == 0
    assert state["error"] == "ConnectionError: line is dead"
    assert "revise" in caplog.text
    assert "line is dead" in caplog.text


def test_a_failing_fresh_draw_gives_the_best_answer_so_far(run):
    model = ScriptedModel(script=["five", ConnectionError("dead")])
    state = run(graph_of(model, actions=("generate",)), QUESTION)
    assert state["answer"] == "five"
    assert state["decision"]["reason"] == "error"
    assert len(state["attempts"]) == 1


def test_a_failing_verifier_leaves_the_newest_attempt_in_the_race(run):
    # The first answer is rejected, the second cannot be verified: it is believed more.
    model = ScriptedModel(script=["five", "four"])
    verifier = Scripted({"score": 0.05}, TimeoutError("judge is busy"))
    state = run(graph_of(model, verifier), QUESTION)
    assert [attempt["score"] for attempt in state["attempts"]] == [0.05, None]
    assert state["answer"] == "four"
    assert state["decision"]["reason"] == "error"
    assert state["error"] == "TimeoutError: judge is busy"


def test_failures_are_told_to_the_stream(stream):
    model = ScriptedModel(script=["five", ConnectionError("dead")])
    events = stream(graph_of(model), QUESTION, stream_mode="custom")
    assert [event["type"] for event in events] == ["attempt", "decision", "error", "decision"]
    assert events[2]["node"] == "revise"
    assert events[2]["error"] == "ConnectionError: dead"
    assert events[3]["decision"]["reason"] == "error"


def test_without_any_answer_the_error_itself_is_raised(run):
    error = ConnectionError("dead")
    with pytest.raises(ConnectionError) as raised:
        run(graph_of(ScriptedModel(script=[error])), QUESTION)
    assert raised.value is error


def test_a_thread_whose_first_draw_failed_can_be_resumed(run):
    model = ScriptedModel(script=[ConnectionError("dead"), "four"])
    graph = graph_of(model, accepts("four"), checkpointer=InMemorySaver(), max_rounds=1)
    with pytest.raises(ConnectionError):
        run(graph, QUESTION, THREAD)
    state = run(graph, None, THREAD)
    assert state["answer"] == "four"
    assert [message.text for message in state["messages"]] == [QUESTION["question"], "four"]


def test_a_retry_policy_retries_and_the_books_count_every_try(run):
    model = ScriptedModel(script=[ConnectionError("1"), ConnectionError("2"), reply("four", 5, 1)])
    state = run(graph_of(model, accepts("four"), retry_policy=AT_ONCE, max_rounds=1), QUESTION)
    assert state["answer"] == "four"
    assert state["error"] is None
    assert state["usage"]["generate"] == {
        "calls": 3,
        "input_tokens": 5,
        "output_tokens": 1,
        "unknown": 2,
    }


def test_a_retry_policy_is_used_up_before_the_answer_is_given(run):
    model = ScriptedModel(script=["five", *[ConnectionError("dead")] * 3, "never"])
    state = run(graph_of(model, retry_policy=AT_ONCE), QUESTION)
    assert model.calls == 4
    assert state["answer"] == "five"
    assert state["usage"]["revise"] == {
        "calls": 3,
        "input_tokens": 0,
        "output_tokens": 0,
        "unknown": 3,
    }


def test_only_errors_that_the_policy_names_are_retried(run):
    policies = [
        RetryPolicy(initial_interval=0.0, jitter=False, max_attempts=2, retry_on=KeyError),
        RetryPolicy(
            initial_interval=0.0, jitter=False, max_attempts=3, retry_on=(ConnectionError, OSError)
        ),
        RetryPolicy(
            retry_on=lambda error: "again" in str(error),
            initial_interval=0.0,
            jitter=False,
            max_attempts=4,
        ),
    ]
    for error, tries in (
        (KeyError("x"), 2),
        (ConnectionError("x"), 3),
        (ValueError("again"), 4),
        (ValueError("x"), 1),
    ):
        model = ScriptedModel(script=["five", *[error] * 5])
        state = run(graph_of(model, retry_policy=policies), QUESTION)
        assert model.calls == 1 + tries
        assert state["decision"]["reason"] == "error"


@pytest.mark.parametrize(
    "wrap",
    [lambda model: model, lambda model: RunnableLambda(lambda r: r["messages"]) | model],
    ids=["model", "chain"],
)
@pytest.mark.parametrize(
    "options", [{}, {"answer_key": lambda text: {"four": "4"}[text]}], ids=["empty", "no key"]
)
def test_usage_of_replies_that_were_no_use_is_counted(options, wrap, run):
    # The first reply is empty or has no key; it has cost its tokens all the same.
    model = ScriptedModel(script=[reply("x" if options else "", 5, 1), reply("four", 6, 2)])
    graph = graph_of(
        None,
        accepts("four"),
        generate=wrap(model),
        retry_policy=AT_ONCE,
        actions=("generate",),
        max_rounds=1,
        **options,
    )
    state = run(graph, QUESTION)
    assert state["usage"]["generate"] == {
        "calls": 2, "input_tokens": 11, "output_tokens": 3, "unknown": 0
    }  # fmt: skip


def test_empty_replies_are_retried_by_the_default_policy(run):
    policy = RetryPolicy(initial_interval=0.0, jitter=False)
    model = ScriptedModel(script=["  ", "four"])
    state = run(graph_of(model, accepts("four"), retry_policy=policy, max_rounds=1), QUESTION)
    assert state["answer"] == "four"


@pytest.mark.parametrize(
    "useless", ["", AIMessage("", tool_calls=[{"name": "search", "args": {}, "id": "1"}])]
)
def test_a_revision_without_text_gives_the_best_answer_so_far(useless, run):
    state = run(graph_of(ScriptedModel(script=["five", useless])), QUESTION)
    assert state["answer"] == "five"
    assert state["decision"]["reason"] == "error"
    assert state["error"].startswith("EmptyReplyError")
    assert state["usage"]["revise"]["calls"] == 1


def test_a_tool_call_without_text_names_the_tool(run):
    call = AIMessage("", tool_calls=[{"name": "search", "args": {}, "id": "1"}])
    with pytest.raises(EmptyReplyError, match=r"search.*generate="):
        run(graph_of(ScriptedModel(script=[call])), QUESTION)


@pytest.mark.parametrize(
    ("output", "told"),
    [(None, "NoneType"), (17, "int"), ({"docs": [Document("")]}, "docs"), ({}, "'answer'")],
)
def test_an_output_without_an_answer_is_a_type_error(output, told, run):
    graph = graph_of(None, generate=Scripted(output), actions=("generate",))
    with pytest.raises(TypeError, match=told):
        run(graph, QUESTION)


@pytest.mark.parametrize("score", [float("nan"), 1.5, -0.2])
def test_a_score_out_of_range_is_named_once_an_answer_exists(score, run):
    state = run(graph_of(ScriptedModel(script=["five"]), lambda answer: score), QUESTION)
    assert state["answer"] == "five"
    assert state["decision"]["reason"] == "error"
    assert repr(score) in state["error"]


def test_a_key_function_that_raises_is_an_error_like_any_other(run):
    def key(text):
        return {"five": "5"}[text]

    state = run(graph_of(ScriptedModel(script=["five", "four"]), answer_key=key), QUESTION)
    assert state["answer"] == "five"
    assert state["error"].startswith("KeyError")


class NoWords(Prompts):
    """Prompts that somebody has extended, and not well."""

    def for_revision(self, request):
        raise LookupError("no words")


def test_prompts_that_fail_leave_the_best_answer_and_no_call_in_the_books(run):
    state = run(graph_of(ScriptedModel(script=["five"]), prompts=NoWords()), QUESTION)
    assert state["answer"] == "five"
    assert state["error"] == "LookupError: no words"
    assert set(state["usage"]) == {"generate", "verify"}


def test_an_interrupt_in_a_verifier_passes_and_resumes(run):
    def ask(answer):
        return interrupt({"is this right?": answer})

    model = ScriptedModel(script=["five", "four"])
    graph = graph_of(model, ask, checkpointer=InMemorySaver(), max_rounds=2)
    waiting = run(graph, QUESTION, THREAD)
    assert waiting["__interrupt__"][0].value == {"is this right?": "five"}
    assert run(graph, Command(resume=0.0), THREAD)["__interrupt__"]
    state = run(graph, Command(resume=1.0), THREAD)
    assert [attempt["score"] for attempt in state["attempts"]] == [0.0, 1.0]
    assert state["answer"] == "four"
    assert model.calls == 2


async def test_cancelling_one_run_leaves_the_others_whole():
    waiting = asyncio.Event()

    async def slow(request):
        if request["question"] == "slow":
            waiting.set()
            await asyncio.sleep(3600)
        return "four"

    graph = graph_of(None, accepts("four"), generate=slow, actions=("generate",))
    doomed = asyncio.create_task(graph.ainvoke({"question": "slow"}))
    await waiting.wait()
    other = asyncio.create_task(graph.ainvoke({"question": "quick"}))
    doomed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doomed
    assert (await other)["answer"] == "four"


async def test_cancelling_one_of_many_in_the_same_step_harms_no_other():
    started, gate = [], asyncio.Event()

    async def draw(request):
        started.append(request["question"])
        await gate.wait()
        return request["question"]

    graph = graph_of(None, lambda answer: 0.95, generate=draw, actions=("generate",))
    runs = [asyncio.create_task(graph.ainvoke({"question": f"{n}?"})) for n in range(20)]
    while len(started) < len(runs):
        await asyncio.sleep(0)
    runs[7].cancel()
    gate.set()
    ended = await asyncio.gather(*runs, return_exceptions=True)
    assert isinstance(ended.pop(7), asyncio.CancelledError)
    assert [state["answer"] for state in ended] == [f"{n}?" for n in range(20) if n != 7]


async def test_a_call_that_takes_too_long_is_a_failure():
    async def endless(request):
        await asyncio.sleep(3600)

    graph = graph_of(
        None,
        generate=Scripted("five"),
        revise=endless,
        timeout=0.01,
        retry_policy=RetryPolicy(initial_interval=0.0, jitter=False, max_attempts=2),
    )
    state = await graph.ainvoke(QUESTION)
    assert state["answer"] == "five"
    assert "revise" in state["error"]
    assert state["usage"]["revise"]["calls"] == 2


def test_a_timeout_needs_the_async_methods():
    graph = graph_of(ScriptedModel(script=["five"]), timeout=5.0)
    with pytest.raises(ValueError, match=r"timeout=5\.0 needs ainvoke"):
        graph.invoke(QUESTION)


@pytest.mark.parametrize(
    "given",
    [
        {"question": ""},
        {"question": " \n"},
        {"question": 17},
        {"messages": []},
        {"messages": [AIMessage("Hi")]},
        {"messages": [("user", "")]},
    ],
    ids=["empty", "blank", "no string", "no messages", "nobody asks", "blank message"],
)
def test_a_missing_question_is_named(given, run):
    model = ScriptedModel(script=["never"])
    with pytest.raises(ValueError, match="question"):
        run(graph_of(model), given)
    assert model.calls == 0
