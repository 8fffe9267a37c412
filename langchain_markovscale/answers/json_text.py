"""JSON objects inside prose.

Models wrap JSON in code fences, sentences and LaTeX braces. Trying a parser at every `{` takes
quadratic time on hostile text; here braces are matched in one pass, only balanced spans that open
like an object are parsed, and the length of text whose parsing may fail is bounded.
"""

import json
import re
from typing import Any, NamedTuple

from langchain_markovscale.answers.numerals import canonical_number

_BRACES_AND_STRINGS = re.compile(r'\\.|"(?:[^"\\\n]|\\.)*+"|[{}]', re.DOTALL)
_BRACES = re.compile(r"[{}]")
_OBJECT_OPENS = re.compile(r'\{\s*+"')
_MOST_FAILED_PARSING = 8  # lengths of the text


class JsonObject(NamedTuple):
    """A JSON object and where it stands, `text[start:end]`.

    Its numbers are text in canonical form.
    """

    value: dict[str, Any]
    start: int
    end: int


def json_objects(text: str) -> list[JsonObject]:
    """Return the outermost JSON objects of a text, in order; empty ones are left out."""
    if _OBJECT_OPENS.search(text) is None:
        return []
    # Quotation marks of the prose around an object can hide its braces: then braces alone must do.
    return _parsed(text, _spans_outside_strings(text)) or _parsed(text, _spans(text))


def last_json_object(text: str) -> JsonObject | None:
    """Return the last of the outermost JSON objects of a text, without reading the others."""
    if "}" not in text or _OBJECT_OPENS.search(text) is None:
        return None
    return _last_parsed(text, _spans_outside_strings(text)) or _last_parsed(text, _spans(text))


def _last_parsed(text: str, spans: list[tuple[int, int]]) -> JsonObject | None:
    characters_left = _MOST_FAILED_PARSING * len(text)
    # What ends last comes first; of two that end together, the one that encloses the other.
    for start, end in sorted(spans, key=lambda span: (-span[1], span[0])):
        if characters_left < 0:
            return None
        if _OBJECT_OPENS.match(text, start):
            if value := _loads(text[start:end]):
                return JsonObject(value, start, end)
            characters_left -= end - start
    return None


def _parsed(text: str, spans: list[tuple[int, int]]) -> list[JsonObject]:
    objects: list[JsonObject] = []
    parsed_to, characters_left = 0, _MOST_FAILED_PARSING * len(text)
    for start, end in sorted(spans):  # an enclosing span comes before what it encloses
        if start < parsed_to or characters_left < 0 or not _OBJECT_OPENS.match(text, start):
            continue
        value = _loads(text[start:end])
        if value:
            objects.append(JsonObject(value, start, end))
            parsed_to = end
        else:
            characters_left -= end - start
    return objects


def _number_text(written: str) -> str:
    return canonical_number(written) or written


# Numbers become canonical text: exact, and without a limit on the digits of an integer.
_DECODER = json.JSONDecoder(
    strict=False, parse_int=_number_text, parse_float=_number_text, parse_constant=str
)


def _loads(text: str) -> dict[str, Any] | None:
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _spans(text: str) -> list[tuple[int, int]]:
    """Return all balanced `{…}` of a text."""
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    for match in _BRACES.finditer(text):
        _step(match[0], match.start(), opened, spans)
    return spans


def _spans_outside_strings(text: str) -> list[tuple[int, int]]:
    """Return all balanced `{…}`, not counting braces within the strings of an object."""
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    position: int | None = 0
    while position is not None:
        position = _step_through(text, position, opened, spans)
    return spans


def _step_through(
    text: str, position: int, opened: list[int], spans: list[tuple[int, int]]
) -> int | None:
    """Go through a text up to a string outside all objects, and return where to go on."""
    for match in _BRACES_AND_STRINGS.finditer(text, position):
        token = match[0]
        if token[0] == '"' and not opened:
            # Outside an object a quotation mark is prose, and what it encloses may be the object.
            return match.start() + 1
        _step(token, match.start(), opened, spans)
    return None


def _step(token: str, position: int, opened: list[int], spans: list[tuple[int, int]]) -> None:
    if token == "{":
        opened.append(position)
    elif token == "}" and opened:
        spans.append((opened.pop(), position + 1))
