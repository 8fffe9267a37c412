"""The real model, where a made-up one would not do."""

import torch

from langchain_markovscale.integrations.huggingface import TokenProbabilityVerifier

QUESTIONS = [f"What is {i} plus {i}?" + " Be brief." * (i % 3) for i in range(12)]


def test_its_name_is_the_hubs(smollm2):
    assert smollm2.model_id == "HuggingFaceTB/SmolLM2-135M-Instruct"


def test_it_ends_its_turn_by_itself(smollm2):
    reply = smollm2.invoke("Say hello.", max_tokens=60)
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


def test_a_batch_is_as_likely_to_be_right_as_single_calls(smollm2):
    # Rounding may tip a near tie between two tokens, but only there.
    alone = [smollm2.invoke(question, max_tokens=8).content for question in QUESTIONS]
    together = [reply.content for reply in smollm2.batch(QUESTIONS, max_tokens=8)]
    assert sum(a == b for a, b in zip(alone, together, strict=True)) >= len(QUESTIONS) - 3


async def test_it_answers_yes_or_no(smollm2):
    verifier = TokenProbabilityVerifier(smollm2)
    verdicts = await verifier.abatch(
        [
            {"question": "What is the capital of France?", "answer": answer, "key": None}
            for answer in ("Paris", "Berlin", "It is Paris.")
        ]
    )
    assert all(0 < verdict["score"] < 1 for verdict in verdicts)
