"""A number and its interval are written in one way."""

import pytest

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


def test_losses_are_written_with_a_minus():
    assert Estimate(-0.36, (-0.4, 0.02)).points == "−36 points [−40, +2]"
