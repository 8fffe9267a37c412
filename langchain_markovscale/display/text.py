"""A document as plain text, in which nothing steers a terminal."""

import re
from itertools import zip_longest
from textwrap import fill, indent

from langchain_markovscale._text import harmless
from langchain_markovscale.display.document import Document, Quote, Table
from langchain_markovscale.display.interval import unbroken

_GAP = "  "
# For every line what is left of a word is copied, so that neither it nor a gap may be a whole book.
_ENDLESS = re.compile(r"\S{10000}(?=\S)")
_BLANK = re.compile(r"[ \t\n]{100,}+")


def as_text(document: Document, width: int) -> str:
    """Return a document as plain text.

    Args:
        document: What to show.
        width: Where words are wrapped, in characters; tables keep their width.
    """
    document = document.changed(harmless)
    basis = (document.basis,) if document.basis else ()
    blocks = [wrapped(paragraph, width) for paragraph in (*document.summary, *basis)]
    if document.warnings:
        warnings = (wrapped(f"Warning: {each}", width, "  ") for each in document.warnings)
        blocks.append("\n".join(warnings))
    for section in document.sections:
        blocks.append(f"{section.title}\n{'─' * len(section.title)}")
        blocks.extend(wrapped(paragraph, width) for paragraph in section.words)
        if section.table:
            blocks.append(_columns(section.table))
        blocks.extend(_indented(quote) for quote in section.quotes)
    return "\n\n".join(blocks) + "\n"


def wrapped(words: str, width: int, indent: str = "") -> str:
    """Return words as lines in which no estimate is parted from its interval.

    Args:
        words: A paragraph.
        width: The longest line, in characters.
        indent: What lines after the first begin with.
    """
    words = _ENDLESS.sub(r"\g<0> ", _BLANK.sub(" ", unbroken(words)))
    lines = fill(words, width, subsequent_indent=indent, break_on_hyphens=False)
    return lines.replace("\u00a0", " ")


def _columns(table: Table) -> str:
    headings = [heading.split("\n") for heading in table.headings]
    lines = [line for line in zip_longest(*headings, fillvalue="") if any(line)]
    rows = [*lines, *(tuple(" ".join(cell.splitlines()) for cell in row) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    drawn = []
    for row in rows:
        cells = (
            cell.ljust(width) if table.is_left(index) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        drawn.append(_GAP.join(cells).rstrip())
    if lines:
        drawn.insert(len(lines), _GAP.join("─" * width for width in widths))
    return "\n".join(drawn)


def _indented(quote: Quote) -> str:
    return f"{quote.name}:\n{indent(quote.text, _GAP)}"
