r"""The content of LaTeX's `\boxed{…}`, which marks a final answer, and its normal form."""

import re

from langchain_markovscale.answers.numerals import canonical_number
from langchain_markovscale.answers.run_on import run_on
from langchain_markovscale.answers.statements import BOX
from langchain_markovscale.answers.surroundings import number_with_unit

_BOX_TOKEN = re.compile(rf"{BOX}\s*+\{{|\\[\\{{}}]|[{{}}]")
_BARE_BOX = re.compile(  # a box without braces, of what is one thing
    rf"{BOX}(?!\{{)[ ]?(-?(?:\\[dtc]?frac(?:\s?\{{[^{{}}]{{1,40}}\}}|\s?\d){{2}}"
    r"|\\(?:text|textbf|mathrm|mathbf|sqrt)\s?(?:\{[^{}]{1,40}\}|\d)"
    r"|\$?\d+(?:[.,]\d+)*%?|[A-Z](?![A-Za-z])))"
)
_NOISE = re.compile(
    r"\\(?:left|right|displaystyle|quad|qquad|degree|approx)(?![A-Za-z])|\\[!,;:> ]|~"
    r"|\^\{?\\circ\}?|[\u00b0\u2248]"
)
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s?\{([^{}]*)\}"
)
_NAME = r"\\?[A-Za-z]{1,20}'?(?:\s?_\s?(?:\{[^{}]{1,20}\}|\w))?(?:\([A-Za-z]\))?"
_LEFT_SIDE = re.compile(
    rf"(?:\\(?:angle|text|mathrm)\s?)?\{{?{_NAME}(?:\s{_NAME})?\}}?\s?=\s?(?=[^=\s])"
)
_OPTION = re.compile(r"[(\[{]?\s?([A-Za-z])\s?[)\]}.]?")


def last_box(text: str) -> str | None:
    r"""Return the content of the `\boxed{…}` that opens last among those that close, or None.

    Empty boxes, as in "put it in `\boxed{}`", do not count.
    """
    if "box" not in text and "Boxed" not in text:
        return None
    going_on = run_on(text)
    inner = None if going_on is None else _last_box(going_on.before)
    return _last_box(text) if inner is None else inner


def _last_box(text: str) -> str | None:
    text = _BARE_BOX.sub(r"\\boxed{\1}", text)
    opened: list[int] = []  # where the content of each open brace starts; -1 if it opens no box
    last, content = -1, None
    for match in _BOX_TOKEN.finditer(text):
        token = match[0]
        if token == "}" and opened:
            start = opened.pop()
            if start > last and text[start : match.start()].strip():
                last, content = start, text[start : match.start()]
        elif token[-1] == "{" and token != "\\{":
            opened.append(-1 if token == "{" else match.end())
    return content


def normalized_latex(content: str) -> str | None:
    r"""Return a canonical number, or LaTeX without what does not change its meaning.

    A unit after a number (`25 cm`, `\text{18 dollars}`) and a left side such as `x_1 =` are
    dropped; so are spacing, `\left`, `\right` and `\text`, and the brackets of an option, `(B)`.
    The case is kept. None where nothing is left.
    """
    content = content.replace("{,}", ",").replace(",\\!", ",")
    content = _NOISE.sub(" ", content).replace("\\%", "%").replace("\\$", "$").strip()
    left = _LEFT_SIDE.match(content)
    value = content[left.end() :] if left and "=" not in content[left.end() :] else content
    unwrapped = " ".join(_TEXT.sub(r" \1 ", value).split())
    for candidate in (value, unwrapped):
        number = canonical_number(candidate)
        if number is not None:
            return number
    number = number_with_unit(unwrapped)
    if number is not None:
        return number
    if option := _OPTION.fullmatch(unwrapped):
        return option[1]
    plain = _TEXT.sub(r"\1", value).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    return "".join(plain.strip("$").removesuffix(".").split()) or None
