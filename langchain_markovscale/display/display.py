"""The base of whatever shows itself: a report, a comparison, a run, a decision."""

from typing import TYPE_CHECKING

from langchain_markovscale.display import html
from langchain_markovscale.display.document import Content
from langchain_markovscale.display.text import as_markdown, as_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 80


class Display:
    """Shows its content as text, Markdown and HTML; print it, or let a notebook show it."""

    @property
    def content(self) -> Content:
        """All that it says, in words and tables."""
        raise NotImplementedError

    @property
    def verdict(self) -> str:
        """What matters most, in one sentence."""
        return self.content.summary[0]

    @property
    def text(self) -> str:
        """The same as plain text, its words 80 characters wide."""
        return as_text(self.content, _WIDTH)

    @property
    def markdown(self) -> str:
        """The same as Markdown, without plots."""
        return as_markdown(self.content)

    def html(self) -> str:
        """Return a page of HTML that needs nothing from elsewhere.

        Without matplotlib (extra `plot`) it has no plots, and says so.
        """
        return html.whole(self.content, self._draw)

    def _repr_html_(self) -> str:
        return html.fragment(self.content, self._draw)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.verdict}>"

    def _draw(self, name: str) -> "Figure":
        """Return the plot of that name, for those that have plots."""
        raise ValueError(f"{type(self).__name__} has no plot named {name!r}.")
