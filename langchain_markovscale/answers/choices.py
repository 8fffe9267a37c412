"""A closed list of possible answers: how many there are, and which of them a text gives."""

import re
from collections.abc import Sequence

from langchain_markovscale.answers.keys import (
    AnswerKey,
    last_number,
    resolve_answer_key,
)
from langchain_markovscale.answers.numbers import last_numeral
from langchain_markovscale.answers.spelling import folded, in_one_spelling, normalized_text
from langchain_markovscale.answers.thoughts import without_thoughts

Choices = int | Sequence[str]


def count_of(choices: Choices | None) -> int | None:
    """Return how many answers are possible; None where the number is unknown.

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
    """Return the key function: the given one, or one that reads the choices."""
    if answer_key is not None or choices is None or isinstance(choices, int):
        return resolve_answer_key(answer_key)
    count_of(choices)  # raises an error for what is no list of answers
    if all(re.fullmatch("[A-Za-z]", choice) for choice in choices):
        return _letter_key(choices)
    return _mention_key(choices)


def _letter_key(choices: Sequence[str]) -> AnswerKey:
    """Return the key of a chosen letter, as the list spells it; alone it may be of either case."""
    spelling = {choice.upper(): choice for choice in choices}
    chosen = resolve_answer_key(f"choice:{''.join(choices)}")

    def key(text: str) -> str | None:
        alone = (normalized_text(text) or "").upper()
        return spelling.get(alone) or spelling.get(chosen(text) or "")

    return key


def _mention_key(choices: Sequence[str]) -> AnswerKey:
    """Return the key of the choice that a text is, in any spelling, or else mentions last.

    Choices are looked for as words, numbers as whole numbers ("1" is not in "1/2"); of two that
    begin together the longer counts. Where all choices are numbers the last number of the text
    decides before that, because the numbers of a reasoning come earlier.
    """
    names = {name: choice for choice in choices if (name := normalized_text(choice))}
    numbers = {name: choice for name, choice in names.items() if last_number(name) == name}
    non_numbers = {name: choice for name, choice in names.items() if name not in numbers}
    by_spelling = non_numbers | {_folded_spelling(choice): choice for choice in choices}
    pattern = re.compile("|".join(map(_as_word, sorted(filter(None, by_spelling), key=len)[::-1])))
    longest = max(map(len, choices), default=0) + _MOST_AROUND

    def key(text: str) -> str | None:
        text = without_thoughts(text)
        alone = in_one_spelling(text) if len(text) <= longest else None
        if (choice := names.get(alone or "")) is not None:
            return choice
        number = numbers.get(last_numeral(text) or "")
        if number is not None and not non_numbers:
            return number
        mentions = pattern.findall(_folded_spelling(text))
        return by_spelling[mentions[-1]] if mentions else number

    return key


_MOST_AROUND = 1_000  # characters of space and punctuation around a choice that stands alone


def _folded_spelling(text: str) -> str:
    return " ".join(folded(text).split())


def _as_word(spelling: str) -> str:
    """Return the pattern of a word; the word comes first in it, for speed."""
    word = re.escape(spelling)
    before = rf"(?<!\w{word})(?<!\d[.,/]{word})"
    if spelling[0].isdigit():
        before += rf"(?:(?<![-\u2212]{word})|(?<=\d[-\u2212]{word}))"
    return rf"{word}(?!\w|[.,/]\d){before}"
