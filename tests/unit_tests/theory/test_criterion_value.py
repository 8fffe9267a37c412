"""What the rule earns, against the best that any rule could."""

import numpy as np
import pytest
from exact_game import Game
from worlds import REJECT, attempt

from langchain_markovscale import Criterion, Rates

BOTH = ("revise", "generate")


def game(answers, sensitivity, specificity, cost, sticky):
    """An easy and a hard kind of question, four attempts at most."""
    known = Rates(
        weights=(0.5, 0.5),
        initial=(0.8, 0.3),
        repair=(0.5, 0.15),
        corruption=(0.05, 0.15),
        sensitivity=(sensitivity,) * 2,
        specificity=(specificity,) * 2,
        coincidence=1 / (answers - 1),
        plausible_wrong=answers - 1,
        retention=0.5,
        verdict_correlation=float(sticky),
    )
    return Game(known, answers, cost, max_rounds=4, sticky=sticky)


@pytest.mark.parametrize("sticky", [False, True], ids=["drawn anew", "sticky"])
@pytest.mark.parametrize("cost", [0.06, 0.02, 0.005])
@pytest.mark.parametrize(
    ("answers", "sensitivity", "specificity", "short_of_best"),
    [
        (3, 0.85, 0.80, 0.005),
        (3, 0.97, 0.95, 0.001),
        (4, 0.65, 0.60, 0.012),  # a tenth of it for not revising twice what was revised in vain
        (2, 0.85, 0.80, 0.003),
    ],
    ids=["good", "strong", "weak", "yes or no"],
)
def test_the_rule_earns_nearly_what_the_best_rule_earns(
    answers, sensitivity, specificity, short_of_best, cost, sticky
):
    # How far it may fall short was found by this very computation, which leaves no chance.
    played = game(answers, sensitivity, specificity, cost, sticky)
    earned = played.value_of(Criterion(played.rates, cost, 4, BOTH, choices=answers))
    best = played.best_value(BOTH)
    assert best - short_of_best <= earned <= best + 1e-12


@pytest.mark.parametrize("sticky", [False, True], ids=["drawn anew", "sticky"])
@pytest.mark.parametrize("cost", [0.06, 0.02, 0.005])
@pytest.mark.parametrize(("answers", "sensitivity"), [(3, 0.85), (4, 0.65), (2, 0.85)])
def test_of_fresh_draws_it_earns_all_that_the_best_rule_earns(answers, sensitivity, cost, sticky):
    played = game(answers, sensitivity, 0.80, cost, sticky)
    earned = played.value_of(Criterion(played.rates, cost, 4, ["generate"], choices=answers))
    assert earned == pytest.approx(played.best_value(["generate"]), abs=1e-6)


@pytest.mark.parametrize("actions", [BOTH, ("revise",), ("generate",)], ids="+".join)
@pytest.mark.parametrize("cost", [0.06, 0.02, 0.005])
def test_the_rule_earns_at_least_what_stopping_at_once_does_and_at_most_what_all_actions_do(
    actions, cost
):
    played = game(3, 0.85, 0.80, cost, sticky=False)
    earned = played.value_of(Criterion(played.rates, cost, 4, actions, choices=3))
    assert 0.55 <= earned <= played.best_value(actions) + 1e-12
    assert played.best_value(actions) <= played.best_value(BOTH) + 1e-12


@pytest.mark.parametrize("cost", [0.06, 0.02, 0.005])
@pytest.mark.parametrize("action", BOTH)
def test_deciding_again_each_round_beats_following_the_best_plan_blindly(action, cost):
    played = game(3, 0.85, 0.80, cost, sticky=False)
    rule = Criterion(played.rates, cost, 4, [action], choices=3)
    # The plans from each first answer on: accepted or rejected, which is all it can be.
    followed = 0.0
    for score, chance in verdicts_on_a_draw(played.rates):
        decision = rule.decide([attempt("0", score)])
        worth = decision["expected_gain"] - decision["cost"]
        followed += chance * (decision["belief"] + max(worth, 0.0))
    assert played.value_of(rule) >= followed - 1e-9


def verdicts_on_a_draw(known):
    right = np.dot(known.weights, known.initial)
    accepted = right * known.sensitivity[0] + (1 - right) * (1 - known.specificity[0])
    return (1.0, accepted), (REJECT, 1 - accepted)


def test_thresholds_of_the_worked_example():
    # A revision replaces the answer, and every answer is judged; by dynamic programming.
    repair, corruption, s, u, cost, rounds = 0.3, 0.1, 0.85, 0.8, 0.02, 60
    belief = np.linspace(0, 1, 4001)
    after = (1 - corruption) * belief + repair * (1 - belief)
    accepted = after * s + (1 - after) * (1 - u)
    rejected = 1 - accepted
    value = belief
    for _ in range(rounds):
        go = accepted * np.interp(after * s / accepted, belief, value)
        go += rejected * np.interp(after * (1 - s) / rejected, belief, value) - cost
        value = np.maximum(belief, go)
    replacing = belief[np.flatnonzero(go > belief + 1e-12)[-1]]
    assert replacing == pytest.approx(0.914, abs=0.001)

    # To keep the better answer is worth more, so the rule goes on a little further.
    def goes_on(b):
        known = Rates((1.0,), b, repair, corruption, s, u, verdict_correlation=0.0)
        rule = Criterion(known, cost, rounds + 1, ["revise"])
        return rule.decide([attempt("7")])["action"] == "revise"

    assert goes_on(replacing)
    assert goes_on(0.919)
    assert not goes_on(0.925)
