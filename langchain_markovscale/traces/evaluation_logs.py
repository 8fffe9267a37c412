"""Logs of evaluation programs: Inspect, OpenAI Evals, promptfoo.

Each of them grades answers, so that their traces have labels. What they repeat (epochs, repeats) is
several fresh draws of one question.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_markovscale.traces.conversations import Answer, question_in
from langchain_markovscale.traces.labels import is_label
from langchain_markovscale.traces.log_values import (
    messages_in,
    name_in,
    plain_text,
    question_in_inputs,
    reply_in,
    reported_usage,
)
from langchain_markovscale.traces.messages import Message, as_mapping
from langchain_markovscale.traces.samples import (
    FAILED,
    NO_ANSWER,
    NO_QUESTION,
    Fields,
    Notes,
    Sample,
    judged,
    usual_measures,
)
from langchain_markovscale.traces.text_files import Record, parsed

_QUESTION_VARIABLES = ("question", "query", "input", "prompt", "message", "problem")
_NO_ASSERTIONS = "No assertions"  # promptfoo: everything passes then

# Inspect


def is_inspect(value: Mapping[str, Any]) -> bool:
    """Return whether a record is a log of Inspect, or a part of one that is packed."""
    if "eval" in value and ("samples" in value or "plan" in value):
        return True
    return {"id", "epoch", "input", "target"} <= value.keys()


def read_inspect(records: Sequence[Record], fields: Fields, notes: Notes) -> Iterator[Sample]:
    """Yield the samples of Inspect; epochs are fresh draws.

    `C` is right, `I` and `N` are wrong, `P` (partly right) and other values say neither. Of a
    conversation with revisions the scorer has seen the last answer, which has the label.
    """
    samples = [
        sample
        for record in records
        for sample in _list_in(record.value, "samples") or [record.value]
        if "epoch" in as_mapping(sample)
    ]
    notes.records = len(samples)
    for sample in samples:
        attachments = as_mapping(sample.get("attachments"))
        question = question_in_inputs(_with_attachments(sample.get("input"), attachments))
        messages = _with_attachments(sample.get("messages"), attachments)
        output = as_mapping(sample.get("output"))
        if question is None:
            notes.skip(NO_QUESTION)
            continue
        answers = _answers_of_inspect(messages, output)
        if answers:
            correct, score = judged(_values_of_inspect(sample), fields, notes)
            answers[-1] = answers[-1]._replace(correct=correct, score=score)
            target = plain_text(sample.get("target"))
            yield Sample(question, answers, name_in(sample.get("id")), target)
        else:
            notes.skip(FAILED if sample.get("error") else NO_ANSWER)


def _values_of_inspect(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the scorers say by their names; a scorer with several values has each of them."""
    found: dict[str, Any] = {}
    scores = as_mapping(sample.get("scores")) or {"score": sample.get("score")}
    for name, each in scores.items():
        value = as_mapping(each).get("value")
        parts = {f"{name}.{part}": within for part, within in as_mapping(value).items()}
        found.update(parts or {name: None if value == "P" else value})
    return found


def _answers_of_inspect(messages: Any, output: Mapping[str, Any]) -> list[Answer]:
    """Return a sample's answers; examples in its prompt are none."""
    own = messages if isinstance(messages, list) else []
    given = [
        each
        for each in own
        if not (as_mapping(each).get("role") == "assistant" and each.get("source") == "input")
    ]
    reply = reply_in({"choices": output.get("choices")}) or reply_in(output.get("completion"))
    asked = question_in(messages_in(given)) if messages_in(given) else None
    answers = asked.answers if asked is not None else []
    if reply is None:
        return answers
    usage = reported_usage(output.get("usage"))
    if not answers:
        return [Answer(reply, usage=usage)]
    if len(answers) == 1 and answers[0].message.text == reply.text:
        return [Answer(reply, usage=usage)]  # how it ended stands there alone
    return answers


def _with_attachments(value: Any, attachments: Mapping[str, Any]) -> Any:
    """Return a text or messages with the long texts that they refer to in their places."""
    if isinstance(value, str) and value.startswith("attachment://"):
        return attachments.get(value.removeprefix("attachment://"), value)
    if isinstance(value, list) and attachments:
        return [_with_attachments(each, attachments) for each in value]
    if isinstance(value, Mapping) and attachments:
        inside = {name: value[name] for name in ("content", "text") if name in value}
        return {**value, **{name: _with_attachments(inside[name], attachments) for name in inside}}
    return value


# OpenAI Evals


def is_openai_evals(value: Mapping[str, Any]) -> bool:
    """Return whether a record is of OpenAI Evals: a log, an item of an output, or a dataset."""
    if "spec" in value and "eval_name" in as_mapping(value["spec"]):
        return True
    if "sample_id" in value and "type" in value and "data" in value:
        return True
    return "datasource_item" in value or ("input" in value and "ideal" in value)


def read_openai_evals(records: Sequence[Record], fields: Fields, notes: Notes) -> Iterator[Sample]:
    """Yield the samples of OpenAI Evals.

    A log has events; those of one sample belong together: what was sampled is a fresh draw, and
    the match after it says whether it is right. A dataset has questions alone.
    """
    events: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        value = record.value
        if "sample_id" in value and "type" in value:
            events.setdefault(str(value["sample_id"]), []).append(value)
        elif "spec" not in value and "final_report" not in value:
            notes.records += 1
            yield from _item_of_openai(value, fields, notes)
    notes.records += len(events)
    for name, of_sample in events.items():
        yield from _sampled(name, of_sample, fields, notes)


def _sampled(
    name: str, events: Iterable[Mapping[str, Any]], fields: Fields, notes: Notes
) -> Iterator[Sample]:
    """Yield what was sampled for one sample of a log; what a grader says is none of it."""
    question: str | None = None
    reference: str | None = None
    draws: list[Answer] = []
    judged_before = 0  # how many draws there were when something was last said of them
    for event in events:
        data = as_mapping(event.get("data"))
        if event.get("type") == "sampling":
            asked = question_in_inputs(data.get("prompt"))
            question = asked if question is None else question
            draws += _draws_of_openai(data) if asked == question else []
        elif draws:
            correct, score = _graded_by_openai(data, fields, notes)
            reference = plain_text(data.get("expected")) or reference
            if correct is not None:
                latest = [len(draws) - 1] if len(draws) - judged_before == 1 else []
                said = data.get("sampled")
                same = [at for at, draw in enumerate(draws) if draw.message.text == said]
                for at in same or latest:
                    draws[at] = draws[at]._replace(correct=correct, score=score)
                judged_before = len(draws)
    if question is None or not draws:
        notes.skip(NO_QUESTION if question is None else NO_ANSWER)
        return
    for draw in draws:
        yield Sample(question, [draw], name, reference)


def _graded_by_openai(
    data: Mapping[str, Any], fields: Fields, notes: Notes
) -> tuple[bool | None, float | None]:
    """Return what a match or a grader says; the score of a grader's choice is the choice again."""
    found = {"correct" if key == "choice" else key: each for key, each in data.items()}
    if is_label(data.get("choice")) and fields.score != "score":
        found.pop("score", None)
    return judged(usual_measures(found, fields), fields, notes)


def _draws_of_openai(data: Mapping[str, Any]) -> list[Answer]:
    sampled = data.get("sampled")
    texts = sampled if isinstance(sampled, list) else [sampled]
    draws = [Answer(reply) for text in texts if (reply := reply_in(text)) is not None]
    if len(draws) == 1:  # what several took together says nothing of each
        return [draws[0]._replace(usage=reported_usage(data.get("usage")))]
    return draws


def _item_of_openai(value: Mapping[str, Any], fields: Fields, notes: Notes) -> Iterator[Sample]:
    """Yield a line of a dataset, or an item of the output of an evaluation on the platform."""
    item = as_mapping(value.get("datasource_item")) or value
    sample = as_mapping(value.get("sample"))
    question = question_in_inputs(item.get("input")) or question_in_inputs(sample.get("input"))
    if question is None:
        notes.skip(NO_QUESTION)
        return
    places = (sample.get("output"), value.get("output"), value.get("sampled"), item.get("output"))
    reply = next((said for each in places if (said := reply_in(each)) is not None), None)
    answers = []
    if reply is not None:
        results = value.get("results")
        found = {
            str(as_mapping(each).get("name")): as_mapping(each).get("passed")
            for each in (results if isinstance(results, list) else ())
        }
        if len(found) != 1 and fields.label is None:
            found["passed"] = value.get("status") or value.get("correct")
        correct, score = judged(found, fields, notes)
        answers = [
            Answer(reply, score=score, correct=correct, usage=reported_usage(sample.get("usage")))
        ]
    elif sample or "status" in value:
        notes.skip(FAILED if sample.get("error") else NO_ANSWER)
        return
    ideal = item.get("ideal", item.get("expected"))
    name = name_in(value.get("datasource_item_id", item.get("id")))
    yield Sample(question, answers, name, plain_text(ideal))


# promptfoo


def is_promptfoo(value: Mapping[str, Any]) -> bool:
    """Return whether a record is an output of promptfoo, or one of its results."""
    if isinstance(as_mapping(value.get("results")).get("results"), list):
        return True
    if _prompt_columns(value):
        return True
    return "prompt" in value and "vars" in value and ("response" in value or "success" in value)


def read_promptfoo(records: Sequence[Record], fields: Fields, notes: Notes) -> Iterator[Sample]:
    """Yield the samples of promptfoo; repeats, which have the same variables, are fresh draws.

    An assertion that all pass means right. Answers of several models, or to several prompts, are
    traces of their own, because they are no draws of the same thing.
    """
    results = [
        each
        for record in records
        for each in _results_of_promptfoo(record.value)
        if isinstance(each, Mapping)
    ]
    notes.records = len(results)
    writers = {_writer(each) for each in results}
    if len({model for model, _ in writers}) > 1:
        models = ", ".join(sorted({model for model, _ in writers}))
        notes.remark(
            f"Several models answered ({models}): a calibration holds for one of them, so give the "
            "results of one."
        )
    for result in results:
        question = _question_of_promptfoo(result)
        reply = reply_in(as_mapping(result.get("response")).get("output"))
        if question is None:
            notes.skip(NO_QUESTION)
        elif reply is None:
            notes.skip(FAILED if result.get("error") else NO_ANSWER)
        else:
            answer = _answer_of_promptfoo(result, reply, fields, notes)
            name = ", ".join(filter(None, _writer(result))) if len(writers) > 1 else None
            yield Sample(question, [answer], name, _expected(result))


# What a table has of an output in one cell: "[FAIL] (0.00)", the text, "Fail Reason: …".
_CELL_OF_PROMPTFOO = re.compile(
    r"\[(?P<status>PASS|FAIL|ERROR)\](?:[ ]?\([^()\n]*\))?\s*(?P<output>.*?)"
    r"(?:\s*\n[ \t]*(?:Pass|Fail) Reason: (?P<reason>(?:(?!\n[ \t]*(?:Pass|Fail) Reason: ).)*))?",
    re.DOTALL,
)
_PROMPT_OF_PROMPTFOO = re.compile(r"\[(?P<provider>[^\]]+)\] (?P<label>.+)", re.DOTALL)
_STATUSES = ("PASS", "FAIL", "ERROR")


def _prompt_columns(row: Mapping[str, Any]) -> dict[str, re.Match[str]]:
    """Return the columns of promptfoo's tables that have outputs, each with how its name reads."""
    columns = {
        name: prompt for name in row if (prompt := _PROMPT_OF_PROMPTFOO.fullmatch(str(name)))
    }
    cells = [str(row[name]) for name in columns]
    judged_apart = row.get("Status") in _STATUSES and "Named Scores" in row
    if judged_apart or (cells and all(map(_CELL_OF_PROMPTFOO.match, cells))):
        return columns
    return {}


def _results_of_promptfoo(value: Mapping[str, Any]) -> list[Any]:
    """Return the results of an output, or of a row of a table with a column for each prompt."""
    columns = _prompt_columns(value)
    if not columns:
        return _list_in(value.get("results"), "results") or [value]
    variables = {
        name: cell
        for name, cell in value.items()
        if name not in (*columns, "Description") and not _COLUMN_OF_OUTPUT.fullmatch(str(name))
    }
    results = []
    for index, (name, prompt) in enumerate(columns.items()):
        again = f" ({index + 1})" if index else ""
        cell = _CELL_OF_PROMPTFOO.fullmatch(str(value[name]))
        if cell and f"Status{again}" not in value:
            status, output, reason = cell["status"], cell["output"], cell["reason"]
        else:
            status, output = value.get(f"Status{again}"), value[name]
            reason = value.get(f"Grader Reason{again}")
        failed = status == "ERROR" or status not in _STATUSES
        results.append(
            {
                "vars": variables,
                "provider": prompt["provider"],
                "prompt": {"label": prompt["label"], "raw": None if variables else prompt["label"]},
                "promptIdx": index,
                "response": {"output": None if failed else output},
                "success": status == "PASS",
                "error": failed,
                "gradingResult": {"reason": (reason or "").strip()},
                "namedScores": as_mapping(parsed(str(value.get(f"Named Scores{again}") or ""))),
            }
        )
    return results


_COLUMN_OF_OUTPUT = re.compile(
    r"(?:Status|Score|Named Scores|Grader Reason|Comment)(?: \(\d+\))?|Messages|Redteam\w+"
    r"|pluginId|strategyId|sessionIds?"
)


def _answer_of_promptfoo(
    result: Mapping[str, Any], reply: Message, fields: Fields, notes: Notes
) -> Answer:
    response, grading = as_mapping(result.get("response")), as_mapping(result.get("gradingResult"))
    passed = result.get("success", grading.get("pass"))
    if grading.get("reason") == _NO_ASSERTIONS:
        passed = None
        notes.remark("Tests without assertions label nothing.")
    found = {**as_mapping(result.get("namedScores")), "pass": passed}
    correct, score = judged(found, fields, notes)
    ending = response.get("finishReason") or ("refusal" if response.get("isRefusal") else None)
    if isinstance(ending, str):
        reply = replace(reply, response_metadata={"finish_reason": ending})
    used = as_mapping(response.get("tokenUsage"))
    tokens = {"prompt_tokens": used.get("prompt"), "completion_tokens": used.get("completion")}
    return Answer(reply, score=score, correct=correct, usage=reported_usage(tokens))


def _question_of_promptfoo(result: Mapping[str, Any]) -> str | None:
    """Return a variable that is called a question, or else the prompt."""
    variables = as_mapping(result.get("vars"))
    named = next((variables[name] for name in _QUESTION_VARIABLES if name in variables), None)
    prompt = as_mapping(result.get("prompt")).get("raw")
    places = (named, prompt, variables)
    found = (question_in_inputs(place) for place in places if place)
    return next((each for each in found if each is not None), None)


def _writer(result: Mapping[str, Any]) -> tuple[str, str]:
    """Return the model and the prompt of a result."""
    provider, prompt = result.get("provider"), as_mapping(result.get("prompt"))
    model = as_mapping(provider).get("label") or as_mapping(provider).get("id") or provider
    index = result.get("promptIdx")
    return (
        model if isinstance(model, str) else "",
        f"prompt {index + 1}" if type(index) is int else str(prompt.get("label") or ""),
    )


def _expected(result: Mapping[str, Any]) -> str | None:
    """Return what a test expects: of its only assertion of equality, or a variable for it."""
    test = as_mapping(result.get("testCase"))
    equal = [
        as_mapping(each).get("value")
        for each in _list_in(test, "assert")
        if as_mapping(each).get("type") in ("equals", "contains", "icontains")
    ]
    if len(equal) == 1:
        return plain_text(equal[0])
    variables = as_mapping(result.get("vars"))
    names = ("expected", "reference", "ideal", "answer", "target")
    return next((plain_text(variables[name]) for name in names if name in variables), None)


def _list_in(value: Any, name: str) -> list[Any]:
    found = as_mapping(value).get(name)
    return found if isinstance(found, list) else []
