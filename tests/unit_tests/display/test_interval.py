"""A number and its interval are written in one way."""

from math import sqrt

import pytest
from scipy.stats import binomtest

from langchain_markovscale.display.interval import Estimate


@pytest.mark.parametrize(
    ("estimate", "percent", "points", "decimal"),
    [
        (
            Estimate(0.514, (0.463, 0.561)),
            "51% [46, 56]",
            "+51 points [+46, +56]",
            "0.51 [0.46, 0.56]",
        ),
        (
            Estimate(0.0123, (0.001, 0.0234)),
            "1.2% [0.1, 2.3]",
            "+1.2 points [+0.1, +2.3]",
            "0.01 [0.00, 0.02]",
        ),
        (Estimate(0.01), "1.0%", "+1 point", "0.01"),
    ],
)
def test_numbers_are_written_in_one_way(estimate, percent, points, decimal):
    assert (estimate.percent, estimate.points, estimate.decimal) == (percent, points, decimal)


def test_other_ways_of_the_same_number():
    estimate = Estimate(0.514, (0.463, 0.561))
    assert estimate.fine_percent == "51.4% [46, 56]"
    assert estimate.span == "46% to 56%"
    assert estimate.columns == ("0.514", "0.463", "0.561")
    alone = Estimate(0.514)
    assert (alone.fine_percent, alone.span) == ("51.4%", "–")
    assert alone.columns == ("0.514", "–", "–")


def test_losses_are_written_with_a_minus():
    assert Estimate(-0.36, (-0.4, 0.02)).points == "−36 points [−40, +2]"


@pytest.mark.parametrize(("right", "asked"), [(9, 12), (0, 12), (12, 12), (1, 1)])
def test_the_interval_of_a_share_is_wilsons(right, asked):
    z, share = 1.959963984540054, right / asked
    middle = (share + z**2 / (2 * asked)) / (1 + z**2 / asked)
    half = z / (1 + z**2 / asked) * sqrt(share * (1 - share) / asked + z**2 / (4 * asked**2))
    estimate = Estimate.of_share(right, asked)
    assert estimate.value == share
    assert estimate.interval == pytest.approx((middle - half, middle + half))
    assert 0 <= estimate.interval[0] <= estimate.interval[1] <= 1


def test_the_interval_of_a_share_is_scipys():
    found = binomtest(7, 20).proportion_ci(0.9, method="wilson")
    assert Estimate.of_share(7, 20, 0.9).interval == pytest.approx((found.low, found.high))


def test_an_interval_without_zero_is_seen_to_be_without_it():
    assert Estimate(-0.08, (-0.14, -0.004)).points == "−8 points [−14, −0.4]"
    assert Estimate(-0.08, (-0.14, 0.004)).points == "−8 points [−14, 0]"
