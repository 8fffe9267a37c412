"""How wrong answers coincide: Ewens's formula, simulation, and the limits of the urn."""

from collections import Counter
from itertools import permutations
from math import exp, gamma, inf, isclose, prod

import numpy as np
import pytest
from by_enumeration import Values
from hypothesis import given, strategies as st

from langchain_markovscale.theory.urn import Urn

patterns = st.lists(st.integers(0, 3), min_size=1, max_size=8)


def in_order(values):
    return [(value, None) for value in values]


def chance_of(urn, values):
    return exp(urn.log_chance(in_order(values)))


def as_seen(values):
    """Values by the order in which they first came: the names of answers say nothing."""
    numbers = {}
    return tuple(numbers.setdefault(value, len(numbers)) for value in values)


@given(st.floats(0.1, 20), patterns)
def test_a_pattern_of_draws_has_the_probability_of_ewens(theta, values):
    n, many = len(values), Counter(values).values()
    expected = theta ** len(many) * prod(gamma(m) for m in many)
    expected *= gamma(theta) / gamma(theta + n)
    assert isclose(chance_of(Urn.of_concentration(theta), values), expected, rel_tol=1e-9)


@given(st.floats(0.1, 20), st.integers(4, 9), patterns)
def test_with_so_many_plausible_answers_it_is_that_of_dirichlet(each, plausible, values):
    urn = Urn((1 + each) / (1 + each * plausible), plausible)
    many = Counter(values).values()

    def rising(start, times):
        return prod(start + step for step in range(times))

    named = prod(plausible - seen for seen in range(len(many)))
    expected = named * prod(rising(each, m) for m in many)
    expected /= rising(each * plausible, len(values))
    assert isclose(chance_of(urn, values), expected, rel_tol=1e-9)


@pytest.mark.parametrize("plausible", [inf, 2.5, 3, 4.0])
@pytest.mark.parametrize("values", ["aab", "abab", "aabbb"])
def test_the_order_of_fresh_draws_says_nothing(plausible, values):
    urn = Urn(0.4, plausible)
    chances = [chance_of(urn, order) for order in permutations(values)]
    assert chances == pytest.approx([chances[0]] * len(chances))


@given(st.sampled_from([1.0, 0.6, 0.4]), st.sampled_from([inf, 2.5, 3, 6]), st.data())
def test_chances_sum_to_one_after_any_draws_and_moves(coincidence, plausible, data):
    urn, draws = Urn(coincidence, plausible), []
    for _ in range(data.draw(st.integers(0, 6))):
        left = data.draw(st.sampled_from([None, *(value for value, _ in draws)]))
        values = [value for value in range(4) if value != left]
        draws.append((data.draw(st.sampled_from(values)), left))
    drawn = urn.read(draws)
    assert sum(drawn.weights.values()) + drawn.unseen == pytest.approx(drawn.whole)
    assert drawn.unseen >= 0


@given(st.floats(0.05, 1), st.sampled_from([1.0, 1.5, 4.0, inf]))
def test_two_draws_coincide_as_often_as_it_says(coincidence, times):
    urn = Urn(coincidence, times / coincidence)
    assert chance_of(urn, "aa") == pytest.approx(coincidence)


@given(patterns)
def test_equally_likely_answers_are_the_limit_of_many_equal_weights(values):
    even, nearly = Urn(0.25, 4), Urn(0.25 * (1 + 1e-9), 4)
    assert chance_of(even, values) == pytest.approx(chance_of(nearly, values), rel=1e-5)


@given(st.floats(0.1, 0.9), patterns)
def test_any_number_of_answers_is_the_limit_of_very_many(coincidence, values):
    limit, nearly = Urn(coincidence), Urn(coincidence, 1e9)
    assert chance_of(limit, values) == pytest.approx(chance_of(nearly, values), rel=1e-6)


def test_where_there_is_one_wrong_answer_every_chance_is_one():
    for urn in (Urn(1.0), Urn(1.0, 1.0), Urn(1.0, 5.0)):
        assert urn.log_chance(in_order("aaaa")) == 0
        assert urn.log_chance(in_order("ab")) < -600
        assert urn.log_chance([("a", None), ("b", "a")]) < -600


@given(
    st.sampled_from([0.7, 0.4]),
    st.sampled_from([inf, 2.5, 3, 6]),
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=8),
)
def test_moves_are_those_that_were_written_out(coincidence, plausible, steps):
    draws, values, chance, before = [], Values(coincidence, plausible), 1.0, None
    for value, moves in steps:
        left = before if moves and before != value else None
        draws.append((value, left))
        chance *= values.draw(value, left)
        before = value
    found = Urn(coincidence, plausible).log_chance(draws)
    assert exp(found) == pytest.approx(chance, rel=1e-9, abs=1e-200)


def test_a_simulated_urn_gives_these_patterns():
    # Three draws, then a move away from the third, each question with its own tempting answers.
    random, runs, plausible, each = np.random.default_rng(5), 60_000, 4, 0.8
    urn = Urn((1 + each) / (1 + each * plausible), plausible)
    tempting = random.dirichlet([each] * plausible, runs)
    found = Counter()
    for shares, luck in zip(tempting.tolist(), random.random((runs, 4)).tolist(), strict=True):
        values = []
        for step, at in enumerate(luck):
            left = values[-1] if step == 3 else None
            open_to = [0.0 if value == left else share for value, share in enumerate(shares)]
            at *= sum(open_to)
            value = 0
            while at > open_to[value] and value < plausible - 1:
                at -= open_to[value]
                value += 1
            values.append(value)
        found[as_seen(values)] += 1
    for pattern, count in found.items():
        moved = [*in_order(pattern[:3]), (pattern[3], pattern[2])]
        expected = runs * exp(urn.log_chance(moved))
        assert abs(count - expected) < 5 * expected**0.5
