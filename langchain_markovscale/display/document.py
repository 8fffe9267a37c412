"""A document of words, tables, quotes and named plots: what there is to show, as data.

Text, Markdown, HTML and the terminal are four outputs of the same document, so that none of them
can say what another does not.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

Tone = Literal["good", "bad", "unsure", "plain"]
"""Whether the verdict is good or bad, for a colour beside it."""


class Table(NamedTuple):
    """Rows of strings under headings, which may hold line breaks.

    Attributes:
        headings: One for each column.
        rows: The cells.
        left: How many columns, from the first, are set left; the others hold numbers.
        prose: Whether the last column holds sentences: set left, and broken where it is too wide.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 0
    prose: bool = False

    def is_left(self, column: int) -> bool:
        """Return whether a column is set left."""
        return column < self.left or (self.prose and column == len(self.headings) - 1)


class Quote(NamedTuple):
    """What somebody else has written, shown as it is.

    Attributes:
        name: Whose words they are, or what they are.
        text: The words with their line breaks; a model may have written them, so markup in them
            has no effect.
    """

    name: str
    text: str


class Section(NamedTuple):
    """A part of a document.

    Attributes:
        title: Its title.
        words: Its paragraphs.
        table: Its table, if it has one.
        plot: Name of its plot, if it has one.
        quotes: What it quotes.
        folded: Whether a page shows its title alone until a reader opens it.
    """

    title: str
    words: tuple[str, ...] = ()
    table: Table | None = None
    plot: str | None = None
    quotes: tuple[Quote, ...] = ()
    folded: bool = False


class Document(NamedTuple):
    """All that there is to say, in order.

    Attributes:
        title: What it is.
        tone: Whether the verdict is good or bad.
        summary: What matters, in paragraphs; the first is the verdict.
        basis: Where it comes from, in small print; empty where there is nothing to say.
        warnings: What to know before relying on it.
        sections: The rest.
        plot: Name of the plot that stands before the sections, if there is one.
    """

    title: str
    tone: Tone
    summary: tuple[str, ...]
    basis: str = ""
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    plot: str | None = None

    def changed(self, change: Callable[[str], str]) -> "Document":
        """Return the document with every string that it shows changed by a function."""

        def all_of(strings: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(map(change, strings))

        return self._replace(
            title=change(self.title),
            summary=all_of(self.summary),
            basis=change(self.basis),
            warnings=all_of(self.warnings),
            sections=tuple(
                section._replace(
                    title=change(section.title),
                    words=all_of(section.words),
                    table=section.table
                    and section.table._replace(
                        headings=all_of(section.table.headings),
                        rows=tuple(map(all_of, section.table.rows)),
                    ),
                    quotes=tuple(Quote(change(q.name), change(q.text)) for q in section.quotes),
                )
                for section in self.sections
            ),
        )
