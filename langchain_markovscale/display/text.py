"""Content as plain text and as Markdown."""

import re
from itertools import zip_longest
from textwrap import fill, indent

from langchain_markovscale.display.document import Content, Quote, Section, Table
from langchain_markovscale.display.interval import unbroken

_GAP = "  "
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MARKUP = re.compile(r"[\\`*_<|]|\](?=\()")


def as_text(said: Content, width: int) -> str:
    """Return content as plain text.

    Args:
        said: What it says.
        width: Where words are wrapped, in characters; tables keep their width.
    """
    basis = (said.basis,) if said.basis else ()
    blocks = [wrapped(paragraph, width) for paragraph in (*said.summary, *basis)]
    if said.warnings:
        warnings = (wrapped(f"Warning: {each}", width, "  ") for each in said.warnings)
        blocks.append("\n".join(warnings))
    for section in said.sections:
        blocks.append(f"{section.title}\n{'─' * len(section.title)}")
        blocks.extend(wrapped(paragraph, width) for paragraph in section.words)
        if section.table:
            blocks.append(_columns(section.table))
        blocks.extend(_set_in(quote) for quote in section.quotes)
    return "\n\n".join(blocks) + "\n"


def as_markdown(said: Content) -> str:
    """Return content as Markdown, without plots."""
    verdict, *rest = said.summary
    blocks = [f"# {said.title}", f"**{verdict}**", *rest]
    if said.basis:
        blocks.append(said.basis)
    if said.warnings:
        blocks.append("\n".join(f"- **Warning:** {each}" for each in said.warnings))
    for section in said.sections:
        blocks += _in_markdown(section)
    return "\n\n".join(blocks) + "\n"


def wrapped(words: str, width: int, indent: str = "") -> str:
    """Return words as lines in which no estimate is parted from its interval.

    Args:
        words: A paragraph.
        width: The longest line, in characters.
        indent: What lines after the first begin with.
    """
    lines = fill(unbroken(words), width, subsequent_indent=indent, break_on_hyphens=False)
    return lines.replace("\u00a0", " ")


def harmless(text: str) -> str:
    """Return text without the control characters by which it could steer a terminal."""
    return _CONTROL.sub("\ufffd", text)


def _columns(table: Table) -> str:
    headings = [heading.split("\n") for heading in table.headings]
    lines = [line for line in zip_longest(*headings, fillvalue="") if any(line)]
    rows = [*lines, *(tuple(map(harmless, row)) for row in table.rows)]
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


def _set_in(quote: Quote) -> str:
    return f"{quote.name}:\n{indent(harmless(quote.text), _GAP)}"


def _in_markdown(section: Section) -> list[str]:
    blocks = [f"## {section.title}", *section.words]
    if section.table:
        blocks.append(_pipes(section.table))
    return [*blocks, *(f"{quote.name}:\n\n{_fenced(quote.text)}" for quote in section.quotes)]


def _pipes(table: Table) -> str:
    headings = (heading.replace("\n", " ") for heading in table.headings)
    rule = (":--" if table.is_left(index) else "--:" for index in range(len(table.headings)))
    rows = [headings, rule, *(map(_escaped, row) for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escaped(cell: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", " ".join(cell.splitlines()))


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}text\n{text}\n{fence}"
