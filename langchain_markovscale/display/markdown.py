"""A document as Markdown; what others wrote can break out of neither its cell nor its fence."""

import re

from langchain_markovscale.display.document import Document, Section, Table

_MARKUP = re.compile(r"[\\`*_<|]|\](?=\()")


def as_markdown(document: Document) -> str:
    """Return a document as Markdown, without plots.

    Args:
        document: What to show.
    """
    verdict, *rest = document.summary
    blocks = [f"# {document.title}", f"**{verdict}**", *rest]
    if document.basis:
        blocks.append(document.basis)
    if document.warnings:
        blocks.append("\n".join(f"- **Warning:** {each}" for each in document.warnings))
    for section in document.sections:
        blocks += _section(section)
    return "\n\n".join(blocks) + "\n"


def _section(section: Section) -> list[str]:
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
