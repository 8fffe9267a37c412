"""What is done to a finished page: formulas become MathML, which browsers show without a script."""

import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(r'(<(span|div) class=")arithmatex">\\[(\[](.*?)\\[)\]](</\2>)', re.DOTALL)


def on_page_content(content: str, **_: object) -> str:
    """Replace what arithmatex has marked as a formula, and the `::` of docstrings before code."""
    return FORMULA.sub(_mathml, content).replace("::</p>", ":</p>")


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[2] == "div" else "inline"
    formula = convert(html.unescape(found[3]), display=display)
    return f'{found[1]}formula">{formula}{found[4]}'
