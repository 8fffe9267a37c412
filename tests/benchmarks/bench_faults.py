"""Many runs at once, on parts that fail: every run ends well, and the books are right.

A fifth of all calls fails, hangs or returns rubbish. A ledger that the loop knows nothing of notes
what each call really cost. Then the same without faults: what a thousand concurrent runs cost
beside a loop by hand, and what they leave behind in memory.
"""

import asyncio
import gc
import random
import re
import sys
from collections import Counter, defaultdict
from statistics import median
from time import process_time
from typing import Any

from bench_graph import ROUNDS, by_hand, loop, parts
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langgraph.errors import NodeTimeoutError
from langgraph.types import RetryPolicy
from pydantic import ConfigDict

from langchain_markovscale import Calibration, EmptyReplyError, create_markovscale_graph

RUNS = 2_000
AT_ONCE = 100
FAULTS = 0.2
# What goes wrong, and how often; a call that hangs is ended by the loop, a timeout by the client.
KINDS = {"error": 6, "timeout": 5, "hang": 1, "empty": 6, "tool call": 6}
TIMEOUT = 10.0  # far above what a busy event loop keeps a call waiting
CONCURRENT = 1_000
CALIBRATION = Calibration.from_rates(
    initial=0.4, repair=0.4, corruption=0.05, sensitivity=0.9, specificity=0.9
)
CLEAR = (ConnectionError, TimeoutError, NodeTimeoutError, EmptyReplyError)
_RAISED = {"error": ConnectionError, "timeout": TimeoutError}


class Ledger:
    """What every call of every question really cost, and what it said."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.costs: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.said: dict[str, list[str]] = defaultdict(list)
        self.kinds: Counter[str] = Counter()

    def book(self, question, purpose, read=None, written=None):
        known = read is not None
        self.costs[question][purpose].update(
            calls=1, input_tokens=read or 0, output_tokens=written or 0, unknown=int(not known)
        )

    def fault(self) -> str | None:
        kind = None
        if self.random.random() < FAULTS:
            (kind,) = self.random.choices(list(KINDS), KINDS.values())
        self.kinds[kind or "fine"] += 1
        return kind


class Fragile(BaseChatModel):
    """Answers with a number, or fails."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    ledger: Any
    purpose: str

    @property
    def _llm_type(self) -> str:
        return "fragile"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        question = re.search(r"question \d+", str(messages[0].content)).group()
        fault = self.ledger.fault()
        if fault in _RAISED:
            self.ledger.book(question, self.purpose)
            raise _RAISED[fault]()
        if fault == "hang":
            self.ledger.book(question, self.purpose)
            await asyncio.sleep(3600)
        read, written = self.ledger.random.randrange(1, 500), self.ledger.random.randrange(1, 200)
        self.ledger.book(question, self.purpose, read, written)
        usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
        text = "" if fault else str(self.ledger.random.randrange(10))
        if text:
            self.ledger.said[question, self.purpose].append(text)
        calls = [{"name": "search", "args": {}, "id": "1"}] if fault == "tool call" else []
        message = AIMessage(text, usage_metadata=usage, tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


def fragile_graph(ledger):
    """Models for all three, and a verifier that chokes on what is no number."""
    judge = (
        RunnableLambda(lambda given: given["question"])
        | Fragile(ledger=ledger, purpose="verify")
        | RunnableLambda(lambda said: int(said.text) / 9)
    )
    return create_markovscale_graph(
        generate=Fragile(ledger=ledger, purpose="generate"),
        revise=Fragile(ledger=ledger, purpose="revise"),
        verifier=judge,
        calibration=CALIBRATION,
        answer_key="last_number",
        max_rounds=4,
        cost_per_round=0.005,
        timeout=TIMEOUT,
        retry_policy=RetryPolicy(
            initial_interval=0.0, jitter=False, max_attempts=2, retry_on=Exception
        ),
    )


async def all_runs(graph):
    """The outcome of every run: its state, or what it raised."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        async with limit:
            return await graph.ainvoke({"question": f"question {number}"})

    return await asyncio.gather(*map(one, range(RUNS)), return_exceptions=True)


def ended_well(outcome, said):
    """An answer that was really given, or one clear error where there was never any answer."""
    if isinstance(outcome, BaseException):
        return not said and isinstance(outcome, CLEAR)
    decision = outcome["decision"]
    told = (decision["reason"] == "error") == (outcome["error"] is not None)
    return outcome["answer"] in said and decision["action"] == "stop" and told


def test_every_run_ends_well_on_parts_that_fail(figure, caplog):
    caplog.set_level("CRITICAL", logger="langchain_markovscale")  # thousands of warnings
    ledger = Ledger(seed=5)
    outcomes = asyncio.run(all_runs(fragile_graph(ledger)))
    badly, wrong_books, with_answer = 0, 0, 0
    for number, outcome in enumerate(outcomes):
        question = f"question {number}"
        said = ledger.said[question, "generate"] + ledger.said[question, "revise"]
        badly += not ended_well(outcome, said)
        if not isinstance(outcome, BaseException):
            with_answer += 1
            booked = {purpose: Counter(usage) for purpose, usage in outcome["usage"].items()}
            wrong_books += booked != ledger.costs[question]
    calls = sum(ledger.kinds.values())
    figure("faulty calls", 1 - ledger.kinds["fine"] / calls, "share", at_least=0.19, at_most=0.21)
    figure(f"runs of {RUNS} that ended badly", badly, "runs", at_most=0)
    figure(f"books of {with_answer} runs that were wrong", wrong_books, "runs", at_most=0)
    figure("runs with an answer", with_answer / RUNS, "share", at_least=0.9)


async def at_once(graph):
    """Processor seconds of many concurrent runs."""
    given = [{"messages": [HumanMessage("?", id="1")]} for _ in range(CONCURRENT)]
    began = process_time()
    states = await asyncio.gather(*map(graph.ainvoke, given))
    took = process_time() - began
    assert all(len(state["attempts"]) == ROUNDS for state in states)
    return took


def test_overhead_of_concurrent_runs(figure):
    made = parts("RunnableLambdas")
    ours, theirs = loop(*made), by_hand(*made, native_async=True)
    took = {"ours": [], "theirs": []}
    with asyncio.Runner() as runner:
        for _ in range(3):  # in turn, so that both see the same machine
            took["theirs"].append(runner.run(at_once(theirs)))
            took["ours"].append(runner.run(at_once(ours)))
    times = median(took["ours"]) / median(took["theirs"])
    figure(f"{CONCURRENT} concurrent runs over a loop by hand", times, "×", at_most=1.25)


def test_finished_runs_leave_nothing_behind(figure):
    graph = loop(*parts("RunnableLambdas"))

    def held():
        gc.collect()
        return sys.getallocatedblocks()

    with asyncio.Runner() as runner:
        runner.run(at_once(graph))
        before = held()
        for _ in range(2):
            runner.run(at_once(graph))
        kept = (held() - before) / (2 * CONCURRENT)
    figure("memory that a finished run keeps", kept, "blocks", at_most=0.1)
