"""A program may end while the engine writes."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from tiny_models import tiny_pipeline
from langchain_markovscale import BatchedChatHuggingFace

model = BatchedChatHuggingFace(llm=tiny_pipeline(), max_tokens=480)
model.engine.end_tokens = frozenset()
stream = model.stream("Hello")
next(stream)
print("leaving")
"""


TESTS = Path(__file__).parents[2]


def test_leaving_in_the_middle_of_a_reply_is_quiet():
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            "PYTHONPATH": f"{TESTS.parent}:{TESTS / 'unit_tests' / 'local'}",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "leaving\n", "")
