"""Answer keys: the canonical form of an answer, by which two answers are the same answer.

The belief of the criterion is about answers, not texts: "so it is $75.00." and "75" must count as
agreement. A key function takes a model's whole text and returns the key, or None where it finds
none. It is total: it raises on no text and takes linear time, because it reads whatever a model
wrote.

The conventions are the field's: where a text holds several candidates, the *last* one is the answer
("the answer is 12, since 5+7=12" has the key 12).
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, overload

from langchain_markovscale.answers.boxes import last_box, normalized_latex
from langchain_markovscale.answers.json_text import json_list, last_json_object
from langchain_markovscale.answers.letters import Choice, choice_patterns, chosen_letter
from langchain_markovscale.answers.mathematics import MathKey
from langchain_markovscale.answers.numbers import last_numeral
from langchain_markovscale.answers.semantics import SemanticKey
from langchain_markovscale.answers.spelling import normalized_text
from langchain_markovscale.answers.thoughts import without_thoughts
from langchain_markovscale.types import ArgumentError

AnswerKey = Callable[[str], str | None]
"""A function from the text of an answer to its key, or None where it finds none."""


def last_number(text: str) -> str | None:
    r"""Return the last number of a text, exactly, in one canonical form.

    `75`, `75.0`, `$75.00` and `+75.` have the key `75`; `1,000` and `1\,000` the key
    `1000`; `3/4`, `\frac{3}{4}` and `0.75` the key `0.75`; `1/3` the key `1/3`.
    Percent and currency signs are dropped: `50%` has the key `50`. The decimal sign is a point,
    and digits glued to a letter (`m2`) are no number. Nor is a range (`10-12`), a bound (`at least
    42`), a rank (`21st`) or a sum that is not worked out. Where a model goes on after its answer
    with a question of its own (`Q: …`), the number is read before it.

    Args:
        text: The whole text of an answer.

    Returns:
        The canonical number, or None where the text holds no number.
    """
    return last_numeral(without_thoughts(text))


def boxed(text: str) -> str | None:
    r"""Return the content of the last `\boxed{…}`, normalised.

    A number (a unit in `\text{…}` and a left side such as `x =` do not count) gets the
    canonical form of `last_number`. Otherwise spacing, `\left`, `\right` and `\text` are
    removed, and the case is kept.

    Args:
        text: The whole text of an answer.

    Returns:
        The normalised content, or None where there is no closed, non-empty box.
    """
    content = last_box(without_thoughts(text))
    return None if content is None else normalized_latex(content)


def choice_letter(text: str, letters: str = "ABCDE") -> str | None:
    r"""Return the letter of the option that a text chooses.

    The clearest form decides, and among equals the last: a statement ("the answer is B", "B is
    correct"), then a letter set off ("(B)", "**B**", "\boxed{B}", "option B", "B" alone on a line),
    then one that labels a line ("B. Paris", unless the lines list several options), then a capital
    in prose. The article "A" and the pronoun "I" are no choice, nor are alternatives ("A or B") and
    what is denied ("not C").

    Args:
        text: The whole text of an answer.
        letters: The letters of the options.

    Returns:
        The letter in upper case, or None where the text chooses none.

    Raises:
        ValueError: If `letters` are not distinct letters from A to Z.
    """
    return letter_of(text, letters).letter


def letter_of(text: str, letters: str = "ABCDE") -> Choice:
    """Return what `choice_letter` finds, and whether it was several letters."""
    return chosen_letter(without_thoughts(text), choice_patterns(letters))


def json_field(name: str, *, as_sets: bool = False) -> AnswerKey:
    """Make the key that reads one field of the last JSON object of a text.

    Code fences and prose around the object are allowed.

    Args:
        name: The field, such as `answer`; a path goes deeper: `result.value`, `answers.0`.
        as_sets: Whether lists are sets: their order and repetitions do not count.

    Returns:
        The key function. Strings are folded as by `normalized_text`, numbers as by `last_number`;
        lists and objects become compact JSON with sorted names, so that the order of names does
        not count. None where there is no object, no such field, or null.

    Raises:
        ValueError: If `name` is empty.
    """
    if not name.strip():
        raise ValueError(f"name must be the name of a field, such as 'answer', got {name!r}.")
    return partial(json_key, name.strip(), as_sets=as_sets)


def json_key(name: str, text: str, *, as_sets: bool = False) -> str | None:
    """Return the key of a field of the last JSON object of a text; "" is the whole object.

    Of a text that is a JSON list, "" is the list, and a path may begin with an index.
    """
    text = without_thoughts(text)
    is_of_list = not name or name.split(".")[0].isdecimal()
    value: Any = json_list(text) if is_of_list else None
    if value is None:
        if (last := last_json_object(text)) is None:
            return None
        value = last.value
    as_named = isinstance(value, dict) and name in value
    for part in [] if not name else [name] if as_named else name.split("."):
        if isinstance(value, list) and part.isdecimal() and len(part) < 9:
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return None
    if isinstance(value, str):
        return normalized_text(value) or value.strip() or None
    try:
        return _compact_json(_folded_json(value, as_sets) if as_sets or not name else value)
    except RecursionError:
        return None


def _compact_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _folded_json(value: Any, as_sets: bool) -> Any:
    """Fold the strings within a value, and sort its lists where they are sets."""
    if isinstance(value, str):
        return normalized_text(value) or value.strip()
    if isinstance(value, dict):
        return {name: _folded_json(part, as_sets) for name, part in value.items()}
    if isinstance(value, list):
        parts = [_folded_json(part, as_sets) for part in value]
        if as_sets:
            return [json.loads(part) for part in sorted(set(map(_compact_json, parts)))]
        return parts
    return value


_NAMED: dict[str, AnswerKey] = {
    "last_number": last_number,
    "boxed": boxed,
    "choice": choice_letter,
    "choice_letter": choice_letter,
    "text": normalized_text,
    "normalized_text": normalized_text,
}
_VALID = (
    "last_number, boxed, choice, choice:<letters>, text, math, json, json:<field>, "
    "json_set:<field>, semantic, semantic:<threshold>"
)


@overload
def resolve_answer_key(answer_key: None) -> None: ...
@overload
def resolve_answer_key(answer_key: str | AnswerKey) -> AnswerKey: ...
def resolve_answer_key(answer_key: str | AnswerKey | None) -> AnswerKey | None:
    """Turn what a user gives for an answer key into a key function.

    Args:
        answer_key: None (answers have no keys), a name (`last_number`, `boxed`, `math`, `choice`,
            `choice:ABCD`, `text`, `json` for a whole object, `json:field`, `json_set:field` where
            the lists in it are sets, `semantic` for free text, `semantic:0.9` with a threshold), or
            a callable from text to key.

    Returns:
        The key function, or None. A user's callable is wrapped: an empty key counts as None, a key
        that is neither str nor None is a TypeError, and errors that it raises are not caught.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If the answer key is of no accepted type.
        ModuleNotFoundError: If it is `math` and the extra `math` is not installed, or `semantic`
            and the extra `nli`.
        OSError: If it is `semantic` and its model cannot be fetched.
    """
    if answer_key is None:
        return None
    if isinstance(answer_key, str):
        return _named_key(answer_key)
    if callable(answer_key):
        checked_kinds = (_CheckedKey, MathKey, SemanticKey)
        is_checked = answer_key in _NAMED.values() or isinstance(answer_key, checked_kinds)
        return answer_key if is_checked else _CheckedKey(answer_key)
    raise TypeError(
        f"answer_key must be None, a name ({_VALID}) or a callable from text to key, "
        f"got {type(answer_key).__name__}."
    )


def _named_key(name: str) -> AnswerKey:
    kind, _, detail = name.strip().partition(":")
    if kind in ("json", "json_set") and (detail.strip() or kind == name.strip()):
        return partial(json_key, detail.strip(), as_sets=kind == "json_set")
    if kind in ("choice", "choice_letter") and detail:
        choice_patterns(detail)  # wrong letters are an error here, not at the first answer
        return partial(choice_letter, letters=detail)
    if kind == "math" and not detail:
        return MathKey()
    if kind == "semantic" and (detail.strip() or kind == name.strip()):
        return SemanticKey(threshold=_threshold(name, detail) if detail else None)
    if kind in _NAMED and not detail:
        return _NAMED[kind]
    raise ArgumentError(
        "answer_key", f"must be one of {_VALID}, or a callable from text to key, got {name!r}."
    )


def _threshold(name: str, detail: str) -> float:
    try:
        return float(detail)
    except ValueError:
        raise ArgumentError(
            "answer_key", f"must end in a threshold, such as 'semantic:0.9', got {name!r}."
        ) from None


def name_of_key(answer_key: AnswerKey) -> str | None:
    """Return the name of a key function, as `resolve_answer_key` takes it where it is one of ours.

    Returns:
        None for a function without a name.
    """
    if isinstance(answer_key, MathKey):
        return "math"
    if isinstance(answer_key, SemanticKey):
        return "semantic"
    if isinstance(answer_key, _CheckedKey):
        name = getattr(answer_key.function, "__name__", None)
        return name if name and name.isidentifier() else None
    if isinstance(answer_key, partial) and answer_key.func is json_key:
        kind = "json_set" if answer_key.keywords["as_sets"] else "json"
        return ":".join(filter(None, (kind, answer_key.args[0])))
    if isinstance(answer_key, partial):
        return f"choice:{answer_key.keywords['letters']}"
    return next((name for name, known in _NAMED.items() if known is answer_key), None)


class _CheckedKey:
    """A user's key function whose return value is checked; a class, so that it can be pickled."""

    def __init__(self, function: AnswerKey) -> None:
        self.function = function

    def __call__(self, text: str) -> str | None:
        key: object = self.function(text)
        if key is None or isinstance(key, str):
            return key or None
        raise TypeError(
            f"answer_key {self!r} returned {key!r} ({type(key).__name__}): let it return the key "
            "as a str, or None where it finds none."
        )

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", None) or repr(self.function)
