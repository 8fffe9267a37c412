"""The batch against the library's own `generate`, one prompt at a time."""

import gc
import random
import threading

import pytest
import torch
from tiny_models import ARCHITECTURES, EOS, tiny_model, tiny_tokenizer

from langchain_markovscale.local.chat_template import TextReader
from langchain_markovscale.local.engine import Engine
from langchain_markovscale.local.sequences import Continuation, Probe, Sampling

TOKENIZER = tiny_tokenizer()


def prompts(count, seed=1, shared=0):
    """Token ids of very different lengths, with or without a common beginning."""
    numbers = random.Random(seed)
    beginning = [numbers.randrange(4, 260) for _ in range(shared)]
    lengths = [numbers.choice([1, 2, 5, 30, 31, 90]) for _ in range(count)]
    return [beginning + [numbers.randrange(4, 260) for _ in range(length)] for length in lengths]


def continuation(prompt, max_tokens=10, *, ends=(), stop=(), sampling=None, **options):
    return Continuation(
        prompt,
        max_tokens=max_tokens,
        end_tokens=frozenset(ends),
        reader=TextReader(TOKENIZER, stop),
        sampling=sampling or Sampling(),
        **options,
    )


def written(engine, jobs):
    for job in jobs:
        engine.submit(job)
    return [job.answer.result(timeout=60) for job in jobs]


def text_of(tokens):
    return TOKENIZER.decode(tokens, skip_special_tokens=True)


def generated(model, prompt, max_tokens=10, **options):
    """What `generate` writes for one prompt alone."""
    with torch.inference_mode():
        output = model.generate(
            torch.tensor([prompt]),
            max_new_tokens=max_tokens,
            do_sample=False,
            **{"eos_token_id": None, **options},
        )
    return output[0, len(prompt) :].tolist()


@pytest.fixture
def engine_of():
    engines = []

    def make(model=None, **options):
        engines.append(Engine(model or tiny_model(), TOKENIZER, gather_seconds=0.01, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("max_batch_size", [16, 3])
def test_a_batch_writes_what_each_prompt_gets_alone(engine_of, architecture, max_batch_size):
    model = tiny_model(architecture)
    jobs = [continuation(prompt, 3 + i) for i, prompt in enumerate(prompts(12))]
    results = written(engine_of(model, max_batch_size=max_batch_size), jobs)
    assert [job.written for job in jobs] == [
        generated(model, job.prompt, 3 + i) for i, job in enumerate(jobs)
    ]
    assert max(result.mean_batch_size for result in results) > 1.5


def test_a_common_beginning_changes_nothing(engine_of):
    model = tiny_model()
    engine = engine_of(model)
    for seed in (3, 3, 4):  # computed, kept, and another one
        jobs = [continuation(prompt) for prompt in prompts(8, seed, shared=60)]
        written(engine, jobs)
        assert [job.written for job in jobs] == [generated(model, job.prompt) for job in jobs]


def test_a_common_beginning_is_read_once(engine_of):
    model = tiny_model()
    engine = engine_of(model)
    read = []
    model.register_forward_pre_hook(
        lambda _, args, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    beginning = [7] * 70
    written(engine, [Probe([*beginning, 8, i], [9]) for i in range(20, 60)])
    assert sum(read) < 70 + 40 * 4
    read.clear()
    written(engine, [Probe([*beginning, 8, i], [9]) for i in range(60, 100)])
    assert sum(read) < 40 * 4


def test_requests_join_while_others_write(engine_of):
    model = tiny_model()
    engine = engine_of(model)
    begun = threading.Event()
    first = continuation(prompts(1)[0], 400, on_text=lambda *_: begun.set())
    engine.submit(first)
    assert begun.wait(timeout=60)
    later = [continuation(prompt, 5) for prompt in prompts(5, seed=2)]
    results = written(engine, later)
    assert not first.answer.done()
    assert [job.written for job in later] == [generated(model, job.prompt, 5) for job in later]
    assert min(result.mean_batch_size for result in results) > 1
    assert first.answer.result(timeout=60).tokens == 400
    assert first.written == generated(model, first.prompt, 400)


def test_the_model_ends_its_turn(engine_of):
    model = tiny_model()
    prompt = prompts(1)[0]
    free = generated(model, prompt, 30)
    end = free[4]
    at = free.index(end)
    job = continuation(prompt, 30, ends=[end])
    (result,) = written(engine_of(model), [job])
    assert job.written == free[: at + 1]
    assert (result.tokens, result.finish_reason) == (at + 1, "stop")
    assert result.text == text_of(free[:at])


def test_a_limit_ends_the_text_and_says_so(engine_of):
    (result,) = written(engine_of(), [continuation([5, 6], 7)])
    assert (result.tokens, result.finish_reason) == (7, "length")


def test_a_stop_string_ends_one_text_and_no_other(engine_of):
    model = tiny_model()
    some = prompts(4)
    texts = [text_of(generated(model, prompt, 30)) for prompt in some]
    stop = texts[2][6:8]
    jobs = [continuation(p, 30, stop=[stop] if i == 2 else []) for i, p in enumerate(some)]
    results = written(engine_of(model), jobs)
    assert results[2].text == texts[2].split(stop)[0]
    assert results[2].finish_reason == "stop"
    assert [results[i].text for i in (0, 1, 3)] == [texts[i] for i in (0, 1, 3)]


def test_the_same_seed_gives_the_same_text(engine_of):
    engine = engine_of()
    prompt, sampling = prompts(1)[0], Sampling(1.0, top_p=0.9)
    texts = [
        written(engine, [continuation(prompt, 20, sampling=sampling, seed=seed)])[0].text
        for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_a_seed_does_not_depend_on_who_else_is_in_the_batch(engine_of):
    engine = engine_of()
    some, sampling = prompts(6), Sampling(0.8)
    alone = [
        written(engine, [continuation(p, 12, sampling=sampling, seed=i)])[0].text
        for i, p in enumerate(some)
    ]
    jobs = [continuation(p, 12, sampling=sampling, seed=i) for i, p in enumerate(some)]
    assert [result.text for result in written(engine, jobs)] == alone


def test_without_a_seed_draws_differ(engine_of):
    jobs = [continuation([5, 6], 12, sampling=Sampling(1.0)) for _ in range(5)]
    assert len({result.text for result in written(engine_of(), jobs)}) == 5


def test_settings_may_differ_within_a_batch(engine_of):
    model = tiny_model()
    some = prompts(9)
    mixed = [Sampling(), Sampling(1.0, top_k=1), Sampling(5.0)]
    jobs = [continuation(p, sampling=mixed[i % 3], seed=i) for i, p in enumerate(some)]
    results = written(engine_of(model), jobs)
    greedy = [generated(model, prompt) for prompt in some]
    for i, job in enumerate(jobs):
        assert (job.written == greedy[i]) == (i % 3 != 2)
    assert results[0].mean_batch_size == 9


def test_a_repetition_penalty_is_the_librarys(engine_of):
    model = tiny_model()
    job = continuation(prompts(1)[0], 20, sampling=Sampling(repetition_penalty=1.3))
    written(engine_of(model), [job])
    assert job.written == generated(model, job.prompt, 20, repetition_penalty=1.3)


def test_log_probabilities_are_those_of_one_pass_over_the_whole_text(engine_of):
    model = tiny_model()
    some = prompts(3)
    wanted = [None, 0, 3]
    jobs = [continuation(p, top_logprobs=n) for p, n in zip(some, wanted, strict=True)]
    results = written(engine_of(model), jobs)
    assert results[0].logprobs is None
    for job, result, count in zip(jobs[1:], results[1:], wanted[1:], strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([job.ids])).logits[0, len(job.prompt) - 1 : -1]
        expected = logits.log_softmax(dim=-1)
        for i, entry in enumerate(result.logprobs):
            assert entry.token == job.written[i]
            assert entry.logprob == pytest.approx(float(expected[i, entry.token]), abs=1e-4)
            assert [value for _, value in entry.top] == pytest.approx(
                expected[i].topk(count).values.tolist(), abs=1e-4
            )


def test_a_probe_reads_and_does_not_write(engine_of):
    model = tiny_model()
    probes = [Probe(prompt, [5, 9, 200]) for prompt in prompts(6)]
    jobs = [continuation(prompt) for prompt in prompts(3)]
    engine = engine_of(model)
    for job in jobs:
        engine.submit(job)
    for probe, values in zip(probes, written(engine, probes), strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([probe.prompt])).logits[0, -1]
        assert values == pytest.approx(logits.log_softmax(dim=-1)[[5, 9, 200]].tolist(), abs=1e-4)
    assert [job.answer.result(timeout=60).tokens for job in jobs] == [10, 10, 10]


def test_pieces_come_while_the_text_is_written(engine_of):
    pieces = []
    job = continuation(
        [5, 6],
        60,
        sampling=Sampling(1.0),
        seed=1,
        top_logprobs=0,
        on_text=lambda text, logprobs: pieces.append((text, len(logprobs))),
    )
    (result,) = written(engine_of(), [job])
    assert len(pieces) > 10
    assert "".join(text for text, _ in pieces) == result.text
    assert sum(count for _, count in pieces) == 60


def test_a_listener_that_fails_harms_no_other(engine_of):
    def fail(*_):
        raise RuntimeError

    model = tiny_model()
    broken = continuation(prompts(1)[0], on_text=fail)
    whole = continuation(prompts(2)[1])
    engine = engine_of(model)
    engine.submit(broken)
    written(engine, [whole])
    assert broken.answer.cancelled()
    assert whole.written == generated(model, whole.prompt)


@pytest.mark.parametrize("architecture", ["llama", "mistral"])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_out_of_memory_loses_nobody(engine_of, architecture, error):
    model = tiny_model(architecture)
    jobs = [continuation(prompt) for prompt in prompts(10)]
    expected = [generated(model, job.prompt) for job in jobs]
    rows = []

    def limited(_, args, kwargs):
        if len(kwargs["input_ids"]) > 3:
            raise error
        rows.append(len(kwargs["input_ids"]))

    model.register_forward_pre_hook(limited, with_kwargs=True)
    results = written(engine_of(model), jobs)
    assert [job.written for job in jobs] == expected
    assert max(rows) > 1
    assert not any(job.suspect for job in jobs)
    assert [result.tokens for result in results] == [10] * 10


def test_out_of_memory_in_the_middle_goes_on_from_there(engine_of):
    model = tiny_model()
    jobs = [continuation(prompt, 20) for prompt in prompts(6)]
    expected = [generated(model, job.prompt, 20) for job in jobs]
    passes = []

    def tight(_, args, kwargs):
        passes.append(kwargs["input_ids"].shape)
        if len(passes) in (7, 15):
            raise torch.OutOfMemoryError

    model.register_forward_pre_hook(tight, with_kwargs=True)
    written(engine_of(model), jobs)
    assert [job.written for job in jobs] == expected


def test_a_request_that_breaks_the_model_fails_alone(engine_of):
    model = tiny_model()
    jobs = [continuation([4 + i, 5, 6]) for i in range(6)]
    expected = [generated(model, job.prompt) for job in jobs]

    def fragile(_, args, kwargs):
        if (kwargs["input_ids"] == 4 + 3).any():
            raise IndexError("the fourth prompt")

    hook = model.register_forward_pre_hook(fragile, with_kwargs=True)
    engine = engine_of(model)
    for job in jobs:
        engine.submit(job)
    assert isinstance(jobs[3].answer.exception(timeout=60), IndexError)
    for i in (0, 1, 2, 4, 5):
        # A model that happens to write the fragile token breaks too.
        if 4 + 3 not in expected[i]:
            jobs[i].answer.result(timeout=60)
            assert jobs[i].written == expected[i]
    hook.remove()
    (again,) = written(engine, [continuation(jobs[3].prompt)])
    assert again.tokens == 10


def test_a_cancelled_request_leaves_the_batch(engine_of):
    model = tiny_model()
    some = prompts(5)
    begun = threading.Event()
    jobs = [continuation(p, 100, on_text=lambda *_: begun.set()) for p in some]
    engine = engine_of(model)
    for job in jobs:
        engine.submit(job)
    assert begun.wait(timeout=60)
    assert jobs[2].answer.cancel()
    rest = [jobs[i] for i in (0, 1, 3, 4)]
    results = [job.answer.result(timeout=60) for job in rest]
    assert [job.written for job in rest] == [generated(model, job.prompt, 100) for job in rest]
    assert all(4 <= result.mean_batch_size < 5 for result in results)
    assert len(jobs[2].written) < 100


def live_bytes():
    gc.collect()
    tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


def test_memory_is_given_back(engine_of):
    engine = engine_of()

    def wave(seed):
        jobs = [continuation(p, 5 + i % 30, ends=[EOS]) for i, p in enumerate(prompts(40, seed))]
        for job in jobs:
            engine.submit(job)
        for job in jobs[::7]:
            job.answer.cancel()
        for i, job in enumerate(jobs):
            if i % 7:
                job.answer.result(timeout=60)

    wave(1)
    written(engine, [continuation([5], 1)])  # the last one out has left
    before = live_bytes()
    for seed in range(2, 6):
        wave(seed)
    written(engine, [continuation([5], 1)])
    assert live_bytes() <= before + 50_000


def test_a_prompt_that_fills_the_context_is_refused(engine_of):
    engine = engine_of()
    assert engine.tokens_left(500) == 12
    with pytest.raises(ValueError, match="512 tokens and the model's context only 512: shorten"):
        engine.tokens_left(512)


@pytest.mark.parametrize("limit", ["max_batch_size", "max_batch_tokens"])
def test_a_limit_below_one_is_refused(engine_of, limit):
    with pytest.raises(ValueError, match=f"{limit} must be at least 1, got 0"):
        engine_of(**{limit: 0})
