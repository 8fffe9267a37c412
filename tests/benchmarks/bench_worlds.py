"""What the rule buys on simulated questions: 12,000 a cell, standard errors of accuracy ≤ .004.

A cell of known rates holds where, at a cost at which calls are not above its figure by more than
5 %, accuracy is not below its figure by more than .015. At the cell's own cost the rule may make
more calls or fewer, as these pay: accuracy net of cost is not below the cell's.
"""

from math import exp, log

import pytest
from worlds import RIGHT, Question, World, best_of, by_criterion, play, restart_until_accepted

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
    rule = Criterion(world.rates(), cost, max_rounds=12)
    bought = benchmark.pedantic(play, args=(by_criterion(rule), world, QUESTIONS), rounds=1)
    cell = f"{kind} verdicts, rates known, c = {cost:g}, {accuracy:g} @ {calls:g}"
    # An attempt and its verification are two calls and one round.
    net, table = bought.accuracy - cost * bought.calls / 2, accuracy - cost * calls / 2
    figure(f"accuracy net of cost, {cell}", net, "", at_least=table)
    figure(f"accuracy, {cell}", bought.accuracy, "")
    figure(f"calls, {cell}", bought.calls, "a question")
    as_dear, found = _at_calls(rule, world, 1.05 * calls)
    figure(f"accuracy at c = {as_dear:.3g}, {cell}", found.accuracy, "", at_least=accuracy - 0.015)
    figure(f"calls at c = {as_dear:.3g}, {cell}", found.calls, "", at_most=1.05 * calls)


def _at_calls(rule, world, most):
    """Return a low cost at which the rule makes at most so many calls, and what it buys there."""
    low, high, found = log(0.001), log(0.3), None
    for _ in range(8):
        middle = (low + high) / 2
        bought = play(by_criterion(rule.replace(cost_per_round=exp(middle))), world, QUESTIONS)
        if bought.calls <= most:
            high, found = middle, bought
        else:
            low = middle
    return exp(high), found


@pytest.mark.parametrize(
    ("kind", "cost", "before"),
    [
        ("independent", 0.06, None),
        ("independent", 0.04, ".846 @ 5.3"),
        ("independent", 0.02, ".918 @ 7.9"),
        ("sticky", 0.06, None),
        ("sticky", 0.04, ".849 @ 5.8"),
        ("sticky", 0.02, ".889 @ 7.6"),
    ],
)
def test_with_nothing_measured_it_earns_no_less_than_one_pass(
    kind, cost, before, benchmark, figure
):
    world, gains = WORLDS[kind], []
    rule = by_criterion(Criterion(Calibration.training_free(), cost, max_rounds=12))

    def compared(question):
        """Play a question, and note by how much the answer is right where the first was not."""
        drawn = []

        def draw():
            drawn.append(Question.draw(question))
            return drawn[-1]

        question.draw = draw
        answer = rule(question)
        gains.append((answer == RIGHT) - (drawn[0] == RIGHT))
        return answer

    bought = benchmark.pedantic(play, args=(compared, world, QUESTIONS), rounds=1)
    cell = f"{kind} verdicts, nothing measured, c = {cost:g}"
    more_rounds = bought.calls / 2 - 1
    said = f", 45 classes had {before}" if before else ""
    figure(f"accuracy, {cell}{said}", bought.accuracy, "")
    figure(f"calls, {cell}", bought.calls, "a question")
    net = sum(gains) / QUESTIONS - cost * more_rounds
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
