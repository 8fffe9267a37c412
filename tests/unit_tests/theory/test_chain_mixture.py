"""Mixtures of chains against step-by-step products, simulation, and search over long horizons."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from langchain_markovscale import ChainMixture, TwoStateChain


def path_of(weights, initial, repair, corruption, settling, rounds):
    """Accuracy after 0 … rounds revisions: every class stepped with that round's own rates."""
    state = np.array(initial, dtype=float)
    path = [np.dot(weights, state)]
    factor = 1.0
    for _ in range(rounds):
        state = (
            state * (1 - np.array(corruption) * factor) + (1 - state) * np.array(repair) * factor
        )
        factor *= settling
        path.append(np.dot(weights, state))
    return np.array(path)


rate = st.floats(0, 1)


settling_rates = st.floats(0.3, 0.95)
any_settling = st.one_of(st.just(1.0), settling_rates)


@st.composite
def mixtures(draw, settling=any_settling):
    n = draw(st.integers(1, 4))
    shares = draw(st.lists(st.floats(0.05, 1), min_size=n, max_size=n))
    weights = [share / sum(shares) for share in shares]
    lists = [draw(st.lists(rate, min_size=n, max_size=n)) for _ in range(3)]
    return weights, *lists, draw(settling)


@given(mixtures(), st.integers(0, 40))
def test_accuracy_is_the_weighted_path_of_the_classes(mixture, rounds):
    path = path_of(*mixture, rounds)
    np.testing.assert_allclose(
        ChainMixture(*mixture).accuracy(np.arange(rounds + 1)), path, atol=1e-10
    )


def test_accuracy_is_what_simulated_questions_show():
    weights, initial, repair, corruption, settling = (
        [0.6, 0.4],
        [0.8, 0.2],
        [0.5, 0.1],
        [0.1, 0.3],
        0.7,
    )
    random, questions = np.random.default_rng(5), 400_000
    band = random.choice(2, questions, p=weights)
    right = random.random(questions) < np.array(initial)[band]
    for depth in range(4):
        chance = random.random(questions)
        broken = chance < np.array(corruption)[band] * settling**depth
        mended = chance < np.array(repair)[band] * settling**depth
        right = np.where(right, ~broken, mended)
    forecast = ChainMixture(weights, initial, repair, corruption, settling).accuracy(4)
    assert right.mean() == pytest.approx(forecast, abs=5 * 0.5 / math.sqrt(questions))


@settings(max_examples=40)
@given(mixtures(settling_rates))
def test_settling_rates_leave_accuracy_at_the_end_of_the_long_product(mixture):
    # .95^600 is 4e-14: nothing moves any more.
    assert ChainMixture(*mixture).stationary_accuracy == pytest.approx(
        path_of(*mixture, 600)[-1], abs=1e-9
    )


def test_rates_that_settle_stop_short_of_the_plain_level():
    settled = ChainMixture([1.0], [0.2], [0.3], [0.1], 0.5)
    assert 0.2 < settled.stationary_accuracy < 0.75
    assert settled.bounds().neutral == settled.stationary_accuracy
    assert settled.bounds().upper == pytest.approx(settled.stationary_accuracy)


def test_rates_that_settle_very_slowly_end_where_the_long_product_does():
    settling, repair, corruption = 0.999_99, 6e-6, 4e-6
    factors = np.log1p(-(repair + corruption) * settling ** np.arange(4_000_000.0))
    expected = 0.6 + (0.1 - 0.6) * np.exp(factors.sum())
    slow = ChainMixture([1.0], [0.1], repair, corruption, settling)
    assert slow.stationary_accuracy == pytest.approx(expected, abs=1e-8)


@settings(max_examples=40)
@given(mixtures())
def test_bounds_hold_and_are_reached(mixture):
    assume(all(abs(1 - a - b) < 0.98 or a + b == 0 for a, b in zip(*mixture[2:4], strict=True)))
    bounds = ChainMixture(*mixture).bounds()
    path = path_of(*mixture, 1200)
    assert bounds.lower == pytest.approx(path.min(), abs=1e-9)
    assert bounds.upper == pytest.approx(path.max(), abs=1e-9)
    assert bounds.neutral == pytest.approx(path[-1], abs=1e-9)


def test_bounds_lie_between_the_ends_where_classes_move_against_each_other():
    # The quick class rises first, the slow one then loses more than was won.
    mixture = ([0.5, 0.5], [0.1, 1.0], [0.5, 0.0], [0.0, 0.01], 1.0)
    path = path_of(*mixture, 5000)
    bounds = ChainMixture(*mixture).bounds()
    assert path[0] < path.max() - 0.1
    assert path[-1] < path.max() - 0.1
    assert bounds.upper == pytest.approx(path.max(), abs=1e-12)


@settings(max_examples=60)
@given(mixtures(), st.floats(1e-3, 0.3))
def test_optimal_rounds_are_the_fewest_that_maximise_what_is_left(mixture, cost):
    best = ChainMixture(*mixture).optimal_rounds(cost)
    rounds = np.arange(math.ceil(1 / cost) + 2)
    worth = path_of(*mixture, len(rounds) - 1) - cost * rounds
    assert type(best) is int
    assert worth[best] == pytest.approx(worth.max(), abs=1e-10)
    assert np.all(worth[:best] < worth.max() - 1e-14)


@settings(max_examples=60)
@given(mixtures(), st.floats(1e-3, 0.3), st.integers(0, 6))
def test_a_cap_leaves_the_best_of_the_rounds_up_to_it(mixture, cost, cap):
    for price in (0.0, cost):
        best = ChainMixture(*mixture).optimal_rounds(price, cap)
        worth = path_of(*mixture, cap) - price * np.arange(cap + 1)
        assert best <= cap
        assert worth[best] == pytest.approx(worth.max(), abs=1e-10)


def test_a_dip_before_a_late_rise_is_not_paid_for_where_the_cap_cuts_the_rise():
    mixture = ChainMixture([0.5, 0.5], [0.5, 1.0], [0.01, 0.0], [0.0, 0.1])
    assert mixture.optimal_rounds(0.0, cap=5) == 0


def slow_mixtures():
    random = np.random.default_rng(11)
    for _ in range(8):
        n = int(random.integers(1, 4))
        weights = random.dirichlet(np.ones(n))
        repair, corruption = 10 ** random.uniform(-4, -0.3, (2, n))
        yield weights, random.random(n), repair, corruption
    # Alternates nearly for ever, while another class rises: only odd rounds can be best.
    for slow in (1e-4, 2e-4, 3e-4, 5e-4):
        repair, corruption = np.array([1 - 1e-5, slow]), np.array([1 - 1e-5, 0.0])
        yield np.array([0.5, 0.5]), np.array([0.2, 0.0]), repair, corruption


@pytest.mark.parametrize("mixture", list(slow_mixtures()))
def test_slow_mixtures_are_searched_to_the_end(mixture):
    weights, initial, repair, corruption = mixture
    rounds = np.arange(200_000)
    # By closed form per class: the paths are too long to step, and are stepped elsewhere.
    level, eigenvalue = repair / (repair + corruption), 1 - repair - corruption
    path = (level + (initial - level) * eigenvalue ** rounds[:, None]) @ weights
    found, limit = ChainMixture(*mixture), weights @ level
    assert found.bounds().upper == pytest.approx(max(path.max(), limit), abs=1e-9)
    assert found.bounds().lower == pytest.approx(min(path.min(), limit), abs=1e-9)
    for cost in (0.0, 1e-7, 1e-5, 1e-3):
        worth = path - cost * rounds
        best = found.optimal_rounds(cost)
        if best == math.inf:
            assert cost == 0
            assert limit >= worth.max() - 1e-12
        else:
            assert worth[best] == pytest.approx(worth.max(), abs=1e-10)


def test_without_cost_the_best_number_is_finite_where_the_best_lies_before_the_limit():
    mixture = ([0.5, 0.5], [0.1, 1.0], [0.5, 0.0], [0.0, 0.01], 1.0)
    path = path_of(*mixture, 5000)
    assert ChainMixture(*mixture).optimal_rounds(0.0) == path.argmax()


@given(rate, rate, rate, st.one_of(st.just(0.0), st.floats(1e-4, 0.2)))
def test_one_class_is_the_plain_chain(initial, repair, corruption, cost):
    assume(abs(repair * (1 - initial) - corruption * initial - cost) > 1e-9)
    assume(abs(1 - repair - corruption) > 1e-9 or repair + corruption == 1)
    one, chain = ChainMixture([1.0], initial, repair, corruption), TwoStateChain(repair, corruption)
    assert one.accuracy(5) == pytest.approx(chain.accuracy(initial, 5), abs=1e-12)
    assert one.optimal_rounds(cost, 8) == chain.optimal_rounds(initial, cost, 8)
    assert one.bounds() == pytest.approx(chain.bounds(initial), abs=1e-9)
    assert min(one.optimal_rounds(cost), 10**4) == min(chain.optimal_rounds(initial, cost), 10**4)


@pytest.mark.parametrize(("repair", "corruption"), [(0.3, 0.1), (0.1, 0.2), (0.7, 0.1), (0.6, 0.1)])
def test_at_the_neutral_level_no_free_round_is_made(repair, corruption):
    for sign in (-1, 0, 1):
        level = repair / (repair + corruption) + sign * 1e-15
        assert ChainMixture([1.0], [level], [repair], [corruption]).optimal_rounds(0.0) == 0


@pytest.mark.parametrize("repair", [0.002, 0.03, 0.3, 0.69])
def test_a_rise_that_never_ends_has_no_best_number_of_free_rounds(repair):
    assert ChainMixture([1.0], [0.0], [repair], [0.3]).optimal_rounds(0.0) == math.inf
    assert ChainMixture([1.0], [0.0], [repair], [0.3], 0.9).optimal_rounds(0.0) == math.inf


@settings(max_examples=50)
@given(mixtures(), st.randoms(use_true_random=False), st.floats(1e-3, 0.2))
def test_order_and_splitting_of_classes_change_nothing(mixture, random, cost):
    *lists, settling = mixture
    order = list(range(len(lists[0])))
    random.shuffle(order)
    plain = ChainMixture(*mixture)
    shuffled = ChainMixture(*([values[i] for i in order] for values in lists), settling)
    split = ChainMixture(
        [w / 2 for w in lists[0]] * 2, *(list(values) * 2 for values in lists[1:]), settling
    )
    for other in (shuffled, split):
        np.testing.assert_allclose(other.accuracy([0, 1, 7]), plain.accuracy([0, 1, 7]), atol=1e-12)
        assert other.bounds() == pytest.approx(plain.bounds(), abs=1e-9)
        worth = [
            m.accuracy(m.optimal_rounds(cost)) - cost * m.optimal_rounds(cost)
            for m in (plain, other)
        ]
        assert worth[1] == pytest.approx(worth[0], abs=1e-10)


def test_one_number_serves_all_classes_and_a_scalar_gives_a_float():
    mixture = ChainMixture([0.25, 0.75], [0.2, 0.6], 0.3, 0.1)
    assert mixture.n_classes == 2
    assert type(mixture.accuracy(3)) is float
    assert mixture.accuracy(3) == pytest.approx(TwoStateChain(0.3, 0.1).accuracy(0.5, 3))
    assert mixture.accuracy([[1, 2], [3, 4]]).shape == (2, 2)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("weights", {"weights": [0.5, 0.6]}),
        ("weights", {"weights": [1.5, -0.5]}),
        ("weights", {"weights": []}),
        ("weights", {"weights": [math.nan, 1.0]}),
        ("initial", {"initial": [0.5, 1.2]}),
        ("repair", {"repair": [0.5, math.nan]}),
        ("corruption", {"corruption": [0.1, 0.2, 0.3]}),
        ("settling", {"settling": 0.0}),
        ("settling", {"settling": 1.1}),
        ("settling", {"settling": math.nan}),
        ("settling", {"settling": [0.5, 0.5]}),
    ],
)
def test_bad_rates_are_refused_by_name(name, change):
    good = {"weights": [0.5, 0.5], "initial": 0.5, "repair": 0.3, "corruption": [0.1, 0.2]}
    with pytest.raises(ValueError, match=name):
        ChainMixture(**{**good, **change})


@pytest.mark.parametrize("bad", [-1, 0.5, math.nan])
def test_bad_rounds_costs_and_caps_are_refused_by_name(bad):
    mixture = ChainMixture([1.0], 0.5, 0.3, 0.1)
    with pytest.raises(ValueError, match="rounds"):
        mixture.accuracy(bad)
    with pytest.raises(ValueError, match="cap"):
        mixture.optimal_rounds(0.1, cap=bad)
    with pytest.raises(ValueError, match="cost"):
        mixture.optimal_rounds(-abs(bad))
