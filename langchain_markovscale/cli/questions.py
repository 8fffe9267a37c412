"""Questions from the command line or from a JSONL file, whose bad lines are named."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

STDIN = "-"


class Question(NamedTuple):
    """A question to answer.

    Attributes:
        text: The question.
        reference: The right answer where it is known; it is shown, and never told to the loop.
        id: What the file calls it, or None.
    """

    text: str
    reference: str | None = None
    id: str | None = None


def read_questions(path: str) -> list[Question]:
    """Read questions from a JSONL file.

    Each line is an object with `question` and, if wanted, `reference` and `id`; other fields are
    left alone, blank lines are skipped.

    Args:
        path: The file, or ``-`` for standard input.

    Raises:
        ValueError: If a line is no such object, or there is no question; it names the line.
        OSError: If the file cannot be read.
    """
    if path == STDIN:
        return parse_questions(sys.stdin, "standard input")
    try:
        with Path(path).open(encoding="utf-8") as lines:
            return parse_questions(lines, path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error}): save it as UTF-8.") from None


def parse_questions(lines: Iterable[str], source: str) -> list[Question]:
    """Return the questions in the lines of a file.

    Args:
        lines: JSON objects, one a line.
        source: What errors call the file.

    Raises:
        ValueError: If a line is no question, or there is none; the message names the line.
    """
    questions = [
        _question(line, f"{source}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not questions:
        raise ValueError(
            f'{source} holds no question: write one JSON object a line, {{"question": "…"}}.'
        )
    return questions


def _question(line: str, where: str) -> Question:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: no JSON ({error.msg}, column {error.colno}).") from None
    if not isinstance(record, dict):
        raise ValueError(
            f'{where}: expected an object such as {{"question": "…"}}, got {line.strip()[:60]}.'
        )
    text = record.get("question")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{where}: 'question' must be text that is not empty, got {text!r}.")
    return Question(text, _text(record, "reference", where), _text(record, "id", where))


def _text(record: dict[str, Any], name: str, where: str) -> str | None:
    value = record.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{where}: {name!r} must be text or a number, got {value!r}.")
