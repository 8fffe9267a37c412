"""What plans are worth, against recursion, matrix powers, counting every draw, and simulation."""

import math
from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from runs import rates

from langchain_markovscale import Rates
from langchain_markovscale.theory.plans import commitments, plurality_shares

BOTH = ("revise", "generate")
ONE = Rates((1.0,), (0.6,), (0.3,), (0.1,), (0.85,), (0.8,), coincidence=1 / 3)


def verified(sensitivity, specificity, candidate, in_hand, n):
    """(V, L) of drawing up to n candidates until one is accepted, one round after the other."""
    if n == 0:
        return float(in_hand), 0.0
    later, rounds = verified(sensitivity, specificity, candidate, in_hand, n - 1)
    rejected = candidate * (1 - sensitivity) + (1 - candidate) * specificity
    return candidate * sensitivity + rejected * later, 1 + rejected * rounds


def blind(repair, corruption, in_hand, n):
    step = np.array([[1 - corruption, corruption], [repair, 1 - repair]])
    return (np.array([in_hand, 1.0 - in_hand]) @ np.linalg.matrix_power(step, n))[0], float(n)


def plurality(initial, wrong_values, in_hand, n, right_votes=1.0, wrong_votes=1.0):
    """The chance that the plurality of the answer in hand and the draws that vote is right."""
    total = 0.0
    answers = range(wrong_values + 1)  # 0 is right
    silent = -1
    chances = dict.fromkeys(answers, (1 - initial) / wrong_values * wrong_votes)
    chances[0] = initial * right_votes
    chances[silent] = 1 - sum(chances.values())
    for draws in product(chances, repeat=n):
        chance = math.prod(chances[a] for a in draws)
        votes = Counter([0 if in_hand else 1, *(a for a in draws if a != silent)])
        leaders = [a for a in answers if votes[a] == max(votes.values())]
        total += chance * (0 in leaders) / len(leaders)
    return total, float(n)


def plans(known, actions, n, factor, keyed, k, y):
    """(action, V, L) of every commitment of exactly n rounds, from one class and one label."""
    s, u, p = known.sensitivity[k], known.specificity[k], known.initial[k]
    repair, corruption = known.repair[k] * factor, known.corruption[k] * factor
    if "revise" in actions:
        yield "revise", *verified(s, u, 1 - corruption if y else repair, y, n)
        yield "revise", *blind(repair, corruption, y, n)
    if "generate" in actions:
        yield "generate", *verified(s, u, p, y, n)
        if n == 1:
            yield "generate", p, 1.0
        if keyed:
            wrong_values = round(1 / known.coincidence)
            yield "generate", *plurality(p, wrong_values, y, n)
            yield "generate", *plurality(p, wrong_values, y, n, s, 1 - u)


def in_order(rows):
    """Rows in an order that does not hang on rounding."""
    return sorted(rows, key=lambda row: (row[0], np.round(row[1], 6).tolist()))


@settings(max_examples=40)
@given(
    rates(coincidences=(1.0, 0.5, 1 / 3), most_classes=2),
    st.sampled_from([BOTH, ("revise",), ("generate",)]),
    st.integers(1, 4),
    st.integers(0, 3),
    st.booleans(),
)
def test_every_commitment_is_worth_what_following_it_brings(known, actions, most, depth, keyed):
    table = commitments(known, actions, most, depth, keyed=keyed)
    assert table.within[0] == 0
    assert table.within[most] == len(table.actions)
    states = [(k, y) for y in (1, 0) for k in range(known.n_classes)]
    for n in range(1, most + 1):
        rows = range(table.within[n - 1], table.within[n])
        found = [(table.actions[i], [*table.gains[i], *table.rounds[i]]) for i in rows]
        by_state = [plans(known, actions, n, known.settling**depth, keyed, *s) for s in states]
        expected = [
            (
                same_plan[0][0],
                [v - y for (_, v, _), (_, y) in zip(same_plan, states, strict=True)]
                + [length for _, _, length in same_plan],
            )
            for same_plan in zip(*by_state, strict=True)
        ]
        for one, other in zip(in_order(found), in_order(expected), strict=True):
            assert one[0] == other[0]
            np.testing.assert_allclose(one[1], other[1], atol=1e-9)


@pytest.mark.parametrize(("s", "u"), [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)])
def test_verifiers_that_never_err_or_never_accept_have_their_worth_too(s, u):
    known = replace(ONE, sensitivity=s, specificity=u)
    table = commitments(known, ("revise",), 6, 0, keyed=False)
    for n in range(1, 7):
        worth = verified(s, u, 0.3, 0, n)
        row = [
            i
            for i in range(table.within[n - 1], table.within[n])
            if table.rounds[i][1] == pytest.approx(worth[1])
        ]
        assert any(table.gains[i][1] == pytest.approx(worth[0]) for i in row)


def test_following_a_verified_commitment_brings_what_it_says():
    random, runs, right, rounds = Random(3), 40_000, 0, 0
    for _ in range(runs):
        answer = False  # in hand, wrong
        for _ in range(4):
            rounds += 1
            candidate = random.random() < 0.6
            if random.random() < (0.85 if candidate else 0.2):
                answer = candidate
                break
        right += answer
    table = commitments(ONE, ("generate",), 4, 0, keyed=False)
    row = table.within[3]  # the only commitment of four rounds
    assert len(table.actions) == row + 1
    assert right / runs == pytest.approx(table.gains[row][1], abs=5 * 0.5 / math.sqrt(runs))
    assert rounds / runs == pytest.approx(table.rounds[row][1], abs=5 * 1.0 / math.sqrt(runs))


def draws_and_votes(initial, wrong_values, in_hand, n, runs, seed, accepts):
    random = np.random.default_rng(seed)
    right = random.random((runs, n)) < initial
    answers = np.where(right, 0, random.integers(1, wrong_values + 1, (runs, n)))
    held = np.zeros((runs, 1), int) if in_hand else random.integers(1, wrong_values + 1, (runs, 1))
    votes_at_all = random.random((runs, n)) < np.where(right, *accepts)
    silent = wrong_values + 1
    answers = np.where(votes_at_all, answers, silent)
    votes = np.apply_along_axis(np.bincount, 1, np.hstack([held, answers]), minlength=silent + 1)
    votes = votes[:, :silent]
    leads = votes == votes.max(axis=1, keepdims=True)
    return (leads[:, 0] / leads.sum(axis=1)).mean()


@pytest.mark.parametrize("in_hand", [True, False])
@pytest.mark.parametrize(
    ("initial", "wrong_values", "n"), [(0.2, 20, 12), (0.35, 7, 9), (0.4, 3, 30)]
)
def test_agreement_is_what_simulated_votes_show(initial, wrong_values, n, in_hand):
    known = replace(ONE, initial=initial, coincidence=1 / wrong_values)
    table = commitments(known, ("generate",), n, 0, keyed=True)
    runs = 8_000
    verdicts = known.sensitivity[0], 1 - known.specificity[0]
    for row, accepts in ((-2, (1.0, 1.0)), (-1, verdicts)):
        found = table.gains[row][0 if in_hand else 1] + in_hand
        seen = draws_and_votes(initial, wrong_values, in_hand, n, runs, n, accepts)
        assert found == pytest.approx(seen, abs=5 * 0.5 / math.sqrt(runs))
        assert table.rounds[row] == pytest.approx(n)


@pytest.mark.parametrize("most", [1, 2, 7, 64])
def test_between_two_answers_the_plurality_is_the_majority(most):
    shares = plurality_shares(most, 1)
    for in_hand_wrong, right, wrong in product((0, 1), range(most + 1), range(most + 1)):
        if right + wrong <= most:
            lead = (right + 1 - in_hand_wrong) - (wrong + in_hand_wrong)
            expected = 1.0 if lead > 0 else 0.5 if lead == 0 else 0.0
            assert shares[in_hand_wrong, right, wrong] == pytest.approx(expected, abs=1e-12)


def test_wrong_answers_that_never_coincide_lose_to_any_two_votes():
    shares = plurality_shares(12, 10**9)
    for right, wrong in product(range(7), range(6)):
        for in_hand_wrong in (0, 1):
            votes = right + 1 - in_hand_wrong
            expected = 0.0 if votes == 0 else 1 / (1 + wrong + in_hand_wrong) if votes == 1 else 1.0
            assert shares[in_hand_wrong, right, wrong] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("most", "wrong_values"), [(300, 4), (100, 1000), (60, 10**6)])
def test_many_draws_over_many_values_stay_chances(most, wrong_values):
    shares = plurality_shares(most, wrong_values)
    assert np.all((shares >= 0) & (shares <= 1 + 1e-9))
    # One more vote for the right answer never hurts it, one more draw against it never helps.
    assert np.all(np.diff(shares, axis=1) >= -1e-9)
    assert np.all(np.diff(shares, axis=2) <= 1e-9)


def test_no_round_left_leaves_no_commitment():
    table = commitments(ONE, BOTH, 0, 0, keyed=True)
    assert table.actions == ()
    assert table.gains.shape == table.rounds.shape == (0, 2)
    assert table.within == (0,)
