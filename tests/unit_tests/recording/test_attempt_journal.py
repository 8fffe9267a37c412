"""What is noted of unfinished questions, and what comes back."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from langchain_markovscale.recording.attempt_journal import AttemptJournal


def attempt(text, parent=None, **others):
    action = "generate" if parent is None else "revise"
    return {"text": text, "action": action, "parent": parent} | others


def trace(name, *attempts, **metadata):
    return {"id": name, "question": f"{name}?", "attempts": list(attempts), "metadata": metadata}


def texts(journal):
    return {
        name: [each["text"] for each in one["attempts"]] for name, one in journal.traces.items()
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "partial"


@pytest.fixture
def opened(path):
    journals = []

    def opened():
        journals.append(AttemptJournal(path))
        return journals[-1]

    yield opened
    for journal in journals:
        journal.close()


def test_lines_have_what_is_new_alone(path, opened):
    journal = opened()
    journal.note(trace("a", attempt("one")))
    journal.note(trace("a", attempt("one", score=0.5)))
    journal.note(trace("a", attempt("one", score=0.5), attempt("two", 0)), 1)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[2] == {"id": "a", "from": 1, "attempts": [attempt("two", 0)]}
    (read,) = AttemptJournal(path).traces.values()
    assert [each["score"] for each in read["attempts"]] == [0.5, None]
    assert [each["parent"] for each in read["attempts"]] == [None, 0]


def test_closed_it_keeps_the_unfinished_alone(path, opened):
    journal = opened()
    for name in "ab":
        journal.note(trace(name, attempt(name)))
    journal.forget("a")
    journal.close()
    assert texts(AttemptJournal(path)) == {"b": ["b"]}
    journal.forget("b")
    journal.close()
    assert not path.exists()


def test_it_does_not_grow_with_what_is_finished(path, opened, monkeypatch):
    monkeypatch.setattr("langchain_markovscale.recording.attempt_journal._MOST_BYTES", 2_000)
    journal = opened()
    journal.note(trace("kept", attempt("kept")))
    for number in range(300):
        journal.note(trace(str(number), attempt("x" * 100)))
        journal.forget(str(number))
        assert path.stat().st_size < 4_000
    assert texts(AttemptJournal(path))["kept"] == ["kept"]


def test_a_half_written_line_is_left_out_and_more_can_follow(path, opened):
    journal = opened()
    journal.note(trace("a", attempt("one")))
    journal.note(trace("a", attempt("one"), attempt("two", 0)), 1)
    path.write_bytes(path.read_bytes()[:-20])
    journal = opened()
    assert texts(journal) == {"a": ["one"]}
    journal.note(trace("a", attempt("one"), attempt("three", 0)), 1)
    assert texts(AttemptJournal(path)) == {"a": ["one", "three"]}


def test_a_file_of_version_0_1_is_read(path):
    path.write_text(json.dumps(trace("a", attempt("one"), attempt("two", 0))) + "\n")
    assert texts(AttemptJournal(path)) == {"a": ["one", "two"]}


@pytest.mark.parametrize("line", ['{"id": "a"}', '{"id": "a", "attempts": [{}]}', "[1]", "x"])
def test_another_file_is_refused_with_the_line(path, line):
    path.write_text(f"{line}\n")
    with pytest.raises(ValueError, match="partial"):
        AttemptJournal(path)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=12))
def test_what_comes_back_is_what_was_noted_last(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("journal") / "partial"
    journal, wanted = AttemptJournal(path), {}
    for number, (name, kept) in enumerate(steps):
        attempts = [*wanted.get(name, [])[:kept], f"{name}{number}"]
        whole = trace(name, *(attempt(text) for text in attempts))
        journal.note(whole, len(attempts) - 1)
        wanted[name] = attempts
    assert texts(AttemptJournal(path)) == wanted
    journal.close()
    assert texts(AttemptJournal(path)) == wanted
