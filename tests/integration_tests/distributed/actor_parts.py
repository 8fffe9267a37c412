"""Loops that actors make in place; importable by the actors, so that no function need travel."""

import asyncio
import time
from pathlib import Path

from langchain_core.runnables import RunnableLambda

from langchain_markovscale import create_markovscale_graph

ACTION_SECONDS = 0.05


def make_parts(log, seconds=ACTION_SECONDS):
    """Return what makes a loop that notes each call in a folder, by the process that made it."""

    def make():
        import os

        calls = Path(log) / str(os.getpid())

        def write(request):
            time.sleep(seconds)
            with calls.open("a") as file:
                file.write(request["question"] + "\n")
            return f"It is {len(request['question'])}."

        return {
            "generate": write,
            "revise": write,
            "verifier": lambda answer: 0.5,
            "answer_key": "last_number",
        }

    return make


def make_local_parts(log):
    """Return what makes a loop of a real model, noting the processes that make one."""

    def make():
        import os

        from langchain_markovscale import BatchedChatHuggingFace
        from langchain_markovscale.local.weights import load_pipeline

        (Path(log) / str(os.getpid())).touch()
        model = BatchedChatHuggingFace(llm=load_pipeline("smollm2"), max_tokens=4)
        return {"model": model, "verifier": lambda answer: 0.5}

    return make


def make_graph(log, seconds=ACTION_SECONDS):
    make = make_parts(log, seconds)
    return lambda: create_markovscale_graph(**make(), max_rounds=2)


def make_waiting_parts(log, seconds):
    """Return what makes a loop whose calls wait and take no processor time.

    Each notes its question, the clock and the processor time of its process so far.
    """

    def make():
        import os

        calls = Path(log) / str(os.getpid())

        async def write(request):
            with calls.open("a") as file:  # what is cut off is paid for as well
                file.write(f"{request['question']}\t{time.time()}\t{time.process_time()}\n")
            await asyncio.sleep(seconds)
            return f"It is {len(request['question'])}."

        writer = RunnableLambda(_async_only, write)
        return {
            "generate": writer,
            "revise": writer,
            "verifier": lambda answer: 0.5,
            "answer_key": "last_number",
        }

    return make


def _async_only(request):
    raise NotImplementedError


def calls_in(log):
    return [line for file in Path(log).iterdir() for line in file.read_text().splitlines()]
