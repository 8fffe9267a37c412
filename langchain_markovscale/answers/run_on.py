"""Where a model goes on after its answer with a question of its own, as base models do.

What follows is about something else: its numbers, letters and boxes are no answer.
"""

import re
from itertools import islice
from typing import NamedTuple

from langchain_markovscale.answers.languages import LANGUAGES

_LABEL = re.compile(  # what opens a line before a colon
    r"\n[ \t]*[#*_>]{0,4}[ \t]?(?P<words>[^\W\d_][^\n:\uff1a\d*_.,;!?()=]{0,20}?)"
    r"[ \t]?\d{0,3}[ \t]?\*{0,2}[:\uff1a]"
)
_MOST_LABELS = 200
_OF_QUESTIONS = {
    *("user", "human", "instruction"),
    *(word for forms in LANGUAGES.values() for word in forms.question.split("|")),
}
_NEW_TURN = re.compile(r"<\|(?:im_start|start_header_id|user|eot_id)\|>|\[INST\]")
_QUESTION_MARK = re.compile(r"[?\uff1f\u061f]")
_LONGEST_QUESTION = 600  # characters


class RunOn(NamedTuple):
    """A text that goes on with a new question.

    Attributes:
        before: What stands before it.
        asks: Whether it is surely a question; else it may be a heading, or the first one repeated.
    """

    before: str
    asks: bool


def run_on(text: str) -> RunOn | None:
    """Return where a text goes on with a new question, or None; nothing precedes the first one."""
    asked = None
    if "\n" in text and (":" in text or "\uff1a" in text):
        labels = islice(_LABEL.finditer(text), _MOST_LABELS)
        asked = next((each for each in labels if each["words"].lower() in _OF_QUESTIONS), None)
    may_turn = "<" in text or ("[" in text and "[INST]" in text)  # for speed
    turn = _NEW_TURN.search(text) if may_turn else None
    if asked is None and turn is None:
        return None
    begins = min((found.start() for found in (asked, turn) if found), default=0)
    before = text[:begins]
    if not before.strip():
        return None
    asks = turn is not None or _QUESTION_MARK.search(text, begins, begins + _LONGEST_QUESTION)
    return RunOn(before, asks=bool(asks))
