"""A report or a comparison in the terminal: the verdict framed, then words and tables."""

from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from langchain_markovscale.display import document
    from langchain_markovscale.display.display import Display

_COLOURS = {"good": "green", "bad": "red", "unsure": "yellow", "plain": "dim"}
_WIDEST = 100  # lines of words; longer ones are hard to read
_FRAME = 4


def show(made: "Display", console: Console) -> None:
    """Print a report or a comparison.

    Args:
        made: What to print.
        console: Where to; its width decides where words are wrapped.
    """
    from langchain_markovscale.display.text import wrapped

    width = min(console.width, _WIDEST)

    def say(words: str, style: str = "") -> None:
        console.print(Text(wrapped(words, width), style), soft_wrap=True)

    said = made.content
    verdict, *rest = said.summary
    framed = Text(wrapped(verdict, width - _FRAME), "bold")
    console.print(Panel(framed, border_style=_COLOURS[said.tone], expand=False))
    for words in rest:
        say(words)
    say(said.basis, "dim")
    for warning in said.warnings:
        say(f"Warning: {warning}", "yellow")
    for section in said.sections:
        console.print()
        console.print(Text(section.title, "bold"))
        for words in section.words:
            say(words)
        if section.table:
            console.print()
            console.print(_table(section.table))


def _table(table: "document.Table") -> Table:
    drawn = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
        show_header=any(table.headings),
    )
    for index, heading in enumerate(table.headings):
        side: Literal["left", "right"] = "left" if table.is_left(index) else "right"
        drawn.add_column(Text(heading), justify=side, no_wrap=True)
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn
