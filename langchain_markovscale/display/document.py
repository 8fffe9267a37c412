"""A document of words, tables, quotes and named plots, and the class of objects that show one.

Text, Markdown, HTML and the terminal are four outputs of the same document, so that none of them
can say what another does not.
"""

import warnings
from typing import TYPE_CHECKING, Literal, NamedTuple

from langchain_markovscale.display import html
from langchain_markovscale.display.markdown import as_markdown
from langchain_markovscale.display.text import as_text
from langchain_markovscale.types import MarkovScaleDeprecationWarning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 80

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
    """

    title: str
    words: tuple[str, ...] = ()
    table: Table | None = None
    plot: str | None = None
    quotes: tuple[Quote, ...] = ()


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


class Display:
    """Shows its document as text, Markdown and HTML; print it, or let a notebook show it."""

    @property
    def document(self) -> Document:
        """All that it says, in words and tables."""
        raise NotImplementedError

    @property
    def content(self) -> Document:
        """The same by its former name."""
        warnings.warn(
            f"{type(self).__name__}.content is deprecated: use .document instead.",
            MarkovScaleDeprecationWarning,
            stacklevel=2,
        )
        return self.document

    @property
    def verdict(self) -> str:
        """What matters most, in one sentence."""
        return self.document.summary[0]

    @property
    def text(self) -> str:
        """The document as plain text, its words 80 characters wide."""
        return as_text(self.document, _WIDTH)

    @property
    def markdown(self) -> str:
        """The document as Markdown, without plots."""
        return as_markdown(self.document)

    def html(self) -> str:
        """Return the document as a page of HTML that needs nothing from elsewhere.

        Without matplotlib (extra `plot`) it has no plots, and says so.
        """
        return html.page(self.document, self._draw)

    def _repr_html_(self) -> str:
        return html.fragment(self.document, self._draw)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.verdict}>"

    def _draw(self, name: str) -> "Figure":
        """Return the plot of that name, for those that have plots."""
        raise ValueError(f"{type(self).__name__} has no plot named {name!r}.")
