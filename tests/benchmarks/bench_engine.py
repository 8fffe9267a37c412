"""The local engine against what one would do without it, on SmolLM2.

Ours and the other way take turns, and the medians of five rounds are compared, so that whoever else
uses the machine slows both. All requests write as many tokens as they may, whatever the model would
like: then both ways do the same work.
"""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter

import pytest
import torch
from langchain_huggingface import ChatHuggingFace

from langchain_markovscale import BatchedChatHuggingFace, TokenProbabilityVerifier, load_chat_model
from langchain_markovscale.local.chat_template import prompt_ids

ROUNDS = 5
WORDS = ["think", "well", "slowly", "please", "now"]
NUMBERS = random.Random(0)
PROMPTS = [
    f"What is {i} + {i + 1}? {' '.join(NUMBERS.choices(WORDS, k=NUMBERS.randint(0, 12)))}"
    for i in range(64)
]
LENGTHS = [NUMBERS.randint(8, 64) for _ in PROMPTS]


class Ways:
    """The same work in several ways, on one model."""

    def __init__(self, model: BatchedChatHuggingFace) -> None:
        self.chat = model
        self.chat.engine.end_tokens = frozenset()
        self.network = model.llm.pipeline.model
        self.tokenizer = model.tokenizer
        self.tokenizer.padding_side = "left"
        self.single = ChatHuggingFace(llm=model.llm, tokenizer=model.tokenizer)
        self.verifier = TokenProbabilityVerifier(
            model, prompt="{question}\nAnswer:\n{answer}\nCorrect? Yes or No."
        )
        self.asked = _asked(self.verifier)

    def padded(self, prompts: list[str], tokens: int) -> None:
        """One `model.generate` on one padded batch."""
        texts = [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]
        batch = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        self._generate(batch, tokens)

    def in_order(self) -> None:
        """Padded batches of 16 in order of arrival, each as long as its longest."""
        for i in range(0, len(PROMPTS), 16):
            self.padded(PROMPTS[i : i + 16], max(LENGTHS[i : i + 16]))

    def mixed(self) -> None:
        """All requests at once, each of its own length."""
        with ThreadPoolExecutor(len(PROMPTS)) as threads:
            ask = self.chat.invoke
            list(threads.map(lambda p, n: ask(p, max_tokens=n), PROMPTS, LENGTHS))

    def one_by_one(self) -> None:
        """The next word after each verifier's prompt, written; not even an end of turn."""
        for given in self.asked:
            ids = torch.tensor([self._ids(given)])
            self._generate({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, 1)

    def _ids(self, given: dict[str, str]) -> list[int]:
        return prompt_ids(self.tokenizer, self.verifier._messages(given))

    def _generate(self, inputs: dict[str, torch.Tensor], tokens: int) -> None:
        device = self.network.device
        with torch.inference_mode():
            written = self.network.generate(
                **{name: values.to(device) for name, values in inputs.items()},
                max_new_tokens=tokens,
                eos_token_id=None,
                do_sample=False,
            )
        written.cpu()  # a GPU has not finished before somebody asks for its result


def _asked(verifier: TokenProbabilityVerifier) -> list[dict[str, str]]:
    """64 things to verify, whose prompts are 100 tokens long and begin with the same 70."""
    words = " ".join(["So many words, which all of them share."] * 20).split()

    def given(number: int, before: int, behind: int) -> dict[str, str]:
        answer = " ".join([str(number), *words[:behind]])
        return {"question": " ".join(words[:before]), "answer": answer, "key": None}

    def shape(before: int, behind: int) -> tuple[int, int]:
        one, other = (
            prompt_ids(verifier.model.tokenizer, verifier._messages(given(i, before, behind)))
            for i in (100, 200)
        )
        shared = next(i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
        return shared, len(one)

    before = min(range(80), key=lambda count: abs(shape(count, 0)[0] - 70))
    behind = min(range(40), key=lambda count: abs(shape(before, count)[1] - 100))
    return [given(i, before, behind) for i in range(100, 740, 10)]


def compare(
    ours: Callable[[], object], other: Callable[[], object], rounds: int = ROUNDS
) -> tuple[float, float]:
    """Median seconds of both, measured in turns after one round to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for way, taken in zip((ours, other), times, strict=True):
            start = perf_counter()
            way()
            taken.append(perf_counter() - start)
    return median(times[0][1:]), median(times[1][1:])


@pytest.fixture(scope="module")
def ways():
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    made = Ways(load_chat_model("smollm2"))
    yield made
    made.chat.close()


@pytest.fixture
def ratio(benchmark):
    """Seconds of the other way per second of ours; both are kept with the benchmark."""

    def measure(ours: Callable[[], object], other: Callable[[], object]) -> float:
        others: list[float] = []

        def timed_other() -> None:
            start = perf_counter()
            other()
            others.append(perf_counter() - start)

        ours()
        benchmark.pedantic(ours, setup=timed_other, rounds=ROUNDS)
        benchmark.extra_info["other"] = median(others)
        return median(others) / benchmark.stats.stats.median

    return measure


def test_batch_against_one_padded_generate(ways, ratio, figure):
    value = ratio(
        lambda: ways.chat.batch(PROMPTS[:16], max_tokens=32), lambda: ways.padded(PROMPTS[:16], 32)
    )
    figure("engine: 16 × 32 tokens, throughput / padded generate", value, "×", at_least=0.9)


def test_batch_against_chat_hugging_face(ways, ratio, figure):
    options = {"max_new_tokens": 32, "eos_token_id": None, "do_sample": False}
    value = ratio(
        lambda: ways.chat.batch(PROMPTS[:16], max_tokens=32),
        lambda: ways.single.batch(PROMPTS[:16], pipeline_kwargs=options),
    )
    figure("engine: 16 × 32 tokens, throughput / ChatHuggingFace.batch", value, "×", at_least=4)


def test_mixed_lengths(ways, ratio, figure):
    value = ratio(ways.mixed, ways.in_order)
    figure("engine: 64 × 8 to 64 tokens, throughput / padded batches", value, "×", at_least=1.4)


def test_lone_request(ways, ratio, figure):
    value = ratio(
        lambda: ways.chat.invoke(PROMPTS[0], max_tokens=32), lambda: ways.padded(PROMPTS[:1], 32)
    )
    figure("engine: one request, latency / generate", 1 / value, "×", at_most=1.1)


def test_token_probability(ways, ratio, figure):
    value = ratio(lambda: ways.verifier.batch(ways.asked, {"max_concurrency": 64}), ways.one_by_one)
    figure("verdicts by token probability, speed / writing them", value, "×", at_least=3)
