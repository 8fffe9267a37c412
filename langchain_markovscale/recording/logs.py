"""Other people's records as traces: one way in for every format that is known."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from langchain_markovscale._text import logger_of
from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.display.wording import counted, listed
from langchain_markovscale.recording.graders import Grader, check_reference, resolve_grader
from langchain_markovscale.recording.log_formats import FORMATS, Options, format_of
from langchain_markovscale.recording.log_source import name_of_source, open_log
from langchain_markovscale.traces.samples import Fields, Notes
from langchain_markovscale.traces.trace import Trace, trace_line
from langchain_markovscale.types import ArgumentError

logger = logger_of(__name__)


class LogReading(NamedTuple):
    """What was read of a log.

    Attributes:
        traces: The traces.
        format: The name of its format.
        notes: What was skipped, and how it was read.
    """

    traces: list[Trace]
    format: str
    notes: Notes


def traces_from(
    source: Any,
    format: str = "auto",
    *,
    answer_key: AnswerKey | str | None = None,
    grader: Grader | str | None = None,
    label: str | None = None,
    score: str | None = None,
) -> list[Trace]:
    """Return other people's records as traces.

    Known are `lm-eval` (`samples_*.jsonl`), `inspect` (`.eval` and `.json`), `openai-evals`,
    `promptfoo` (JSON), `langsmith` (runs, datasets and experiments, as objects or JSON), `langfuse`
    (traces and observations as JSON or CSV), `messages` (conversations in any form, states of
    graphs), `table` (CSV, a data frame, rows of right and wrong) and `traces` (as
    `write_traces` writes them).

    What a log repeats for a question is several fresh draws of one trace; what was revised is a
    chain of revisions. A data set without answers gives traces without attempts, which
    `record_traces` takes as questions. What is skipped is counted in a warning, with the reasons.

    Args:
        source: Path of a file, compressed with gzip or not, or objects: records as parsed JSON, a
            data frame, runs of LangSmith's client, states or lists of messages.
        format: One of the names above; `"auto"` looks at the records.
        answer_key: Makes the keys of answers, as for `record_traces`.
        grader: Labels the answers that have a reference and no label in the log, as for
            `record_traces`; by default the answer key does, where there is one.
        label: The metric, scorer, feedback or column that says what is right; by default one of a
            usual name, such as `exact_match` or `correct`, or the only one.
        score: The one that is a verifier's score in [0, 1]; by default one that is called so.

    Returns:
        One trace a question, in order of first appearance.

    Raises:
        ValueError: If the format is unknown, the file is damaged, or nothing in it can be read.
        OSError: If the file cannot be opened.
    """
    reading = read_log(
        source, format, answer_key=answer_key, grader=grader, label=label, score=score
    )
    name = name_of_source(source)
    logger.info("%s was read as %s. %s", name, reading.format, " ".join(reading.notes.told))
    if complaint := reading.notes.complaint():
        logger.warning("%s (%s): %s", name, reading.format, complaint)
    return reading.traces


def read_log(
    source: Any,
    format: str = "auto",
    *,
    answer_key: AnswerKey | str | None = None,
    grader: Grader | str | None = None,
    label: str | None = None,
    score: str | None = None,
) -> LogReading:
    """Return what was read of other people's records, see `traces_from`."""
    if format != "auto" and format not in FORMATS:
        raise ArgumentError("format", f"must be auto, {listed(FORMATS)}, got {format!r}.")
    key = resolve_answer_key(answer_key)
    grade = None if grader is None and key is None else resolve_grader(grader, key)
    options, notes = Options(key, Fields(label, score)), Notes()
    name = name_of_source(source)
    try:
        log, chosen = format_of(open_log(source, format), format)
        try:
            traces = chosen.read(log, options, notes)
            if (again := notes.read_again()) is not None:
                notes = again
                traces = chosen.read(log, options, notes)
        except ArgumentError:
            raise
        except ValueError as error:
            told = str(error)
            raise ValueError(
                told if told.startswith(name) else f"{name} ({chosen.name}): {told}"
            ) from None
        _check_measures(options.fields, notes)
        if not traces:
            why = notes.complaint() or "there is no record of this format in it."
            raise ValueError(f"{name} ({chosen.name}): nothing could be read: {why}")
        if not any(trace["attempts"] for trace in traces):
            notes.remark("These are questions without answers, which record_traces can ask.")
        if grade is not None:
            _label(traces, grade, notes)
        for trace in traces:
            trace_line(trace)
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply to be read.") from None
    return LogReading(traces, chosen.name, notes)


def _check_measures(fields: Fields, notes: Notes) -> None:
    known = ", ".join(sorted(notes.measures))
    for argument, name in fields._asdict().items():
        if name is not None and name not in notes.measures:
            told = (
                f"must be one of {known}"
                if known
                else "must be a measure of the log, which has none"
            )
            raise ArgumentError(argument, f"{told}, got {name!r}.")


def _label(traces: Iterable[Trace], grader: Grader, notes: Notes) -> None:
    """Label the answers that have a reference and no label."""
    unreadable = 0
    for trace in traces:
        reference = trace.get("reference")
        if reference is None:
            continue
        try:
            check_reference(grader, reference)
        except ValueError:
            unreadable += 1
            continue
        for attempt in trace["attempts"]:
            if attempt.get("correct") is None and attempt["text"]:
                attempt["correct"] = grader(attempt["text"], reference)
    if unreadable:
        notes.remark(
            f"{counted(unreadable, 'reference')} could not be read by the grader, so that answers "
            "to those questions have no label by it."
        )
