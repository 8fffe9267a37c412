"""LangSmith: runs, datasets and experiments, as the client's objects or as exported JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_markovscale.traces.exchanges import Exchange, either, samples_of, scores_by_name
from langchain_markovscale.traces.log_values import name_in, plain_text, reported_usage
from langchain_markovscale.traces.messages import as_mapping
from langchain_markovscale.traces.samples import Fields, Notes, Sample
from langchain_markovscale.traces.text_files import Record, parsed

_OF_A_RUN = frozenset(
    {
        *("run_type", "reference_example_id", "reference_outputs", "trace_id", "dotted_order"),
        *("feedback", "feedback_stats", "parent_run_id"),
    }
)


def is_langsmith(value: Mapping[str, Any]) -> bool:
    """Return whether a record is a run, an example, or a row of an experiment of LangSmith."""
    if "inputs" in as_mapping(value.get("run")):
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
    for record in records:
        run, example = as_mapping(record.value.get("run")), as_mapping(record.value.get("example"))
        if run:
            results = either(record.value, "evaluation_results", "evaluationResults")
            of_example = either(run, "reference_example_id") or example.get("id")
            feedback = as_mapping(results).get("results")
            runs.append({**run, "reference_example_id": of_example, "feedback": feedback})
        elif _OF_A_RUN & record.value.keys():
            runs.append(record.value)
        else:
            example = record.value
        if example:
            name = str(example.get("id", record.where))
            examples[name] = example
            nested = example.get("runs")
            runs += [
                {**each, "reference_example_id": name}
                for each in (nested if isinstance(nested, list) else ())
                if isinstance(each, Mapping)
            ]
    exchanges = [_exchange(run, examples) for run in _outermost(runs)] or [
        Exchange(
            example.get("inputs"),
            None,
            name=name_in(example.get("name")) or name_in(str(example.get("id") or "")),
            reference=plain_text(example.get("outputs")),
        )
        for example in examples.values()
    ]
    yield from samples_of(exchanges, fields, notes)


def _outermost(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the runs that are part of no other one."""
    known = {str(run["id"]) for run in runs if run.get("id") is not None}
    return [run for run in runs if str(run.get("parent_run_id")) not in known]


def _exchange(run: Mapping[str, Any], examples: Mapping[str, Mapping[str, Any]]) -> Exchange:
    name = run.get("reference_example_id")
    example = examples.get(str(name), {})
    stats = as_mapping(run.get("feedback_stats"))
    averages = {key: as_mapping(each).get("avg") for key, each in stats.items()}
    return Exchange(
        run.get("inputs"),
        run.get("outputs"),
        str(either(run, "trace_id", "id")),
        None if name is None else str(name),
        plain_text(either(run, "reference_outputs") or example.get("outputs")),
        {**averages, **scores_by_name(run.get("feedback"))},
        reported_usage(run),
        bool(run.get("error")),
    )
