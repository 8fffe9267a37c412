"""A closed list of possible answers: how many there are, and which of them a text gives."""

import re
from collections.abc import Callable, Sequence

from langchain_markovscale.answer_keys import AnswerKey, normalized_text, resolve_answer_key

Choices = int | Sequence[str]


def count_of(choices: Choices | None) -> int | None:
    """Return how many answers are possible; None where nobody knows.

    Raises:
        ValueError: If a list repeats an answer; the number itself is checked by the criterion.
    """
    if choices is None or isinstance(choices, int):
        return choices
    if isinstance(choices, str) or len(set(map(normalized_text, choices))) < len(choices):
        raise ValueError(
            "choices must be a number or a list of answers that differ in more than case and "
            f"punctuation, got {choices!r}."
        )
    return len(choices)


def key_for(answer_key: AnswerKey | str | None, choices: Choices | None) -> AnswerKey | None:
    """Return the key function: the one that was asked for, or one that reads the choices."""
    if answer_key is not None or choices is None or isinstance(choices, int):
        return resolve_answer_key(answer_key)
    if all(re.fullmatch("[A-Za-z]", choice) for choice in choices):
        return resolve_answer_key(f"choice:{''.join(choices)}")
    return _mentioned(choices)


def _mentioned(choices: Sequence[str]) -> Callable[[str], str | None]:
    """The last choice that a text mentions as words; of two that begin together, the longer."""
    names = {normalized_text(choice): choice for choice in choices}
    longest_first = sorted((name for name in names if name), key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def key(text: str) -> str | None:
        folded = " ".join(text.casefold().split())
        found = pattern.findall(folded)
        return names[found[-1]] if found else None

    return key
