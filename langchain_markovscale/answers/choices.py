"""A closed list of possible answers: how many there are, and which of them a text gives."""

import re
from collections.abc import Sequence

from langchain_markovscale.answers.keys import (
    AnswerKey,
    folded,
    last_number,
    normalized_text,
    resolve_answer_key,
)

Choices = int | Sequence[str]


def count_of(choices: Choices | None) -> int | None:
    """Return how many answers are possible; None where nobody knows.

    Raises:
        ValueError: If a list repeats an answer or holds something else than strings; the number
            itself is checked by the criterion.
    """
    if choices is None or isinstance(choices, int):
        return choices
    if not isinstance(choices, str) and not all(isinstance(choice, str) for choice in choices):
        raise ValueError(
            f"choices must be a number or a list of strings, got {choices!r}: give numbers as they "
            'are written, such as ["1", "2"].'
        )
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
    count_of(choices)  # refuses what is no list of answers
    if all(re.fullmatch("[A-Za-z]", choice) for choice in choices):
        return _lettered(choices)
    return _mentioned(choices)


def _lettered(choices: Sequence[str]) -> AnswerKey:
    """The letter that a text chooses, as the list spells it; alone it may be of either case."""
    spelling = {choice.upper(): choice for choice in choices}
    chosen = resolve_answer_key(f"choice:{''.join(choices)}")

    def key(text: str) -> str | None:
        alone = (normalized_text(text) or "").upper()
        return spelling.get(alone) or spelling.get(chosen(text) or "")

    return key


def _mentioned(choices: Sequence[str]) -> AnswerKey:
    """The choice that a text is, in any spelling, or else the last one that it mentions.

    Choices are looked for as words, numbers as whole numbers ("1" is not in "1/2"); of two that
    begin together the longer counts. Where all choices are numbers the last number of the text
    decides before that, because the numbers of a reasoning come earlier.
    """
    names = {name: choice for choice in choices if (name := normalized_text(choice))}
    numbers = {name: choice for name, choice in names.items() if last_number(name) == name}
    worded = {name: choice for name, choice in names.items() if name not in numbers}
    spelled = worded | {_spelling(choice): choice for choice in choices}
    pattern = re.compile("|".join(map(_as_word, sorted(filter(None, spelled), key=len)[::-1])))

    def key(text: str) -> str | None:
        if (whole := names.get(normalized_text(text) or "")) is not None:
            return whole
        number = numbers.get(last_number(text) or "")
        if number is not None and not worded:
            return number
        found = pattern.findall(_spelling(text))
        return spelled[found[-1]] if found else number

    return key


def _spelling(text: str) -> str:
    return " ".join(folded(text).split())


def _as_word(spelling: str) -> str:
    number = spelling[0].isdigit()
    begin = r"(?<!\w)(?<!\d[.,/])" + (r"(?:(?<![-\u2212])|(?<=\d[-\u2212]))" if number else "")
    return rf"{begin}{re.escape(spelling)}(?!\w|[.,/]\d)"
