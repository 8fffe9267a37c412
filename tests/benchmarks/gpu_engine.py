"""The local engine's figures on a GPU: ``python tests/benchmarks/gpu_engine.py [model]``.

Not run by `make bench`. The limits are those of two CPU cores and are shown for comparison; where
there is no accelerator the script says so and ends well. The package must be installed, or its
folder be in ``PYTHONPATH``.
"""

import sys

import torch
from bench_engine import PROMPTS, Ways, compare

from langchain_markovscale import load_chat_model


def main(name: str = "smollm2") -> None:
    """Measure the figures of `bench_engine` with one model on the accelerator."""
    if not torch.accelerator.is_available():
        print("skipped: there is no GPU on this machine")
        return
    ways = Ways(load_chat_model(name))
    print(f"{ways.chat.model_id}, {ways.network.dtype} on {_device_name()}")
    for label, ours, other, limit in _figures(ways):
        mine, theirs = compare(ours, other)
        speed = f"{theirs / mine:6.2f} × as fast (on two CPU cores: ≥ {limit})"
        print(f"{label:<55}{mine:8.3f} s against {theirs:8.3f} s  {speed}")
    wide = ways.chat.batch(PROMPTS, max_tokens=32)[0].response_metadata["mean_batch_size"]
    print(f"mean batch size of {len(PROMPTS)} requests: {wide:.1f}")
    ways.chat.close()


def _figures(ways: Ways):
    options = {"max_new_tokens": 32, "eos_token_id": None, "do_sample": False}
    sixteen = PROMPTS[:16]

    def batch():
        return ways.chat.batch(sixteen, max_tokens=32)

    yield "16 × 32 tokens / one padded generate", batch, lambda: ways.padded(sixteen, 32), 0.9
    yield (
        "16 × 32 tokens / ChatHuggingFace.batch",
        batch,
        lambda: ways.single.batch(sixteen, pipeline_kwargs=options),
        4,
    )
    yield "64 × 8 to 64 tokens / padded batches of 16", ways.mixed, ways.in_order, 1.4
    yield (
        "one request / generate",
        lambda: ways.chat.invoke(PROMPTS[0], max_tokens=32),
        lambda: ways.padded(PROMPTS[:1], 32),
        "0.91",
    )
    yield (
        "64 verdicts by token probability / writing them",
        lambda: ways.verifier.batch(ways.asked, {"max_concurrency": 64}),
        ways.one_by_one,
        3,
    )


def _device_name() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return str(torch.accelerator.current_accelerator())


if __name__ == "__main__":
    main(*sys.argv[1:2])
