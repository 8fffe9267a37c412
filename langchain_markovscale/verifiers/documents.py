"""The documents that an answer was made from, as texts.

Retrieval chains hand them on in many forms; a verifier that checks an answer against them needs
their words alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.documents import Document

from langchain_markovscale.verifiers.base import VerifierInput
from langchain_markovscale.verifiers.verdicts import text_of


def documents_of(given: VerifierInput, key: str | None, name: str) -> list[str]:
    """Return the texts of the documents that came with an answer.

    Args:
        given: What a verifier is asked; its `context` is what the generator returned beside the
            answer.
        key: Where in the context the documents are; None to take every text in it.
        name: The verifier's name, for errors.

    Raises:
        ValueError: If the answer came without a context, or the context lacks the key.
    """
    context: Any = given.get("context")
    if context is None:
        msg = (
            f"{name} needs the documents that the answer was made from: let the generator return "
            "a dict with the answer under 'answer' and the documents beside it, such as "
            "{'answer': …, 'context': documents}"
        )
        raise ValueError(msg)
    if key is not None:
        if not isinstance(context, Mapping) or key not in context:
            held = sorted(map(str, context)) if isinstance(context, Mapping) else context
            msg = f"{name} looks for documents under documents_key={key!r}; the context has {held}"
            raise ValueError(msg)
        context = context[key]
    return [text for text in _texts(context) if text.strip()]


def _texts(value: object) -> Iterator[str]:
    """Texts in the order in which they stand; numbers and other values are no documents."""
    text = value.page_content if isinstance(value, Document) else text_of(value)
    if text is not None:
        yield text
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
