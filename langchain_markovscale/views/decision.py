"""A decision on one page: the sentence, and the numbers behind it."""

from dataclasses import dataclass
from functools import cached_property

from langchain_markovscale.attempts import Decision
from langchain_markovscale.explanations import explain, percent, points
from langchain_markovscale.faces.content import Content, Section, Table
from langchain_markovscale.faces.display import Display
from langchain_markovscale.views.cells import tone


@dataclass(frozen=True, repr=False)
class DecisionView(Display):
    """A decision that shows itself; `show` makes one from a decision.

    Attributes:
        decision: The decision.
    """

    decision: Decision

    @cached_property
    def content(self) -> Content:
        """The decision in words, and its numbers."""
        decision = self.decision
        sentence = explain(decision)
        rows = (
            ("action", decision["action"]),
            ("reason", decision["reason"]),
            ("made after", _counted(decision["attempts"])),
            ("best attempt", _place(decision["best"])),
            ("attempt to revise", _place(decision["parent"])),
            ("belief that the best is right", percent(decision["belief"])),
            ("expected gain of the best plan", _points(decision["expected_gain"])),
            ("its cost", _points(decision["cost"])),
        )
        return Content(
            title="Decision",
            tone=tone(decision),
            summary=(f"{sentence[0].upper()}{sentence[1:]}.",),
            sections=(Section("Behind it", table=Table(("", ""), rows, left=1)),),
        )


def _place(index: int | None) -> str:
    return "none" if index is None else str(index + 1)


def _points(difference: float) -> str:
    shown = points(difference, 2).replace("-", "−")
    return f"{shown} {'point' if shown in ('1', '−1') else 'points'}"


def _counted(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"
