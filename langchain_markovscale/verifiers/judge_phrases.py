"""Verdicts and probabilities as judges phrase them.

Only clear statements are read: "does not PASS" and "FAIL, would PASS if …" are no pass, and "PASS
or FAIL" or "0 to 1", which a model copies from its instructions, are skipped. A number has to say
its scale: 8 of what?
"""

import re

from langchain_markovscale._text import folded

_LONGEST = 400  # characters of a phrase that are read

_PASS = r"(?:pass(?:ed|es)?|correct|accept(?:ed)?)"
_FAIL = r"(?:fail(?:ed|s|ure|ing)?|incorrect|wrong|reject(?:ed)?)"
_CLOSED = r"(?=\W*$|\s*[.,;:!)\u3002])"  # "correct." is a verdict, "correct answers" is not
_EDGE = r"[\s*_\"'\u201c\u201d`\[(<]*+"
_NOT = r"(?:\b(?:not|never|cannot|no|nothing|neither|nor)|n['\u2019]t)\b"

_RIGHT_ELSEWHERE, _WRONG_ELSEWHERE = (
    "|".join(map(folded, words.split()))
    for words in (
        "正确 对 正解 正しい 정답 맞음 correcto correcta correto correta corretto corretta richtig "
        "korrekt wahr exact vrai vraie verdadero verdadera verdadeiro verdadeira vero верно "
        "правильно σωστό σωστή صحيح صحيحة सही doğru đúng benar",
        "不正确 错误 错 不对 不正解 間違い 오답 틀림 incorrecto incorrecta incorreto incorreta "
        "errado errato sbagliato falsch inkorrekt faux falso falsa неверно "
        r"неправильно λάθος λανθασμένο خطأ خاطئ خاطئة गलत yanlis sai(?=\W*$) "
        "salah",
    )
)
MARK = r"[\u2705\u2611\u2713\u2714\u274c\u2717\u2718\u2716]\ufe0f?"
"""A mark for right or wrong."""
_MARKED = re.compile(rf"[\s*_]*+(?P<mark>{MARK})")
_RIGHT_MARKS = "\u2705\u2611\u2713\u2714"
ELSEWHERE = rf"(?:{_RIGHT_ELSEWHERE}|{_WRONG_ELSEWHERE})"
"""A word for right or wrong in other languages, `folded`."""
# Of what qualifies it in its language nothing is known, so that a right stands alone.
_RIGHT_IS_ALL = re.compile(rf"{_EDGE}(?:{_RIGHT_ELSEWHERE})[^\w?]*", re.IGNORECASE)
_SAYS_WRONG = re.compile(rf"{_EDGE}(?:{_WRONG_ELSEWHERE})(?!\w){_CLOSED}", re.IGNORECASE)

_HARMLESS_NO = re.compile(
    r"\b(?:no|not an?y?|without)\s+(?:\w+\s+)?(?:error|mistake|issue|problem|flaw)s?\b",
    re.IGNORECASE,
)
_FAILS = re.compile(rf"{_EDGE}{_FAIL}\b", re.IGNORECASE)
_GRADE = rf"(?:{_PASS}|{_FAIL}|yes|no|true|false)"
_EITHER = re.compile(
    rf"{_EDGE}{_GRADE}\b\W{{0,3}}(?:/|\||\bor\b)\W{{0,3}}{_GRADE}\b", re.IGNORECASE
)
_NOT_PASSES = re.compile(rf"{_NOT}(?:\W+\w+){{0,3}}?\W+{_PASS}\b", re.IGNORECASE)
_PASSES = re.compile(
    rf"{_EDGE}(?:pass(?:ed|es)?\b|{_PASS}\b{_CLOSED})"
    rf"|.*?\b(?:is|a|be)\s+(?:clear(?:ly)?\s+)?{_PASS}\b{_CLOSED}",
    re.IGNORECASE,
)
_SAYS_YES = re.compile(rf"{_EDGE}(?:yes|true)\b{_CLOSED}", re.IGNORECASE)
_SAYS_NO = re.compile(rf"{_EDGE}(?:no|false)\b{_CLOSED}\W*", re.IGNORECASE)
_ANY_FAIL = re.compile(rf"\b{_FAIL}\b", re.IGNORECASE)
_HEDGE = re.compile(
    rf"\b{_FAIL}\b|{_NOT}|\?|\b(?:if|unless|would|could|should|might|may|or|only|but|however"
    r"|although|though|except|provided|were)\b",
    re.IGNORECASE,
)


def read_verdict(phrase: str) -> bool | None:
    """Read a verdict: True for a clear pass, False for a fail or a pass denied, else None.

    Args:
        phrase: A verdict with what follows it, in such words as pass, correct, yes and true, or
            after a mark such as ✅; `folded` where it is in another language.
    """
    phrase = _HARMLESS_NO.sub("", phrase[:_LONGEST])
    if marked := _MARKED.match(phrase):
        if marked["mark"][0] not in _RIGHT_MARKS:
            return False
        rest = phrase[marked.end() :]
        return read_verdict(rest) if rest.strip(" \n*_.") else True
    if _RIGHT_IS_ALL.fullmatch(phrase):
        return True
    if _SAYS_WRONG.match(phrase):
        return False
    if _EITHER.match(phrase):
        return None
    if said_no := _SAYS_NO.match(phrase):
        return None if _PASSES.match(phrase, said_no.end()) else False
    if _FAILS.match(phrase) or _NOT_PASSES.search(phrase):
        return False
    if _PASSES.match(phrase):
        return None if _HEDGE.search(phrase) else True
    if _SAYS_YES.match(phrase) and not (_HEDGE.search(phrase) or is_about_error(phrase)):
        return True
    if _ANY_FAIL.search(phrase) and not _HEDGE.search(_ANY_FAIL.sub("", phrase)):
        return False
    return None


_OPPOSITE = re.compile(
    rf"\b{_FAIL}\b|{_NOT}|\b(?:errors?|mistaken?s?|flaw(?:ed|s)?|false|invalid)\b", re.IGNORECASE
)


def is_about_error(phrase: str) -> bool:
    """Whether a phrase may name the opposite of being correct ("probability of being wrong")."""
    return _OPPOSITE.search(phrase) is not None


_PROBABILITY = re.compile(
    r"[\s*_\"'\u201c\u201d`\[($~\u2248<>=\u2264\u2265]*+"
    r"(?:(?:about|around|approximately|roughly|approx\.?|is)\s+)?"
    r"(?P<number>\d{1,9}(?:\.\d{1,30}|,\d{1,2}(?!\d))?|\.\d{1,30})"
    r"(?:[eE]-(?P<exponent>\d{1,2}))?(?!\w|[.,]\d)"
    r"(?:\s?(?P<percent>%|percent\b)"
    r"|\s?(?:/|out of|of|in)\s?(?P<whole>\d{1,9}(?:\.\d{1,9})?)(?![\w%]|[.,]\d))?"
    # Nothing of a scale may be left unread, no range may follow, and not the opposite's name.
    r"(?!\s?(?:%|/|percent\b|(?:out of|of|in)\s?\d))"
    r"(?!\s*(?:-|\u2013|\u2014|to|and|or|/|\|)\s*\.?\d)"
    r"(?!\W*(?:that|of|for|chance)\b[^.\n]{0,60}\b(?:wrong|incorrect|fails?|error)\b)",
    re.IGNORECASE,
)


_BESIDE = re.compile(r"(?!['\u2019])[^.;\n\"\u201c\u201d`]++")  # not behind a quotation that ends
_LEAST_PERCENT = 11  # 8 may mean 8 % or 8 of 10


def read_probability(phrase: str, *, percent: bool = False) -> float | None:
    """Read the probability that opens a phrase: 0.85, .85, 85%, 85/100, 8 out of 10.

    Args:
        phrase: The phrase; words may follow the number ("0.85, the sum is right").
        percent: Whether a whole number from 11 to 100 without a scale is a percentage.

    Returns:
        The probability, in [0, 1]. None where the phrase begins otherwise, the number is outside
        [0, 1] or has no scale (8, 85), and for a range (0 to 1) or the opposite ("0.9 that it is
        wrong"). Beside a fail ("0.95 (incorrect)") it is the lower of the two readings. 50/50 is
        0.5.
    """
    match = _PROBABILITY.match(phrase[:_LONGEST])
    if match is None:
        return None
    number = float(match["number"].replace(",", "."))
    if match["exponent"]:
        number /= 10 ** int(match["exponent"])
    if match["percent"]:
        number /= 100
    elif match["whole"]:
        whole = float(match["whole"])
        if number == whole == 50:
            return 0.5
        number = number / whole if whole > 0 else -1.0
    elif percent and match["number"].isdigit() and number >= _LEAST_PERCENT:
        number /= 100
    if not 0 <= number <= 1:
        return None
    beside = _BESIDE.match(phrase, match.end())
    return min(number, 1 - number) if beside and read_verdict(beside[0]) is False else number


_LETTER = re.compile(
    r"\s*[*_\"'\u201c\u201d`]*+([CIPN])(?=[*_\"'\u201c\u201d`]*+\s*(?:$|[.;,(]))", re.IGNORECASE
)


def read_grade(phrase: str) -> bool | float | None:
    """Read a letter that Inspect asks for: C is correct, I and N are not, and P is 0.5."""
    letter = _LETTER.match(phrase)
    if letter is None:
        return None
    return 0.5 if letter[1].upper() == "P" else letter[1].upper() == "C"
