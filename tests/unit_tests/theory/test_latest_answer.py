"""Deciding where earlier answers are lost, against plans that are followed in plain Python."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st
from runs import rates
from worlds import ACCEPT, REJECT, attempt

from langchain_markovscale import Criterion, Rates
from langchain_markovscale.theory.latest_answer import decide_on_latest

BOTH = ("revise", "generate")


def believed(known, accepted):
    """P(class k, and the answer is right or wrong), of one answer with one verdict."""
    cells = []
    for k, weight in enumerate(known.weights):
        for right in (True, False):
            chance = known.initial[k] if right else 1 - known.initial[k]
            accepts = known.sensitivity[k] if right else 1 - known.specificity[k]
            cells.append((k, right, weight * chance * (accepts if accepted else 1 - accepts)))
    whole = sum(chance for *_, chance in cells)
    return [(k, right, chance / whole) for k, right, chance in cells]


def next_is_right(known, k, action, right, depth):
    if action == "generate":
        return known.initial[k]
    settled = known.settling**depth
    return 1 - known.corruption[k] * settled if right else known.repair[k] * settled


def until_accepted(known, k, action, right, n, depth=0):
    """P(right) and rounds of going on until a candidate is accepted, at most n: else the last."""
    if n == 0:
        return float(right), 0.0
    worth, rounds = 0.0, 1.0
    chance = next_is_right(known, k, action, right, depth)
    for candidate, share in ((True, chance), (False, 1 - chance)):
        accepts = known.sensitivity[k] if candidate else 1 - known.specificity[k]
        later, length = until_accepted(known, k, action, candidate, n - 1, depth + 1)
        worth += share * (accepts * candidate + (1 - accepts) * later)
        rounds += share * (1 - accepts) * length
    return worth, rounds


def as_it_comes(known, k, action, right, n):
    chance = float(right)
    for depth in range(n):
        kept, mended = (next_is_right(known, k, action, each, depth) for each in (True, False))
        chance = chance * kept + (1 - chance) * mended
    return chance, float(n)


def best_plan(known, cells, costs, most):
    """The action, gain and cost of the plan that is worth most."""
    belief, plans = sum(chance for _, right, chance in cells if right), []
    for action, cost in costs.items():
        for n in range(1, most + 1):
            for follow in (until_accepted, as_it_comes):
                played = [
                    (chance, *follow(known, k, action, right, n)) for k, right, chance in cells
                ]
                gain = sum(chance * worth for chance, worth, _ in played) - belief
                plans.append((gain, cost * sum(chance * n for chance, _, n in played), action))
    return max(plans, key=lambda plan: plan[0] - plan[1])


@settings(max_examples=60, deadline=None)
@given(
    rates(most_classes=2), st.booleans(), st.sampled_from(["a", None]), st.integers(0, 3),
    st.sampled_from([BOTH, BOTH[:1], BOTH[1:]]), st.sampled_from([0.0, 0.01, 0.05, 0.2]),
)  # fmt: skip
def test_the_best_plan_is_what_following_each_of_them_says(
    known, accepted, key, lost, actions, cost
):
    known = replace(known, verdict_correlation=0.0, score_cuts=(), score_log_ratios=())
    rule = Criterion(known, cost, 5, actions)
    latest = attempt(key, ACCEPT if accepted else REJECT)
    decision = decide_on_latest(rule, latest, lost)
    costs = dict.fromkeys(rule.actions, cost)
    cells = believed(known, accepted)
    assert decision["belief"] == pytest.approx(sum(p for _, right, p in cells if right))
    gain, spent, _ = best_plan(known, cells, costs, 5 - lost - 1)
    assert decision["expected_gain"] - decision["cost"] == pytest.approx(gain - spent, abs=1e-9)
    if abs(gain - spent) > 1e-9:
        assert (decision["action"] == "stop") == (gain < spent)


@pytest.mark.parametrize(("repair", "corruption", "cost"), [(0.3, 0.1, 0.02), (0.2, 0.2, 0.01)])
def test_with_one_chain_and_nothing_verified_it_is_the_rule_of_the_paper(repair, corruption, cost):
    threshold = repair / (repair + corruption) - cost / (repair + corruption)
    for belief in (threshold - 0.01, threshold + 0.01):
        known = Rates((1.0,), (belief,), (repair,), (corruption,), (0.5,), (0.5,))
        decision = decide_on_latest(Criterion(known, cost, 2, BOTH[:1]), attempt(None, 0.3), 0)
        assert decision["action"] == ("revise" if belief < threshold else "stop")
