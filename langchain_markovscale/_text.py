"""Text from outside: made valid where it comes in, and harmless where it goes out.

A reply that was cut within an emoji ends in half of a surrogate pair, which no file, socket or
tokenizer takes; and a text may hold characters that steer a terminal or reorder what is read. What
comes in passes `valid` once; what goes out to a screen or a page passes `harmless` once.
"""

import os
import re
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


def name_of(path: str | os.PathLike[str]) -> str:
    r"""Return a path as text: bytes of it that are no UTF-8 are written out, as in `caf\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
