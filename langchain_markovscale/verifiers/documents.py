"""The documents that an answer was made from, as texts.

Retrieval chains return them in many forms; a verifier that checks an answer against them needs
their texts only.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.documents import Document

from langchain_markovscale.types import VerifierInput
from langchain_markovscale.verifiers.verdicts import text_of

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text; the end of a line also ends a sentence."""
    return [part for part in _SENTENCE_END.split(text) if part.strip()]


def passages_of(text: str, longest: int) -> list[str]:
    """Split a text into passages of whole sentences that a small model can read at once.

    A passage begins with the last sentence of the one before, where there is room for it: what is
    written in two sentences is in one passage. A sentence that is too long by itself is cut.

    Args:
        text: The text.
        longest: The most characters of a passage.
    """
    if len(text) <= longest:
        return [text]
    passages: list[list[str]] = [[]]
    length = 0  # of the last passage, with a space after each sentence
    for sentence in sentences_of(text):
        for start in range(0, len(sentence), longest):
            part = sentence[start : start + longest]
            if length + len(part) > longest:
                last = passages[-1][-1:]
                length = sum(len(before) + 1 for before in last)
                if length + len(part) > longest:
                    last, length = [], 0
                passages.append(last)
            passages[-1].append(part)
            length += len(part) + 1
    return [" ".join(passage) for passage in passages if passage]


def documents_of(given: VerifierInput, key: str | None, name: str) -> list[str]:
    """Return the texts of the documents that came with an answer.

    Args:
        given: The verifier's input; its `context` is what the generator returned beside the
            answer.
        key: Where in the context the documents are; None to take every text in it.
        name: The verifier's name, for errors.

    Raises:
        ValueError: If the answer came without a context, or the context lacks the key.
    """
    context: Any = given.get("context")
    if context is None:
        raise ValueError(
            f"{name} needs the documents that the answer was made from: let the generator return "
            "a dict with the answer under 'answer' and the documents beside it, such as "
            "{'answer': …, 'context': documents}."
        )
    if key is not None:
        if not isinstance(context, Mapping) or key not in context:
            held = sorted(map(str, context)) if isinstance(context, Mapping) else context
            raise ValueError(
                f"{name} looks for documents under documents_key={key!r}; the context has {held}."
            )
        context = context[key]
    return [text for text in _texts(context) if text.strip()]


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in their order; numbers and other values are no documents."""
    text = text_of(value.page_content if isinstance(value, Document) else value)
    if text is not None:
        yield text
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
