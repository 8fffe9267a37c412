"""Plots as SVG that stands in a page: real text, no fixed ink, readable in light and dark."""

import re
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING, Any

from langchain_markovscale.faces import plot_parts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[str], "Figure"]
"""Makes the plot of a name, on a figure that is not pyplot's."""

PALETTE = {
    "blue": plot_parts.BLUE,
    "vermilion": plot_parts.VERMILION,
    "green": plot_parts.GREEN,
    "orange": plot_parts.ORANGE,
    "paper": plot_parts.PAPER,
}

_NOT_REFERRED_TO = re.compile(r' id="[A-Za-z0-9]+(?:_\d+)+"')
_FONT = re.compile(r"(?<=px )'[^;\"]+")


def drawn(draw: Draw, name: str, alternative: str) -> str:
    """Return a plot as an SVG element.

    Colours are CSS variables (`--blue` and so on) and the ink is the colour of the text around.

    Args:
        draw: Makes the plot.
        name: Which one.
        alternative: What it shows, in words and escaped, for those who cannot see it.

    Raises:
        ModuleNotFoundError: If matplotlib is missing; the message names the extra.
    """
    pyplot = plot_parts.pyplot_module()
    style: dict[Any, Any] = {**plot_parts.STYLE, "svg.fonttype": "none", "svg.hashsalt": name}
    with pyplot.rc_context(style), StringIO() as file:
        figure = draw(name)
        for ax in figure.axes:
            ax.set_title("")  # the page has a heading
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return _themed(file.getvalue(), alternative)


def _themed(document: str, alternative: str) -> str:
    svg = document[document.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = _FONT.sub("system-ui, sans-serif", _NOT_REFERRED_TO.sub("", svg))
    svg = svg.replace(plot_parts.INK, "currentColor")
    for name, colour in PALETTE.items():
        svg = svg.replace(colour, f"var(--{name}, {colour})")
    return svg.replace("<svg", f'<svg role="img" aria-label="{alternative}"', 1)
