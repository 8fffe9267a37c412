r"""Keys of mathematical answers: equal expressions have one key (extra `math`).

The key is a canonical form: a number exactly as `last_number` writes it, anything else expanded and
written as LaTeX. Forms that differ although they are equal, such as `\sqrt{8}` and `2\sqrt{2}`, are
compared one with the other, and the later takes the key of the earlier: equality is an equivalence
of the keys of one question.
"""

from collections.abc import Iterable
from functools import lru_cache

from langchain_markovscale.answers.boxes import last_box, normalized_latex
from langchain_markovscale.answers.math_worker import WORKER, check_installed
from langchain_markovscale.answers.numbers import last_numeral
from langchain_markovscale.answers.numerals import canonical_number
from langchain_markovscale.answers.thoughts import without_thoughts
from langchain_markovscale.types import NoKey

_MARKS = ("$", "\\(", "\\[", "\\frac", "\\sqrt", "^")


class MathKey:
    """The key function `math`.

    Args:
        seconds: Most seconds for reading one expression, and for one comparison; in any thread.

    Raises:
        ModuleNotFoundError: If the extra `math` is not installed.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        check_installed()
        self.seconds = seconds
        WORKER.start()

    def __call__(self, text: str) -> str | None:
        """Return the key of an answer: of its last box, or else of its last expression."""
        key, _ = _read(without_thoughts(text), self.seconds)
        return key

    def why(self, text: str) -> NoKey:
        """Return why a text has no key."""
        _, reason = _read(without_thoughts(text), self.seconds)
        return reason

    def joined(self, key: str, earlier: Iterable[str | None]) -> str:
        """Return the first of the earlier keys that is equal to a key, or the key itself."""
        known = dict.fromkeys(other for other in earlier if other is not None)
        if key in known:
            return key
        return next((other for other in known if _same(other, key, self.seconds)), key)


@lru_cache(maxsize=512)
def _read(text: str, seconds: float) -> tuple[str | None, NoKey]:
    box = last_box(text)
    if box is not None:
        plain = normalized_latex(box)
        if plain is None or plain.isalpha() or canonical_number(plain) == plain:
            return plain, "no_expression"  # a number, an option or a word
        text = rf"\boxed{{{box}}}"
    elif not any(mark in text for mark in _MARKS):
        return last_numeral(text), "no_expression"
    try:
        found = WORKER.ask(seconds, do="read", text=text)
    except TimeoutError:
        return None, "time_limit"
    return (None if found is None else canonical_number(found) or found), "no_expression"


@lru_cache(maxsize=2_048)
def _same(left: str, right: str, seconds: float) -> bool:
    if canonical_number(left) is not None and canonical_number(right) is not None:
        return False  # canonical numbers that differ
    try:
        return bool(WORKER.ask(seconds, do="same", left=left, right=right))
    except TimeoutError:
        return False
