r"""One numeral: what it is worth, whatever style it is written in, in one exact canonical form.

Models write the same number in many ways ("75", "75.00", "$1,000", "1.234,56", "₹1,00,000", "3/4",
"1.5 × 10³", "2 million"). Equal numbers must become equal strings, and unequal ones must stay
apart, so nothing here passes through a float: digits are kept as text, and fractions are exact. A
numeral that is not understood is worth nothing: a piece of it would be another number.
"""

import re
import unicodedata
from fractions import Fraction

CURRENCY = (
    "$\u20ac\u00a3\u00a5\u20b9\u20a9\u20bd\u20ba\u20ab\u0e3f\u20aa"
    "\u20a6\u20b1\u20b4\u20a1\u20b2\u20b5\u20b8\u20bf\u20be\u20bc\u20ad\u20ae\u09f3\ufdfc\u00a2"
)
_RANGE = "\u2013~"  # an en dash between two numbers, and its siblings
_LAST_DIGIT = 0x1FBFA  # code points from here on are no decimal digits


def _plain_characters() -> dict[int, str]:
    table = {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(128, _LAST_DIGIT)
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
_PLAIN = _plain_characters() | str.maketrans(_SUPERSCRIPTS, "0123456789-+")
_PLAIN_ALONE = {
    char: "^" * (char in _SUPERSCRIPTS) + char.translate(_PLAIN) for char in map(chr, _PLAIN)
}
_NOT_PLAIN = re.compile(  # most characters are refused here, for speed
    "["
    + re.escape("".join(chr(code) for code in _PLAIN if code < 0x10000))
    + "\U00010000-\U0001ffff]+"
)
_POWER_SIGN = re.compile(f"[{_SUPERSCRIPTS}]")
_POWER_BEGINS = re.compile(f"(?<!{_POWER_SIGN.pattern})(?={_POWER_SIGN.pattern})")
_TEX_SPACE = re.compile(  # what stands before comes last, for speed
    r"(?:\\[,;:! ](?<=\d..)|,\\!(?<=\d...)|\{\\,\}(?<=\d....)|\{ \}(?<=\d...)|~(?<=\d.))"
    r"(?=\d{3}(?!\d))"
)
_TEX_COMMA = re.compile(r"\{,\}(?<=\d...)(?=(\d{3}(?!\d))?)")
_SIMPLE = r"[-+]?\d+(?:[.,]\d+)*"
_TEX_FRACTION = re.compile(
    r"\\(?:(?<=\d\\)(?P<mixed>))?[dtc]?frac\s?"
    rf"(?:\{{\s?({_SIMPLE})\s?\}}\s?\{{\s?({_SIMPLE})\s?\}}|(\d)\s?(\d))"
)


def plain_digits(text: str) -> str:
    r"""Write the digits, signs and fractions of all scripts and of LaTeX in ASCII.

    Arabic digits become `12.5`, `10³` becomes `10^3`, `2½` and `2\frac12` become `2 1/2`.
    """
    if not text.isascii():
        text = _NOT_PLAIN.sub(_plain_run, text)
    if "\\" in text or "{" in text:
        text = _TEX_SPACE.sub("\u00a0", text)
        text = _TEX_COMMA.sub(lambda match: "," if match[1] else ".", text)
        if "frac" in text:
            text = _TEX_FRACTION.sub(_plain_tex_fraction, text)
    return text


def _plain_run(match: re.Match[str]) -> str:
    run = match[0]
    if len(run) == 1:  # for speed
        return _PLAIN_ALONE.get(run, run)
    if _POWER_SIGN.search(run):
        run = _POWER_BEGINS.sub("^", run)
    return run.translate(_PLAIN)


def _plain_tex_fraction(match: re.Match[str]) -> str:
    over, under = match.group(2, 3) if match[2] else match.group(4, 5)
    return f"{over}/{under}" if match["mixed"] is None else f" {over}/{under}"


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
    (?:(?=\D)(?<![{_GLUED}_)\]}}\d%\u00b0])(?P<sign>[-+\u2013]))?+  # "1-2" has no sign, "= -5" has
    (?:\\?(?P<currency>[{CURRENCY}])[ \u00a0]?(?P<inner>[-+\u2013])?+)?+  # "-$5" and "$-5"
    (?:(?<=\s)|
    (?<![{_GLUED}\d_^])(?<![{_GLUED}]-)(?<![\^_]\{{)(?<![\^_][-+])(?<![\^_]\{{[-+])(?<!\d[.,:'/]))
    (?P<run>(?:(?<!\.)\.)?\d++(?:(?:[.,'_:{_RANGE}]|[ ]?\u00a0|[ ]?/[ ]?
        |[ ](?=\d{{3}}(?!\d)|\d{{1,9}}[ ]?/[ ]?\d))\d++)*+)
    (?:(?=[ \u00a0]?[eE\u00d7\\\u00b7*xX^])(?:{_EXPONENT}|{_POWER}))?+
    """,
    re.VERBOSE,
)
"""A numeral of any style in `plain_digits`, with its sign and currency; understood or not."""

_FORMS = re.compile(
    r"""
    (?P<decimal_comma>0,\d+ | \d{5,},\d{1,2})
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
_LONG_RUN = re.compile(
    r"\d*(?:[.,]\d*)?(?:/\d*)?|\d{1,3}(?:,\d{2,3})*(?:[.,]\d*)?"
    r"|\d{1,3}(?:'\d{3}|_\d{3}|\.\d{3})*(?:['_.,]\d*)?"
)
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
    return None if match is None else value_of(match)


def _opens_as_number(text: str) -> bool:
    """Whether a long text begins as a long number does: digits, perhaps in groups."""
    if len(text) <= _LONGEST_USUAL:
        return True
    window = plain_digits(text[:_LONGEST_USUAL]).lstrip().lstrip("$").lstrip()
    match = NUMERAL.match(window)
    if match is None or match.end() < len(window) - _LONGEST_PIECE:
        return False
    return _LONG_RUN.fullmatch(match["run"]) is not None


def value_of(match: re.Match[str], *, scale: int = 0, decimal_comma: bool = False) -> str | None:
    """Return the canonical form of a numeral, or None where it is not understood.

    Args:
        match: What `NUMERAL` has matched.
        scale: The power of ten by which a word such as "million" multiplies it.
        decimal_comma: Whether the one comma of "12,5" is known to be a decimal sign.
    """
    run, sign, inner, power = match.group("run", "sign", "inner", "power")
    if power is None:
        power = match["e"] or match["ten"] or match["braced"]
    elif run == "10" and re.fullmatch(r"[-+]?\d{1,3}", power):
        run = "1"
    else:
        return None
    scale += int(power or 0)
    value = _ratio(run) if "/" in run else _decimal(run, decimal_comma=decimal_comma)
    if value is None:
        return None
    if scale:
        value = _scaled(value, scale)
    negative = "-" in (sign, inner) or "\u2013" in (sign, inner)
    return f"-{value}" if negative and value != "0" else value


def _decimal(run: str, *, decimal_comma: bool = False) -> str | None:
    """Write a numeral as plain digits: no separators, leading or trailing zeros."""
    if run.isdigit():
        return run.lstrip("0") or "0"
    integer, point, decimals = run.partition(".")
    if (integer + decimals).isdigit() and bool(point) == bool(decimals):
        return _written(integer, decimals)
    form = _FORMS.fullmatch(run)
    if form is None:
        integer, comma, decimals = run.partition(",")
        if not (decimal_comma and comma and integer.isdigit() and decimals.isdigit()):
            return None
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
    if values[0] is None or values[1] in (None, "0") or values == ["50", "50"]:  # even chances
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
