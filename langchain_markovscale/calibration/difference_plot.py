"""The plot of what is different between two calibrations (extra `plot`)."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from langchain_markovscale.display.plotting import (
    GREEN,
    GREY,
    VERMILION,
    legend_below,
    report_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from langchain_markovscale.calibration.difference import RateChange

_WIDEST = 22  # letters of a label
_COLOURS = {"better": GREEN, "worse": VERMILION, "noise": GREY, "unknown": GREY}
_NAMES = {"better": "better", "worse": "worse", "noise": "within noise", "unknown": "unknown"}


def changes(rows: Sequence["RateChange"], ax: "Axes | None" = None) -> "Axes":
    """Plot every change in points, with its interval."""
    with report_axes(ax, "What has changed") as axes:
        axes.axvline(0, color=GREY, lw=0.8)
        named: set[str] = set()
        for place, row in enumerate(reversed(rows)):
            low, high = (100 * end for end in row.change.interval or (row.change.value,) * 2)
            colour, name = _COLOURS[row.finding], _NAMES[row.finding]
            axes.plot((low, high), (place, place), "-", color=colour)
            axes.plot(
                100 * row.change.value,
                place,
                "o",
                color=colour,
                label=None if name in named else name,
            )
            named.add(name)
        axes.set_yticks(
            range(len(rows)),
            [fill(row.words, _WIDEST) for row in reversed(rows)],
        )
        axes.set_xlabel("change in points")
        legend_below(axes, columns=3)
        return axes
