"""Plots as SVG that stands in a page: real text, no fixed ink, readable in light and dark."""

import re
from io import StringIO

from langchain_markovscale.calibration import plot_parts, plots
from langchain_markovscale.calibration.report.findings import Findings
from langchain_markovscale.calibration.report.sections import PlotName

PALETTE = {
    "blue": plot_parts.BLUE,
    "vermilion": plot_parts.VERMILION,
    "green": plot_parts.GREEN,
    "orange": plot_parts.ORANGE,
    "paper": plot_parts.PAPER,
}

_NOT_REFERRED_TO = re.compile(r' id="[A-Za-z0-9]+(?:_\d+)+"')
_FONT = re.compile(r"(?<=px )'[^;\"]+")


def drawn(found: Findings, name: PlotName, alternative: str) -> str:
    """Return a plot as an SVG element.

    Colours are CSS variables (`--blue` and so on) and the ink is the colour of the text around.

    Args:
        found: The report's numbers.
        name: Which plot.
        alternative: What it shows, in words, for those who cannot see it.

    Raises:
        ModuleNotFoundError: If matplotlib is missing; the message names the extra.
    """
    pyplot = plot_parts.pyplot_module()
    from matplotlib.figure import Figure

    style = {**plot_parts.STYLE, "svg.fonttype": "none", "svg.hashsalt": name}
    with pyplot.rc_context(style), StringIO() as file:
        if name == "cost":
            figure = Figure(figsize=plot_parts.TALL)
            plots.cost_accuracy(found, figure.subplots(2, 1, sharex=True))
        else:
            draw = _ON_ONE[name]
            figure = Figure(figsize=plot_parts.SQUARE if name == "map" else plot_parts.WIDE)
            draw(found, figure.subplots())
        for ax in figure.axes:
            ax.set_title("")  # the page has a heading
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return _themed(file.getvalue(), alternative)


_ON_ONE = {
    "accuracy": plots.accuracy_by_round,
    "map": plots.improvement_map,
    "verifier": plots.verifier_reliability,
    "drift": plots.drift_by_depth,
}


def _themed(document: str, alternative: str) -> str:
    svg = document[document.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = _FONT.sub("system-ui, sans-serif", _NOT_REFERRED_TO.sub("", svg))
    svg = svg.replace(plot_parts.INK, "currentColor")
    for name, colour in PALETTE.items():
        svg = svg.replace(colour, f"var(--{name}, {colour})")
    return svg.replace("<svg", f'<svg role="img" aria-label="{alternative}"', 1)
