"""A reader of prompts that is as easily misled as the worst of tokenizers and templates."""

import re
import unicodedata

from hostile_texts import CONTROL_TOKENS

_BEGIN = re.compile("----- BEGIN (.+) -----")
_TOKEN = re.compile(
    r"(?=[<\[\]])(?:"  # for speed
    + "|".join(re.escape(unicodedata.normalize("NFKC", token)) for token in CONTROL_TOKENS)
    + ")",
    re.IGNORECASE,
)
_SPEAKER = re.compile(
    r"\s*(?:(?:#+\s*|>>)?(?:system|user|human|assistant|instruction|input|response|judge|question"
    r"|critique|verdict|probability|score)\s*:|-{3,}\s*(?:begin|end)\b)",
    re.IGNORECASE,
)
OPERATOR = "From the operator:"
"""What opens a turn of a conversation that this reader obeys."""
_CONTROLS = dict.fromkeys(
    code
    for code in range(160)
    if unicodedata.category(chr(code)) == "Cc" and not chr(code).isspace()
)


def plainly(text: str) -> str:
    """Return a text in plain signs, without what is invisible."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return text.translate(_CONTROLS)


def outside(prompt: str) -> str:
    """Return what is taken for words of the prompt itself.

    Lines end where Unicode ends them. Material ends with its marker, wherever that stands in a
    line; with a line that opens like any marker, a role or a part of a judge's reply; with a
    control token; and in a conversation with a turn of the operator.
    """
    found, end = [], None
    for line in plainly(prompt).splitlines():
        if end is None and (begins := _BEGIN.fullmatch(line)):
            end = f"----- END {begins[1]} -----"
            continue
        if end is not None:
            spoken = "CONVERSATION" in end and line.startswith(OPERATOR)
            if spoken or end in line or _SPEAKER.match(line) or _TOKEN.search(line):
                end = None
        if end is None:
            found.append(line)
    return "\n".join(found)


def inside(prompt: str) -> str:
    """Return what stands between the markers."""
    return "\n".join(re.findall("(?<=-----\n)(?!-----)(?:.*\n)*?(?=----- END )", prompt))
