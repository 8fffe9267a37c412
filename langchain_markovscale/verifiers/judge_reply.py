"""Reading a judge's reply: its verdict, its probability and its critique.

The prompt asks for `CRITIQUE:`, `VERDICT:` and `PROBABILITY:` lines. JSON with such fields, even
broken, tags, other labels and scales, verdicts without a label and the markup of weak models are
read as well (`judge_statements`). Beside the rule of `judge_phrases`, that only clear statements
count, there are two:

* What the judge quotes does not count: quoted lines, quotations, and claims in the candidate's
  favour that the material itself contains ("score: 1.0", however it is spelled), because a
  quotation without marks looks like a judgement.
* Where statements disagree, the least favourable counts.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from langchain_markovscale._text import folded, unhidden, unjoined
from langchain_markovscale.answers.json_text import JsonObject
from langchain_markovscale.answers.thoughts import (
    has_tags,
    opens_with_thoughts,
    split_thoughts,
    without_thoughts,
)
from langchain_markovscale.verifiers.judge_phrases import is_about_error
from langchain_markovscale.verifiers.judge_statements import (
    CRITIQUE_LABEL,
    Claim,
    Kind,
    Reading,
    Statement,
    claims_of,
    read_statements,
)
from langchain_markovscale.verifiers.prompt_fence import clipped

_LONGEST = 16_000  # characters that are read, half of them from the end; nobody judges in more
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
    spoken = split_thoughts(reply)
    if spoken.thoughts is None or not any(map(has_tags, material)):
        return _judgement(spoken.text, material)
    # The tags may be the candidate's, which the judge repeats.
    judgement, opens = _judgement(spoken.text, material), opens_with_thoughts(reply)
    repeated = any(spoken.thoughts[:_REPEATED] in text for text in material)
    if _favours(judgement) or (opens and not spoken.cut_off and not repeated):
        return judgement
    whole = _judgement(reply, material)
    if opens and spoken.cut_off and _favours(whole):
        return judgement  # what was on its mind before it was cut off is no pass
    return whole


def _favours(judgement: Judgement) -> bool:
    """Whether a judgement is in the answer's favour, which no claim of the material makes it."""
    return judgement.score is not None and judgement.score >= 0.5


_REPEATED = 40  # characters that thoughts have in common with the material only if they are from it


def _judgement(spoken: str, material: list[str]) -> Judgement:
    text = unhidden(clipped(spoken, _LONGEST))
    reading = read_statements(text)
    if reading.flooded:
        return Judgement(None, None, None)
    statements = reading.statements
    claims = _claims(material) if statements else set()
    passed = _least_favourable(statements, ("verdict", "word"), claims)
    probability = _least_favourable(statements, ("probability",), claims)
    confidence = _least_favourable(statements, ("confidence",), claims)
    # A confidence in a fail is none in the answer.
    if confidence is not None and (passed or (passed is None and not is_about_error(text))):
        probability = min(confidence, 1.0 if probability is None else probability)
    return Judgement(
        passed=None if passed is None else bool(passed),
        probability=None if probability is None else float(probability),
        critique=_critique(text, reading),
    )


def _claims(material: Iterable[str]) -> set[Claim]:
    """Return what the material states, read as a reply and after every label in it."""
    # Whoever repeats a part of a code block may leave its fence out, in which no tag counts.
    thought = ((text, without_thoughts(text.replace("```", ""))) for text in material)
    plain = {unhidden(part) for parts in thought for part in parts}
    texts = {folded(each) for text in plain for each in (text, unjoined(text))}
    return set().union(*map(claims_of, texts))


_SAME: dict[Kind, tuple[Kind, ...]] = {
    "verdict": ("verdict",),
    "word": ("word", "verdict"),
    "probability": ("probability", "confidence"),
    "confidence": ("probability", "confidence"),
}
"""The kinds of claims by which a statement of each kind may be somebody else's."""


def _least_favourable(
    statements: list[Statement], kinds: tuple[Kind, ...], claims: set[Claim]
) -> bool | float | None:
    """Return the least favourable value; of what the material claims, only if unfavourable."""
    own_values, values = [], []
    for kind, value, _, _ in statements:
        if kind in kinds and value is not None:
            values.append(value)
            if not any((other, value) in claims for other in _SAME[kind]):
                own_values.append(value)
    return min(own_values or [value for value in values if value < 0.5], default=None)


_CRITIQUE_FIELDS = (
    *("critique", "feedback", "comment", "comments", "rationale"),
    *("explanation", "reason", "reasoning"),
)
_NOTHING = re.compile(r"\W*+(?:none|nothing|n/?a|null|json)?\W*+", re.IGNORECASE)
_FENCE = re.compile(r"```\w*+")


def _critique(text: str, reading: Reading) -> str | None:
    """Return the critique in a field or after a label, or the rest of the reply."""
    critique = _critique_field(reading.objects)
    if critique is None:
        critique = _labelled_critique(text, reading.statements)
    if critique is None:
        critique = _critique_field(reading.broken)
    if critique is None:
        spans = [(statement.start, statement.end) for statement in reading.statements]
        spans += [(each.start, each.end) for each in (*reading.objects, *reading.broken)]
        critique = _FENCE.sub("", _beside(spans, text))
    if _NOTHING.fullmatch(critique):
        return None
    return critique.lstrip(" \n\t:,;.*`-\u2013\u2014").rstrip(" \n\t*`#<")


def _critique_field(objects: list[JsonObject]) -> str | None:
    """Return the critique in the last object that has one, or in an object that it holds."""
    for json_object in reversed(objects):
        inner = [part for part in json_object.value.values() if isinstance(part, dict)]
        for value in (json_object.value, *inner):
            fields = {name.strip().lower(): field for name, field in value.items()}
            for field in map(fields.get, _CRITIQUE_FIELDS):
                parts = field if isinstance(field, list) else [field]
                if lines := [part for part in parts if isinstance(part, str)]:
                    return "\n".join(lines)
    return None


def _labelled_critique(text: str, statements: list[Statement]) -> str | None:
    labels = list(CRITIQUE_LABEL.finditer(text))
    if not labels:
        return None
    begin = next((each for each in reversed(labels) if each["asked"]), labels[0]).end()
    end = min((s.start for s in statements if s.start >= begin), default=len(text))
    return text[begin:end].partition("</")[0]


def _beside(spans: Iterable[tuple[int, int]], text: str) -> str:
    """Return what is left of a text beside spans of it."""
    beside, position = [], 0
    for start, end in sorted(spans):
        beside.append(text[position:start])
        position = max(position, end)
    return "".join([*beside, text[position:]])
