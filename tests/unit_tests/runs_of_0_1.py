"""The loop and the agent whose runs version 0.1 began and the tests of today end.

Both have to be as they were then, or the checkpoints that were kept would not be theirs. All names
are public ones.
"""

from typing import Any

from langchain.agents import create_agent

from langchain_markovscale import (
    Calibration,
    JudgeVerifier,
    MarkovScaleMiddleware,
    create_markovscale_graph,
)

QUESTION = "What is 17 * 23?"
FIRST, SECOND = "17 * 23 = 390", "17 * 23 = 391"
FAIL = "CRITIQUE: 7 * 3 ends in 1.\nVERDICT: FAIL\nPROBABILITY: 0.05"
PASS = "CRITIQUE: none\nVERDICT: PASS\nPROBABILITY: 0.95"
RATES = Calibration.from_rates(
    initial=0.5, repair=0.6, corruption=0.1, sensitivity=0.95, specificity=0.95
)
OPTIONS = {"calibration": RATES, "cost_per_round": 0.1, "answer_key": "last_number"}


def thread(name: str) -> dict[str, Any]:
    """The config of a thread."""
    return {"configurable": {"thread_id": name}}


def loop(model: Any, judge: Any, checkpointer: Any) -> Any:
    """A loop whose answers a model judges."""
    return create_markovscale_graph(
        model, verifier=JudgeVerifier(judge), checkpointer=checkpointer, **OPTIONS
    )


def loop_with(verifier: Any, model: Any, checkpointer: Any) -> Any:
    """A loop with another verifier."""
    return create_markovscale_graph(model, verifier=verifier, checkpointer=checkpointer, **OPTIONS)


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def agent(model: Any, judge: Any, checkpointer: Any) -> Any:
    """An agent with a tool, whose final answers a model judges."""
    middleware = MarkovScaleMiddleware(
        verifier=JudgeVerifier(judge), actions=("revise",), **OPTIONS
    )
    return create_agent(model, [multiply], middleware=[middleware], checkpointer=checkpointer)
