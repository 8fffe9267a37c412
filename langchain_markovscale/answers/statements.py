"""Where a text states its answer: the words of the table of languages, and what follows them.

Between a word and its option or number there may be space, punctuation, markup and copulas ("is
therefore option"), which `FILL` skips.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache

from langchain_markovscale.answers.languages import ABOUT, COPULAS, LANGUAGES

_LETTER = r"a-z\u00c0-\u024f\u0370-\u052f\u0620-\u065f\u0671-\u06d3\u0900-\u0963"
_MARKUP = (
    r"[\s\u00a0*_:=`\"'\u201c\u201d\u2018\u2019\u00ab\u00bb\u201e(\[\]{\u2248~\uff1a\uff1d\u2014|"
    r"\uff08\u300c\u300e\u3010]"
)
BOX = r"\\(?:f?box(?:ed)?|Boxed|framebox)(?![A-Za-z])"
"""LaTeX's commands for a box, in which a final answer stands, as a regular expression."""

_COMMANDS = r"\\(?:text|textbf|mathbf|mathrm|bf|approx|quad|displaystyle)\b[ ]?\{?"
_END_OF_WORD = rf"(?:(?<![{_LETTER}])|(?![{_LETTER}]))"
FILL = re.compile(
    rf"(?:{_MARKUP}|(?<=[a-z\n])>|{BOX}[ ]?\{{?|{_COMMANDS}|\\[(\[,;!: ]|\$(?=[\\{_LETTER}])"
    rf"|(?:{COPULAS}|{ABOUT}){_END_OF_WORD}"
    rf"|\\?[a-z]{{1,12}}(?:_\{{?\w{{1,3}}\}}?|\([a-z]\))?[ ]?=(?!=)){{0,40}}+",
)
"""What may stand between the word for an answer and the answer: markup, copulas, a left side."""

COPULA = re.compile(rf"[:=\uff1a\uff1d]|(?:{COPULAS})")

_ANSWER = re.compile(
    r"(?:[ ]\([^()\n]{1,40}\))?"  # its unit
    r"(?:[ ](?:to|for|of)[ ][^.:=\n]{1,80}?(?:[ ](?=is\b)|(?=:)))?"  # the question
)
_WORD_BEFORE = re.compile(r"[a-z\u00c0-\u024f\\]")
MOST_FORMS = 30
"""How many forms of one kind are looked at, from the end of a text."""


def named_answers(text: str) -> Iterator[re.Match[str]]:
    """Yield where a text in lower case names its answer, the last first.

    The matches, at most `MOST_FORMS`, end before `FILL`.
    """
    return _found("answer", text)


def chosen_options(text: str) -> Iterator[re.Match[str]]:
    """Yield where a text in lower case chooses an option, as `named_answers`."""
    return _found("choose", text)


def _found(field: str, text: str) -> Iterator[re.Match[str]]:
    words = words_in(text, _words_by_letter(field, text.isascii()))
    if not words:
        return
    found = [place for word in words for place in _places(text, word)]
    for position, word in sorted(found, reverse=True)[:MOST_FORMS]:
        if match := _form(word).match(text, position):
            yield match


@lru_cache(maxsize=4)
def _words_by_letter(field: str, ascii_only: bool) -> dict[str, list[str]]:
    words = "|".join(filter(None, (getattr(forms, field) for forms in LANGUAGES.values())))
    return by_letter(
        [word for word in dict.fromkeys(words.split("|")) if word.isascii() or not ascii_only]
    )


def by_letter(words: Collection[str]) -> dict[str, list[str]]:
    """Return words in lower case by a letter of each that is rare in texts, for `words_in`."""
    shared = Counter(letter for word in words for letter in set(word))
    found: dict[str, list[str]] = {}
    for word in words:
        letter = min(word, key=lambda each: (_FREQUENT.find(each), -shared[each]))
        found.setdefault(letter, []).append(word)
    return found


_FREQUENT = "qjxzkvbpygfwmucldrhsinoate "  # in English, from rare to frequent


def words_in(text: str, by_letter: dict[str, list[str]]) -> list[str]:
    """Return the words that stand anywhere in a text; those without their letter are not tried."""
    return [
        word
        for letter, words in by_letter.items()
        if letter in text
        for word in words
        if word in text
    ]


def _places(text: str, word: str) -> Iterator[tuple[int, str]]:
    position = text.rfind(word)
    for _ in range(MOST_FORMS):
        if position < 0:
            break
        if not (position and word.isascii() and _WORD_BEFORE.match(text, position - 1)):
            yield position, word
        position = text.rfind(word, 0, position)


@lru_cache(maxsize=256)
def _form(word: str) -> re.Pattern[str]:
    return re.compile(re.escape(word) + _ANSWER.pattern)
