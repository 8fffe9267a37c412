"""A budget ends a run before the call that would go beyond it, and the best answer is returned."""

import pytest
from fakes import REPAIRING, Clock, PowerCut, Scripted, ScriptedModel, accepts, rejecting, reply
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, RetryPolicy, interrupt

from langchain_markovscale import Budget, create_markovscale_graph

QUESTION = {"question": "?"}
THREAD = {"configurable": {"thread_id": "1"}}
PRICES = {"usd_per_input_token": 0.001, "usd_per_output_token": 0.01}


def graph_of(model, budget=None, verifier=None, **options):
    options = {"calibration": REPAIRING, "actions": ("revise",), "cost_per_round": 0.0} | options
    return create_markovscale_graph(
        model, verifier=verifier or rejecting(), budget=budget, **options
    )


def judge(read, written, score=0.05):
    """A verifier that reports what it costs."""
    return lambda answer: {
        "score": score,
        "usage": {"input_tokens": read, "output_tokens": written},
    }


def replies(*costs):
    """A model whose replies read nothing and write as many tokens as given."""
    return ScriptedModel(script=[reply(f"answer {n}", 0, cost) for n, cost in enumerate(costs)])


@pytest.mark.parametrize(
    ("budget", "calls"),
    [
        (Budget(rounds=1), 1),
        (Budget(rounds=3), 3),
        (Budget(tokens=100), 1),  # used up to the last token
        (Budget(tokens=199), 1),  # the next one would take about 100
        (Budget(tokens=200), 2),
        (Budget(tokens=399), 3),
        (Budget(tokens=1), 1),  # without an answer there is nothing to return
        (Budget(usd=1.99, **PRICES), 1),
        (Budget(usd=2.0, **PRICES), 2),
        (Budget(usd=2.0, tokens=10_000, rounds=8, **PRICES), 2),
        (Budget(seconds=3600), 5),
        (Budget(), 5),
        (None, 5),
    ],
)
@pytest.mark.parametrize("per_run", [False, True], ids=["graph", "context"])
def test_calls_are_made_while_the_budget_allows_them(budget, calls, per_run, run):
    model = replies(*[100] * 8)
    if per_run:
        graph = graph_of(model, Budget(rounds=1), max_rounds=5)
        state = run(graph, QUESTION, context={"budget": budget})
    else:
        state = run(graph_of(model, budget, max_rounds=5), QUESTION)
    assert model.calls == calls
    assert state["decision"]["action"] == "stop"
    assert state["decision"]["reason"] == ("max_rounds" if calls == 5 else "budget")
    assert state["answer"] == state["attempts"][state["decision"]["best"]]["text"]
    assert state["messages"][-1].text == state["answer"]
    assert (state["error"] is None) == (calls == 5)


def test_the_average_of_revisions_counts_as_soon_as_there_is_one(run):
    # 100, then a revision of 300: the next is expected to take 300, not 200.
    for limit, calls in ((699, 2), (700, 3)):
        model = replies(100, 300, 300)
        run(graph_of(model, Budget(tokens=limit), max_rounds=3), QUESTION)
        assert model.calls == calls


def test_the_verifier_is_paid_from_the_same_purse(run):
    asked = []

    def verify(answer):
        asked.append(answer)
        return judge(40, 10)(answer)

    # 100 + 50 + 100 = 250; verifying takes 50 again.
    for limit, verified in ((299, 1), (300, 2)):
        asked.clear()
        model = replies(*[100] * 4)
        state = run(graph_of(model, Budget(tokens=limit), RunnableLambda(_by(verify))), QUESTION)
        assert model.calls == 2
        assert len(asked) == verified
        assert state["attempts"][1]["score"] == (0.05 if verified == 2 else None)
        assert state["decision"]["reason"] == "budget"


def _by(verify):
    return lambda given: verify(given["answer"])


def test_a_verifier_without_tokens_verifies_also_when_the_purse_is_empty(run):
    state = run(graph_of(replies(100), Budget(tokens=50), accepts("answer 0")), QUESTION)
    assert state["attempts"][0]["score"] == 0.95
    assert state["answer"] == "answer 0"


def test_the_verifier_may_have_prices_of_its_own(run):
    cheap = {"generate": 0.01, "revise": 0.01, "verify": 0.0001}
    prices = {"usd_per_input_token": cheap, "usd_per_output_token": cheap}
    model = replies(*[100] * 8)
    verifier = RunnableLambda(_by(judge(100, 0)))
    run(graph_of(model, Budget(usd=3.03, **prices), verifier), QUESTION)
    assert model.calls == 3  # 3 × $1.00 and 3 × $0.01
    model = replies(*[100] * 8)
    run(graph_of(model, Budget(usd=3.03, **PRICES), verifier), QUESTION)
    assert model.calls == 2  # 2 × $1.00 and 2 × $0.10, and $1.10 are too much


def test_unknown_usage_ends_a_run_whose_tokens_are_limited(run):
    model = ScriptedModel(script=[AIMessage("first"), "never"])
    state = run(graph_of(model, Budget(tokens=10_000)), QUESTION)
    assert model.calls == 1
    assert state["answer"] == "first"
    assert state["decision"]["reason"] == "budget"
    assert "'generate'" in state["error"]
    assert "usage_metadata" in state["error"]
    assert state["usage"]["generate"]["unknown"] == 1


def test_a_verifier_that_says_nothing_of_its_tokens_is_named(run):
    verifier = RunnableLambda(lambda given: 0.05)
    state = run(graph_of(replies(100, 100), Budget(tokens=10_000), verifier), QUESTION)
    assert len(state["attempts"]) == 1
    assert "'verify'" in state["error"]
    assert "FunctionVerifier" in state["error"]


def test_unknown_usage_does_not_matter_to_other_limits(run):
    model = ScriptedModel(script=["wrong"] * 3)
    assert len(run(graph_of(model, Budget(rounds=3)), QUESTION)["attempts"]) == 3


def test_calls_of_unknown_usage_count_as_much_as_those_that_are_known(run):
    # A failed try of the draw counts 100 tokens, as the try after it.
    policy = RetryPolicy(initial_interval=0.0, jitter=False, retry_on=ConnectionError)
    for limit, calls in ((399, 2), (400, 3)):
        script = [ConnectionError("1"), reply("a", 0, 100), reply("b", 0, 100)]
        model = ScriptedModel(script=script)
        budget = Budget(tokens=limit)
        run(graph_of(model, budget, retry_policy=policy, max_rounds=2), QUESTION)
        assert model.calls == calls


def test_it_is_told_to_the_stream(stream):
    events = stream(graph_of(replies(100), Budget(tokens=150)), QUESTION, stream_mode="custom")
    assert [event["type"] for event in events] == ["attempt", "decision", "budget", "decision"]
    assert events[2]["node"] == "revise"
    assert "150 tokens" in events[2]["error"]
    assert events[3]["decision"]["reason"] == "budget"


def test_the_next_question_has_a_budget_of_its_own(run):
    model = replies(*[100] * 4)
    graph = graph_of(model, Budget(tokens=200), checkpointer=InMemorySaver())
    for asked in (2, 4):
        state = run(graph, QUESTION, THREAD)
        assert model.calls == asked
        assert len(state["attempts"]) == 2
    assert run(graph_of(replies(7), max_rounds=1), QUESTION)["error"] is None


def test_a_resumed_run_goes_on_with_what_is_left(run):
    draw = Scripted(reply("a", 0, 100))
    rework = Scripted(PowerCut(), reply("b", 0, 100))
    budget = Budget(tokens=200)
    graph = graph_of(None, budget, generate=draw, revise=rework, checkpointer=InMemorySaver())
    with pytest.raises(PowerCut):
        run(graph, QUESTION, THREAD, durability="sync")
    state = run(graph, None, THREAD)
    assert [attempt["text"] for attempt in state["attempts"]] == ["a", "b"]
    assert state["decision"]["reason"] == "budget"


class CallClock(Clock):
    """Time passes in calls of models alone, and not between a node's tries."""

    def taking(self, seconds, *said):
        script = iter(said)

        def author(request):
            self.now += seconds
            answer = next(script)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return author


def timed_graph(clock, seconds, verifier=None, **options):
    return create_markovscale_graph(
        generate=options.pop("generate", None) or clock.taking(10, "a"),
        revise=clock.taking(10, *"bcdefgh"),
        verifier=verifier or rejecting(),
        calibration=REPAIRING,
        actions=("revise",),
        cost_per_round=0.0,
        budget=Budget(seconds=seconds),
        **options,
    )


@pytest.mark.parametrize(("seconds", "calls"), [(5, 1), (19, 1), (20, 2), (39, 3)])
def test_a_deadline_ends_a_run(seconds, calls, run, monkeypatch):
    state = run(timed_graph(CallClock(monkeypatch), seconds), QUESTION)
    assert len(state["attempts"]) == calls
    assert state["decision"]["reason"] == "budget"


def test_failed_tries_take_time(run, monkeypatch):
    clock = CallClock(monkeypatch)
    policy = RetryPolicy(initial_interval=0.0, jitter=False, retry_on=ConnectionError)
    draw = clock.taking(10, ConnectionError("1"), "a")
    graph = timed_graph(clock, 29, generate=draw, retry_policy=policy)
    assert len(run(graph, QUESTION)["attempts"]) == 1


def test_waiting_for_a_human_does_not_count_and_a_resumed_run_adds_up(run, monkeypatch):
    clock = CallClock(monkeypatch)
    saver = InMemorySaver()
    graph = timed_graph(clock, 29, lambda answer: interrupt(answer), checkpointer=saver)
    run(graph, QUESTION, THREAD)
    for _ in range(2):
        clock.now += 100_000
        state = run(graph, Command(resume=0.05), THREAD)
    assert [attempt["text"] for attempt in state["attempts"]] == ["a", "b"]
    assert state["decision"]["reason"] == "budget"
    assert graph.get_state(THREAD).values["seconds"]["generate"] == 10


def test_time_of_the_last_question_is_forgotten(run, monkeypatch):
    clock = CallClock(monkeypatch)
    draw = clock.taking(10, "a", "b")
    graph = timed_graph(clock, 5, generate=draw, checkpointer=InMemorySaver())
    for _ in range(2):
        run(graph, QUESTION, THREAD)
        assert graph.get_state(THREAD).values["seconds"] == {"generate": 10}


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ({"tokens": 0}, r"budget\['tokens'\].*0"),
        ({"tokens": 1.5}, r"budget\['tokens'\].*1.5"),
        ({"rounds": -1}, r"budget\['rounds'\].*-1"),
        ({"seconds": 0}, r"budget\['seconds'\] must be above 0"),
        ({"usd": float("nan"), **PRICES}, r"budget\['usd'\].*nan"),
        ({"usd": 1.0}, "needs the price of tokens: give 'usd_per_input_token'"),
        ({"usd": 1.0, "usd_per_input_token": 0.1}, "give 'usd_per_output_token'"),
        ({"usd": 1.0, **PRICES, "usd_per_output_token": -1}, "usd_per_output_token.*-1"),
        ({"usd": 1.0, **PRICES, "usd_per_output_token": {"verify": 1}}, "no price for 'generate'"),
        ({"dollars": 1.0}, "budget has no 'dollars': its limits and prices are 'rounds'"),
    ],
)
def test_a_bad_budget_is_named(budget, told):
    with pytest.raises(ValueError, match=told):
        graph_of(replies(1), budget)
