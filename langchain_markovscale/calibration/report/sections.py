"""What a part of a report consists of: words, a table and the name of a plot.

Text, Markdown, HTML and the terminal are four ways to set the same sections, so that none of them
can say what another does not.
"""

from typing import Literal, NamedTuple

PlotName = Literal["accuracy", "map", "verifier", "drift", "cost"]


class Table(NamedTuple):
    """Rows of strings under headings, which may hold line breaks.

    Attributes:
        headings: One for each column.
        rows: The cells.
        left: How many columns, from the first, are set left; the others hold numbers.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 0


class Section(NamedTuple):
    """A part of the report.

    Attributes:
        title: Its title.
        words: Its paragraphs.
        table: Its table, if it has one.
        plot: Its plot, if it has one.
    """

    title: str
    words: tuple[str, ...]
    table: Table | None = None
    plot: PlotName | None = None
