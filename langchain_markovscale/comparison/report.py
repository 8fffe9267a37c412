"""The comparison: stopping rules side by side, as text, Markdown, HTML and a plot."""

from dataclasses import asdict, dataclass
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

from langchain_markovscale.comparison import plots, sections
from langchain_markovscale.comparison.results import ComparisonFindings
from langchain_markovscale.display import plotting
from langchain_markovscale.display.display import Display
from langchain_markovscale.display.document import Document

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Comparison(Display):
    """Stopping rules compared on the same recorded runs; print it, or let a notebook show it.

    `compare_strategies` makes one.

    Attributes:
        findings: Every number of the comparison.
    """

    findings: ComparisonFindings

    @cached_property
    def document(self) -> Document:
        """All that the comparison says; its verdict is what switching to MarkovScale changes."""
        return sections.document(self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict and every number as plain JSON values; infinite ones are None."""
        values: dict[str, Any] = _plain({"verdict": self.verdict, **asdict(self.findings)})
        return values

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Plot accuracy against what is spent, on given axes or on a new figure of pyplot.

        Raises:
            ModuleNotFoundError: If matplotlib is missing; the message names the extra.
        """
        return plots.frontier(self.findings, ax)

    def plot_switch(self, ax: "Axes | None" = None) -> "Axes":
        """Plot the rule that is replaced and MarkovScale, for a slide.

        Raises:
            ModuleNotFoundError: If matplotlib is missing; the message names the extra.
        """
        return plots.switch(self.findings, ax)

    def _draw(self, name: str) -> "Figure":
        if name == "switch":
            return plotting.figure_of(self.plot_switch)
        return plotting.figure_of(self.plot, plots.size(self.findings))


@dataclass(frozen=True, repr=False)
class Check(Comparison):
    """A comparison that says first whether revising helps.

    Attributes:
        loop: The report of the loop that was recorded.
    """

    loop: Document

    @cached_property
    def document(self) -> Document:
        """The verdict on the loop, and then all that the comparison says."""
        compared = sections.document(self.findings)
        summary = (self.loop.summary[0], *compared.summary)
        return compared._replace(title="Does the loop help?", tone=self.loop.tone, summary=summary)


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
