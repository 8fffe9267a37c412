"""`markovscale record`: what is refused before anything is paid for, and what is warned of."""

import json

import pytest
from typer.testing import CliRunner

from langchain_markovscale import read_traces, write_traces
from langchain_markovscale.cli.app import app

QUESTIONS = [{"question": f"What is {n} + 3?", "reference": n + 3} for n in range(3)]
OTHER = {
    "--model": "test:other",
    "--verifier": "judge",
    "--answer-key": "text",
    "--grader": "numeric",
    "--revisions": "2",
    "--fresh-starts": "3",
    "--max-tokens": "99",
    "--temperature": "0.5",
}


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    return path


@pytest.fixture
def model(scripted):
    return scripted("It is 3.", "It is 4.")


@pytest.fixture
def run(dataset, tmp_path, model):
    """Record with some options; a later one overrides an earlier one."""

    def run(*options):
        arguments = [dataset, "-o", tmp_path / "traces.jsonl", "--model", "test:one"]
        arguments += ["--verifier", "nines", "--answer-key", "last_number", "--revisions", "1"]
        arguments += ["--fresh-starts", "2"]
        return CliRunner().invoke(app, ["record", *map(str, [*arguments, *options])])

    return run


def refusal(result, model, asked=0):
    assert (result.exit_code, len(model.asked)) == (2, asked), result.output
    (line,) = result.stderr.splitlines()
    return line


# The same file again


@pytest.mark.parametrize(("option", "value"), OTHER.items())
def test_a_file_of_other_settings_is_refused(run, model, tmp_path, option, value):
    assert run().exit_code == 0
    before, asked = (tmp_path / "traces.jsonl").read_text(), len(model.asked)
    line = refusal(run(option, value), model, asked)
    there, here = line.split("; this recording asks for ")
    name = option.strip("-").replace("-", "_")
    assert f" {name}=" in there
    assert f"{name}={value}, and" in here.replace("'", "")
    assert "record to another file, or with the settings that this one" in line
    assert (tmp_path / "traces.jsonl").read_text() == before


def test_all_that_differs_is_named_with_both_values(run, model):
    run()
    line = refusal(run("--model", "test:two", "--revisions", "3"), model, len(model.asked))
    assert "was recorded with revisions=1, model='test:one'; this" in line
    assert "asks for revisions=3, model='test:two'" in line


def test_an_unfinished_question_of_other_settings_is_refused_too(run, model, tmp_path):
    run()
    traces = list(read_traces(tmp_path / "traces.jsonl"))
    write_traces([], tmp_path / "traces.jsonl")
    write_traces(traces[:1], tmp_path / "traces.jsonl.partial")
    asked = len(model.asked)
    assert "revisions=1; this" in refusal(run("--revisions", "2"), model, asked)
    assert run().exit_code == 0
    assert len(model.asked) - asked == 2 * 4  # two questions; of the third all attempts are there


@pytest.mark.parametrize("again", [("--seed", "5"), ()])
def test_a_file_that_tells_no_settings_goes_on(run, model, tmp_path, again):
    run()
    (first, *_) = read_traces(tmp_path / "traces.jsonl")
    write_traces([{**first, "metadata": {}}], tmp_path / "traces.jsonl")
    result = run("--revisions", "1", *again)
    assert result.exit_code == 0, result.output
    assert "2 questions recorded" in result.stdout


def test_another_seed_is_another_recording(run, model):
    assert run("--seed", "1").exit_code == 0
    assert run("--seed", "1").exit_code == 0
    assert run().exit_code == 0
    line = refusal(run("--seed", "2"), model, len(model.asked))
    assert "was recorded with seed=1; this recording asks for seed=2" in line


# Fields and references


@pytest.mark.parametrize(
    ("option", "field"), [("--question-field", "frage"), ("--reference-field", "antwort")]
)
def test_a_field_that_there_is_not_is_named(run, model, dataset, option, field):
    assert refusal(run(option, field), model) == (
        f"error: {option} must name a field of the questions, got '{field}': {dataset}, line 1 "
        "has only question, reference."
    )


def test_without_references_nothing_is_recorded_unless_asked_for(run, model, dataset, tmp_path):
    dataset.write_text('{"question": "What is 0 + 3?"}\n')
    line = refusal(run(), model)
    assert "no question has a reference" in line
    assert "--reference-field" in line
    assert "--grader none" in line
    assert run("--grader", "none").exit_code == 0
    (trace,) = read_traces(tmp_path / "traces.jsonl")
    assert {attempt["correct"] for attempt in trace["attempts"]} == {None}


def test_without_labels_references_are_kept_and_not_compared(run, tmp_path):
    assert run("--grader", "none", "--answer-key", "json:x").exit_code == 0
    traces = list(read_traces(tmp_path / "traces.jsonl"))
    assert {trace["reference"] for trace in traces} == {"3", "4", "5"}
    assert {attempt["correct"] for trace in traces for attempt in trace["attempts"]} == {None}


def test_some_missing_references_are_counted(run, dataset):
    with dataset.open("a") as file:
        file.write('{"question": "What is 9 + 3?"}\n')
    result = run()
    assert result.exit_code == 0
    assert "warning: 1 of 4 questions have no reference" in result.stderr
    assert "no reference" not in run("--output", dataset.with_name("other.jsonl")).stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--model", "best"), "--model best: no such model"),
        (("--verifier", "tens"), "--verifier tens: no such verifier"),
        (("--verifier", "judge:best"), "--verifier judge:best: no such model"),
    ],
)
def test_a_missing_answer_key_hides_no_other_mistake(dataset, model, tmp_path, options, told):
    arguments = ["record", dataset, "-o", tmp_path / "t.jsonl", *options]
    assert told in refusal(CliRunner().invoke(app, [*map(str, arguments)]), model)


# While it goes on


def test_a_verifier_that_cannot_be_read_is_told_early_and_late(run, model):
    result = run("--verifier", "judge", "--max-concurrency", "1")
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    (early,) = [n for n, line in enumerate(lines) if "No attempt has a score" in line]
    assert "The first question is finished" in lines[early]
    assert "the verifier judge" in lines[early]
    assert early <= next(n for n, line in enumerate(lines) if "1/3 questions" in line)
    assert (
        "No attempt has a score: none could be read from what the verifier judge replied"
        in result.stdout
    )


@pytest.mark.parametrize("verifier", ["none", "nines"])
def test_no_score_is_missed_where_none_was_asked_for_or_there_are(run, verifier):
    assert "No attempt has a score" not in run("--verifier", verifier).output


def test_where_no_terminal_is_each_question_has_its_line(run):
    lines = [line for line in run().stderr.splitlines() if line.startswith("recording: ")]
    assert [line.partition(", ")[0] for line in lines] == [
        f"recording: {n}/3 questions" for n in (1, 2, 3)
    ]
    assert "12/12 attempts" in lines[-1]


def test_one_fresh_start_is_warned_of(run):
    stderr = run("--fresh-starts", "1").stderr
    assert "warning: There is one fresh start for each question" in stderr
    assert "record at least two fresh starts." in stderr
