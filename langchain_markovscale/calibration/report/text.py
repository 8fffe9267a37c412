"""The report as plain text and as Markdown."""

from itertools import zip_longest
from textwrap import fill

from langchain_markovscale.calibration.report.content import TITLE, Content
from langchain_markovscale.calibration.report.estimates import unbroken
from langchain_markovscale.calibration.report.sections import Table

_GAP = "  "


def as_text(said: Content, width: int) -> str:
    """Return the report as plain text.

    Args:
        said: What it says.
        width: Where words are wrapped, in characters; tables keep their width.
    """
    blocks = [wrapped(paragraph, width) for paragraph in said.summary]
    if said.warnings:
        warnings = (wrapped(f"Warning: {each}", width, "  ") for each in said.warnings)
        blocks.append("\n".join(warnings))
    for section in said.sections:
        blocks.append(f"{section.title}\n{'─' * len(section.title)}")
        blocks.extend(wrapped(paragraph, width) for paragraph in section.words)
        if section.table:
            blocks.append(_columns(section.table))
    return "\n\n".join(blocks) + "\n"


def as_markdown(said: Content) -> str:
    """Return the report as Markdown, without plots."""
    verdict, *rest = said.summary
    blocks = [f"# {TITLE}", f"**{verdict}**", *rest]
    if said.warnings:
        blocks.append("\n".join(f"- **Warning:** {each}" for each in said.warnings))
    for section in said.sections:
        blocks += [f"## {section.title}", *section.words]
        if section.table:
            blocks.append(_pipes(section.table))
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


def _columns(table: Table) -> str:
    headings = [heading.split("\n") for heading in table.headings]
    lines = [line for line in zip_longest(*headings, fillvalue="") if any(line)]
    rows = [*lines, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    drawn = []
    for row in rows:
        cells = (
            cell.ljust(width) if index < table.left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        drawn.append(_GAP.join(cells).rstrip())
    if lines:
        drawn.insert(len(lines), _GAP.join("─" * width for width in widths))
    return "\n".join(drawn)


def _pipes(table: Table) -> str:
    headings = (heading.replace("\n", " ") for heading in table.headings)
    rule = (":--" if index < table.left else "--:" for index in range(len(table.headings)))
    rows = [headings, rule, *(map(_escaped, row) for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("*", "\\*")
