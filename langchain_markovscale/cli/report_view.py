"""A calibration's report in the terminal: the verdict in a frame, then words and tables."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from langchain_markovscale.calibration.report import sections
    from langchain_markovscale.calibration.report.report import Report

_COLOURS = {"helps": "green", "hurts": "red", "uncertain": "yellow"}
_WIDEST = 100  # lines of words; longer ones are hard to read
_FRAME = 4


def show(report: "Report", console: Console) -> None:
    """Print a report.

    Args:
        report: The report.
        console: Where to; its width decides where words are wrapped.
    """
    from langchain_markovscale.calibration.report.text import wrapped

    width = min(console.width, _WIDEST)

    def say(words: str, style: str = "") -> None:
        console.print(Text(wrapped(words, width), style), soft_wrap=True)

    content = report.content
    verdict, *rest = content.summary
    framed = Text(wrapped(verdict, width - _FRAME), "bold")
    console.print(Panel(framed, border_style=_COLOURS.get(content.kind, "dim"), expand=False))
    for words in rest[:-1]:
        say(words)
    say(rest[-1], "dim")
    for warning in content.warnings:
        say(f"Warning: {warning}", "yellow")
    for section in content.sections:
        console.print()
        console.print(Text(section.title, "bold"))
        for words in section.words:
            say(words)
        if section.table:
            console.print()
            console.print(_table(section.table))


def _table(table: "sections.Table") -> Table:
    drawn = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
        show_header=any(table.headings),
    )
    for index, heading in enumerate(table.headings):
        side = "left" if index < table.left else "right"
        drawn.add_column(Text(heading), justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn
