"""A numeral in its surroundings, which may spoil it, scale it, or tell what its marks mean.

"555-1234", "10 to 12", "2 pi" and "5 ft 10 in" are no numbers, nor is any piece of them; "2
million" and "Rp 50.000" are more than they look, and the comma of "12,5 kg" is a decimal sign.
"""

import re

from langchain_markovscale.answers.languages import multipliers, words_by_end
from langchain_markovscale.answers.numerals import (
    CURRENCY,
    NUMERAL,
    canonical_number,
    plain_digits,
    value_of,
)

_UNITS = (
    r"%|\\%|\u00b0|\\text|\\,\\text|\\mathrm|\\circ|\^\\circ|(?:[kcmd\u00b5])?[mglLWVAsJN](?![A-Za-z])"
    r"|km/h|kr\b|z\u0142|(?:euros?|dollars?|prozent|percent|pour cent|por ciento|por cento"
    r"|per cento|grad|degrees?|meter|liter|litres?|litros?|metros?|metri|litri|kilo\w*"
    r"|stunden|heures|horas"
    rf"|usd|eur|chf|gbp|rub|руб|процент\w*|кг|км|см|м|л|г)\b|[{CURRENCY}]"
)
_UNIT_AFTER = re.compile(rf"[ \u00a0]?(?:{_UNITS})", re.IGNORECASE)
_RANGE_WORDS = (
    r"bis|\u00e0|\u0434\u043e|\u03ad\u03c9\u03c2|\u0111\u1ebfn|sampai|hingga"  # "5 to 10"
)
_CLOCK = r"Uhr\b|[\u70b9\u9ede]|\u65f6(?!\u95f4)|\u6642(?!\u9593)|\uc2dc(?!\uac04)"  # "o'clock"
_MONTH = (
    r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|August"
    r"|September|October|November|December)\.?[ ]"
)
_SCALES = "\u767e\u5343\u4e07\u842c\u4ebf\u5104\ubc31\ucc9c\ub9cc\uc5b5"  # "3\u4e075\u5343"
_SPOILED_BEFORE = re.compile(
    r"(?:\\sqrt[ ]?(?:\[\d*\])?[ ]?\{?|\u221a[({]?|\bsqrt\(?|\u00b1[ ]?|\\pm[ ]?|\\log[ ]?"
    r"|\d[%\u00b0]?[ ]?[\u2013~][ ]?"
    r"|\bbetween[ ]\S{1,20}[ ]and[ ]|\d[ ](?:or|out of)[ ]|\b1[ ]in[ ]"
    rf"|\d[ ](?:{_RANGE_WORDS})[ ]|\d[ ]?(?:[\u5230\u81f3]|\u304b\u3089|\uc5d0\uc11c)[ ]?"
    # Joined to a numeral or a letter: a range, a date, a telephone number, a piece of a sum.
    r"|\d(?:[a-z]{0,2}|[%\u00b0])-|[\dA-Za-z]\+|\d(?:\.{2,3}|\u2026)|\d\.?\(|\d\u00b0"
    # The last term of a range, or of what is not worked out.
    r"|\d(?:[ ]?[a-z]{1,2}|[%\u00b0])?[ ]-[ ]|\d[ ]?\u2014[ ]?|[\dA-Za-z)][ ]\+[ ]"
    r"|[\d)][ ]?(?:[*\u00b7\u00f7]|\\(?:times|cdot|div))[ ]?"
    rf"|\d[ ]?(?:{_CLOCK}|h)[ ]?"
    # Ratios, remainders, bounds and dates.
    rf"|\d\$?[ ](?:or|and)[ ]\$?[A-Za-z][ ]?=[ ]?|\d[{_SCALES}][ ]?"
    r"|\d[ ]:[ ]|\d[ ](?:R|(?:with[ ])?(?:a[ ])?remainder(?:[ ]of)?)[ ]"
    r"|[<\u2264\u2265]=?[ ]?|(?:\A|>)[^<>]*(?<![=\n-])>=?[ ]?|\\(?:[gl]eq?(?:slant)?|gt|lt)[ ]?"
    rf"|\b{_MONTH}(?:\d{{1,2}},?[ ])?"
    r"|(?P<word>\b(?:minus|negative|plus|times)[ ])"
    r"|\d-[A-Za-z]{1,9}[-.]|\d(?:[ ]?[a-z]{1,2})?[ ]?[xX\u00d7][ ]?|[\d)][ ]\d{1,6}[ ]"
    r"|(?P<range>(?:\bfrom[ ])?\d[\d.,]{0,20}[ ]to[ ]))\Z"
)
_SPOILED_AFTER = re.compile(
    r"[ \u00a0]?(?:\\(?:pi|sqrt|pm)\b|[\u03c0\u221a\u00b1]|\\?dozen|[\u2013~\u2014][ ]?\d)"
    r"|[abejoruvwxyzinpqDGkKMB](?![A-Za-z\u00c0-\u024f])|[xX\u00d7][ ]?\d|[boh]\d|[a-z]{0,2}-\d"
    r"|[eE][-+]?\d|-[A-Za-z]{1,9}[-.]\d|\u00b0\d|\u0305"
    r"|(?:st|nd|rd|th|er|\u00e8re|\u00e8me)(?!\w)|\u00aa|-[\u0430-\u044f]{1,3}(?!\w)|\+(?!\d)"
    r"|[ ](?:R|(?:with[ ])?(?:a[ ])?remainder(?:[ ]of)?)[ ]\d"
    rf"|[ \u00a0]?(?:[AaPp](?:\.[ ]?[Mm]\.|[Mm]\b(?! Tag\b))|[Oo]'[Cc]lock|{_CLOCK}|h[ ]?\d)"
)
_BOUND_BEFORE = words_by_end("bound", -1)
_BOUND_AFTER = words_by_end("bounded", 0)
_MARKUP = " \u00a0*_`($\\{"
_NEGATED = re.compile(r"(?:\A|\b(?:is|was|be|to|of|and)[ ]|[=:][ ])(?:minus|negative)[ ]\Z")
_TERM_BEFORE = re.compile(r"[\d)][ ]\Z")
_CLOSES = ".,;:!?)*\"'\u201d\u2019\u3002" + CURRENCY  # after which nothing spoils a numeral
_ENDLESS_AFTER = re.compile(r"\.\.|\u2026")  # "0.333..."
_UNIT_OF_SEVERAL = (
    r"(?:hours?|hrs?|h|minutes?|mins?|feet|foot|ft|pounds?|lbs?|dollars?|years?|months?|weeks?|days?"
    r"|yards?|met(?:er|re)s?|kg|km|m),?[ ](?:and[ ])?"
)
_SMALLER_UNIT = (
    r"[ ]?(?:minutes?|mins?|seconds?|secs?|inch(?:es)?|in|ounces?|oz|cents?|months?|weeks?|days?"
    r"|hours?|hrs?|grams?|g|cm|mm|m)\b"
)
_SMALLER_AFTER = re.compile(_SMALLER_UNIT)
_LARGER_BEFORE = re.compile(rf"\d[ ]?{_UNIT_OF_SEVERAL}\Z")
_SMALLER_FOLLOWS = re.compile(rf"[ ]?{_UNIT_OF_SEVERAL}\d{{1,3}}{_SMALLER_UNIT}")
_SUSPICIOUS = re.compile(  # before what may be spoiled
    r"[{(\]\u221a\u00b1\u2013\u2014~tg+\u00b0xX\u00d7*\u00b7\u00f7-][ ]?\Z|[.\u2026]\Z|\d[ ]\Z"
    r"|(?:mes|dot|div|hr|\dh|[ ]h|[\u70b9\u9ede\u65f6\u6642\uc2dc])[ ]?\Z|[<>\u2264\u2265]=?[ ]?\Z"
    r"|(?:[gl]eq?|[gl]t|ant)[ ]?\Z"
    r"|(?:[:R]|der|nus|lus|ive|mes|[bnrylgptv]\.?|,)[ ]\Z"
    r"|(?:pm|and|or|of|to|in|bis|\u00e0|\u0434\u043e|\u03c9\u03c2|\u1ebfn|pai|gga)[ ]\Z"
    rf"|[\u5230\u81f3\u3089\uc11c{_SCALES}][ ]?\Z"
)
_JOINED = re.compile(r"[ ](?:or|and)[ ]\$?[A-Za-z][ ]?=[ ]?\Z")  # "x = 3 or x = 5"
_EURO_AFTER = re.compile(r"[ \u00a0]?(?:\u20ac|euros?\b|eur\b)", re.IGNORECASE)
_MULTIPLIER, _POWERS_OF_TEN = multipliers()
_SHORT_SCALE = re.compile(r"[ ]?(?:(k|K)|(M|m|mm|MM)|(B|b|bn)|(T|tn))(?![A-Za-z])")
_POINT = re.compile(r"\d{1,3}\.\d{3}")  # that may group digits
_UNGROUPED_CURRENCY = re.compile(r"(?:Rp\.?|R\$|VND|IDR|COP|CLP)[ ]?\Z")
_UNGROUPED_AFTER = re.compile(r"[ \u00a0]?(?:\u20ab|\u0111(?:\u1ed3ng)?\b|VND|VN\u0110|IDR|rupiah)")
FARTHEST_AFTER = 24
"""How many characters after a numeral may change what it is worth."""
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def read_numeral(match: re.Match[str], *, decimal_comma: bool = False) -> str | None:
    """Return the value of a numeral in its surroundings, or None where it is not understood.

    Args:
        match: What `NUMERAL` has matched.
        decimal_comma: Whether the language writes 3.5 as "3,5".
    """
    text, start, end = match.string, match.start(), match.end()
    before, after = text[max(0, start - 40) : start], text[end : end + FARTHEST_AFTER]
    scale, negative = 0, None
    run: str = match["run"]
    if match["sign"] and _TERM_BEFORE.search(before):
        return None  # "10 -12"
    if before and is_bounded(before):
        return None
    joined = before.endswith(("=", "= ")) and _JOINED.search(before[-11:])
    if before and (joined or _SUSPICIOUS.search(before[-4:])):
        spoiled = _SPOILED_BEFORE.search(before)
        negative = spoiled and spoiled["word"] and _NEGATED.search(before)
        if spoiled and not negative and not (spoiled["range"] or "").startswith("from"):
            return None
    if "." in run and _ENDLESS_AFTER.match(after):
        return None
    follows = after.lstrip()
    if follows[:1] not in _CLOSES:
        if (bounds := _BOUND_AFTER.get(follows[:1])) and follows.startswith(bounds):
            return None
        if " " in run and after[0] == " " and after[1:2].isdigit():
            return None  # groups of a telephone number or of a card's
        if match["currency"] and (short := _SHORT_SCALE.match(after)):
            scale = 3 * (short.lastindex or 0)
        elif _SPOILED_AFTER.match(after) or _is_part(before, after):
            return None
        elif word := _MULTIPLIER.match(after.lower()):
            scale = _POWERS_OF_TEN[word.lastgroup or ""]
            if not scale or after[word.end() :].lstrip()[:1].isdigit():
                return None
    if run.isdigit():
        value = value_of(match, scale=scale)
        return f"-{value}" if negative and value and value[0] not in "-0" else value
    if _POINT.fullmatch(run):
        if _UNGROUPED_CURRENCY.search(before) or _UNGROUPED_AFTER.match(after):
            scale += 3  # "Rp 50.000" are fifty thousand
        elif match["currency"] == "\u20ac" or _EURO_AFTER.match(after):
            return None
    comma = bool(scale or match["currency"] or _UNIT_AFTER.match(after))  # "2,5 million"
    value = value_of(match, scale=scale, decimal_comma=decimal_comma or comma)
    return value if value is not None or scale else _last_of_list(match, before, after)


def is_bounded(before: str) -> bool:
    """Whether what stands before a number makes it a bound: "at least", "more than"."""
    lead = before.rstrip(_MARKUP)
    words = _BOUND_BEFORE.get(lead[-1:])
    return words is not None and f" {lead.lower()}".endswith(words)


def _is_part(before: str, after: str) -> bool:
    """Whether a numeral is a part of a quantity in two units: "5 ft 10 in"."""
    if _SMALLER_AFTER.match(after) and _LARGER_BEFORE.search(before):
        return True
    return _SMALLER_FOLLOWS.match(after) is not None


def _last_of_list(match: re.Match[str], before: str, after: str) -> str | None:
    """Return the last number of what is no numeral but a list, such as "1,2,3"; else None."""
    run: str = match["run"]
    if match["power"] is not None or match["e"] or match["ten"]:
        return None
    if re.fullmatch(r"\d+(?:,\d+)+", run):
        pieces = run.split(",")
        bracketed = after[:1] != "" and _BRACKETS.get(before[-1:]) == after[:1]
        shaped_as_list = len(pieces) > 2 and all(
            len(piece) != 3 and piece[0] != "0" for piece in pieces[1:]
        )
        return canonical_number(pieces[-1]) if bracketed or shaped_as_list else None
    if re.fullmatch(r"\d{4,}(?:[ ]\d{3})+", run):  # "in 2024 100 people"
        return canonical_number(run.rpartition(" ")[2])
    whole, space, fraction = run.partition(" ")
    if space and "/" in fraction and whole.isdigit():
        return canonical_number(fraction) if len(whole) > 3 else None
    return None


def number_with_unit(text: str) -> str | None:
    """Return the value of a text that is a number and its unit, such as "25 cm^2"; else None."""
    window = plain_digits(text.strip().strip("$").strip())
    match = NUMERAL.match(window)
    if match is None or not _UNIT.fullmatch(window, match.end()):
        return None
    return read_numeral(match)


_UNIT = re.compile(
    r"(?:(?!\s*(?:or|and|to|pi|mod|sqrt|if)\b)(?:\s?[^\W\d_]{2,20}\.?|\s[mgslLhVAWJNKCF]|\s?[/\u00b7]\s?[^\W\d_]{1,20})"
    r"(?:\s?\^?\s?\{?-?\d\}?)?){1,6}+[\s$.]*"
)
