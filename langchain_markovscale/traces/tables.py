"""Tables of rounds as traces: right or wrong, a row for a chain of revisions, a column for a round.

This is what many people already have from an evaluation: nothing but which answers were right.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from langchain_markovscale.traces.trace import LabelledAttempt, Trace
from langchain_markovscale.types import new_attempt

Labels = list[bool | None]

_ROWS = (list, tuple, np.ndarray)
_LABELS: dict[str, bool | None] = {
    **dict.fromkeys(("1", "1.0", "true"), True),
    **dict.fromkeys(("0", "0.0", "false"), False),
    **dict.fromkeys(("", "nan", "none", "null", "na", "<na>"), None),
}


def traces_from_table(
    table: Any,
    *,
    rounds: Sequence[str] | None = None,
    question: str | None = None,
    start: str | None = None,
) -> list[Trace]:
    """Return a table of rounds as traces.

    Each row is a fresh draw (its first round) and the revisions of it. A cell is right (1, true),
    wrong (0, false) or unknown (blank, NaN, None); unknown rounds at the end of a row count as not
    made. For example `traces_from_table("rounds.csv", question="id")` of

        id,first,second,third
        q1,0,1,1
        q2,1,1,

    Args:
        table: Path of a CSV file (with commas, semicolons or tabs), whose columns have names if a
            word stands in its first line; a data frame, or a mapping from names to columns; or rows
            without names, as lists or as an array of shape (questions, rounds) or (questions, fresh
            starts, rounds).
        rounds: Names of the columns that are rounds, in order; by default all but the next two.
        question: Name of the column that names the question; rows with the same name are fresh
            starts of one question. By default every row is a question.
        start: Name of the column that numbers a question's fresh starts.

    Returns:
        One trace a question, in order of first appearance.

    Raises:
        ValueError: If a cell is not a label, a column does not exist, or there is no row.
    """
    header, rows = _read(table)
    if not len(rows):
        raise ValueError("table must hold a row for each chain of revisions, got no row: add one.")
    if header is None and (rounds is not None or question is not None or start is not None):
        raise ValueError(
            "rounds, question and start are names of columns, and this table's columns have none: "
            "leave them out, or name the columns."
        )
    chains: dict[str, list[Labels]] = {}
    if header is not None:
        for name, labels in _named(header, rows, rounds, question, start):
            chains.setdefault(name, []).append(labels)
    else:
        for number, row in enumerate(rows, 1):
            starts = row if len(row) and isinstance(row[0], _ROWS) else [row]
            chains[f"row {number}"] = [_labels(cells, number) for cells in starts]
    return [_trace(name, several, asked=question is not None) for name, several in chains.items()]


def _read(table: Any) -> tuple[list[str] | None, Sequence[Sequence[Any]]]:
    """Return the names of the columns, where they have any, and the rows."""
    if isinstance(table, (str, os.PathLike)):
        rows = list(_csv_rows(Path(table)))
        if rows and any(cell.strip().lower() not in _LABELS for cell in rows[0]):
            return [name.strip() for name in rows[0]], rows[1:]
        return None, rows
    if isinstance(table, Mapping) or hasattr(table, "columns"):
        names = list(table) if isinstance(table, Mapping) else list(table.columns)
        columns = [list(table[name]) for name in names]
        return [str(name) for name in names], list(zip(*columns, strict=True))
    rows = list(table) if isinstance(table, Iterable) else [table]
    if not all(isinstance(row, _ROWS) for row in rows):
        raise ValueError(
            "table must be the path of a CSV file, a data frame, or rows of 0 and 1, got "
            f"{table!r:.80}."
        )
    return None, rows


def _csv_rows(path: Path) -> Iterator[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=first.count)
        yield from (row for row in csv.reader(file, delimiter=delimiter) if row)


def _named(
    header: list[str],
    rows: Iterable[Sequence[Any]],
    rounds: Sequence[str] | None,
    question: str | None,
    start: str | None,
) -> Iterator[tuple[str, Labels]]:
    """Yield the question and the labels of each row of a table whose columns have names."""
    if rounds is None:
        rounds = [name for name in header if name not in (question, start)]
    for name in (*rounds, question, start):
        if name is not None and name not in header:
            raise ValueError(f"table has no column {name!r}: name one of {', '.join(header)}.")
    where = [header.index(name) for name in rounds]
    for number, row in enumerate(rows, 1):
        whole = [*row, *[None] * (len(header) - len(row))]
        labels = _labels([whole[index] for index in where], number, rounds)
        name = f"row {number}" if question is None else whole[header.index(question)]
        if name is None or not str(name).strip():
            raise ValueError(
                f"table has nothing in row {number}, column {question!r}: name the question there."
            )
        yield str(name).strip(), labels


def _labels(cells: Iterable[Any], number: int, names: Sequence[str] | None = None) -> Labels:
    labels: Labels = []
    for index, cell in enumerate(cells):
        word = str(cell).strip().lower()
        if word not in _LABELS:
            where = f"column {index + 1}" if names is None else f"column {names[index]!r}"
            raise ValueError(
                f"table has {cell!r} in row {number}, {where}, which is neither 1, 0 nor blank: "
                "name the columns that are rounds (rounds=[…]), or those that are not "
                "(question=…, start=…)."
            )
        labels.append(_LABELS[word])
    while labels and labels[-1] is None:
        labels.pop()
    return labels


def _trace(name: str, chains: list[Labels], *, asked: bool) -> Trace:
    attempts: list[LabelledAttempt] = []
    for labels in chains:
        for depth, label in enumerate(labels):
            attempt = new_attempt("", parent=len(attempts) - 1 if depth else None)
            attempts.append({**attempt, "correct": label, "usage": None})
    return {
        "id": name,
        "question": name if asked else "",
        "attempts": attempts,
        "reference": None,
        "features": None,
        "metadata": {},
    }
