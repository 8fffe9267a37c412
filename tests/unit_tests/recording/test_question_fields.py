"""Data sets whose fields are called otherwise, and what is missing in them."""

import json
import re

import pytest

from langchain_markovscale import create_markovscale_graph, record_traces
from langchain_markovscale.recording.questions import parse_questions


def parse(*records, **fields):
    questions = parse_questions(map(json.dumps, records), "a file", **fields)
    return [(question.text, question.reference) for question in questions]


def test_a_line_without_the_question_field_is_named():
    records = {"frage": "a?"}, {"question": "b?", "id": 2}
    with pytest.raises(
        ValueError, match=r"^question_field must .*'frage': a file, line 2 has only question, id"
    ):
        parse(*records, question_field="frage")


def test_a_reference_field_that_nobody_has_is_named():
    records = {"question": "a?", "reference": "1"}, {"question": "b?"}
    with pytest.raises(
        ValueError,
        match=r"^reference_field must .*'antwort': a file, line 1 has only question, reference",
    ):
        parse(*records, reference_field="antwort")


def test_where_the_reference_field_is_missing_no_other_field_stands_in():
    records = {"question": "a?", "solution": 1}, {"question": "b?", "answer": "because"}
    assert parse(*records, reference_field="solution") == [("a?", "1"), ("b?", None)]


def test_fields_may_have_each_others_names():
    record = {"answer": "a?", "question": "1"}
    fields = {"question_field": "answer", "reference_field": "question"}
    assert parse(record, **fields) == [("a?", "1")]


@pytest.mark.parametrize(
    ("known", "told"),
    [(0, ["3 of 3"]), (2, ["1 of 3"]), (3, [])],
)
def test_missing_references_are_counted(tmp_path, caplog, known, told):
    questions = [(f"{n}?", str(n) if n < known else None) for n in range(3)]
    graph = create_markovscale_graph(
        generate=lambda request: "1", verifier=lambda answer: 0.5, actions=("generate",)
    )
    record_traces(graph, questions, path=tmp_path / "t.jsonl", revisions=0, grader="exact")
    assert re.findall(r"(\d of \d) questions have no reference", caplog.text) == told
