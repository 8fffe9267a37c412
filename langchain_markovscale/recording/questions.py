"""Question sets, from files and from memory: what is asked, and what is known of the answer."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from langchain_markovscale._text import valid
from langchain_markovscale.types import ArgumentError

REFERENCE_FIELDS = ("reference", "answer")
"""Where a record keeps the right answer; the first of these that it has."""


class Question(NamedTuple):
    """A question to be recorded.

    Attributes:
        id: Its name in traces.
        text: Its words.
        reference: The right answer, where it is known.
        features: What is known of it beforehand, as in a `Trace`.
    """

    id: str
    text: str
    reference: str | None = None
    features: Any = None


def read_questions(
    path: str | os.PathLike[str],
    *,
    question_field: str = "question",
    reference_field: str | None = None,
) -> list[Question]:
    """Return the questions of a JSONL file.

    Args:
        path: A file in UTF-8, one object a line, with `question`, and where they are known
            `reference` (or `answer`), `id` and `features`.
        question_field: Another name for the field `question`; every line must have it.
        reference_field: Another name for the field `reference`; some line must have it.

    Raises:
        ValueError: If a line is not such an object (the message names it), or there is no line.
        OSError: If the file cannot be read.
    """
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            return parse_questions(
                file, str(path), question_field=question_field, reference_field=reference_field
            )
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error}): save it as UTF-8.") from None


def parse_questions(
    lines: Iterable[str],
    source: str,
    *,
    question_field: str = "question",
    reference_field: str | None = None,
) -> list[Question]:
    """Return the questions in the lines of a file, as `read_questions` describes them.

    Args:
        lines: JSON objects, one a line; blank lines are skipped.
        source: Name of the file in error messages.
        question_field: Another name for the field `question`; every line must have it.
        reference_field: Another name for the field `reference`; some line must have it.

    Raises:
        ValueError: If a line is not a question (the message names it), or there is no line.
    """
    records = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{source}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{where} is not JSON ({_reason(error)}): write one JSON object a line."
            ) from None
        records.append((where, record))
    if not records:
        raise ValueError(
            f'{source} holds no question: write one JSON object a line, {{"question": "…"}}.'
        )
    _rename(records, question_field, reference_field)
    return _distinct([_question(record, where) for where, record in records])


def _reason(error: Exception) -> str:
    """Return what is wrong with a line, without the number 1 that every line has by itself."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}"
    return str(error)


def _rename(
    records: Sequence[tuple[str, Any]], question_field: str, reference_field: str | None
) -> None:
    """Give the fields that were named their usual names.

    Each record must have the question. References may be missing here and there, but in all
    records only where the name is wrong.
    """
    objects = [(where, record) for where, record in records if isinstance(record, dict)]
    for where, record in objects:
        if question_field not in record and question_field != "question":
            raise _no_field("question_field", question_field, where, record)
    if objects and reference_field and not any(reference_field in each for _, each in objects):
        raise _no_field("reference_field", reference_field, *objects[0])
    for _, record in objects:
        text, right = record.get(question_field), record.get(reference_field)
        if reference_field is not None:
            for name in REFERENCE_FIELDS:
                record.pop(name, None)
            record[REFERENCE_FIELDS[0]] = right
        record["question"] = text


def _no_field(argument: str, field: str, where: str, record: Mapping[str, Any]) -> ValueError:
    return ArgumentError(
        argument,
        f"must name a field of the questions, got {field!r}: {where} has only {', '.join(record)}.",
    )


def as_questions(dataset: Iterable[Any]) -> list[Question]:
    """Return a question set as a list of distinct questions.

    A question without an id gets one from its text, so that recording can be resumed with the
    questions in another order.

    Args:
        dataset: Pairs of question and reference (None where it is unknown), mappings with the
            fields that `read_questions` describes, or bare questions.

    Raises:
        ValueError: If an item is not a question, two have the same id, or there is no item.
    """
    if isinstance(dataset, (str, Mapping)):
        raise ValueError(
            f"dataset must be several questions, got {dataset!r:.80}: give a list of pairs "
            "(question, reference), or read_questions(path)."
        )
    found = [
        item if isinstance(item, Question) else _question(item, f"dataset[{index}]")
        for index, item in enumerate(dataset)
    ]
    return _distinct(found)


def _question(item: Any, where: str) -> Question:
    if isinstance(item, str):
        item = (item, None)
    if isinstance(item, tuple) and len(item) == 2:
        item = {"question": item[0], "reference": item[1]}
    if not isinstance(item, Mapping):
        raise ValueError(
            f"{where} must be a pair (question, reference) or a mapping with 'question', got "
            f"{item!r:.80}."
        )
    question = item.get("question")
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"{where} must have a question with text, got {question!r}: add one.")
    reference = next((item[name] for name in REFERENCE_FIELDS if item.get(name) is not None), None)
    if isinstance(reference, bool) or not isinstance(reference, (str, int, float, type(None))):
        raise ValueError(
            f"{where} must have one string or number as its reference, got {reference!r:.80}."
        )
    name = item.get("id")
    return Question(
        "" if name is None else valid(str(name)),
        valid(question),
        None if reference is None else valid(str(reference)),
        item.get("features"),
    )


def _distinct(questions: list[Question]) -> list[Question]:
    """Name the questions that have no name, and see that no two have the same."""
    if not questions:
        raise ValueError("dataset holds no question: give at least one.")
    seen: dict[str, str] = {}
    named = []
    for question in questions:
        name = question.id
        if not name:
            digest = sha256(valid(question.text).encode()).hexdigest()[:12]
            name, copies = digest, 1
            while name in seen:
                copies += 1
                name = f"{digest}-{copies}"
        elif name in seen:
            raise ValueError(
                f"dataset has the id {name!r} twice, for {seen[name]!r:.60} and "
                f"{question.text!r:.60}: ids must differ, because recording resumes by them."
            )
        seen[name] = question.text
        named.append(question._replace(id=name))
    return named
