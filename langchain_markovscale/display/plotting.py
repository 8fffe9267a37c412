"""What the plots share: colours, axes, and the legend below them.

Colours are those of Okabe and Ito, which the colour-blind can tell apart.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from langchain_markovscale._extras import naming_the_extra
from langchain_markovscale._text import harmless

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
INK, GREY = "#1a1b1c", "#7f7f7f"  # words; background

_MARGIN = 0.03  # share of the height of axes beyond the last value
_LABELLED, _BARE = 36, 22  # points from axes to their legend, with a label of the x axis or not

# Of figures, in inches: narrow enough to be read on a telephone.
WIDE, SQUARE, TALL = (4.8, 3.9), (4.6, 5.0), (4.8, 5.6)

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
    "legend.columnspacing": 1.2,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.labelcolor": INK,
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


def figure_of(plot: Callable[["Axes"], object], size: tuple[float, float] = WIDE) -> "Figure":
    """Return a figure with one plot, of which pyplot knows nothing: nobody has to close it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    plot(figure.subplots())
    return figure


@contextmanager
def report_axes(ax: "Axes | None", title: str, *, square: bool = False) -> Iterator["Axes"]:
    """Yield the axes to draw on, new ones in the report's style where none are given."""
    pyplot = pyplot_module()
    with pyplot.rc_context(STYLE):
        if ax is None:
            _, ax = pyplot.subplots(figsize=SQUARE if square else WIDE)
        ax.set_title(title)
        yield ax


def label_of(name: str) -> str:
    """Return a name that others have given as a label: as it is, neither a formula nor hidden."""
    shown = " ".join(harmless(name).split()).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # which matplotlib leaves out


def whole_axis(axis: Any) -> None:
    """Label an axis of counts with whole numbers alone, if it shows at least two of them."""
    from matplotlib.ticker import MaxNLocator

    low, high = axis.get_view_interval()
    if floor(high) > ceil(low):
        axis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))


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


def legend_below(ax: "Axes", handles: Sequence[Any] | None = None, *, columns: int = 2) -> None:
    """Put the legend below the axes, where its names cover nothing.

    Args:
        ax: The axes, finished but for this.
        handles: What the legend shows; by default all that has a label.
        columns: How many columns the legend has at most.
    """
    from matplotlib.transforms import ScaledTranslation

    shown = ax.get_legend_handles_labels()[0] if handles is None else list(handles)
    distance = _LABELLED if ax.get_xlabel() else _BARE
    down = ScaledTranslation(0, -distance / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=shown,
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=ax.transAxes + down,
        borderaxespad=0,
        borderpad=0,
        ncols=min(columns, max(len(shown), 1)),
    )
