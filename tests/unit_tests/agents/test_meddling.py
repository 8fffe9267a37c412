"""Whatever other middleware does, a turn keeps its question, its limits and its answer."""

import logging

import pytest
from meddling import check, played


@pytest.mark.parametrize("block", range(12))
def test_a_turn_among_random_middleware(block, caplog):
    caplog.set_level(logging.CRITICAL)
    for seed in range(10 * block, 10 * block + 10):
        check(played(seed))
