"""Two hundred runs that are killed at a random moment and resumed: what do the kills cost?

Half of the processes kill themselves at a random entry into the record of their calls. The other
half are killed from outside at a random time, in the midst of a checkpoint as like as not.
"""

import random
from pathlib import Path
from time import perf_counter, sleep

import pytest
from processes import Toll, Victim, unkilled
from savers import SERVER, address_of

TRIALS = 200
AFTER_FIRST_CALL = 1.5  # a run takes at most about that many times what its process took to start


def resumed_after_kill(victim: Victim, dice: random.Random, *, from_outside: bool) -> Toll | None:
    """What the kill has cost; None if the run was faster than the kill."""
    share = dice.random()

    def after_a_while(process) -> None:
        began = perf_counter()
        while not victim.log.exists() and process.exitcode is None:
            sleep(0.0005)
        sleep(share * AFTER_FIRST_CALL * (perf_counter() - began))
        process.kill()

    if from_outside:
        ended = victim.run(dies_at=None, kill=after_a_while)
    else:
        entries = len(unkilled(victim.question)[1])
        ended = victim.run(dies_at=dice.randint(1, entries))
    if ended:
        return None
    assert victim.run(dies_at=None)
    return victim.settled()


def tolls_of(address: str, folder: Path, trials: int) -> list[Toll]:
    """What kills have cost, one question after the other, until there were enough."""
    dice = random.Random(5)
    tolls: list[Toll] = []
    number = 0
    while len(tolls) < trials:
        number += 1
        native_async = dice.random() < 0.5
        victim = Victim(address, folder, f"question {number}", native_async)
        toll = resumed_after_kill(victim, dice, from_outside=len(tolls) % 2 == 0)
        if toll is not None:
            tolls.append(toll)
    return tolls


NO_SERVER = "TEST_POSTGRES names no server: .ci/with-postgres make bench"
POSTGRES = pytest.param("postgres", marks=pytest.mark.skipif(not SERVER, reason=NO_SERVER))


@pytest.mark.parametrize("kind", ["sqlite", POSTGRES])
def test_what_kills_cost(kind, figure, tmp_path):
    with address_of(kind, tmp_path) as address:
        tolls = tolls_of(address, tmp_path, TRIALS)
    told = f"{sum(toll.kills for toll in tolls)} kills over {kind}"
    repeated = sum(toll.repeated for toll in tolls)
    lost = sum(not toll.same for toll in tolls)
    twice = [toll.twice for toll in tolls]
    figure(f"{told}: kept calls that were repeated", repeated, "calls", at_most=0)
    figure(f"{told}: runs that ended otherwise", lost, "runs", at_most=0)
    figure(f"{told}: calls paid twice, at most", max(twice), "calls a kill", at_most=1)
    figure(f"{told}: calls paid twice, on average", sum(twice) / TRIALS, "calls a kill")
