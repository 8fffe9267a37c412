"""A document as HTML: a page of its own, or a part of a notebook."""

import re
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from langchain_markovscale._text import harmless
from langchain_markovscale.display import plotting
from langchain_markovscale.display.document import Document, Quote, Section, Table
from langchain_markovscale.display.interval import unbroken

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[str], "Figure"]
"""Makes the plot of a name, on a figure that is not pyplot's."""

PALETTE = {
    "blue": plotting.BLUE,
    "vermilion": plotting.VERMILION,
    "green": plotting.GREEN,
    "orange": plotting.ORANGE,
}

_NOT_REFERRED_TO = re.compile(r' id="[A-Za-z0-9]+(?:_\d+)+"')
_CODE = re.compile(r"`([^`]+)`")
_WITHIN = re.compile(r"(?<=,) (?=[^\[\]]*\])")  # an interval, which stays on one line
_SHORT = 9  # letters of a first column that needs no room for more than one word
_FONT = re.compile(r"(?<=px )'[^;\"]+")


def drawn(draw: Draw, name: str, alternative: str) -> str:
    """Return a plot as an SVG element.

    Colours are CSS variables (`--blue` and so on) and the ink is the colour of the text around.

    Args:
        draw: Makes the plot.
        name: Which one.
        alternative: What it shows, in words and escaped, for those who cannot see it.

    Raises:
        ModuleNotFoundError: If matplotlib is missing; the message names the extra.
    """
    pyplot = plotting.pyplot_module()
    style: dict[Any, Any] = {**plotting.STYLE, "svg.fonttype": "none", "svg.hashsalt": name}
    with pyplot.rc_context(style), StringIO() as file:
        figure = draw(name)
        for ax in figure.axes:
            ax.set_title("")  # the page has a heading
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return _themed(file.getvalue(), alternative)


def _themed(file: str, alternative: str) -> str:
    svg = file[file.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = _FONT.sub("system-ui, sans-serif", _NOT_REFERRED_TO.sub("", svg))
    svg = svg.replace(plotting.INK, "currentColor")
    for name, colour in PALETTE.items():
        svg = svg.replace(colour, f"var(--{name}, {colour})")
    return svg.replace("<svg", f'<svg role="img" aria-label="{alternative}"', 1)


_ACCENT = {"good": "green", "bad": "vermilion", "unsure": "orange", "plain": "grey"}

# Words take the colours of what surrounds them, so that a notebook's theme holds; a page of its
# own asks the browser for light or dark. The class stands twice to outweigh a notebook's own style.
_STYLE = """
& { --grey: #7f7f7f; --line: rgba(127, 127, 127, .35); line-height: 1.5; }
& h1 { font-size: 1.3rem; margin: 0 0 1rem; }
& h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem; }
& details { border-top: 1px solid var(--line); }
& summary { cursor: pointer; padding: .6rem 0; }
& summary h2 { display: inline; margin: 0; }
& p { max-width: 46rem; margin: .5rem 0; }
& .verdict { border-left: .4rem solid var(--accent); padding: .3rem 0 .3rem 1rem; }
& .verdict p:first-child { font-size: 1.25rem; font-weight: 600; }
& .warnings { max-width: 46rem; padding: .6rem 1rem; margin: 1.2rem 0; list-style: none;
  border: 1px solid var(--orange); border-radius: .3rem; }
& .both { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; align-items: center; }
& figure { margin: .5rem 0; min-width: 0; }
& svg { display: block; max-width: 100%; height: auto; }
& .scroll { overflow-x: auto; max-width: 100%; }
& table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0;
  font-size: .9rem; }
& th, & td { padding: .2rem .6rem; text-align: right;
  border-bottom: 1px solid var(--line); font-weight: normal; white-space: nowrap;
  background: none; color: inherit; }
& thead th { vertical-align: bottom; font-weight: 600; }
& .left { text-align: left; }
& .prose { text-align: left; white-space: normal; min-width: 16rem; }
@media (max-width: 32rem) {
  & table { font-size: .8rem; }
  & th, & td { padding: .2rem; white-space: normal; }
  & .named tbody th { min-width: 5.5rem; }
  & .prose { min-width: 6rem; }
}
& .small { font-size: .85rem; }
& blockquote { max-width: 46rem; margin: .3rem 0 1rem; padding: .1rem 0 .1rem 1rem;
  border-left: .15rem solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere; }
@media print {
  & figure, & table { break-inside: avoid; }
  & h2 { break-after: avoid; }
  & svg { max-height: 17rem; width: auto; }
}
""".replace("&", ".markovscale.markovscale")
_COLOURS = "".join(f" --{name}: {colour};" for name, colour in PALETTE.items())

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { font-family: system-ui, sans-serif; margin: 2rem auto; padding: 0 1.5rem; max-width: 76rem; }
@media screen and (prefers-color-scheme: dark) {
  body .markovscale { --blue: #56b4e9; --vermilion: #f58a4b; --green: #35c79a; --orange: #f0b93a; }
}
/* Where a table goes on, its edge is in shadow: covers move with the table, shadows do not. */
.markovscale .scroll {
  background: linear-gradient(to right, Canvas 1rem, transparent) left / 2.5rem 100% local,
    linear-gradient(to left, Canvas 1rem, transparent) right / 2.5rem 100% local,
    linear-gradient(to right, rgba(127, 127, 127, .6), transparent) left / .8rem 100% scroll,
    linear-gradient(to left, rgba(127, 127, 127, .6), transparent) right / .8rem 100% scroll;
  background-repeat: no-repeat; }
@media (max-width: 32rem) { body { margin: 1rem auto; padding: 0 .8rem; } }
@media print { :root { color-scheme: light; font-size: 12px; } body { margin: 0; padding: 0; } }
"""


def page(document: Document, draw: Draw) -> str:
    """Return a complete page that needs nothing from elsewhere.

    Args:
        document: What to show.
        draw: Makes the plots that it names.
    """
    document = document.changed(harmless)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>{_PAGE_STYLE}</style>\n</head>\n"
        f"<body>\n{fragment(document, draw)}</body>\n</html>\n"
    )


def fragment(document: Document, draw: Draw) -> str:
    """Return the same as an element that may stand in another page.

    Args:
        document: What to show.
        draw: Makes the plots that it names.
    """
    document = document.changed(harmless)
    summary = "\n".join(map(_paragraph, document.summary))
    accent = _ACCENT[document.tone]
    parts = [
        f"<style>.markovscale {{{_COLOURS} }}{_STYLE}</style>",
        f"<h1>{escape(document.title)}</h1>",
        f'<div class="verdict" style="--accent: var(--{accent})">\n{summary}\n</div>',
    ]
    if document.basis:
        parts.append(f'<p class="small">{_marked_up(unbroken(document.basis))}</p>')
    if document.warnings:
        items = (
            f"<li><strong>Warning:</strong> {_marked_up(each)}</li>" for each in document.warnings
        )
        parts.append(f'<ul class="warnings">{"".join(items)}</ul>')
    if document.plot:
        parts.append(_figure(document.plot, f"{document.title}. {document.summary[0]}", draw))
    parts += (_section(section, draw) for section in document.sections)
    body = "\n".join(parts)
    return f'<div class="markovscale">\n{body}\n</div>\n'


def _paragraph(words: str) -> str:
    return f"<p>{_marked_up(unbroken(words))}</p>"


def _marked_up(words: str) -> str:
    """Return words as HTML, what is between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escape(words))


def _section(section: Section, draw: Draw) -> str:
    words = "\n".join(map(_paragraph, section.words))
    shown = []
    if section.plot:
        words_for_it = f"{section.title}. {' '.join(section.words)}"
        shown.append(_figure(section.plot, words_for_it, draw))
    if section.table:
        shown.append(_table(section.table, section.title))
    body = '\n<div class="both">\n{}\n</div>'.format("\n".join(shown)) if shown else ""
    quotes = "".join(map(_quote, section.quotes))
    title = f"<h2>{escape(section.title)}</h2>"
    if section.folded:
        title = f"<summary>{title}</summary>"
        return f"<details>\n{title}\n{words}{body}{quotes}\n</details>"
    return f"<section>\n{title}\n{words}{body}{quotes}\n</section>"


def _figure(plot: str, alternative: str, draw: Draw) -> str:
    try:
        return f"<figure>{drawn(draw, plot, escape(f'Plot: {alternative}'))}</figure>"
    except ModuleNotFoundError as error:
        return f'<p class="small">No plot: {escape(str(error))}</p>'


def _quote(quote: Quote) -> str:
    return (
        f'\n<p class="small">{escape(quote.name)}</p>'
        f"\n<blockquote>{escape(quote.text)}</blockquote>"
    )


def _table(table: Table, title: str) -> str:
    head = "".join(
        f'<th scope="col"{_class(table, index)}>{escape(heading).replace(chr(10), "<br>")}</th>'
        for index, heading in enumerate(table.headings)
    )
    head = f"<thead><tr>{head}</tr></thead>" if any(table.headings) else ""
    rows = "".join(f"<tr>{_cells(table, row)}</tr>" for row in table.rows)
    wide = ' class="named"' if any(len(row[0]) > _SHORT for row in table.rows) else ""
    return (
        f'<div class="scroll"><table{wide} aria-label="{escape(title)}">{head}'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cells(table: Table, row: tuple[str, ...]) -> str:
    first, *others = row
    cells = (
        f"<td{_class(table, index)}>{_WITHIN.sub(chr(160), escape(cell))}</td>"
        for index, cell in enumerate(others, 1)
    )
    return f'<th scope="row"{_class(table, 0)}>{escape(first)}</th>{"".join(cells)}'


def _class(table: Table, index: int) -> str:
    if not table.is_left(index):
        return ""
    return ' class="prose"' if index >= table.left else ' class="left"'
