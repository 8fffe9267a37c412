"""The local engine with a thousand requests waiting, on SmolLM2.

Whole graphs in thousands should keep its batches full; and a thousand requests of which many are
cancelled and some break the model should cost the others nothing but time.
"""

import asyncio
import gc
import os
import random
from concurrent.futures import CancelledError, wait

import psutil
import pytest
import torch
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage

from langchain_markovscale import (
    TokenProbabilityVerifier,
    create_markovscale_graph,
    load_chat_model,
)
from langchain_markovscale.local.chat_template import TextReader, prompt_ids
from langchain_markovscale.local.scheduler import BatchTooLarge
from langchain_markovscale.local.sequences import Continuation, Sampling

REQUESTS = 1_000
QUESTIONS = [{"question": f"What is {i} + {i % 7}?"} for i in range(REQUESTS)]
POISON = " zebra"  # one token; what reads it breaks
MIB = 2**20


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    loaded = load_chat_model("smollm2", max_tokens=4)
    yield loaded
    loaded.close()


class BatchSizes(BaseCallbackHandler):
    """What the replies say of the batches that they came from."""

    def __init__(self):
        self.rows = []

    def on_llm_end(self, response, **kwargs):
        message = response.generations[0][0].message
        size = message.response_metadata["mean_batch_size"]
        self.rows.append((message.usage_metadata["output_tokens"], size))

    @property
    def mean(self):
        """The batch's size at which an average token was written."""
        return sum(tokens * size for tokens, size in self.rows) / sum(t for t, _ in self.rows)


def graph_on(model):
    return create_markovscale_graph(
        model,
        verifier=TokenProbabilityVerifier(model, prompt="{question} {answer} Yes or No?"),
        answer_key="last_number",
        max_rounds=2,
        cost_per_round=1e-6,
    )


def test_awaited_graphs_keep_the_batch_full(model, figure):
    seen = BatchSizes()
    outputs = asyncio.run(graph_on(model).abatch(QUESTIONS, {"callbacks": [seen]}))
    assert all(output["decision"]["action"] == "stop" for output in outputs)
    full = model.engine.max_batch_size
    figure(f"graph.abatch of {REQUESTS}: mean batch of {full}", seen.mean, "rows", at_least=48)


def test_graphs_in_threads_keep_the_batch_full(model, figure):
    seen = BatchSizes()
    full = model.engine.max_batch_size
    graph_on(model).batch(QUESTIONS[:128], {"callbacks": [seen], "max_concurrency": full})
    figure(f"graph.batch of 128: mean batch of {full}", seen.mean, "rows", at_least=40)


class Breaking:
    """Breaks the model: always on what is poisonous, now and then on anything."""

    def __init__(self, model):
        (self.token,) = model.tokenizer(POISON, add_special_tokens=False)["input_ids"]
        self.random = random.Random(1)
        self.injected = 0

    def __call__(self, module, args, kwargs):
        if (kwargs["input_ids"] == self.token).any():
            self.injected += 1
            raise IndexError("poison")
        if self.random.random() < 0.004:
            self.injected += 1
            raise self.random.choice([OSError("glitch"), torch.OutOfMemoryError("out of memory")])


def wave(model, count, numbers):
    """Queue requests, cancel some; return those cancelled, poisonous, answered and wrong."""
    answered = []
    jobs = []
    for i in range(count):
        poisonous = numbers.random() < 0.005
        job = Continuation(
            prompt_ids(model.tokenizer, [HumanMessage(f"Say {i}{POISON * poisonous}")]),
            max_tokens=numbers.randint(1, 4),
            end_tokens=frozenset(),
            reader=TextReader(model.tokenizer),
            sampling=Sampling(),
        )
        job.answer.add_done_callback(lambda _, number=i: answered.append(number))
        jobs.append((job, poisonous))
        model.engine.submit(job)
        if numbers.random() < 0.1:
            numbers.choice(jobs)[0].answer.cancel()
    wait([job.answer for job, _ in jobs], timeout=580)
    assert sorted(answered) == list(range(count))
    return [outcome(job, poisonous) for job, poisonous in jobs]


def outcome(job, poisonous):
    """How a request ended; a survivor is one that nobody cancelled and that broke nothing."""
    try:
        written = job.answer.result(timeout=0)
    except CancelledError:
        return "cancelled"
    except IndexError:
        return "failed by itself" if poisonous else "lost"
    except (OSError, BatchTooLarge):
        return "failed by itself"  # it ran alone when the failure came
    return "answered" if written.tokens == job.reserve and not poisonous else "wrong"


def held():
    """MiB of the tensors alive, and of the whole process, whose allocator keeps some back."""
    gc.collect()
    tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
    stores = [tensor.untyped_storage() for tensor in tensors]
    alive = sum({store.data_ptr(): store.nbytes() for store in stores}.values())
    return alive / MIB, psutil.Process().memory_info().rss / MIB


def test_survivors_are_answered_once_and_memory_stays_flat(model, figure):
    breaking, numbers = Breaking(model), random.Random(2)
    hook = model.llm.pipeline.model.register_forward_pre_hook(breaking, with_kwargs=True)
    try:
        wave(model, REQUESTS // 4, numbers)
        before = held()
        ended = wave(model, REQUESTS, numbers)
        tensors, process = (now - then for now, then in zip(held(), before, strict=True))
    finally:
        hook.remove()
    assert breaking.injected > 5
    assert ended.count("cancelled") > 50
    figure(f"survivors answered, of {REQUESTS} queued", ended.count("answered"), "", at_least=850)
    bad = ended.count("lost") + ended.count("wrong")
    figure("requests lost or answered wrongly", bad, "", at_most=0)
    # One request in SmolLM2's cache takes about a MiB.
    figure("tensors kept after 1,000 more requests", tensors, "MiB", at_most=8)
    figure("growth of the process meanwhile", process, "MiB", at_most=128)
