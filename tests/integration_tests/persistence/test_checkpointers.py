"""What a run leaves in a database is all that it needs: another connection or process goes on.

Processes read it as LANGGRAPH_STRICT_MSGPACK asks, and any warning is an error in them.
"""

from dataclasses import dataclass
from functools import partial

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command
from paid_calls import Ledger, paid_graph
from processes import elsewhere, outcome, thread_of, unkilled
from savers import saver_at

from langchain_markovscale import HumanVerifier

QUESTION = "question 14"
THREAD = thread_of(QUESTION)


@pytest.mark.parametrize("node", ["generate", "verify_proxy", "revise"])
def test_an_interrupted_run_is_resumed_over_another_connection(node, address, run, tmp_path):
    ledger = Ledger(tmp_path / "calls.jsonl")
    make_graph = partial(paid_graph, ledger)
    paused = run(address, make_graph, {"question": QUESTION}, THREAD, interrupt_after=[node])
    expected, calls = unkilled(QUESTION)
    assert 0 < len(ledger.entries()) < len(calls)
    texts = [attempt["text"] for attempt in expected["attempts"]]
    assert [attempt["text"] for attempt in paused["attempts"]] == texts[: len(paused["attempts"])]
    assert outcome(run(address, make_graph, None, THREAD)) == expected
    assert [call.what for call in ledger.entries()] == [call.what for call in calls]


FACT = Document("a fact", metadata={"page": 3})


def facts_graph(saver):
    """One round that leaves something under every key of the state."""
    usage = {"input_tokens": 2, "output_tokens": 1, "total_tokens": 3}
    reply = AIMessage("four", usage_metadata=usage)
    return paid_graph(
        Ledger("/dev/null"),
        saver,
        generate=RunnableLambda(lambda given: {"answer": reply, "context": [FACT]}),
        verifier=RunnableLambda(lambda given: {"score": 0.9, "feedback": "Well."}),
        variant="map",
        predictor=lambda question: [1.0],
        answer_key=str.upper,
        budget={"rounds": 1, "seconds": 60},
    )


def read_facts(address):
    with saver_at(address) as saver:
        return facts_graph(saver).get_state(THREAD).values


def read_unregistered():
    serde = JsonPlusSerializer()
    return type(serde.loads_typed(serde.dumps_typed(Unregistered(1)))).__name__


@dataclass
class Unregistered:
    """A type that nobody has allowed."""

    value: int


def test_processes_really_read_strictly_and_complain():
    with pytest.raises(AssertionError, match="Unregistered"):
        elsewhere(read_unregistered)


def test_another_process_reads_all_of_the_state_under_strict_msgpack(address, run):
    left = run(address, facts_graph, {"question": QUESTION}, THREAD)
    state = elsewhere(read_facts, address)
    assert {name: state[name] for name in left} == left
    assert state["contexts"] == [{"context": [FACT]}]
    assert state["class_weights"] == [1.0]
    assert set(state["seconds"]) == {"generate", "verify"}
    assert state["run"]["question"] == QUESTION


def ask_a_human(address, log, given):
    """What is asked, or the outcome."""
    with saver_at(address) as saver:
        graph = paid_graph(Ledger(log), saver, verifier=HumanVerifier(), max_rounds=2)
        state = graph.invoke(given, THREAD, durability="sync")
    if "__interrupt__" in state:
        return state["__interrupt__"][0].value["answer"]
    return [(attempt["text"], attempt["score"]) for attempt in state["attempts"]]


def test_a_human_is_asked_by_one_process_and_answers_to_another(address, tmp_path):
    log = tmp_path / "calls.jsonl"
    first = elsewhere(ask_a_human, address, log, {"question": QUESTION})
    second = elsewhere(ask_a_human, address, log, Command(resume=0.05))
    outcome = elsewhere(ask_a_human, address, log, Command(resume=True))
    assert outcome == [(first, 0.05), (second, 1.0)]
    calls = Ledger(log).entries()
    assert [call.result for call in calls if call.returned] == [first, second]
    assert len({call.process for call in calls}) == 2
