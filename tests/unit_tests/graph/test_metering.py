"""The accounting of calls and tokens, where calls fail or are interrupted."""

from fakes import ScriptedModel, reply
from langchain_core.language_models import FakeListLLM
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langchain_markovscale import Calibration, create_markovscale_graph
from langchain_markovscale.graph.metering import PendingUsage

QUESTION = {"question": "What is 2 + 2?"}
THREAD = {"configurable": {"thread_id": "1"}}
USAGE = {"calls": 1, "input_tokens": 2, "output_tokens": 3, "unknown": 0}


def verified_by(verifier, **options):
    options = {"max_rounds": 1, "checkpointer": InMemorySaver()} | options
    return create_markovscale_graph(
        ScriptedModel(script=[reply("four")]), verifier=verifier, **options
    )


def test_models_that_run_side_by_side_are_all_counted(run):
    models = {name: ScriptedModel(script=[reply(name, 2, 1)]) for name in "abc"}
    both = RunnableLambda(lambda request: request["messages"]) | RunnableParallel(models)
    graph = create_markovscale_graph(
        generate=both | (lambda replies: replies["b"].text),
        verifier=lambda answer: 1.0,
        actions=("generate",),
        max_rounds=1,
    )
    assert run(graph, QUESTION)["usage"]["generate"] == {
        "calls": 3, "input_tokens": 6, "output_tokens": 3, "unknown": 0
    }  # fmt: skip


def test_models_without_messages_are_calls_of_unknown_cost(run):
    chain = RunnableLambda(lambda request: request["question"]) | FakeListLLM(responses=["four"])
    graph = create_markovscale_graph(
        generate=chain, verifier=lambda answer: 1.0, actions=("generate",), max_rounds=1
    )
    usage = run(graph, QUESTION)["usage"]["generate"]
    assert (usage["calls"], usage["unknown"]) == (1, 1)


def test_a_chain_that_fails_half_way_is_counted_as_far_as_it_went(run):
    model = ScriptedModel(script=[reply("draft", 5, 1), ConnectionError("dead")])
    chain = RunnableLambda(lambda request: request["messages"]) | model | (lambda m: m.text) | model
    graph = create_markovscale_graph(
        ScriptedModel(script=["five"]),
        revise=chain,
        verifier=lambda answer: 0.05,
        calibration=Calibration.from_rates(
            initial=0.5, repair=0.6, corruption=0.05, sensitivity=0.9, specificity=0.9
        ),
        actions=("revise",),
    )
    assert run(graph, QUESTION)["usage"]["revise"] == {
        "calls": 2, "input_tokens": 5, "output_tokens": 1, "unknown": 1
    }  # fmt: skip


def test_a_verifier_that_says_nothing_of_its_cost_is_counted_by_its_calls(run):
    judge = ScriptedModel(script=[reply("fine", 9, 4)])
    verifier = RunnableLambda(lambda given: given["answer"]) | judge | (lambda said: {"score": 0.9})
    assert run(verified_by(verifier), QUESTION, THREAD)["usage"]["verify"] == {
        "calls": 1, "input_tokens": 9, "output_tokens": 4, "unknown": 0
    }  # fmt: skip


def test_a_verifier_of_unknown_cost_is_an_unknown_call(run):
    verifier = RunnableLambda(lambda given: 0.9)
    usage = run(verified_by(verifier), QUESTION, THREAD)["usage"]["verify"]
    assert (usage["calls"], usage["unknown"]) == (1, 1)


def test_what_was_paid_before_an_interrupt_is_booked_after_it(run):
    judge = ScriptedModel(script=[reply("unsure", 9, 4), reply("unsure", 9, 4)])
    verifier = (
        RunnableLambda(lambda given: given["answer"])
        | judge
        | (lambda said: {"score": interrupt(said.text)})
    )
    graph = verified_by(verifier)
    run(graph, QUESTION, THREAD)
    state = run(graph, Command(resume=1.0), THREAD)
    assert state["usage"]["verify"] == {
        "calls": 2, "input_tokens": 18, "output_tokens": 8, "unknown": 0
    }  # fmt: skip


def test_pending_usage_is_kept_by_task_and_bounded():
    pending = PendingUsage()
    pending.keep("a", USAGE)
    pending.keep("a", USAGE)
    pending.keep(None, USAGE)
    pending.keep("b", None)
    assert len(pending) == 1
    assert pending.take("a") == {
        "calls": 2, "input_tokens": 4, "output_tokens": 6, "unknown": 0
    }  # fmt: skip
    assert pending.take("a") is None
    for task in range(5000):
        pending.keep(str(task), USAGE)
    assert len(pending) == 1024
    assert pending.take("4999") == USAGE
