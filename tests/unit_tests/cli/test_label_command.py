import pytest
import typer
from typer.testing import CliRunner

from langchain_markovscale import read_traces, write_traces
from langchain_markovscale.cli.app import one_line_errors
from langchain_markovscale.cli.label import label

app = typer.Typer()
app.command()(one_line_errors(label))


def trace(name, answers, reference=None):
    attempts = [{"text": answer, "key": answer} for answer in answers]
    return {"id": name, "question": f"{name}?", "attempts": attempts, "reference": reference}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "traces.jsonl"
    write_traces([trace("one", ["4", "5", "4"], "5"), trace("two", ["6"])], path)
    return path


def labels(path):
    return [[each["correct"] for each in trace["attempts"]] for trace in read_traces(path)]


def run(path, *options, typed=""):
    return CliRunner().invoke(app, [str(path), *options], input=typed)


def test_a_person_is_asked_once_for_equal_answers(path):
    result = run(path, typed="w\nr\nr\n")
    assert result.exit_code == 0, result.output
    assert labels(path) == [[False, True, False], [True]]


def test_labels_are_saved_as_one_goes_and_the_command_goes_on(path):
    run(path, typed="w\n")
    assert labels(path) == [[False, None, False], [None]]
    result = run(path, typed="r\nq\n")
    assert labels(path) == [[False, True, False], [None]]
    assert "1 answer" in result.stdout


def test_one_can_skip_and_go_back(path):
    run(path, typed="w\nb\nr\nwhat\ns\nw\n")
    assert labels(path) == [[True, None, True], [False]]


def test_a_grader_labels_by_references(path):
    result = run(path, "--grader", "exact", "--answer-key", "last_number")
    assert result.exit_code == 0, result.output
    assert labels(path) == [[False, True, False], [None]]


def test_a_grader_needs_references(path):
    write_traces([trace("two", ["6"])], path)
    result = run(path, "--grader", "numeric")
    assert result.exit_code == 2
    assert "no trace has a reference" in result.output


def test_thumbs_of_users_label_the_answers_that_they_got(path, tmp_path):
    export = tmp_path / "feedback.jsonl"
    export.write_text('{"run_id": "two", "key": "user_score", "score": 1}\n')
    result = run(path, "--feedback", str(export))
    assert result.exit_code == 0, result.output
    assert labels(path) == [[None, None, None], [True]]
    assert "on 1 run labelled 1 answer" in result.stdout
    assert "3 answers have no label yet." in result.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--feedback", "{}", "--grader", "exact"], "--grader cannot be given beside --feedback"),
        (["--feedback", "no such file"], "--feedback no such file: there is no such file"),
        (["--feedback", "{}", "--label", "stars"], "--label must be one of user_score"),
        (["--label", "user_score"], "--label names a key of --feedback, which is missing"),
    ],
)
def test_what_cannot_be_meant_is_said(path, tmp_path, options, told):
    export = tmp_path / "feedback.jsonl"
    export.write_text('{"run_id": "two", "key": "user_score", "score": 1}\n')
    result = run(path, *(each.format(export) for each in options))
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
