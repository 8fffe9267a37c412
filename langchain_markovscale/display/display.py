"""The class of objects that show a document: as text, Markdown, HTML, and in a notebook."""

import warnings
from typing import TYPE_CHECKING

from langchain_markovscale._text import harmless
from langchain_markovscale.display import html
from langchain_markovscale.display.document import Document
from langchain_markovscale.display.markdown import as_markdown
from langchain_markovscale.display.text import as_text
from langchain_markovscale.types import MarkovScaleDeprecationWarning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 80


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
        return harmless(f"<{type(self).__name__}: {self.verdict}>")

    def _draw(self, name: str) -> "Figure":
        """Return the plot of that name, for those that have plots."""
        raise ValueError(f"{type(self).__name__} has no plot named {name!r}.")
