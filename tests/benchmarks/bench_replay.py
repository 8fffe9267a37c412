"""How many recorded runs a second a strategy is replayed on, on one core."""

from pathlib import Path

import pytest
from pools import recorded

from langchain_markovscale import Calibration, Criterion, read_traces
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.replay import replay
from langchain_markovscale.replay.strategies import baselines

ARITHMETIC = Path(__file__).parents[1] / "data" / "arithmetic.jsonl"
STARTS = range(3)


@pytest.fixture(scope="module")
def pool():
    return Pool(read_traces(ARITHMETIC))


def runs_a_second(benchmark, strategy, pool):
    """The most of several rounds: what else the machine does is not the replay's doing."""
    benchmark.pedantic(replay, args=(strategy, pool, STARTS), rounds=7, warmup_rounds=1)
    return len(pool) * len(STARTS) / benchmark.stats.stats.min


@pytest.mark.parametrize("name", baselines(rounds=4, draws=3))
def test_fixed_rules(name, pool, benchmark, figure):
    rule = baselines(0.39, rounds=4, draws=3)[name]
    speed = runs_a_second(benchmark, rule, pool)
    figure(f"replayed runs, {name}", speed, "a second", at_least=20_000)


@pytest.mark.parametrize("cost", [0.05, 0.01, 0.002])
def test_markovscale(cost, pool, benchmark, figure):
    calibration = Calibration.fit(pool.traces, n_bootstrap=16)
    speed = runs_a_second(benchmark, Criterion(calibration, cost), pool)
    figure(f"replayed runs, MarkovScale, c = {cost:g}", speed, "a second", at_least=1_500)


def test_markovscale_without_keys(benchmark, figure):
    pool = Pool(recorded(questions=200, key=None))
    calibration = Calibration.fit(pool.traces, n_bootstrap=16)
    speed = runs_a_second(benchmark, Criterion(calibration, 0.01), pool)
    figure("replayed runs, MarkovScale, c = 0.01, no keys", speed, "a second", at_least=1_500)
