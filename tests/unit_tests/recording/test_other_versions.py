"""Logs as other versions of their programs write them: the same facts in other places."""

import csv
import json

import pytest

from langchain_markovscale import traces_from

ASKED = {"role": "user", "content": "2 + 2?"}


def answered(text):
    return {"role": "assistant", "content": text}


def told(source, **options):
    return [
        (each["question"], [(a["text"], a.get("correct")) for a in each["attempts"]])
        for each in traces_from(source, **options)
    ]


SUMS = [("2 + 2?", [("4", True), ("5", False)])]

# ---- Inspect


def sample(epoch, text, **scores):
    choices = [{"message": answered(text), "stop_reason": "stop"}] if text else []
    return {
        **{"id": 1, "epoch": epoch, "input": "2 + 2?", "target": "4", "messages": [ASKED]},
        "output": {"model": "m", "choices": choices, "completion": text},
        "scores": {name: {"value": value} for name, value in scores.items()},
    }


def inspect_log(*samples):
    return {"version": 2, "status": "cancelled", "eval": {"task": "t"}, "samples": [*samples]}


def test_partly_right_by_one_scorer_of_inspect_is_not_what_another_says():
    log = inspect_log(
        sample(1, "4", match="C", model_graded_qa="I"),
        sample(2, "4 or 5", match="P", model_graded_qa="C"),
        sample(3, "5", match="N", model_graded_qa="I"),
    )
    labels = [("4", True), ("4 or 5", None), ("5", False)]
    assert told(log) == told(log, label="match") == [("2 + 2?", labels)]


def test_a_cancelled_sample_of_inspect_is_no_answer(caplog):
    stopped = {**sample(2, ""), "error": {"message": "CancelledError()"}, "scores": None}
    limited = {**sample(3, ""), "limit": {"type": "operator", "limit": 1}, "scores": None}
    assert told(inspect_log(sample(1, "4", match="C"), stopped, limited)) == [
        ("2 + 2?", [("4", True)])
    ]
    assert "2 of 3 records skipped: 1 that ended with an error, 1 without an answer" in caplog.text


# ---- OpenAI Evals


def events(*pairs):
    return [{"spec": {"eval_name": "sums.dev.v0"}}] + [
        {"event_id": number, "sample_id": "sums.0", "type": kind, "data": data}
        for number, (kind, data) in enumerate(pairs)
    ]


def sampling(*texts):
    return ("sampling", {"prompt": [ASKED], "sampled": [*texts]})


def match(correct, **data):
    return ("match", {"correct": correct, "expected": "4", "picked": None, **data})


@pytest.mark.parametrize(
    "log",
    [
        events(sampling("4"), match(True), sampling("5"), match(False)),
        events(sampling("4"), sampling("5"), match(True, sampled="4"), match(False, sampled="5")),
        events(sampling("4", "5"), match(True, sampled="4"), match(False, sampled="5")),
    ],
)
def test_several_samplings_of_one_sample_have_their_own_labels(log):
    assert told(log) == SUMS


def test_what_is_said_of_several_samplings_together_labels_none():
    log = events(sampling("4"), sampling("5"), match(True, sampled=["4", "5"]))
    assert told(log) == [("2 + 2?", [("4", None), ("5", None)])]


def test_the_score_of_a_graders_choice_is_no_verifiers():
    log = events(sampling("4"), ("metrics", {"choice": "Y", "score": 1.0}))
    (trace,) = traces_from(log)
    assert (trace["attempts"][0]["correct"], trace["attempts"][0]["score"]) == (True, None)
    assert traces_from(log, score="score")[0]["attempts"][0]["score"] == 1.0


# ---- Langfuse


def write_rows(path, header, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(), *rows])


LANGFUSE_TABLES = {
    "scores in columns": (
        "id timestamp sessionId input output metadata correct",
        ["t1", "2025", "", '{"question": "2 + 2?"}', '{"answer": "4"}', "{}", "[1]"],
        ["t2", "2025", "", '"2 + 2?"', '"5"', "{}", "[0]"],
    ),
    "scores in a cell": (
        "id timestamp sessionId input output metadata scores",
        [
            "t1",
            "2025",
            "",
            '{"messages": [' + json.dumps(ASKED) + "]}",
            "4",
            "{}",
            '{"correct":[1]}',
        ],
        ["t2", "2025", "", "2 + 2?", "5", "{}", '[{"name": "correct", "value": 0}]'],
    ),
    "observations": (
        "id traceId type parentObservationId input output usageDetails correct",
        ["o1", "t1", "GENERATION", "", json.dumps([ASKED]), json.dumps(answered("4")), "{}", "1"],
        ["o2", "t2", "GENERATION", "", json.dumps([ASKED]), json.dumps(answered("5")), "{}", "0"],
    ),
}


@pytest.mark.parametrize("rows", LANGFUSE_TABLES.values(), ids=LANGFUSE_TABLES)
def test_cells_of_langfuse_hold_json_and_scores(rows, tmp_path):
    write_rows(tmp_path / "t.csv", *rows)
    assert told(tmp_path / "t.csv") == SUMS


def test_scores_of_langfuse_that_disagree_label_nothing(tmp_path):
    header, right, _ = LANGFUSE_TABLES["scores in columns"]
    write_rows(tmp_path / "t.csv", header, [*right[:-1], "[1,0]"])
    assert told(tmp_path / "t.csv") == [("2 + 2?", [("4", None)])]


def test_a_category_of_langfuse_is_its_word():
    traces = [
        {
            **{"id": name, "userId": "u", "input": "2 + 2?", "output": text},
            "scores": [
                {"name": "correct", "value": 0, "dataType": "CATEGORICAL", "stringValue": word}
            ],
        }
        for name, text, word in (("a", "4", "correct"), ("b", "5", "incorrect"))
    ]
    assert told(traces) == SUMS


# ---- LangSmith


def run(name, text, **more):
    return {
        **{"id": name, "run_type": "chain", "inputs": {"question": "2 + 2?"}},
        **{"outputs": {"output": text}, "trace_id": name, "parent_run_id": None, **more},
    }


def test_feedback_of_langsmith_may_be_averages_words_or_rows_of_their_own():
    stats = [
        run("a", "4", feedback_stats={"correctness": {"n": 1, "avg": 1.0, "values": {}}}),
        run("b", "5", feedback_stats={"correctness": {"avg": None, "values": {"INCORRECT": 1}}}),
    ]
    rows = [
        {"id": "1", "run_id": "a", "key": "correctness", "score": 1.0, "value": None},
        {"id": "2", "run_id": "b", "key": "correctness", "score": None, "value": "INCORRECT"},
    ]
    runs = [run("a", "4"), run("b", "5")]
    assert told(stats) == told([*rows, *runs]) == told([*runs, *rows]) == SUMS
    with pytest.raises(ValueError, match=r"langsmith.*nothing could be read"):
        traces_from(rows)


def test_runs_within_a_run_of_langsmith_are_no_draws_of_their_own():
    part = run("c", "as asked", parent_run_id="a", run_type="llm")
    nested = [run("a", "4", child_runs=[part]), run("b", "5")]
    unlabelled = [("2 + 2?", [("4", None), ("5", None)])]
    assert told(nested) == told([run("a", "4"), part, run("b", "5")]) == unlabelled


# ---- promptfoo


@pytest.mark.parametrize(
    "text",
    [
        "[openai:gpt] 2 + 2?\n[PASS] (1.00) 4\n[FAIL] (0.00) 5\n",
        "[openai:gpt] 2 + 2?,Status,Score,Named Scores\n4,PASS,1.00,\n5,FAIL,0.00,\n",
    ],
)
def test_a_table_of_promptfoo_may_have_no_variables(text, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    assert told(tmp_path / "t.csv") == SUMS


# ---- Tables


def table(path, header, *cells):
    rows = [["2 + 2?", text, cell] for text, cell in zip("45", cells, strict=True)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows([["question", "response", header], *rows])
    return path


def scores(source):
    return [a["score"] for each in traces_from(source) for a in each["attempts"]]


@pytest.mark.parametrize(
    "cells", [("0.8", "0.2"), ("80%", "20%"), ("0,8", "0,2"), ("4/5", "1/5"), ("8 out of 10", ".2")]
)
def test_a_column_of_scores_may_say_its_scale(cells, tmp_path):
    assert scores(table(tmp_path / "t.csv", "score", *cells)) == [0.8, 0.2]


@pytest.mark.parametrize("cells", [("4", "1"), ("80", "0"), ("1", "5"), ("-1", "1")])
@pytest.mark.parametrize("header", ["score", "correct", "grade"])
def test_the_least_of_five_points_is_neither_right_nor_certain(header, cells, tmp_path, caplog):
    source = table(tmp_path / "t.csv", header, *cells)
    assert told(source) == [("2 + 2?", [("4", None), ("5", None)])]
    assert scores(source) == [None, None]
    assert f"{header} was not read, because of values such as" in caplog.text


@pytest.mark.parametrize(("values", "labels"), [((4, 1), None), ((0.7, 1.0), None), ((1, 0), True)])
def test_a_measure_of_a_log_means_the_same_in_all_its_records(values, labels):
    wanted = [("4", labels), ("5", None if labels is None else False)]
    (best, other), name = values, "quality"
    stats = [
        run("a", "4", feedback_stats={name: {"n": 1, "avg": best}}),
        run("b", "5", feedback_stats={name: {"n": 1, "avg": other}}),
    ]
    log = inspect_log(sample(1, "4", quality=best), sample(2, "5", quality=other))
    traces = [
        {"id": text, "userId": "u", "input": "2 + 2?", "output": text, "scores": [given]}
        for text, given in (
            ("4", {"name": name, "value": best}),
            ("5", {"name": name, "value": other}),
        )
    ]
    assert [told(each) for each in (stats, log, traces)] == 3 * [[("2 + 2?", wanted)]]


def test_a_word_that_labels_nothing_is_named(tmp_path, caplog):
    assert told(table(tmp_path / "t.csv", "correct", "yes", "maybe not"))[0][1][1] == ("5", None)
    assert "neither right nor wrong, nor scores, such as 'maybe not'" in caplog.text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Frage;Antwort;richtig\n2 + 2?;4;ja\n2 + 2?;5;nein\n", "cp1252"),
        ("question\tresponse\tcorrect\n2 + 2?\t4\tWAHR\n2 + 2?\t5\tFALSCH\n", "utf-16"),
        ("sep=;\nquestion;réponse;correct\n2 + 2?;4;vrai\n2 + 2?;5;faux\n", "utf-8-sig"),
    ],
)
def test_a_table_of_another_language_is_read(text, encoding, tmp_path):
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert told(tmp_path / "t.csv") == SUMS


# ---- Messages


@pytest.mark.parametrize(
    "reply",
    [
        {"role": "model", "parts": [{"text": "7?", "thought": True}, {"text": "4"}]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "7?"}, {"type": "text", "text": "4"}],
        },
        {"role": "assistant", "reasoning_content": "7?", "content": "4"},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "7?"}}},
                {"text": "4"},
            ],
        },
    ],
)
def test_what_a_model_thought_is_no_part_of_its_answer(reply):
    assert told([ASKED, reply]) == [("2 + 2?", [("4", None)])]
