"""The plot of a comparison (extra `plot`): what accuracy each rule buys for what it spends."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from langchain_markovscale.comparison.crossfit import NEVER
from langchain_markovscale.comparison.results import Findings, Row
from langchain_markovscale.display.plotting import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    VERMILION,
    Label,
    percent_axis,
    report_axes,
    widened,
    write_labels,
)
from langchain_markovscale.display.wording import points
from langchain_markovscale.theory.rates import Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (8.0, 5.0)  # inches

_COLOURS = (BLUE, GREEN, ORANGE, INK)  # of MarkovScale's variants
_APART = 0.04  # costs are written at points that lie this share of the axis from each other


def frontier(findings: Findings, ax: "Axes | None" = None) -> "Axes":
    """Plot accuracy against what is spent: MarkovScale as lines, other rules as points."""
    with report_axes(ax, "What each rule buys") as axes:
        if ax is None:
            axes.figure.set_size_inches(*SIZE)  # type: ignore[union-attr]
        for place, variant in reversed(list(enumerate(findings.variants))):
            x, y = zip(*_curve(findings, variant), strict=True)
            line, width = ("--", 1.2) if place else ("o-", 1.8)
            axes.plot(x, y, line, color=_COLOURS[place], lw=width, ms=4, label=variant)
        for row in findings.rules:
            axes.plot(*_place(findings, row), "s", color=VERMILION, ms=5, label=row.rule.name)
        for row in findings.bounds:
            at = _place(findings, row)
            axes.plot(*at, "D", color=GREY, mfc="none", ms=5, label=row.rule.name)
        axes.set_ylim(*widened(axes))
        axes.margins(x=0.12)
        percent_axis(axes.yaxis)
        axes.set_ylabel("answers that are right")
        axes.set_xlabel(f"{findings.budget} at a question (small numbers: cost of a round, points)")
        write_labels(axes, [*_names(findings), *_ends(findings), *_costs(findings)])
        return axes


def _place(findings: Findings, row: Row) -> tuple[float, float]:
    return row.spent(findings.budget), row.accuracy.value


def _curve(findings: Findings, variant: Variant) -> list[tuple[float, float]]:
    return sorted(_place(findings, row) for row in findings.curve(variant))


def _names(findings: Findings) -> Iterator[Label]:
    """Yield the names of rules and bounds; those at the same place share a label."""
    yield from _shared(
        (_place(findings, row), row.rule.name, colour)
        for rows, colour in ((findings.rules, VERMILION), (findings.bounds, GREY))
        for row in rows
    )


def _ends(findings: Findings) -> Iterator[Label]:
    """Yield the names of MarkovScale's variants, each where its line ends."""
    yield from _shared(
        (_curve(findings, variant)[-1], f"MarkovScale, {variant.replace('_', '-')}", colour)
        for variant, colour in zip(findings.variants, _COLOURS, strict=False)
    )


def _shared(names: Iterable[tuple[tuple[float, float], str, str]]) -> Iterator[Label]:
    """Yield one label for all names at the same place, in the colour of the first."""
    places: dict[tuple[float, float], tuple[list[str], str]] = {}
    for (x, y), name, colour in names:
        places.setdefault((round(x, 2), round(y, 3)), ([], colour))[0].append(name)
    for (x, y), (shared, colour) in places.items():
        yield Label(x, y, "\n".join(shared), colour)


def _costs(findings: Findings) -> Iterator[Label]:
    """Yield costs at points of the first variant that do not lie too close to each other."""
    rows = [row for row in findings.curve(findings.variants[0]) if row.rule.cost != NEVER]
    widest = max(row.spent(findings.budget) for row in findings.rows)
    last = -widest
    for row in rows:
        x, y = _place(findings, row)
        if abs(x - last) > _APART * widest and row.rule.cost is not None:
            last = x
            yield Label(x, y, points(row.rule.cost, 2, unit=False), _COLOURS[0], size=7)
