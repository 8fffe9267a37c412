"""Evaluators of openevals, LangSmith, ragas and deepeval, as they are, in place of a verifier."""

import pytest
from deepeval.metrics import BiasMetric, FaithfulnessMetric, GEval
from deepeval.test_case import SingleTurnParams
from fakes import REPAIRING, ScriptedModel
from langsmith.evaluation import EvaluationResult, run_evaluator
from openevals.exact import exact_match
from openevals.llm import create_async_llm_as_judge, create_llm_as_judge
from openevals.prompts import CONCISENESS_PROMPT, CORRECTNESS_PROMPT, RAG_GROUNDEDNESS_PROMPT
from ragas.llms import LangchainLLMWrapper
from ragas.metrics import (
    AspectCritic,
    DiscreteMetric,
    LLMContextRecall,
    discrete_metric,
    numeric_metric,
)
from ragas.metrics.collections import ExactMatch, ResponseGroundedness
from scripted import ForDeepEval, ForRagas, for_openevals, for_ragas_samples

from langchain_markovscale import create_markovscale_graph
from langchain_markovscale.verifiers import as_verifier

GIVEN = {"question": "What is 2 + 2?", "answer": "It is 5.", "key": "5"}
WITH_DOCUMENTS = {**GIVEN, "context": {"documents": ["Two and two are four."]}}


def openevals(prompt, create=create_llm_as_judge, continuous=False, **says):
    return create(prompt=prompt, continuous=continuous, judge=for_openevals(**says))


@run_evaluator
def shortness(run, example):
    length = len(run.outputs["output"])
    return EvaluationResult(key="short", score=length < 20, comment=run.inputs["question"])


@run_evaluator
async def doubtful(inputs, outputs):
    return {"key": "doubt", "score": 0.5, "comment": f"{inputs['input']} {outputs['answer']}"}


@run_evaluator
def categorical(outputs):
    return "incorrect"


@run_evaluator
def compared(outputs, reference_outputs):
    return outputs["answer"] == reference_outputs["answer"]


@numeric_metric(name="length", allowed_values=(0, 10))
def length(response: str):
    return 7


@discrete_metric(name="polite", allowed_values=["pass", "fail"])
def polite(user_input: str, response: str):
    return "fail"


def aspect():
    judge = LangchainLLMWrapper(for_ragas_samples(reason="No.", verdict=0))
    return AspectCritic(name="correct", definition="Is it?", llm=judge)


def recall():
    return LLMContextRecall(llm=LangchainLLMWrapper(for_ragas_samples()))


def grounded():
    return ResponseGroundedness(llm=ForRagas(rating=1))  # of 2


def g_eval(*parameters):
    return GEval(
        name="Correct",
        evaluation_steps=["Compare."],
        evaluation_params=[SingleTurnParams.INPUT, SingleTurnParams.ACTUAL_OUTPUT, *parameters],
        model=ForDeepEval(score=3, reason="It is 4."),
    )


def faithful():
    verdicts = [{"verdict": "no", "reason": "It is 4."}]
    model = ForDeepEval(truths=["4"], claims=["5"], verdicts=verdicts, reason="It is 4.")
    return FaithfulnessMetric(model=model)


def bias():
    verdicts = [{"verdict": "no", "reason": "None."}]
    return BiasMetric(model=ForDeepEval(opinions=["5"], verdicts=verdicts, reason="None."))


EVALUATORS = {
    "openevals": (
        lambda: openevals(CONCISENESS_PROMPT, score=False, reasoning="Too long."),
        (0.0, "Too long."),
    ),
    "openevals, continuous": (
        lambda: openevals(CONCISENESS_PROMPT, continuous=True, score=0.25, reasoning="Long."),
        (0.25, "Long."),
    ),
    "openevals, documents": (
        lambda: openevals(RAG_GROUNDEDNESS_PROMPT, score=True, reasoning="Grounded."),
        (1.0, "Grounded."),
    ),
    "LangSmith": (lambda: shortness, (1.0, "What is 2 + 2?")),
    "LangSmith, async": (lambda: doubtful, (0.5, "What is 2 + 2? It is 5.")),
    "LangSmith, a word": (lambda: categorical, (0.0, None)),
    "ragas, a sample": (aspect, (0.0, None)),
    "ragas, a scale": (lambda: length, (0.7, None)),
    "ragas, words": (lambda: polite, (0.0, None)),
    "ragas, documents": (grounded, (0.5, None)),
    "deepeval": (lambda: g_eval(), (0.3, "It is 4.")),
    "deepeval, documents": (faithful, (0.0, "It is 4.")),
    "deepeval, less was better": (bias, (1.0, "None.")),
}


@pytest.mark.parametrize("name", EVALUATORS)
async def test_an_evaluator_is_a_verifier_as_it_is(name):
    make, (score, feedback) = EVALUATORS[name]
    verdict = await as_verifier(make()).ainvoke(WITH_DOCUMENTS)
    assert verdict == {"score": score, "feedback": feedback, "usage": None}


@pytest.mark.parametrize("name", EVALUATORS)
def test_an_evaluator_is_a_sync_verifier_as_well(name):
    make, (score, feedback) = EVALUATORS[name]
    verdict = as_verifier(make()).invoke(WITH_DOCUMENTS)
    assert verdict == {"score": score, "feedback": feedback, "usage": None}


async def test_an_async_judge_is_awaited():
    evaluator = openevals(CONCISENESS_PROMPT, create_async_llm_as_judge, score=True, reasoning="!")
    assert (await as_verifier(evaluator).ainvoke(GIVEN))["score"] == 1.0
    with pytest.raises(TypeError, match="is async: use ainvoke"):
        as_verifier(evaluator).invoke(GIVEN)


@pytest.mark.parametrize(
    "make",
    [
        lambda: exact_match,
        recall,
        ExactMatch,
        lambda: g_eval(SingleTurnParams.EXPECTED_OUTPUT),
    ],
)
def test_an_evaluator_that_needs_a_reference_answer_is_refused_before_anything_is_paid(make):
    with pytest.raises(TypeError, match="needs a reference answer or other data"):
        as_verifier(make())


@pytest.mark.parametrize(
    "make",
    [lambda: openevals(CORRECTNESS_PROMPT, score=True, reasoning="!"), lambda: compared],
)
def test_one_that_turns_out_to_need_a_reference_answer_says_so(make):
    with pytest.raises(TypeError, match="needs a reference answer or other data"):
        as_verifier(make()).invoke(GIVEN)


def test_a_metric_that_needs_its_model_at_each_call_says_how_to_give_it():
    with pytest.raises(TypeError, match=r"lambda question, answer: metric\.score\(llm=llm"):
        as_verifier(DiscreteMetric(name="x", prompt="{response}"))


@pytest.mark.parametrize("make", [faithful, grounded])
def test_a_metric_of_documents_says_where_they_come_from(make):
    with pytest.raises(ValueError, match="needs the documents that the answer was made from"):
        as_verifier(make()).invoke(GIVEN)


async def test_calls_of_one_metric_at_once_do_not_mix():
    verdicts = await as_verifier(g_eval()).abatch([GIVEN] * 8)
    assert {(each["score"], each["feedback"]) for each in verdicts} == {(0.3, "It is 4.")}


def test_a_loop_runs_with_an_evaluator_in_place_of_its_verifier():
    model = ScriptedModel(script=["It is 5.", "It is 4."])
    right = run_evaluator(lambda run, example: {"key": "right", "score": "4" in str(run.outputs)})
    graph = create_markovscale_graph(
        model, verifier=right, calibration=REPAIRING, cost_per_round=0.01, max_rounds=2
    )
    result = graph.invoke({"messages": [("user", "What is two and two?")]})
    assert result["messages"][-1].text == "It is 4."
