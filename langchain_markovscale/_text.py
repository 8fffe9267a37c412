"""Text from outside: made valid where it comes in, and harmless where it goes out.

A reply that was cut within an emoji ends in half of a surrogate pair, which no file, socket or
tokenizer takes; and a text may hold characters that steer a terminal or reorder what is read. What
comes in passes `valid` once; what goes out to a screen, a page or a log passes `harmless` once.
"""

import logging
import os
import re
import unicodedata
from typing import Any

HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff"
)
"""Control, format, surrogate and separator characters, which hide, reorder or break text.

The inside of a character class. Newline and tab are not among them, nor are the joiners that
scripts and emoji need (U+200C, U+200D).
"""

_HIDDEN = re.compile(f"[{HIDDEN}]")


def valid(text: str) -> str:
    """Return a text that can be encoded.

    Args:
        text: Any text. Halves of a surrogate pair become the character that they are of, a half
            that stands alone becomes U+FFFD; everything else stays.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return str(text)


def all_valid(value: Any) -> Any:
    """Return a value of JSON, such as the content of a message, with every text in it `valid`."""
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, list):
        return [all_valid(part) for part in value]
    if isinstance(value, dict):
        return {all_valid(name): all_valid(part) for name, part in value.items()}
    return value


def harmless(text: str) -> str:
    """Return a text that neither steers a terminal nor reads otherwise than it is written.

    Args:
        text: Any text. Each of the characters `HIDDEN` becomes U+FFFD.
    """
    return _HIDDEN.sub("\ufffd", text.replace("\r\n", "\n"))


def logger_of(name: str) -> logging.Logger:
    """Return a logger whose records are `harmless`, errors of other libraries included.

    Args:
        name: The module's name.
    """
    logger = logging.getLogger(name)
    logger.addFilter(_harmless_record)
    return logger


def _harmless_record(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):  # numbers and what is tame stay as they are
        record.args = tuple(map(_tamed, record.args))
    if record.exc_info:
        traceback = logging.Formatter().formatException(record.exc_info)
        if harmless(traceback) != traceback:
            record.exc_text = harmless(traceback)  # which formatters take where it is there
    return True


def _tamed(value: object) -> object:
    tame = harmless(shown := str(value))
    return value if tame == shown else tame


_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_JOINING = re.compile(  # joiners, fillers, variation selectors and marks upon letters
    "[\u034f\u115f\u1160\u17b4\u17b5\u200c\u200d\u3164\ufe00-\ufe0f\uffa0\u0300-\u036f]"
)
_GREEK = "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
_CYRILLIC = (
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408"
)
_CYRILLIC_SMALL = (
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u0501\u051b\u051d\u04cf"
)
_SMALL_CAPITALS = (
    "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274"
    "\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22"
)
_LOOKALIKES = {
    **dict(zip(_GREEK, "ABEZHIKMNOPTYX", strict=True)),
    **dict(zip("\u03bf\u03bd\u03b9\u03c1\u03c5\u0251\u0131", "ovipuai", strict=True)),
    **dict(zip(_CYRILLIC, "ABEKMHOPCTYXSIJ", strict=True)),
    **dict(zip(_CYRILLIC_SMALL, "aeopcyxsijhdqwl", strict=True)),
    **dict(zip(_SMALL_CAPITALS, "ABCDEFGHIJKLMNOPRSTUVWYZ", strict=True)),
}


class _Looks(dict[int, str]):
    """What characters look like in ASCII; looked up once each."""

    def __missing__(self, code: int) -> str:
        apart = unicodedata.normalize("NFKD", chr(code))
        self[code] = apart[0] if all(map(unicodedata.combining, apart[1:])) else chr(code)
        return self[code]


_LOOKS = _Looks(str.maketrans(_LOOKALIKES))


def unhidden(text: str) -> str:
    """Return a text without the characters `HIDDEN`; what breaks lines becomes a newline."""
    return _HIDDEN.sub("", _LINE_BREAKS.sub("\n", text))


def folded(text: str) -> str:
    """Return a text of the same length in the letters of ASCII that it looks like.

    Args:
        text: Any text. Full-width and mathematical letters (NFKC), letters with marks and those of
            other scripts that look alike become the plain ones; what looks like none stays.
    """
    return text if text.isascii() else text.translate(_LOOKS)


def unjoined(text: str) -> str:
    """Return a text without joiners, variation selectors and marks on letters."""
    return text if text.isascii() else _JOINING.sub("", text)


def at_revision(name: str, revision: str | None) -> str:
    """Return the name of a model with the revision that was asked for, as in `org/model@v2`."""
    return name if revision is None else f"{name}@{revision}"


def name_of(path: str | os.PathLike[str]) -> str:
    r"""Return a path as text: bytes of it that are no UTF-8 are written out, as in `caf\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
