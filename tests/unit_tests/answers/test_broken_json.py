"""Objects that are no JSON are read field by field: what is there, and nothing that is not."""

import pytest
from hypothesis import given, strategies as st

from langchain_markovscale.answers.json_text import broken_json_objects, json_objects

WHOLE = {"critique": "The sum is 12.", "passed": False, "score": "0.2"}
BROKEN = {
    "single quotes": "{'critique': 'The sum is 12.', 'passed': False, 'score': 0.2}",
    "no quotes": '{critique: "The sum is 12.", passed: false, score: 0.2}',
    "a trailing comma": '{"critique": "The sum is 12.", "passed": false, "score": 0.2,}',
    "no commas": '{"critique": "The sum is 12."\n "passed": false\n "score": 0.2}',
    "a fence and prose": "So:\n```json\n"
    '{"critique": "The sum is 12.", "passed": false,, "score": 0.2}\n```\nDone.',
    "no end": '{"critique": "The sum is 12.", "passed": false, "score": "0.2',
    "within another": "{'result': {'critique': 'The sum is 12.', 'passed': False, 'score': 0.2}",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_the_fields_of_a_broken_object_are_found(text):
    assert json_objects(text) == []
    (found,) = broken_json_objects(text)
    assert {name: found.value[name] for name in WHOLE} == WHOLE
    assert text[found.start] == "{"
    assert "Done" not in text[found.start : found.end]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'It's \"so\".', 'b': 1}", {"a": 'It\'s "so".', "b": "1"}),
        ('{"a": "an "odd" one", "b": 1}', {"a": 'an "odd" one', "b": "1"}),
        ('{"a": "One.\\nTwo \\"three\\".",}', {"a": 'One.\nTwo "three".'}),
        ('{"a": "The sum, so: it is', {"a": "The sum, so: it is"}),
        ('{"a": None, "b": "x",}', {"a": None, "b": "x"}),
        ('{"a": 1, "b": 0', {"a": "1", "b": None}),  # of 0.95?
        ('{"a": 1, "b": tru', {"a": "1", "b": None}),
    ],
)
def test_values_are_kept_whole(text, value):
    (found,) = broken_json_objects(text)
    assert found.value == value


def test_a_name_that_comes_again_begins_another_object():
    first, second = broken_json_objects("{'score': 1, 'x': 2} {'score': 0, 'y': 3}")
    assert (first.value, second.value) == ({"score": "1", "x": "2"}, {"score": "0", "y": "3"})
    assert first.end <= second.start


@pytest.mark.parametrize(
    "text", ["", "{", "{'a'", "\\boxed{5}", "f(x) = {1, 2}", '"a": 1', "{'a': 1,}" * 500]
)
def test_where_no_object_opens_there_is_none(text):
    assert broken_json_objects(text) == []


PIECES = ["{", "}", "'", '"', ":", ",", "a", "score", "1", "true", "\\", "\n", " ", "[", "]", "é"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
def test_reading_is_total_and_spans_are_in_order(text):
    objects = broken_json_objects(text)
    spans = [position for each in objects for position in (each.start, each.end)]
    assert spans == sorted(spans)
    assert all(0 <= position <= len(text) for position in spans)
