import json
import logging
from itertools import islice
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from langchain_markovscale import read_traces, write_traces
from langchain_markovscale.traces.trace import TraceWriter

ARITHMETIC = Path(__file__).parents[2] / "data" / "arithmetic.jsonl"

WORDS = st.none() | st.text(max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.dictionaries(st.text(max_size=5), WORDS | NUMBERS | st.integers() | st.booleans())


@st.composite
def attempts(draw):
    made = []
    for index in range(draw(st.integers(0, 4))):
        parent = draw(st.none() | st.integers(0, index - 1)) if index else None
        made.append(
            {
                "text": draw(st.text(max_size=20)),
                "key": draw(WORDS),
                "score": draw(st.none() | st.floats(0, 1)),
                "action": "generate" if parent is None else "revise",
                "parent": parent,
                "feedback": draw(WORDS),
                "tokens": draw(st.none() | st.integers(0, 10**6)),
                "correct": draw(st.none() | st.booleans()),
            }
        )
    return made


TRACES = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text(min_size=1, max_size=10),
            "question": st.text(max_size=30),
            "attempts": attempts(),
            "reference": WORDS,
            "features": WORDS | PLAIN | st.lists(NUMBERS, max_size=4),
            "metadata": PLAIN,
        }
    ),
    max_size=3,
)


def attempt(**changes):
    return {"text": "4", **changes}


def trace(name="q", *made):
    return {"id": name, "question": "2 + 2?", "attempts": list(made or [attempt()])}


def written(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.jsonl"


# What is written is what is read


@settings(max_examples=40)
@given(TRACES)
def test_traces_come_back_as_they_were_written(tmp_path_factory, traces):
    path = tmp_path_factory.mktemp("traces") / "t.jsonl"
    assert write_traces(traces, path) == len(traces)
    assert list(read_traces(path)) == traces


@settings(max_examples=40)
@given(TRACES, TRACES)
def test_appending_is_writing_both(tmp_path_factory, first, second):
    path = tmp_path_factory.mktemp("traces") / "t.jsonl"
    write_traces(first, path)
    assert write_traces(second, path, append=True) == len(second)
    assert list(read_traces(path)) == first + second


def test_recorded_traces_come_back_line_by_line(path):
    traces = list(read_traces(ARITHMETIC))
    assert len(traces) == 200
    assert sum(len(one["attempts"]) for one in traces) == 2400
    write_traces(traces, path)
    lines = zip(ARITHMETIC.read_text().splitlines(), path.read_text().splitlines(), strict=True)
    for before, after in lines:
        assert json.loads(before).items() <= json.loads(after).items()


def test_half_of_a_surrogate_pair_is_kept(path):
    write_traces([trace("q", attempt(text="\ud83d"))], path)
    assert next(read_traces(path))["attempts"][0]["text"] == "\ud83d"


def test_text_stays_readable_in_the_file(path):
    write_traces([trace("q", attempt(text="四"))], path)
    assert "四" in path.read_text(encoding="utf-8")


def test_scalars_of_numpy_become_plain(path):
    made = attempt(score=np.float32(0.5), tokens=np.int64(3), correct=np.True_)
    one = trace("q", made) | {"features": np.array([1.0, 2.0])}
    write_traces([one], path)
    (read,) = read_traces(path)
    assert read["features"] == [1.0, 2.0]
    values = read["attempts"][0]
    assert (values["score"], values["tokens"], values["correct"]) == (0.5, 3, True)


@pytest.mark.parametrize("value", [nan, inf, np.float32("nan"), np.float64("nan"), 1.5, "high"])
def test_a_score_that_could_not_be_read_back_is_not_written(path, value):
    write_traces([trace("before")], path)
    with pytest.raises(ValueError, match="question 'q' cannot be written"):
        write_traces([trace("q", attempt(score=value))], path, append=True)
    assert [one["id"] for one in read_traces(path)] == ["before"]


def test_what_has_no_form_in_json_is_named(path):
    with pytest.raises(ValueError, match="'q' cannot be written: object has no form in JSON"):
        write_traces([trace() | {"metadata": {"model": object()}}], path)


# What a record may leave out, and what not


def test_what_is_left_out_is_unknown(path):
    written(path, '{"id": "q", "question": "?", "attempts": [{"text": "4"}]}')
    assert list(read_traces(path)) == [
        {
            "id": "q",
            "question": "?",
            "reference": None,
            "features": None,
            "metadata": {},
            "attempts": [
                {
                    "text": "4",
                    "key": None,
                    "score": None,
                    "action": "generate",
                    "parent": None,
                    "feedback": None,
                    "tokens": None,
                    "correct": None,
                }
            ],
        }
    ]


def test_an_attempt_with_a_parent_is_a_revision(path):
    written(path, json.dumps(trace("q", attempt(), attempt(parent=0))))
    (read,) = read_traces(path)
    assert [one["action"] for one in read["attempts"]] == ["generate", "revise"]


def test_other_fields_are_kept(path):
    written(path, json.dumps(trace("q", attempt(seconds=2.5)) | {"site": "lab"}))
    (read,) = read_traces(path)
    assert (read["site"], read["attempts"][0]["seconds"]) == ("lab", 2.5)


def test_empty_lines_and_a_byte_order_mark_are_passed_by(path):
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(trace()).encode() + b"\r\n\r\n  \n")
    assert [one["id"] for one in read_traces(path)] == ["q"]


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ([], "a trace must be an object"),
        (None, "a trace must be an object"),
        ({"question": "?", "attempts": []}, "id must be a string, got None"),
        (trace(7), "id must be a string, got 7"),
        (trace(""), "id must be a name"),
        ({"id": "q", "attempts": []}, "question must be a string"),
        ({"id": "q", "question": "?"}, "attempts must be a list"),
        (trace("q", "4"), r"attempts\[0\] must be an object"),
        (trace("q", {}), r"attempts\[0\].text must be a string"),
        (trace("q", attempt(), attempt(key=4)), r"attempts\[1\].key must be a string or null"),
        (trace("q", attempt(score=1.5)), r"score must be a number in \[0, 1\] or null, got 1.5"),
        (trace("q", attempt(score=-0.1)), r"score must be a number in \[0, 1\]"),
        (trace("q", attempt(score=True)), r"score must be a number in \[0, 1\] or null, got True"),
        (trace("q", attempt(score="0.5")), "score must be a number"),
        (trace("q", attempt(feedback=[])), "feedback must be a string"),
        (trace("q", attempt(tokens=-1)), "tokens must be a whole number"),
        (trace("q", attempt(tokens=1.5)), "tokens must be a whole number"),
        (trace("q", attempt(correct=1)), "correct must be true, false or null, got 1"),
        (trace("q", attempt(parent=0)), r"attempts\[0\].parent must be the index of an earlier"),
        (trace("q", attempt(), attempt(parent=1)), r"attempts\[1\].parent must be the index"),
        (trace("q", attempt(), attempt(parent=-1)), r"attempts\[1\].parent must be the index"),
        (trace("q", attempt(), attempt(parent=0.0)), r"attempts\[1\].parent must be the index"),
        (trace("q", attempt(action="revise")), r"attempts\[0\].action must be 'generate' without"),
        (trace("q", attempt(action="retry")), r"attempts\[0\].action"),
        (
            trace("q", attempt(), attempt(parent=0, action="generate")),
            r"attempts\[1\].action must be 'revise' where there is a parent",
        ),
        (trace() | {"reference": 4}, "reference must be a string"),
        (trace() | {"metadata": []}, "metadata must be an object"),
        (trace() | {"features": 4}, "features must be an object"),
        (trace() | {"features": [1, "a"]}, r"features\[1\] must be a finite number, got 'a'"),
    ],
)
def test_a_wrong_record_is_named_by_file_line_and_field(path, record, complaint):
    written(path, json.dumps(trace("good")), json.dumps(record))
    with pytest.raises(ValueError, match=rf"traces.jsonl, line 2: .*{complaint}"):
        list(read_traces(path))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"id": "q"', "line 2 is not JSON"),
        ('{"id": "q", "question": "?", "attempts": [{"text": "4", "score": NaN}]}', "NaN is no"),
        ('{"id": "q", "question": "?", "attempts": [{"text": "4", "score": 1e999}]}', "got inf"),
        ("[" * 100_000, "line 2 is not JSON"),
    ],
)
def test_a_line_that_is_not_json_is_named(path, line, complaint):
    written(path, json.dumps(trace("good")), line, json.dumps(trace("good")))
    with pytest.raises(ValueError, match=complaint):
        list(read_traces(path))


def test_reading_is_a_stream(path):
    written(path, json.dumps(trace("first")), "not a trace")
    assert [one["id"] for one in islice(read_traces(path), 1)] == ["first"]


# Killed processes


def test_wherever_a_file_is_cut_its_whole_lines_are_read_and_more_can_be_added(path, caplog):
    lines = [
        json.dumps(trace(name, attempt(text="vier: 四")), ensure_ascii=False).encode()
        for name in ("first", "second")
    ]
    content = b"".join(line + b"\n" for line in lines)
    for cut in range(len(content) + 1):
        caplog.clear()
        path.write_bytes(content[:cut])
        whole = [
            name
            for name, end in (("first", len(lines[0])), ("second", len(content) - 1))
            if cut >= end
        ]
        assert [one["id"] for one in read_traces(path)] == whole, cut
        is_half = cut not in {0, len(lines[0]), len(lines[0]) + 1, len(content) - 1, len(content)}
        assert ("half-written" in caplog.text) == is_half, cut

        write_traces([trace("third")], path, append=True)
        assert [one["id"] for one in read_traces(path)] == [*whole, "third"], cut


def test_a_half_written_line_in_the_middle_is_an_error(path):
    written(path, json.dumps(trace())[:-5], json.dumps(trace()))
    with pytest.raises(ValueError, match=r"line 1 is not JSON .*Correct the line or remove it"):
        list(read_traces(path))


def test_a_whole_last_line_with_a_wrong_value_is_an_error_and_stays(path):
    bad = json.dumps(trace()).replace('"4"', "NaN")
    path.write_text(bad)
    with pytest.raises(ValueError, match="NaN is not a number"):
        list(read_traces(path))
    write_traces([trace("more")], path, append=True)
    assert path.read_text().startswith(bad + "\n")


def test_each_appended_trace_is_in_the_file_when_the_next_is_asked_for(path):
    seen = []

    def slowly():
        for name in ("a", "b", "c"):
            seen.append([one["id"] for one in read_traces(path)])
            yield trace(name)

    write_traces(slowly(), path, append=True)
    assert seen == [[], ["a"], ["a", "b"]]


def test_an_error_on_the_way_leaves_the_old_file(path):
    write_traces([trace("old")], path)

    def failing():
        yield trace("new")
        raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        write_traces(failing(), path)
    assert [one["id"] for one in read_traces(path)] == ["old"]
    assert list(path.parent.iterdir()) == [path]


def test_a_file_can_be_rewritten_from_itself(path):
    write_traces([trace("a"), trace("b")], path)
    write_traces((one for one in read_traces(path) if one["id"] == "b"), path)
    assert [one["id"] for one in read_traces(path)] == ["b"]


def test_a_link_stays_a_link(path, tmp_path):
    link = tmp_path / "link.jsonl"
    path.touch()
    link.symlink_to(path)
    write_traces([trace()], link)
    assert link.is_symlink()
    assert len(list(read_traces(path))) == 1


def test_a_device_is_no_file_to_replace():
    with pytest.raises(ValueError, match="path must be a file, got '/dev/null'"):
        write_traces([trace()], "/dev/null")


def test_a_writer_closes_what_it_opened(path, caplog):
    with caplog.at_level(logging.WARNING), TraceWriter(path) as writer:
        writer.write(trace("a"))
        assert [one["id"] for one in read_traces(path)] == ["a"]
    with pytest.raises(ValueError, match="closed"):
        writer.write(trace("b"))
    assert not caplog.records
