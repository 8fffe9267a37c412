"""A log, opened: a file or objects as records, each with its place."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from langgraph.types import StateSnapshot

from langchain_markovscale._text import name_of
from langchain_markovscale.traces.columns import names_a_question
from langchain_markovscale.traces.labels import is_label
from langchain_markovscale.traces.messages import as_mapping, is_message
from langchain_markovscale.traces.text_files import Record, TextTable, read_records


class Log(NamedTuple):
    """A log, opened.

    Attributes:
        name: What to call it.
        records: Its records.
        header: The columns, where it is a table.
        rows: The rows of a table that is not made of records.
        path: Its file, if it is one.
    """

    name: str
    records: Sequence[Record]
    header: list[str] | None = None
    rows: Any = None
    path: str | os.PathLike[str] | None = None


def objects_of(log: Log) -> list[Record]:
    """Return the records that are objects."""
    return [each for each in log.records if isinstance(each.value, Mapping)]


def name_of_source(source: Any) -> str:
    """Return what to call a source in messages."""
    return name_of(source) if isinstance(source, (str, os.PathLike)) else "source"


def is_trace(value: Mapping[str, Any]) -> bool:
    """Return whether a record is a trace as this package writes it."""
    return "id" in value and "question" in value and isinstance(value.get("attempts"), list)


def open_log(source: Any, format: str) -> Log:
    """Open a log.

    Args:
        source: Path of a file, or objects.
        format: The name of its format, or `auto`.

    Raises:
        ValueError: If the file is damaged.
        OSError: If it cannot be read.
    """
    name = name_of_source(source)
    if isinstance(source, (str, os.PathLike)):
        return _opened_file(source, name, format)
    if hasattr(source, "columns") and not isinstance(source, Mapping):
        columns = {str(column): list(source[column]) for column in source.columns}
        return _table_of_columns(columns, name)
    if isinstance(source, Mapping):
        if _is_of_columns(source):
            return _table_of_columns({str(each): list(source[each]) for each in source}, name)
        return Log(name, [Record(name, source)])
    if isinstance(source, np.ndarray):
        return Log(name, [], rows=source)
    if not isinstance(source, Iterable):
        source = [source]
    records = [Record(f"record {number}", _plain(each)) for number, each in enumerate(source, 1)]
    return Log(name, records)


def _opened_file(path: str | os.PathLike[str], name: str, format: str) -> Log:
    if format in ("auto", "traces") and _begins_with_a_trace(path):
        return Log(name, [], path=path)
    found = read_records(path)
    if isinstance(found, TextTable):
        header = _distinct(cell.strip() for cell in found.rows[0]) if found.rows else []
        if all(map(is_label, header)):
            return Log(name, [], rows=found.rows)
        rows = found.rows[1:]
        if _is_row_of_labels(header, rows):
            header, rows = ["question", *(f"round {n}" for n in range(1, len(header)))], found.rows
        named = [dict(zip(header, row, strict=False)) for row in rows]
        records = [Record(f"{name}, row {number}", row) for number, row in enumerate(named, 1)]
        return Log(name, records, header)
    return Log(name, found)


def _distinct(names: Iterable[str]) -> list[str]:
    """Return the names of columns, with a number where one comes again."""
    seen: Counter[str] = Counter()
    header = []
    for name in names:
        seen[name] += 1
        header.append(name if seen[name] == 1 or not name else f"{name} ({seen[name]})")
    return header


def _is_row_of_labels(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first line of a table names a question and labels, and no columns."""
    cells = {cell.strip() for row in rows for cell in row[1:]}
    labels = header[1:]
    return (
        bool(labels)
        and not names_a_question(header[:1])
        and all(is_label(each) and each in cells for each in labels)
    )


def _begins_with_a_trace(path: str | os.PathLike[str]) -> bool:
    with Path(path).open("rb") as file:
        line = next((line for line in file if line.strip()), b"")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and is_trace(record)


def inner_log(log: Log) -> Log | None:
    """Return the objects that a log's only record lists under some name; None where it does not."""
    value = log.records[0].value if len(log.records) == 1 else None
    parts = value.values() if isinstance(value, Mapping) else ()
    lists = [part for part in parts if isinstance(part, list) and part]
    if len(lists) != 1 or not all(isinstance(each, Mapping) for each in lists[0]):
        return None
    records = enumerate(lists[0], 1)
    return Log(log.name, [Record(f"{log.name}, record {number}", each) for number, each in records])


def _is_of_columns(source: Mapping[Any, Any]) -> bool:
    parts = [*source.values()]
    return (
        bool(parts)
        and all(isinstance(part, (list, tuple, np.ndarray)) for part in parts)
        and not any(isinstance(each, Mapping) or is_message(each) for each in chain(*parts))
    )


def _table_of_columns(columns: Mapping[str, list[Any]], name: str) -> Log:
    if len({len(cells) for cells in columns.values()}) > 1:
        lengths = ", ".join(f"{column}: {len(cells)}" for column, cells in columns.items())
        raise ValueError(f"{name} must have columns of one length, got {lengths}.")
    rows = zip(*columns.values(), strict=True)
    records = [
        Record(f"row {number}", dict(zip(columns, row, strict=True)))
        for number, row in enumerate(rows, 1)
    ]
    return Log(name, records, list(columns))


def _plain(value: Any) -> Any:
    """Return a record as JSON has it; snapshots and rows stay what they are."""
    if isinstance(value, (Mapping, StateSnapshot, str)):
        return value
    if isinstance(value, (list, tuple, np.ndarray)):
        return list(value)
    return as_mapping(value) or value
