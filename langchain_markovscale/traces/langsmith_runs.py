"""LangSmith: runs, datasets and experiments, as the client's objects or as exported JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_markovscale.traces.exchanges import Exchange, either, samples_of, scores_by_name
from langchain_markovscale.traces.labels import is_blank
from langchain_markovscale.traces.log_values import name_in, plain_text, reported_usage
from langchain_markovscale.traces.messages import as_mapping
from langchain_markovscale.traces.run_feedback import Feedback, in_summary, of_run
from langchain_markovscale.traces.samples import Fields, Notes, Sample, usual_measures
from langchain_markovscale.traces.text_files import Record, parsed

_OF_A_RUN = frozenset(
    {
        *("run_type", "reference_example_id", "reference_outputs", "trace_id", "dotted_order"),
        *("feedback", "feedback_stats", "parent_run_id"),
    }
)


def is_langsmith(value: Mapping[str, Any]) -> bool:
    """Return whether a record is a run, an example, or a row of an experiment of LangSmith."""
    if "inputs" in as_mapping(value.get("run")) or _is_flat(value) or _is_feedback(value):
        return True
    inputs = value.get("inputs")
    inputs = parsed(inputs) if isinstance(inputs, str) else inputs
    return isinstance(inputs, Mapping) and bool(
        ({"outputs", "dataset_id"} | _OF_A_RUN) & value.keys()
    )


def read_langsmith(records: Sequence[Record], fields: Fields, notes: Notes) -> Iterator[Sample]:
    """Yield the samples of LangSmith.

    Runs of the same example are fresh draws of one question, whose reference is the example's
    output. Feedback on a run labels it. Examples without runs are questions to be asked.
    """
    examples: dict[str, Mapping[str, Any]] = {}
    runs: list[Mapping[str, Any]] = []
    feedback: dict[str, list[Any]] = {}
    for record in records:
        value = _without_columns(record.value, fields)
        run, example = as_mapping(value.get("run")), as_mapping(value.get("example"))
        if _is_feedback(value):
            feedback.setdefault(str(value["run_id"]), []).append(value)
            continue
        if run:
            results = either(value, "evaluation_results", "evaluationResults")
            of_example = either(run, "reference_example_id") or example.get("id")
            given = as_mapping(results).get("results")
            runs.append({**run, "reference_example_id": of_example, "feedback": given})
        elif _OF_A_RUN & value.keys():
            runs.append(value)
        else:
            example = value
        if example:
            name = str(example.get("id", record.where))
            examples[name] = example
            nested = example.get("runs")
            runs += [
                {**each, "reference_example_id": name}
                for each in (nested if isinstance(nested, list) else ())
                if isinstance(each, Mapping)
            ]
    exchanges = [
        _exchange(run, examples, feedback.get(str(run.get("id")), [])) for run in _outermost(runs)
    ] or [
        Exchange(
            example.get("inputs"),
            None,
            name=name_in(example.get("name")) or name_in(str(example.get("id") or "")),
            reference=plain_text(example.get("outputs")),
        )
        for example in examples.values()
    ]
    yield from samples_of(exchanges, fields, notes)


class RunFeedback(NamedTuple):
    """Feedback in an export, and which runs are part of which.

    Attributes:
        given: The feedback.
        outermost: Of runs the outermost one that they are part of.
    """

    given: list[Feedback]
    outermost: dict[str, str]


def langsmith_feedback(records: Sequence[Record]) -> RunFeedback:
    """Return the feedback on runs, which stands with them or in a list of its own."""
    found = RunFeedback([], {})
    for record in records:
        value = _without_columns(as_mapping(record.value), Fields())
        if _is_feedback(value):
            found.given.extend(of_run(value["run_id"], [value]))
            continue
        run = as_mapping(value.get("run")) or value
        name = str(run.get("id"))
        if run.get("trace_id") is not None:
            found.outermost[name] = str(run["trace_id"])
        found.given.extend(of_run(name, run.get("feedback")))
        for key, summary in as_mapping(run.get("feedback_stats")).items():
            found.given.extend(in_summary(name, key, as_mapping(summary)))
    return found


def _without_columns(value: Mapping[str, Any], fields: Fields) -> Mapping[str, Any]:
    """Return a record, or what it is where it is a row of a table: columns hold parts or JSON."""
    if _is_flat(value):
        return _nested(value)
    if not isinstance(value.get("inputs"), str):
        return value
    opened = {name: parsed(value[name]) for name in _JSON_COLUMNS if _is_json(value.get(name))}
    measures = usual_measures(value, fields)
    return {**({"feedback": measures} if measures else {}), **value, **opened}


_JSON_COLUMNS = ("inputs", "outputs", "reference_outputs", "feedback", "feedback_stats")


def _is_json(cell: Any) -> bool:
    return isinstance(cell, str) and not isinstance(parsed(cell), str)


def _is_flat(row: Mapping[str, Any]) -> bool:
    """Return whether a row is of a data frame of the client's, with `outputs.answer` and so on."""
    begins = {str(name).partition(".")[0] for name in row if "." in str(name)}
    return "outputs" in begins and bool({"inputs", "input"} & begins)


_FIRST_NAMES = {
    "input": "inputs",
    "reference": "reference_outputs",
    "example_id": "reference_example_id",
}


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a data frame as the run that it is about; empty cells are left out."""
    run: dict[str, Any] = {"feedback": {}}
    for column, cell in row.items():
        if is_blank(cell):
            continue
        first, *others = str(column).split(".")
        path = [_FIRST_NAMES.get(first, first), *others]
        fields = run
        for name in path[:-1]:
            inner = fields.setdefault(name, {})
            fields = inner if isinstance(inner, dict) else {}
        fields[path[-1]] = cell
    return run


def _outermost(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the runs that are part of no other one."""
    known = {str(run["id"]) for run in runs if run.get("id") is not None}
    return [run for run in runs if str(run.get("parent_run_id")) not in known]


def _is_feedback(value: Mapping[str, Any]) -> bool:
    """Return whether a record is a feedback on a run, of a list of them alone."""
    return "run_id" in value and "key" in value and "inputs" not in value


def _averages(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return the average of each feedback, or the only word that was ever given as it."""
    found: dict[str, Any] = {}
    for key, each in stats.items():
        words = [*as_mapping(as_mapping(each).get("values"))]
        average = as_mapping(each).get("avg")
        found[key] = words[0] if average is None and len(words) == 1 else average
    return found


def _exchange(
    run: Mapping[str, Any], examples: Mapping[str, Mapping[str, Any]], feedback: Sequence[Any]
) -> Exchange:
    name = run.get("reference_example_id")
    example = examples.get(str(name), {})
    averages = _averages(as_mapping(run.get("feedback_stats")))
    return Exchange(
        run.get("inputs"),
        run.get("outputs"),
        str(either(run, "trace_id", "id")),
        None if name is None else str(name),
        plain_text(either(run, "reference_outputs") or example.get("outputs")),
        {**averages, **scores_by_name(run.get("feedback")), **scores_by_name([*feedback])},
        reported_usage(run),
        bool(run.get("error")),
    )
