"""The comparison as HTML: a page of its own, or a part of a notebook."""

from html import escape
from io import StringIO

from langchain_markovscale.calibration import plot_parts
from langchain_markovscale.calibration.report.content import Content
from langchain_markovscale.calibration.report.estimates import unbroken
from langchain_markovscale.calibration.report.page import (
    _ACCENT,
    _COLOURS,
    _PAGE_STYLE,
    _STYLE,
    _table,
)
from langchain_markovscale.calibration.report.sections import Section
from langchain_markovscale.calibration.report.svg import _themed
from langchain_markovscale.evaluation.comparison import plots
from langchain_markovscale.evaluation.comparison.findings import Findings
from langchain_markovscale.evaluation.comparison.words import TITLE


def whole(said: Content, findings: Findings) -> str:
    """Return a complete page that needs nothing from elsewhere."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n<style>{_PAGE_STYLE}</style>\n</head>\n"
        f"<body>\n{fragment(said, findings)}</body>\n</html>\n"
    )


def fragment(said: Content, findings: Findings) -> str:
    """Return the comparison as an element that may stand in another page."""
    summary = "\n".join(f"<p>{escape(unbroken(each))}</p>" for each in said.summary[:-1])
    parts = [
        f"<style>.markovscale {{{_COLOURS} }}{_STYLE}</style>",
        f"<h1>{TITLE}</h1>",
        f'<div class="verdict" style="--accent: var(--{_ACCENT[said.kind]})">\n{summary}\n</div>',
        f'<p class="small">{escape(unbroken(said.summary[-1]))}</p>',
    ]
    if said.warnings:
        items = (f"<li><strong>Note:</strong> {escape(each)}</li>" for each in said.warnings)
        parts.append(f'<ul class="warnings">{"".join(items)}</ul>')
    parts.append(_figure(findings, said.summary[0]))
    parts += map(_section, said.sections)
    body = "\n".join(parts)
    return f'<div class="markovscale">\n{body}\n</div>\n'


def _section(section: Section) -> str:
    words = "\n".join(f"<p>{escape(unbroken(each))}</p>" for each in section.words)
    table = _table(section.table, section.title)
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{words}\n{table}\n</section>"


def _figure(findings: Findings, verdict: str) -> str:
    try:
        pyplot = plot_parts.pyplot_module()
    except ModuleNotFoundError as error:
        return f'<p class="small">No plot: {escape(str(error))}</p>'
    from matplotlib.figure import Figure

    style = {**plot_parts.STYLE, "svg.fonttype": "none", "svg.hashsalt": "comparison"}
    with pyplot.rc_context(style), StringIO() as file:
        figure = Figure(figsize=plots.SIZE)
        plots.frontier(findings, figure.subplots()).set_title("")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        alternative = escape(f"Plot: accuracy against {findings.budget}. {verdict}")
        return f"<figure>{_themed(file.getvalue(), alternative)}</figure>"
