"""Evaluators of other libraries as verifiers, as they are: openevals, LangSmith, ragas, deepeval.

An evaluator grades records of a data set, and many compare with a reference answer. A loop has a
question, an answer and perhaps documents, so that those work which need no more. They are known by
their methods and parameters: none of the libraries is imported before an object of it is given.
"""

import contextlib
import copy
import inspect
import math
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn

from langchain_core.runnables import RunnableConfig

from langchain_markovscale._text import harmless
from langchain_markovscale.types import VerifierInput
from langchain_markovscale.verifiers.base import Verifier
from langchain_markovscale.verifiers.documents import documents_of

_VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
_NAMES = frozenset(
    {"inputs", "outputs", "reference_outputs", "context", "run", "example", "attachments"}
)
"""The parameters of evaluators that are functions."""


class _Calls(NamedTuple):
    """How an evaluator is called, sync and async; None where it cannot be."""

    sync: Callable[[VerifierInput], object] | None
    awaited: Callable[[VerifierInput], Awaitable[object]] | None


class EvaluatorVerifier(Verifier):
    """An evaluator of another library as a verifier; what `as_verifier` makes of one.

    Accepted are functions of `outputs` and, if they name them, `inputs`, `context`, `run` and
    `example` (openevals, LangSmith), LangSmith's `RunEvaluator`, metrics of ragas that score one
    turn, and metrics of deepeval. The question is `inputs`, `input` or `user_input`, the answer
    `outputs`, `actual_output` or `response`, and the texts of the generator's context are the
    retrieved ones. Parameters annotated as `dict` get `{"question": …, "input": …}` and
    `{"answer": …, "output": …}`, as runs do. Scores are those of the evaluator, in [0, 1], a
    ragas scale rescaled to it; where less is better, 1 − score.

    Args:
        evaluator: The evaluator.
        name: The name that traces and errors show; the evaluator's if None.

    Raises:
        TypeError: If the evaluator is of no known kind, or needs what a loop does not have, such
            as a reference answer.
    """

    def __init__(self, evaluator: object, *, name: str | None = None) -> None:
        super().__init__(name=name or _name_of(evaluator))
        calls_of = _kind_of(evaluator)
        if calls_of is None:
            raise TypeError(
                "evaluator must be one of openevals, LangSmith, ragas or deepeval, got "
                f"{type(evaluator).__name__}."
            )
        self.evaluator = evaluator
        self._calls = calls_of(evaluator, self.get_name())

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> object:
        """Ask the evaluator."""
        if self._calls.sync is None:
            raise TypeError(f"The evaluator {self.get_name()} is async: use ainvoke.")
        with _naming_the_reference(self.get_name()):
            return self._calls.sync(given)

    async def averify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> object:
        """Await the evaluator; a sync one in LangChain's thread pool."""
        if self._calls.awaited is None:
            return await super().averify(given, config, **kwargs)
        with _naming_the_reference(self.get_name()):
            return await self._calls.awaited(given)

    def __repr__(self) -> str:
        return harmless(f"EvaluatorVerifier({self.get_name()})")


def is_evaluator(value: object) -> bool:
    """Return whether a value is an evaluator of another library."""
    return _kind_of(value) is not None


def _kind_of(evaluator: object) -> Callable[[Any, str], _Calls] | None:
    if isinstance(evaluator, type):
        return None
    for methods, kind in _KINDS.items():
        if all(callable(getattr(evaluator, method, None)) for method in methods):
            return kind
    return _function if callable(evaluator) and _is_function_of_outputs(evaluator) else None


def _is_function_of_outputs(func: Callable[..., Any]) -> bool:
    """Whether a function is an evaluator, and not one of a question, an answer or a key."""
    parameters = _parameters(func)
    needed = {part for part, each in parameters.items() if _is_needed(each)}
    is_verifier = parameters.keys() & {"question", "answer", "key"}
    return bool(parameters.keys() & {"outputs", "run"}) and needed <= _NAMES and not is_verifier


def _name_of(evaluator: object) -> str:
    for name in ("__name__", "name", "evaluation_name"):
        found = getattr(evaluator, name, None)
        if isinstance(found, str) and found and not found.startswith("_"):
            return found
    return "evaluator" if inspect.isfunction(evaluator) else type(evaluator).__name__


def _parameters(func: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(func).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return {}


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in _VARIADIC


def _refuse_reference(name: str, *asked: object) -> NoReturn:
    wanted = f" ({', '.join(map(str, asked))})" if asked else ""
    raise TypeError(
        f"The evaluator {name} needs a reference answer or other data{wanted} that a verifier does "
        "not have: in a loop there are the question, the answer and the documents that were read. "
        "Give an evaluator that needs no more."
    )


def _check_needs(name: str, needed: Iterable[str], *known: str) -> None:
    if missing := sorted(set(needed) - set(known)):
        _refuse_reference(name, *missing)


@contextlib.contextmanager
def _naming_the_reference(name: str) -> Iterator[None]:
    """Give the reason where a prompt has a place for a reference answer."""
    try:
        yield
    except KeyError as error:
        if "reference" in str(error):
            _refuse_reference(name, "reference_outputs")
        raise


def _documents(given: VerifierInput, name: str, *, needed: bool) -> list[str] | None:
    return documents_of(given, None, name) if needed or given.get("context") is not None else None


def _question(given: VerifierInput) -> dict[str, str]:
    return {"question": given["question"], "input": given["question"]}


def _answer(given: VerifierInput) -> dict[str, str]:
    return {"answer": given["answer"], "output": given["answer"]}


# deepeval: a metric keeps the result of its last call, so each call has a copy of its own.


def _deepeval(metric: Any, name: str) -> _Calls:
    asked = getattr(metric, "evaluation_params", None) or getattr(metric, "_required_params", None)
    listed = asked if isinstance(asked, list) else []  # a metric of one's own may name none
    needed = [str(getattr(parameter, "value", parameter)) for parameter in listed]
    _check_needs(name, needed, "input", "actual_output", "retrieval_context")

    def case_of(given: VerifierInput) -> Any:
        from deepeval.test_case import LLMTestCase

        return LLMTestCase(
            input=given["question"],
            actual_output=given["answer"],
            retrieval_context=_documents(given, name, needed="retrieval_context" in needed),
        )

    def measure(given: VerifierInput) -> object:
        own = copy.copy(metric)
        own.measure(case_of(given), **_unseen(own.measure))
        return _measured(own)

    async def a_measure(given: VerifierInput) -> object:
        own = copy.copy(metric)
        await own.a_measure(case_of(given), **_unseen(own.a_measure))
        return _measured(own)

    return _Calls(measure, a_measure)


def _unseen(measure: Callable[..., Any]) -> dict[str, bool]:
    """Return what keeps a metric's progress bar off the screen, where it has one."""
    return {"_show_indicator": False} if "_show_indicator" in _parameters(measure) else {}


def _measured(metric: Any) -> dict[str, Any]:
    score = metric.score
    if score is not None and _less_is_better(metric):
        score = 1 - score
    tokens = {part: getattr(metric, part, None) for part in ("input_tokens", "output_tokens")}
    usage = tokens if all(isinstance(count, int) for count in tokens.values()) else None
    return {"score": score, "reason": metric.reason, "usage": usage}


def _less_is_better(metric: Any) -> bool:
    """Whether 0 is a success and 1 is none, as with some metrics of bias and toxicity."""
    worst, best = copy.copy(metric), copy.copy(metric)
    worst.score, best.score = 0.0, 1.0
    return bool(worst.is_successful() and not best.is_successful())


# ragas: metrics of samples, and the newer ones of keyword arguments.


def _ragas_samples(metric: Any, name: str) -> _Calls:
    needed = metric.required_columns.get("SINGLE_TURN", set())
    _check_needs(name, needed, "user_input", "response", "retrieved_contexts")

    def sample_of(given: VerifierInput) -> Any:
        from ragas.dataset_schema import SingleTurnSample

        documents = _documents(given, name, needed="retrieved_contexts" in needed)
        return SingleTurnSample(
            user_input=given["question"], response=given["answer"], retrieved_contexts=documents
        )

    async def ascore(given: VerifierInput) -> object:
        return _number(await metric.single_turn_ascore(sample_of(given)))

    return _Calls(lambda given: _number(metric.single_turn_score(sample_of(given))), ascore)


def _number(score: Any) -> Any:
    """Return a score; None for NaN, by which ragas says that a judge could not be read."""
    return None if isinstance(score, float) and math.isnan(score) else score


def _ragas_arguments(metric: Any, name: str) -> _Calls:
    func = getattr(metric, "_func", None) or metric.ascore
    parameters = _parameters(func)
    named = {part for part, each in parameters.items() if each.kind not in _VARIADIC}
    if not named:
        raise TypeError(
            f"The metric {name} gets its model and the parts of its prompt at each call: give a "
            "function instead, such as "
            "lambda question, answer: metric.score(llm=llm, question=question, answer=answer)."
        )
    needed = {part for part in named if _is_needed(parameters[part])}
    _check_needs(name, needed, "user_input", "response", "retrieved_contexts")

    def arguments(given: VerifierInput) -> dict[str, Any]:
        every = {
            "user_input": given["question"],
            "response": given["answer"],
            "retrieved_contexts": _documents(given, name, needed="retrieved_contexts" in needed),
        }
        return {part: value for part, value in every.items() if part in named and value is not None}

    async def ascore(given: VerifierInput) -> object:
        return _rescaled(await metric.ascore(**arguments(given)), metric)

    return _Calls(lambda given: _rescaled(metric.score(**arguments(given)), metric), ascore)


def _rescaled(result: Any, metric: Any) -> object:
    """Return a result's value in [0, 1], by the scale that its metric has."""
    value = _number(result.value)
    scale = getattr(metric, "allowed_values", None)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and isinstance(scale, (tuple, range)) and len(scale) >= 2:
        value = (value - scale[0]) / (scale[-1] - scale[0])
    return {"score": None, "value": value, "reason": result.reason}


# LangSmith and openevals.


class _NoReference(dict[str, Any]):
    """The outputs of an example that has none: to look at them is an error."""

    def _refuse(self, *args: object) -> NoReturn:
        _refuse_reference("of LangSmith", "example.outputs")

    __getitem__ = __contains__ = __iter__ = __eq__ = __ne__ = _refuse
    get = keys = values = items = _refuse
    __hash__ = None

    def __len__(self) -> int:
        return 1  # no example without outputs, for which others are taken


def _run_and_example(given: VerifierInput) -> dict[str, Any]:
    from langsmith.schemas import Example, Run

    now, number = datetime.now(UTC), uuid.uuid4()
    run = Run(
        id=number,
        trace_id=number,
        name="answer",
        run_type="chain",
        start_time=now,
        end_time=now,
        inputs=_question(given),
        outputs=_answer(given),
    )
    example = Example.model_construct(
        id=uuid.uuid4(),
        dataset_id=uuid.uuid4(),
        created_at=now,
        inputs=_question(given),
        outputs=_NoReference(),
        metadata={},
        attachments={},
    )
    return {"run": run, "example": example}


def _langsmith(evaluator: Any, name: str) -> _Calls:
    async def aevaluate(given: VerifierInput) -> object:
        return await evaluator.aevaluate_run(**_run_and_example(given))

    return _Calls(lambda given: evaluator.evaluate_run(**_run_and_example(given)), aevaluate)


def _function(func: Callable[..., Any], name: str) -> _Calls:
    parameters = _parameters(func)
    named = {part: each for part, each in parameters.items() if each.kind not in _VARIADIC}
    needed = [part for part, each in named.items() if _is_needed(each)]
    _check_needs(name, needed, "inputs", "outputs", "context", "run", "example")
    takes_more = len(named) < len(parameters)
    records = {part for part, each in named.items() if _is_record(each.annotation)}

    def arguments(given: VerifierInput) -> dict[str, Any]:
        documents = _documents(given, name, needed="context" in needed)
        every: dict[str, Any] = {
            "inputs": _question(given) if "inputs" in records else given["question"],
            "outputs": _answer(given) if "outputs" in records else given["answer"],
        }
        if documents is not None:
            every["context"] = "\n\n".join(documents)
        if "run" in named or "example" in named:
            every |= _run_and_example(given)
        return {part: value for part, value in every.items() if part in named or takes_more}

    def call(given: VerifierInput) -> Any:
        return func(**arguments(given))

    return _Calls(None, call) if inspect.iscoroutinefunction(func) else _Calls(call, None)


def _is_record(annotation: object) -> bool:
    """Whether a parameter is annotated as a dict, also as text."""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return str(name).lower().startswith("dict")


_KINDS: dict[tuple[str, ...], Callable[[Any, str], _Calls]] = {
    ("measure", "a_measure", "is_successful"): _deepeval,
    ("single_turn_score", "single_turn_ascore"): _ragas_samples,
    ("score", "ascore", "batch_score"): _ragas_arguments,
    ("evaluate_run", "aevaluate_run"): _langsmith,
}
"""The kinds of evaluators, by the methods that they are known by."""
