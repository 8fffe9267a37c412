"""Tables of rounds as traces: right or wrong, a row for a chain of revisions, a column for a round.

This is what many people already have from an evaluation: nothing but which answers were right.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from langchain_markovscale.traces.labels import is_blank, is_label, label_of, score_of
from langchain_markovscale.traces.text_files import read_table
from langchain_markovscale.traces.trace import LabelledAttempt, Trace
from langchain_markovscale.types import new_attempt

_ROWS = (list, tuple, np.ndarray)


class _Round(NamedTuple):
    """What a table says of an answer."""

    correct: bool | None
    score: float | None = None


def traces_from_table(
    table: Any,
    *,
    rounds: Sequence[str] | None = None,
    question: str | None = None,
    start: str | None = None,
    scores: Sequence[str] | None = None,
) -> list[Trace]:
    """Return a table of rounds as traces.

    Each row is a fresh draw (its first round) and the revisions of it. A cell is right (1, true, C,
    pass, yes, ✓), wrong (0, false, I, fail, no, ✗) or unknown (blank, NaN, N/A); unknown rounds at
    the end of a row count as not made. For example `traces_from_table("rounds.csv", question="id")`
    of

        id,first,second,third
        q1,0,1,1
        q2,1,1,

    Args:
        table: Path of a CSV file (with commas, semicolons or tabs, in any usual encoding), whose
            columns have names if a word that is no label stands in its first line; a data frame, or
            a mapping from names to columns; or rows without names, as lists or as an array of shape
            (questions, rounds) or (questions, fresh starts, rounds).
        rounds: Names of the columns that are rounds, in order; by default all but the others that
            are named.
        question: Name of the column that names the question; rows with the same name are fresh
            starts of one question. By default every row is a question.
        start: Name of the column that numbers a question's fresh starts.
        scores: Names of the columns with a verifier's scores in [0, 1], one for each round; with
            `rounds=[]` it is not known what is right.

    Returns:
        One trace a question, in order of first appearance.

    Raises:
        ValueError: If a cell is neither label nor score, a column does not exist, or there is no
            row.
    """
    header, rows = _read(table)
    if not len(rows):
        raise ValueError("table must hold a row for each chain of revisions, got no row: add one.")
    if header is None and any(name is not None for name in (rounds, question, start, scores)):
        raise ValueError(
            "rounds, question, start and scores are names of columns, and this table's columns "
            "have none: leave them out, or name the columns."
        )
    chains: dict[str, list[list[_Round]]] = {}
    if header is not None:
        for name, chain in _named(header, rows, rounds, question, start, scores):
            chains.setdefault(name, []).append(chain)
    else:
        for number, row in enumerate(rows, 1):
            starts = row if len(row) and isinstance(row[0], _ROWS) else [row]
            chains[f"row {number}"] = [_chain(cells, number) for cells in starts]
    return [_trace(name, several, asked=question is not None) for name, several in chains.items()]


def _read(table: Any) -> tuple[list[str] | None, Sequence[Sequence[Any]]]:
    """Return the names of the columns, where they have any, and the rows."""
    if isinstance(table, (str, os.PathLike)):
        rows = read_table(table)
        if rows and not all(map(is_label, rows[0])):
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


def _named(
    header: list[str],
    rows: Iterable[Sequence[Any]],
    rounds: Sequence[str] | None,
    question: str | None,
    start: str | None,
    scores: Sequence[str] | None,
) -> Iterator[tuple[str, list[_Round]]]:
    """Yield the question and the rounds of each row of a table whose columns have names."""
    if rounds is None:
        rounds = [name for name in header if name not in (question, start, *(scores or ()))]
    for name in (*rounds, question, start, *(scores or ())):
        if name is not None and name not in header:
            raise ValueError(f"table has no column {name!r}: name one of {', '.join(header)}.")
    if scores and rounds and len(scores) != len(rounds):
        raise ValueError(
            f"scores must name a column for each of the rounds ({', '.join(rounds)}), got "
            f"{', '.join(scores)}."
        )
    for number, row in enumerate(rows, 1):
        cells = dict(zip(header, row, strict=False))
        labels = [cells.get(name) for name in rounds] or [None] * len(scores or ())
        chain = _chain(labels, number, rounds, [(name, cells.get(name)) for name in scores or ()])
        name = f"row {number}" if question is None else cells.get(question)
        if name is None or not str(name).strip():
            raise ValueError(
                f"table has nothing in row {number}, column {question!r}: name the question there."
            )
        yield str(name).strip(), chain


def _chain(
    cells: Iterable[Any],
    number: int,
    names: Sequence[str] | None = None,
    scores: Sequence[tuple[str, Any]] = (),
) -> list[_Round]:
    """Return the rounds of a row, up to the last of which something is known."""
    chain = []
    for index, cell in enumerate(cells):
        if not is_label(cell):
            where = f"column {index + 1}" if names is None else f"column {names[index]!r}"
            raise ValueError(
                f"table has {cell!r} in row {number}, {where}, which is neither 1, 0 nor blank, "
                "nor a word for right or wrong: name the columns that are rounds (rounds=[…]), or "
                "those that are not (question=…, start=…, scores=[…])."
            )
        score = None if not scores else _score(*scores[index], number)
        chain.append(_Round(label_of(cell), score))
    while chain and chain[-1] == (None, None):
        chain.pop()
    return chain


def _score(name: str, cell: Any, number: int) -> float | None:
    score = score_of(cell)
    if score is None and not is_blank(cell):
        raise ValueError(
            f"table has {cell!r} in row {number}, column {name!r}, which is no score in [0, 1]."
        )
    return score


def _trace(name: str, chains: list[list[_Round]], *, asked: bool) -> Trace:
    attempts: list[LabelledAttempt] = []
    for chain in chains:
        for depth, (label, score) in enumerate(chain):
            parent = len(attempts) - 1 if depth else None
            attempt = new_attempt("", score=score, parent=parent)
            attempts.append({**attempt, "correct": label, "usage": None})
    return {
        "id": name,
        "question": name if asked else "",
        "attempts": attempts,
        "reference": None,
        "features": None,
        "metadata": {},
    }
