"""The report: what a calibration says, as text, Markdown, HTML and plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from langchain_markovscale.calibration import plots
from langchain_markovscale.calibration.report import page
from langchain_markovscale.calibration.report.content import Content, content
from langchain_markovscale.calibration.report.findings import Findings
from langchain_markovscale.calibration.report.text import as_markdown, as_text
from langchain_markovscale.calibration.report.verdict import Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 80


@dataclass(frozen=True)
class Report:
    """What a calibration says; print it, or let a notebook show it.

    `Calibration.report` makes one. The methods that plot draw on given axes or on a new figure of
    pyplot; they raise `ModuleNotFoundError`, naming the extra, where matplotlib is missing.

    Attributes:
        findings: Every number of the report.
    """

    findings: Findings

    @cached_property
    def content(self) -> Content:
        """All that the report says, in words and tables."""
        return content(self.findings)

    @property
    def kind(self) -> Kind:
        """What blind revising does: helps, hurts, nothing, uncertain, or untried."""
        return self.content.kind

    @property
    def verdict(self) -> str:
        """The verdict and its interval, in one sentence."""
        return self.content.summary[0]

    @property
    def text(self) -> str:
        """The report as plain text, 80 characters wide."""
        return as_text(self.content, _WIDTH)

    @property
    def markdown(self) -> str:
        """The report as Markdown, without plots."""
        return as_markdown(self.content)

    def html(self) -> str:
        """Return a page of HTML that needs nothing from elsewhere.

        Without matplotlib (extra `plot`) it has no plots, and says so.
        """
        return page.whole(self.content, self.findings)

    def _repr_html_(self) -> str:
        return page.fragment(self.content, self.findings)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.verdict}>"

    def plot(self) -> "dict[str, Axes]":
        """Plot everything on one new figure; return its axes by name."""
        return plots.overview(self.findings)

    def plot_accuracy(self, ax: "Axes | None" = None) -> "Axes":
        """Plot accuracy by number of blind revisions: seen, fitted with its band, held out."""
        return plots.accuracy_by_round(self.findings, ax)

    def plot_map(self, ax: "Axes | None" = None) -> "Axes":
        """Plot, for each class, first answers against where revising leads."""
        return plots.improvement_map(self.findings, ax)

    def plot_verifier(self, ax: "Axes | None" = None) -> "Axes":
        """Plot the share of right answers by the verifier's score.

        Raises:
            ValueError: If no verifier was measured.
        """
        return plots.verifier_reliability(self.findings, ax)

    def plot_drift(self, ax: "Axes | None" = None) -> "Axes":
        """Plot how often revisions mended and broke answers by depth, seen and expected.

        Raises:
            ValueError: If no revisions were traced.
        """
        return plots.drift_by_depth(self.findings, ax)

    def plot_cost(self, axes: "Sequence[Axes] | None" = None) -> "tuple[Axes, Axes]":
        """Plot what the criterion buys by the cost of a round, on two axes."""
        return plots.cost_accuracy(self.findings, axes)
