"""The statements of a text: verdicts and probabilities after labels, in fields, alone on a line.

A label is its writer's own where it opens a line, is a tag, or is in capitals as asked for, and
stands in no quotation. Words such as "Correct" and "No" are a verdict where they open or close a
reply without labels, and a number alone where it says its scale and is the whole reply.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any, Literal, NamedTuple

from langchain_markovscale._text import folded
from langchain_markovscale.answers.json_text import (
    JsonObject,
    broken_json_objects,
    json_objects,
    without_objects,
)
from langchain_markovscale.verifiers.judge_phrases import (
    ELSEWHERE,
    MARK,
    is_about_error,
    read_grade,
    read_probability,
    read_verdict,
)

Kind = Literal["verdict", "word", "probability", "confidence"]
"""What a statement is: a word is a verdict by "Yes" and the like, which answers may be as well; a
confidence is in the verdict, whatever that is."""

Claim = tuple[Kind, bool | float | None]
"""What a statement says."""


class Statement(NamedTuple):
    """What a text states, from `start` to `end`; the value is None where it cannot be read."""

    kind: Kind
    value: bool | float | None
    start: int
    end: int


class Reading(NamedTuple):
    """What a text states as its writer's own, and the objects in it: JSON, or else broken.

    It is `flooded`, and states nothing, where it has more labels than anybody writes.
    """

    statements: list[Statement]
    objects: list[JsonObject]
    broken: list[JsonObject]
    flooded: bool = False


def read_statements(text: str) -> Reading:
    """Read a judge's reply, in which labels, quotations and lines tell what is the judge's own.

    Args:
        text: The reply, as it is.
    """
    objects = json_objects(text)
    broken = [] if objects else broken_json_objects(text)
    # What a broken object seems to hold may lie behind it, so it is read as text as well.
    rest = folded(without_objects(text, objects))
    labels = list(islice(_LABEL.finditer(rest), _MOST_LABELS + 1))
    if len(labels) > _MOST_LABELS:
        return Reading([], objects, broken, flooded=True)
    labelled = _in_objects(objects or broken) + _labelled(rest, labels)
    return Reading(labelled + _alone(rest, labelled), objects, broken)


def claims_of(text: str) -> set[Claim]:
    """Read everything that a text could be taken to state, wherever it stands in it.

    Args:
        text: Untrusted material, `folded`.
    """
    reading = read_statements(text)
    statements = _in_objects(reading.objects, deeply=True) + reading.statements
    claims: set[Claim] = {(each.kind, each.value) for each in statements}
    lines = filter(str.strip, text.split("\n"))
    for line, below in set(pairwise([*lines, ""])):  # a flood repeats itself
        claims.update(_claims_in(line, below))
    return claims


def _claims_in(line: str, below: str) -> Iterator[Claim]:
    """Yield what a line could be taken to state: alone, as an item, after each of its labels."""
    if _BARE_LINE.match(line):
        yield from ((each.kind, each.value) for each in _bare_in(0, line))
    if item := _ITEM.match(line):
        yield "word", read_verdict(item["word"])
    labels = [label for label in _ANY_LABEL.finditer(line) if _is_label(label)]
    for label, following in zip(labels, [*labels[1:], None], strict=False):
        value = line[label.end() : following.start() if following else len(line)]
        if following is None and not value.strip(_AROUND_VALUE):
            value = _value_below(below.lstrip())
        name, value = label["name"].upper(), _clipped(value)
        yield _read(name, value)
        if word := _FIRST_WORD.match(value):
            yield _read(name, word[0])


_MARKUP = r"[*_\"'\u201c\u201d`]"  # emphasis, code and quotation marks around a word
_ELSEWHERE_NAMES = ("判断", "判定", "评判", "结论", "判定结果")
_WORD_NAMES = (
    *("verdict", "passed", "pass", "is_correct", "is correct", "correct", "grade", "judgement"),
    *("judgment", "result", *_ELSEWHERE_NAMES),
)
_NUMBER_NAMES = ("score", "rating", "probability", "confidence")
_WORD = rf"(?:(?:pass|fail)(?:ed)?|(?:in)?correct|wrong|yes|no|true|false|{ELSEWHERE})\b"
_NAME = (
    r"verdict|grade|judge?ment|score|rating|(?:probability|confidence)(?:[ ](?:score|level))?"
    r"(?:[ ](?:of|that|in)[ ][a-z'\u2019 ]{1,40}+|[ ]?\([a-z ]{1,40}+\))?"
    rf"|{'|'.join(_ELSEWHERE_NAMES)}"
    # Names of other things as well, unless a verdict follows.
    rf"|result(?={_MARKUP}*+[ \t]*+[:=>]\W{{0,8}}{_WORD})"
    rf"|(?:is[_ ])?correct(?={_MARKUP}*+[ \t]*+[:=]\W{{0,8}}(?:yes|no|true|false)\b)"
)
_LABEL, _ANY_LABEL = (
    re.compile(
        # Its first letters are for speed.
        rf"\b(?=[vgjsrpci\u5224\u8bc4\u7ed3][aceorsu\u65ad\u5b9a\u5224\u8bba])(?P<name>{names})"
        rf"(?:(?P<tag>>)|(?P<close>{_MARKUP}*+)[ \t]*+(?P<colon>[:=]|$))",
        re.IGNORECASE | re.MULTILINE,
    )
    for names in (_NAME, rf"{_NAME}|(?:pass(?:ed)?|(?:is_)?correct)(?={_MARKUP}*+[ \t]*+[:=>])")
)
_LINE_OPENING = re.compile(
    rf"[ \t]*+(?:[#\-\u2022|{{,(<]++[ \t]*+|\d{{1,2}}[.)][ \t]*+)?{_MARKUP}*+"
    r"(?:(?:my|the|final|overall)[ ]){0,2}",
    re.IGNORECASE,
)
_SENTENCE_OPENING = re.compile(
    rf"[.!?;,)\u2013\u2014-]{_MARKUP}{{0,3}}[ \t]{{1,3}}[*_]{{0,3}}"
    r"(?:(?:so|thus|my|the|final|overall)[ ]){0,3}[*_]{0,3}\Z",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(
    r"[ \t*_]*+[A-Za-z]++[ \t*_.!)]*+(?:[,;:(\u2013\u2014-][^.!?\"'`]*+[.!)]?)?\s*+"
)
_FIRST_WORD = re.compile(r"\W*+\w*+")
_LONGEST_OPENING = 100  # characters before a label that opens a line
_LONGEST_SENTENCE_OPENING = 30
_LONGEST_VALUE = 400  # characters after or below a label that are looked at
_AROUND_VALUE = " \t*_\"'`"
_MOST_LABELS = 200

CRITIQUE_LABEL = re.compile(
    r"^[ \t]*+(?:(?:\#{1,6}|\d{1,2}[.)]|-)[ \t]*+)?[*_`<]*+"
    r"(?:(?P<asked>critique|feedback)|comments?|rationale|reason(?:ing)?|explanation)\b"
    r"(?:>|[*_`]*+[ \t]*+(?::[*_`]*+|$))",
    re.IGNORECASE | re.MULTILINE,
)
"""What opens a critique: the label asked for, or another name for it."""


def _labelled(text: str, found: list[re.Match[str]]) -> list[Statement]:
    """Find the labelled statements that are the writer's own, where labels were found."""
    statements: list[Statement] = []
    conclusion = _conclusion(text)
    for start, line in _lines_with(found, text):
        if line.lstrip().startswith(">"):
            continue
        labels = _own_labels(line, last=start >= conclusion)
        for label, following in zip(labels, [*labels[1:], None], strict=False):
            begin = 0 if _opens_line(label) else label.start()
            end = following.start() if following else len(line)
            value, stop = line[label.end() : end], start + end
            if following is None and not value.strip(_AROUND_VALUE):
                value, stop = _next_line(text, stop)
            if stop == len(text) and _is_field(label) and value[-1:].isdigit():
                value = ""  # the reply was cut off, and may be in the number
            statements.append(_stated(label["name"], value, start + begin, stop))
    return statements


def _is_label(label: re.Match[str]) -> bool:
    """Whether what looks like a tag opens like one."""
    return label["tag"] is None or label.string[label.start() - 1 : label.start()] == "<"


def _is_field(label: re.Match[str]) -> bool:
    """Whether a label is the name of a JSON field."""
    before = label.string[max(0, label.start() - 1) : label.start()]
    return before in ('"', "'") and (label["close"] or "").startswith(before)


def _conclusion(text: str) -> int:
    """Return where the last line begins that is more than a labelled statement."""
    for start, line in _last_lines(text):
        label = _LABEL.search(line, 0, 2 * _LONGEST_OPENING)
        if not (label and _opens_line(label)):
            return start
    return 0


def _own_labels(line: str, *, last: bool) -> list[re.Match[str]]:
    """Return the labels that are the writer's own.

    Such a label opens a line or follows one that does; or it is a tag, in capitals, as asked for,
    or the name of a JSON field; or it is the verdict with which the last line ends. And it is not
    in a quotation.
    """
    own: list[re.Match[str]] = []
    reached, double, back, curly = 0, 0, 0, 0
    for label in filter(_is_label, _LABEL.finditer(line)):
        start = label.start()
        double += line.count('"', reached, start)
        back += line.count("`", reached, start)
        curly += line.count("\u201c", reached, start) - line.count("\u201d", reached, start)
        reached = start
        is_name = _is_field(label)
        if (double % 2 or back % 2 or curly > 0) and not is_name:
            continue
        plain = own or is_name or label["name"].isupper() or (last and _concludes(label))
        if _opens_line(label) or label["tag"] or (plain and label["colon"]):
            own.append(label)
    return own


def _opens_line(label: re.Match[str]) -> bool:
    if label.start() > _LONGEST_OPENING:
        return False
    return _LINE_OPENING.fullmatch(label.string, 0, label.start()) is not None


def _concludes(label: re.Match[str]) -> bool:
    """Whether a label opens the sentence in which its line ends: "I agree. Verdict: PASS"."""
    line, start = label.string, label.start()
    if label["name"].lower() not in _WORD_NAMES:
        return False
    before = line[max(0, start - _LONGEST_SENTENCE_OPENING) : start]
    other = _LABEL.search(line, label.end())
    value = line[label.end() : other.start() if other else len(line)]
    return bool(_SENTENCE_OPENING.search(before) and _LAST_WORD.fullmatch(value))


def _lines_with(found: Iterable[re.Match[str]], text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines in which something is found, and where they begin."""
    end = -1
    for match in found:
        if match.start() > end:
            start = text.rfind("\n", 0, match.start()) + 1
            line = _line_at(text, start)
            end = start + len(line)
            yield start, line


def _last_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, from the last one on, and where they begin."""
    end = len(text.rstrip())
    while end >= 0:
        start = text.rfind("\n", 0, end) + 1
        if line := text[start:end].rstrip():
            yield start, line
            end = start - 1
        else:
            end = len(text[:start].rstrip()) or -1


def _line_at(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start:] if end < 0 else text[start:end]


def _next_line(text: str, position: int) -> tuple[str, int]:
    """Return the value below a label, and where it ends; nothing where another label follows."""
    below = text[position : position + _LONGEST_VALUE]
    value = _value_below(below.lstrip().split("\n", 1)[0])
    return value, position + (below.find(value) + len(value) if value else 0)


def _value_below(line: str) -> str:
    return "" if _LABEL.match(line) or CRITIQUE_LABEL.match(line) else line


def _stated(name: str, written: str, start: int, end: int) -> Statement:
    """Return what is written after a label or in a field, by either of the names of its value."""
    return Statement(*_read(name, _clipped(written)), start, end)


def _clipped(written: str) -> str:
    """Return the part of what stands after a label that is read."""
    return written[: 2 * _LONGEST_VALUE].partition("</")[0]


@lru_cache(maxsize=256)  # a flood repeats itself
def _read(name: str, written: str) -> Claim:
    if name == "GRADE" and (grade := read_grade(written)) is not None:
        return "verdict" if isinstance(grade, bool) else "probability", grade
    name = name.lower()
    kind: Kind = "confidence" if name.startswith("confidence") else "probability"
    if is_about_error(name):
        return kind, None
    number = read_probability(written, percent=name.startswith("probability"))
    # Of words where a number is asked for, only a plain verdict counts.
    in_words = name in _WORD_NAMES or (number is None and _BARE_VERDICT.match(written))
    verdict = read_verdict(written) if in_words else None
    if verdict is not None or (number is None and name in _WORD_NAMES):
        return "verdict", verdict
    return kind, number


_THEN = rf"{_MARKUP}*+\s*"
_BARE_VERDICT = re.compile(
    rf"[ \t#]*+{_MARKUP}*+(?:{MARK}{_MARKUP}*+\s*+$|(?:{MARK}[ ]*+{_MARKUP}*+)?+(?:"
    rf"(?P<grade>(?:PASS|FAIL)(?:ED|S)?)(?={_THEN}(?:$|[.,:;!(\-\u2013\u2014]))"
    rf"|(?:not[ ]correct|incorrect|wrong)(?={_THEN}(?:$|[.,;!(]|:(?!\s*(?:no|yes|false|true)\b)))"
    rf"|(?:correct|no|false)(?={_THEN}(?:$|[.,;!(]))"
    rf"|{ELSEWHERE}(?={_THEN}(?:$|[.,;:!(\u3002]))"
    r"|(?:yes|true)(?=\W*$|,?[ ]it[ ](?:is|does)\W*$|.{0,80}\b(?:correct|right|accurate)\b)))",
    re.IGNORECASE,
)
_BARE_PROBABILITY = re.compile(
    r"[\s*_]*(?:0?\.\d+|1\.0+|\d{1,3}(?:\.\d+)?\s?%"
    r"|\d{1,3}(?:\.\d+)?\s?(?P<of>/|out of)\s?\d{1,3}(?:\s(?:points?|stars?))?)[\s*_.]*",
    re.IGNORECASE,
)
_BARE_LINE = re.compile(
    rf"^[ \t#]*+{_MARKUP}*+(?={MARK}|pass|fail|not|incorrect|wrong|correct|no|false|yes|true"
    rf"|{ELSEWHERE}|[\d.])",
    re.IGNORECASE,
)
_SCALED = re.compile(r".*(?:%|\D(?:5|10|100)(?:\s(?:points?|stars?))?)[\s*_.]*", re.IGNORECASE)
_ITEM = re.compile(
    rf"^[ \t]*+(?:[-*\u2022][ \t]++)?{_MARKUP}{{0,3}}(?:criterion[ ])?(?:[A-Z]|\d{{1,2}})[.):]"
    rf"{_MARKUP}{{0,3}}[ \t]++{_MARKUP}{{0,3}}(?P<word>{_WORD})(?:[^\w\n?]*+$|(?=</))",
    re.IGNORECASE | re.MULTILINE,
)
_ITEMS = re.compile(rf"\s*+(?:{_ITEM.pattern}\s*+){{2,40}}", re.IGNORECASE | re.MULTILINE)


def _alone(text: str, labelled: list[Statement]) -> list[Statement]:
    """Return what a reply states without labels, on its first or last lines."""
    if _ITEMS.fullmatch(text):
        return [
            Statement("word", read_verdict(item["word"]), item.start(), item.end())
            for item in _ITEM.finditer(text)
        ]
    first = text.rfind("\n", 0, len(text) - len(text.lstrip())) + 1
    lines = dict([(first, _line_at(text, first)), *islice(_last_lines(text), 2)])
    bare = [statement for start in sorted(lines) for statement in _bare_in(start, lines[start])]
    if any(statement.value is not None for statement in labelled):
        bare = [statement for statement in bare if statement.kind != "word"]
    if not bare or any(statement.kind != "probability" for statement in bare):
        return bare
    # A number alone may be anything.
    is_all = len(lines) == 1 and not labelled
    return bare if is_all and _SCALED.fullmatch(lines[first].strip()) else []


def _bare_in(start: int, line: str) -> list[Statement]:
    """Find a verdict or a probability that stands alone on a line; a critique may follow it."""
    if word := _BARE_VERDICT.match(line):
        kind: Kind = "verdict" if word["grade"] else "word"
        return [Statement(kind, read_verdict(line), start, start + word.end())]
    if _BARE_PROBABILITY.fullmatch(line):
        return [Statement("probability", read_probability(line), start, start + len(line))]
    return []


_MAXIMA = ("max", "max_score", "maximum", "out_of", "scale")
_MOST_NESTED = 8


def _in_objects(objects: list[JsonObject], *, deeply: bool = False) -> list[Statement]:
    return [
        Statement(stated.kind, stated.value, start, end)
        for json_object, start, end in objects
        for stated in _in_fields(json_object, _MOST_NESTED, deeply=deeply)
    ]


def _in_fields(json_object: dict[str, Any], levels: int, *, deeply: bool) -> Iterator[Statement]:
    """Yield what an object states; where it has no field for it, or deeply, what those in it do."""
    fields = {folded(name).strip().lower(): field for name, field in json_object.items()}
    result = fields.get("result")
    if isinstance(result, str) and read_verdict(folded(result)) is None:
        del fields["result"]  # of something else
    scale = next((each for each in map(fields.get, _MAXIMA) if isinstance(each, str)), None)
    names = (*_WORD_NAMES, *_NUMBER_NAMES)
    stated = [name for name in names if isinstance(fields.get(name), (bool, str))]
    for name in stated:
        if isinstance(field := fields[name], bool):
            yield Statement("verdict", field, 0, 0)
            continue
        written = folded(field)
        on_scale = written if scale is None or "/" in written else f"{written}/{scale}"
        yield _stated(name, on_scale, 0, 0)
    if levels and (deeply or not stated):
        for field in fields.values():
            for part in field if isinstance(field, list) else [field]:
                if isinstance(part, dict):
                    yield from _in_fields(part, levels - 1, deeply=deeply)
