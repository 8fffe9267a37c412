"""Untrusted text inside a prompt: its meaning is kept, and it cannot act as part of the prompt.

A candidate answer may hold anything, from a forged verdict to a model's own control tokens. There
are three measures, all pure, so that the same input gives the same prompt and caches work: what a
reader or a tokenizer would take for control is written out visibly; very long texts lose their
middle, with a note; and each text is between marker lines whose nonce is derived from the texts and
occurs in none of them, so no text can close its fence.
"""

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType

from langchain_markovscale._text import HIDDEN, folded

_INVISIBLE = re.compile(rf"([{HIDDEN}])\1*")
# Joiners, fillers and variation selectors, which scripts and emoji need and ASCII does not.
_JOINER = "[\u034f\u115f\u1160\u17b4\u17b5\u200c\u200d\u3164\ufe00-\ufe0f\uffa0]"
_JOINERS_IN_ASCII = re.compile(rf"(?<=[!-~]){_JOINER}++(?=[!-~])")
_RUN = re.compile(r"(.)\1*")
# The control tokens of chat templates: ChatML, Llama 2 to 4, Mistral, Gemma, Phi, Command R,
# DeepSeek, EXAONE, Ling, Seed, MiniMax, GLM, T5, BERT; in the plain signs that others look like.
_BAR = "[|\u00a6]"
_CONTROL_TOKEN = re.compile(
    rf"<(?=/?{_BAR}|/?(?:s|bos|eos|eot|sop|eop|pad|unk|mask|cls|sep|think|turn"
    r"|role|seed:[a-z_]{1,40}|[a-z]{1,20}(?:_[a-z0-9]{1,20}){1,4})>)"
    rf"|<(?=</?SYS>>)|\[(?=/?{_BAR}|/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS"
    r"|TOOL_RESULTS|TOOL_CONTENT|ARGS|THINK|CLS|SEP|MASK|PAD|UNK|BOS|EOS|gMASK|sMASK)\])"
    r"|\](?=~!?b[\[\]])|\[(?=e~\[)",
    re.IGNORECASE,
)
# Lines that open like a role in templates that mark roles by words (Alpaca, Vicuna), like a part
# of a judge's reply, or like a marker line.
_ROLE_LINE = re.compile(
    r"^(?=[ \t]*+(?:(?:\#{1,6}[ \t]*+|>>)?(?:system|user|human|assistant|instruction|input"
    r"|response|judge|question|critique|verdict|probability|score)[ \t]*+:"
    r"|-{3,}+[ \t]*+(?:begin|end)\b))",
    re.IGNORECASE | re.MULTILINE,
)
_DEFAULT_LONGEST = 20_000  # characters
_ROOM_FOR_NOTE = 200  # characters, so that the note of a first clipping is not clipped itself


def fenced(
    texts: Mapping[str, str],
    *,
    longest: int = _DEFAULT_LONGEST,
    whole: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Put untrusted texts between marker lines that none of them can contain.

    Args:
        texts: The texts by title, such as `{"ANSWER": "…"}`.
        longest: Characters that are kept of each.
        whole: Texts of which all is kept, because they have been clipped already.

    Returns:
        Title to block: `----- BEGIN <title> <nonce> -----`, the text made `visible` and
        `clipped`, and the END line that matches. The nonce is a hash of all the texts, common to
        their blocks.
    """
    shown = {title: _shown(text, longest) for title, text in texts.items()}
    shown |= {title: visible(text) for title, text in whole.items()}
    nonce = _nonce("\0".join(shown.values()))
    return {
        title: f"----- BEGIN {title} {nonce} -----\n{text}\n----- END {title} {nonce} -----"
        for title, text in shown.items()
    }


def visible(text: str) -> str:
    """Return a text in which everything that could act as control is written out.

    Invisible characters, and joiners between characters of ASCII, become `[U+202E]`, and runs of
    one are counted, `[U+0000 x512]`; control tokens get a space inside, `< |im_start|>` and
    `[ INST]`; a line that opens like a role, a verdict or a marker is quoted, `> Assistant: …`. The
    last two are seen in whatever letters and signs look like them. A second pass changes nothing.
    """
    text = _INVISIBLE.sub(_written_out, text.replace("\r\n", "\n"))
    text = _JOINERS_IN_ASCII.sub(lambda run: _RUN.sub(_written_out, run[0]), text)
    return _after_each(_ROLE_LINE, "> ", _after_each(_CONTROL_TOKEN, " ", text))


def _after_each(pattern: re.Pattern[str], inserted: str, text: str) -> str:
    """Insert something after each match, where letters and signs that look alike are the same."""
    ends = [match.end() for match in pattern.finditer(folded(text))]
    if not ends:
        return text
    parts = map(text.__getitem__, map(slice, [0, *ends], [*ends, None]))
    return inserted.join(parts)


def _written_out(match: re.Match[str]) -> str:
    count = len(match[0])
    times = f" x{count}" if count > 1 else ""
    return f"[U+{ord(match[1]):04X}{times}]"


def clipped(text: str, longest: int = _DEFAULT_LONGEST) -> str:
    """Return the head and tail of a text, `longest` characters in all, with a note between them."""
    if len(text) <= longest:
        return text
    head = longest // 2
    tail = longest - head
    note = f"\n[... {len(text) - longest} characters left out ...]\n"
    return text[:head] + note + text[len(text) - tail :]


def _shown(text: str, longest: int) -> str:
    # Writing out can lengthen a text, so it is clipped before (for speed) and after; clipping can
    # bring a role to the start of a line, so the rest is checked once more.
    text = visible(clipped(text, longest))
    return visible(clipped(text, longest + _ROOM_FOR_NOTE))


def _nonce(text: str) -> str:
    folded = text.casefold()
    salt = 0
    while True:
        nonce = hashlib.sha256(f"{salt}\0{text}".encode()).hexdigest()[:12]
        if nonce not in folded:
            return nonce
        salt += 1
