"""The report as HTML: a page of its own, or a part of a notebook."""

from html import escape

from langchain_markovscale.calibration.report.content import TITLE, Content
from langchain_markovscale.calibration.report.estimates import unbroken
from langchain_markovscale.calibration.report.findings import Findings
from langchain_markovscale.calibration.report.sections import Section, Table
from langchain_markovscale.calibration.report.svg import PALETTE, drawn

_ACCENT = {
    "helps": "green",
    "hurts": "vermilion",
    "uncertain": "orange",
    "nothing": "grey",
    "untried": "grey",
}

# Words take the colours of what surrounds them, so that a notebook's theme holds; a page of its
# own asks the browser for light or dark.
_STYLE = """
.markovscale { --grey: #7f7f7f; --line: rgba(127, 127, 127, .35); line-height: 1.5; }
.markovscale h1 { font-size: 1.3rem; margin: 0 0 1rem; }
.markovscale h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem; }
.markovscale p { max-width: 46rem; margin: .5rem 0; }
.markovscale .verdict { border-left: .4rem solid var(--accent); padding: .3rem 0 .3rem 1rem; }
.markovscale .verdict p:first-child { font-size: 1.25rem; font-weight: 600; }
.markovscale .warnings { max-width: 46rem; padding: .6rem 1rem; margin: 1.2rem 0; list-style: none;
  border: 1px solid var(--orange); border-radius: .3rem; }
.markovscale .both { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; align-items: center; }
.markovscale figure { margin: .5rem 0; min-width: 0; }
.markovscale svg { display: block; max-width: 100%; height: auto; }
.markovscale .scroll { overflow-x: auto; }
.markovscale table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0;
  font-size: .9rem; }
.markovscale th, .markovscale td { padding: .2rem .6rem; text-align: right;
  border-bottom: 1px solid var(--line); font-weight: normal; white-space: nowrap;
  background: none; color: inherit; }
.markovscale thead th { vertical-align: bottom; font-weight: 600; }
.markovscale .left { text-align: left; }
.markovscale .small { font-size: .85rem; }
@media print {
  .markovscale figure, .markovscale table { break-inside: avoid; }
  .markovscale h2 { break-after: avoid; }
  .markovscale svg { max-height: 17rem; width: auto; }
}
"""
_COLOURS = "".join(f" --{name}: {colour};" for name, colour in PALETTE.items())

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { font-family: system-ui, sans-serif; margin: 2rem auto; padding: 0 1.5rem; max-width: 76rem; }
@media screen and (prefers-color-scheme: dark) {
  body .markovscale { --blue: #56b4e9; --vermilion: #f58a4b; --green: #35c79a; --orange: #f0b93a;
    --paper: #101010; }
}
@media print { :root { color-scheme: light; font-size: 12px; } body { margin: 0; padding: 0; } }
"""


def whole(said: Content, found: Findings) -> str:
    """Return a complete page that needs nothing from elsewhere."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n<style>{_PAGE_STYLE}</style>\n</head>\n"
        f"<body>\n{fragment(said, found)}</body>\n</html>\n"
    )


def fragment(said: Content, found: Findings) -> str:
    """Return the report as an element that may stand in another page."""
    summary = "\n".join(f"<p>{escape(unbroken(each))}</p>" for each in said.summary[:-1])
    parts = [
        f"<style>.markovscale {{{_COLOURS} }}{_STYLE}</style>",
        f"<h1>{TITLE}</h1>",
        f'<div class="verdict" style="--accent: var(--{_ACCENT[said.kind]})">\n{summary}\n</div>',
        f'<p class="small">{escape(unbroken(said.summary[-1]))}</p>',
    ]
    if said.warnings:
        items = (f"<li><strong>Warning:</strong> {escape(each)}</li>" for each in said.warnings)
        parts.append(f'<ul class="warnings">{"".join(items)}</ul>')
    parts += (_section(section, found) for section in said.sections)
    body = "\n".join(parts)
    return f'<div class="markovscale">\n{body}\n</div>\n'


def _section(section: Section, found: Findings) -> str:
    words = "\n".join(f"<p>{escape(unbroken(each))}</p>" for each in section.words)
    both = [_figure(section, found), _table(section.table, section.title)]
    shown = "\n".join(each for each in both if each)
    body = f'\n<div class="both">\n{shown}\n</div>' if shown else ""
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{words}{body}\n</section>"


def _figure(section: Section, found: Findings) -> str:
    if section.plot is None:
        return ""
    alternative = escape(f"Plot: {section.title}. {' '.join(section.words)}")
    try:
        return f"<figure>{drawn(found, section.plot, alternative)}</figure>"
    except ModuleNotFoundError as error:
        return f'<p class="small">No plot: {escape(str(error))}</p>'


def _table(table: Table | None, title: str) -> str:
    if table is None:
        return ""
    head = "".join(
        f'<th scope="col"{_left(table, index)}>{escape(heading).replace(chr(10), "<br>")}</th>'
        for index, heading in enumerate(table.headings)
    )
    head = f"<thead><tr>{head}</tr></thead>" if any(table.headings) else ""
    rows = "".join(f"<tr>{_cells(table, row)}</tr>" for row in table.rows)
    return (
        f'<div class="scroll"><table aria-label="{escape(title)}">{head}'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cells(table: Table, row: tuple[str, ...]) -> str:
    first = f'<th scope="row"{_left(table, 0)}>{escape(row[0])}</th>'
    return first + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])


def _left(table: Table, index: int) -> str:
    return ' class="left"' if index < table.left else ""
