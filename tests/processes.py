"""Processes of their own that run the loop, and what a kill has cost.

They are forked, within milliseconds, from a server that has imported everything and runs nothing.
All of them read what checkpointers keep as `LANGGRAPH_STRICT_MSGPACK` asks, and a warning is in
them what it is in the tests: an error, for all that pyproject.toml does not except.
"""

import asyncio
import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import forkserver
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from paid_calls import Call, Ledger, paid_graph
from savers import async_saver_at, saver_at

ROOT = Path(__file__).parents[1]
CONTEXT = multiprocessing.get_context("forkserver")


def warm_up() -> None:
    """Start the server from which processes are forked, if it does not run."""
    CONTEXT.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, [ROOT, ROOT / "tests"])))
        patch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
        forkserver.ensure_running()


def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function of a module returns in a fresh process."""
    warm_up()
    with ProcessPoolExecutor(1, mp_context=CONTEXT) as pool:
        return pool.submit(strictly, warnings.filters, function, *args).result(timeout=60)


def strictly(filters: list[Any], function: Callable[..., Any], *args: Any) -> Any:
    """Call a function with filters of warnings; what it logs as a warning is an error."""
    warnings.resetwarnings()
    warnings.filters.extend(filters)
    logged = Logged(logging.WARNING)
    logging.getLogger().addHandler(logged)
    result = function(*args)
    assert not logged.messages, logged.messages
    return result


class Logged(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def thread_of(question: str) -> dict[str, Any]:
    """The thread of a question is called after it."""
    return {"configurable": {"thread_id": question}}


@contextmanager
def started(function: Callable[..., Any], *args: Any):
    """A process that runs a function and may be killed; it is gone at the end."""
    warm_up()
    process = CONTEXT.Process(target=strictly, args=(warnings.filters, function, *args))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def run_paid(
    address: str, log: Path, question: str, dies_at: int | None, native_async: bool
) -> None:
    """Run a question, or go on with it from the last checkpoint that there is."""
    make = partial(paid_graph, Ledger(log, dies_at))
    go_on(make, address, question, thread_of(question), native_async=native_async)


def go_on(
    make: Callable[[Any], Any],
    address: str,
    question: str,
    config: dict[str, Any],
    *,
    native_async: bool,
) -> None:
    """Run a question by the graph that is made for a checkpointer, or go on with it."""

    def given(kept: object) -> dict[str, str] | None:
        return None if kept else {"question": question}

    async def in_event_loop() -> None:
        async with async_saver_at(address) as saver:
            start = given(await saver.aget_tuple(config))
            await make(saver).ainvoke(start, config, durability="sync")

    if native_async:
        asyncio.run(in_event_loop())
        return
    with saver_at(address) as saver:
        start = given(saver.get_tuple(config))
        make(saver).invoke(start, config, durability="sync")


def outcome(state: dict[str, Any]) -> dict[str, Any]:
    """What has to be the same however often a run was killed."""
    kept = {name: state[name] for name in ("answer", "attempts", "decision", "usage")}
    return kept | {"messages": [message.text for message in state["messages"]]}


@cache
def unkilled(question: str) -> tuple[dict[str, Any], list[Call]]:
    """The outcome of a run that nobody disturbs, and the record of its calls."""
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "calls.jsonl")
        graph = paid_graph(ledger, InMemorySaver())
        state = graph.invoke({"question": question}, thread_of(question))
        return outcome(state), ledger.entries()


def kept_calls(address: str, question: str) -> set[tuple[str, str, str]]:
    """The calls whose results the checkpointer has."""
    with saver_at(address) as saver:
        snapshot = paid_graph(Ledger("/dev/null"), saver).get_state(thread_of(question))
    attempts = snapshot.values.get("attempts") or []
    for task in snapshot.tasks:  # written by a node after which there was no checkpoint yet
        attempts = (task.result or {}).get("attempts", attempts)
    written = {(question, attempt["action"], attempt["text"]) for attempt in attempts}
    judged = [attempt for attempt in attempts if attempt["score"] is not None]
    return written | {(question, "verify", attempt["text"]) for attempt in judged}


@dataclass
class Toll:
    """What kills have cost one question.

    Attributes:
        kills: How often a process was killed.
        repeated: Calls that were made again although the checkpointer had their result.
        twice: Calls that were begun again because a kill came before their result was kept.
        same: Whether attempts, decision, usage and answer are those of an unkilled run.
    """

    kills: int = 0
    repeated: int = 0
    twice: int = 0
    same: bool = False


class Victim:
    """A question whose processes get killed.

    Args:
        address: Where its thread is kept.
        folder: For the record of its calls.
        question: The question, which is the thread's name as well.
        native_async: Whether it runs under asyncio.
    """

    def __init__(self, address: str, folder: Path, question: str, native_async: bool) -> None:
        self.address, self.question, self.native_async = address, question, native_async
        self.log = folder / f"{question}.jsonl"
        self.toll = Toll()

    def run(self, dies_at: int | None, kill: Callable[[Any], None] | None = None) -> bool:
        """Run on in a new process, and return whether it came to the end.

        Args:
            dies_at: The entry in the ledger after which the process kills itself.
            kill: Kills it from outside.
        """
        kept = kept_calls(self.address, self.question)
        before = Ledger(self.log).entries()
        given = (self.address, self.log, self.question, dies_at, self.native_async)
        with started(run_paid, *given) as process:
            if kill is not None:
                kill(process)
            process.join(60)
            assert process.exitcode in (0, -SIGKILL), f"exit code {process.exitcode}"
        after = Ledger(self.log).entries()[len(before) :]
        made = [call.what for call in after if not call.returned]
        self.toll.repeated += sum(what in kept for what in made)
        self.toll.twice += sum(what in {call.what for call in before} for what in made)
        self.toll.kills += process.exitcode != 0
        return process.exitcode == 0

    def settled(self) -> Toll:
        """Return what the kills have cost, when it has come to the end."""
        expected, entries = unkilled(self.question)
        with saver_at(self.address) as saver:
            state = paid_graph(Ledger("/dev/null"), saver).get_state(thread_of(self.question))
        made = {call.what for call in Ledger(self.log).entries() if call.returned}
        self.toll.same = (
            not state.next
            and outcome(state.values) == expected
            and made == {call.what for call in entries}
        )
        return self.toll
