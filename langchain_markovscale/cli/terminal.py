"""A document in the terminal: the verdict framed, then words, tables and quotes."""

from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from langchain_markovscale.display.display import Display
    from langchain_markovscale.display.document import Table as DocumentTable

_COLOURS = {"good": "green", "bad": "red", "unsure": "yellow", "plain": "dim"}
_WIDEST = 100  # lines of words; longer ones are hard to read
_FRAME = 4
_INDENT = (0, 0, 0, 2)


def print_document(display: "Display", console: Console) -> None:
    """Print a report, a comparison, or whatever else shows itself as a document.

    Args:
        display: What to print.
        console: Where to; its width decides where words are wrapped.
    """
    from langchain_markovscale._text import harmless
    from langchain_markovscale.display.text import wrapped

    width = min(console.width, _WIDEST)

    def say(words: str, style: str = "") -> None:
        console.print(Text(wrapped(words, width), style), soft_wrap=True)

    document = display.document.changed(harmless)  # before lines and columns are measured
    verdict, *rest = document.summary
    framed = Text(wrapped(verdict, width - _FRAME), "bold")
    console.print(Panel(framed, border_style=_COLOURS[document.tone], expand=False))
    for words in rest:
        say(words)
    if document.basis:
        say(document.basis, "dim")
    for warning in document.warnings:
        say(f"Warning: {warning}", "yellow")
    for section in document.sections:
        console.print()
        console.print(Text(section.title, "bold"))
        for words in section.words:
            say(words)
        if section.table:
            console.print()
            console.print(_table(section.table))
        for quote in section.quotes:
            say(f"{quote.name}:")
            console.print(Padding(Text(quote.text), _INDENT))


def _table(table: "DocumentTable") -> Table:
    drawn = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
        show_header=any(table.headings),
    )
    for index, heading in enumerate(table.headings):
        side: Literal["left", "right"] = "left" if table.is_left(index) else "right"
        drawn.add_column(Text(heading), justify=side, no_wrap=side == "right")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn
