"""The same graph beyond one machine: through langchain-openai to a server that serves SmolLM2."""

import pytest
from langchain_openai import ChatOpenAI
from openai_server import serving

from langchain_markovscale import create_markovscale_graph

QUESTIONS = [f"What is {i} + {i + 1}?" for i in range(3)]


@pytest.fixture(scope="module")
def remote(smollm2):
    with serving(smollm2) as base_url:
        yield ChatOpenAI(
            base_url=base_url,
            api_key="none",
            model="smollm2",
            temperature=0,
            extra_body={"max_tokens": 8},  # as in the docs
        )


def test_a_reply_is_the_engines(smollm2, remote):
    here, there = smollm2.invoke(QUESTIONS[0], max_tokens=8), remote.invoke(QUESTIONS[0])
    assert there.content == here.content
    assert there.usage_metadata["total_tokens"] == here.usage_metadata["total_tokens"]
    assert there.response_metadata["finish_reason"] == "length"


def test_a_stream_is_the_engines(smollm2, remote):
    chunks = list(remote.stream(QUESTIONS[0]))
    assert (
        "".join(chunk.content for chunk in chunks)
        == smollm2.invoke(QUESTIONS[0], max_tokens=8).content
    )
    assert len([chunk for chunk in chunks if chunk.content]) > 3


def test_settings_arrive(smollm2, remote):
    options = {"max_tokens": 6, "logprobs": True, "top_logprobs": 2, "stop": [" a"], "seed": 1}
    there = remote.bind(**options).invoke(QUESTIONS[0])
    here = smollm2.bind(**options).invoke(QUESTIONS[0])
    assert there.content == here.content
    logprobs = [message.response_metadata["logprobs"]["content"] for message in (here, there)]
    assert logprobs[0] == logprobs[1]


async def test_the_same_graph_runs_against_the_server(smollm2, remote):
    def graph(model):
        return create_markovscale_graph(
            model, verifier=None, answer_key="last_number", max_rounds=2, cost_per_round=1e-6
        )

    questions = [{"question": question} for question in QUESTIONS]
    outputs = await graph(remote).abatch(questions)
    for output in outputs:
        assert output["decision"]["action"] == "stop"
        assert output["usage"]["generate"]["unknown"] == 0
    assert outputs[0]["answer"] == graph(smollm2.bind(max_tokens=8)).invoke(questions[0])["answer"]
