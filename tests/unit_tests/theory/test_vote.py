"""What drawing on and voting is worth, against every way in which the draws may fall."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from by_enumeration import over_keys
from continuations import vote
from hypothesis import assume, given, settings, strategies as st
from runs import limited, rates, runs, unlimited
from worlds import attempt

from langchain_markovscale import Belief, Calibration, Criterion, Rates
from langchain_markovscale.theory import planner
from langchain_markovscale.theory.vote import vote_at_most, vote_on

SCORED = Rates(
    (0.4, 0.6), (0.3, 0.7), (0.4, 0.2), (0.05, 0.1), 0.8, 0.7, verdict_correlation=0.5
)  # fmt: skip
ROUNDING = 1e-11  # of votes of many draws from many values: 1.03e-12 was seen
ONE = Rates((1.0,), (0.4,), (0.3,), (0.1,), (0.85,), (0.8,), coincidence=0.3)


def check_against_every_continuation(known, attempts, n, in_hand, choices=None):
    posterior = Belief(known, choices).posterior(attempts)
    keys = over_keys(known, attempts, choices)[1]
    found = vote_on(posterior.ballot(n), None if in_hand is None else keys.index(in_hand))
    expected = [vote(known, attempts, in_hand, more, choices) for more in range(1, n + 1)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


fresh = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5).map(
    lambda keys: [attempt(key) for key in keys]
)


@settings(max_examples=25, deadline=None)
@given(rates(coincidences=(0.5, 0.37, 0.05), plausible=unlimited), fresh, st.data())
def test_a_vote_of_fresh_draws_from_an_urn(known, attempts, data):
    in_hand = data.draw(st.sampled_from([one["key"] for one in attempts]))
    check_against_every_continuation(known, attempts, 3, in_hand)


@settings(max_examples=25, deadline=None)
@given(rates(plausible=unlimited), fresh, st.integers(1, 9), st.data())
def test_the_order_of_draws_before_it_changes_no_vote(known, attempts, n, data):
    in_hand = data.draw(st.sampled_from([one["key"] for one in attempts]))
    orders, found = (attempts, data.draw(st.permutations(attempts))), []
    for order in orders:
        keys = list(dict.fromkeys(one["key"] for one in order))
        found.append(vote_on(Belief(known).posterior(order).ballot(n), keys.index(in_hand)))
    np.testing.assert_allclose(*found, atol=ROUNDING)


@settings(max_examples=25, deadline=None)
@given(rates(coincidences=(0.5, 1 / 3), plausible=limited), fresh, st.data())
def test_a_vote_among_so_many_plausible_answers(known, attempts, data):
    in_hand = data.draw(st.sampled_from([one["key"] for one in attempts]))
    check_against_every_continuation(known, attempts, 3, in_hand)


@settings(max_examples=40, deadline=None)
@given(
    rates(coincidences=(0.5, 0.25), plausible=st.one_of(unlimited, limited)),
    runs(keys=("a", "b", "c", None)),
    st.data(),
)
def test_a_vote_in_a_mixed_run_counts_moved_answers_only_in_the_urn(known, attempts, data):
    keys = sorted({one["key"] for one in attempts if one["key"]})
    assume(keys)
    in_hand = data.draw(st.sampled_from([*keys, None]))
    check_against_every_continuation(known, attempts, 3, in_hand)


@settings(max_examples=25, deadline=None)
@given(rates(), st.integers(2, 4), st.data())
def test_a_vote_over_a_closed_list(known, choices, data):
    keys = ["a", "b", "c", "d"][:choices]
    attempts = data.draw(runs(keys=keys, most=4))
    in_hand = data.draw(st.sampled_from(sorted({one["key"] for one in attempts})))
    check_against_every_continuation(known, attempts, 3, in_hand, choices)


@pytest.mark.parametrize("in_hand", ["a", "c", None])
def test_an_answer_in_hand_that_nobody_drew_wins_its_ties_only(in_hand):
    run = [attempt("a"), attempt("b"), attempt("c", None, 1), attempt("d", None, 2)]
    for plausible in (None, 4, 7):
        known = replace(ONE, plausible_wrong=plausible)
        check_against_every_continuation(known, run, 4, in_hand)


def test_many_draws_are_simulated_alike():
    known, run = replace(ONE, initial=0.35), [attempt(key) for key in "aab"]
    posterior = Belief(known).posterior(run)
    found = vote_on(posterior.ballot(9), 0)[-1]
    random, played, won = Random(3), 20_000, 0
    cases = [*"ab", None]
    chances = [*posterior.beliefs, 1 - posterior.beliefs.sum()]
    for _ in range(played):
        (right,) = random.choices(cases, chances)
        votes = {"a": 2, "b": 1}
        balls = [answer for answer in "aab" if answer != right]
        for _ in range(9):
            if random.random() < 0.35:
                answer = right
            else:
                theta = 1 / 0.3 - 1
                new = random.random() < theta / (theta + len(balls))
                answer = len(balls) if new else random.choice(balls)
                balls.append(answer)
            votes[answer] = votes.get(answer, 0) + 1
        most = max(votes.values())
        leaders = [answer for answer, count in votes.items() if count == most]
        won += leaders == [right] or (right in leaders and right == "a")
    assert won / played == pytest.approx(found, abs=4 * 0.5 / played**0.5)


@settings(max_examples=30)
@given(rates(), runs(), st.integers(1, 12), st.data())
def test_a_vote_is_a_chance_and_no_vote_beats_knowing(known, attempts, n, data):
    assume(any(one["key"] for one in attempts))
    posterior = Belief(known).posterior(attempts)
    in_hand = data.draw(st.sampled_from([None, *range(len(posterior.latest))]))
    worths = vote_on(posterior.ballot(n), in_hand)
    assert worths.shape == (n,)
    assert np.all(worths <= vote_at_most(posterior.ballot(n), in_hand) + ROUNDING)
    assert np.all((worths >= -ROUNDING) & (worths <= 1 + 1e-9))


@pytest.mark.parametrize("rule", [Criterion(SCORED, 0.004), Criterion(Calibration.training_free())])
def test_votes_that_are_not_counted_change_no_decision(rule, monkeypatch):
    random, made, counted = Random(4), [], []

    def count(ballot, answer):
        counted.append(answer)
        return vote_on(ballot, answer)

    for _ in range(60):
        run = [attempt(random.choice("abc"), random.random()) for _ in range(random.randint(1, 5))]
        made.append([*run, attempt(random.choice("abc"), random.random(), 0)])
    monkeypatch.setattr(planner, "vote_on", count)
    decisions = [rule._decide(run) for run in made]
    bounded, counted = len(counted), []
    monkeypatch.setattr(planner, "vote_at_most", lambda *_: np.full(1, np.inf))
    assert [rule._decide(run) for run in made] == decisions
    assert 0 < bounded < len(counted) == len(made)
