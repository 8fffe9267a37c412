r"""One numeral: what it is worth, whatever style it is written in, in one exact canonical form.

Models write the same number in many ways ("75", "75.00", "$1,000", "1.234,56", "₹1,00,000", "3/4",
"1.5 × 10³", "2 million"). Equal numbers must become equal strings, and unequal ones must stay
apart, so nothing here passes through a float: digits are kept as text, and fractions are exact. A
numeral that is not understood is worth nothing: a piece of it would be another number.
"""

import re
import sys
import unicodedata
from fractions import Fraction

from langchain_markovscale.answers.languages import multipliers

CURRENCY = (
    "$\u20ac\u00a3\u00a5\u20b9\u20a9\u20bd\u20ba\u20ab\u0e3f\u20aa"
    "\u20a6\u20b1\u20b4\u20a1\u20b2\u20b5\u20b8\u20bf\u20be\u20bc\u20ad\u20ae\u09f3\ufdfc\u00a2"
)
_RANGE = "\u2013~"  # an en dash between two numbers, and its siblings


def _plain_characters() -> dict[int, str]:
    table = {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(128, sys.maxunicode + 1)
        if chr(code).isdecimal()
    }
    same = {
        "-": "\u2212\ufe63\uff0d\u2010\u2011",
        "\u00a0": "\u202f\u2009\u2007\u2008\u2005\u2006\u200a",
        "'": "\u2019\u02bc\u2032\uff07\u2018",
        ",": "\u066c\uff0c\u060c\u2e41",
        ".": "\u066b\uff0e",
        "~": "\uff5e\u301c\u223c",
        "\u00b7": "\u22c5\u2219\u2022",
        "/": "\u2044\uff0f\u2215",
        "%": "\uff05\u066a\ufe6a",
        "+": "\uff0b",
        "=": "\uff1d",
        ":": "\uff1a\u2236",
        "$": "\uff04",
        "(": "\uff08",
        ")": "\uff09",
        "": "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u061c",
    }
    table |= {ord(char): plain for plain, chars in same.items() for char in chars}
    for char in "\u00bc\u00bd\u00be\u2189" + "".join(map(chr, range(0x2150, 0x215F))):
        table[ord(char)] = "\u00a0" + unicodedata.normalize("NFKC", char).replace("\u2044", "/")
    return table


_SUPERSCRIPTS = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b\u207a"
_PLAIN = {
    **{code: code for code in range(0x2200)},  # for speed: what is not in the table takes longer
    **_plain_characters(),
    **str.maketrans(_SUPERSCRIPTS, "0123456789-+"),
}
_POWER_SIGN = re.compile(f"[{_SUPERSCRIPTS}]")
_POWER_BEGINS = re.compile(f"(?<!{_POWER_SIGN.pattern})(?={_POWER_SIGN.pattern})")
_TEX_SPACE = re.compile(r"(?<=\d)(?:\\[,;:! ]|,\\!|\{\\,\}|\{ \}|~)(?=\d{3}(?!\d))")
_TEX_COMMA = re.compile(r"(?<=\d)\{,\}(?=(\d{3}(?!\d))?)")
_SIMPLE = r"[-+]?\d+(?:[.,]\d+)*"
_TEX_FRACTION = re.compile(
    rf"(?:(\d)\s?)?\\[dtc]?frac\s?(?:\{{\s?({_SIMPLE})\s?\}}\s?\{{\s?({_SIMPLE})\s?\}}|(\d)\s?(\d))"
)


def plain_digits(text: str) -> str:
    r"""Write the digits, signs and fractions of all scripts and of LaTeX in ASCII.

    Arabic digits become `12.5`, `10³` becomes `10^3`, `2½` and `2\frac12` become `2 1/2`.
    """
    if not text.isascii():
        if _POWER_SIGN.search(text):
            text = _POWER_BEGINS.sub("^", text)
        text = text.translate(_PLAIN)
    if "\\" in text or "{" in text:
        text = _TEX_SPACE.sub("\u00a0", text)
        text = _TEX_COMMA.sub(lambda match: "," if match[1] else ".", text)
        if "frac" in text:
            text = _TEX_FRACTION.sub(_plain_tex_fraction, text)
    return text


def _plain_tex_fraction(match: re.Match[str]) -> str:
    fraction = f"{match[2] or match[4]}/{match[3] or match[5]}"
    return f"{match[1]} {fraction}" if match[1] else fraction


_EXPONENT = (
    r"(?:[eE](?P<e>[-+]?\d{1,3})(?![\w^])"
    r"|[ \u00a0]?(?:\u00d7|\\times|\\cdot|\u00b7|\*|x|X)[ \u00a0]?10[ ]?(?:\^|\*\*)[ ]?"
    r"(?:\{[ ]?(?P<braced>[-+]?\d{1,3})[ ]?\}|(?P<ten>[-+]?\d{1,3})(?!\d)))"
)
_POWER = r"[ ]?(?:\^(?!\{?\\circ)|\*\*(?=[-+]?\d|\{))[ ]?\{?[ ]?(?P<power>[-+]?\w{0,9})(?:[ ]?\})?"
_GLUED = r"A-Za-z\u00c0-\u024f"  # letters of names such as m2, H2O; not those of Chinese text
NUMERAL = re.compile(
    rf"""
    (?=[-+\u2013\\.\d{CURRENCY}])                          # for speed
    (?:(?<![{_GLUED}_)\]}}\d])(?P<sign>[-+\u2013]))?+     # "10-12" has no sign, "= -5" has one
    (?:\\?(?P<currency>[{CURRENCY}])[ \u00a0]?(?P<inner>[-+\u2013])?+)?+  # "-$5" and "$-5"
    (?<![{_GLUED}\d_^])(?<![{_GLUED}]-)(?<![\^_]\{{)(?<![\^_][-+])(?<![\^_]\{{[-+])(?<!\d[.,:'/])
    (?P<run>(?:(?<!\.)\.)?\d++(?:(?:[.,'_:{_RANGE}]|[ ]?\u00a0|[ ]?/[ ]?
        |[ ](?=\d{{3}}(?!\d)|\d{{1,9}}[ ]?/[ ]?\d))\d++)*+)
    (?:{_EXPONENT}|{_POWER})?+
    """,
    re.VERBOSE,
)
"""A numeral of any style in `plain_digits`, with its sign and currency; understood or not."""

_FORMS = re.compile(
    r"""
    (?P<plain>\d*(?:\.\d+)?)
    |(?P<decimal_comma>0,\d+ | \d{5,},\d{1,2})
    |(?P<comma>\d{1,3}(?:,\d{3})+ | \d{1,2}(?:,\d{2})+,\d{3})(?:\.(?P<comma_decimals>\d+))?
    |(?P<space>\d{1,3}(?:[ \u00a0]\d{3})+)(?:[.,](?P<space_decimals>\d+))?
    |(?P<mark>\d{1,3}(?:'\d{3})+ | \d{1,3}(?:_\d{3})+)(?:[.,](?P<mark_decimals>\d+))?
    |(?P<point>\d{1,3}(?:\.\d{3}){2,} | \d{1,3}(?:\.\d{3})+(?=,))(?:,(?P<point_decimals>\d+))?
    """,
    re.VERBOSE,
)
_NOT_DIGITS = re.compile(r"\D+")
_LONGEST_FRACTION_TERM = 300  # digits; longer terms are compared as they are written, not reduced


_LONGEST_USUAL = 240  # characters; a numeral is seldom longer
_LONGEST_PIECE = 40  # characters, such as a whole exponent
_MAY_BE_NUMBER = re.compile(r"[^\w\u00bc-\u00be\u2150-\u215e]{0,40}(?:[dtc]?frac|[\W\d])")


def canonical_number(text: str) -> str | None:
    """Return the canonical form of a text that is one number and nothing else, or None.

    Surrounding space, `$…$`, a currency or percent sign and a trailing period are allowed.
    """
    if not _MAY_BE_NUMBER.match(text) or not _opens_as_number(text.strip()):
        return None
    bare = plain_digits(text).strip().strip("$").strip().removesuffix(".").rstrip()
    bare = bare.removesuffix("%").rstrip("\\ \u00a0").rstrip(CURRENCY).rstrip()
    match = NUMERAL.fullmatch(bare)
    return None if match is None else _value_of(match)


def _opens_as_number(text: str) -> bool:
    """Whether a long text begins as a long number does: one numeral, without many fractions."""
    if len(text) <= _LONGEST_USUAL:
        return True
    window = plain_digits(text[:_LONGEST_USUAL]).lstrip().lstrip("$").lstrip()
    match = NUMERAL.match(window)
    if match is None:
        return not window
    return match.end() >= len(window) - _LONGEST_PIECE and match["run"].count("/") < 3


def _value_of(match: re.Match[str], *, scale: int = 0, decimal_comma: bool = False) -> str | None:
    """Return the canonical form of a numeral, or None where it is not understood.

    Args:
        match: What `NUMERAL` has matched.
        scale: The power of ten by which a word such as "million" multiplies it.
        decimal_comma: Whether the one comma of "12,5" is known to be a decimal sign.
    """
    run = match["run"]
    power = match["e"] or match["ten"] or match["braced"]
    if match["power"] is not None:
        if run != "10" or not re.fullmatch(r"[-+]?\d{1,3}", match["power"]):
            return None
        run, power = "1", match["power"]
    scale += int(power or 0)
    value = _ratio(run) if "/" in run else _decimal(run, decimal_comma=decimal_comma)
    if value is None:
        return None
    if scale:
        value = _scaled(value, scale)
    negative = any(sign and sign in "-\u2013" for sign in (match["sign"], match["inner"]))
    return f"-{value}" if negative and value != "0" else value


def _decimal(run: str, *, decimal_comma: bool = False) -> str | None:
    """Write a numeral as plain digits: no separators, leading or trailing zeros."""
    if run.isdigit():
        return run.lstrip("0") or "0"
    form = _FORMS.fullmatch(run)
    if form is None:
        integer, comma, decimals = run.partition(",")
        if not (decimal_comma and comma and integer.isdigit() and decimals.isdigit()):
            return None
    elif form["plain"] is not None:
        integer, _, decimals = run.partition(".")
    elif form["decimal_comma"] is not None:
        integer, _, decimals = run.partition(",")
    else:
        grouped = form["comma"] or form["space"] or form["mark"] or form["point"]
        decimals = run[len(grouped) + 1 :]
        if form["space"] and not decimals and _may_be_list(grouped):
            return None
        integer = _NOT_DIGITS.sub("", grouped)
    return _written(integer, decimals)


def _written(integer: str, decimals: str) -> str:
    integer, decimals = integer.lstrip("0") or "0", decimals.rstrip("0")
    return f"{integer}.{decimals}" if decimals else integer


def _may_be_list(grouped: str) -> bool:
    """Whether groups such as "100 200 300" may as well be several numbers."""
    first, *others = re.split("[ \u00a0]", grouped)
    return " " in grouped and len(first) == 3 and "000" not in others


def _ratio(run: str) -> str | None:
    """Return the value of a fraction or a mixed number, or the year of a date."""
    whole = None
    terms = [term.strip() for term in run.split("/")]
    if len(terms) == 3:
        is_date = re.fullmatch(r"\d{1,2}/\d{1,2}/(?:1[5-9]|20)\d\d", run)
        return terms[2] if is_date else None
    if len(terms) != 2:
        return None
    before, space, numerator = terms[0].replace("\u00a0", " ").rpartition(" ")
    if space:
        before = before.rstrip()
        sizes = len(before) < 10 and max(len(numerator), len(terms[1])) < 5
        if not (before.isdigit() and numerator.isdigit() and sizes):
            return None
        whole, terms[0] = before, numerator
    values = [_decimal(term) for term in terms]
    if values[0] is None or values[1] is None or values[1] == "0":
        return None
    return _fraction(values[0], values[1], whole)


def _fraction(numerator: str, denominator: str, whole: str | None) -> str | None:
    """Write a fraction as a decimal where that is exact, else in lowest terms."""
    if max(len(numerator), len(denominator)) > _LONGEST_FRACTION_TERM:
        return f"{numerator}/{denominator}"
    value = Fraction(numerator) / Fraction(denominator)
    if whole is not None:
        if value >= 1:
            return None  # "7 22/7" is no mixed number
        value += int(whole)
    twos, rest = _factor_out(value.denominator, 2)
    fives, rest = _factor_out(rest, 5)
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    digits = str(value.numerator * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def _factor_out(number: int, prime: int) -> tuple[int, int]:
    count = 0
    while number % prime == 0:
        number //= prime
        count += 1
    return count, number


def _scaled(value: str, places: int) -> str | None:
    """Move the decimal point `places` to the right (to the left if negative)."""
    numerator, slash, denominator = value.partition("/")
    if slash:
        if places < 0 or len(value) > 2 * _LONGEST_FRACTION_TERM:
            return None
        return _fraction(str(int(numerator) * 10**places), denominator, None)
    integer, _, decimals = numerator.partition(".")
    digits, point = integer + decimals, len(integer) + places
    if point <= 0:
        integer, decimals = "0", "0" * -point + digits
    else:
        digits = digits.ljust(point, "0")
        integer, decimals = digits[:point], digits[point:]
    return _written(integer, decimals)


# ---- A numeral and what stands around it

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
_SPOILED_BEFORE = re.compile(
    r"(?:\\sqrt[ ]?(?:\[\d*\])?[ ]?\{?|\u221a[({]?|\bsqrt\(?|\u00b1[ ]?|\\pm[ ]?|\\log[ ]?"
    r"|\d[ ]?[\u2013~][ ]?|\d-\d+-|\bbetween[ ]\S{1,20}[ ]and[ ]|\d[ ](?:or|out of)[ ]|\b1[ ]in[ ]"
    rf"|\d[ ](?:{_RANGE_WORDS})[ ]|\d[ ]?(?:[\u5230\u81f3]|\u304b\u3089|\uc5d0\uc11c)[ ]?"
    # Joined to a numeral or a letter: a range, a date, a telephone number, a piece of a sum.
    r"|\d(?:[a-z]{0,2}|[%\u00b0])-|[\dA-Za-z]\+|\d(?:\u2014|\.{2,3}|\u2026)|\d\.?\(|\d\u00b0"
    r"|\d-[A-Za-z]{1,9}[-.]|\d[ ]?[xX\u00d7][ ]?|[\d)][ ]\d{1,6}[ ]"
    r"|(?P<range>(?:\bfrom[ ])?\d[\d.,]{0,20}[ ]to[ ]))\Z"
)
_SPOILED_AFTER = re.compile(
    r"[ \u00a0]?(?:\\(?:pi|sqrt|pm)\b|[\u03c0\u221a\u00b1]|\\?dozen|[\u2013~\u2014][ ]?\d)"
    r"|[abejoruvwxyzinpqDkKMB](?![A-Za-z\u00c0-\u024f])|[xX\u00d7][ ]?\d|[boh]\d|[a-z]{0,2}-\d"
    r"|[eE][-+]?\d|-[A-Za-z]{1,9}[-.]\d|\u00b0\d|\u0305"
)
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
    r"[{(\]\u221a\u00b1\u2013\u2014~tg+\u00b0xX\u00d7-][ ]?\Z|[.\u2026]\Z|\d[ ]\Z"
    r"|(?:pm|and|or|of|to|in|bis|\u00e0|\u0434\u043e|\u03c9\u03c2|\u1ebfn|pai|gga)[ ]\Z"
    r"|[\u5230\u81f3\u3089\uc11c][ ]?\Z"
)
_MULTIPLIER, _POWERS_OF_TEN = multipliers()
_SHORT_SCALE = re.compile(r"[ ]?(?:(k|K)|(M|m|mm|MM)|(B|b|bn)|(T|tn))(?![A-Za-z])")
_UNGROUPED_CURRENCY = re.compile(r"(?:Rp\.?|R\$|VND|IDR|COP|CLP)[ ]?\Z")
_UNGROUPED_AFTER = re.compile(r"[ \u00a0]?(?:\u20ab|\u0111(?:\u1ed3ng)?\b|VND|VN\u0110|IDR|rupiah)")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def read_numeral(match: re.Match[str]) -> str | None:
    """Return the value of a numeral in its surroundings, or None where it is not understood."""
    text, start, end = match.string, match.start(), match.end()
    before, after = text[max(0, start - 40) : start], text[end : end + 24]
    scale = 0
    run: str = match["run"]
    if _SUSPICIOUS.search(before[-4:]):
        spoiled = _SPOILED_BEFORE.search(before)
        if spoiled and not (spoiled["range"] or "").startswith("from"):
            return None
        if before.endswith("-") and "/" in run and before[-2:-1].isdigit():
            return None  # "1-1/2"
    if "." in run and _ENDLESS_AFTER.match(after):
        return None
    if after.lstrip()[:1] not in _CLOSES:
        if " " in run and after[0] == " " and after[1:2].isdigit():
            return None  # groups of a telephone number or of a card's
        if match["currency"] and (short := _SHORT_SCALE.match(after)):
            scale = 3 * (short.lastindex or 0)
        elif _SPOILED_AFTER.match(after) or _is_part(before, after):
            return None
        elif word := _MULTIPLIER.match(after.lower()):
            scale = _POWERS_OF_TEN[word.lastgroup or ""]
            if not scale or after[word.end() : word.end() + 1].isdigit():
                return None
    if run.isdigit():
        return _value_of(match, scale=scale)
    if "." in run and re.fullmatch(r"\d{1,3}\.\d{3}", run):
        if _UNGROUPED_CURRENCY.search(before) or _UNGROUPED_AFTER.match(after):
            scale += 3  # "Rp 50.000" are fifty thousand
        elif after.lstrip("\u00a0 ").startswith("\u20ac") or match["currency"] == "\u20ac":
            return None
    comma = match["currency"] is not None or _UNIT_AFTER.match(after) is not None
    value = _value_of(match, scale=scale, decimal_comma=comma)
    return value if value is not None or scale else _last_of_list(match, before, after)


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
