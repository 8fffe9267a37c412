"""Several draws at once: in their order whatever comes first, as good as one after the other."""

import asyncio
from threading import Barrier

import pytest
from drawing import QUESTION, graph_of, texts
from fakes import REPAIRING, ByIndex, Scripted, ScriptedModel, accepts, always, rejecting, reply
from hypothesis import given, settings, strategies as st
from langchain_core.runnables import Runnable
from langgraph.types import RetryPolicy

from langchain_markovscale import FunctionVerifier, create_markovscale_graph
from langchain_markovscale.graph.branches import by_index

AT_ONCE = RetryPolicy(initial_interval=0.0, jitter=False, max_attempts=2, retry_on=Exception)


def test_all_draws_are_on_their_way_at_the_same_time_in_threads():
    together = Barrier(4, timeout=60)

    def draw(request):
        together.wait()
        return "4"

    assert texts(graph_of(draw).invoke(QUESTION)) == ["4"] * 4


async def test_each_draw_is_verified_while_others_are_on_their_way():
    verified = asyncio.Event()

    class Verifying(Runnable):
        def invoke(self, input, config=None, **kwargs):
            raise NotImplementedError

        async def ainvoke(self, input, config=None, **kwargs):
            verified.set()
            return 0.05

    async def draw(request, config):
        if config["metadata"]["markovscale_attempt"]:
            await verified.wait()
        return "4"

    state = await graph_of(draw, Verifying()).ainvoke(QUESTION)
    assert [attempt["score"] for attempt in state["attempts"]] == [0.05] * 4


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
async def test_attempts_stand_in_their_order_whatever_comes_first(order):
    draws = ByIndex(["a", "b", "c", "d"], order)
    state = await graph_of(draws).ainvoke(QUESTION)
    assert draws.returned == list(order)
    assert texts(state) == ["a", "b", "c", "d"]


WORDS = st.sampled_from(["3", "4", "5", "five", ""])


@given(st.lists(WORDS, min_size=2, max_size=5).flatmap(
    lambda said: st.tuples(st.just([word or "no idea" for word in said]),
                           st.permutations(range(len(said))))
))  # fmt: skip
@settings(max_examples=25)
def test_draws_at_once_end_as_the_same_draws_one_after_the_other(drawn):
    said, order = drawn
    options = {"max_rounds": len(said), "answer_key": "last_number", "verifier": None}
    alone = graph_of(ByIndex(said), **options, draws_at_once=1).invoke(QUESTION)
    options["max_rounds"] = len(alone["attempts"])  # one after the other may stop before
    order = [index for index in order if index < options["max_rounds"]]
    at_once = graph_of(ByIndex(said, order), **options, draws_at_once=len(order))
    together = asyncio.run(at_once.ainvoke(QUESTION))
    for name in ("attempts", "answer", "usage"):
        assert together[name] == alone[name]
    for name in ("best", "belief", "attempts"):
        assert together["decision"][name] == alone["decision"][name]


def test_one_draw_at_a_time_is_the_graph_of_always(run):
    graph = graph_of(Scripted("a", "b", "c", "d"), draws_at_once=1)
    assert set(graph.get_graph().nodes) == {"__start__", "generate", "verify_proxy", "__end__"}
    assert not {"draws", "drawn"} & set(graph.builder.channels)
    assert texts(run(graph, QUESTION)) == ["a", "b", "c", "d"]


def test_a_graph_of_several_draws_shows_the_node_that_makes_them():
    edges = {(edge.source, edge.target) for edge in graph_of(Scripted()).get_graph().edges}
    assert {("generate", "draw"), ("draw", "verify_proxy"), ("generate", "verify_proxy")} < edges


def test_the_last_draws_are_as_many_as_rounds_are_left(run):
    draws = ByIndex(list("abcdef"))
    state = run(graph_of(draws, max_rounds=6), QUESTION)
    assert texts(state) == list("abcdef")
    assert state["usage"]["generate"]["calls"] == state["usage"]["verify"]["calls"] == 6
    assert state["decision"]["reason"] == "max_rounds"


def test_revisions_come_between_draws(run):
    model = ScriptedModel(script=["1", "2", *"3456789"])
    graph = create_markovscale_graph(
        model,
        verifier=accepts("never"),
        calibration=REPAIRING,
        cost_per_round=0.0,
        max_rounds=5,
        draws_at_once=2,
    )
    state = run(graph, QUESTION)
    actions = [attempt["action"] for attempt in state["attempts"]]
    assert actions[:2] == ["generate", "generate"]
    assert "revise" in actions
    assert state["decision"]["attempts"] == 5


def test_a_new_question_on_a_thread_starts_without_the_attempts_of_the_last(run):
    from langgraph.checkpoint.memory import InMemorySaver

    thread = {"configurable": {"thread_id": "1"}}
    graph = graph_of(Scripted(*"abcd"), max_rounds=2, checkpointer=InMemorySaver())
    assert sorted(texts(run(graph, QUESTION, thread))) == ["a", "b"]
    state = run(graph, {"question": "And 3 + 3?"}, thread)
    assert sorted(texts(state)) == ["c", "d"]
    assert state["usage"]["generate"]["calls"] == 2
    assert len(state["messages"]) == 4


def test_what_comes_beside_an_answer_stays_with_it(run):
    lines = [{"answer": word, "context": [word]} if word != "b" else word for word in "abc"]
    seen = Scripted(*[lambda given: (0.05, given["answer"])] * 3)
    graph = graph_of(ByIndex(lines), seen, max_rounds=3)
    saved = list(graph.stream(QUESTION, stream_mode="updates"))
    contexts = saved[-1]["verify_proxy"]["contexts"]
    assert contexts == [{"context": ["a"]}, None, {"context": ["c"]}]
    state = graph_of(ByIndex(lines), lambda answer: (0.05, answer), max_rounds=3).invoke(QUESTION)
    assert [attempt["feedback"] for attempt in state["attempts"]] == ["a", "b", "c"]
    assert {asked["answer"]: asked.get("context") for asked in seen.asked} == {
        "a": {"context": ["a"]}, "b": None, "c": {"context": ["c"]}
    }  # fmt: skip


def test_the_answer_is_the_message_of_the_draw_that_is_best(run):
    replies = [reply("3"), reply("4"), reply("5")]
    for number, each in enumerate(replies):
        each.response_metadata["system_fingerprint"] = f"draw {number}"
    state = run(graph_of(ByIndex(replies), accepts("4"), max_rounds=3), QUESTION)
    message = state["messages"][-1]
    assert message.text == state["answer"] == "4"
    assert message.response_metadata["system_fingerprint"] == "draw 1"
    assert message.usage_metadata["output_tokens"] == 9


def test_events_come_in_the_order_of_attempts_and_then_the_decision(stream):
    draws = ByIndex(["a", "b", "c", "d"], (3, 1, 0, 2))
    events = stream(graph_of(draws), QUESTION, stream_mode="custom")
    assert [(event["type"], event.get("index")) for event in events] == [
        ("attempt", 0), ("attempt", 1), ("attempt", 2), ("attempt", 3), ("decision", None)
    ]  # fmt: skip
    assert [event["attempt"]["text"] for event in events[:4]] == ["a", "b", "c", "d"]


def test_verdicts_by_criteria_are_in_the_events(stream):
    criteria = [{"criterion": "short", "score": 0.2, "feedback": None}]
    verdict = {"score": 0.2, "feedback": None, "criteria": criteria}
    graph = graph_of(Scripted("a", "b"), Scripted(verdict, verdict), max_rounds=2)
    events = stream(graph, QUESTION, stream_mode="custom")
    assert [event.get("criteria") for event in events] == [criteria, criteria, None]


def test_a_stream_of_messages_shows_the_answer_alone(stream):
    graph = create_markovscale_graph(
        always("4"), verifier=rejecting(), actions=("generate",), max_rounds=3, draws_at_once=3
    )
    chunks = stream(graph, QUESTION, stream_mode="messages", subgraphs=True)
    assert [chunk.text for _, (chunk, _) in chunks] == ["4"]


def test_calls_are_tagged_with_the_attempt_that_they_make(run):
    seen = []

    def draw(request, config):
        metadata = config["metadata"]
        seen.append((metadata["markovscale_attempt"], metadata["markovscale_action"]))
        assert {"markovscale", "markovscale:generate"} <= set(config["tags"])
        return "4"

    def verify(given, config):
        seen.append((config["metadata"]["markovscale_attempt"], "verify"))
        assert "markovscale:verify" in config["tags"]
        return 0.05

    from langchain_core.runnables import RunnableLambda

    run(graph_of(draw, RunnableLambda(verify), max_rounds=3, draws_at_once=2), QUESTION)
    assert sorted(seen) == [(n, what) for n in range(3) for what in ("generate", "verify")]


def test_a_draw_that_fails_leaves_the_others_and_the_run_goes_on(run):
    draws = ByIndex([["a"], [ConnectionError("gone")], ["c"], ["d", "e"]])
    state = run(graph_of(draws), QUESTION)
    assert texts(state) == ["a", "c", "d", "e"]
    assert state["error"] is None
    assert state["usage"]["generate"]["calls"] == state["usage"]["generate"]["unknown"] == 5
    assert state["usage"]["verify"]["calls"] == 4


def test_a_draw_that_fails_is_an_event(stream):
    draws = ByIndex([["a"], [ConnectionError("gone")], ["c"], ["d", "e"]])
    events = stream(graph_of(draws), QUESTION, stream_mode="custom")
    assert [(event["node"], event["error"]) for event in events if event["type"] == "error"] == [
        ("generate", "ConnectionError: gone")
    ]
    attempts = [event for event in events if event["type"] == "attempt"]
    assert [event["index"] for event in attempts] == [0, 1, 2, 3]


def test_a_draw_is_retried_alone_as_the_policy_says(run):
    draws = ByIndex([["a"], [ConnectionError("1"), "b"], ["c"], ["d"]])
    state = run(graph_of(draws, retry_policy=AT_ONCE), QUESTION)
    assert texts(state) == ["a", "b", "c", "d"]
    assert sorted(draws.started) == [0, 1, 1, 2, 3]
    assert state["usage"]["generate"]["calls"] == 5


def test_a_verdict_is_retried_without_drawing_again(run):
    verifier = Scripted(TimeoutError("busy"), 0.05, 0.05, 0.05, 0.05)
    draws = ByIndex(["a", "b", "c", "d"])
    state = run(graph_of(draws, verifier, retry_policy=AT_ONCE), QUESTION)
    assert sorted(draws.started) == [0, 1, 2, 3]
    assert [attempt["score"] for attempt in state["attempts"]] == [0.05] * 4


def test_an_attempt_whose_verdict_failed_is_kept_without_a_score(run):
    def verify(answer):
        if answer == "b":
            raise TimeoutError("busy")
        return 0.05

    state = run(graph_of(ByIndex(["a", "b", "c", "d"]), verify), QUESTION)
    assert [attempt["score"] for attempt in state["attempts"]] == [0.05, None, 0.05, 0.05]
    assert state["decision"]["reason"] == "max_rounds"


def test_where_every_verdict_fails_the_run_ends_with_the_error(run):
    def verify(answer):
        raise TimeoutError("busy")

    state = run(graph_of(ByIndex(["a", "b"]), verify, draws_at_once=2), QUESTION)
    assert state["decision"]["reason"] == "error"
    assert state["error"] == "TimeoutError: busy"
    assert state["answer"] in ("a", "b")


def test_later_draws_that_all_fail_end_the_run_with_the_best_answer(run):
    script = ["a", "b", ConnectionError("gone"), ConnectionError("gone")]
    state = run(graph_of(ByIndex(script), draws_at_once=2), QUESTION)
    assert texts(state) == ["a", "b"]
    assert state["decision"]["reason"] == "error"
    assert state["error"] == "ConnectionError: gone"


def test_where_all_first_draws_fail_one_more_is_made_alone(run):
    busy = ConnectionError("too many requests")
    draws = ByIndex([[busy, "a"], [busy, "b"], [busy, "c"]])
    state = run(graph_of(draws, max_rounds=3, draws_at_once=3), QUESTION)
    assert sorted(draws.started[:3]) == [0, 1, 2]
    assert draws.started[3] == 0
    assert texts(state) == ["a", "b", "c"]
    assert state["usage"]["generate"]["calls"] == 6


def test_the_error_of_a_run_without_any_answer_rises(run):
    error = ConnectionError("dead")
    with pytest.raises(ConnectionError) as raised:
        run(graph_of(ByIndex([error] * 4)), QUESTION)
    assert raised.value is error


def test_an_exact_verifier_lets_no_draw_be_made_after_the_one_that_it_accepts():
    # One thread, so that the draws are made one after the other.
    draws = ByIndex(["a", "b", "c", "d"])
    verifier = FunctionVerifier(lambda answer: answer == "b", exact=True)
    state = graph_of(draws, verifier, calibration=None).invoke(QUESTION, {"max_concurrency": 1})
    assert draws.started == [0, 1]
    assert texts(state) == ["a", "b"]
    assert state["answer"] == "b"
    assert state["usage"]["generate"]["calls"] == 2


def test_without_an_exact_verifier_all_draws_are_kept():
    draws = ByIndex(["a", "b", "c", "d"])
    state = graph_of(draws, lambda answer: 1.0).invoke(QUESTION, {"max_concurrency": 1})
    assert texts(state) == ["a", "b", "c", "d"]


async def test_draws_on_their_way_are_cancelled_when_an_exact_verifier_accepts_one():
    cancelled = []

    async def draw(request, config):
        index = config["metadata"]["markovscale_attempt"]
        if index == 2:
            return "right"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(index)
            raise

    verifier = FunctionVerifier(lambda answer: answer == "right", exact=True)
    state = await graph_of(draw, verifier, calibration=None).ainvoke(QUESTION)
    assert sorted(cancelled) == [0, 1, 3]
    assert texts(state) == ["right"]
    assert state["decision"]["reason"] == "gain_below_cost"
    assert state["error"] is None
    assert state["usage"]["generate"] == {
        "calls": 4, "input_tokens": 0, "output_tokens": 0, "unknown": 4
    }  # fmt: skip


async def test_an_acceptance_in_one_run_cancels_nothing_in_another():
    held = asyncio.Event()

    async def draw(request, config):
        if request["question"] == "slow":
            await held.wait()
            return "wrong"
        return "right"

    verifier = FunctionVerifier(lambda answer: answer == "right", exact=True)
    graph = graph_of(draw, verifier, calibration=None)
    slow = asyncio.create_task(graph.ainvoke({"question": "slow"}))
    quick = await graph.ainvoke({"question": "quick"})
    held.set()
    assert "right" in texts(quick)
    assert texts(await slow) == ["wrong"] * 4


async def test_cancelling_the_run_cancels_its_draws():
    waiting, ended = asyncio.Event(), []

    async def draw(request, config):
        try:
            waiting.set()
            await asyncio.Event().wait()
        finally:
            ended.append(config["metadata"]["markovscale_attempt"])

    verifier = FunctionVerifier(lambda answer: True, exact=True)
    doomed = asyncio.create_task(graph_of(draw, verifier, calibration=None).ainvoke(QUESTION))
    await waiting.wait()
    doomed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doomed
    assert ended


def test_the_reducer_orders_by_index_and_forgets_when_told():
    drawn = by_index(by_index([], [{"index": 2}]), [{"index": 0}])
    assert drawn == [{"index": 0}, {"index": 2}]
    assert by_index(drawn, [{"index": 2, "error": "again"}])[1] == {"index": 2, "error": "again"}
    assert by_index(drawn, None) == []
