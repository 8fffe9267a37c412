"""What a model thinks aloud before it answers, taken off before anything else is read.

Thoughts name numbers, options and verdicts that the answer does not. Models mark them in many ways;
templates may open them before the reply begins, so that only the closing tag is seen, and a limit
on tokens may cut them off, so that there is no answer. A reply that talks about such tags thinks
nothing: tags count where they stand alone, not where they are quoted or part of a sentence.
"""

import re
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

_NAMES = (
    "think(?:ing)?|thoughts?|analysis|scratch_?pad|reasoning|reflection|inner_(?:monologue|thoughts)"
    "|chain_of_thought|cot|deliberation|pondering"
)
_OPENING_TOKENS = frozenset(
    {
        "begin_of_thought",
        "start_thinking",
        "begin_thinking",
        "think_start",
        "think",
        "thinking",
        "unused94",
        "channel>thought",
    }
)
_TAG = re.compile(
    r"[<\u25c1\[](?=[/|\uff5c\s]{0,2}[a-z]{2})(?:"  # most brackets are refused here, for speed
    rf"(?<=<)(?P<end>/)?\s?(?:[a-z]{{1,12}}+:)?(?:{_NAMES})(?:\s[^<>\n]{{0,80}})?>"
    "|(?:(?<=<)[|\uff5c]?|(?<=[\u25c1\\[]))"
    r"(?P<token>/?think(?:ing)?(?=\u25b7|[|\uff5c])|(?<=\[)/?think(?:ing)?(?=\])"
    r"|(?:begin|end)_of_thought|(?:start|end|begin)_thinking|think_(?:start|end)"
    r"|unused9[45](?=>)|channel>thought\b|channel(?=\|>))"
    "(?:[|\uff5c]?>|[\u25b7\\]])?)",
    re.IGNORECASE,
)
_MAY_HOLD_TAG = (  # one pattern for each bracket, for speed
    *(re.compile(r"<[/|\uff5c]?\s?[A-Za-z]"), re.compile(r"\u25c1/?[Tt]")),
    re.compile(r"\[/?[Tt]"),
)
_MOST_TAGS = 200
_TALK = "`'\"\u201c\u201d\u2018\u2019\u00ab"  # before a tag that is quoted
_TALKED_OF = re.compile(
    r"(?:\b(?:the|a|an|and|or|tags?|tokens?|with|closing|opening|by|use|uses|using|called|as|in|than)"
    r"|,)[ \t]\Z",
    re.IGNORECASE,
)
_SENTENCE_ENDS = frozenset(".!?:;>)]}*\u3002\uff01\uff1f\uff1a\u25b7")

# Harmony (gpt-oss): messages of channels, of which the last `final` one is the answer.
_CHANNEL = re.compile(
    r"(?:<\|start\|>[\w.: ]{0,40})?<\|channel\|>\s?(?P<name>\w{1,20}+)[^<|\n]{0,80}+"
    r"(?:<\|constrain\|>[^<|\n]{0,40}+)?<\|message\|>"
)
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# The same channels where a server has dropped the special tokens: "analysis…assistantfinal…".
_BARE_CHANNELS = re.compile(r"\s*analysis(?=[A-Z\s])(?P<thoughts>.*?)assistant\s?final", re.DOTALL)


class Spoken(NamedTuple):
    """A reply, its thoughts and its answer apart.

    Attributes:
        text: The answer, without surrounding space where thoughts were taken off.
        thoughts: The thoughts, or None where there were none.
        cut_off: Whether the reply ended within its thoughts; then there is no answer.
    """

    text: str
    thoughts: str | None
    cut_off: bool


def without_thoughts(text: str) -> str:
    """Return a reply without its thoughts; empty where it ended within them."""
    return split_thoughts(text).text


def has_tags(text: str) -> bool:
    """Return whether a text has any tag of thoughts, even where it only talks about it."""
    return _TAG.search(text) is not None or "<|channel|>" in text


def opens_with_thoughts(text: str) -> bool:
    """Return whether a text begins with a tag that opens thoughts."""
    tag = _TAG.match(text.lstrip())
    return tag is not None and _opens(tag)


def split_thoughts(text: str) -> Spoken:
    """Take the thoughts off a reply, in linear time.

    Args:
        text: The whole reply.

    Returns:
        Answer and thoughts. A reply without thoughts is returned as it is.
    """
    marked = "<" in text or "[" in text or "\u25c1" in text  # for speed
    if not marked or not any(form.search(text) for form in _MAY_HOLD_TAG):
        bare = _BARE_CHANNELS.match(text) if "assistant" in text else None
        return _spoken([text[bare.end() :]], [bare["thoughts"]]) if bare else _silent(text)
    if "<|channel|>" in text and (channels := _channels(text)) is not None:
        return channels
    tags = list(islice(_TAG.finditer(text), _MOST_TAGS + 1))
    if len(tags) > _MOST_TAGS:  # no reply of a model: what follows the last closing tag is kept
        closing = deque((tag.end() for tag in _TAG.finditer(text) if not _opens(tag)), maxlen=1)
        last = closing.pop() if closing else len(text)
        return _spoken([text[last:]], [text[:last]])
    kept: list[str] = []
    thoughts: list[str] = []
    position, began, orphan = 0, -1, False
    for number, tag in enumerate(tags):
        opens = _opens(tag)
        if began >= 0:
            if not opens:
                thoughts.append(text[began : tag.start()])
                began, position = -1, tag.end()
        elif _is_quoted(tag) or text.count("```", position, tag.start()) % 2:
            continue
        elif opens:
            another = thoughts and not _is_talked_of(tag)
            if another or _stands_alone(tag) or _holds_thoughts(tag, tags[number + 1 :]):
                kept.append(text[position : tag.start()])
                began = tag.end()
        elif _stands_alone(tag) or not _is_talked_of(tag):
            if text[tag.end() :].strip() or not (thoughts or orphan):
                # What stands before is thought that the template has opened.
                thoughts += [*kept, text[position : tag.start()]]
                kept = []
            else:
                kept.append(text[position : tag.start()])  # a stray tag at the end
            position, orphan = tag.end(), True
    if began >= 0:
        thoughts.append(text[began:])
        return Spoken("".join(kept).strip(), _joined(thoughts), cut_off=True)
    if not thoughts and not orphan:
        return _silent(text)
    return _spoken([*kept, text[position:]], thoughts)


def _silent(text: str) -> Spoken:
    return Spoken(text, None, cut_off=False)


def _spoken(kept: list[str], thoughts: list[str]) -> Spoken:
    answer = "".join(kept).strip()
    return Spoken(answer, _joined(thoughts), cut_off=not answer)


def _joined(thoughts: list[str]) -> str:
    return "\n\n".join(stripped for part in thoughts if (stripped := part.strip()))


def _opens(tag: re.Match[str]) -> bool:
    token = tag["token"]
    return not tag["end"] if token is None else token.lower() in _OPENING_TOKENS


def _is_quoted(tag: re.Match[str]) -> bool:
    return tag.start() > 0 and tag.string[tag.start() - 1] in _TALK


def _is_talked_of(tag: re.Match[str]) -> bool:
    return _TALKED_OF.search(tag.string, max(0, tag.start() - 12), tag.start()) is not None


def _stands_alone(tag: re.Match[str]) -> bool:
    """Whether a tag opens the text, a line or a sentence, and is no part of a sentence."""
    before = tag.string[max(0, tag.start() - 80) : tag.start()].rstrip(" \t*_")
    return not before or before[-1] == "\n" or before[-1] in _SENTENCE_ENDS


def _holds_thoughts(tag: re.Match[str], following: Sequence[re.Match[str]]) -> bool:
    """Whether a tag within a sentence is closed, after more than "<a> and </a>" has between."""
    closing = next((other for other in following if not _opens(other)), None)
    if closing is None or _is_quoted(closing):
        return False
    return len(tag.string[tag.end() : closing.start()].split()) > 2


def _channels(text: str) -> Spoken | None:
    """Read harmony channels; None where the tokens are not used as such."""
    headers = list(_CHANNEL.finditer(text))
    if not headers or _is_quoted(headers[0]):
        return None
    before = text[: headers[0].start()]
    answers: list[str] = []
    thoughts = [before] if before.strip() else []
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        limit = len(text) if following is None else following.start()
        end = _CHANNEL_ENDS.search(text, header.end(), limit)
        content = text[header.end() : end.start() if end else limit]
        (answers if header["name"].lower() == "final" else thoughts).append(content)
    if not answers:
        return Spoken("", _joined(thoughts), cut_off=True)
    return _spoken(answers[-1:], thoughts)
