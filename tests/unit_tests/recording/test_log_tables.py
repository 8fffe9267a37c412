"""Tables of other people as traces: what their columns are, and how that is told."""

import logging

import numpy as np
import pytest

from langchain_markovscale import traces_from, traces_from_table


@pytest.fixture
def csv(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "rounds.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def seen(traces):
    """The attempts of each trace as (parent, label, score)."""
    return {
        trace["id"]: [(one["parent"], one["correct"], one["score"]) for one in trace["attempts"]]
        for trace in traces
    }


WORDS = [
    *(("C", "I"), ("correct", "incorrect"), ("Pass", "Fail"), ("yes", "no"), ("✓", "✗")),
    *(("✅", "❌"), ("TRUE", "FALSE"), ("1", "0"), ("richtig", "falsch")),
]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize(("right", "wrong"), WORDS)
def test_rounds_are_read_in_words_and_encodings(csv, right, wrong, encoding):
    text = f"id;first;second;third\na;{wrong};{right};{right}\nb;{right};N/A;\nc;{wrong};;{right}\n"
    wanted = {
        "a": [(None, False, None), (0, True, None), (1, True, None)],
        "b": [(None, True, None)],
        "c": [(None, False, None), (0, None, None), (1, True, None)],
    }
    assert seen(traces_from(csv(text, encoding))) == wanted
    assert seen(traces_from_table(csv(text, encoding), question="id")) == wanted


def test_how_a_table_was_read_is_said(csv, caplog):
    caplog.set_level(logging.INFO)
    traces_from(csv(",id,model,first,second\n0,a,small,1,0\n1,b,small,0,1\n"))
    told = (
        "Columns that were not read: model. Rounds are the columns first, second; "
        "the column id tells questions apart."
    )
    assert told in caplog.text


def test_rows_of_one_question_are_its_fresh_draws(csv):
    text = "question,seed,correct,judge_score\nq,1,yes,0.9\nr,1,no,0.2\nq,2,no,\n"
    assert seen(traces_from(csv(text))) == {
        "q": [(None, True, 0.9), (None, False, None)],
        "r": [(None, False, 0.2)],
    }


@pytest.mark.parametrize(
    "header", ["id,r1,r2,score_r1,score_r2", "id,r1,r2,score_a,score_b", "id,r1,r2,P(judge),judge2"]
)
def test_columns_of_scores_belong_to_the_rounds(csv, header):
    wanted = {"a": [(None, True, 0.9), (0, False, 0.25)], "b": [(None, False, 0.0)]}
    assert seen(traces_from(csv(f"{header}\na,1,0,.9,25%\nb,0,,0,\n"))) == wanted


def test_columns_of_scores_are_matched_by_their_names(csv):
    text = "id,first,second,second score,first score\na,1,0,.2,.9\n"
    assert seen(traces_from(csv(text))) == {"a": [(None, True, 0.9), (0, False, 0.2)]}


def test_a_score_that_could_be_of_any_round_is_not_read(csv, caplog):
    found = seen(traces_from(csv("id,r1,r2,score\na,1,0,.9\n")))
    assert found == {"a": [(None, True, None), (0, False, None)]}
    assert "score could be about any of the rounds r1, r2" in caplog.text


def test_scores_alone_have_no_labels(csv):
    wanted = {"a": [(None, None, 0.95), (0, None, 0.6)], "b": [(None, None, 0.2)]}
    path = csv("id,one,two\na,.95,.6\nb,.2,\n")
    assert seen(traces_from(path)) == wanted
    by_hand = traces_from_table(path, question="id", rounds=[], scores=["one", "two"])
    assert seen(by_hand) == wanted


def test_numbers_that_nobody_calls_scores_are_none(csv):
    found = seen(traces_from(csv("id,temperature,correct\na,0.7,1\nb,0.7,0\n")))
    assert found == {"a": [(None, True, None)], "b": [(None, False, None)]}


def test_names_may_be_given(csv):
    path = csv("id,em,f1,p\na,1,1,0.3\n")
    assert seen(traces_from(path, label="em", score="p")) == {"a": [(None, True, 0.3)]}
    with pytest.raises(ValueError, match=r"label must name a column.*got 'x': it has id, em, f1"):
        traces_from(path, label="x")


LONG = (
    "question,round,response,score,correct,critique,expected\n"
    "2+2?,1,It is 5.,0.2,✗,Count again.,4\n2+2?,2,It is 4.,0.9,✓,,4\n"
    "3+3?,1,It is 6.,,✓,,6\n2+2?,1,It is 4.,0.8,✓,,4\n"
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_row_may_be_an_answer(csv, delimiter):
    path = csv(LONG.replace(",", delimiter), "utf-16")
    first, second = traces_from(path, answer_key="last_number")
    assert (first["question"], first["reference"]) == ("2+2?", "4")
    told = [(one["key"], one["parent"], one["correct"]) for one in first["attempts"]]
    assert told == [("5", None, False), ("4", 0, True), ("4", None, True)]
    assert first["attempts"][0]["feedback"] == "Count again."
    assert [one["score"] for one in first["attempts"]] == [0.2, 0.9, 0.8]
    assert [one["key"] for one in second["attempts"]] == ["6"]


def test_an_answer_beside_a_response_is_the_reference():
    rows = [{"question": "2+2?", "answer": "4", "response": "5"}]
    (trace,) = traces_from(rows, answer_key="last_number")
    assert (trace["reference"], trace["attempts"][0]["correct"]) == ("4", False)


def test_rows_without_an_answer_are_counted(csv, caplog):
    traces = traces_from(csv("question,response,correct\nq,a,yes\nr,,\n,b,no\n"))
    assert [trace["question"] for trace in traces] == ["q"]
    assert "2 of 3 records skipped: 1 without an answer, 1 without a question" in caplog.text


def test_what_is_written_counts_without_what_is_read(csv):
    (trace,) = traces_from(csv("question,response,tokens\nq,None,12\n"))
    (attempt,) = trace["attempts"]
    assert (attempt["text"], attempt["tokens"], attempt["usage"]) == ("None", 12, None)


def test_a_flag_beside_an_answer_is_no_label():
    rows = [{"question": "q", "response": "a", "archived": True}]
    assert traces_from(rows)[0]["attempts"][0].get("correct") is None


@pytest.mark.parametrize(
    "source",
    [[[1, 0], [0, 1]], np.array([[1, 0], [0, 1]]), [["C", "I"], ["I", "C"]], [(True, 0), (0, 1)]],
)
def test_rows_without_names_are_rounds(source):
    labels = [[one["correct"] for one in trace["attempts"]] for trace in traces_from(source)]
    assert labels == [[True, False], [False, True]]


def test_questions_and_labels_without_names_of_columns_are_a_table(csv):
    assert seen(traces_from(csv("q1,C,I\nq2,I,C\n"))) == {
        "q1": [(None, True, None), (0, False, None)],
        "q2": [(None, False, None), (0, True, None)],
    }
    named = traces_from(csv("id,correct\nq1,correct\nq2,incorrect\n"))
    assert [trace["id"] for trace in named] == ["q1", "q2"]


def test_columns_in_memory_are_a_table():
    found = traces_from({"id": ["a", "b"], "one": [1, 0], "two": np.array([0.0, np.nan])})
    assert seen(found) == {"a": [(None, True, None), (0, False, None)], "b": [(None, False, None)]}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "id,model\na,small\n",
            r"no column of the table \(id, model\) says which answers",
        ),
        ("question,answer\n2+2?,4\n", "look like questions without answers"),
        ("id,r1\n", "table must hold a row"),
        ("just some words\nin two lines\n", r"no column of the table \(just some words\)"),
        ("question,response,correct\n,,\n", "table must hold a row"),
    ],
)
def test_a_table_that_says_nothing_of_answers_is_refused(csv, text, complaint):
    with pytest.raises(ValueError, match=complaint):
        traces_from(csv(text))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"rounds": ["r1", "r2"], "scores": ["s"]}, "scores must name a column for each of the"),
        ({"rounds": ["r1"], "scores": ["t"]}, "table has no column 't'"),
        ({"rounds": ["r1"], "scores": ["r2"]}, "'x' in row 1, column 'r2', which is no score"),
    ],
)
def test_scores_that_do_not_fit_the_rounds_are_refused(csv, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        traces_from_table(csv("id,r1,r2,s\na,1,x,.5\n"), question="id", **options)


def test_columns_of_several_lengths_are_refused():
    with pytest.raises(ValueError, match="columns of one length, got id: 1, one: 2"):
        traces_from({"id": ["a"], "one": [1, 0]})


def test_rows_may_stand_under_a_name():
    rows = [{"question": "q", "response": "a", "correct": True}]
    wanted = [(None, True, None)]
    for source in ({"rows": rows}, {"model": "small", "rows": rows}, rows):
        assert list(seen(traces_from(source)).values()) == [wanted]


def test_a_cell_for_which_a_round_is_not_read_is_named(csv, caplog):
    text = "id,first,second,third\na,1,0,1\nb,0,maybe,1\nc,1,1,0\n"
    traces = traces_from(csv(text))
    assert "The column second was not read, because the cell 'maybe' in" in caplog.text
    assert "row 2 is neither right nor wrong" in caplog.text
    assert "All results are about first, third alone." in caplog.text
    assert {len(each["attempts"]) for each in traces} == {2}
