"""10,000 agents among random middleware: none past its limits, none without the answer it had.

`make bench` runs it; a seed that fails is played again by `meddling.played(seed)`.
"""

import logging
from concurrent.futures import ProcessPoolExecutor

from meddling import check, played

SCRIPTS = 10_000
FIRST = 60  # those before it are played by the tests


def broken(seed: int) -> str | None:
    """Play a script, and return what was not kept."""
    logging.disable(logging.CRITICAL)
    try:
        check(played(seed))
    except Exception as error:
        return f"{seed}: {type(error).__name__}: {error}"
    return None


def test_no_script_gets_past_the_limits():
    with ProcessPoolExecutor() as pool:
        results = pool.map(broken, range(FIRST, FIRST + SCRIPTS), chunksize=50)
        failures = [failure for failure in results if failure is not None]
    print(f"\n{SCRIPTS:,} scripts, {len(failures)} broken")
    assert failures == []
