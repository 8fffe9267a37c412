"""Other people's records: each format as its program writes it, in small logs of our own."""

import copy
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langsmith.evaluation import EvaluationResult
from langsmith.schemas import Example, Run

from langchain_markovscale import (
    Calibration,
    create_markovscale_graph,
    record_traces,
    traces_from,
    write_traces,
)

LOGS = Path(__file__).parents[2] / "data" / "logs"
USAGE = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}


def told(traces):
    """Of each trace its question, its reference, and of each attempt what matters here."""
    return [
        (
            trace["question"],
            trace["reference"],
            [(one["text"], one["parent"], one.get("correct")) for one in trace["attempts"]],
        )
        for trace in traces
    ]


def labels(traces):
    return [[one.get("correct") for one in trace["attempts"]] for trace in traces]


def log(name):
    """The records of a log."""
    text = (LOGS / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else list(map(json.loads, text.splitlines()))


def without(record, name):
    return {each: value for each, value in record.items() if each != name}


SUMS = [
    ("What is 8 + 5?", "13", [("13", None, True)]),
    ("What is 7 * 6?", "42", [("48", None, False)]),
]
LEGS = [
    ("How many legs has a spider?", None, [("Eight.", None, True)]),
    ("How many legs has an ant?", None, [("Eight.", None, False), ("Six.", None, True)]),
]
CAPITALS = [
    ("What is the capital of Peru?", None, [("Lima", None, True), ("Cusco", None, False)]),
    ("What is the capital of Chad?", None, [("N'Djamena", None, True)]),
]
INSPECTED = [
    ("What is 2 + 2?", "4", [("ANSWER: 4", None, True), ("ANSWER: 5", None, False)]),
    (
        "Which river is the longest, as most atlases say?",
        "Nile",
        [("ANSWER: Amazon", None, False), ("ANSWER: Nile", None, True)],
    ),
    ("What is 6 * 7?", "42", [("ANSWER: 48", None, None), ("ANSWER: 42", 0, True)]),
]
PROMPTED = [
    ("What is 5 + 6?", "11", [("11", None, True), ("12", None, False)]),
    ("What is 3 * 9?", "27", [("27", None, True), ("I can't help with that.", None, False)]),
]
WANTED = {
    "inspect.json": INSPECTED,
    "promptfoo.json": PROMPTED,
    "openai_evals_log.jsonl": SUMS,
    "langsmith_runs.jsonl": CAPITALS,
    "langfuse_traces.json": LEGS,
    "langfuse_traces.csv": [LEGS[0], (LEGS[1][0], None, LEGS[1][2][:1])],
}
SKIPPED = {
    "inspect.json": "1 of 6 records skipped: 1 that ended with an error.",
    "promptfoo.json": "1 of 5 records skipped: 1 that ended with an error.",
    "langsmith_runs.jsonl": "1 of 4 records skipped: 1 that ended with an error.",
}


@pytest.mark.parametrize("name", WANTED)
def test_a_log_is_read_and_what_is_skipped_is_said(name, caplog):
    assert told(traces_from(LOGS / name)) == WANTED[name]
    assert [record.getMessage().partition("): ")[2] for record in caplog.records] == (
        [SKIPPED[name]] if name in SKIPPED else []
    )


@pytest.mark.parametrize("name", [name for name in WANTED if "csv" not in name])
def test_a_log_may_be_parsed_already(name):
    assert traces_from(log(name)) == traces_from(LOGS / name)


@pytest.mark.parametrize("name", [path.name for path in LOGS.iterdir()])
def test_every_log_can_be_written_as_traces_and_read_again(name, tmp_path):
    traces = traces_from(LOGS / name)
    write_traces(traces, tmp_path / "t.jsonl")
    again = traces_from(tmp_path / "t.jsonl")
    assert told(again) == told(traces)
    assert len({trace["id"] for trace in traces}) == len(traces)


def test_tokens_are_kept_where_a_log_has_them():
    for name, tokens in (
        *(("inspect.json", 6), ("promptfoo.json", 2), ("openai_evals_log.jsonl", 2)),
        *(("langsmith_runs.jsonl", 4),),
    ):
        assert traces_from(LOGS / name)[0]["attempts"][0]["tokens"] == tokens


# lm-evaluation-harness


def test_a_filter_of_lm_eval_is_no_draw_of_its_own(caplog):
    strict = traces_from(LOGS / "samples_gsm8k.jsonl")
    assert labels(strict) == [[True], [False], [False]]
    assert "filter strict-match, the first of strict-match, flexible-extract" in caplog.text
    assert strict[0]["reference"] == "7"
    for label in ("flexible-extract", "exact_match,flexible-extract"):
        traces = traces_from(LOGS / "samples_gsm8k.jsonl", label=label)
        assert labels(traces) == [[True], [True], [False]]


def test_lines_of_old_logs_that_repeat_answers_are_one_draw():
    records = [
        {k: v for k, v in one.items() if k != "filter"} for one in log("samples_gsm8k.jsonl")
    ]
    assert labels(traces_from(records)) == [[True], [False], [False]]


HARNESS = {"doc_id": 0, "doc": {"question": "2 + 2?"}, "target": "4", "resps": [["is 4"]]}


@pytest.mark.parametrize(
    ("change", "options", "wanted"),
    [
        ({"exact_match": 1.0}, {}, [True]),
        ({"resps": ["is 4"], "exact_match": 0.0}, {}, [False]),
        ({"exact_match": float("nan")}, {}, [None]),
        ({"bleu": 0.4}, {}, [None]),
        ({"metrics": ["acc"], "acc": 1, "size": 0}, {}, [True]),
        ({"acc": 1, "acc_norm": 0}, {"label": "acc_norm"}, [False]),
        ({"strict": 1, "loose": 0}, {}, [None]),
        ({"resps": [["a", "b"]], "filtered_resps": ["a"], "exact_match": 1}, {}, [True, None]),
        ({"resps": [["a", "b"]], "filtered_resps": ["x"], "exact_match": 1}, {}, [None, None]),
        ({"resps": [["a", "b"]], "exact_match": [1, 0]}, {}, [True, False]),
        (
            {"resps": [["is 4", "is 5"]], "filtered_resps": ["x"], "exact_match": 1},
            {"answer_key": "last_number"},
            [True, False],
        ),
    ],
)
def test_responses_of_lm_eval_are_fresh_draws_with_the_labels_that_are_known(
    change, options, wanted
):
    (trace,) = traces_from([{**HARNESS, **change}], **options)
    assert labels([trace]) == [wanted]
    assert {one["action"] for one in trace["attempts"]} == {"generate"}


def test_the_likeliest_choice_is_the_answer_to_a_multiple_choice():
    record = {
        **HARNESS,
        "doc": {"query": "Which?", "choices": ["x", "y"]},
        "target": 1,
        "acc": 1.0,
    }
    for likelihoods in (("-3.5", "-1.0"), (-3.5, 0.0)):
        resps = [[[each, "False"]] for each in likelihoods]
        traces = traces_from([{**record, "resps": resps}])
        assert told(traces) == [("Which?", "y", [("y", None, True)])]


def test_the_likelihood_of_a_text_is_no_answer():
    with pytest.raises(ValueError, match="1 of 1 record skipped: 1 without an answer"):
        traces_from([{**HARNESS, "resps": [[["-1.5", "True"]]], "acc": 1.0}])


# Inspect


def test_a_packed_log_of_inspect_is_the_same(tmp_path):
    value = log("inspect.json")
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        header = {name: part for name, part in value.items() if name != "samples"}
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("summaries.json", json.dumps([{"id": 1, "epoch": 1}]))
        for one in value["samples"]:
            archive.writestr(f"samples/{one['id']}_epoch_{one['epoch']}.json", json.dumps(one))
    assert told(traces_from(path)) == INSPECTED


def inspect_with(value, **more):
    record = copy.deepcopy(log("inspect.json"))
    record["samples"] = record["samples"][:1]
    record["samples"][0]["scores"] = {"judge": {"value": value}, **more}
    return record


@pytest.mark.parametrize(
    ("value", "label"),
    [("C", True), ("I", False), ("N", False), ("P", None), (1.0, True), (0.5, None), (True, True)],
)
def test_values_of_inspect_are_labels_where_they_say_right_or_wrong(value, label):
    assert labels(traces_from(inspect_with(value))) == [[label]]


def test_several_scorers_are_asked_about_by_name():
    record = inspect_with({"fluent": "C", "true": "I"}, other={"value": 0.25})
    assert labels(traces_from(record)) == [[None]]
    (trace,) = traces_from(record, label="judge.true", score="other")
    assert (trace["attempts"][0]["correct"], trace["attempts"][0]["score"]) == (False, 0.25)
    with pytest.raises(ValueError, match=r"label must be one of judge\.fluent, judge\.true, other"):
        traces_from(record, label="match")


# OpenAI Evals


def test_a_dataset_is_questions_that_can_be_asked(caplog):
    for name, reference in (
        ("openai_evals_dataset.jsonl", "13"),
        ("langsmith_dataset.json", "Lima"),
    ):
        traces = traces_from(LOGS / name)
        assert (traces[0]["reference"], traces[0]["attempts"]) == (reference, [])
        assert "questions without answers, which record_traces can ask" in caplog.text
    assert traces[0]["question"] == "What is the capital of Peru?"


def test_an_item_of_the_platforms_output_is_a_draw():
    record = {
        "object": "eval.run.output_item",
        "datasource_item": {"input": "2 + 2?", "ideal": "4"},
        "datasource_item_id": 7,
        "status": "fail",
        "results": [{"name": "exact", "passed": False, "score": 0.0}],
        "sample": {
            "input": [{"role": "user", "content": "2 + 2?"}],
            "output": [{"role": "assistant", "content": "5"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1},
        },
    }
    (trace,) = traces_from({"object": "list", "data": [record]}["data"])
    assert told([trace]) == [("2 + 2?", "4", [("5", None, False)])]
    assert (trace["id"], trace["attempts"][0]["tokens"]) == ("7", 1)


# promptfoo


def test_a_filtered_reply_is_a_refusal():
    refused = traces_from(LOGS / "promptfoo.json")[1]["attempts"][1]
    assert refused["metadata"] == {"no_key": "refusal"}


def test_answers_of_several_models_are_traces_of_their_own(caplog):
    value = log("promptfoo.json")
    value["results"]["results"][1]["provider"] = {"id": "ollama:small"}
    traces = traces_from(value)
    assert labels(traces) == [[True], [False], [True, False]]
    assert "Several models answered (ollama:small, openai:gpt-4o-mini)" in caplog.text


def test_a_test_without_assertions_labels_nothing():
    (record, *_) = log("promptfoo.json")["results"]["results"]
    record["gradingResult"] = {"pass": True, "score": 1, "reason": "No assertions"}
    assert labels(traces_from([record])) == [[None]]


# LangSmith

EXAMPLE = UUID(int=7)
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def run_of(outputs, **fields):
    given = {"name": "qa", "run_type": "chain", "inputs": {"question": "Capital of Peru?"}}
    return Run(id=uuid4(), trace_id=uuid4(), start_time=NOW, outputs=outputs, **{**given, **fields})


def example_of():
    inputs, outputs = {"question": "Capital of Peru?"}, {"answer": "Lima"}
    return Example(id=EXAMPLE, dataset_id=uuid4(), inputs=inputs, outputs=outputs, created_at=NOW)


def test_runs_of_the_client_are_graded_by_their_examples():
    runs = [run_of({"output": city}, reference_example_id=EXAMPLE) for city in ("Lima.", "Cusco")]
    (trace,) = traces_from(iter([*runs, example_of()]), answer_key="text")
    assert told([trace]) == [
        ("Capital of Peru?", "Lima", [("Lima.", None, True), ("Cusco", None, False)])
    ]


def test_a_row_of_an_experiment_has_its_results():
    results = [
        EvaluationResult(key="correct", score=True),
        EvaluationResult(key="judge", score=0.3),
    ]
    row = {"run": run_of({"output": "Lima"}), "example": example_of()}
    (trace,) = traces_from([{**row, "evaluation_results": {"results": results}}])
    assert told([trace]) == [("Capital of Peru?", "Lima", [("Lima", None, True)])]
    assert trace["attempts"][0]["score"] == 0.3


def test_runs_of_a_model_and_of_a_graph_have_messages():
    asked, answered = HumanMessage("2 + 2?"), AIMessage("4", usage_metadata=USAGE)
    generation = {"text": "4", "message": dumpd(answered)}
    model = run_of({"generations": [[generation]]}, inputs={"messages": [[dumpd(asked)]]})
    graph = run_of({"messages": [one.model_dump() for one in (asked, answered)]})
    for run in (model, graph):
        (trace,) = traces_from([run])
        assert told([trace]) == [("2 + 2?", None, [("4", None, None)])]
        assert trace["attempts"][0]["tokens"] == 2


def test_a_thread_that_shows_its_history_again_is_read_once():
    talk = [("user", "What is 2 + 2?"), ("ai", "4"), ("user", "What is 3 + 3?"), ("ai", "6")]
    messages = [{"role": role, "content": text} for role, text in talk]
    runs = [run_of({"messages": messages}), run_of({"messages": messages[:2]})]
    traces = traces_from(runs)
    assert sorted(told(traces)) == [
        ("What is 2 + 2?", None, [("4", None, None)]),
        ("What is 3 + 3?", None, [("6", None, None)]),
    ]


def test_a_run_of_this_packages_loop_has_its_attempts():
    texts, parents = ("5", "4", "6"), (None, 0, None)
    attempts = [
        {"text": text, "key": text, "score": 0.5, "parent": parent}
        for text, parent in zip(texts, parents, strict=True)
    ]
    outputs = {"attempts": attempts, "decision": {"best": 1}}
    run = run_of(outputs, feedback_stats={"correctness": {"n": 1, "avg": 1.0}})
    (trace,) = traces_from([run, run_of(outputs)])
    assert labels([trace]) == [[None, True, None] * 1 + [None] * 3]
    assert [one["parent"] for one in trace["attempts"]] == [None, 0, None, None, 3, None]


# Langfuse


def test_a_conversation_that_a_later_observation_continues_is_a_part_of_it():
    first, second = traces_from(LOGS / "langfuse_observations.jsonl")
    assert told([first, second]) == [
        ("How many moons has Mars?", None, [("One.", None, None), ("Two.", 0, None)]),
        ("How many moons has Earth?", None, [("One.", None, None)]),
    ]
    assert second["attempts"][0]["tokens"] == 4


def test_scores_of_langfuse_may_stand_in_a_file_of_their_own():
    traces = [
        {k: v for k, v in one.items() if k != "scores"} for one in log("langfuse_traces.json")
    ]
    scores = [score for one in log("langfuse_traces.json") for score in one["scores"]]
    assert told(traces_from([*traces, *scores])) == LEGS
    assert told(traces_from({"data": [*traces, *scores], "meta": {"page": 1}})) == LEGS


# Conversations


def test_conversations_keep_their_questions_apart():
    traces = traces_from(LOGS / "conversations.jsonl", answer_key="last_number")
    assert [trace["id"] for trace in traces] == ["a", "b/1", "b/2", "c", "d"]
    assert told(traces)[:4] == [
        ("What is 2 + 2?", "4", [("It is 5.", None, False), ("It is 4.", 0, True)]),
        ("What is 3 + 3?", None, [("It is 6.", None, None)]),
        ("What is 5 + 5?", None, [("It is 10.", None, None)]),
        ("Read the file and say which number is in it.", None, [("It is 12.", None, None)]),
    ]
    assert traces[3]["attempts"][0]["usage"]["generate"]["output_tokens"] == 14
    assert traces[4]["attempts"][0]["metadata"] == {"no_key": "refusal"}


@pytest.mark.parametrize(
    "source",
    [
        [HumanMessage("2 + 2?"), AIMessage("4")],
        [[HumanMessage("2 + 2?"), AIMessage("4")]],
        {"messages": [("user", "2 + 2?"), ("ai", "4")]},
        [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}],
        dumpd([HumanMessage("2 + 2?"), AIMessage("4")]),
    ],
)
def test_one_conversation_may_stand_alone(source):
    assert told(traces_from(source)) == [("2 + 2?", None, [("4", None, None)])]


def test_snapshots_of_a_thread_are_read_as_one():
    def answer(state):
        return {"messages": [AIMessage(str(len(state["messages"])))]}

    builder = StateGraph(MessagesState).add_node(answer).add_edge(START, "answer")
    graph = builder.add_edge("answer", END).compile(InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    graph.invoke({"messages": [HumanMessage("How many?")]}, config)
    assert told(traces_from(graph.get_state_history(config))) == [
        ("How many?", None, [("1", None, None)])
    ]


def test_what_is_no_conversation_is_counted(caplog):
    runs = [{"messages": [("user", "2 + 2?"), ("ai", "4")]}, {"messages": [("ai", "Hello!")]}]
    assert len(traces_from(runs)) == 1
    assert "1 of 2 records skipped: 1 that is no conversation with a question." in caplog.text


# What is asked of any log


def test_a_grader_labels_what_the_log_does_not(caplog):
    records = [
        {"input": "2 + 2?", "ideal": "4", "output": "It is 4."},
        {"input": "3 + 3?", "ideal": "none", "output": "It is 6."},
    ]
    assert labels(traces_from(records)) == [[None], [None]]
    assert labels(traces_from(records, grader="numeric")) == [[True], [None]]
    assert "1 reference could not be read by the grader" in caplog.text


def test_traces_without_keys_get_them():
    attempts = [{"text": "It is 4.", "score": 0.5}]
    record = {"id": "a", "question": "2 + 2?", "attempts": attempts}
    (trace,) = traces_from([record], answer_key="text")
    assert trace["attempts"][0]["key"] == "it is 4"


def test_a_log_can_be_calibrated_from():
    rows = [[1, 1, 0], [0, 1, 1], [0, 0, 1], [1, 1, 1]] * 5
    fitted = Calibration.fit(traces_from(rows), n_bootstrap=2, delivery=False).fitted
    assert fitted.questions == 20


def test_questions_of_a_dataset_are_recorded_as_they_are(tmp_path):
    asked = traces_from(LOGS / "openai_evals_dataset.jsonl")
    graph = create_markovscale_graph(
        generate=lambda _: "13", actions=("generate",), verifier=None, answer_key="last_number"
    )
    record_traces(graph, asked, path=tmp_path / "t.jsonl", revisions=0, fresh_starts=1)
    recorded = traces_from(tmp_path / "t.jsonl")
    right = {trace["reference"]: trace["attempts"][0]["correct"] for trace in recorded}
    assert right == {"13": True, "42": False}


@pytest.mark.parametrize(
    ("source", "options", "complaint"),
    [
        ([{"foo": 1, "bar": {}}], {}, r"the fields foo, bar\. Known are traces: .*inspect"),
        ([{"question": "?", "reference": "1"}], {}, "look like questions without answers"),
        ([{"foo": 1}], {}, "the fields foo"),
        ([], {}, "source has no record"),
        ([1], {}, "its first record is 1"),
        (7, {}, "its first record is 7"),
        (LOGS / "inspect.json", {"format": "promptfoo"}, "nothing could be read: 1 of 1 record"),
        (LOGS / "inspect.json", {"format": "foo"}, "format must be auto, traces, .* got 'foo'"),
        ([{"id": "a", "question": "?", "attempts": [{}]}], {}, r"record 1: attempts\[0\]\.text"),
        ([HARNESS], {"label": "f1"}, "label must be a measure of the log"),
        ([HARNESS], {"answer_key": "foo"}, "answer_key must be one of"),
    ],
)
def test_what_cannot_be_read_is_said(source, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        traces_from(source, **options)


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        traces_from(tmp_path / "none.json")
