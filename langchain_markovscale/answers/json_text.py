"""JSON objects inside prose.

Models wrap JSON in code fences, sentences and LaTeX braces. Trying a parser at every `{` takes
quadratic time on hostile text; here braces are matched in one pass, only balanced spans that open
like an object are parsed, and the length of text whose parsing may fail is bounded.

What no parser takes can still be read field by field, which is enough for a judgement, though not
for an answer (`broken_json_objects`).
"""

import json
import re
from itertools import islice
from typing import Any, NamedTuple

from langchain_markovscale.answers.numerals import canonical_number

_BRACES_AND_STRINGS = re.compile(r'\\.|"(?:[^"\\\n]|\\.)*+"|[{}]', re.DOTALL)
_BRACES = re.compile(r"[{}]")
_OBJECT_OPENS = re.compile(r'\{\s*+"')
_MOST_FAILED_PARSING = 8  # lengths of the text
_MOST_OBJECTS = 200
_MOST_BROKEN_FIELDS = 200


class JsonObject(NamedTuple):
    """A JSON object and where it stands, `text[start:end]`.

    Its numbers are text in canonical form.
    """

    value: dict[str, Any]
    start: int
    end: int


def json_objects(text: str) -> list[JsonObject]:
    """Return the first 200 outermost JSON objects of a text, in order, without empty ones."""
    if _OBJECT_OPENS.search(text) is None:
        return []
    # Quotation marks of the prose around an object can hide its braces: then braces alone must do.
    return _parsed(text, _spans_outside_strings(text)) or _parsed(text, _spans(text))


def last_json_object(text: str) -> JsonObject | None:
    """Return the last of the outermost JSON objects of a text, without reading the others."""
    if "}" not in text or _OBJECT_OPENS.search(text) is None:
        return None
    return _last_parsed(text, _spans_outside_strings(text)) or _last_parsed(text, _spans(text))


_FIELD = re.compile(
    r"""(?<![\w\\])(?P<quote>["'])(?P<name>[A-Za-z_][\w -]{0,30})(?P=quote)\s{0,20}:\s{0,20}"""
    r"""|(?<=[{\n,])\s{0,20}(?P<bare>[A-Za-z_]\w{0,30})\s{0,20}:\s{0,20}"""
    r"""(?=["'\d{\[]|true\b|false\b|null\b)""",
    re.IGNORECASE,
)
_BROKEN_OBJECT_OPENS = re.compile(r"""\{\s{0,20}(?=["']?[A-Za-z_][\w -]{0,30}["']?\s{0,20}:)""")
_STRING_ENDS = {quote: re.compile(rf"{quote}[\s,]*+[}}\]][\s,}}\]]*+") for quote in "\"'"}
_LITERAL_ENDS = re.compile(r"[,}\]\n][\s,}\]]*+")
_LITERALS = {"true": True, "false": False, "null": None, "none": None}
_ESCAPED = re.compile(r"""\\(["'\\/nt])""")


def broken_json_objects(text: str) -> list[JsonObject]:
    r"""Return what can be read of objects that are no JSON, in linear time.

    Args:
        text: A text with single quotes or none around names, quotation marks within strings,
            missing or trailing commas, or an end that was cut off.

    Returns:
        Objects of strings, booleans, None and numbers as text, where each name comes once: objects
        within an object are not told from it, and a name that comes again begins another. A
        literal that is cut off has no value. Nothing where no object opens, or there are more than
        200 fields, which nobody writes by hand.
    """
    opening = _BROKEN_OBJECT_OPENS.search(text)
    if opening is None:
        return []
    fields = list(islice(_FIELD.finditer(text, opening.start()), _MOST_BROKEN_FIELDS + 1))
    if not 1 <= len(fields) <= _MOST_BROKEN_FIELDS:
        return []
    objects: list[JsonObject] = []
    value: dict[str, Any] = {}
    start = end = opening.start()
    for field, following in zip(fields, [*fields[1:], None], strict=True):
        name = field["name"] or field["bare"]
        if name in value:
            objects.append(JsonObject(value, start, end))
            value, start = {}, field.start()
        limit = len(text) if following is None else following.start()
        value[name], end = _broken_value(text, field.end(), limit, is_last=following is None)
    return [*objects, JsonObject(value, start, end)] if value else objects


def _broken_value(text: str, start: int, limit: int, *, is_last: bool) -> tuple[Any, int]:
    """Return the value that begins here, and where it ends, with the object if it is the last."""
    quote = text[start : start + 1]
    is_string = quote in _STRING_ENDS
    ends = _STRING_ENDS[quote] if is_string else _LITERAL_ENDS
    closing = ends.search(text, start + is_string, limit) if is_last or not is_string else None
    written = text[start : closing.start() if closing else limit].strip("{ \n\t,`")
    end = closing.end() if closing and is_last else limit
    if is_string:
        inside = written[1:] if closing else written[1:].removesuffix(quote)
        return _ESCAPED.sub(_unescaped, inside), end
    if is_last and closing is None:
        return None, end
    return _LITERALS.get(written.lower(), canonical_number(written) or written), end


def _unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(match[1], match[1])


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
        if characters_left < 0 or len(objects) >= _MOST_OBJECTS:
            break
        if start < parsed_to or not _OBJECT_OPENS.match(text, start):
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
