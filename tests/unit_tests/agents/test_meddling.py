"""Whatever other middleware does, a turn keeps its question, its limits and its answer."""

import logging

import pytest
from meddling import check, played


# Ten thousand scripts are played by the benchmark.
@pytest.mark.parametrize("block", range(6))
def test_a_turn_among_random_middleware(block, caplog):
    caplog.set_level(logging.CRITICAL)
    for seed in range(10 * block, 10 * block + 10):
        check(played(seed))
