"""Functions as verifiers, and what all verifiers share: they are Runnables and leave no trace."""

import asyncio
import functools
import threading
from typing import Any

import pytest
from fakes import always
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnablePassthrough

from langchain_markovscale import FunctionVerifier, JudgeVerifier
from langchain_markovscale.verifiers import Verifier, VerifierInput, as_verifier

GIVEN = VerifierInput(question="2 + 2?", answer="It is 4.", key="4")
FREE = {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 0}


class Names(BaseCallbackHandler):
    """Notes the runs that it hears of."""

    def __init__(self) -> None:
        self.started: list[tuple[str, list[str]]] = []
        self.failed: list[str] = []

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.started.append((kwargs["name"], kwargs["tags"]))

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        self.failed.append(str(error))


def by_key(question: str, key: str | None) -> bool:
    return question == "2 + 2?" and key == "4"


async def async_by_key(key: str | None) -> float:
    await asyncio.sleep(0)
    return 0.75 if key == "4" else 0.0


class Callable:
    def __call__(self, answer: str) -> float:
        return 0.5 if answer == "It is 4." else 0.0


class AsyncCallable:
    async def __call__(self, answer: str) -> float:
        return 0.5


@pytest.mark.parametrize(
    ("func", "score"),
    [
        (by_key, 1.0),
        (lambda answer: answer == "It is 4.", 1.0),
        (lambda given: given["key"] == "4", 1.0),
        (lambda given, /: len(given) == 3, 1.0),
        (lambda **given: given["key"] == "4", 1.0),
        (lambda key, limit=5: int(key) < limit, 1.0),
        (lambda *, key: key == "4", 1.0),
        (lambda context: context is None, 1.0),
        (functools.partial(by_key, question="3 + 3?"), 0.0),
        (Callable(), 0.5),
    ],
)
async def test_a_function_gets_what_its_parameters_name(func: Any, score: float) -> None:
    verifier = FunctionVerifier(func)
    expected = {"score": score, "feedback": None, "usage": FREE}
    assert verifier.invoke(GIVEN) == expected
    assert await verifier.ainvoke(GIVEN) == expected


@pytest.mark.parametrize(
    "func", [lambda: True, lambda x, y: True, lambda question, limit: True, lambda *given: True]
)
def test_a_function_that_asks_for_something_else_is_an_error(func: Any) -> None:
    with pytest.raises(TypeError, match="must take some of question, answer, key"):
        FunctionVerifier(func)


async def test_an_async_function_serves_ainvoke_only() -> None:
    for func in (async_by_key, AsyncCallable(), lambda key: async_by_key(key)):
        verifier = FunctionVerifier(func)
        assert (await verifier.ainvoke(GIVEN))["score"] in (0.75, 0.5)
        with pytest.raises(TypeError, match="is async: use ainvoke"):
            verifier.invoke(GIVEN)


async def test_each_way_has_its_own_function() -> None:
    verifier = FunctionVerifier(by_key, async_by_key)
    assert verifier.invoke(GIVEN)["score"] == 1.0
    assert (await verifier.ainvoke(GIVEN))["score"] == 0.75
    with pytest.raises(TypeError, match="two async functions"):
        FunctionVerifier(async_by_key, async_by_key)


async def test_only_a_blocking_function_changes_threads() -> None:
    def in_this_thread() -> bool:
        return threading.current_thread() is threading.main_thread()

    def check(answer: str) -> bool:
        return in_this_thread()

    assert (await FunctionVerifier(check).ainvoke(GIVEN))["score"] == 1.0
    assert (await FunctionVerifier(check, blocking=True).ainvoke(GIVEN))["score"] == 0.0
    assert FunctionVerifier(check, blocking=True).invoke(GIVEN)["score"] == 1.0


def test_a_function_can_say_what_it_has_cost() -> None:
    usage = {"calls": 3, "input_tokens": 5, "output_tokens": 6, "unknown": 0}
    verifier = FunctionVerifier(lambda key: {"score": None, "feedback": "Why?", "usage": usage})
    assert verifier.invoke(GIVEN) == {"score": None, "feedback": "Why?", "usage": usage}


async def test_errors_of_the_function_rise_and_wrong_scores_name_it() -> None:
    with pytest.raises(ZeroDivisionError):
        FunctionVerifier(lambda key: 1 / 0).invoke(GIVEN)

    def percent(key: str) -> float:
        return 85.0

    with pytest.raises(ValueError, match=r"^percent returned the score 85\.0"):
        FunctionVerifier(percent).invoke(GIVEN)
    with pytest.raises(ValueError, match=r"^checker returned the score 85\.0"):
        await FunctionVerifier(percent, name="checker").ainvoke(GIVEN)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("4", TypeError, "must be a dict with 'question', 'answer'"),
        ({"question": "2 + 2?"}, ValueError, "needs 'answer' as a str"),
        ({"question": 4, "answer": "4"}, ValueError, "needs 'question' as a str .* got 4"),
        ({"question": "", "answer": "4", "key": 4}, ValueError, "needs 'key' as a str or None"),
    ],
)
def test_a_wrong_input_is_an_error(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FunctionVerifier(by_key).invoke(given)


async def test_verifiers_compose_with_other_runnables() -> None:
    chain = (
        RunnablePassthrough.assign(answer=lambda given: AIMessage("It is 4."))
        | FunctionVerifier(lambda answer, key: (answer == "It is 4.", str(key)))
        | RunnableLambda(lambda verdict: (verdict["score"], verdict["feedback"]))
    )
    assert chain.invoke({"question": "2 + 2?"}) == (1.0, "None")
    assert await chain.ainvoke({"question": "2 + 2?"}) == (1.0, "None")


async def test_verifiers_work_in_batches_and_with_bindings() -> None:
    verifier = FunctionVerifier(lambda key, limit=0: int(key) < limit).bind(limit=3)
    inputs = [VerifierInput(question="?", answer="!", key=str(i)) for i in range(6)]
    expected = [1.0] * 3 + [0.0] * 3
    assert [verdict["score"] for verdict in verifier.batch(inputs)] == expected
    assert [verdict["score"] for verdict in await verifier.abatch(inputs)] == expected


def test_retries_and_fallbacks_work() -> None:
    tries: list[int] = []

    def flaky(answer: str) -> bool:
        tries.append(1)
        if len(tries) < 3:
            raise TimeoutError
        return True

    verifier = FunctionVerifier(flaky).with_retry(
        stop_after_attempt=3, wait_exponential_jitter=False
    )
    assert verifier.invoke(GIVEN)["score"] == 1.0
    fallback = FunctionVerifier(lambda key: 1 / 0).with_fallbacks([FunctionVerifier(by_key)])
    assert fallback.invoke(GIVEN)["score"] == 1.0


async def test_a_run_is_recorded_where_somebody_listens() -> None:
    heard = Names()
    verifier = FunctionVerifier(by_key)
    config = RunnableConfig(callbacks=[heard], tags=["mine"])
    verifier.invoke(GIVEN, config)
    await verifier.ainvoke(GIVEN, config)
    (verifier | RunnableLambda(lambda verdict: verdict)).invoke(GIVEN, config)
    runs = [tags for name, tags in heard.started if name == "by_key"]
    assert len(runs) == 3
    assert all("nostream" in tags and "mine" in tags for tags in runs)
    with pytest.raises(ZeroDivisionError):
        FunctionVerifier(lambda key: 1 / 0).invoke(GIVEN, config)
    assert heard.failed == ["division by zero"]


def test_calls_within_are_part_of_the_run() -> None:
    heard = Names()
    within = RunnableLambda(lambda answer: 0.5).with_config(run_name="within")
    FunctionVerifier(lambda answer: within.invoke(answer)).invoke(GIVEN, {"callbacks": [heard]})
    assert [name for name, _ in heard.started] == ["FunctionVerifier", "within"]
    assert "nostream" in dict(heard.started)["within"]


def test_a_verifier_describes_its_input_and_output() -> None:
    verifier = FunctionVerifier(by_key)
    given = verifier.get_input_jsonschema()["$defs"]["VerifierInput"]
    assert set(given["required"]) == {"question", "answer", "key"}
    verdict = verifier.get_output_jsonschema()["$defs"]["Verdict"]
    assert set(verdict["required"]) == {"score", "feedback", "usage"}
    assert repr(verifier) == "FunctionVerifier(by_key)"


async def test_a_verifier_without_averify_runs_in_a_thread() -> None:
    class Slow(Verifier):
        def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> object:
            return threading.current_thread() is not threading.main_thread(), given["key"]

    verdict = await Slow().ainvoke(GIVEN)
    assert verdict == {"score": 1.0, "feedback": "4", "usage": None}


def test_as_verifier_takes_runnables_functions_and_none() -> None:
    runnable = RunnableLambda(lambda given: 0.5)
    assert as_verifier(runnable) is runnable
    assert as_verifier(None) is None
    verifier = as_verifier(by_key)
    assert isinstance(verifier, FunctionVerifier)
    assert verifier.invoke(GIVEN)["score"] == 1.0
    model = always("PASS")
    assert isinstance(as_verifier(JudgeVerifier(model)), JudgeVerifier)


@pytest.mark.parametrize(
    ("verifier", "message"),
    [
        ("judge", "must be a Runnable, a function .* got str"),
        (0.5, "must be a Runnable, a function .* got float"),
        (always("PASS"), r"is a model .* JudgeVerifier\(model\)"),
    ],
)
def test_as_verifier_names_what_is_wrong(verifier: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        as_verifier(verifier)
