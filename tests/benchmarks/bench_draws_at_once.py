"""Draws at once on real attempts: as many right for about as many, in half the round trips.

Half of a pool's questions to fit, half to play, both ways, in two splits; what the rule does at
once is paired with what it does one by one. Waiting is priced by the cost of an attempt: who waits
for four round trips as gladly as they pay for one attempt gives a quarter of it.
"""

from dataclasses import replace
from functools import cache
from time import process_time

import numpy as np
import pytest
from bench_criterion import SCORES, SEVEN, states
from record import DATA, SETTINGS

from langchain_markovscale import Belief, Calibration, Criterion, read_traces
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.replay import Outcome, replay
from langchain_markovscale.theory.decision_cache import Cache
from langchain_markovscale.theory.optimum import MOST_DRAWS, MOST_SCORED_DRAWS, solve

SPLITS = 2
SECONDS = 4.0  # of a round trip; only its product with the cost of a second counts
PASSES = 5  # of which the fastest counts: others use the machine too
SHARES = (1 / 8, 1 / 4, 1 / 2, 1)
# Costs at which the rule makes three attempts and more one by one, and the price of waiting that
# is held to the limits: dearer attempts are given up only for dearer waiting.
HELD = {
    ("dates", 0.01): 1 / 4, ("dates", 0.004): 1 / 4,
    ("math500", 0.05): 1 / 2, ("math500", 0.02): 1 / 2,
    ("math500", 0.01): 1 / 4, ("math500", 0.004): 1 / 4,
}  # fmt: skip


@cache
def halves(name):
    """How many questions there are; of each half the places, attempts, other half's fit, split."""
    pool = Pool(read_traces(DATA / SETTINGS[name].file))
    found = []
    for split in range(SPLITS):
        one, other = pool.folds(0, split)
        for fit, play in ((one, other), (other, one)):
            calibration = Calibration.fit([pool.traces[index] for index in fit], seed=0)
            found.append((play, [pool[index] for index in play], calibration, split))
    return len(pool), found


def played(name, cost, **waiting):
    """How the rule fares by question."""
    setting, (questions, found) = SETTINGS[name], halves(name)
    total = Outcome.zero(questions)
    for play, tried, calibration, start in found:
        rule = Criterion(calibration, cost, setting.max_rounds, setting.actions, **waiting)
        total.add(replay(rule, tried, (start,)), play)
    return Outcome(*(values / SPLITS for values in vars(total).values()))


@pytest.mark.parametrize(("name", "cost"), HELD)
def test_round_trips_are_saved_and_nothing_else_is_lost(name, cost, figure):
    one_by_one = played(name, cost)
    attempts = one_by_one.attempts.mean()
    figure(f"{name}, c = {cost:g}: attempts one by one", attempts, "", at_least=2.99)
    for share in SHARES:
        per_second = share * cost / SECONDS
        at_once = played(
            name, cost, draws_at_once="auto", cost_per_second=per_second, seconds_per_round=SECONDS
        )
        held = share == HELD[name, cost]
        setting = f"{name}, c = {cost:g}, {per_second:.6f} a second of {SECONDS:g}"
        difference = at_once.correct - one_by_one.correct
        half = 1.96 * difference.std(ddof=1) / len(difference) ** 0.5
        figure(
            f"{setting}: more often right (± {half:.4f})", difference.mean(), "",
            at_least=-0.01 if held else None,
        )  # fmt: skip
        figure(
            f"{setting}: attempts", at_once.attempts.mean() / attempts, "×",
            at_most=1.15 if held else None,
        )  # fmt: skip
        figure(
            f"{setting}: round trips", at_once.trips.mean() / attempts, "×",
            at_most=0.6 if held else None,
        )  # fmt: skip


def fastest(make):
    """The least processor time of some calls, in seconds."""
    taken = []
    for _ in range(PASSES):
        start = process_time()
        make()
        taken.append(process_time() - start)
    return min(taken)


@pytest.mark.parametrize("scores", [*SCORES, "none"])
def test_a_table_for_another_price_of_waiting_takes_milliseconds(scores, figure):
    model = Belief(replace(SEVEN, scores=SCORES.get(scores))).draws(scored=scores != "none")
    horizon = MOST_DRAWS if scores == "none" else MOST_SCORED_DRAWS
    solve(model, horizon, 0.01)  # what no price changes
    taken = fastest(lambda: solve(model, horizon, 0.01, 0.005, "auto"))
    figure(f"table of {horizon} draws at once, {scores}", 1e3 * taken, "ms", at_most=10)


@pytest.mark.parametrize("at_once", ["auto", 4])
@pytest.mark.parametrize("mixed", [False, True], ids=["fresh", "mixed"])
@pytest.mark.parametrize("most", [8, 64, 100_000])
def test_a_decision_takes_little_longer_than_one_by_one(at_once, mixed, most, figure):
    runs = states(200, 6, mixed=mixed, graded=False)

    def taken(**waiting):
        rule = Criterion(SEVEN, 0.01, most, ("revise", "generate"), **waiting)
        rule._decisions = rule._situations = Cache(0)
        return fastest(lambda: [rule.decide(run) for run in runs]) / len(runs)

    waiting = {"cost_per_second": 0.005, "seconds_per_round": 1.0}
    one_by_one, several = taken(), taken(draws_at_once=at_once, **waiting)
    name = f"decide, draws at once {at_once}, {'mixed' if mixed else 'fresh'}, {most} rounds"
    figure(name, 1e6 * several, "µs")
    figure(f"{name}, over one by one", several / one_by_one, "×", at_most=2.5)


def test_the_first_draws_take_milliseconds(figure):
    def first():
        np.testing.assert_equal(
            Criterion(
                Calibration.training_free(), 0.01, draws_at_once="auto", cost_per_second=0.005,
                seconds_per_round=1.0,
            ).decide([])["action"],
            "generate",
        )  # fmt: skip

    figure(
        "first decision of a new criterion, draws at once", 1e3 * fastest(first), "ms", at_most=100
    )
