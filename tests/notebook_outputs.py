"""What the cells of a notebook show, and where a run differs from what is committed."""

import html
import math
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

VARIES = "varies"
"""Tag of a cell whose output is another one at each run: timings, and what a model samples."""

TOLERANCE = 1e-6
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+")
# Drawings are looked at, and not compared; of a page only what a reader reads is.
UNREAD = re.compile(r"<(style|script|svg)\b.*?</\1>|<[^>]*>", re.DOTALL)


def shown(cell: dict[str, Any]) -> str:
    """Return the text that a code cell shows: what it prints, its value, and the words of pages."""
    texts = []
    for output in cell["outputs"]:
        data = output.get("data", {})
        page = html.unescape(UNREAD.sub(" ", _text(data.get("text/html", ""))))
        texts += [output.get("text", ""), data.get("text/plain", ""), data.get("text/markdown", "")]
        texts.append(page)
    return " ".join("".join(map(_text, texts)).split())


def differences(committed: dict[str, Any], run: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each cell of a notebook that shows something else than it did."""
    for place, (before, now) in enumerate(zip_longest(committed["cells"], run["cells"])):
        if before["cell_type"] == "code" and VARIES not in before["metadata"].get("tags", []):
            old, new = shown(before), shown(now)
            if not same(old, new):
                yield f"cell {place} shows\n    {new}\nwhere this is committed:\n    {old}"


def same(committed: str, run: str) -> bool:
    """Return whether two texts have the same words, and numbers that differ by 1e-6 at most."""
    if NUMBER.split(committed) != NUMBER.split(run):
        return False
    pairs = zip(_numbers(committed), _numbers(run), strict=True)
    return all(math.isclose(*pair, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for pair in pairs)


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


def _text(lines: Any) -> str:
    return "".join(lines)
