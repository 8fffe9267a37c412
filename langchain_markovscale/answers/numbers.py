r"""The number that a text gives as its answer.

A stated result ("#### 12", "the answer is 12", "\boxed{12}", "**12**") is clearer than a number
that comes later, and a correction ("wait, it is 15") is worth more than what it corrects; without
either the last number counts. Where the number that counts is not understood ("10:30", "2^{10}",
"fifteen"), there is no answer: any other number of the text, or a piece of this one, would be a
wrong one.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from langchain_markovscale.answers.languages import DECIMAL_COMMA
from langchain_markovscale.answers.numerals import (
    CURRENCY,
    NUMERAL,
    plain_digits,
)
from langchain_markovscale.answers.run_on import run_on
from langchain_markovscale.answers.statements import (
    BOX,
    COPULA,
    FILL,
    MOST_FORMS,
    by_letter,
    named_answers,
    words_in,
)
from langchain_markovscale.answers.surroundings import FARTHEST_AFTER, is_bounded, read_numeral


def last_numeral(text: str) -> str | None:
    """Return the number that a text gives, in canonical form, or None; in linear time.

    Args:
        text: An answer without its thoughts.
    """
    if "onfidence" in text or "ertainty" in text:
        text = _CONFIDENCE.sub("", text)
    if (going_on := run_on(text)) is not None:
        if (stated := _stated(going_on.before)) is not None:
            return stated.value
        if going_on.asks and (number := _last(going_on.before)) is not None:
            later = _stated(text)  # perhaps the answer, after the question was repeated
            return number if later is None or later.value == number else None
    if (stated := _stated(text)) is not None:
        return stated.value
    return _last(text)


class _Stated(NamedTuple):
    """A stated number: where, and its value, which is None where it is not understood."""

    position: int
    value: str | None


_CONFIDENCE = re.compile(  # a line that opens with it, up to the end of its sentence
    r"^[^\w\n]{0,8}(?:my |overall )?(?:confidence|certainty)\b(?:[^.!?\n]|[.](?=\d))*",
    re.IGNORECASE | re.MULTILINE,
)

# ---- Stated results

_SHORT_FILL = re.compile(r"[\s:*]{0,4}(?:is[\s:*]{1,4})?(?=\d)")  # for speed
_LONGEST_LEAD = 200  # characters between the form of a statement and its number
_SENTENCE_END = re.compile(r"[.!?](?=\s|$|\*)|[\u3002\uff01\uff1f]|\n")
_NUMBER_WORD = re.compile(
    r"(?:minus |negative )?(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|a hundred|one hundred|a dozen|half|none)\b"
)
_IS_THE_ANSWER = re.compile(r"[ ]is (?:the|my|our) (?:final |correct |right )?\Z")
_POINT = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_DENIED = re.compile(r"\b(?:not|never|no longer)\b|n['\u2019]t\b")
_DENIED_NUMBER = re.compile(r"(?:not|never|no longer)[ ](?:equal to[ ])?[$(]?[-+]?\d")
_WITHIN_OPERATION = re.compile(
    r"(?:\w[ ]?[+*/^\u00d7\u00b7\u00f7\u2212-]|\b(?:log|ln|sin|cos|tan)\S{0,6})[ ]?\Z"
)
_OPERATION = re.compile(
    r"[ \u00a0]?[A-Za-z%\u20ac$]{0,10}[ \u00a0]?"
    r"(?:[+*/\u00d7\u00b7\u00f7\u2212-]|x(?=[ ]?\d)|\\times|\\cdot|\\div)"
    rf"[ \u00a0]?[$(]?[{CURRENCY}]?\d"
)
_SEVERAL = re.compile(
    r"(?:[ ]?\\(?:text|mathrm)\{)?[ ]?"
    r"(?:,|\band\b|&|\bor\b|\bto\b|\bou\b|\boder\b|\bund\b|或|[\u2013\u2014])[ ]?\}?[ ]?\$?"
    r"(?:[a-z][ ]?=[ ]?)?"
    r"(?:\\boxed\{)?-?\d"
)
_CLOSING = re.compile(r"</\w{0,20}\Z")
_FACTORIAL = re.compile(  # "5!", where it is no exclamation
    r"[:=#{$(+][ ]?(?:[1-9]|1\d|20)![ $})]*(?:\.?$|[=+*/^-])", re.MULTILINE
)
_HASHES = re.compile(r"####(?<!#####)(?!#)[ \t]*")
_BOX = re.compile(rf"{BOX}[ ]?(?:\{{(?!\s*\}})|(?=-?\d|\\[dtc]?frac))")
_MARKS_OF_RESULTS = (("#", "####", _HASHES), ("\\", "box", _BOX))  # one character first, for speed
_BOLD = re.compile(r"\*\*([^*\n]{1,60})\*\*")
_LEADS_TO_BOLD = re.compile(
    r"(?:[=:\u2248]|\b(?:is|are|was|costs?|totals?|has|have|makes?|equals?|gives?|needs?|got|gets?|of|left"
    r"|with|earns?|spent|spends?|pays?|takes?))[ ]?(?:(?:about|a total of|only|exactly)[ ])?\Z"
)
_GOES_ON = re.compile(r"=|\b(?:so|therefore|thus|hence|total|altogether|in all|finally)\b")
_CORRECTION = re.compile(
    r"\b(?:wait|actually|correction|sorry|oops|scratch that|i mean|i meant|make that|rather"
    r"|no(?=[,:!\u2014]))(?!\w)[\s,.!:;\u2014\u2026-]{0,6}"
    r"(?:(?:it|that|this|i|it['\u2019]s|that['\u2019]s|a|my|mistake|made|one|number|value|result|sum"
    r"|amount|total|no|wrong|incorrect|actually|wait|sorry|recheck|so|meant?)[\s,.!:\u2014]{1,3}){0,8}+"
)
_CORRECTION_STEMS = by_letter(
    [
        *("wait", "actually", "correction", "sorry", "oops", "scratch", "i mean", "make that"),
        *("no, ", "rather"),
    ]
)
_RESULT = re.compile(
    r"=|\b(?:is|makes|gives|leaves|equals|becomes|gets?|totals|should be|must be)(?!\w)"
)


def _stated(text: str) -> _Stated | None:
    """Return the last stated number of a text; None where it states none."""
    raw, text = text, text.lower()
    if len(raw) != len(text):  # some letters have no lower case of the same length
        raw = text
    last = _last_after(raw, text, named_answers(text))
    for sign, mark, form in _MARKS_OF_RESULTS:
        if sign in text and mark in text:
            found = _last_after(raw, text, _latest(form, text), sure=form is _BOX)
            last = max(filter(None, (last, found)), default=None)
    unmended = text if last is None else text[last.position + 1 :]
    if stems := words_in(unmended, _CORRECTION_STEMS):
        last = _correction(raw, text, stems, len(text) - len(unmended)) or last
    return last if last is not None or "**" not in text else _bold(raw)


def _latest(form: re.Pattern[str], text: str, begin: int = 0) -> list[re.Match[str]]:
    """Return what stands before statements of one form, the last first."""
    return list(form.finditer(text, begin))[: -MOST_FORMS - 1 : -1]


def _last_after(
    raw: str, text: str, forms: Iterable[re.Match[str]], *, sure: bool = False
) -> _Stated | None:
    """Return what is stated after the last form of a kind after which anything is; else None.

    Args:
        raw: The text.
        text: The same in lower case.
        forms: What stands before a statement, the last first.
        sure: Whether what follows is the answer even where it is no number.
    """
    for form in forms:
        position, end = form.span()
        if text.startswith(">", end) and _CLOSING.search(text, max(0, position - 22), position):
            continue
        fill = _SHORT_FILL.match(text, end) or FILL.match(text, end, end + _LONGEST_LEAD)
        begin = fill.end() if fill else end
        number = _numeral_at(raw, begin)
        if number is not None and _is_factorial(number, raw, begin):
            return _Stated(position, None)
        if number is not None and not _is_label(number, raw, begin):
            decimal_comma = DECIMAL_COMMA.match(form[0]) is not None
            grouped = decimal_comma and _POINT.fullmatch(number["run"])
            value = None if grouped else _equation(number, decimal_comma=decimal_comma)
            return _Stated(position, value)
        if sure or _NUMBER_WORD.match(text, begin):
            return _Stated(position, None)
        if COPULA.search(text, end, begin):
            stop = _SENTENCE_END.search(text, begin, begin + 400)
            sentence = text[begin : stop.start() if stop else begin + 400]
            if _DIGIT.search(sentence) and (not _DENIED.search(sentence) or " but " in sentence):
                whole = plain_digits(raw[position : begin + len(sentence)])
                matches = list(NUMERAL.finditer(whole))
                if matches:
                    part = _WITHIN_OPERATION.search(matches[-1].string[: matches[-1].start()])
                    return _Stated(position, None if part else read_numeral(matches[-1]))
            elif _DENIED_NUMBER.match(sentence) and not (stop and _DIGIT.search(raw, stop.end())):
                return _Stated(position, None)
        if led := _IS_THE_ANSWER.search(text, max(0, position - 40), position):
            before = plain_digits(raw[max(0, led.start() - 60) : led.start()])
            for number in list(NUMERAL.finditer(before))[-1:]:
                if len(before) - number.end() < 4:
                    return _Stated(position, read_numeral(number))
    return None


def _numeral_at(text: str, begin: int) -> re.Match[str] | None:
    for length in (240, len(text)):  # a numeral is seldom longer
        window = plain_digits(text[begin : begin + length])
        match = NUMERAL.match(window)
        if match is None or match.end() < len(window) - 40 or begin + length >= len(text):
            return match
    return None


def _is_factorial(match: re.Match[str], text: str, begin: int) -> bool:
    """Whether a numeral that begins at a position of a text stands in mathematics as "5!"."""
    if not match.string.startswith("!", match.end()):
        return False
    return _FACTORIAL.search(text, max(0, begin - 2), begin + 8) is not None


def _is_label(match: re.Match[str], text: str, begin: int) -> bool:
    """Whether a numeral that begins at a position is the label of an item: "3. Add them"."""
    if len(match[0]) > 2 or not _LABEL_AFTER.match(match.string, match.end()):
        return False
    line = text[max(0, begin - 80) : begin].rpartition("\n")[2]
    if line.strip().startswith("####"):
        end = text.find("\n", begin)
        return text[begin : end if end >= 0 else len(text)].rstrip()[-1:] not in (".", "!", "?")
    if line.strip(" \t>*_-"):
        return False
    return len(_LABEL_LINE.findall(text[begin : begin + 1_000])) > 1


def _equation(match: re.Match[str], *, decimal_comma: bool = False) -> str | None:
    """Return the value of a stated numeral, or of the equation that it begins."""
    window, end = match.string, match.end()
    stop = _SENTENCE_END.search(window, end)
    rest = window[end : stop.start() if stop else len(window)]
    if _OPERATION.match(rest):
        *_, right = rest.rpartition("=")
        results = list(NUMERAL.finditer(right)) if "=" in rest else []
        return (
            read_numeral(results[0])
            if results and not _OPERATION.match(right, results[0].end())
            else None
        )
    if _SEVERAL.match(rest) or window.startswith(("! =", "!="), end):
        return None
    return read_numeral(match, decimal_comma=decimal_comma)


def _correction(raw: str, text: str, stems: list[str], after: int) -> _Stated | None:
    """Return the number of the last correction, with one of the stems after a position; or None.

    After a statement, which is after 0, any result after the first correction corrects it.
    """
    marks = _latest(_CORRECTION, text, min(text.find(stem, after) for stem in stems))
    for mark in marks:
        fill = FILL.match(text, mark.end(), mark.end() + _LONGEST_LEAD)
        begin = fill.end() if fill else mark.end()
        number = _numeral_at(raw, begin)
        if number is not None and not _is_label(number, raw, begin):
            return _Stated(mark.start(), _equation(number))
    if marks and after:
        return _last_after(raw, text, _latest(_RESULT, text, marks[-1].start()))
    return None


def _bold(text: str) -> _Stated | None:
    """Return the number in bold: the only one, or one that a verb leads to."""
    found: list[tuple[re.Match[str], str | None]] = []
    for match in list(_BOLD.finditer(text))[-MOST_FORMS:]:
        fill = FILL.match(match[1].lower())
        number = _numeral_at(match[1], fill.end() if fill else 0)
        label = number is None or _LABEL_AFTER.match(number.string, number.end())
        if number is None or label or match[1].rstrip().endswith(":"):
            continue
        rest = number.string[number.end() :]
        if not re.search(r"\d", _POWERS.sub("", rest)) or _OPERATION.match(rest):
            bounded = is_bounded(text[max(0, match.start() - 40) : match.start()])
            found.append((match, None if bounded else _equation(number)))
    if not found or _GOES_ON.search(text.lower(), found[-1][0].end()):
        return None
    last, value = found[-1]
    if len({each for _, each in found}) == 1 or _LEADS_TO_BOLD.search(
        text[: last.start()][-40:].lower()
    ):
        return _Stated(last.start(), value)
    return None


_POWERS = re.compile(r"[A-Za-z)}]\^?\{?-?\d")

# ---- The last number

_DIGIT = re.compile("[\\d\u00bc-\u00be\u2150-\u215e]")
_LABEL_LINE = re.compile(r"^[ \t>*_-]{0,8}\d{1,2}[.)][ \t]+\S", re.MULTILINE)
_PRECISION = re.compile(r"[ -]?(?:decimals?|significant|sig\.?|s\.?f\.?|d\.?p\.?)(?![A-Za-z])")
_REJECTED = (  # before a number that is named only to say that it is another
    *(", not ", "(not ", "and not ", "rather than ", "instead of ", ", nicht ", ", pas ", ", non "),
    *(", no ", ", não ", ", не ", "\u800c\u4e0d\u662f", "\u800c\u975e"),
)
_LABEL_AFTER = re.compile(r"[.)][ \t]+[^\s\d]")


_MOST_PASSED = 20
_FARTHEST = 4_000  # characters from the end at which a numeral may begin that is not endless
_ENDLESS = re.compile(r"[\d.,]+")  # what a numeral of thousands of characters consists of


def _last(text: str) -> str | None:
    """Return the value of the last numeral, which is seldom far from the last digit."""
    from_the_end = _DIGIT.search(text[::-1])
    if from_the_end is None:
        return None
    last = len(text) - from_the_end.start()
    begin, end = last, last + FARTHEST_AFTER
    for size, margin in ((32, 20), (136, 40), (1_000, 60), (_FARTHEST, 60), (0, 60)):
        begin = max(0, last - size if size else _before_endless(text, begin) - margin)
        window = plain_digits(text[begin:end])
        matches = list(NUMERAL.finditer(window))
        for _ in range(_MOST_PASSED):
            if not matches or (begin and matches[-1].start() < margin):
                break  # a numeral near the beginning of the window may begin before it
            if not _passed_over(match := matches.pop(), text, end):
                factorial = _is_factorial(match, window, match.start())
                return None if factorial else read_numeral(match)
        else:
            return None
        ends = size == _FARTHEST and not any(_ENDLESS.fullmatch(each["run"]) for each in matches)
        if begin == 0 or ends:
            return None
    return None


def _before_endless(text: str, position: int) -> int:
    """Return where the numeral of thousands of characters begins that is about a position."""
    run = _ENDLESS.match(text[position - 1 :: -1])
    return position - (run.end() if run else 0)


def _passed_over(match: re.Match[str], text: str, end: int) -> bool:
    """Whether a numeral near a position labels an item, is rejected, or says how exact one is."""
    window, start = match.string, match.start()
    if _PRECISION.match(window, match.end()) or window.endswith(_REJECTED, 0, start):
        return True
    if len(match[0]) > 2 or not _LABEL_AFTER.match(window, match.end()):
        return False
    line = window[max(0, start - 9) : start].rpartition("\n")[2]
    if len(line) > 8 or line.strip(" \t>*_-"):
        return False
    return len(_LABEL_LINE.findall(text[max(0, end - 2_000) : end + 1_000])) > 1
