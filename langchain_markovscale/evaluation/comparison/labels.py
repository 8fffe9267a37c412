"""Names beside crowded points: each on the side of its point where it is least in the way."""

from collections.abc import Iterable, Iterator
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDES = tuple(side for side in product((1, 0, -1), (0, 1, -1)) if any(side))
_DISTANCES = (7.0, 15.0, 26.0, 40.0)  # from a point to its name, in points of the page
_LETTER, _LINE = 0.58, 1.3  # width of a letter and height of a line, in sizes of the font
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
        height = len(lines) * label.size * _LINE
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
