"""Files that are not there, are empty or hold something else: what each command says."""

import json

import pytest
from typer.testing import CliRunner

from langchain_markovscale import Calibration, write_traces
from langchain_markovscale.cli.app import app

COMMANDS = {
    "DATASET": ["record", "FILE"],
    "--file": ["solve", "--file", "FILE"],
    "--calibration": ["solve", "What is 1 + 1?", "--calibration", "FILE"],
    "TRACES": ["calibrate", "FILE"],
    "POOL": ["compare", "FILE"],
    "CALIBRATION": ["report", "FILE"],
}
READS = {"DATASET": "questions", "--file": "questions", "TRACES": "traces", "POOL": "traces"}


def complaint(name, path):
    arguments = [str(path) if each == "FILE" else each for each in COMMANDS[name]]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    start = f"error: {name} {path}: "
    assert line.startswith(start)
    return line.removeprefix(start)


@pytest.fixture
def files(tmp_path):
    """A file of each kind."""
    paths = {kind: tmp_path / f"a {kind}" for kind in ("questions", "traces", "calibration")}
    paths["questions"].write_text(json.dumps({"question": "What?", "reference": "1"}) + "\n")
    attempt = {"text": "1", "action": "generate", "parent": None, "correct": True}
    write_traces([{"id": "a", "question": "What?", "attempts": [attempt]}], paths["traces"])
    Calibration.from_rates(initial=0.5, repair=0.1, corruption=0.1).save(paths["calibration"])
    return paths


@pytest.mark.parametrize("name", COMMANDS)
def test_a_missing_file_a_folder_and_an_empty_one_are_named(tmp_path, name):
    assert complaint(name, tmp_path / "none").startswith("there is no such file: check the path.")
    assert complaint(name, tmp_path).startswith("it is a folder: add the name of a file.")
    (tmp_path / "empty").write_text("\n\n")
    assert complaint(name, tmp_path / "empty").startswith("it is empty.")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_of_another_kind_is_called_what_it_is(files, name):
    reads = READS.get(name, "calibration")
    for kind, path in files.items():
        if kind == reads or (kind, reads) == ("traces", "questions"):
            continue
        told = complaint(name, path)
        assert f"it looks like {'a ' if kind == 'calibration' else ''}{kind}, and " in told
        made_by = {
            "questions": "one JSON object a line",
            "traces": "`markovscale record ",
            "calibration": "`markovscale calibrate ",
        }[reads]
        assert made_by in told.partition(". For ")[2]


def test_a_line_that_is_not_json_has_one_number(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "a?"}\n{"question" "b?"}\n')
    result = CliRunner().invoke(app, ["record", str(path)])
    assert result.exit_code == 2
    assert f"error: {path}, line 2 is not JSON (Expecting ':' delimiter at character 13):" in (
        result.stderr
    )
    assert result.stderr.count("line ") == 1


def test_more_classes_than_questions_are_refused(tmp_path, files):
    result = CliRunner().invoke(app, ["calibrate", str(files["traces"]), "--classes", "50"])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: --classes 50 with 1 question: ")


def test_nearly_as_many_classes_as_questions_are_advised_against(tmp_path):
    path = tmp_path / "traces.jsonl"
    attempts = [
        {"text": f"{right}", "action": "generate", "parent": None, "correct": right}
        for right in (True, False)
    ]
    write_traces(
        ({"id": f"{n}", "question": f"{n}?", "attempts": attempts} for n in range(15)), path
    )
    told = CliRunner().invoke(app, ["calibrate", str(path), "--classes", "2", "--bootstrap", "0"])
    assert "warning: --classes 2 with 15 questions: " in told.stderr
    assert "give --classes 1 or auto" in told.stderr
    one = CliRunner().invoke(app, ["calibrate", str(path), "--classes", "1", "--bootstrap", "0"])
    assert "--classes" not in one.stderr
