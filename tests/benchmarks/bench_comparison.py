"""What MarkovScale buys on recorded runs, and what is lost where its rates are fitted.

The pool is real: 200 questions of arithmetic, where revising hurts and the verifier is weak. Its
scores are one forward pass each, which reads and writes a single token.
"""

from pathlib import Path

import numpy as np
import pytest
from pools import recorded
from worlds import World, by_criterion, play

from langchain_markovscale import Calibration, Criterion, compare_strategies, read_traces

ARITHMETIC = Path(__file__).parents[1] / "data" / "arithmetic.jsonl"
WORLDS = {"independent": World(), "sticky": World(stickiness=1.0)}
KNOWN_AT = (0.1, 0.06, 0.04, 0.03, 0.02, 0.01, 0.005)
FITTED_AT = (0.06, 0.04, 0.02, 0.01)
QUESTIONS, SEEDS = 6000, 3


@pytest.mark.parametrize("verification_tokens", [None, 1], ids=["attempts", "tokens"])
def test_on_the_arithmetic_pool(verification_tokens, benchmark, figure):
    comparison = benchmark.pedantic(
        compare_strategies,
        args=(list(read_traces(ARITHMETIC)),),
        kwargs={"verification_tokens": verification_tokens},
        rounds=1,
    )
    print(f"\n{comparison}")
    findings = comparison.findings
    unit = findings.budget
    for duel in findings.duels_of("mixture"):
        what = f"at the {unit} of {duel.rule}"
        figure(f"gain in accuracy {what}", duel.difference.value, "")
        figure(f"its interval reaches up to, {what}", duel.difference.interval[1], "", at_least=0.0)
    best = max(findings.standings_of("mixture"), key=lambda each: each.lead.value)
    rules = f"every rule for no more {unit}, where that is most"
    figure(f"accuracy above {rules}", best.lead.value, "", at_least=0.01)
    figure(f"its interval begins at, above {rules}", best.lead.interval[0], "")
    ours = max(row.accuracy.value for row in findings.curve("mixture"))
    theirs = max(row.accuracy.value for row in findings.rules)
    figure(f"the most accurate point of all against that of all rules, {unit}", ours - theirs, "")


@pytest.mark.parametrize("kind", WORLDS)
def test_fitted_rates_are_nearly_as_good_as_known_ones(kind, benchmark, figure):
    world = WORLDS[kind]

    def bought(calibration, cost):
        rule = by_criterion(Criterion(calibration, cost, max_rounds=12))
        return play(rule, world, QUESTIONS)

    def lost():
        known = [bought(world.rates(), cost) for cost in KNOWN_AT]
        calls = [each.calls for each in known]
        accuracy = [each.accuracy for each in known]
        for seed in range(SEEDS):
            calibration = Calibration.fit(recorded(world, 300, seed), n_bootstrap=16, seed=seed)
            for cost in FITTED_AT:
                fitted = bought(calibration, cost)
                yield np.interp(fitted.calls, calls, accuracy) - fitted.accuracy

    losses = benchmark.pedantic(lambda: list(lost()), rounds=1)
    name = f"accuracy lost by fitting to 300 questions, {kind} verdicts"
    figure(f"{name}, mean", np.mean(losses), "", at_most=0.01)
    figure(f"{name}, at worst", max(losses), "", at_most=0.02)
