"""What the plots share: colours, axes, and names beside lines in place of a legend.

Colours are those of Okabe and Ito, which the colour-blind can tell apart.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.extras import naming_the_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

BLUE, VERMILION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
INK, GREY, PAPER = "#1a1b1c", "#7f7f7f", "#fdfefe"  # words; background; words on colour

_MARGIN = 0.03  # shares of the height of axes: beyond the last value; between lines of text
_LINE, _LEADING = 0.06, 0.025

WIDE, SQUARE, TALL = (6.0, 3.6), (4.6, 4.6), (6.0, 5.0)  # of figures, in inches

STYLE: dict[Any, Any] = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def pyplot_module() -> Any:
    """Return `matplotlib.pyplot`.

    Raises:
        ModuleNotFoundError: If matplotlib is missing; the message names the extra to install.
    """
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise naming_the_extra(error) from None
    return pyplot


@contextmanager
def report_axes(ax: "Axes | None", title: str, *, square: bool = False) -> Iterator["Axes"]:
    """Yield the axes to draw on, new ones in the report's style where none are given."""
    pyplot = pyplot_module()
    with pyplot.rc_context(STYLE):
        if ax is None:
            _, ax = pyplot.subplots(figsize=SQUARE if square else WIDE)
        ax.set_title(title)
        yield ax


def percent_axis(axis: Any) -> None:
    """Show an axis of shares as whole percentages."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def widened(ax: "Axes") -> tuple[float, float]:
    """Return limits of accuracy about the data, at least 20 points apart and within [0, 1]."""
    low, high = ax.get_ylim()
    spare = max(0.2 - (high - low), 0.0) / 2
    low, high = low - spare, high + spare
    if low < 0:
        low, high = 0.0, high - low if spare else high
    if high > 1:
        low, high = low - (high - 1) if spare else low, 1.0
    return with_margins(max(low, 0.0), min(high, 1.0))


def with_margins(low: float, high: float) -> tuple[float, float]:
    """Return limits that leave room for the marks that stand on them."""
    spare = _MARGIN * (high - low)
    return low - spare, high + spare


def label_ends(ax: "Axes", x: float, labels: list[tuple[float, str, str]]) -> None:
    """Write names right of the lines' ends, pushed apart where the ends lie close."""
    low, high = ax.get_ylim()
    ordered = sorted(labels)
    lines = [name.count("\n") + 1 for _, name, _ in ordered]
    placed: list[float] = []
    for place, (y, _, _) in enumerate(ordered):
        if placed:
            gap = _LEADING + _LINE * (lines[place - 1] + lines[place]) / 2
            y = max(y, placed[-1] + gap * (high - low))
        placed.append(y)
    shift = float(np.mean([at - y for at, (y, _, _) in zip(placed, ordered, strict=True)]))
    shift = min(max(shift, placed[-1] - high), placed[0] - low)
    for (y, name, colour), at in zip(ordered, placed, strict=True):
        ax.annotate(
            name,
            (x, y),
            (1.02, at - shift),
            textcoords=ax.get_yaxis_transform(),
            va="center",
            color=colour,
            annotation_clip=False,
        )


def label_beside(ax: "Axes", y: float, name: str, colour: str) -> None:
    """Write a name right of the axes, at the height of a level."""
    ax.annotate(
        name,
        (1, y),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        color=colour,
        annotation_clip=False,
    )


def label_layers(ax: "Axes", x: Floats, parts: Sequence[Floats], names: Sequence[str]) -> None:
    """Name each layer where it is thickest, unless it is too thin to hold its name."""
    top = np.cumsum(parts, axis=0)
    height = ax.get_ylim()[1]
    for layer, end, name in zip(parts, top, names, strict=True):
        at = int(np.argmax(layer[2:-2])) + 2
        if layer[at] > 0.09 * height:
            ax.text(x[at], end[at] - layer[at] / 2, name, ha="center", va="center", color=INK)


def label_point(ax: "Axes", x: float, y: float, name: str, colour: str) -> None:
    """Write a name beside a point, on the side that has room."""
    right = x < 0.7
    ax.annotate(
        name,
        (x, y),
        (9 if right else -9, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        color=colour,
    )
