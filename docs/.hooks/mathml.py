"""Writes the formulas of a page as MathML, which browsers show without any script."""

import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(r'(<(span|div) class=")arithmatex">\\[(\[](.*?)\\[)\]](</\2>)', re.DOTALL)


def on_page_content(content: str, **_: object) -> str:
    """Replace what pymdownx.arithmatex has marked as a formula."""
    return FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[2] == "div" else "inline"
    formula = convert(html.unescape(found[3]), display=display)
    return f'{found[1]}formula">{formula}{found[4]}'
