"""Where a model goes on after its answer with a question of its own, as base models do.

What follows is about something else: its numbers, letters and boxes are no answer.
"""

import re
from typing import NamedTuple

from langchain_markovscale.answers.languages import any_of

_MARKED = rf"\n[ \t]*[#*_>]{{0,4}}[ \t]?(?i:{any_of('question')}|user|human|instruction)"
_NEW_QUESTION = re.compile(rf"{_MARKED}[ \t]?\d{{0,3}}[ \t]?\**[:\uff1a]")
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
    asked = _NEW_QUESTION.search(text) if "\n" in text else None
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
