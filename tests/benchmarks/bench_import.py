"""What `import langchain_markovscale` adds to Python's own start."""

import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).parents[2]


def start(statement: str) -> float:
    """Seconds that a fresh interpreter takes for a statement."""
    began = perf_counter()
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True)
    return perf_counter() - began


def test_import_costs_little_beyond_the_start_of_python(benchmark, figure):
    bare = []
    # A bare start before each measured one, so that both see the same load of the machine.
    benchmark.pedantic(
        start,
        args=("import langchain_markovscale",),
        setup=lambda: bare.append(start("pass")),
        rounds=31,
        warmup_rounds=2,
    )
    beyond = benchmark.stats.stats.median - median(bare)
    figure("import beyond Python's start", 1000 * beyond, "ms", at_most=30)
