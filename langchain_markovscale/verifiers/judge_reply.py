"""Reading a judge's reply: its verdict, its probability and its critique.

The prompt asks for `CRITIQUE:`, `VERDICT:` and `PROBABILITY:` lines. JSON with these fields,
verdicts without a label and the markup of weak models are read as well. Beside the rule of
`judge_phrases`, that only clear statements count, there are two:

* What the judge quotes does not count: quoted lines, quotations, and claims in the candidate's
  favour that the material itself contains ("score: 1.0"), because a quotation without marks looks
  like a judgement.
* Where statements disagree, the least favourable counts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from langchain_markovscale.answers.json_text import JsonObject, json_objects
from langchain_markovscale.answers.thoughts import (
    has_tags,
    opens_with_thoughts,
    split_thoughts,
)
from langchain_markovscale.verifiers.judge_phrases import (
    is_about_error,
    read_probability,
    read_verdict,
)

PASS_SCORE = 0.9
"""The score of a PASS without a probability: a verdict alone does not claim certainty."""
FAIL_SCORE = 0.1
"""The score of a FAIL without a probability."""


@dataclass(frozen=True)
class Judgement:
    """The content of a judge's reply.

    Attributes:
        passed: The verdict; None where none can be read.
        probability: The probability that the answer is correct, in [0, 1]; None where none can be
            read.
        critique: The critique, or None.
    """

    passed: bool | None
    probability: float | None
    critique: str | None

    @property
    def score(self) -> float | None:
        """The score, in [0, 1], or None.

        The probability; without one `PASS_SCORE` or `FAIL_SCORE`; without either None. Where the
        two contradict each other (PASS with 0.1; FAIL with 0.9, by which many models say how sure
        they are of the FAIL), the lower of the two readings counts.
        """
        if self.passed is None:
            return self.probability
        alone = PASS_SCORE if self.passed else FAIL_SCORE
        if self.probability is None:
            return alone
        agree = self.probability >= 0.5 if self.passed else self.probability <= 0.5
        return self.probability if agree else min(alone, self.probability)


_Kind = Literal["verdict", "probability"]


class _Statement(NamedTuple):
    kind: _Kind
    value: bool | float | None  # None where it cannot be read
    start: int
    end: int


_Claims = set[tuple[_Kind, bool | float | None]]


def read_judgement(reply: str, material: Iterable[str] = ()) -> Judgement:
    """Read a judge's reply.

    Args:
        reply: The whole reply. Thoughts, such as a `<think>` block, are no part of the judgement.
        material: The untrusted texts, as they are and as the judge was shown them.

    Returns:
        The judgement; `passed` and `probability` are None where the reply does not state them
        clearly.
    """
    material = list(material)
    reply_text = _without_own_thoughts(reply, material)
    statements, objects = _statements_of(reply_text)
    claims = _claims(material) if statements else set()
    passed = _least_favourable(statements, "verdict", claims)
    probability = _least_favourable(statements, "probability", claims)
    return Judgement(
        passed=None if passed is None else bool(passed),
        probability=None if probability is None else float(probability),
        critique=_critique(reply_text, objects, statements),
    )


def _without_own_thoughts(reply: str, material: list[str]) -> str:
    """Take off what the judge has thought; tags that it repeats from the material are no thoughts.

    Where the material has such tags, thoughts count that open the reply and are not in it.
    """
    spoken = split_thoughts(reply)
    if spoken.thoughts is None or not any(map(has_tags, material)):
        return spoken.text
    repeated = any(spoken.thoughts in text for text in material)
    is_own = opens_with_thoughts(reply) and not spoken.cut_off and not repeated
    return spoken.text if is_own else reply


def _statements_of(reply_text: str) -> tuple[list[_Statement], list[JsonObject]]:
    objects = json_objects(reply_text)
    return _json_statements(objects) + _reply_statements(_without(reply_text, objects)), objects


def _claims(material: Iterable[str]) -> _Claims:
    """Return what the material states, read as a reply and after every label in it."""
    claims: _Claims = set()
    for text in material:
        material_statements = (
            _json_statements(json_objects(text)) + _labelled(text, strict=False) + _bare(text)
        )
        material_statements += _statements_of(text)[0]
        claims.update((claim.kind, claim.value) for claim in material_statements)
    return claims


def _least_favourable(
    statements: list[_Statement], kind: _Kind, claims: _Claims
) -> bool | float | None:
    """Return the least favourable value; of what the material claims, only if unfavourable."""
    values = [s.value for s in statements if s.kind == kind and s.value is not None]
    own_values = [value for value in values if (kind, value) not in claims]
    return min(own_values or [value for value in values if value < 0.5], default=None)


_MARKUP = r"[*_\"'\u201c\u201d`]"  # emphasis, code and quotation marks around a word
_LABEL = re.compile(
    r"\b(?P<name>verdict|score"
    r"|probability(?:[ ](?:of|that)[ ][a-z'\u2019 ]{1,40}|[ ]?\([a-z ]{1,40}\))?)"
    rf"(?P<close>{_MARKUP}*+)[ \t]*+(?P<colon>[:=\uff1a]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_LINE_OPENING = re.compile(
    rf"[ \t]*+(?:[#\-\u2022|{{,(]++[ \t]*+|\d{{1,2}}[.)][ \t]*+)?{_MARKUP}*+"
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
_LONGEST_OPENING = 100  # characters before a label that opens a line
_LONGEST_SENTENCE_OPENING = 30
_LONGEST_VALUE = 400  # characters below a label that are looked at


def _reply_statements(text: str) -> list[_Statement]:
    """Return what a reply states: after labels, or by a bare verdict on its first or last lines."""
    labelled = _labelled(text, strict=True)
    lines = [line for line in _lines(text) if line[1].strip()]
    bare = [statement for line in [*lines[:1], *lines[1:][-2:]] for statement in _bare_in(*line)]
    if any(statement.kind == "verdict" for statement in bare):
        return labelled + bare
    return labelled  # a number alone may be anything


def _labelled(text: str, *, strict: bool) -> list[_Statement]:
    """Find labelled statements; strictly, those that are the writer's own."""
    statements: list[_Statement] = []
    conclusion = _conclusion(text) if strict else 0
    for start, line in _lines(text):
        if strict and line.lstrip().startswith(">"):
            continue
        labels = _own_labels(line, last=start >= conclusion) if strict else _labels(line)
        ends = [*(label.start() for label in labels[1:]), len(line)]
        for label, end in zip(labels, ends, strict=False):
            begin = 0 if _opens_line(label) else label.start()
            value, stop = line[label.end() : end], start + end
            if end == len(line) and not value.strip(" \t*_\"'`"):
                value, stop = _next_line(text, stop)
            statements.append(_statement(label, value, start + begin, stop))
    return statements


def _labels(line: str) -> list[re.Match[str]]:
    return list(_LABEL.finditer(line))


def _conclusion(text: str) -> int:
    """Return where the last line begins that is more than a labelled statement."""
    position = len(text)
    for line in reversed(text.split("\n")):
        position -= len(line)
        label = _LABEL.search(line)
        if line.strip() and not (label and _opens_line(label)):
            return position
        position -= 1
    return 0


def _own_labels(line: str, *, last: bool) -> list[re.Match[str]]:
    """Return the labels that are the writer's own.

    Such a label opens a line or follows one that does; or it is in capitals, as asked for, or the
    name of a JSON field; or it is the verdict with which the last line ends. And it is not in a
    quotation.
    """
    own: list[re.Match[str]] = []
    reached, double, back, curly = 0, 0, 0, 0
    for label in _labels(line):
        start = label.start()
        double += line.count('"', reached, start)
        back += line.count("`", reached, start)
        curly += line.count("\u201c", reached, start) - line.count("\u201d", reached, start)
        reached = start
        before = line[max(0, start - 1) : start]
        is_name = before in ('"', "'") and label["close"].startswith(before)
        if (double % 2 or back % 2 or curly > 0) and not is_name:
            continue
        plain = own or is_name or label["name"].isupper() or (last and _concludes(label))
        if _opens_line(label) or (plain and label["colon"]):
            own.append(label)
    return own


def _opens_line(label: re.Match[str]) -> bool:
    if label.start() > _LONGEST_OPENING:
        return False
    return _LINE_OPENING.fullmatch(label.string, 0, label.start()) is not None


def _concludes(label: re.Match[str]) -> bool:
    """Whether a label opens the sentence in which its line ends: "I agree. Verdict: PASS"."""
    line, start = label.string, label.start()
    if label["name"].lower() != "verdict":
        return False
    before = line[max(0, start - _LONGEST_SENTENCE_OPENING) : start]
    other = _LABEL.search(line, label.end())
    value = line[label.end() : other.start() if other else len(line)]
    return bool(_SENTENCE_OPENING.search(before) and _LAST_WORD.fullmatch(value))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _next_line(text: str, position: int) -> tuple[str, int]:
    """Return the value below a label, and where it ends; nothing where another label follows."""
    below = text[position : position + _LONGEST_VALUE]
    value = below.lstrip().split("\n", 1)[0]
    if _LABEL.match(value) or _CRITIQUE.match(value):
        return "", position
    return value, position + below.find(value) + len(value)


def _statement(label: re.Match[str], value: str, start: int, end: int) -> _Statement:
    if "verdict" in label["name"].lower():
        return _Statement("verdict", read_verdict(value), start, end)
    percent = "probability" in label["name"].lower()
    probability = (
        None if is_about_error(label["name"]) else read_probability(value, percent=percent)
    )
    return _Statement("probability", probability, start, end)


_BARE_VERDICT = re.compile(
    rf"[ \t#]*+{_MARKUP}*+(?:PASS|FAIL)(?:ED|S)?(?={_MARKUP}*+\s*(?:$|[.,:;!(\-\u2013\u2014]))",
    re.IGNORECASE,
)
_BARE_PROBABILITY = re.compile(
    r"[\s*_]*(?:0?\.\d+|1\.0+|\d{1,3}(?:\.\d+)?\s?%|\d{1,3}\s?/\s?\d{1,3})[\s*_.]*"
)


def _bare(text: str) -> list[_Statement]:
    return [statement for line in _lines(text) for statement in _bare_in(*line)]


def _bare_in(start: int, line: str) -> list[_Statement]:
    """Find a verdict or a probability that stands alone on a line; a critique may follow it."""
    if word := _BARE_VERDICT.match(line):
        return [_Statement("verdict", read_verdict(line), start, start + word.end())]
    if _BARE_PROBABILITY.fullmatch(line):
        return [_Statement("probability", read_probability(line), start, start + len(line))]
    return []


_VERDICT_FIELDS = ("verdict", "passed", "pass", "is_correct", "correct", "score")
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_MAXIMA = ("max", "max_score", "maximum", "out_of", "scale")


def _json_statements(objects: list[JsonObject]) -> list[_Statement]:
    return [
        _Statement(kind, value, start, end)
        for json_object, start, end in objects
        for kind, value in _fields_of(json_object)
    ]


def _fields_of(json_object: dict[str, Any]) -> Iterator[tuple[_Kind, bool | float | None]]:
    """Yield the verdicts and probabilities in the fields of an object, and of objects in it."""
    fields = {name.strip().lower(): field for name, field in json_object.items()}
    for name in _VERDICT_FIELDS:
        verdict = fields.get(name)
        if isinstance(verdict, str) and name != "score":
            verdict = _WORDS.get(verdict.strip().lower(), read_verdict(verdict))
        if isinstance(verdict, bool):
            yield "verdict", verdict
    for name in ("probability", "score"):
        if isinstance(number := fields.get(name), str):
            scale = next((each for each in map(fields.get, _MAXIMA) if isinstance(each, str)), None)
            written = number if scale is None or "/" in number else f"{number}/{scale}"
            yield "probability", read_probability(written, percent=name == "probability")
    for field in fields.values():
        if isinstance(field, dict):
            yield from _fields_of(field)


def _without(text: str, objects: list[JsonObject]) -> str:
    """Return a text with its JSON objects blanked, everything else in its place."""
    pieces, position = [], 0
    for _, start, end in objects:
        pieces += [text[position:start], " " * (end - start)]
        position = end
    return "".join([*pieces, text[position:]])


_CRITIQUE = re.compile(
    rf"^[ \t]*+(?:(?:\#{{1,6}}|\d{{1,2}}[.)]|-)[ \t]*+)?{_MARKUP}*+(?:critique|feedback)\b"
    rf"{_MARKUP}*+[ \t]*+(?:[:\uff1a]{_MARKUP}*+|$)",
    re.IGNORECASE | re.MULTILINE,
)
_CRITIQUE_FIELDS = ("critique", "feedback", "explanation", "reason", "reasoning")
_NOTHING = re.compile(r"\W*+(?:none|nothing|n/?a|null)?\W*+", re.IGNORECASE)


def _critique(text: str, objects: list[JsonObject], statements: list[_Statement]) -> str | None:
    """Return the labelled critique, or the rest of the reply beside its verdict."""
    for json_object in reversed(objects):
        fields = {name.strip().lower(): field for name, field in json_object.value.items()}
        for name in _CRITIQUE_FIELDS:
            if isinstance(field := fields.get(name), str):
                return _cleaned_critique(field)
    labels = list(_CRITIQUE.finditer(text))
    if labels:
        begin = labels[-1].end()
        end = min((s.start for s in statements if s.start >= begin), default=len(text))
        return _cleaned_critique(text[begin:end])
    beside, position = [], 0
    for statement in sorted(statements, key=lambda s: s.start):
        beside.append(text[position : statement.start])
        position = max(position, statement.end)
    return _cleaned_critique("".join([*beside, text[position:]]))


def _cleaned_critique(text: str) -> str | None:
    if _NOTHING.fullmatch(text):
        return None
    return text.lstrip(" \n\t:,;.*`-\u2013\u2014").rstrip(" \n\t*`#")
