"""The closed forms of one chain against powers of its matrix and plain search over rounds."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from langchain_markovscale import TwoStateChain

rates = st.one_of(
    st.floats(0, 1),
    st.sampled_from([0.0, 1.0, 0.5, 0.25, 0.3, 0.7]),  # λ of 0, ±1 and ties
    st.floats(0.001, 0.05),  # slow chains
)
costs = st.floats(1e-4, 0.5)


def path_of(repair, corruption, initial, rounds):
    """Accuracy after 0 … rounds revisions, one transition after the other."""
    path = [initial]
    for _ in range(rounds):
        path.append((1 - corruption) * path[-1] + repair * (1 - path[-1]))
    return np.array(path)


@given(rates, rates, rates, st.integers(0, 60))
def test_accuracy_is_the_matrix_power(repair, corruption, initial, rounds):
    step = np.array([[1 - corruption, corruption], [repair, 1 - repair]])
    expected = (np.array([initial, 1 - initial]) @ np.linalg.matrix_power(step, rounds))[0]
    assert TwoStateChain(repair, corruption).accuracy(initial, rounds) == pytest.approx(
        expected, abs=1e-9
    )


@given(rates, rates)
def test_stationary_accuracy_is_what_a_round_leaves_alone(repair, corruption):
    assume(repair + corruption > 0)
    level = TwoStateChain(repair, corruption).stationary_accuracy
    assert level * (1 - corruption) + (1 - level) * repair == pytest.approx(level, abs=1e-9)


@given(rates, rates)
def test_eigenvalue_is_the_matrix_one_beside_one(repair, corruption):
    step = np.array([[1 - corruption, corruption], [repair, 1 - repair]])
    other = sorted(np.linalg.eigvals(step).real, key=lambda value: abs(value - 1))[1]
    assert TwoStateChain(repair, corruption).eigenvalue == pytest.approx(other, abs=1e-7)


def test_a_chain_without_repair_and_corruption_stays_where_it_starts():
    chain = TwoStateChain(0.0, 0.0)
    assert math.isnan(chain.stationary_accuracy)
    assert chain.accuracy(0.37, [0, 1, 50]).tolist() == [0.37] * 3
    assert chain.bounds(0.37) == (0.37, 0.37, 0.37)
    assert chain.regime(0.37) == "neutral"
    assert not chain.improves(0.37)
    assert chain.optimal_rounds(0.37, 0.0) == 0
    assert chain.rounds_to_reach(0.5, 0.37) == math.inf
    assert chain.rounds_to_within(0.01, 0.37) == 0
    assert chain.threshold() == -math.inf
    assert chain.half_life == math.inf


def test_a_chain_that_alternates_for_ever_tends_to_nothing():
    chain = TwoStateChain(1.0, 1.0)
    assert chain.accuracy(0.2, [0, 1, 2, 3]) == pytest.approx([0.2, 0.8, 0.2, 0.8])
    assert chain.bounds(0.2) == pytest.approx((0.2, 0.5, 0.8))
    assert chain.rounds_to_within(0.1, 0.2) == math.inf
    assert chain.optimal_rounds(0.2, 0.0) == 1
    assert chain.rounds_to_reach(0.8, 0.2) == 1
    assert chain.half_life == math.inf


def test_a_chain_with_eigenvalue_zero_is_at_its_level_after_one_round():
    chain = TwoStateChain(0.6, 0.4)
    assert chain.accuracy(0.1, [1, 2, 9]) == pytest.approx([0.6] * 3)
    assert chain.half_life == 0
    assert chain.rounds_to_within(0.0, 0.1) == 1
    assert chain.rounds_to_reach(0.6, 0.1) == 1
    assert chain.optimal_rounds(0.1, 0.0) == 1


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_half_life_is_when_the_distance_has_halved(repair, corruption):
    chain = TwoStateChain(repair, corruption)
    assume(abs(chain.eigenvalue) > 1e-3)
    distance = np.abs(path_of(repair, corruption, 1.0, 400) - chain.stationary_accuracy)
    before, after = math.floor(chain.half_life), math.ceil(chain.half_life)
    assert distance[before] >= distance[0] / 2 - 1e-9
    assert distance[after] <= distance[0] / 2 + 1e-9


def test_a_round_can_help_where_repair_is_below_corruption():
    chain = TwoStateChain(0.2, 0.3)
    assert chain.improves(0.3)
    assert chain.regime(0.3) == "improving"
    assert chain.regime(0.4) == "neutral"
    assert chain.regime(0.5) == "degrading"


@given(rates, rates, rates, st.one_of(st.just(0.0), costs))
def test_a_round_is_worth_it_iff_it_gains_more_than_it_costs(repair, corruption, belief, cost):
    chain = TwoStateChain(repair, corruption)
    before, after = path_of(repair, corruption, belief, 1)
    assume(abs(after - before - cost) > 1e-9)
    worth_it = bool(after - before > cost)
    assert chain.improves(belief, cost) is worth_it
    assert (belief < chain.threshold(cost)) is worth_it
    assert chain.gain(belief) == pytest.approx(after - before, abs=1e-12)


def test_threshold_of_the_worked_example():
    assert TwoStateChain(0.3, 0.1).threshold(0.02) == pytest.approx(0.70)


@given(rates, rates, rates)
def test_bounds_hold_and_are_reached(repair, corruption, initial):
    bounds = TwoStateChain(repair, corruption).bounds(initial)
    path = path_of(repair, corruption, initial, 3000)
    assert bounds.lower - 1e-9 <= path.min()
    assert path.max() <= bounds.upper + 1e-9
    ends = [*path, bounds.neutral]
    assert min(ends) == pytest.approx(bounds.lower, abs=1e-9)
    assert max(ends) == pytest.approx(bounds.upper, abs=1e-9)


def test_rates_next_to_nothing_are_calculated_with_in_silence():
    smallest = math.ulp(0.0)
    assert TwoStateChain(smallest, 0.0).optimal_rounds(0.0, 0.5) == 0
    assert TwoStateChain(smallest, 1.0).rounds_to_reach(0.5, 0.0) == math.inf


@given(rates, rates, rates, costs)
def test_optimal_rounds_are_the_fewest_that_maximise_what_is_left(
    repair, corruption, initial, cost
):
    best = TwoStateChain(repair, corruption).optimal_rounds(initial, cost)
    rounds = np.arange(math.ceil(1 / cost) + 2)
    worth = path_of(repair, corruption, initial, len(rounds) - 1) - cost * rounds
    assert isinstance(best, int)
    assert worth[best] == pytest.approx(worth.max(), abs=1e-10)
    assert np.all(worth[:best] < worth[best] + 1e-10)
    assert best <= np.flatnonzero(worth > worth.max() - 1e-10)[0] + 1


@given(st.floats(0.01, 0.5), st.floats(0.01, 0.49), rates)
def test_without_cost_a_rising_chain_is_revised_for_ever_or_up_to_the_cap(
    repair, corruption, initial
):
    chain = TwoStateChain(repair, corruption)
    path = path_of(repair, corruption, initial, 1)
    assume(abs(path[1] - path[0]) > 1e-9)
    rising = path[1] > path[0]
    assert chain.optimal_rounds(initial, 0) == (math.inf if rising else 0)
    assert chain.optimal_rounds(initial, 0, cap=7) == (7 if rising else 0)


@given(rates, rates, rates, rates)
def test_rounds_to_reach_are_the_first_that_reach(repair, corruption, initial, target):
    needed = TwoStateChain(repair, corruption).rounds_to_reach(target, initial)
    path = path_of(repair, corruption, initial, 3000)
    if needed == math.inf:
        assert np.all(path < target + 1e-9)
    else:
        assert isinstance(needed, int)
        assert np.all(path[:needed] < target + 1e-9)
        assert needed > 3000 or path[needed] >= target - 1e-9


@given(rates, rates, rates, st.floats(1e-6, 0.5))
def test_rounds_to_within_are_the_first_that_come_as_near(repair, corruption, initial, distance):
    assume(repair + corruption > 0)
    needed = TwoStateChain(repair, corruption).rounds_to_within(distance, initial)
    level = repair / (repair + corruption)
    away = np.abs(path_of(repair, corruption, initial, 3000) - level)
    if needed == math.inf:
        assert np.all(away > distance - 1e-9)
    else:
        assert np.all(away[:needed] > distance - 1e-9)
        assert needed > 3000 or away[needed] <= distance + 1e-9


def test_arrays_give_what_scalars_give_one_by_one():
    repair, corruption = np.array([0.3, 0.0, 1.0, 0.6]), np.array([0.1, 0.0, 1.0, 0.7])
    many = TwoStateChain(repair, corruption)
    ones = [TwoStateChain(a, b) for a, b in zip(repair, corruption, strict=True)]
    for of in (
        lambda chain: chain.stationary_accuracy,
        lambda chain: chain.eigenvalue,
        lambda chain: chain.half_life,
        lambda chain: chain.accuracy(0.4, 3),
        lambda chain: chain.gain(0.4),
        lambda chain: chain.improves(0.4, 0.01),
        lambda chain: chain.bounds(0.4).lower,
        lambda chain: chain.bounds(0.4).upper,
        lambda chain: chain.optimal_rounds(0.4, 0.01),
        lambda chain: chain.optimal_rounds(0.4, 0.0),
        lambda chain: chain.rounds_to_reach(0.5, 0.4),
        lambda chain: chain.rounds_to_within(0.02, 0.4),
        lambda chain: chain.threshold(0.02),
        lambda chain: chain.gated(0.9, 0.8).stationary_accuracy,
    ):
        np.testing.assert_allclose(of(many), [of(chain) for chain in ones], rtol=1e-12)
    assert many.regime(0.4).tolist() == [chain.regime(0.4) for chain in ones]


def test_arguments_broadcast_against_each_other():
    chain = TwoStateChain(0.3, 0.1)
    grid = chain.accuracy(np.array([[0.2], [0.9]]), np.arange(4))
    assert grid.shape == (2, 4)
    np.testing.assert_allclose(grid[1], path_of(0.3, 0.1, 0.9, 3))


def test_scalars_give_plain_python_values():
    chain = TwoStateChain(np.float64(0.3), 0.1)
    for value in (chain.accuracy(0.4, 3), chain.threshold(0.01), chain.bounds(0.4).upper):
        assert type(value) is float
    assert type(chain.optimal_rounds(0.4, 0.01)) is int
    assert type(chain.improves(0.4)) is bool
    assert type(chain.regime(0.4)) is str


@given(rates, rates, rates, rates, rates, st.integers(0, 12))
def test_gated_chain_is_revising_only_what_was_rejected(
    repair, corruption, sensitivity, specificity, initial, rounds
):
    right = initial
    for _ in range(rounds):
        rejected_right, rejected_wrong = right * (1 - sensitivity), (1 - right) * specificity
        kept_right = right * sensitivity
        right = kept_right + rejected_right * (1 - corruption) + rejected_wrong * repair
    chain = TwoStateChain(repair, corruption).gated(sensitivity, specificity)
    assert chain.accuracy(initial, rounds) == pytest.approx(right, abs=1e-9)


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "limit"),
    [(1.0, 1.0, 1.0), (0.3, 0.7, 0.75), (0.0, 1.0, 0.75), (0.0, 0.0, 0.0), (1.0, 0.0, 0.4)],
    ids=["perfect", "uninformative", "rejects all", "adversarial", "accepts all"],
)
def test_gated_limits(sensitivity, specificity, limit):
    chain = TwoStateChain(0.3, 0.1).gated(sensitivity, specificity)
    assert chain.accuracy(0.4, 5000) == pytest.approx(limit, abs=1e-9)
    assert chain.bounds(0.4).neutral == pytest.approx(limit, abs=1e-9)


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan, math.inf, "much", None, [0.2, 1.5]])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("repair", lambda bad: TwoStateChain(bad, 0.1)),
        ("corruption", lambda bad: TwoStateChain(0.1, bad)),
        ("initial", lambda bad: TwoStateChain(0.3, 0.1).accuracy(bad, 1)),
        ("initial", lambda bad: TwoStateChain(0.3, 0.1).bounds(bad)),
        ("initial", lambda bad: TwoStateChain(0.3, 0.1).improves(bad)),
        ("target", lambda bad: TwoStateChain(0.3, 0.1).rounds_to_reach(bad, 0.2)),
        ("sensitivity", lambda bad: TwoStateChain(0.3, 0.1).gated(bad, 0.5)),
        ("specificity", lambda bad: TwoStateChain(0.3, 0.1).gated(0.5, bad)),
    ],
)
def test_what_is_no_probability_is_refused_by_name(name, call, bad):
    with pytest.raises(ValueError, match=name):
        call(bad)


@pytest.mark.parametrize("bad", [-0.01, math.nan, math.inf])
def test_what_is_no_cost_or_distance_is_refused_by_name(bad):
    chain = TwoStateChain(0.3, 0.1)
    for call in (
        chain.threshold,
        lambda c: chain.optimal_rounds(0.2, c),
        lambda c: chain.improves(0.2, c),
    ):
        with pytest.raises(ValueError, match="cost"):
            call(bad)
    with pytest.raises(ValueError, match="distance"):
        chain.rounds_to_within(bad, 0.2)


@pytest.mark.parametrize("bad", [-1, 1.5, math.nan])
def test_what_is_no_number_of_rounds_is_refused_by_name(bad):
    chain = TwoStateChain(0.3, 0.1)
    with pytest.raises(ValueError, match="rounds"):
        chain.accuracy(0.2, bad)
    with pytest.raises(ValueError, match="cap"):
        chain.optimal_rounds(0.2, 0.0, cap=bad)


def test_rates_whose_shapes_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match=r"repair and corruption .* \(2,\) and \(3,\)"):
        TwoStateChain(np.array([0.1, 0.2]), np.array([0.1, 0.2, 0.3]))


def test_chains_with_equal_rates_are_equal_arrays_included():
    rates = np.array([0.1, 0.2]), np.array([0.3, 0.4])
    assert TwoStateChain(*rates) == TwoStateChain(*map(np.copy, rates))
    assert len({TwoStateChain(*rates), TwoStateChain(*map(np.copy, rates))}) == 1
    assert TwoStateChain(*rates) != TwoStateChain(0.1, 0.3)
    assert TwoStateChain(0.1, 0.3) != "a chain"
