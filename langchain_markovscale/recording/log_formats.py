"""The formats of logs that are known: a name, what their records look like, and a reader.

What a log is, is asked of each format in turn; one that none knows is described beside the list.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import joined_key, read_answer, read_key
from langchain_markovscale.recording.log_source import Log, inner_log, is_trace, objects_of
from langchain_markovscale.recording.past_runs import is_snapshot, traces_from_messages
from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.columns import (
    Wide,
    columns_of,
    holds_answers,
    names_a_question,
    odd_cells,
    samples_of_rows,
    unread,
)
from langchain_markovscale.traces.evaluation_logs import (
    is_inspect,
    is_openai_evals,
    is_promptfoo,
    read_inspect,
    read_openai_evals,
    read_promptfoo,
)
from langchain_markovscale.traces.harness_samples import is_lm_eval, read_lm_eval
from langchain_markovscale.traces.labels import is_label
from langchain_markovscale.traces.langfuse_exports import is_langfuse, read_langfuse
from langchain_markovscale.traces.langsmith_runs import is_langsmith, read_langsmith
from langchain_markovscale.traces.log_values import name_in, plain_text
from langchain_markovscale.traces.messages import is_message
from langchain_markovscale.traces.samples import (
    Fields,
    Notes,
    Sample,
    judged,
    traces_of,
    usual_measures,
)
from langchain_markovscale.traces.tables import traces_from_table
from langchain_markovscale.traces.text_files import Record
from langchain_markovscale.traces.trace import Trace, read_traces

_LOOKED_AT = 50  # records, to find out what they are
_REFERENCES = ("reference", "ideal", "expected", "answer", "target")


class Options(NamedTuple):
    """How a log is read.

    Attributes:
        answer_key: Makes the keys of answers.
        fields: Which measures to take.
    """

    answer_key: AnswerKey | None
    fields: Fields


_Read = Callable[[Log, Options, Notes], list[Trace]]


class LogFormat(NamedTuple):
    """A format of logs.

    Attributes:
        name: Its name.
        what: Which files have it.
        looks_like: Whether a log has it.
        read: Reads one.
    """

    name: str
    what: str
    looks_like: Callable[[Log], bool]
    read: _Read


def format_of(log: Log, name: str = "auto") -> tuple[Log, LogFormat]:
    """Return the format that a log has, and the log, or what it holds under some name.

    Args:
        log: The log.
        name: The name of its format; `auto` to find it out.

    Raises:
        ValueError: If it is of none; the message says what it looks like, and what is known.
    """
    logs = [each for each in (log, inner_log(log)) if each is not None]
    formats = FORMATS.values() if name == "auto" else [FORMATS[name]]
    for each in logs:
        for found in formats:
            if found.looks_like(each):
                return each, found
    if name != "auto":
        return log, FORMATS[name]
    known = "; ".join(f"{each.name}: {each.what}" for each in FORMATS.values())
    raise ValueError(
        f"{log.name} {_description(log)}. Known are {known}. format= names one of them."
    )


def _description(log: Log) -> str:
    if not log.records:
        return "has no record"
    first = log.records[0].value
    if not isinstance(first, Mapping):
        return f"is of no known format: its first record is {first!r:.60}"
    names = ", ".join(str(name) for name in list(first)[:8]) or "none"
    if log.header is not None:
        return f"looks like a table with the columns {names}, of which none is known"
    return f"is of no known format: it looks like JSON with the fields {names}"


def _of(looks_like: Callable[[Mapping[str, Any]], bool]) -> Callable[[Log], bool]:
    return lambda log: any(looks_like(each.value) for each in objects_of(log)[:_LOOKED_AT])


def _by(reader: Callable[[Sequence[Record], Fields, Notes], Iterator[Sample]]) -> _Read:
    def read(log: Log, options: Options, notes: Notes) -> list[Trace]:
        objects = objects_of(log)
        for _ in range(len(log.records) - len(objects)):
            notes.skip("that is no JSON object")
        samples = list(reader(objects, options.fields, notes))
        notes.records += len(log.records) - len(objects)
        return traces_of(samples, options.answer_key)

    return read


def _is_of_traces(log: Log) -> bool:
    return log.path is not None or _of(is_trace)(log)


def _read_own(log: Log, options: Options, notes: Notes) -> list[Trace]:
    if log.path is not None:
        traces = list(read_traces(log.path))
    else:
        traces = [cast("Trace", _checked(record)) for record in log.records]
    for attempts in [trace["attempts"] for trace in traces] if options.answer_key else ():
        for index, attempt in enumerate(attempts):
            if attempt["key"] is None and not attempt.get("metadata"):
                key, metadata = read_key(read_answer(attempt["text"]), options.answer_key)
                attempt["key"] = joined_key(key, options.answer_key, attempts[:index])
                if metadata is not None:
                    attempt["metadata"] = metadata
    return traces


def _checked(record: Record) -> dict[str, Any]:
    try:
        return checked(copy.deepcopy(record.value))
    except ValueError as error:
        raise ValueError(f"{record.where}: {error}") from None


def _is_of_messages(log: Log) -> bool:
    return log.header is None and any(
        _is_run(each.value) or is_message(each.value) for each in log.records[:_LOOKED_AT]
    )


def _is_run(value: Any) -> bool:
    """Return whether a value is a conversation, a state that has one, or a snapshot of a state."""
    if is_snapshot(value):
        return True
    if isinstance(value, Mapping):
        return any(isinstance(value.get(name), list) for name in ("messages", "attempts"))
    return isinstance(value, list) and bool(value) and all(map(is_message, value))


def _read_messages(log: Log, options: Options, notes: Notes) -> list[Trace]:
    values = [record.value for record in log.records]
    key = options.answer_key
    if any(map(is_snapshot, values)):
        return traces_from_messages(values, answer_key=key)
    if not any(map(_is_run, values)):  # the messages of one conversation
        talk = [value for value in values if is_message(value)]
        notes.records = len(values)
        for _ in range(len(values) - len(talk)):
            notes.skip("that is no message")
        return traces_from_messages([talk], answer_key=key) if talk else []
    notes.records = len(values)
    traces: list[Trace] = []
    for number, value in enumerate(values, 1):
        try:
            found = traces_from_messages([value], answer_key=key)
        except (ValueError, TypeError):
            notes.skip("that is no conversation with a question")
            continue
        fields = value if isinstance(value, Mapping) else {}
        name = name_in(fields.get("id")) or f"run {number}"
        for part, trace in enumerate(found, 1):
            trace["id"] = name if len(found) == 1 else f"{name}/{part}"
        _add_what_is_known(found[-1], fields, options.fields, notes)
        traces += found
    return traces


def _add_what_is_known(
    trace: Trace, fields: Mapping[str, Any], wanted: Fields, notes: Notes
) -> None:
    """Add the reference and the label that stand beside a conversation."""
    given = [plain_text(fields[name]) for name in _REFERENCES if name in fields]
    trace["reference"] = given[0] if given else None
    correct, score = judged(usual_measures(fields, wanted), wanted, notes)
    if trace["attempts"]:
        last = trace["attempts"][-1]
        if last.get("correct") is None and correct is not None:
            last["correct"] = correct
        if last["score"] is None:
            last["score"] = score


def _is_of_rows(log: Log) -> bool:
    if log.rows is not None or log.header is not None:
        return True
    values = [record.value for record in log.records[:_LOOKED_AT]]
    if not values:
        return False
    if all(isinstance(value, list) for value in values):
        cells = [cell for row in values for cell in row]
        return all(is_label(cell) or isinstance(cell, (list, tuple)) for cell in cells)
    return all(isinstance(value, Mapping) and _is_row(value) for value in values)


def _is_row(value: Mapping[str, Any]) -> bool:
    """Return whether an object is flat, and names a question or is about an answer."""
    if any(isinstance(each, (Mapping, list)) for each in value.values()):
        return False
    return holds_answers(value) or names_a_question(value)


def _read_rows(log: Log, options: Options, notes: Notes) -> list[Trace]:
    if log.rows is not None:
        return traces_from_table(log.rows)
    rows = objects_of(log)
    if not rows:
        return traces_from_table([record.value for record in log.records])
    cells = [record.value for record in rows]
    header = log.header or list(dict.fromkeys(str(name) for row in cells for name in row))
    columns = columns_of(header, cells, options.fields, notes)
    notes.records = len(cells)
    notes.measures |= set(header)
    if skipped := unread(header, columns, options.fields):
        notes.tell(f"Columns that were not read: {', '.join(skipped)}.")
    if not isinstance(columns, Wide):
        return traces_of(samples_of_rows(cells, columns, options.fields, notes), options.answer_key)
    if options.fields.label is None:
        _remark_on_odd_cells(skipped, rows, columns.rounds, notes)
    rounds = ", ".join(columns.rounds or columns.scores or ())
    name = columns.question
    asked = f"the column {name} tells questions apart" if name else "each row is a question"
    notes.tell(f"Rounds are the columns {rounds}; {asked}.")
    table = {name: [row.get(name) for row in cells] for name in header}
    return traces_from_table(table, **columns._asdict())


def _remark_on_odd_cells(
    skipped: Sequence[str], rows: Sequence[Record], rounds: Sequence[str], notes: Notes
) -> None:
    """Name the cells for which a column that looks like a round is not read."""
    for name in skipped:
        cells = [row.value.get(name) for row in rows]
        if odd := odd_cells(cells):
            more = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
            left = f" All results are about {', '.join(rounds)} alone." if rounds else ""
            notes.remark(
                f"The column {name} was not read, because the cell {str(cells[odd[0]])!r:.40} in "
                f"{rows[odd[0]].where}{more} is neither right nor wrong. "
                f"Correct it, or leave it blank.{left}"
            )


FORMATS: dict[str, LogFormat] = {
    each.name: each
    for each in (
        LogFormat("traces", "what `markovscale record` writes", _is_of_traces, _read_own),
        LogFormat("lm-eval", "samples_*.jsonl", _of(is_lm_eval), _by(read_lm_eval)),
        LogFormat("inspect", "logs, .eval or .json", _of(is_inspect), _by(read_inspect)),
        LogFormat("promptfoo", "results.json", _of(is_promptfoo), _by(read_promptfoo)),
        LogFormat("openai-evals", "logs", _of(is_openai_evals), _by(read_openai_evals)),
        LogFormat("langsmith", "runs and datasets", _of(is_langsmith), _by(read_langsmith)),
        LogFormat("langfuse", "traces, observations", _of(is_langfuse), _by(read_langfuse)),
        LogFormat("messages", "conversations, states", _is_of_messages, _read_messages),
        LogFormat("table", "CSV of right and wrong, or of answers", _is_of_rows, _read_rows),
    )
}
