"""Loops, routers, verifiers and models travel to another process, as to a worker of Ray or Dask."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langgraph.cache.memory import InMemoryCache
from langgraph.types import CachePolicy

from langchain_markovscale import (
    Calibration,
    ChatMarkovScale,
    Criterion,
    FunctionVerifier,
    JudgeVerifier,
    MarkovScaleMiddleware,
    MarkovScaleRouter,
    create_markovscale_graph,
    with_markovscale,
)

ROOT = Path(__file__).parents[3]
THERE = (
    "import sys, cloudpickle\n"
    "things = cloudpickle.load(sys.stdin.buffer)\n"
    "used = {name: use(thing) for name, (thing, use) in things.items()}\n"
    "sys.stdout.buffer.write(cloudpickle.dumps(used))\n"
)
GIVEN = {"question": "2 + 2?", "answer": "4", "key": "4"}


def used_elsewhere(things: dict[str, Any]) -> dict[str, Any]:
    """Send things with what to do with them to another process, and return what came of it."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        sent = cloudpickle.dumps(things)
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", THERE],
        input=sent,
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return cloudpickle.loads(done.stdout)


def graph(**options: Any) -> Any:
    return create_markovscale_graph(
        FakeListChatModel(responses=["It is 4.", "It is 5."]),
        verifier=FunctionVerifier(lambda answer: (float("4" in answer), "no")),
        answer_key="last_number",
        **options,
    )


def answer(loop: Any) -> Any:
    state = loop.invoke({"question": "2 + 2?"})
    return state["answer"], state["decision"], len(state["attempts"])


def test_everything_of_a_loop_works_in_another_process():
    attempts = graph().invoke({"question": "2 + 2?"})["attempts"]
    chain = ChatPromptTemplate([("human", "{question}")]) | FakeListChatModel(responses=["4"])
    options = {"verifier": lambda answer: 1.0}
    things = {
        "graph": (graph(), answer),
        "limited": (graph(max_rounds=2, name="other"), lambda loop: (answer(loop), loop.name)),
        "configured": (
            graph().with_config(tags=["mine"]),
            lambda loop: (answer(loop), loop.config["tags"], loop.config["recursion_limit"]),
        ),
        "builder": (graph().builder, lambda builder: answer(builder.compile())),
        "cached": (graph(cache_policy=CachePolicy()), answer),
        "chat": (ChatMarkovScale(graph=graph()), lambda chat: chat.invoke("2 + 2?").content),
        "chain": (
            with_markovscale(chain, question="question", **options),
            lambda loop: loop.invoke({"question": "2 + 2?"}),
        ),
        "router": (
            MarkovScaleRouter(Calibration.training_free()),
            lambda router: router.decide({"attempts": attempts}),
        ),
        "criterion": (
            Criterion(Calibration.training_free()),
            lambda criterion: criterion.decide(attempts),
        ),
        "judge": (
            JudgeVerifier(FakeListChatModel(responses=["VERDICT: PASS"])),
            lambda judge: judge.invoke(GIVEN),
        ),
        "middleware": (MarkovScaleMiddleware(**options), lambda middleware: middleware.name),
    }
    there = used_elsewhere(things)  # first, because a scripted model counts its calls
    assert there == {name: use(thing) for name, (thing, use) in things.items()}


def test_a_graph_that_came_back_is_what_it_was():
    sent = graph(max_rounds=3, name="there and back")
    back = cloudpickle.loads(cloudpickle.dumps(sent))
    assert back.config == sent.config
    assert (back.name, back.get_graph().draw_mermaid()) == (
        sent.name,
        sent.get_graph().draw_mermaid(),
    )
    again = cloudpickle.loads(cloudpickle.dumps(back))
    assert answer(again) == answer(back) == answer(sent)


def test_what_cannot_travel_says_so():
    """A checkpointer or cache that holds a lock or a connection stays where it is."""
    with pytest.raises(TypeError, match="pickle"):
        cloudpickle.dumps(graph(cache=InMemoryCache(), cache_policy=CachePolicy()))
