"""The plot of a comparison (extra `plot`): the accuracy of each rule against what it spends."""

from collections.abc import Sequence
from itertools import cycle, product
from typing import TYPE_CHECKING

from langchain_markovscale.comparison.results import ComparisonFindings, RuleResult
from langchain_markovscale.display.plotting import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    VERMILION,
    label_of,
    legend_below,
    percent_axis,
    report_axes,
    whole_axis,
    widened,
)
from langchain_markovscale.theory.rates import Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT, _LINE = 4.8, 4.0, 0.18  # inches: of the figure, without its legend, of a line

_LINES = (BLUE, GREEN, ORANGE, INK)  # colours of MarkovScale's variants
_RULES = tuple(product((VERMILION, GREY, GREEN), "os^vDP"))  # colours and marks of other rules
_BOUNDS = tuple(product((INK,), "*XDp"))
_SHORT = 30  # letters: names that fit into two columns


def frontier(findings: ComparisonFindings, ax: "Axes | None" = None) -> "Axes":
    """Plot accuracy against what is spent: MarkovScale as lines, other rules as points."""
    with report_axes(ax, "Accuracy for what is spent") as axes:
        if ax is None:
            axes.figure.set_size_inches(*size(findings))  # type: ignore[union-attr]
        for place, variant in enumerate(findings.variants):
            x, y = zip(*_curve(findings, variant), strict=True)
            line, width = ("--", 1.2) if place else ("o-", 1.8)
            axes.plot(
                x,
                y,
                line,
                color=_LINES[place],
                lw=width,
                ms=4,
                zorder=4 - place / 4,
                label=_name(variant),
            )
        for rows, styles in ((findings.rules, _RULES), (findings.bounds, _BOUNDS)):
            for row, (colour, mark) in zip(rows, cycle(styles), strict=False):
                filling = colour if row.rule.kind == "bound" else "none"
                axes.plot(
                    *_place(findings, row),
                    mark,
                    color=colour,
                    mfc=filling,
                    mew=1.2,
                    ms=7,
                    zorder=5,
                    label=label_of(row.rule.name),
                )
        axes.set_ylim(*widened(axes))
        axes.margins(x=0.08)
        percent_axis(axes.yaxis)
        axes.set_ylabel("answers that are right")
        axes.set_xlabel(f"{findings.budget} per question")
        if findings.budget != "tokens":
            whole_axis(axes.xaxis)
        legend_below(axes, columns=_columns(_entries(findings)))
        return axes


def size(findings: ComparisonFindings) -> tuple[float, float]:
    """Return the size of the figure in inches: it grows with its legend."""
    entries = _entries(findings)
    return _WIDTH, _HEIGHT + _LINE * -(-len(entries) // _columns(entries))


def _entries(findings: ComparisonFindings) -> list[str]:
    rules = (*findings.rules, *findings.bounds)
    return [*map(_name, findings.variants), *(row.rule.name for row in rules)]


def _columns(entries: Sequence[str]) -> int:
    return 2 if max(map(len, entries)) <= _SHORT else 1


def _name(variant: Variant) -> str:
    return f"MarkovScale, {variant.replace('_', '-')}"


def _place(findings: ComparisonFindings, row: RuleResult) -> tuple[float, float]:
    return row.spent(findings.budget), row.accuracy.value


def _curve(findings: ComparisonFindings, variant: Variant) -> list[tuple[float, float]]:
    return sorted(_place(findings, row) for row in findings.curve(variant))


def switch(findings: ComparisonFindings, ax: "Axes | None" = None) -> "Axes":
    """Plot one's own rule, MarkovScale in its place, and what else there is, in grey."""
    with report_axes(ax, "Right answers for what is spent") as axes:
        mine, ours = findings.switch.mine, findings.switch.ours
        others = [row for row in findings.rules if row.rule != mine.rule]
        if others:
            spent, right = zip(*(_place(findings, row) for row in others), strict=True)
            axes.plot(spent, right, "o", color=GREY, mfc="none", ms=4, label="other rules")
        x, y = zip(*_curve(findings, findings.variants[0]), strict=True)
        if len({*x}) > 1:
            axes.plot(x, y, "-", color=BLUE, label="MarkovScale, by cost of a round")
        for row, colour, mark, name in (
            (mine, VERMILION, "s", label_of(mine.rule.name)),
            (ours, BLUE, "o", "MarkovScale in its place"),
        ):
            low, high = row.accuracy.interval or (row.accuracy.value, row.accuracy.value)
            at, value = _place(findings, row)
            axes.plot((at, at), (low, high), "-", color=colour, lw=1, alpha=0.6)
            axes.plot(at, value, mark, color=colour, ms=9, zorder=6, label=name)
        axes.set_ylim(*widened(axes))
        axes.margins(x=0.08)
        percent_axis(axes.yaxis)
        axes.set_ylabel("answers that are right")
        axes.set_xlabel(f"{findings.budget} per question")
        if findings.budget != "tokens":
            whole_axis(axes.xaxis)
        legend_below(axes, columns=1)
        return axes
