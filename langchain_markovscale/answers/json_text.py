"""JSON objects inside prose.

Models wrap JSON in code fences, sentences and LaTeX braces. Trying a parser at every `{` takes
quadratic time on hostile text; here braces are matched in one pass, only balanced spans that open
like an object are parsed, and the length of text whose parsing may fail is bounded.

What no parser takes can still be read field by field, which is enough for a judgement, though not
for an answer (`broken_json_objects`).
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from langchain_markovscale.answers.numerals import canonical_number

_OBJECT_OPENS = re.compile(r'\{\s*+"')
_STRING = r'"(?:[^"\\\n]|\\.)*+"'


def _braces(gap: str, within: str, besides: str = "") -> re.Pattern[str]:
    """Return the pattern of braces, of which those that open no object count only by number.

    Args:
        gap: What may stand between braces and is passed over with them.
        within: What may stand in an object of one level, which is found as a whole, for speed.
        besides: What else is found.
    """
    brace = rf'\{{(?!\s*+"){gap}'
    pair = rf"{brace}\}}{gap}"
    return re.compile(
        rf'(?P<object>\{{(?=\s*+"){within}\}})|(?P<opens>\{{(?=\s*+"))'
        rf"|(?P<nests>(?:(?:{pair})*+{brace})++)|(?:{pair})++|(?P<shuts>(?:\}}{gap})++){besides}",
        re.DOTALL,
    )


_ALL_BRACES = _braces("[^{}]*+", "[^{}]*+")
_BRACES_OUTSIDE_STRINGS = _braces(
    r'(?:[^{}"\\]++|\\[^{}])*+',
    rf'(?:[^{{}}"\\]++|\\.|{_STRING})*+',
    rf"|\\.|(?P<string>{_STRING})",
)
_MOST_PARSED_IN_VAIN = 8  # lengths of the text
_LEAST_IN_VAIN = 25  # a span that is parsed in vain counts as this part of the text at least
_MOST_STEPS = 4000  # from brace to brace, of which runs count as one: more of them are a flood
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
    if not _may_hold_object(text):
        return []
    for spans in _spans(text):
        if objects := list(islice(_parsed(text, sorted(spans)), _MOST_OBJECTS)):
            return objects  # an enclosing span comes before what it encloses
    return []


def last_json_object(text: str) -> JsonObject | None:
    """Return the last of the outermost JSON objects of a text, without reading the others."""
    if not _may_hold_object(text):
        return None
    for spans in _spans(text):
        # What ends last comes first; of two that end together, the one that encloses the other.
        last_first = sorted(spans, key=lambda span: (-span[1], span[0]))
        if last := next(_parsed(text, last_first), None):
            return last
    return None


def json_list(text: str) -> list[Any] | None:
    """Return a text that is a JSON list and nothing else; its numbers are canonical text."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    value = _decoded(text)
    return value if isinstance(value, list) else None


def without_objects(text: str, objects: list[JsonObject]) -> str:
    """Return a text with its JSON objects blanked, everything else in its place."""
    pieces, position = [], 0
    for _, start, end in objects:
        pieces += [text[position:start], " " * (end - start)]
        position = end
    return "".join([*pieces, text[position:]])


_FIELD = re.compile(
    r"""(?<![\w\\])(?P<quote>["'])(?P<name>[A-Za-z_][\w -]{0,30})(?P=quote)\s{0,20}:\s{0,20}"""
    r"""|(?<=[{\n,])[^\S\n]{0,20}(?P<bare>[A-Za-z_]\w{0,30})\s{0,20}:\s{0,20}"""
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


def _may_hold_object(text: str) -> bool:
    return "}" in text and _OBJECT_OPENS.search(text) is not None


def _parsed(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[JsonObject]:
    """Yield the spans that are objects, in their order, without those within one before them."""
    parsed_to, left = 0, _MOST_PARSED_IN_VAIN * len(text)
    for start, end in spans:
        if left < 0:
            return
        if start < parsed_to:
            continue
        if value := _loads(text[start:end]):
            yield JsonObject(value, start, end)
            parsed_to = end
        else:
            left -= max(end - start, len(text) // _LEAST_IN_VAIN)


def _integer_text(written: str) -> str:
    return "0" if written == "-0" else written  # JSON has no other sign and no leading zeros


@lru_cache(maxsize=256)  # a flood repeats itself
def _number_text(written: str) -> str:
    return canonical_number(written) or written


# Numbers become canonical text: exact, and without a limit on the digits of an integer.
_DECODER = json.JSONDecoder(
    strict=False, parse_int=_integer_text, parse_float=_number_text, parse_constant=str
)


def _loads(text: str) -> dict[str, Any] | None:
    value = _decoded(text)
    return value if isinstance(value, dict) else None


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _spans(text: str) -> Iterator[list[tuple[int, int]]]:
    """Yield the balanced `{…}` of a text that open like an object: one list, or a second.

    Quotation marks of the prose around an object can hide its braces: then braces alone must do.
    """
    outside: list[tuple[int, int]] = []
    opened: list[int] = []
    position: int | None = 0
    while position is not None:
        position = _step_through(text, position, opened, outside)
    yield outside
    everywhere: list[tuple[int, int]] = []
    opened = []
    for match in islice(_ALL_BRACES.finditer(text), _MOST_STEPS):
        _step(match, opened, everywhere)
    if everywhere != outside:
        yield everywhere


def _step_through(
    text: str, position: int, opened: list[int], spans: list[tuple[int, int]]
) -> int | None:
    """Go through a text up to a string outside all objects, and return where to go on."""
    for match in islice(_BRACES_OUTSIDE_STRINGS.finditer(text, position), _MOST_STEPS):
        if match.lastgroup != "string":
            _step(match, opened, spans)
        elif not opened:
            # Outside an object a quotation mark is prose, and what it encloses may be the object.
            return match.start() + 1
    return None


def _step(match: re.Match[str], opened: list[int], spans: list[tuple[int, int]]) -> None:
    kind, position = match.lastgroup, match.start()
    if kind == "object":
        spans.append(match.span())
    elif kind == "opens":
        opened.append(position)
    elif kind == "nests":
        opened.extend([-1] * (match[0].count("{") - match[0].count("}")))
    elif kind == "shuts":
        for _ in range(min(match[0].count("}"), len(opened))):
            position = match.string.index("}", position) + 1
            if (start := opened.pop()) >= 0:
                spans.append((start, position))
