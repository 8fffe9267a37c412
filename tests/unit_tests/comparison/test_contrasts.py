"""Curves are read, and questions resampled, as numpy and the theory of means say."""

from math import inf, sqrt

import numpy as np
import pytest

from langchain_markovscale.comparison.contrasts import interpolated, reached, resampled_means


def test_a_curve_is_read_as_numpy_reads_it_and_stays_level_after_its_end():
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.random((50, 6)), axis=1), rng.random((50, 6))
    at = x[:, 0] + rng.random(50) * 1.5 * (x[:, -1] - x[:, 0])
    expected = [np.interp(*one) for one in zip(at, x, y, strict=True)]
    np.testing.assert_allclose(interpolated(x, y, at), expected)
    one_point = interpolated(x[:, :1], y[:, :1], x[:, 0] + 1)
    np.testing.assert_allclose(one_point, y[:, 0])


def test_of_points_that_cost_the_same_the_last_counts():
    x, y = np.array([[1.0, 2.0, 2.0, 3.0]]), np.array([[0.1, 0.2, 0.6, 0.8]])
    assert interpolated(x, y, np.array([2.0]))[0] == pytest.approx(0.6)
    assert interpolated(x, y, np.array([2.5]))[0] == pytest.approx(0.7)


def test_a_height_is_reached_where_a_fine_grid_first_finds_it():
    rng = np.random.default_rng(1)
    x, y = np.sort(rng.random((50, 5)), axis=1), rng.random((50, 5))
    height = rng.random(50)
    found = reached(x, y, height)
    for one_x, one_y, wanted, where in zip(x, y, height, found, strict=True):
        grid = np.linspace(one_x[0], one_x[-1], 20_001)
        above = grid[np.interp(grid, one_x, one_y) >= wanted]
        if above.size:
            assert where == pytest.approx(above[0], abs=1e-4)
        else:
            assert where == inf


def test_resampled_means_spread_as_a_mean_does_and_rows_are_paired():
    rng = np.random.default_rng(2)
    values = np.stack([rng.normal(size=400), rng.normal(size=400)], axis=1)
    values = np.column_stack([values, values[:, 0] + 3])
    means = resampled_means(values, 3000, seed=0)
    np.testing.assert_allclose(means.mean(axis=0), values.mean(axis=0), atol=0.005)
    np.testing.assert_allclose(means.std(axis=0), values.std(axis=0) / sqrt(400), rtol=0.06)
    np.testing.assert_allclose(means[:, 2] - means[:, 0], 3)
    assert np.array_equal(means, resampled_means(values, 3000, seed=0))
