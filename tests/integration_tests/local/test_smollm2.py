"""The real model, where a made-up one would not do."""

import torch

from langchain_markovscale import TokenProbabilityVerifier
from langchain_markovscale.local.weights import load_pipeline

QUESTIONS = [f"What is {i} plus {i}?" + " Be brief." * (i % 3) for i in range(5)]


def test_its_name_is_the_hubs(smollm2):
    assert smollm2.model_id == "HuggingFaceTB/SmolLM2-135M-Instruct"


def test_loading_what_was_kept_gives_the_same(smollm2_pipeline):
    network, tokenizer = smollm2_pipeline.pipeline.model, smollm2_pipeline.pipeline.tokenizer
    again = load_pipeline("smollm2").pipeline  # by now it was unpacked once
    assert again.model.dtype == network.dtype
    weights = again.model.state_dict()
    assert all(torch.equal(weights[name], known) for name, known in network.state_dict().items())
    assert again.model.generation_config.eos_token_id == network.generation_config.eos_token_id
    assert again.tokenizer.chat_template == tokenizer.chat_template
    text = "<|im_start|>user\nÀ 3 + 4?"
    assert again.tokenizer(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_it_ends_its_turn_by_itself(smollm2):
    reply = smollm2.invoke("Say hello.", max_tokens=40)
    assert reply.response_metadata["finish_reason"] == "stop"
    assert "hello" in reply.content.lower()
    assert "<|im" not in reply.content


def test_a_lone_call_writes_what_the_library_does(smollm2):
    network, tokenizer = smollm2.llm.pipeline.model, smollm2.tokenizer
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": QUESTIONS[3]}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    with torch.inference_mode():
        output = network.generate(**inputs, max_new_tokens=16, do_sample=False)
    expected = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert smollm2.invoke(QUESTIONS[3]).content == expected


def test_a_batch_writes_what_single_calls_write_but_for_rounding(smollm2):
    # Rounding may tip a near tie between two tokens, but only there.
    alone = [smollm2.invoke(question, max_tokens=6).content for question in QUESTIONS]
    together = [reply.content for reply in smollm2.batch(QUESTIONS, max_tokens=6)]
    assert sum(a == b for a, b in zip(alone, together, strict=True)) >= len(QUESTIONS) - 1


async def test_it_answers_yes_or_no(smollm2):
    verifier = TokenProbabilityVerifier(smollm2)
    verdicts = await verifier.abatch(
        [
            {"question": "What is the capital of France?", "answer": answer, "key": None}
            for answer in ("Paris", "Berlin", "It is Paris.")
        ]
    )
    assert all(0 < verdict["score"] < 1 for verdict in verdicts)
