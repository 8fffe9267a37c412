"""Many questions at once: graphs and verifiers share the model's batches without knowing of it."""

from statistics import fmean

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langchain_markovscale import (
    AgreementVerifier,
    TokenProbabilityVerifier,
    create_markovscale_graph,
)

QUESTIONS = [{"question": f"{'very ' * (i % 5)}short number {i}?"} for i in range(24)]


@pytest.fixture
def graph(tiny):
    verifier = TokenProbabilityVerifier(tiny, yes=["Y"], no=["N"], least=0.0)
    return create_markovscale_graph(
        tiny,
        verifier=verifier,
        calibration=None,
        answer_key="normalized_text",
        max_rounds=3,
        cost_per_round=1e-6,
    )


@pytest.fixture
def widths(tiny):
    """How many rows each pass over the weights had."""
    rows = []
    hook = tiny.llm.pipeline.model.register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    yield rows
    hook.remove()


class BatchSizes(BaseCallbackHandler):
    """What the model's replies say of the batches that they came from."""

    def __init__(self):
        self.sizes = []

    def on_llm_end(self, response, **kwargs):
        message = response.generations[0][0].message
        self.sizes.append(message.response_metadata["mean_batch_size"])


async def test_awaited_runs_share_batches(graph, widths):
    replies = BatchSizes()
    outputs = await graph.abatch(QUESTIONS, {"callbacks": [replies]})
    assert all(output["answer"] for output in outputs)
    assert fmean(replies.sizes) > 8
    calls = sum(purpose["calls"] for output in outputs for purpose in output["usage"].values())
    assert calls >= 4 * len(QUESTIONS)
    assert len(widths) < calls  # although a reply takes many passes


def test_runs_in_threads_share_batches(graph):
    replies = BatchSizes()
    graph.batch(QUESTIONS, {"callbacks": [replies], "max_concurrency": 24})
    assert fmean(replies.sizes) > 5


async def test_sharing_batches_changes_no_answer(graph):
    alone = [graph.invoke(question)["answer"] for question in QUESTIONS[:5]]
    together = await graph.abatch(QUESTIONS[:5])
    assert [output["answer"] for output in together] == alone


async def test_fresh_draws_of_concurrent_verdicts_share_batches(tiny):
    drawing = tiny.model_copy(update={"temperature": 1.0})
    with pytest.deprecated_call(match="AgreementVerifier"):
        verifier = AgreementVerifier(drawing, draws=4, answer_key="normalized_text")
    asked = [{**question, "answer": "4", "key": "4"} for question in QUESTIONS[:10]]
    replies = BatchSizes()
    verdicts = await verifier.abatch(asked, {"callbacks": [replies]})
    assert [verdict["usage"]["calls"] for verdict in verdicts] == [4] * 10
    assert len(replies.sizes) == 40
    assert fmean(replies.sizes) > 20
    replies.sizes.clear()
    verifier.batch(asked, {"callbacks": [replies], "max_concurrency": 10})
    assert fmean(replies.sizes) > 8
