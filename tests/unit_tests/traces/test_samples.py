"""What a log calls its input, its output and its measures."""

import json

import pytest

from langchain_markovscale.traces.conversations import Answer
from langchain_markovscale.traces.log_values import plain_text, question_in_inputs, reply_in
from langchain_markovscale.traces.messages import Message
from langchain_markovscale.traces.samples import Fields, Notes, Sample, judged, traces_of

USER = {"role": "user", "content": "2 + 2?"}
MODEL = {"role": "assistant", "content": "4"}


@pytest.mark.parametrize(
    "value",
    [
        *("2 + 2?", ["2 + 2?"], {"question": "2 + 2?"}, {"anything": "2 + 2?"}, USER, [USER]),
        *([[USER]], {"messages": [USER]}, {"input": {"messages": [USER]}}, json.dumps([USER])),
        [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}, USER],
        {"chat_history": [], "context": "Sums.", "question": "2 + 2?"},
    ],
)
def test_a_question_is_found_in_an_input(value):
    assert question_in_inputs(value) == "2 + 2?"


def test_fields_that_nobody_calls_a_question_are_all_of_it():
    assert question_in_inputs({"city": "Lima", "year": 1990}) == "city: Lima\nyear: 1990"


@pytest.mark.parametrize("value", [None, "", " ", [], {}, {"a": []}, [MODEL], 4.5, True])
def test_an_input_without_a_question_has_none(value):
    assert question_in_inputs(value) is None


@pytest.mark.parametrize(
    "value",
    [
        *("4", ["4"], 4, {"output": "4"}, {"result": {"text": "4"}}, MODEL, [USER, MODEL]),
        *({"messages": [USER, MODEL]}, json.dumps(MODEL), {"generations": [[{"text": "4"}]]}),
        {"choices": [{"message": MODEL}]},
    ],
)
def test_an_answer_is_found_in_an_output(value):
    assert reply_in(value).text == "4"


@pytest.mark.parametrize("answer", ['{"answer": 4}', "[1, 2]", '{"role": "x"}', "{not JSON"])
def test_an_answer_in_json_stays_as_it_is(answer):
    assert reply_in(answer).text == answer
    assert reply_in({"output": answer}).text == answer


def test_an_object_that_is_the_answer_is_shown_as_json():
    value = {"city": "Lima", "inhabitants": 10}
    assert json.loads(reply_in(value).text) == json.loads(plain_text(value)) == value
    assert json.loads(reply_in({"output": {"x": 1, "y": [2]}}).text) == {"x": 1, "y": [2]}


@pytest.mark.parametrize(
    "value", [None, "", [], {}, [USER], {"messages": [USER]}, {"output": None}]
)
def test_an_output_without_an_answer_has_none(value):
    assert reply_in(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(("4", "4"), (4, "4"), (["4"], "4"), ({"answer": "4", "why": "so"}, "4"), (MODEL, "4")),
        *((None, None), (["4", "5"], None), ('{"a": 1}', '{"a": 1}'), (True, "True")),
    ],
)
def test_a_reference_is_one_text(value, text):
    assert plain_text(value) == text


@pytest.mark.parametrize(
    ("found", "fields", "wanted"),
    [
        ({"correct": "yes", "includes": 0}, Fields(), (True, None)),
        ({"my_scorer": "I"}, Fields(), (False, None)),
        ({"one": 1, "two": 0}, Fields(), (None, None)),
        ({"bleu": 0.4}, Fields(), (None, None)),
        ({"correct": None, "other": 1}, Fields(), (None, None)),
        ({"Exact Match": 1, "Judge": 0.25}, Fields(), (True, 0.25)),
        ({"correct": 1, "score": 5}, Fields(), (True, None)),
        ({"correct": 1, "mine": 0, "f1": 0.5}, Fields("mine", "f1"), (False, 0.5)),
        ({"correct": 1}, Fields("mine", None), (None, None)),
        ({}, Fields(), (None, None)),
    ],
)
def test_measures_are_labels_and_scores_by_their_names(found, fields, wanted):
    assert judged(found, fields, Notes()) == wanted


def test_a_choice_among_measures_is_said():
    notes = Notes()
    judged({"one": 1, "two": 0}, Fields(), notes)
    judged({"correct": 1, "two": 0}, Fields(), notes)
    assert "Several measures could say what is right (one, two)" in notes.complaint()
    assert notes.told == ["Labels are those of correct; there are also two."]


def test_samples_of_a_question_are_draws_of_one_trace_with_keys_of_their_own():
    def chain(*texts):
        return [Answer(Message("assistant", text)) for text in texts]

    samples = [
        Sample("q", chain("1", "2"), "a", None),
        Sample("other", chain("3"), "a"),
        Sample("q", chain("4", "5"), "a", "5"),
        Sample("q", chain("6"), None),
    ]
    traces = traces_of(samples, str.strip)
    assert [trace["id"] for trace in traces] == ["a", "a (2)", "question 3"]
    first = traces[0]
    assert [one["parent"] for one in first["attempts"]] == [None, 0, None, 2]
    assert [one["key"] for one in first["attempts"]] == ["1", "2", "4", "5"]
    assert first["reference"] == "5"
