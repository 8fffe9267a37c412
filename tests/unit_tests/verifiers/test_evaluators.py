"""Evaluators of other libraries as verifiers, by copies of what they look like.

The libraries themselves are tested in tests/integration_tests/evaluators.
"""

import asyncio
import dataclasses
import math
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
from langsmith.evaluation import EvaluationResult, run_evaluator

from langchain_markovscale.verifiers import FunctionVerifier, VerifierInput, as_verifier
from langchain_markovscale.verifiers.evaluators import EvaluatorVerifier

GIVEN = VerifierInput(question="2 + 2?", answer="It is 5.", key="5")
READ: Any = {**GIVEN, "context": {"documents": ["Two and two", "are four."]}}


@pytest.fixture(autouse=True)
def libraries(monkeypatch):
    """The classes that cases and samples are made of."""
    for module, name in (
        ("deepeval.test_case", "LLMTestCase"),
        ("ragas.dataset_schema", "SingleTurnSample"),
    ):
        monkeypatch.setitem(sys.modules, module.partition(".")[0], ModuleType("fake"))
        fake = ModuleType(module)
        setattr(fake, name, SimpleNamespace)
        monkeypatch.setitem(sys.modules, module, fake)


class DeepEvalMetric:
    """Keeps its last result, as deepeval's do; longer answers are worse."""

    score = reason = None
    evaluation_params: ClassVar = [
        SimpleNamespace(value="input"),
        SimpleNamespace(value="actual_output"),
    ]
    __name__ = "Brevity"

    def __init__(self, less_is_better=False):
        self.less_is_better = less_is_better

    def measure(self, case, _show_indicator=True):
        assert not _show_indicator
        self.score = len(case.actual_output) / 10
        self.reason = f"{case.input} {case.retrieval_context}"
        self.input_tokens, self.output_tokens = 30, 4

    async def a_measure(self, case, _show_indicator=True):
        self.measure(case, _show_indicator)
        await asyncio.sleep(0)

    def is_successful(self):
        return self.score <= 0.5 if self.less_is_better else self.score >= 0.5


class RagasMetric:
    """Scores a sample."""

    name = "support"

    def __init__(self, *columns, score=0.25):
        self.required_columns = {"SINGLE_TURN": {"user_input", "response", *columns}}
        self.score = score

    def single_turn_score(self, sample):
        assert (sample.user_input, sample.response) == ("2 + 2?", "It is 5.")
        return self.score if sample.retrieved_contexts else self.score / 2

    async def single_turn_ascore(self, sample):
        return self.single_turn_score(sample)


@dataclasses.dataclass
class MetricResult:
    value: Any
    reason: str | None = None
    traces: Any = None


class RagasArguments:
    """Scores what its arguments name."""

    name = "brief"

    def __init__(self, value, scale=(0.0, 1.0)):
        self.value, self.allowed_values = value, scale

    async def ascore(self, response, user_input=None):
        return MetricResult(self.value, f"{user_input} {response}")

    def score(self, **arguments):
        return asyncio.run(self.ascore(**arguments))

    def batch_score(self, inputs): ...


def openevals_judge(*, inputs=None, outputs=None, reference_outputs=None, **kwargs):
    return {
        "key": "score",
        "score": False,
        "comment": f"{inputs} {outputs} {kwargs}",
        "metadata": None,
    }


def of_run(run, example=None):
    return {"key": "short", "score": len(run.outputs["answer"]) < 9, "comment": run.inputs["input"]}


def of_records(inputs: dict, outputs: "dict[str, str]"):
    return {
        "results": [
            EvaluationResult(key="k", score=0.5, comment=inputs["question"] + outputs["output"])
        ]
    }


@pytest.mark.parametrize(
    ("evaluator", "given", "score", "feedback"),
    [
        (openevals_judge, GIVEN, 0.0, "2 + 2? It is 5. {}"),
        (openevals_judge, READ, 0.0, "2 + 2? It is 5. {'context': 'Two and two\\n\\nare four.'}"),
        (lambda outputs: [{"key": "k", "score": 0.5, "comment": None}], GIVEN, 0.5, None),
        (lambda outputs, context: context.startswith("Two"), READ, 1.0, None),
        (of_run, GIVEN, 1.0, "2 + 2?"),
        (of_records, GIVEN, 0.5, "2 + 2?It is 5."),
        (run_evaluator(of_run), GIVEN, 1.0, "2 + 2?"),
        (run_evaluator(lambda outputs: "correct"), GIVEN, 1.0, None),
        (run_evaluator(lambda outputs: "who knows"), GIVEN, None, None),
        (RagasMetric(), GIVEN, 0.125, None),
        (RagasMetric("retrieved_contexts"), READ, 0.25, None),
        (RagasMetric(score=math.nan), GIVEN, None, None),
        (RagasArguments(0.5), GIVEN, 0.5, "2 + 2? It is 5."),
        (RagasArguments(4, scale=(1, 5)), GIVEN, 0.75, "2 + 2? It is 5."),
        (RagasArguments("fail", scale=["pass", "fail"]), GIVEN, 0.0, "2 + 2? It is 5."),
        (RagasArguments(math.nan), GIVEN, None, "2 + 2? It is 5."),
    ],
)
def test_an_evaluator_is_a_verifier_as_it_is(evaluator, given, score, feedback):
    verifier = as_verifier(evaluator)
    assert isinstance(verifier, EvaluatorVerifier)
    expected = {"score": score, "feedback": feedback, "usage": None}
    assert verifier.invoke(given) == expected
    assert asyncio.run(verifier.ainvoke(given)) == expected


async def test_calls_of_a_metric_that_keeps_its_result_do_not_mix():
    metric = DeepEvalMetric()
    verifier = as_verifier(metric)
    answers = ["x" * length for length in range(1, 9)]
    verdicts = await verifier.abatch([{**READ, "answer": answer} for answer in answers])
    assert [verdict["score"] for verdict in verdicts] == [length / 10 for length in range(1, 9)]
    assert verdicts[0]["feedback"] == "2 + 2? ['Two and two', 'are four.']"
    usage = {"calls": 1, "input_tokens": 30, "output_tokens": 4, "unknown": 0}
    assert verifier.invoke({**GIVEN, "answer": "xx"}) == {
        "score": 0.2,
        "feedback": "2 + 2? None",
        "usage": usage,
    }
    assert metric.score is None
    assert repr(verifier) == "EvaluatorVerifier(Brevity)"


def test_where_less_is_better_the_score_is_turned_round():
    given = {**GIVEN, "answer": "xx"}
    assert as_verifier(DeepEvalMetric(less_is_better=True)).invoke(given)["score"] == 0.8


async def test_an_async_evaluator_is_awaited():
    async def judge(*, outputs, **kwargs):
        return {"key": "k", "score": 0.5, "comment": "Half."}

    assert (await as_verifier(judge).ainvoke(GIVEN))["feedback"] == "Half."
    with pytest.raises(TypeError, match=r"^The evaluator judge is async: use ainvoke\."):
        as_verifier(judge).invoke(GIVEN)


class Compared(DeepEvalMetric):
    _required_params: ClassVar = [SimpleNamespace(value="expected_output")]
    evaluation_params = None


class ComparedArguments(RagasArguments):
    async def ascore(self, response, reference): ...


@pytest.mark.parametrize(
    ("evaluator", "asked"),
    [
        (lambda outputs, reference_outputs: True, "reference_outputs"),
        (lambda outputs, attachments: True, "attachments"),
        (Compared(), "expected_output"),
        (RagasMetric("reference", "rubric"), "reference, rubric"),
        (ComparedArguments(1), "reference"),
    ],
)
def test_an_evaluator_that_needs_a_reference_answer_is_refused(evaluator, asked):
    with pytest.raises(TypeError, match=rf"needs a reference answer or other data \({asked}\)"):
        as_verifier(evaluator)


def prompt_with_a_place(*, outputs, **kwargs):
    return {"outputs": outputs}["reference_outputs"]


@pytest.mark.parametrize(
    "evaluator",
    [
        prompt_with_a_place,
        run_evaluator(lambda outputs, reference_outputs: outputs == reference_outputs),
        run_evaluator(lambda outputs, reference_outputs: reference_outputs["answer"]),
        run_evaluator(lambda run, example: example.outputs.get("answer")),
    ],
)
def test_one_that_turns_out_to_need_a_reference_answer_says_so(evaluator):
    with pytest.raises(TypeError, match="needs a reference answer or other data"):
        as_verifier(evaluator).invoke(GIVEN)


def test_other_missing_keys_are_errors_of_the_evaluator():
    with pytest.raises(KeyError, match="style"):
        as_verifier(lambda outputs: {}["style"]).invoke(GIVEN)


@pytest.mark.parametrize(
    "evaluator", [RagasMetric("retrieved_contexts"), lambda outputs, context: 1]
)
def test_an_evaluator_of_documents_says_where_they_come_from(evaluator):
    with pytest.raises(ValueError, match="needs the documents that the answer was made from"):
        as_verifier(evaluator).invoke(GIVEN)


def test_a_metric_that_gets_its_model_at_each_call_is_refused():
    class WithModel(RagasArguments):
        async def ascore(self, **arguments): ...

    with pytest.raises(TypeError, match=r"^The metric brief gets its model .* metric\.score\("):
        as_verifier(WithModel(1))


def test_a_function_of_question_and_answer_is_none():
    verifier = as_verifier(lambda answer, outputs=0.5, run=None: outputs)
    assert isinstance(verifier, FunctionVerifier)
    assert verifier.invoke(GIVEN)["score"] == 0.5


def test_what_is_no_evaluator_is_an_error():
    with pytest.raises(TypeError, match="one of openevals, LangSmith, ragas or deepeval, got int"):
        EvaluatorVerifier(5)
    with pytest.raises(TypeError, match="or None, got"):
        as_verifier(SimpleNamespace(measure=print))
