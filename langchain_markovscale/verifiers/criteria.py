"""Several criteria with one verdict each: how a judge is asked for them, and how it is read."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from langchain_markovscale.answers.thoughts import has_tags, split_thoughts
from langchain_markovscale.types import CriterionVerdict
from langchain_markovscale.verifiers.judge_reply import Judgement, read_judgement

CRITERIA_FORMAT = """\
Does the candidate answer meet the criteria? Judge one after the other, each by itself. Reply in \
this form, once for each criterion, and with nothing else:
CRITERION: <its number>
CRITIQUE: <what is missing and how to repair it, in one or two sentences; or none>
VERDICT: <PASS or FAIL>
PROBABILITY: <how likely the answer is to meet this criterion, a number from 0 to 1>"""
"""How the judge is asked to reply where there are several criteria."""

_HEADING = re.compile(
    r"^[ \t]*+(?:[#\-\u2022]++[ \t]*+)?[*_]*+criterion[*_]*+[ \t]*+[:#\uff1a]?[ \t*_#]*+"
    r"(?P<number>\d{1,3})\b[*_]*+[ \t]*+[.:)\-\u2013\u2014]?[*_]*+",
    re.IGNORECASE | re.MULTILINE,
)


class JudgementByCriteria(NamedTuple):
    """The content of a judge's reply about several criteria.

    Attributes:
        score: The score of the whole answer, in [0, 1], or None.
        critique: The critiques, each after its criterion, or None.
        criteria: The verdicts on the criteria, in their order.
    """

    score: float | None
    critique: str | None
    criteria: list[CriterionVerdict]


def listed(criteria: Sequence[str]) -> str:
    """Return criteria with their numbers, one a line."""
    return "\n".join(f"{number}. {text}" for number, text in enumerate(criteria, 1))


def read_by_criteria(
    reply: str, criteria: Sequence[str], material: Iterable[str] = ()
) -> JudgementByCriteria:
    """Read a judge's reply about several criteria.

    An answer is right where it meets all of them, so that its score is the lowest one. Where a
    criterion has none, the others only tell that the answer fails: the score is None unless the
    lowest is below 0.5. What the reply says before its first criterion counts as well, and a reply
    that names no criterion is one judgement of the answer.

    Args:
        reply: The whole reply.
        criteria: The criteria.
        material: The untrusted texts, as they are and as the judge was shown them.
    """
    material = list(material)
    # Tags in the material may be what the judge repeats: each part is then read with them.
    spoken = reply if any(map(has_tags, material)) else split_thoughts(reply).text
    opening, parts = _divided(spoken, len(criteria))
    judgement = read_judgement(opening, material)
    judgements = [read_judgement(part, material) for part in parts]
    verdicts = [
        CriterionVerdict(criterion=text, score=each.score, feedback=each.critique)
        for text, each in zip(criteria, judgements, strict=True)
    ]
    if not any(parts):
        return JudgementByCriteria(judgement.score, judgement.critique, verdicts)
    feedback = [
        f'On "{each["criterion"]}": {each["feedback"]}' for each in verdicts if each["feedback"]
    ]
    return JudgementByCriteria(_lowest(judgement, verdicts), "\n".join(feedback) or None, verdicts)


def _lowest(opening: Judgement, verdicts: Sequence[CriterionVerdict]) -> float | None:
    scores = [verdict["score"] for verdict in verdicts]
    known = [score for score in (opening.score, *scores) if score is not None]
    lowest = min(known, default=None)
    if lowest is None or (lowest >= 0.5 and None in scores):
        return None
    return lowest


def _divided(reply: str, number: int) -> tuple[str, list[str]]:
    """Divide a reply at the headings of criteria; what comes twice is read together.

    Another number is no heading, so that nothing that follows it is lost.
    """
    headings = [each for each in _HEADING.finditer(reply) if 0 < int(each["number"]) <= number]
    ends = [*(heading.start() for heading in headings[1:]), len(reply)]
    parts = [""] * number
    for heading, end in zip(headings, ends, strict=False):
        parts[int(heading["number"]) - 1] += reply[heading.end() : end] + "\n"
    return reply[: headings[0].start() if headings else None], parts
