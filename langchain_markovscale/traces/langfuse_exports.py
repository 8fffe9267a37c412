"""Langfuse: exported traces, observations, scores and datasets, as JSON or CSV."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from langchain_markovscale.traces.exchanges import Exchange, either, samples_of, scores_by_name
from langchain_markovscale.traces.log_values import name_in, plain_text, reported_usage
from langchain_markovscale.traces.messages import as_mapping
from langchain_markovscale.traces.run_feedback import Feedback, of_run
from langchain_markovscale.traces.samples import Fields, Notes, Sample, usual_measures
from langchain_markovscale.traces.text_files import Record, parsed, parsed_cell

_TRACE_ID = ("traceId", "trace_id")
_PARENT = ("parentObservationId", "parent_observation_id")
_LISTS = ("data", "traces")
_EXPECTED = ("expectedOutput", "expected_output")
_ANSWERING = frozenset({"SPAN", "GENERATION", "AGENT", "CHAIN"})
_OBSERVATIONS = _ANSWERING | {
    *("EVENT", "TOOL", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL"),
}
_OF_A_TRACE = frozenset(
    {
        *("sessionId", "session_id", "userId", "user_id", "projectId", "project_id", "bookmarked"),
        *("htmlPath", "release", "environment", "externalId"),
    }
)


def is_langfuse(value: Mapping[str, Any]) -> bool:
    """Return whether a record is a trace, observation, score or item of a dataset of Langfuse."""
    if "observations" in value or ("data" in value and "meta" in value):
        return True
    if isinstance(value.get("traces"), list):
        return True
    if either(value, *_TRACE_ID) is not None:
        return _kind(value) in _OBSERVATIONS or "value" in value
    if "input" not in value:
        return False
    return "expectedOutput" in value or ("output" in value and bool(_OF_A_TRACE & value.keys()))


def read_langfuse(records: Sequence[Record], fields: Fields, notes: Notes) -> Iterator[Sample]:
    """Yield the samples of Langfuse: of its traces, or else of their outermost observations.

    Scores are about the trace. Items of a dataset are questions to be asked.
    """
    traces: dict[str, Mapping[str, Any]] = {}
    observations: list[Mapping[str, Any]] = []
    items: list[Mapping[str, Any]] = []
    scores: dict[str, dict[str, Any]] = {}
    for value in _flat(_without_cells(record.value, fields) for record in records):
        trace_id = str(either(value, *_TRACE_ID) or "")
        if trace_id and _kind(value) in _OBSERVATIONS:
            observations.append(value)
            scores.setdefault(trace_id, {}).update(scores_by_name(value.get("scores")))
        elif trace_id and "value" in value:
            scores.setdefault(trace_id, {}).update(scores_by_name([value]))
        elif either(value, *_EXPECTED) is not None:
            items.append(value)
        elif "input" in value or "output" in value:
            trace_id = str(value.get("id") or f"trace {len(traces) + 1}")
            traces[trace_id] = value
            scores.setdefault(trace_id, {}).update(scores_by_name(_opened(value.get("scores"))))
        else:
            notes.records += 1
            notes.skip("of an unknown kind")
    spoken = _outermost(observations)
    heard = {str(either(each, *_TRACE_ID)) for each in spoken}
    exchanges = [
        _exchange(trace, trace_id, scores)
        for trace_id, trace in traces.items()
        if trace.get("output") not in (None, "") or trace_id not in heard
    ]
    whole = {exchange.thread for exchange in exchanges}
    for each in spoken:
        trace_id = str(either(each, *_TRACE_ID))
        if trace_id not in whole:
            exchanges.append(_exchange(each, trace_id, scores))
    if not exchanges:
        exchanges = [
            Exchange(
                item.get("input"),
                None,
                name=name_in(item.get("id")),
                reference=plain_text(either(item, *_EXPECTED)),
            )
            for item in items
        ]
    yield from samples_of(exchanges, fields, notes)


def langfuse_feedback(records: Sequence[Record]) -> Iterator[Feedback]:
    """Yield the scores of traces, which stand with them or in a list of their own."""
    for value in _flat(_without_cells(record.value, Fields()) for record in records):
        trace_id = either(value, *_TRACE_ID)
        if trace_id is not None and "value" in value:
            yield from of_run(trace_id, [value])
        else:
            yield from of_run(trace_id or value.get("id"), _opened(value.get("scores")))


def _without_cells(value: Any, fields: Fields) -> Any:
    """Return a record, or of a row of a table what its cells hold as JSON and in columns."""
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value.values()):
        return value
    opened = {name: parsed_cell(value[name]) for name in _JSON_COLUMNS if name in value}
    columns = {name: parsed_cell(each) for name, each in usual_measures(value, fields).items()}
    if not columns or "value" in value:  # or it is itself a score
        return {**value, **opened}
    return {**value, **opened, "scores": {**scores_by_name(opened.get("scores")), **columns}}


_JSON_COLUMNS = ("input", "output", "expectedOutput", "expected_output", "scores")


def _flat(values: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the traces, observations and scores in exports, which nest them in several ways."""
    for value in filter(None, map(as_mapping, values)):
        inner = [value[name] for name in _LISTS if isinstance(value.get(name), list)]
        if inner:
            yield from _flat(each for parts in inner for each in parts)
            continue
        trace = as_mapping(value.get("trace")) or value
        yield {**trace, "scores": either(trace, "scores") or value.get("scores")}
        parts = value.get("observations")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping):
                yield {"traceId": trace.get("id"), **part}


def _outermost(observations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the observations that answer something and are part of no other one that does."""
    spoken = [
        each
        for each in observations
        if _kind(each) in _ANSWERING and each.get("output") not in (None, "")
    ]
    known = {str(each["id"]) for each in spoken if each.get("id") is not None}
    return [each for each in spoken if str(either(each, *_PARENT)) not in known]


def _kind(value: Mapping[str, Any]) -> str:
    return str(value.get("type"))


def _exchange(
    value: Mapping[str, Any], trace_id: str, scores: Mapping[str, Mapping[str, Any]]
) -> Exchange:
    return Exchange(
        value.get("input"),
        value.get("output") or None,
        trace_id,
        measures=scores.get(trace_id, {}),
        usage=reported_usage(*_places_of_usage(value)),
        failed=value.get("level") == "ERROR",
    )


def _places_of_usage(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the places where an observation has its tokens, under usual names."""
    for name in ("usageDetails", "usage_details", "usage"):
        place = as_mapping(_opened(value.get(name)))
        yield {"input_tokens": place.get("input"), "output_tokens": place.get("output")}
        yield place
    reads, writes = value.get("promptTokens"), value.get("completionTokens")
    yield {"input_tokens": reads, "output_tokens": writes}


def _opened(value: Any) -> Any:
    """Return a value that a cell of a table has as JSON."""
    return parsed(value) if isinstance(value, str) else value
