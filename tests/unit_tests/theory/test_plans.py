"""What plans are worth, against recursion, matrix powers, exact enumeration, and simulation."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from by_enumeration import over_keys
from continuations import drawn_until_accepted, revised_until_accepted
from hypothesis import assume, given, settings, strategies as st
from runs import chances, rates, runs
from worlds import ACCEPT, REJECT, attempt

from langchain_markovscale import Belief, Rates
from langchain_markovscale.theory.plans import Commitments, best_of, verified
from langchain_markovscale.theory.posterior import Candidates, chain_gains

DRAW, REVISE = ("generate",), ("revise",)
ONE = Rates((1.0,), (0.6,), (0.3,), (0.1,), (0.85,), (0.8,), verdict_correlation=0.0)


def cases(draw, rows):
    """Any number of cases: their weights, whether the answer is right, and chances."""
    n = draw(st.integers(1, 5))
    shares = np.array(draw(st.lists(st.floats(0.05, 1), min_size=n, max_size=n)))
    right = np.array(draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)))
    return shares / shares.sum(), right, *cases_of(draw, n, rows)


def cases_of(draw, n, rows):
    """Rows of chances in n cases."""
    per_case = st.lists(st.one_of(st.sampled_from([0.0, 1.0]), chances), min_size=n, max_size=n)
    return [np.array(draw(per_case)) for _ in range(rows)]


@given(st.data(), st.integers(1, 6), st.booleans())
def test_a_verified_plan_is_worth_what_following_it_round_by_round_brings(data, most, falling):
    weights, right, *known = cases(data.draw, 4)
    actions = [known, cases_of(data.draw, len(right), 4)]
    if_wrong, if_right, accepted, mistaken = np.array(actions).swapaxes(0, 1)
    settled = 0.7 ** np.arange(most) if falling else np.ones(1)
    chances = settled[:, None, None, None] * np.array([if_wrong, if_right])
    both = [np.array([each] * 2) for each in (weights, right)]
    found = verified(Candidates(*both, chances, accepted, mistaken), most)

    def follow(latest, in_hand, chances, accept, mistaken, n):
        if n == 0:
            return in_hand, 0.0
        worth, rounds, chance = 0.0, 1.0, chances[int(latest)]
        for candidate, share in ((1.0, chance), (0.0, 1 - chance)):
            accepts = accept if candidate else mistaken
            # Where chances fall it is a chain, else candidates are all made of what is in hand.
            next_one = candidate if falling else latest
            below = [0.7 * each for each in chances] if falling else chances
            later, length = follow(next_one, in_hand, below, accept, mistaken, n - 1)
            worth += share * (accepts * candidate + (1 - accepts) * later)
            rounds += share * (1 - accepts) * length
        return worth, rounds

    for row, each in enumerate(actions):
        for n in range(1, most + 1):
            gain = length = 0.0
            for weight, in_hand, wrong, kept, *verdicts in zip(weights, right, *each, strict=True):
                worth, rounds = follow(in_hand, in_hand, (wrong, kept), *verdicts, n)
                gain, length = gain + weight * (worth - in_hand), length + weight * rounds
            assert found.gains[row][n - 1] == pytest.approx(gain, abs=1e-12)
            assert found.rounds[row][n - 1] == pytest.approx(length, abs=1e-12)


@given(st.data(), st.integers(1, 6))
def test_a_blind_plan_is_worth_what_products_of_the_chains_say(data, most):
    weights, rights, *rates = cases(data.draw, 2)
    settled = 0.7 ** np.arange(most)
    if_wrong, if_right = chain_gains(*(settled[:, None, None] * each for each in rates))
    found = (weights * (1 - rights)).dot(if_wrong) + (weights * rights).dot(if_right)
    for n in range(1, most + 1):
        gain = 0.0
        for weight, right, repair, corruption in zip(weights, rights, *rates, strict=True):
            after = np.array([right, 1 - right])
            for factor in settled[:n]:
                moves = np.array([[-corruption, corruption], [repair, -repair]])
                after = after @ (np.eye(2) + factor * moves)
            gain += weight * (after[0] - right)
        assert found[n - 1] == pytest.approx(gain, abs=1e-12)


def test_of_plans_worth_the_same_the_shortest_is_taken():
    plans = Commitments([[0.1, 0.2, 0.2], [0.3, 0.1, 0.3]], [[1.0, 2.0, 2.0], [1.0, 2.0, 3.0]])
    others = Commitments([[0.2, 0.2, 0.2], [0.0, 0.3, 0.4]], [range(1, 4)] * 2, "blind")
    for first, second in ((plans, others), (others, plans)):
        revision, draw = best_of([first, second], {"revise": 0.0, "generate": 0.1})
        assert revision[:3] == ("revise", 0.2, 2.0 if first is plans else 1)
        assert draw[:4] == ("generate", 0.3, 1.0, "verified")


# From a belief


def keyed_runs(most):
    return runs(keys=("a", "b", "c", None), most=most)


def in_hand_of(data, known, attempts):
    keys = over_keys(known, attempts)[1]
    assume(keys)
    in_hand = data.draw(st.sampled_from([None, *keys]))
    return in_hand, None if in_hand is None else keys.index(in_hand)


def check(found, belief, expected):
    for n, (worth, rounds) in enumerate(expected):
        assert found.gains[0][n] + belief == pytest.approx(worth, abs=1e-9)
        assert found.rounds[0][n] == pytest.approx(rounds, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(rates(coincidences=(0.5, 0.25), most_classes=2), keyed_runs(4), st.data())
def test_where_verdicts_are_drawn_anew_drawing_until_accepted_is_exact(known, attempts, data):
    known = replace(known, verdict_correlation=0.0)
    in_hand, answer = in_hand_of(data, known, attempts)
    posterior = Belief(known).posterior(attempts)
    belief = 0.0 if answer is None else posterior.beliefs[answer]
    expected = [drawn_until_accepted(known, attempts, in_hand, n) for n in (1, 2, 3)]
    check(verified(posterior.candidates(DRAW, answer, 0, 3), 3), belief, expected)
    gain = sum(np.dot(row, known.initial) for row in over_keys(known, attempts)[0].values())
    found = posterior.unverified(DRAW, answer, 0, 3)
    assert found + belief == pytest.approx(np.full((1, 3), gain), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(rates(most_classes=2), keyed_runs(4), st.integers(0, 2), st.data())
def test_where_verdicts_are_drawn_anew_revising_until_accepted_is_exact(
    known, attempts, depth, data
):
    known = replace(known, verdict_correlation=0.0)
    in_hand, answer = in_hand_of(data, known, attempts)
    posterior = Belief(known).posterior(attempts)
    belief = 0.0 if answer is None else posterior.beliefs[answer]
    expected = [revised_until_accepted(known, attempts, in_hand, depth, n) for n in (1, 2, 3)]
    check(verified(posterior.candidates(REVISE, answer, depth, 3), 3), belief, expected)


@settings(max_examples=30, deadline=None)
@given(rates(), keyed_runs(5), st.integers(0, 2), st.data())
def test_blind_revisions_start_from_the_answer_in_hand(known, attempts, depth, data):
    in_hand, answer = in_hand_of(data, known, attempts)
    joint, _ = over_keys(known, attempts)
    right = np.array(joint[in_hand]) if in_hand else np.zeros(known.n_classes)
    wrong = np.sum(list(joint.values()), axis=0) - right
    factor = known.settling**depth
    repair, corruption = np.array(known.repair) * factor, np.array(known.corruption) * factor
    found = Belief(known).posterior(attempts).unverified(REVISE, answer, depth, 2)[0]
    gains = wrong * repair - right * corruption
    again = known.settling * gains * (1 - repair - corruption)
    assert found == pytest.approx([gains.sum(), gains.sum() + again.sum()], abs=1e-9)


def random_case(random):
    """Rates of one class and a run of fresh draws whose verdicts were drawn with ρ."""
    known = Rates(
        (1.0,),
        random.uniform(0.1, 0.9),
        random.uniform(0.1, 0.5),
        random.uniform(0.02, 0.3),
        random.uniform(0.6, 0.95),
        random.uniform(0.5, 0.95),
        coincidence=random.choice([0.2, 0.4]),
        retention=random.choice([0.3, 0.8]),
        verdict_correlation=random.choice([0.3, 0.7, 1.0]),
        settling=random.choice([0.5, 1.0]),
    )
    keys = [random.choice("ab") for _ in range(random.randint(1, 4))]
    verdicts = {key: random.choice([ACCEPT, REJECT]) for key in "ab"}
    return known, [attempt(key, verdicts[key]) for key in keys]


def test_verdicts_that_repeat_themselves_are_allowed_for_within_small_errors():
    random, errors = Random(2), {"drawn": [], "revised": []}
    for _ in range(60):
        known, attempts = random_case(random)
        posterior = Belief(known).posterior(attempts)
        answer = int(posterior.beliefs.argmax())
        key, belief = attempts[posterior.latest[answer]]["key"], posterior.beliefs[answer]
        for name, candidates, expected in (
            (
                "drawn",
                posterior.candidates(DRAW, answer, 0, 3),
                drawn_until_accepted(known, attempts, key, 3),
            ),
            (
                "revised",
                posterior.candidates(REVISE, answer, 0, 3),
                revised_until_accepted(known, attempts, key, 0, 3),
            ),
        ):
            errors[name].append(verified(candidates, 3).gains[0][2] + belief - expected[0])
    for name, found in errors.items():
        assert np.abs(found).mean() < 0.016, name
        assert np.max(found) < 0.03, name  # what is promised too much


def test_a_rejected_answer_that_gets_its_verdict_again_promises_nothing():
    # The right answer was seen and rejected for good: nothing that comes will be accepted.
    sticky = replace(ONE, verdict_correlation=1.0, specificity=1.0, coincidence=1.0)
    posterior = Belief(sticky).posterior([attempt("a", REJECT), attempt("b", REJECT)])
    found = verified(posterior.candidates(DRAW, 0, 0, 8), 8)
    assert found.gains[0] == pytest.approx(np.zeros(8), abs=1e-9)
    assert found.rounds[0][-1] == pytest.approx(8)


def test_following_a_verified_plan_brings_what_it_says():
    random, played, right, rounds = Random(3), 40_000, 0, 0
    posterior = Belief(ONE).posterior([attempt("a", REJECT)])
    found, belief = verified(posterior.candidates(DRAW, 0, 0, 4), 4), posterior.beliefs[0]
    for _ in range(played):
        answer = random.random() < belief
        for _ in range(4):
            rounds += 1
            candidate = random.random() < 0.6
            if random.random() < (0.85 if candidate else 0.2):
                answer = candidate
                break
        right += answer
    assert right / played == pytest.approx(found.gains[0][3] + belief, abs=5 * 0.5 / played**0.5)
    assert rounds / played == pytest.approx(found.rounds[0][3], abs=5 * 1.0 / played**0.5)
