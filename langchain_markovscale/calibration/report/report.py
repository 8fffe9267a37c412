"""The report: what a calibration says, as text, Markdown, HTML and plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from langchain_markovscale.calibration.report import plots
from langchain_markovscale.calibration.report.findings import Findings
from langchain_markovscale.calibration.report.sections import sections
from langchain_markovscale.calibration.report.verdict import (
    Kind,
    kind,
    reasons,
    recommendation,
    uncertainty,
    verdict,
)
from langchain_markovscale.display import plotting
from langchain_markovscale.display.display import Display
from langchain_markovscale.display.document import Document, Tone

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Calibration report"

_TONES: dict[Kind, Tone] = {"helps": "good", "hurts": "bad", "uncertain": "unsure"}


@dataclass(frozen=True, repr=False)
class Report(Display):
    """The report of a calibration; print it, or let a notebook show it.

    `Calibration.report` makes one. The methods that plot draw on given axes or on a new figure of
    pyplot; they raise `ModuleNotFoundError`, naming the extra, where matplotlib is missing.

    Attributes:
        findings: Every number of the report.
    """

    findings: Findings

    @cached_property
    def document(self) -> Document:
        """All that the report says, in words and tables; its verdict in the first sentence."""
        found = self.findings
        fitted = found.calibration.fitted
        return Document(
            title=TITLE,
            tone=_TONES.get(self.kind, "plain"),
            summary=(verdict(found), reasons(found), recommendation(found)),
            basis=uncertainty(found),
            warnings=fitted.warnings if fitted else (),
            sections=sections(found),
        )

    @property
    def verdict(self) -> str:
        """What matters most, in one sentence; nothing is simulated for it."""
        return verdict(self.findings)

    @property
    def kind(self) -> Kind:
        """What blind revising does: helps, hurts, nothing, uncertain, or untried."""
        return kind(self.findings)

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
        """Plot how often revisions corrected and broke answers by depth, seen and expected.

        Raises:
            ValueError: If no revisions were traced.
        """
        return plots.drift_by_depth(self.findings, ax)

    def plot_cost(self, axes: "Sequence[Axes] | None" = None) -> "tuple[Axes, Axes]":
        """Plot what the criterion achieves by the cost of a round, on two axes."""
        return plots.cost_accuracy(self.findings, axes)

    def _draw(self, name: str) -> "Figure":
        if name != "cost":
            size = plotting.SQUARE if name == "map" else plotting.WIDE
            return plotting.figure_of(partial(_ON_ONE[name], self.findings), size)
        from matplotlib.figure import Figure

        figure = Figure(figsize=plotting.TALL)
        plots.cost_accuracy(self.findings, figure.subplots(2, 1, sharex=True))
        return figure


_ON_ONE = {
    "accuracy": plots.accuracy_by_round,
    "map": plots.improvement_map,
    "verifier": plots.verifier_reliability,
    "drift": plots.drift_by_depth,
}
