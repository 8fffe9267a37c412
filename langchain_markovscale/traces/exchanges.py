"""What tracing services keep: what went in and what came out, of runs within runs.

A run within another run is a part of it, and a conversation that a later run continues is a part of
that. Scores and feedback are about the last answer.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.conversations import Answer, Asked, questions_in
from langchain_markovscale.traces.log_values import conversation_in, question_in_inputs, reply_in
from langchain_markovscale.traces.messages import as_mapping
from langchain_markovscale.traces.samples import (
    FAILED,
    NO_ANSWER,
    NO_QUESTION,
    Fields,
    Notes,
    Sample,
    judged,
)
from langchain_markovscale.types import Usage


class Exchange(NamedTuple):
    """What went into something that was traced, and what came out.

    Attributes:
        inputs: A question, messages, or fields with one of them.
        outputs: The same for the answer.
        thread: What belongs together with others of the same thread.
        name: The question's name.
        reference: The right answer, where it is known.
        measures: Scores and feedback by name.
        usage: Tokens of the whole.
        failed: Whether it ended with an error.
    """

    inputs: Any
    outputs: Any
    thread: str = ""
    name: str | None = None
    reference: str | None = None
    measures: Mapping[str, Any] = {}
    usage: Usage | None = None
    failed: bool = False


def samples_of(exchanges: Sequence[Exchange], fields: Fields, notes: Notes) -> Iterator[Sample]:
    """Yield the samples of exchanges.

    Args:
        exchanges: What was traced. If nothing of it has an output, it is a set of questions.
        fields: Which measures to take.
        notes: What is skipped.
    """
    notes.records += len(exchanges)
    only_asked = all(exchange.outputs is None and not exchange.failed for exchange in exchanges)
    found: list[tuple[Exchange, Asked, bool]] = []
    for exchange in exchanges:
        if (recorded := _recorded(exchange, fields, notes)) is not None:
            yield recorded
            continue
        several = _asked(exchange)
        if not several:
            notes.skip(NO_QUESTION)
        elif not several[-1].answers and not only_asked:
            notes.skip(FAILED if exchange.failed else NO_ANSWER)
        else:
            found += [(exchange, asked, asked is several[-1]) for asked in several]
    yield from _without_parts(found, fields, notes)


def _recorded(exchange: Exchange, fields: Fields, notes: Notes) -> Sample | None:
    """Return the attempts that a loop of this package has put out; None where it was another one.

    What is known of its answer is known of the attempt that it has decided for.
    """
    outputs = as_mapping(exchange.outputs)
    asked = outputs.get("question") or as_mapping(outputs.get("run")).get("question")
    question = question_in_inputs(asked) or question_in_inputs(exchange.inputs)
    if question is None or not outputs.get("attempts"):
        return None
    attempts = copy.deepcopy(outputs["attempts"])
    try:
        checked({"id": "run", "question": question, "attempts": attempts})
    except ValueError:
        return None
    best = as_mapping(outputs.get("decision")).get("best")
    correct, _ = judged(exchange.measures, fields, notes)
    if correct is not None and type(best) is int and 0 <= best < len(attempts):
        attempts[best]["correct"] = correct
    return Sample(question, (), exchange.name, exchange.reference, attempts)


def _without_parts(
    found: Sequence[tuple[Exchange, Asked, bool]], fields: Fields, notes: Notes
) -> Iterator[Sample]:
    """Yield samples, once where a later exchange of a thread shows an earlier one again."""
    shown = {_words(asked) for _, asked, is_last in found if is_last}
    continued = {
        (exchange.thread, question, answers[:many])
        for exchange, asked, _ in found
        for question, answers in [_words(asked)]
        for many in range(1, len(answers))
    }
    for exchange, asked, is_last in found:
        words = _words(asked)
        if (exchange.thread, *words) in continued:
            notes.records -= 1
        elif is_last:
            yield _sample(exchange, asked, fields, notes)
        elif words not in shown:
            shown.add(words)
            yield Sample(asked.question, asked.answers)


def _asked(exchange: Exchange) -> list[Asked]:
    """Return what was asked and answered."""
    shown = conversation_in(exchange.outputs)
    if any(message.role == "user" for message in shown):
        return questions_in(shown)
    reply = reply_in(exchange.outputs)
    if messages := conversation_in(exchange.inputs):
        return questions_in(messages if reply is None else [*messages, reply])
    question = question_in_inputs(exchange.inputs)
    answers = [] if reply is None else [Answer(reply, usage=reply.usage)]
    return [] if question is None else [Asked(question, answers)]


def _sample(exchange: Exchange, asked: Asked, fields: Fields, notes: Notes) -> Sample:
    answers = [*asked.answers]
    if answers:
        correct, score = judged(exchange.measures, fields, notes)
        answers[-1] = answers[-1]._replace(correct=correct, score=score)
        if len(answers) == 1 and not answers[0].message.usage_metadata:
            answers[0] = answers[0]._replace(usage=exchange.usage)
    return Sample(asked.question, answers, exchange.name, exchange.reference)


def _words(asked: Asked) -> tuple[str, tuple[str, ...]]:
    return asked.question, tuple(each.message.text for each in asked.answers)


def scores_by_name(scores: Any) -> dict[str, Any]:
    """Return scores or feedback by name, from a list of them or a mapping."""
    if isinstance(scores, Mapping):
        return {str(name): value_of_score(each) for name, each in scores.items()}
    found = [as_mapping(each) for each in scores] if isinstance(scores, list) else []
    return {str(either(each, "key", "name")): value_of_score(each) for each in found}


def value_of_score(score: Any) -> Any:
    """Return what a score or feedback says, which may be an object with its value."""
    if isinstance(score, list):  # several of one name, of which one that all say counts
        values = {str(each): each for each in map(value_of_score, score)}
        return next(iter(values.values())) if len(values) == 1 else None
    if not isinstance(score, Mapping):
        return score
    if either(score, "dataType", "data_type") == "CATEGORICAL":  # its number is its category's
        return either(score, "stringValue", "string_value", "value")
    return either(score, "score", "value", "stringValue", "string_value")


def either(value: Mapping[str, Any], *names: str) -> Any:
    """Return the first of several fields that is there; None where none is."""
    return next((value[name] for name in names if value.get(name) is not None), None)
