"""What the rule buys on simulated questions: 12,000 a cell, standard errors of accuracy ≤ .004.

A cell holds where accuracy is not below its figure by more than .015, and calls are not above
theirs by more than 5 %.
"""

import pytest
from worlds import World, best_of, by_criterion, play, restart_until_accepted

from langchain_markovscale import Calibration, Criterion

QUESTIONS = 12_000
WORLDS = {"independent": World(), "sticky": World(stickiness=1.0)}


@pytest.mark.parametrize(
    ("kind", "cost", "accuracy", "calls"),
    [
        ("independent", 0.06, 0.830, 4.3),
        ("independent", 0.04, 0.874, 5.4),
        ("independent", 0.02, 0.953, 8.3),
        ("sticky", 0.06, 0.816, 4.8),
        ("sticky", 0.04, 0.846, 6.1),
        ("sticky", 0.02, 0.894, 8.6),
    ],
)
def test_with_rates_known_the_rule_buys_accuracy_for_few_calls(
    kind, cost, accuracy, calls, benchmark, figure
):
    world = WORLDS[kind]
    rule = by_criterion(Criterion(world.rates(), cost, max_rounds=12))
    bought = benchmark.pedantic(play, args=(rule, world, QUESTIONS), rounds=1)
    cell = f"{kind} verdicts, rates known, c = {cost:g}"
    # An attempt and its verification are two calls and one round.
    net, table = bought.accuracy - cost * bought.calls / 2, accuracy - cost * calls / 2
    figure(f"accuracy net of cost, {cell}, {accuracy:g} @ {calls:g}", net, "", at_least=table)
    figure(f"accuracy, {cell}", bought.accuracy, "", at_least=accuracy - 0.015)
    figure(f"calls, {cell}", bought.calls, "a question", at_most=1.05 * calls)


@pytest.mark.parametrize(
    ("kind", "cost", "before"),
    [
        ("independent", 0.04, ".846 @ 5.3"),
        ("independent", 0.02, ".918 @ 7.9"),
        ("sticky", 0.04, ".849 @ 5.8"),
        ("sticky", 0.02, ".889 @ 7.6"),
    ],
)
def test_with_nothing_measured_it_earns_no_less_than_one_pass(
    kind, cost, before, benchmark, figure
):
    world = WORLDS[kind]
    rule = by_criterion(Criterion(Calibration.training_free(), cost, max_rounds=12))
    bought = benchmark.pedantic(play, args=(rule, world, QUESTIONS), rounds=1)
    cell = f"{kind} verdicts, nothing measured, c = {cost:g}"
    one_pass = sum(band.initial for band in world.bands) / len(world.bands)
    more_rounds = bought.calls / 2 - 1
    figure(f"accuracy, {cell}, 45 classes had {before}", bought.accuracy, "")
    figure(f"calls, {cell}", bought.calls, "a question")
    net = bought.accuracy - one_pass - cost * more_rounds
    figure(f"net of cost against one pass, {cell}", net, "", at_least=0)


@pytest.mark.parametrize(
    ("kind", "name", "accuracy", "calls"),
    [
        ("independent", "restart until accepted", 0.801, 3.8),
        ("independent", "best of 8", 0.857, 16),
        ("sticky", "restart until accepted", 0.788, 5.0),
        ("sticky", "best of 8", 0.837, 16),
    ],
)
def test_the_rules_to_beat_buy_what_they_are_said_to(
    kind, name, accuracy, calls, benchmark, figure
):
    rule = best_of(8) if name == "best of 8" else restart_until_accepted(8)
    bought = benchmark.pedantic(play, args=(rule, WORLDS[kind], QUESTIONS), rounds=1)
    for what, value, said, margin, unit in (
        ("accuracy", bought.accuracy, accuracy, 0.013, ""),
        ("calls", bought.calls, calls, 0.1, "a question"),
    ):
        cell = f"{what}, {kind} verdicts, {name}"
        figure(cell, value, unit, at_least=said - margin, at_most=said + margin)
