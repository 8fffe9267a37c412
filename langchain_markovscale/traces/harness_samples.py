"""Samples of lm-evaluation-harness, as `lm_eval --log_samples` writes them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_markovscale.traces.conversations import Answer
from langchain_markovscale.traces.log_values import name_in, plain_text, question_in_inputs
from langchain_markovscale.traces.messages import Message, as_mapping
from langchain_markovscale.traces.samples import (
    NO_ANSWER,
    NO_QUESTION,
    Fields,
    Notes,
    Sample,
    judged,
)
from langchain_markovscale.traces.text_files import Record

_QUESTIONS = ("question", "problem", "query", "prompt", "input", "text", "goal", "ctx")
_NO_METRICS = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter")


def is_lm_eval(value: Mapping[str, Any]) -> bool:
    """Return whether a record is one of `samples_*.jsonl`, as `lm_eval --log_samples` writes it."""
    return "doc_id" in value and ("resps" in value or "filtered_resps" in value)


def read_lm_eval(records: Sequence[Record], fields: Fields, notes: Notes) -> Iterator[Sample]:
    """Yield the samples of lm-evaluation-harness.

    A document has a line for each filter, with the same answers: one of them is read. Its `resps`
    are fresh draws; the metric is about what the filter made of them, so that it labels the only
    one, or the first where the filter takes that.
    """
    notes.records = len(records)
    metric, chosen = _metric_and_filter(records, fields.label, notes)
    seen: set[tuple[str, ...]] = set()
    for record in records:
        value = record.value
        if value.get("filter", chosen) != chosen:
            notes.records -= 1  # the same answers as under the other filter
            continue
        draws, question = _draws(value), _question_of_lm_eval(value)
        if question is None:
            notes.skip(NO_QUESTION)
        elif not draws:
            notes.skip(NO_ANSWER)
        elif "filter" not in value and (question, *draws) in seen:
            notes.records -= 1  # old logs do not name their filters
        else:
            seen.add((question, *draws))
            labels = _labels_of_lm_eval(value, draws, fields._replace(label=metric), notes)
            for draw, (correct, score) in zip(draws, labels, strict=True):
                answer = Answer(Message("assistant", draw), score=score, correct=correct)
                yield Sample(question, [answer], name_in(value.get("doc_id")), _target(value))


def _metric_and_filter(
    records: Sequence[Record], label: str | None, notes: Notes
) -> tuple[str | None, str | None]:
    """Return the metric and the filter that a label names, as `exact_match,strict-match` does.

    A filter that it does not name is the first of the log.
    """
    filters = dict.fromkeys(
        name for each in records if isinstance(name := each.value.get("filter"), str)
    )
    metric, _, chosen = (label or "").rpartition(",")
    if chosen not in filters:
        metric, chosen = label or "", next(iter(filters), "")
        if len(filters) > 1:
            notes.remark(
                f"Labels are those of the filter {chosen}, the first of {', '.join(filters)}: name "
                "another as label."
            )
    notes.measures.update(filters)
    if metric and label != metric:
        notes.measures.add(f"{metric},{chosen}")
    return metric or None, chosen or None


def _draws(value: Mapping[str, Any]) -> list[str]:
    """Return the answers of a document: texts, or the choice that is the most likely one."""
    responses = value.get("resps") or value.get("filtered_resps")
    while isinstance(responses, list) and len(responses) == 1 and isinstance(responses[0], list):
        responses = responses[0]
    if not isinstance(responses, list) or not responses:
        return [responses] if isinstance(responses, str) else []
    if str(responses[-1]) in ("True", "False") and _log_likelihood(responses) is not None:
        return []  # how likely a given text is: nothing was answered
    if all(isinstance(each, str) for each in responses):
        return [*responses]
    likelihoods = [each for each in map(_log_likelihood, responses) if each is not None]
    if len(likelihoods) < len(responses):
        return []
    best = max(range(len(responses)), key=likelihoods.__getitem__)
    choices = _choices(value)
    if len(choices) == len(responses):
        return [choices[best]]
    continuation = _arguments(value, best)[1:]
    return [str(continuation[0]).strip() if continuation else str(best)]


def _choices(value: Mapping[str, Any]) -> list[str]:
    choices = as_mapping(value.get("doc")).get("choices")
    choices = as_mapping(choices).get("text", choices)
    return [str(choice) for choice in choices] if isinstance(choices, list) else []


def _target(value: Mapping[str, Any]) -> str | None:
    """Return the right answer, in words where it is the number of a choice."""
    target, choices = plain_text(value.get("target")), _choices(value)
    if target is not None and target.isdecimal() and len(target) < 4:
        return choices[int(target)] if int(target) < len(choices) else target
    return target


def _log_likelihood(response: Any) -> float | None:
    while isinstance(response, list) and response and isinstance(response[0], list):
        response = response[0]
    if not isinstance(response, list) or not response:
        return None
    try:
        return float(response[0])
    except (TypeError, ValueError):
        return None


def _arguments(value: Mapping[str, Any], index: int = 0) -> list[Any]:
    """Return what a request was made with: its prompt first, in either form of the log."""
    arguments = value.get("arguments")
    if isinstance(arguments, Mapping):
        arguments = [list(as_mapping(each).values()) for each in arguments.values()]
    if not isinstance(arguments, list) or len(arguments) <= index:
        return []
    return arguments[index] if isinstance(arguments[index], list) else []


def _question_of_lm_eval(value: Mapping[str, Any]) -> str | None:
    """Return the question: the document's, or else the end of the prompt."""
    document = as_mapping(value.get("doc"))
    for name in _QUESTIONS:
        if isinstance(text := document.get(name), str) and text.strip():
            return text
    if isinstance(text := value.get("input"), str) and text.strip():
        return text
    return question_in_inputs(_arguments(value)[:1])


def _labels_of_lm_eval(
    value: Mapping[str, Any], draws: list[str], fields: Fields, notes: Notes
) -> list[tuple[bool | None, float | None]]:
    """Return the label and the score of each draw."""
    named = value.get("metrics")
    names = [each for each in named if isinstance(each, str)] if isinstance(named, list) else None
    found = {
        name: each
        for name, each in value.items()
        if (name not in (*_NO_METRICS, "metrics") if names is None else name in names)
    }
    by_draw = {
        name: each for name, each in found.items() if _is_list_of(each, len(draws)) and draws[1:]
    }
    if by_draw:
        return [
            judged({name: each[index] for name, each in by_draw.items()}, fields, notes)
            for index in range(len(draws))
        ]
    first = judged(found, fields, notes)
    filtered = value.get("filtered_resps")
    if len(draws) > 1 and not (filtered == draws[:1] or filtered == draws[0]):
        notes.remark(
            "Where there are several answers, the metric is about what the filter made of all: "
            "they have no labels, which answer_key or grader can give them."
        )
        first = (None, None)
    return [first, *[(None, None)] * (len(draws) - 1)]


def _is_list_of(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length
