"""What a judge is shown of a conversation: its turns as text, and its pictures.

Turns come from users, models and tools, so that they may attack the judge as an answer may. Each
opens with a line at the left margin that says who speaks, and what is said is indented: no text can
begin a turn of somebody else's.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, takewhile
from textwrap import indent
from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage

from langchain_markovscale._messages import Attachment, attachments, question_in, said_in
from langchain_markovscale.types import VerifierInput
from langchain_markovscale.verifiers.prompt_fence import clipped, visible

_VERSION = 2  # of the judge's prompt; the first shows no conversation
_SPEAKERS = {
    "system": "the system prompt",
    "human": "the user",
    "ai": "the assistant",
    "tool": "a tool",
}
_SHORTEST = 200  # characters of a turn; older ones are left out before one has less
_LABEL = 25  # characters that a turn takes beside its text, about
_MOST_PICTURES = 8  # the newest: an agent that looks at a screen takes one with every step


class ConversationView(NamedTuple):
    """What a judge is shown of a conversation beside the question's text.

    Attributes:
        text: The turns, visible and clipped; empty where there is nothing but the question.
        said: The turns as they were said, for what the judge may quote of them.
        pictures: Captions and pictures, as content blocks.
        unseen: Whether it holds pictures, sound or files that are not shown.
        holds: What is shown, in words.
    """

    text: str = ""
    said: tuple[str, ...] = ()
    pictures: tuple[dict[str, Any], ...] = ()
    unseen: bool = False
    holds: tuple[str, ...] = ()

    @property
    def version(self) -> str | None:
        """The version of the prompt, and what it shows; None where it is the first."""
        return f"{_VERSION}: {', '.join(self.holds)}" if self.holds else None


class _Turn(NamedTuple):
    kind: str
    text: str
    arguments: str  # what calls of tools in it were given, unescaped
    attachments: tuple[Attachment, ...]
    place: int  # below 0 before the question, 0 the question, above 0 after it

    @property
    def least(self) -> int:
        """The room that it needs."""
        return min(len(self.text), _SHORTEST) + _LABEL if self.place else 0


def view_of(given: VerifierInput, longest: int, *, pictures: bool) -> ConversationView:
    """Return what a judge is shown of the conversation that came with an answer.

    These are the system prompt and the newest turns. Where they are longer than `longest`, the
    longest of them lose their middle, and the oldest are left out before one is shown less than 200
    characters of.

    Args:
        given: The verifier's input.
        longest: Characters of all turns together.
        pictures: Whether the judge is shown pictures, of which it gets the newest 8.
    """
    turns = _turns(given.get("messages") or (), given["question"])
    kept = _newest(turns, longest)
    blocks = [each.block for turn in kept for each in turn.attachments if each.block is not None]
    shown = blocks[-_MOST_PICTURES:] if pictures else []
    numbers = count(1 + len(shown) - len(blocks))  # what is not shown has one below 1
    marks = [" ".join(_mark(each, numbers) for each in turn.attachments) for turn in kept]
    said = [each for turn in kept if turn.place for each in (turn.text, turn.arguments)]
    unseen = sum(len(turn.attachments) for turn in turns) > len(shown)
    return ConversationView(
        text=_text(kept, marks, len(turns) - len(kept), longest),
        said=tuple(clipped(each, 2 * longest) for each in said if each),  # cut elsewhere than shown
        pictures=tuple(_captioned(shown)),
        unseen=unseen,
        holds=tuple(_holdings(kept, bool(shown), unseen)),
    )


def has_attachments(given: VerifierInput) -> bool:
    """Return whether a conversation holds anything beside text."""
    return any(True for message in given.get("messages") or () for _ in attachments(message))


def _turns(messages: Sequence[AnyMessage], question: str) -> list[_Turn]:
    asked = [i for i, m in enumerate(messages) if m.type == "human" and question_in(m) == question]
    at = asked[-1] if asked else len(messages)
    turns = [
        _Turn(
            _kind(message),
            said_in(message),
            "\n".join(_texts_in([call["args"] for call in _calls(message)])),
            tuple(attachments(message)),
            place - at,
        )
        for place, message in enumerate(messages)
    ]
    return [turn for turn in turns if turn.text.strip() or turn.attachments or not turn.place]


def _kind(message: AnyMessage) -> str:
    # Summaries and reminders are human messages that no user wrote.
    return "note" if "lc_source" in message.additional_kwargs else message.type


def _calls(message: AnyMessage) -> Sequence[Mapping[str, Any]]:
    return getattr(message, "tool_calls", None) or ()


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, Mapping)):
        for part in (*value, *value.values()) if isinstance(value, Mapping) else value:
            yield from _texts_in(part)


def _newest(turns: list[_Turn], longest: int) -> list[_Turn]:
    left = longest - sum(turn.least for turn in turns if turn.kind == "system")
    kept: list[_Turn] = []
    for turn in reversed(turns):
        if turn.kind != "system" and turn.place:
            left -= turn.least
            if left < 0 and any(each.place and each.kind != "system" for each in kept):
                continue
        kept.append(turn)
    return kept[::-1]


def _mark(attachment: Attachment, numbers: Iterator[int]) -> str:
    if attachment.block is not None and (number := next(numbers)) > 0:
        return f"[picture {number}]"
    return f"[{attachment.kind}, not shown]"


def _text(kept: list[_Turn], marks: list[str], left_out: int, longest: int) -> str:
    if kept and kept[-1].place == 0 and not marks[-1]:
        kept, marks = kept[:-1], marks[:-1]  # the prompt says what it asks
    texts = {turn.place: visible(clipped(turn.text, longest)) for turn in kept if turn.place}
    limit = _limit([len(text) for text in texts.values()], longest)
    parts = []
    for turn, mark in zip(kept, marks, strict=True):
        said = clipped(texts[turn.place], limit) if turn.place else "(the question)"
        body = indent("\n".join(filter(None, [said, mark])), "  ", lambda line: True)
        parts.append(f"From {_SPEAKERS.get(turn.kind, 'a note')}:\n{body}")
    if left_out:
        after_system = takewhile(lambda turn: turn.kind == "system", kept)
        parts.insert(sum(1 for _ in after_system), f"[... {left_out} older turns left out ...]")
    return "\n".join(parts)


def _limit(lengths: list[int], longest: int) -> int:
    """Return the length that no text may exceed, so that together they have at most `longest`."""
    left = longest
    for place, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - place)
        if length > share:
            return share
        left -= length
    return longest


def _captioned(pictures: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, picture in enumerate(pictures, 1):
        yield {"type": "text", "text": f"Picture {number}:"}
        yield picture


def _holdings(kept: list[_Turn], pictures: bool, unseen: bool) -> Iterator[str]:
    if any(turn.kind == "system" for turn in kept):
        yield "system prompt"
    if any(turn.place < 0 and turn.kind != "system" for turn in kept):
        yield "earlier turns"
    if any(turn.place > 0 and turn.kind != "system" for turn in kept):
        yield "tool results"
    if pictures:
        yield "pictures"
    if unseen:
        yield "a note of what is not shown"
