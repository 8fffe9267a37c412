r"""The content of LaTeX's `\boxed{…}`, which marks a final answer, and its normal form."""

import re

from langchain_markovscale.answers.numbers import canonical_number

_BOX_TOKEN = re.compile(r"\\f?boxed\s*+\{|\\[\\{}]|[{}]")
_NOISE = re.compile(
    r"\\(?:left|right|displaystyle|quad|qquad|degree)(?![A-Za-z])|\\[!,;:> ]|~"
    r"|\^\{?\\circ\}?|\u00b0"
)
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s?\{([^{}]*)\}"
)
_UNIT = re.compile(r"\s?\\(?:text|textrm|mathrm|mbox)\s?\{[^{}]*\}(?:\^\{?\d\}?)?$")
_LEFT_SIDE = re.compile(r"[A-Za-z]\s?=\s?(?=.)")


def last_box(text: str) -> str | None:
    r"""Return the content of the `\boxed{…}` that opens last among those that close, or None."""
    begin = text.find("boxed")
    if begin < 0:
        return None
    opened: list[int] = []  # where the content of each open brace starts; -1 if it opens no box
    last, content = -1, None
    for match in _BOX_TOKEN.finditer(text, max(0, begin - 2)):
        token = match[0]
        if token == "}" and opened:
            start = opened.pop()
            if start > last:
                last, content = start, text[start : match.start()]
        elif token[-1] == "{" and token != "\\{":
            opened.append(-1 if token == "{" else match.end())
    return content


def normalized_latex(content: str) -> str | None:
    r"""Return a canonical number, or LaTeX without what does not change its meaning.

    A unit in `\text{…}` after a number and a left side such as `x =` are dropped; so are
    spacing, `\left`, `\right` and `\text`. The case is kept. None where nothing is left.
    """
    content = content.replace("{,}", ",").replace(",\\!", ",")
    content = _NOISE.sub("", content).replace("\\%", "%").replace("\\$", "$").strip()
    value = _LEFT_SIDE.sub("", content, count=1) if _LEFT_SIDE.match(content) else content
    unwrapped = _TEXT.sub(r"\1", value)
    for candidate in (value, _UNIT.sub("", value), unwrapped):
        number = canonical_number(candidate)
        if number is not None:
            return number
    plain = unwrapped.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    return "".join(plain.strip("$").removesuffix(".").split()) or None
