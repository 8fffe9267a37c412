"""Kill -9 in the midst of draws at once: the calls that were cut off are made again, no others."""

from functools import partial
from signal import SIGKILL

import pytest
from langchain_core.runnables import RunnableLambda
from paid_calls import CALIBRATION, Ledger, dice
from processes import go_on, started, thread_of
from savers import saver_at

from langchain_markovscale import create_markovscale_graph

QUESTION = "question 7"
DRAWS = 4
ENTRIES = 4 * DRAWS  # a draw and a verdict each, begun and returned


def graph_of(ledger, checkpointer):
    def draw(request, config):
        index = config["metadata"]["markovscale_attempt"]
        text = f"draw {index}: {dice('draw', index) % 3}"
        ledger.pay(request["question"], "generate", text)
        return text

    def verify(given):
        ledger.pay(given["question"], "verify", given["answer"])
        return (dice("score", given["answer"]) % 101) / 100

    return create_markovscale_graph(
        generate=RunnableLambda(draw),
        verifier=RunnableLambda(verify),
        calibration=CALIBRATION,
        answer_key="last_number",
        actions=("generate",),
        max_rounds=DRAWS,
        draws_at_once=DRAWS,
        checkpointer=checkpointer,
    )


def draw_on(address, log, dies_at, native_async, threads):
    config = thread_of(QUESTION)
    if threads is not None:
        config = {**config, "max_concurrency": threads}
    make = partial(graph_of, Ledger(log, dies_at))
    go_on(make, address, QUESTION, config, native_async=native_async)


def runs_to_the_end(address, log, dies_at, *options):
    """Whether a new process comes to the end, or kills itself before."""
    with started(draw_on, address, log, dies_at, *options) as process:
        process.join(60)
    assert process.exitcode in (0, -SIGKILL)
    return process.exitcode == 0


def ended(address):
    with saver_at(address) as saver:
        return graph_of(Ledger("/dev/null"), saver).get_state(thread_of(QUESTION))


UNKILLED = graph_of(Ledger("/dev/null"), None).invoke({"question": QUESTION})


def made_twice(log):
    """How many calls were begun again, once every call has been made."""
    begun = [call.what for call in Ledger(log).entries() if not call.returned]
    assert len(set(begun)) == 2 * DRAWS
    return len(begun) - len(set(begun))


@pytest.mark.parametrize("native_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("dies_at", [2, 7, 12, ENTRIES - 1])
def test_a_kill_costs_the_one_call_that_was_cut_off(dies_at, native_async, address, tmp_path):
    log = tmp_path / "calls.jsonl"
    # One draw after the other, so that one call is on its way when the process dies.
    assert not runs_to_the_end(address, log, dies_at, native_async, 1)
    assert runs_to_the_end(address, log, None, native_async, 1)
    assert made_twice(log) == 1
    state = ended(address).values
    assert (state["attempts"], state["answer"]) == (UNKILLED["attempts"], UNKILLED["answer"])


@pytest.mark.parametrize("native_async", [False, True], ids=["sync", "async"])
def test_a_kill_costs_at_most_the_calls_that_were_on_their_way(native_async, address, tmp_path):
    log, kills = tmp_path / "calls.jsonl", 0
    while not runs_to_the_end(address, log, 2 * DRAWS + 1, native_async, None):
        kills += 1
        assert kills < 10
    assert 1 <= made_twice(log) <= DRAWS * kills
    assert ended(address).values["attempts"] == UNKILLED["attempts"]
