"""Steps run alike in sync and async code, and each kind of code stays of its kind."""

import asyncio
import threading

import pytest
from langchain_core.runnables import Runnable

from langchain_markovscale import Calibration, create_markovscale_graph
from langchain_markovscale.graph.steps import arun_steps, run_steps


def _sync(steps, make):
    return run_steps(steps, make)


def _async(steps, make):
    async def amake(asked):
        await asyncio.sleep(0)
        return make(asked)

    return asyncio.run(arun_steps(steps, amake))


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def complete(request):
    return request.param


def test_each_call_is_made_and_its_result_sent_back(complete):
    def steps():
        first = yield 2
        second = yield first + 1
        return first, second

    assert complete(steps(), lambda asked: 10 * asked) == (20, 210)


def test_steps_without_a_call_return_at_once(complete):
    def steps():
        return "done"
        yield

    assert complete(steps(), lambda asked: pytest.fail("called")) == "done"


def test_an_error_is_thrown_where_the_call_was_asked_for(complete):
    def steps():
        try:
            yield 0
        except ZeroDivisionError:
            return (yield 4)

    assert complete(steps(), lambda asked: 8 / asked) == 2


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_an_error_that_nobody_catches_rises_as_it_is(error, complete):
    closed = []

    def steps():
        try:
            yield 0
        finally:
            closed.append(True)

    def fail(asked):
        raise error

    with pytest.raises(type(error)) as raised:
        complete(steps(), fail)
    assert raised.value is error
    assert closed == [True]


class Where(Runnable):
    """Notes in which thread it was called, and whether an event loop was running."""

    def __init__(self, value):
        self.value, self.seen = value, set()

    def invoke(self, input, config=None, **kwargs):
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        self.seen.add(("invoke", threading.get_ident(), loop is not None))
        return self.value

    async def ainvoke(self, input, config=None, **kwargs):
        self.seen.add(("ainvoke", threading.get_ident(), True))
        return self.value


def test_a_graph_calls_in_the_thread_that_called_it_and_needs_no_event_loop():
    weights = Where([0.5, 0.5])
    parts = {"generate": Where("a"), "revise": Where("b"), "verifier": Where(0.1)}
    rates = Calibration.from_rates(
        weights=[0.5, 0.5], initial=[0.6, 0.4], repair=0.6, corruption=0.05,
        sensitivity=0.9, specificity=0.9,
    )  # fmt: skip
    graph = create_markovscale_graph(
        **parts, calibration=rates, actions=("revise",), cost_per_round=0.0, max_rounds=3,
        variant="map", predictor=weights,
    )  # fmt: skip
    called = [weights, *parts.values()]
    graph.invoke({"question": "?"})
    assert [each.seen for each in called] == [{("invoke", threading.get_ident(), False)}] * 4
    for each in called:
        each.seen.clear()
    asyncio.run(graph.ainvoke({"question": "?"}))
    assert [each.seen for each in called] == [{("ainvoke", threading.get_ident(), True)}] * 4
