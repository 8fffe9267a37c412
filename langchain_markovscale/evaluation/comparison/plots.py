"""The plot of a comparison (extra `plot`): what accuracy each rule buys for what it spends."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from langchain_markovscale.calibration.plot_parts import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    percent_axis,
    report_axes,
    widened,
)
from langchain_markovscale.evaluation.comparison.findings import Findings, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, GREEN, ORANGE, GREY)  # of MarkovScale's variants
_LETTER, _LINE = 0.56, 1.25  # of the font's size: the width of a letter, the height of a line
_PLACES = [(9, 0), (-9, 0), (0, 10), (0, -10), (9, 10), (-9, 10), (9, -10), (-9, -10)]
_FURTHER = (1.0, 1.9, 3.0)


class Label(NamedTuple):
    """A name beside a point."""

    x: float
    y: float
    name: str
    colour: str


def frontier(findings: Findings, ax: "Axes | None" = None) -> "Axes":
    """Plot accuracy against what is spent: MarkovScale as lines, other rules as points."""
    with report_axes(ax, "Accuracy bought") as ax:
        for colour, variant in reversed(
            list(zip(_COLOURS, findings.variants, strict=False))
        ):
            first = variant == findings.variants[0]
            x, y = _curve(findings, findings.curve(variant))
            style = {"linestyle": "-", "marker": "o"} if first else {"linestyle": "--"}
            ax.plot(x, y, color=colour, linewidth=1.8 if first else 1.2, ms=4, label=variant, **style)
        for row in findings.rules:
            ax.plot(row.spent(findings.budget), row.accuracy.value, "s", color=VERMILION, ms=5)
        for row in findings.bounds:
            ax.plot(row.spent(findings.budget), row.accuracy.value, "D", color=GREY, mfc="none")
        ax.set_ylim(*widened(ax))
        ax.margins(x=0.12)
        percent_axis(ax.yaxis)
        ax.set_ylabel("answers that are right")
        ax.set_xlabel(f"{findings.budget} at a question")
        _write(ax, list(_labels(findings)))
        return ax
