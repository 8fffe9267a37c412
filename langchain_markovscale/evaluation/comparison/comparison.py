"""The comparison: stopping rules side by side, as text, Markdown, HTML and a plot."""

from dataclasses import asdict, dataclass
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

from langchain_markovscale.calibration.report.content import Content
from langchain_markovscale.calibration.report.text import as_markdown, as_text
from langchain_markovscale.evaluation.comparison import page, plots, words
from langchain_markovscale.evaluation.comparison.findings import Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 80


@dataclass(frozen=True)
class Comparison:
    """What stopping rules bought on the same recorded runs; print it, or let a notebook show it.

    `compare_strategies` makes one.

    Attributes:
        findings: Every number of the comparison.
    """

    findings: Findings

    @cached_property
    def content(self) -> Content:
        """All that the comparison says, in words and tables."""
        return words.content(self.findings)

    @property
    def verdict(self) -> str:
        """Which rules MarkovScale beats at their own budgets and which beat it, in a sentence."""
        return self.content.summary[0]

    @property
    def text(self) -> str:
        """The comparison as plain text, its words 80 characters wide."""
        return as_text(self.content, _WIDTH)

    @property
    def markdown(self) -> str:
        """The comparison as Markdown, without the plot."""
        _, _, body = as_markdown(self.content).partition("\n\n")
        return f"# {words.TITLE}\n\n{body}"

    def html(self) -> str:
        """Return a page of HTML that needs nothing from elsewhere.

        Without matplotlib (extra `plot`) it has no plot, and says so.
        """
        return page.whole(self.content, self.findings)

    def _repr_html_(self) -> str:
        return page.fragment(self.content, self.findings)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.verdict}>"

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


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
