"""What the plots share: colours, axes, and names beside lines in place of a legend.

Colours are those of Okabe and Ito, which the colour-blind can tell apart.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale._extras import naming_the_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

from collections.abc import Iterable
from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_SIDES = tuple(side for side in product((1, 0, -1), (0, 1, -1)) if any(side))
_DISTANCES = (7.0, 15.0, 26.0, 40.0)  # from a point to its name, in points of the page
_LETTER, _LINE_HEIGHT = 0.58, 1.3  # width of a letter and height of a line, in sizes of the font
_MARK = 3.5  # half the size of a mark
_STEP = 6.0  # a line is avoided at places that lie this far apart
_FAR = 0.8  # what a point of distance weighs against a square point of overlap
_OUTSIDE = 4.0  # what being outside the frame weighs against an overlap
_CROSSED = 8.0  # what a leader through another name weighs against it


class Label(NamedTuple):
    """A name for a point."""

    x: float
    y: float
    name: str
    colour: str
    size: float = 8.0


class Box(NamedTuple):
    """A rectangle on the page, in points."""

    left: float
    bottom: float
    right: float
    top: float

    def area(self) -> float:
        """Return how much it covers."""
        return max(self.right - self.left, 0.0) * max(self.top - self.bottom, 0.0)

    def overlap(self, other: "Box") -> float:
        """Return how much of it the other covers."""
        return Box(
            max(self.left, other.left),
            max(self.bottom, other.bottom),
            min(self.right, other.right),
            min(self.top, other.top),
        ).area()


class Spot(NamedTuple):
    """Where a name may stand: beside its point, on a side and at a distance."""

    side: tuple[int, int]
    distance: float

    @property
    def offset(self) -> tuple[float, float]:
        """From the point to the name, in points."""
        across, up = self.side
        reach = self.distance * (0.7 if across and up else 1.0)
        return across * reach, up * reach

    def leader(self, at: tuple[float, float]) -> list["Box"]:
        """Return what the line from the point to a name far from it would cover."""
        if self.distance <= _DISTANCES[1]:
            return []
        end = (at[0] + self.offset[0], at[1] + self.offset[1])
        return [_mark(place) for place in _along([at, end])]

    def box(self, at: tuple[float, float], label: Label) -> Box:
        """Return what the name would cover."""
        lines = label.name.split("\n")
        width = max(map(len, lines)) * label.size * _LETTER
        height = len(lines) * label.size * _LINE_HEIGHT
        left = at[0] + self.offset[0] - width * (1 - self.side[0]) / 2
        bottom = at[1] + self.offset[1] - height * (1 - self.side[1]) / 2
        return Box(left, bottom, left + width, bottom + height)


def write_labels(ax: "Axes", labels: Iterable[Label]) -> None:
    """Write names beside points, clear of lines, marks and each other as far as there is room.

    Args:
        ax: Axes whose limits are final.
        labels: The names, those first that should have the best places.
    """
    figure: Any = ax.figure
    figure.draw_without_rendering()  # so that the layout is final, too
    scale = 72 / figure.dpi

    def on_page(x: float, y: float) -> tuple[float, float]:
        across, up = ax.transData.transform((x, y)) * scale
        return float(across), float(up)

    frame = Box(*(ax.get_window_extent().extents * scale).tolist())
    paths = (np.asarray(line.get_xydata()).tolist() for line in ax.get_lines())
    taken = [_mark(at) for path in paths for at in _along([on_page(x, y) for x, y in path])]
    names: list[Box] = []
    for label in labels:
        at = on_page(label.x, label.y)
        spots = [Spot(side, distance) for distance, side in product(_DISTANCES, _SIDES)]
        spot = min(spots, key=lambda spot: _in_the_way(spot, at, label, taken, names, frame))
        names.append(spot.box(at, label))
        taken += [names[-1], *spot.leader(at)]
        across, up = spot.side
        ax.annotate(
            label.name,
            (label.x, label.y),
            spot.offset,
            textcoords="offset points",
            ha={1: "left", 0: "center", -1: "right"}[across],
            va={1: "bottom", 0: "center", -1: "top"}[up],
            fontsize=label.size,
            color=label.colour,
            arrowprops=_leader(label.colour) if spot.leader(at) else None,
            annotation_clip=False,
        )


def _in_the_way(
    spot: Spot,
    at: tuple[float, float],
    label: Label,
    taken: list[Box],
    names: list[Box],
    frame: Box,
) -> float:
    box = spot.box(at, label)
    outside = box.area() - box.overlap(frame)
    covered = sum(box.overlap(other) for other in taken)
    crossed = sum(mark.overlap(name) for mark in spot.leader(at) for name in names)
    return covered + _OUTSIDE * outside + _CROSSED * crossed + _FAR * spot.distance


def _along(places: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield places on a line that lie close to each other."""
    yield places[0]
    for before, after in pairwise(places):
        steps = int(np.hypot(after[0] - before[0], after[1] - before[1]) / _STEP) + 1
        for share in np.arange(1, steps + 1) / steps:
            yield (
                before[0] + share * (after[0] - before[0]),
                before[1] + share * (after[1] - before[1]),
            )


def _mark(place: tuple[float, float]) -> Box:
    return Box(place[0] - _MARK, place[1] - _MARK, place[0] + _MARK, place[1] + _MARK)


def _leader(colour: str) -> dict[str, Any]:
    return {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkB": _MARK}


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
