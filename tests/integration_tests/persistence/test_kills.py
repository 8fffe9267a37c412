"""Kill -9 in any round: nothing whose result was kept is paid for again, and nothing is lost."""

from signal import SIGKILL

import pytest
from langgraph.graph import START, StateGraph
from paid_calls import Ledger, paid_graph
from processes import Toll, Victim, started, thread_of, unkilled
from savers import saver_at
from typing_extensions import TypedDict

from langchain_markovscale import Attempt

QUESTION = "question 14"
THREAD = thread_of(QUESTION)
STATE, ENTRIES = unkilled(QUESTION)


def test_the_run_that_is_killed_draws_and_revises():
    assert {attempt["action"] for attempt in STATE["attempts"]} == {"generate", "revise"}
    assert len(STATE["attempts"]) >= 4
    assert len(ENTRIES) == 4 * len(STATE["attempts"])  # two calls each, begun and returned


@pytest.mark.parametrize("purpose", ["generate", "verify", "revise"])
@pytest.mark.parametrize("returned", [False, True], ids=["on the way", "just returned"])
def test_a_kill_costs_the_call_whose_result_was_not_kept(purpose, returned, address, tmp_path):
    victim = Victim(address, tmp_path, QUESTION, native_async=False)
    fatal = [
        number
        for number, call in enumerate(ENTRIES, start=1)
        if call.purpose == purpose and call.returned == returned
    ]
    assert not victim.run(dies_at=fatal[-1])  # the latest, when most can be lost
    assert victim.run(dies_at=None)
    assert victim.settled() == Toll(kills=1, repeated=0, twice=1, same=True)


@pytest.mark.parametrize("native_async", [False, True], ids=["sync", "async"])
def test_a_run_ends_although_every_process_dies_in_its_second_call(native_async, address, tmp_path):
    victim = Victim(address, tmp_path, QUESTION, native_async)
    while not victim.run(dies_at=3):
        assert victim.toll.kills < 20
    toll = victim.settled()
    others = len({call.what for call in Ledger(victim.log).entries()}) - 1
    assert toll == Toll(kills=others, repeated=0, twice=others, same=True)


class Homework(TypedDict):
    task: str
    attempts: list[Attempt]


def do_homework(address, log, dies_at):
    """Run the loop inside a node of a graph with a state of its own."""
    loop = paid_graph(Ledger(log, dies_at), checkpointer=None)

    def solve(state: Homework):
        return {"attempts": loop.invoke({"question": state["task"]})["attempts"]}

    builder = StateGraph(Homework).add_node(solve).add_edge(START, "solve")
    with saver_at(address) as saver:
        given = None if saver.get_tuple(THREAD) else {"task": QUESTION}
        return builder.compile(saver).invoke(given, THREAD, durability="sync")


def test_a_run_inside_a_node_of_another_graph_goes_on_as_well(address, tmp_path):
    log, kills = tmp_path / "calls.jsonl", 0
    while True:
        with started(do_homework, address, log, 9) as process:
            process.join(60)
        if process.exitcode == 0:
            break
        assert process.exitcode == -SIGKILL
        kills += 1
        assert kills < 20
    made = [call.what for call in Ledger(log).entries() if not call.returned]
    assert len(made) == len(ENTRIES) / 2 + kills
    assert do_homework(address, log, None)["attempts"] == STATE["attempts"]
    assert len(Ledger(log).entries()) == 2 * len(made) - kills
