"""No caller of the local engine waits for ever, and a model that is broken says which it is."""

import asyncio
import gc
import inspect
import math
import threading
from concurrent.futures import wait

import pytest
import torch
from langchain_core.messages import HumanMessage
from test_scheduler import CountingBatch, CountingJob, submitted
from tiny_models import tiny_model, tiny_pipeline

from langchain_markovscale import BatchedChatHuggingFace, TokenProbabilityVerifier
from langchain_markovscale.local.scheduler import Job, JobFailed, Scheduler, SchedulerClosed


class Cut(BaseException):
    """No Exception, as pytest's and gevent's are none."""


RAISED = [Cut, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError]
RAISED += [StopIteration, StopAsyncIteration, RuntimeError, MemoryError]


class BreakingBatch(CountingBatch):
    """Raises in one of its methods, once or always."""

    def __init__(self, error, place, times=math.inf):
        super().__init__()
        self.error, self.place, self.times = error, place, times

    def _break(self, place):
        if place == self.place and self.times > 0:
            self.times -= 1
            raise self.error("broken")

    def cost(self, jobs):
        self._break("cost")
        return super().cost(jobs)

    def join(self, jobs):
        self._break("join")
        super().join(jobs)

    def collect(self):
        self._break("collect")
        return super().collect()

    def advance(self):
        self._break("advance")
        super().advance()

    def leave(self, jobs):
        if self.place == "leave":
            self._break("leave")
        super().leave(jobs)


@pytest.mark.parametrize("place", ["cost", "join", "collect", "advance", "leave"])
@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize("times", [1, 2, math.inf])
def test_whatever_a_batch_raises_every_caller_is_answered(place, error, times):
    scheduler = Scheduler(BreakingBatch(error, place, times), max_jobs=3)
    jobs = submitted(scheduler, [CountingJob(number, steps=2) for number in range(5)])
    unfinished = wait([job.answer for job in jobs], timeout=20).not_done
    assert not unfinished
    for job in jobs:
        raised = job.answer.exception(timeout=0)
        assert raised is None or isinstance(raised, Exception)
        if raised is not None and not issubclass(error, Exception):
            assert isinstance(raised, JobFailed)
            assert isinstance(raised.__cause__, error)
            assert error.__name__ in str(raised)
    if times < math.inf:  # and it goes on serving
        later = submitted(scheduler, [CountingJob(0) for _ in range(3)])
        assert not wait([job.answer for job in later], timeout=20).not_done
    scheduler.close()


@pytest.mark.parametrize("error", RAISED)
async def test_an_awaiting_caller_is_answered(error):
    scheduler = Scheduler(BreakingBatch(error, "join"))
    (job,) = submitted(scheduler, [CountingJob(0)])
    with pytest.raises((JobFailed, RuntimeError, MemoryError)):
        await asyncio.wait_for(asyncio.wrap_future(job.answer), 20)
    scheduler.close()


def test_a_callback_that_breaks_costs_no_other_caller_its_answer():
    batch = CountingBatch()
    scheduler = Scheduler(batch, max_jobs=8)
    batch.gate.clear()
    jobs = [CountingJob(number) for number in range(6)]

    def breaking(answer):
        raise Cut

    for job in jobs[::2]:
        job.answer.add_done_callback(breaking)
    submitted(scheduler, jobs)
    batch.gate.set()
    assert not wait([job.answer for job in jobs], timeout=20).not_done
    scheduler.close()


def test_a_closed_engine_answers_all_who_wait():
    batch = CountingBatch()
    batch.gate.clear()
    scheduler = Scheduler(batch, max_jobs=2)
    jobs = submitted(scheduler, [CountingJob(number, steps=3) for number in range(6)])
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    batch.gate.set()
    closing.join(20)
    assert not wait([job.answer for job in jobs], timeout=20).not_done
    with pytest.raises(SchedulerClosed):
        scheduler.submit(Job())


def test_an_engine_that_nobody_holds_answers_all_who_wait():
    for _ in range(20):
        scheduler = Scheduler(CountingBatch())
        jobs = submitted(scheduler, [CountingJob(number, steps=2) for number in range(3)])
        del scheduler
        gc.collect()
        assert not wait([job.answer for job in jobs], timeout=20).not_done


@pytest.fixture
def broken():
    """A function that makes a model whose forward pass does as it is told."""
    models = []

    def make(forward=None, dtype=torch.float32):
        model = tiny_model().to(dtype)
        chat = BatchedChatHuggingFace(llm=tiny_pipeline(model), max_tokens=4)
        if forward is not None:
            model.forward = forward
        else:
            with torch.no_grad():
                model.lm_head.weight.fill_(math.nan)
        models.append(chat)
        return chat

    yield make
    for model in models:
        model.close()


@pytest.mark.parametrize("error", [SystemExit, Cut, StopIteration])
async def test_a_model_that_breaks_off_answers_every_kind_of_call(broken, error):
    def forward(**kwargs):
        raise error("off")

    forward.__signature__ = inspect.signature(tiny_model().forward)
    chat = broken(forward)
    with pytest.raises(JobFailed, match=error.__name__):
        chat.invoke("2 + 2?")
    with pytest.raises(JobFailed, match=error.__name__):
        list(chat.stream("2 + 2?"))
    with pytest.raises(JobFailed, match=error.__name__):
        await asyncio.wait_for(chat.ainvoke("2 + 2?"), 20)
    with pytest.raises(JobFailed, match=error.__name__):
        [chunk async for chunk in chat.astream("2 + 2?")]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_logits_that_are_no_numbers_are_an_error_that_names_the_model(broken, temperature, dtype):
    chat = broken(dtype=dtype)
    message = rf"The model .*\(LlamaForCausalLM\).*{dtype}: load it in another number format"
    with pytest.raises(ValueError, match=message):
        chat.invoke("2 + 2?", temperature=temperature)
    with pytest.raises(ValueError, match=message):
        list(chat.stream("2 + 2?", temperature=temperature))
    given = {"question": "2 + 2?", "answer": "4", "key": None}
    with pytest.raises(ValueError, match=message):
        TokenProbabilityVerifier(chat, yes=["Y"], no=["N"]).invoke(given)


def test_one_logit_that_is_no_number_is_enough(broken):
    chat = broken()
    with torch.no_grad():
        chat.llm.pipeline.model.lm_head.weight.fill_(0.0)[100] = math.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        chat.invoke("2 + 2?")


async def test_an_empty_prompt_is_refused(tiny):
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    chat = BatchedChatHuggingFace(llm=tiny.llm, max_tokens=4)
    chat.tokenizer = type(tiny.tokenizer)(
        tokenizer_object=tiny.tokenizer.backend_tokenizer, chat_template=template
    )
    for messages in ("", [HumanMessage("")], [HumanMessage([])]):
        with pytest.raises(ValueError, match="empty prompt"):
            chat.invoke(messages)
        with pytest.raises(ValueError, match="empty prompt"):
            await chat.ainvoke(messages)
    with pytest.raises(ValueError, match="empty prompt"):
        list(chat.stream(""))
    chat.close()


def test_half_a_surrogate_is_read(tiny):
    assert tiny.invoke("2 + 2? \ud83d").content == tiny.invoke("2 + 2? \ufffd").content


def test_logits_of_minus_infinity_only_forbid_their_tokens(broken):
    network = tiny_model()
    plain = network.forward

    def forward(**given):
        output = plain(**given)
        output.logits[..., 100:] = -math.inf
        return output

    forward.__signature__ = inspect.signature(plain)
    chat = broken(forward)
    for temperature in (0.0, 1.0):
        reply = chat.invoke("2 + 2?", temperature=temperature, logprobs=True, top_logprobs=3)
        entries = reply.response_metadata["logprobs"]["content"]
        assert entries
        assert all(math.isfinite(entry["logprob"]) for entry in entries)


async def test_logits_that_are_no_numbers_cost_others_in_the_batch_nothing(tiny):
    network = tiny.llm.pipeline.model
    expected = tiny.invoke("2 + 2?").content
    plain = network.forward

    def forward(**given):
        output = plain(**given)
        # Rows of one length: the prompt that has a "!" in it.
        output.logits[(given["input_ids"] == tiny.tokenizer.encode("!")[-1]).any(-1)] = math.nan
        return output

    forward.__signature__ = inspect.signature(plain)
    network.forward = forward
    calls = [tiny.ainvoke(text) for text in ("2 + 2?", "2 + 2!", "2 + 2?", "2 + 2?")]
    first, broken, *others = await asyncio.gather(*calls, return_exceptions=True)
    assert [reply.content for reply in (first, *others)] == [expected] * 3
    assert isinstance(broken, ValueError)
    assert "NaN" in str(broken)


EXTREME = [{"temperature": least} for least in (5e-324, 1e-320, 1e-45, 1e-30, 1e-7)]
EXTREME += [{"top_p": least, "temperature": 1.0} for least in (5e-324, 1e-30)]


@pytest.mark.parametrize("options", EXTREME)
def test_settings_near_their_limit_take_the_most_likely_token(tiny, options):
    assert tiny.invoke("2 + 2?", **options).content == tiny.invoke("2 + 2?").content


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": math.inf},
        {"temperature": math.nan},
        {"top_p": math.nan},
        {"repetition_penalty": 1e-320},
        {"repetition_penalty": math.inf},
        {"max_tokens": 0},
        {"max_tokens": -1},
    ],
)
def test_settings_out_of_range_are_errors_that_name_them(tiny, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        tiny.invoke("2 + 2?", **options)


@pytest.mark.parametrize("options", [{"max_new_tokens": 0}, {"max_new_tokens": -1}])
def test_a_pipeline_that_may_write_nothing_is_refused(options):
    with pytest.raises(ValueError, match="max_tokens"):
        BatchedChatHuggingFace(llm=tiny_pipeline(pipeline_kwargs=options))
