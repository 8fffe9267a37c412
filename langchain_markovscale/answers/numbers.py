"""Numbers as answers write them, read into one exact canonical form.

Models write the same number in many ways ("75", "75.00", "+75", "$1,000", "3/4", "1.5e3"). Equal
numbers must become equal strings, and unequal ones must stay apart, so nothing here passes through
a float: digits are kept as text, and fractions are exact.
"""

import re
import unicodedata
from collections import deque
from fractions import Fraction

_MINUS = "-\u2212\u2013\ufe63\uff0d"  # hyphen, minus, en dash, small and full-width hyphen
_SIGN = f"[{_MINUS}+]"
_SEPARATOR = r"(?:\{,\}|,\\!|\\,|[,\u00a0\u202f\u2009])"  # also LaTeX's, and unbreakable spaces
_EXPONENT = (
    rf"(?:[eE]{_SIGN}?\d{{1,3}}(?!\d)"
    r"|\s?(?:\u00d7|\\times|\\cdot|\*|x)\s?10\s?(?:\^|\*\*)\s?"
    rf"\{{?{_SIGN}?\d{{1,3}}(?!\d)\}}?)"
)
_NUMERAL = rf"(?:\d++(?:{_SEPARATOR}\d++)*+(?:\.\d++)?+|\.\d++){_EXPONENT}?+"
_SLASH = r"\s?[/\u2044]\s?"

_NUMBER = re.compile(
    rf"""
    (?:(?<![A-Za-z_)\]}}\d])(?P<sign>{_SIGN}))?+          # "10-12" is a range, "= -5" is negative
    (?:\\?[$\u20ac\u00a3\u00a5\u20b9]\s?(?P<inner>{_SIGN})?+)?+       # "-$5" and "$-5"
    (?<![A-Za-z\d])(?<!\d[.,])                            # not in "m2", nor the end of "3.11.2"
    (?:(?P<whole>\d{{1,9}})[ ](?=\d{{1,9}}{_SLASH}\d))?+  # a mixed number: "2 1/2"
    (?P<ratio>{_NUMERAL}(?:{_SLASH}{_NUMERAL})*+)
    """,
    re.VERBOSE,
)
_PARTS = re.compile(
    rf"(?P<integer>\d*(?:{_SEPARATOR}\d+)*)(?:\.(?P<decimals>\d+))?(?P<exponent>{_EXPONENT})?"
)
_POWER = re.compile(rf"{_SIGN}?\d{{1,3}}\}}?$")
_LATEX_FRACTION = re.compile(
    r"(?:(?<=\d)\s?)?\\[dtc]?frac\s?"
    rf"(?:\{{\s?({_SIGN}?{_NUMERAL})\s?\}}\s?\{{\s?({_NUMERAL})\s?\}}|(\d)(\d))"
)
_VULGAR_FRACTION = re.compile("[\u00bc-\u00be\u2150-\u215e]")
_LONGEST_FRACTION_TERM = 300  # digits; longer terms are compared as they are written, not reduced


def last_numeral(text: str) -> str | None:
    """Return the last number of a text in canonical form, or None where there is none."""
    last = deque(_NUMBER.finditer(_with_plain_fractions(text)), maxlen=1)
    return _canonical(last[0]) if last else None


def canonical_number(text: str) -> str | None:
    """Return the canonical form of a text that is one number and nothing else, or None.

    Surrounding space, `$…$`, a currency or percent sign and a trailing period are allowed.
    """
    bare = _with_plain_fractions(text.strip()).strip("$").strip()
    bare = bare.removesuffix(".").rstrip().removesuffix("%").rstrip().removesuffix("\\")
    match = _NUMBER.fullmatch(bare)
    if match is None or not _well_formed(match):
        return None
    return _canonical(match)


def _with_plain_fractions(text: str) -> str:
    r"""Write `\frac{3}{4}` and U+00BE as `3/4`, after a digit as part of a mixed number."""
    if "frac" in text:
        text = _LATEX_FRACTION.sub(_plain_latex_fraction, text)
    for char in set(_VULGAR_FRACTION.findall(text)):
        text = text.replace(char, " " + unicodedata.normalize("NFKC", char))
    return text


def _plain_latex_fraction(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    space = " " if before.isdecimal() else ""
    return f"{space}{match[1] or match[3]}/{match[2] or match[4]}"


def _well_formed(match: re.Match[str]) -> bool:
    """Whether a match reads as one number: thousands in threes, at most one slash, no x/0."""
    terms = re.split(_SLASH, match["ratio"])
    if len(terms) > 2 or (len(terms) == 2 and _decimal(terms[1]) == "0"):
        return False
    return all(_grouped_in_threes(_integer_pieces(term)) for term in terms)


def _integer_pieces(term: str) -> list[str]:
    parts = _PARTS.fullmatch(term)
    return re.split(_SEPARATOR, parts["integer"]) if parts else [term]


def _grouped_in_threes(pieces: list[str]) -> bool:
    if len(pieces) == 1:
        return True
    return 1 <= len(pieces[0]) <= 3 and all(len(piece) == 3 for piece in pieces[1:])


def _canonical(match: re.Match[str]) -> str:
    terms = [_decimal(term) for term in re.split(_SLASH, match["ratio"])]
    if not _well_formed(match):
        return terms[-1]  # a list "12,34", a date, a path: its last part is the last number
    value = terms[0] if len(terms) == 1 else _fraction(terms[0], terms[1], match["whole"])
    negative = any(sign and sign in _MINUS for sign in (match["sign"], match["inner"]))
    return f"-{value}" if negative and value != "0" else value


def _decimal(term: str) -> str:
    """Write a numeral as plain digits: no separators, exponent, leading or trailing zeros."""
    parts = _PARTS.fullmatch(term)
    if parts is None:
        return term
    pieces = re.split(_SEPARATOR, parts["integer"])
    integer = "".join(pieces) if _grouped_in_threes(pieces) else pieces[-1]
    integer, decimals = _ascii_digits(integer), _ascii_digits(parts["decimals"] or "")
    if parts["exponent"]:
        integer, decimals = _shifted(integer, decimals, _exponent(parts["exponent"]))
    integer, decimals = integer.lstrip("0") or "0", decimals.rstrip("0")
    return f"{integer}.{decimals}" if decimals else integer


def _ascii_digits(digits: str) -> str:
    if digits.isascii():
        return digits
    return "".join(str(unicodedata.decimal(digit)) for digit in digits)


def _exponent(text: str) -> int:
    power = _POWER.search(text)
    written = power[0].rstrip("}") if power else "0"
    size = int(written.lstrip("+" + _MINUS))
    return -size if written[0] in _MINUS else size


def _shifted(integer: str, decimals: str, places: int) -> tuple[str, str]:
    """Move the decimal point `places` to the right (to the left if negative)."""
    digits, point = integer + decimals, len(integer) + places
    if point <= 0:
        return "0", "0" * -point + digits
    digits = digits.ljust(point, "0")
    return digits[:point], digits[point:]


def _fraction(numerator: str, denominator: str, whole: str | None) -> str:
    """Write a fraction as a decimal where that is exact, else in lowest terms."""
    if max(len(numerator), len(denominator)) > _LONGEST_FRACTION_TERM:
        return f"{numerator}/{denominator}"
    value = Fraction(numerator) / Fraction(denominator)
    if whole is not None and value < 1:
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
