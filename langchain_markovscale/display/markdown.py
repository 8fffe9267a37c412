"""A document as Markdown: the only markup in it is what is written here.

Others may have written a word anywhere: an error, the source of a calibration, an answer. So words
and cells are escaped and stay on their line, and quotes are fenced.
"""

import re

from langchain_markovscale._text import harmless
from langchain_markovscale.display.document import Document, Section, Table

_MARKUP = re.compile(r"[\\`*_<|]|\](?=\()")
_BEGINS_BLOCK = re.compile(r"[#>~=+-]")


def as_markdown(document: Document) -> str:
    """Return a document as Markdown, without plots.

    Args:
        document: What to show.
    """
    document = document.changed(harmless)
    verdict, rest = _escaped(document.summary[0]), map(_paragraph, document.summary[1:])
    blocks = [f"# {_escaped(document.title)}", f"**{verdict}**", *rest]
    if document.basis:
        blocks.append(_paragraph(document.basis))
    if document.warnings:
        blocks.append("\n".join(f"- **Warning:** {_escaped(each)}" for each in document.warnings))
    for section in document.sections:
        blocks += _section(section)
    return "\n\n".join(blocks) + "\n"


def _section(section: Section) -> list[str]:
    blocks = [f"## {_escaped(section.title)}", *map(_paragraph, section.words)]
    if section.table:
        blocks.append(_pipes(section.table))
    quotes = (f"{_escaped(quote.name)}:\n\n{_fenced(quote.text)}" for quote in section.quotes)
    return [*blocks, *quotes]


def _pipes(table: Table) -> str:
    headings = map(_escaped, table.headings)
    rule = (":--" if table.is_left(index) else "--:" for index in range(len(table.headings)))
    rows = [headings, rule, *(map(_escaped, row) for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escaped(words: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", " ".join(words.splitlines()))


def _paragraph(words: str) -> str:
    """Return escaped words that begin no heading, quotation, list or fence."""
    escaped = _escaped(words).strip()
    return f"\\{escaped}" if _BEGINS_BLOCK.match(escaped) else escaped


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}text\n{text}\n{fence}"
