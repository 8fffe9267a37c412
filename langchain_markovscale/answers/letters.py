"""The option that a text chooses, by its letter, in the languages of the table of forms.

A letter in prose is seldom a choice: "A" is an article, "I" a pronoun, "D.C." initials. So only the
letters count that are marked most clearly in a text. Where several are marked alike and no
statement says which one is meant, none is chosen.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from langchain_markovscale.answers.languages import any_of
from langchain_markovscale.answers.run_on import run_on
from langchain_markovscale.answers.statements import (
    BOX,
    FILL,
    MOST_FORMS,
    chosen_options,
    named_answers,
)

_READ_CLOSELY = 2_000  # characters at the end of a text in which unstated letters are looked for
_RANGES = ((0xFF01, 0xFF5F), (0x249C, 0x24EA), (0x1D400, 0x1D6A4), (0x1F110, 0x1F14A))
_COMPATIBLE = {  # full-width, bracketed, circled and mathematical letters, and their punctuation
    code: unicodedata.normalize("NFKC", chr(code))
    for begin, end in _RANGES
    for code in range(begin, end)
}
_HAS_COMPATIBLE = re.compile("[" + "".join(f"{chr(a)}-{chr(b - 1)}" for a, b in _RANGES) + "]")
_LOOKALIKES = {
    **dict(zip("\u0391\u0392\u0393\u0394\u0395", "ABCDE", strict=True)),  # Greek, by place and look
    **dict(
        zip("\u0410\u0411\u0421\u0413", "ABCD", strict=True)
    ),  # Cyrillic, but "\u0412" may be B or C
    **dict(zip("\u0623\u0628\u062c\u062f", "ABCD", strict=True)),  # Arabic, in the order of options
}
_NO_WORDS = "\u0391\u0392\u0393\u0394\u0395\u0411\u0413"  # those that are no word by themselves


_NOUNS = (
    *("itamin", "lan", "epatitis", "rade", "igure", "ection", "ppendix", "hase", "xhibit", "ype"),
    *("lass", "eam", "roup", "oom", "ate", "lood", "luster"),
)
"""What a capital is the name of, without its first letter: "vitamin C", "Plan B"."""
_AFTER_NAMES = "major|minor|sharp|flat|rays?|cells?"


class ChoicePatterns(NamedTuple):
    """Patterns of a letter, each with the letter in its last group.

    Attributes:
        listed: A letter among others, with its markup.
        stated: The letter that is stated after `FILL`.
        isolated: A letter that stands alone, before a form that says whether it is right.
        set_off: The ways to set a letter off, from clear to weak.
        label: A letter that labels a line.
        bare: A capital letter in prose.
    """

    listed: re.Pattern[str]
    stated: re.Pattern[str]
    isolated: re.Pattern[str]
    set_off: tuple[re.Pattern[str], ...]
    label: re.Pattern[str]
    bare: re.Pattern[str]


class Choice(NamedTuple):
    """What a text chooses.

    Attributes:
        letter: The letter in upper case, or None.
        several: Whether several letters stand there alike, so that none is chosen.
    """

    letter: str | None
    several: bool


def chosen_letter(text: str, patterns: ChoicePatterns) -> Choice:
    """Return the letter that a text chooses; among statements the last."""
    going_on = run_on(text)
    if going_on is not None and (chosen := _chosen(going_on.before, patterns)).letter is not None:
        return chosen
    return _chosen(text, patterns)


def _chosen(text: str, patterns: ChoicePatterns) -> Choice:
    if not text.isascii() and _HAS_COMPATIBLE.search(text):
        text = text.translate(_COMPATIBLE)
    whole, text = text, _without_alternatives(text[-_READ_CLOSELY:], patterns)
    chosen, denied, several = _stated(text, patterns)
    if chosen is None and not several and len(whole) > len(text):
        chosen, _, several = _stated(whole[:-_READ_CLOSELY], patterns, closely=False)
    if chosen is not None or several:
        return Choice(chosen, several)
    for pattern in patterns.set_off:
        if letters := _letters(pattern, text, denied):
            return _only(letters)
    labels = _letters(patterns.label, text, denied)
    if len(set(labels)) == 1:
        return Choice(labels[0], several=False)
    if labels:  # a list of the options, and what follows it
        text = patterns.label.sub(" ", text)
    bare = _letters(patterns.bare, text, denied)
    return _only(bare) if bare else Choice(None, several=bool(labels))


def _only(letters: Sequence[str]) -> Choice:
    return Choice(None, True) if len(set(letters)) > 1 else Choice(letters[0], False)


def _letters(pattern: re.Pattern[str], text: str, denied: set[str]) -> list[str]:
    found = (match[match.lastindex or 0].upper() for match in pattern.finditer(text))
    return [letter for letter in found if letter not in denied]


def _without_alternatives(text: str, patterns: ChoicePatterns) -> str:
    """Blank letters of which none is chosen: "A or B", "A, B or C"."""
    if _BETWEEN.search(text) is None:
        return text
    kept, position, group = [], 0, -1
    letters = list(patterns.listed.finditer(text))
    for letter, following in pairwise(letters):
        if group < 0:
            group = letter.start()
        between = text[letter.end() : following.start()]
        if _ALTERNATIVE.fullmatch(between):
            kept.append(text[position:group])
            position, group = following.end(), -1
        elif between.strip(" ") != ",":
            group = -1
    return " ".join([*kept, text[max(position, 0) :]])


_BETWEEN = re.compile(any_of("alternative"))
_ALTERNATIVE = re.compile(rf",?\s{{0,3}}(?:{any_of('alternative')})\s{{0,3}}(?:option\s)?")
_RIGHT = re.compile(rf"[)*_.\]\"'\u201d\u300d\uff09]{{0,3}}[ ]?{any_of('right')}")
_WRONG = re.compile(rf"[)*_.\]\"'\u201d\u300d\uff09]{{0,3}}[ ]?{any_of('wrong')}")
_DENIAL = re.compile(rf"{any_of('denial')}[\s(\[*_\"'`\u201c]{{0,4}}\Z")


def _stated(
    text: str, patterns: ChoicePatterns, *, closely: bool = True
) -> tuple[str | None, set[str], bool]:
    """Return the letter that is stated last, those that are denied, and whether several are stated.

    Args:
        text: The text.
        patterns: The patterns of its letters.
        closely: Whether to look at what follows every letter ("B is right") as well.
    """
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = text
    stated: list[tuple[int, str | None]] = []
    denied: set[str] = set()
    for form in [*named_answers(lowered), *chosen_options(lowered)]:
        fill = FILL.match(lowered, form.end(), form.end() + 120)
        begin = fill.end() if fill else form.end()
        letter = patterns.stated.match(text, begin) or patterns.stated.match(text, form.end())
        if letter is None or _WRONG.match(lowered, letter.end(1)):
            continue
        several = _ANOTHER.match(text, letter.end())
        stated.append((letter.start(1), None if several else _plain(letter[1])))
    isolated = list(patterns.isolated.finditer(text)) if closely else []
    for letter in isolated[-MOST_FORMS:]:
        if _WRONG.match(lowered, letter.end()) or _DENIAL.search(
            lowered, max(0, letter.start() - 16), letter.start()
        ):
            denied.add(_plain(letter[0]))
        elif _RIGHT.match(lowered, letter.end()):
            stated.append((letter.start(), _plain(letter[0])))
    if not stated:
        return None, denied, False
    _, last = max(stated, key=lambda each: each[0])
    return last, denied, last is None


_ANOTHER = re.compile(
    r"[)\]*_\"'`]{0,3}\s?(?:,|&|/|\+|\band\b|\by\b|\bet\b|\bund\b|\be\b|\u548c|\u3001|\u3068|\uc640|\uacfc)\s?"
    r"(?:and |or )?[(\[*_\"'`]{0,3}[A-Z](?=[)\]*_\"'`]{0,3}\s*(?:[.,;\u3002\u3001]|$))",
    re.MULTILINE,
)


def _plain(letter: str) -> str:
    return _LOOKALIKES.get(letter, letter).upper()


@lru_cache(maxsize=32)
def choice_patterns(letters: str) -> ChoicePatterns:
    """Make the patterns for a set of letters.

    Args:
        letters: The letters of the options, such as `ABCD`.

    Returns:
        The patterns.

    Raises:
        ValueError: If `letters` are not distinct letters from A to Z.
    """
    options = letters.upper()
    if not re.fullmatch("[A-Z]+", options) or len(set(options)) < len(options):
        raise ValueError(
            f"letters must be distinct letters from A to Z, such as 'ABCD', got {letters!r}."
        )
    # No initials or compounds ("D.C.", "B-flat", "C++", "A/B", "B's", "B = 5"), no part of a word.
    word = r"A-Za-z0-9\u00c0-\u052f"
    before = rf"(?<![{word}.+/&-])(?<![{word}]['\u2019])"
    after = rf"(?![{word}+#/&^=(]|[.'\u2019_-][{word}]| =)"
    goes_on = rf"(?:(?:is|because|since|and|but|not|rather)\b|{any_of('alternative')})"
    no_article = (  # "a cat", "I am"; but "A and not C"
        rf"(?<![Aa](?=[ \t]{{1,4}}(?!{goes_on})[A-Za-z\u00c0-\u024f]))"
        r"(?<![Ii](?=[ \t]{1,4}(?!(?:is|because|since)\b)[A-Za-z]))"
    )
    no_word = rf"(?<![EO](?=[ \t]{{1,4}}(?!{goes_on})[a-z\u00e0-\u024f]))"  # "e" and "o" are words
    no_name = "".join(rf"(?<!{noun}[ ])" for noun in _NOUNS) + rf"(?![A-Z][ ](?:{_AFTER_NAMES})\b)"
    any_case = f"[{options}{options.lower()}]"
    lookalikes = "".join(c for c, letter in _LOOKALIKES.items() if letter in options)
    alone = "".join(c for c in lookalikes if c in _NO_WORDS)
    upper = f"{before}([{options}]){after}{no_article}"
    either = f"{before}({any_case}){after}{no_article}"
    set_off = (
        rf"{BOX}(?:[ ]|\{{(?:\\(?:text|textbf|mathrm)\{{)?[(\[]?){either}(?:[)\]]?\}}|\b)",
        rf"^[ \t>*_(\[]{{0,8}}{upper}[ \t*_.)\]]{{0,8}}$",
        rf"\*{upper}[.):]?\*",
        rf"(?<![{word}])[(\[\u3010\u300c]{either}[)\]\u3011\u300d]"
        rf"|(?i:\b(?:option|choice)) {either}",
    )
    return ChoicePatterns(
        listed=re.compile(
            rf"[(\[*_\"'`]{{0,3}}{before}{any_case}{after}{no_article}[)\]*_\"'`]{{0,3}}"
        ),
        stated=re.compile(
            rf"[(\[*_\"'`]{{0,3}}({any_case}(?:(?=['\u2019][a-z\u00e0-\u024f]{{2,4}}\b)|{after}{no_article})"
            + (rf"|[{lookalikes}](?!\w))" if lookalikes else ")")
        ),
        isolated=re.compile(rf"{before}[{options}{alone}]{after}"),
        set_off=tuple(re.compile(pattern, re.MULTILINE) for pattern in set_off),
        label=re.compile(rf"^[ \t>*_-]{{0,8}}{either}[.):*]", re.MULTILINE),
        bare=re.compile(f"{no_name}{upper}{no_word}"),
    )
