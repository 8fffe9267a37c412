"""The likelihood of the order of scores, against integration and simulation that share no code."""

from itertools import permutations
from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.integrate import nquad, quad

from langchain_markovscale.theory.score_order import ScoreOrder, rank

NODES = ((-4.0, 0.0), (-1.5, 1.0), (0.0, 3.0), (1.5, 3.0), (4.0, 1.0), (4.0, 3.0))
SCORES = ScoreOrder(tuple(z for z, _ in NODES), tuple(delta for _, delta in NODES))

orders = st.integers(1, 8).flatmap(lambda m: st.tuples(st.just(m), st.integers(0, m)))


def edge_of(z, delta):
    """P(reject | wrong)."""
    return 1 / (1 + exp(z - delta / 2))


def density(u, delta):
    """g, of a right answer's place among wrong ones."""
    return exp(delta) / (u + (1 - u) * exp(delta)) ** 2


def one_right(m, rejected, place, z, delta):
    """The likelihood where the answer at a place is right, by the formulas of the theory."""
    e = edge_of(z, delta)
    if place >= rejected:
        above, more = place - rejected, m - 1 - place

        def high(u):
            return density(u, delta) * (u - e) ** above * (1 - u) ** more

        inner = quad(high, e, 1, epsabs=0, epsrel=1e-11)[0] / factorial(above) / factorial(more)
        return e**rejected / factorial(rejected) * inner
    more = rejected - 1 - place

    def low(u):
        return density(u, delta) * u**place * (e - u) ** more

    inner = quad(low, 0, e, epsabs=0, epsrel=1e-11)[0] / factorial(place) / factorial(more)
    return (1 - e) ** (m - rejected) / factorial(m - rejected) * inner


def none_right(m, rejected, z, delta):
    e = edge_of(z, delta)
    return e**rejected * (1 - e) ** (m - rejected) / factorial(rejected) / factorial(m - rejected)


@pytest.mark.parametrize(("m", "rejected"), [(1, 0), (1, 1), (3, 2), (5, 0), (6, 6), (8, 3)])
def test_one_right_answer_by_the_formulas(m, rejected):
    wrong, right = SCORES.log_places((1,) * m, rejected)[:, :, 0]
    labelled = SCORES.labellings((1,) * m, rejected)
    orders_left = factorial(rejected) * factorial(m - rejected)
    for node, (z, delta) in enumerate(NODES):
        none = none_right(m, rejected, z, delta)
        assert np.exp(wrong[:, node].sum()) == pytest.approx(none * orders_left, rel=1e-9)
        assert labelled[0, node] == pytest.approx(none * orders_left, rel=1e-9)
        for place in range(m):
            expected = one_right(m, rejected, place, z, delta)
            ratio = np.exp(right[place, node] - wrong[place, node])
            assert ratio == pytest.approx(expected / none, rel=1e-8)
            assert labelled[1 << place, node] == pytest.approx(expected * orders_left, rel=1e-8)


@pytest.mark.parametrize("labels", [0b101, 0b111])
@pytest.mark.parametrize("rejected", [0, 1, 3])
def test_several_right_answers_by_direct_integration(labels, rejected):
    m = 3
    table = SCORES.labellings((1,) * m, rejected)
    node = 2
    z, delta = NODES[node]
    e = edge_of(z, delta)

    def limits(*later):
        place = m - 1 - len(later)
        lowest, highest = (0.0, e) if place < rejected else (e, 1.0)
        return lowest, later[0] if later and place != rejected - 1 else highest

    def law(*us):
        chance = 1.0
        for j, u in enumerate(us):
            chance *= density(u, delta) if labels >> j & 1 else 1.0
        return chance

    found = nquad(law, [limits] * m, opts={"epsabs": 1e-7, "epsrel": 1e-5})[0]
    orders_left = factorial(rejected) * factorial(m - rejected)
    assert table[labels, node] == pytest.approx(found * orders_left, rel=1e-4)


def test_simulated_verdicts_come_in_these_orders():
    """Logistic scores around z ∓ δ/2, rejected below 0: nothing here knows of g."""
    rng, n = np.random.default_rng(5), 400_000
    node = 2
    z, delta = NODES[node]
    right = np.array([True, False, True, False])
    scores = rng.logistic(size=(n, 4)) + z + np.where(right, delta / 2, -delta / 2)
    order, many = np.argsort(scores, axis=1), (scores < 0).sum(axis=1)
    for rejected in range(5):
        chances = SCORES.labellings((1,) * 4, rejected)[:, node]
        orders_left = factorial(rejected) * factorial(4 - rejected)
        for places in ((0, 1, 2, 3), (1, 3, 0, 2), (3, 0, 1, 2)):
            labels = sum(1 << place for place, answer in enumerate(places) if right[answer])
            expected = chances[labels] / orders_left
            seen = np.mean((order == places).all(axis=1) & (many == rejected))
            assert seen == pytest.approx(expected, abs=5 * (expected / n) ** 0.5 + 1e-5)


@given(orders, st.floats(0.01, 0.99))
def test_where_each_is_right_by_itself_places_are_exact(order, share):
    m, rejected = order
    table = SCORES.labellings((1,) * m, rejected)
    bits = np.arange(2**m)[:, None] >> np.arange(m) & 1
    prior = np.where(bits == 1, share, 1 - share).prod(axis=1)
    wrong, right = np.exp(SCORES.log_places((1,) * m, rejected, (share,)))[:, :, 0]
    whole = (1 - share) * wrong + share * right
    evidence = prior @ table
    assert whole.prod(axis=0) == pytest.approx(evidence, rel=1e-9)
    beliefs = (prior[:, None] * bits).T @ table / evidence
    assert share * right / whole == pytest.approx(beliefs, rel=1e-9)


@given(orders)
def test_a_higher_place_is_never_worse_evidence(order):
    m, rejected = order
    wrong, right = SCORES.log_places((1,) * m, rejected, (0.0, 0.3))
    assert (np.diff(right - wrong, axis=0) > -1e-9).all()


@pytest.mark.parametrize(
    ("sizes", "rejected"),
    [((2, 1, 1), 0), ((2, 1, 1), 2), ((1, 3), 1), ((4,), 0), ((4,), 4), ((2, 2), 2)],
)
def test_equal_scores_are_the_mean_of_the_orders_they_leave_open(sizes, rejected):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    open_orders = [
        order for order in permutations(range(4)) if (groups[list(order)] == groups).all()
    ]
    table, tied = SCORES.labellings((1,) * 4, rejected), SCORES.labellings(sizes, rejected)
    for labels in range(16):
        reordered = [
            sum((labels >> answer & 1) << place for place, answer in enumerate(order))
            for order in open_orders
        ]
        assert tied[labels] == pytest.approx(table[reordered].mean(axis=0), rel=1e-12)
    plain = np.exp(SCORES.log_places((1,) * 4, rejected)[1, :, 0])
    mean = np.exp(SCORES.log_places(sizes, rejected)[1, :, 0])
    for place in range(4):
        same = np.flatnonzero(groups == groups[place])
        assert mean[place] == pytest.approx(plain[same].mean(axis=0), rel=1e-12)


def test_many_scores_keep_their_precision():
    wrong, right = SCORES.log_places((1,) * 400, 150)[:, :, 0]
    assert np.isfinite(right).all()
    # The places of one side together are what an answer drawn at random from that side is worth.
    for node, (z, delta) in enumerate(NODES):
        e = edge_of(z, delta)
        below = e / (e + (1 - e) * exp(delta))
        ratios = np.exp(right - wrong)[:, node]
        assert ratios[:150].mean() == pytest.approx(below / e, rel=1e-6)
        assert ratios[150:].mean() == pytest.approx((1 - below) / (1 - e), rel=1e-6)


def test_scores_are_ranked_with_ties_and_verdicts():
    assert rank([0.9, 0.2, 0.5, 0.2], 0.5) == ((1, 3, 2, 0), (2, 1, 1), 2)
    assert rank([0.6, sum([0.6] * 3) / 3], 0.5).sizes == (2,)
    assert rank([], 0.5) == ((), (), 0)
