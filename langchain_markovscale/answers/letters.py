"""The option that a text chooses, by its letter.

A letter in prose is seldom a choice: "A" is an article, "I" a pronoun, "D.C." initials. So only the
letters count that are marked most clearly in a text.
"""

import re
from functools import lru_cache
from typing import NamedTuple


class ChoicePatterns(NamedTuple):
    """Patterns of a chosen letter, from clear to weak; each has the letter in its last group.

    `alternatives` is the exception: its matches ("A or B") choose nothing.
    """

    alternatives: re.Pattern[str]
    stated: re.Pattern[str]
    set_off: re.Pattern[str]
    label: re.Pattern[str]
    bare: re.Pattern[str]


def chosen_letter(text: str, patterns: ChoicePatterns) -> str | None:
    """Return the letter that a text chooses, in upper case, or None; among equals the last."""
    text = patterns.alternatives.sub(" ", text)
    clear = _letters(patterns.stated, text) or _letters(patterns.set_off, text)
    if clear:
        return clear[-1]
    labels = set(_letters(patterns.label, text))
    if len(labels) == 1:
        return labels.pop()  # several are a list of the options
    bare = _letters(patterns.bare, text)
    return bare[-1] if bare else None


def _letters(pattern: re.Pattern[str], text: str) -> list[str]:
    return [match[match.lastindex or 0].upper() for match in pattern.finditer(text)]


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
    # No initials or compounds ("D.C.", "B-flat", "C++", "A/B", "B's", "B = 5"), nothing denied.
    before = (
        r"(?<![A-Za-z0-9.+/&-])(?<![A-Za-z0-9]['\u2019])"
        r"(?<!not )(?<!not \()(?<!n['\u2019]t )(?<!than )"
    )
    after = r"(?![A-Za-z0-9+#/&^=(]|[.'\u2019_-][A-Za-z0-9]| =)"
    no_article = (  # "a cat", "I am"; but "A and not C"
        r"(?<![Aa](?=[ \t]{1,4}(?!(?:is|because|since|and|or|but|not|rather than)\b)[A-Za-z]))"
        r"(?<![Ii](?=[ \t]{1,4}(?!(?:is|because|since)\b)[A-Za-z]))"
    )
    any_case = f"[{options}{options.lower()}]"
    upper = f"{before}([{options}]){after}{no_article}"
    either = f"{before}({any_case}){after}{no_article}"
    marked = rf"[(\[*_\"'`]{{0,3}}{any_case}{after}[)\]*_\"'`]{{0,3}}"
    patterns = (
        rf"(?<![A-Za-z0-9])(?:{marked},\s?){{0,8}}{marked},?\s{{1,3}}or\s{{1,3}}"
        rf"(?:option\s)?[(\[*_\"'`]{{0,3}}{any_case}{after}{no_article}[)\]*_\"'`]{{0,3}}",
        f"{_STATEMENT}{either}|{upper}{_IS_CORRECT}",
        rf"(?<![A-Za-z0-9])[(\[]{either}[)\]]|\*{upper}[.):]?\*"
        rf"|\\boxed\{{(?:\\(?:text|textbf|mathrm)\{{)?{either}\}}"
        rf"|(?i:\b(?:option|choice)) {either}|^[ \t>*_]{{0,8}}{upper}[ \t*_.]{{0,8}}$",
        rf"^[ \t>*_-]{{0,8}}{either}[.):*]",
        upper,
    )
    return ChoicePatterns(*(re.compile(pattern, re.MULTILINE) for pattern in patterns))


_STATEMENT = (
    r"(?i:\b(?:answer|correct (?:option|choice|one)|choose|chose|pick|select))(?=[\W_])"
    r"(?:[\s:=*_\"'`\u201c\u2018(\[{$]|\\(?:boxed|text|textbf|mathrm|mathbf)\b"
    r"|(?i:is|would|should|must|be|the|option|choice|letter|correct|final|answer|therefore"
    r"|thus|hence|surely)\b){0,16}+"
)
_IS_CORRECT = r"[)*_.\]\"'\u201d]{0,3} (?i:is (?:the )?(?:correct|right|best|answer|true))\b"
