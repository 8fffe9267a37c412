"""Long runs by the command: in parts, broken off, and read together again."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_markovscale import read_traces, write_traces
from langchain_markovscale.cli.app import app
from langchain_markovscale.distributed.shards import shard_of
from langchain_markovscale.recording.questions import read_questions

NINES = ["--verifier", "nines", "--answer-key", "last_number", "--model", "test:model"]


def run(*arguments):
    environment = {"COLUMNS": "200", "TERM": "dumb"}
    return CliRunner().invoke(app, list(map(str, arguments)), env=environment)


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.jsonl"
    asked = [{"question": f"What is {n} + 4?", "reference": str(n + 4)} for n in range(20)]
    path.write_text("".join(json.dumps(each) + "\n" for each in asked))
    return path


def ids(path):
    return [json.loads(line)["id"] for line in Path(path).read_text().splitlines()]


def test_parts_have_each_question_once(scripted, questions, tmp_path):
    scripted("It is 7.")
    for part in (1, 2, 3):
        result = run(
            "solve", "--file", questions, *NINES, "--cost", ".49", "--shard", f"{part}/3",
            "-o", tmp_path / "{shard}.answers",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
    files = sorted(tmp_path.glob("*.answers"))
    assert [file.name[:14] for file in files] == [f"0000{n}-of-00003" for n in range(3)]
    asked = read_questions(questions)
    assert sorted(name for file in files for name in ids(file)) == sorted(q.id for q in asked)
    assert all(shard_of(name, 3) == 1 for name in ids(files[1]))


def test_parts_are_recorded_and_read_as_one_recording(scripted, questions, tmp_path):
    scripted("It is 7.")
    for part in (1, 2):
        result = run(
            "record", questions, *NINES, "--shard", f"{part}/2", "-o", tmp_path / "t-{shard}.jsonl",
            "--revisions", "1", "--fresh-starts", "2",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
    traces = list(read_traces(tmp_path / "t-*.jsonl"))
    assert sorted(trace["id"] for trace in traces) == sorted(
        each.id for each in read_questions(questions)
    )


def test_answers_that_are_there_are_not_asked_for_again(scripted, questions, tmp_path):
    model = scripted("It is 7.")
    output = tmp_path / "answers.jsonl"
    command = ["solve", "--file", questions, *NINES, "--cost", ".49", "-o", output]
    assert run(*command).exit_code == 0
    lines = output.read_text().splitlines()
    output.write_text("".join(f"{line}\n" for line in lines[:5]) + lines[5][:40])
    again = run(*command)
    assert again.exit_code == 2
    assert "--resume goes on" in again.stderr
    before = model.calls
    result = run(*command, "--resume")
    assert result.exit_code == 0, result.output
    assert model.calls - before == 15
    assert sorted(ids(output)) == sorted(each.id for each in read_questions(questions))
    assert "has an answer to every question" in run(*command, "--resume").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard", "0/3", "-o", "{shard}"], "--shard must be a part such as 3/16, got '0/3'"),
        (["--shard", "4/3", "-o", "{shard}"], "--shard must be a part such as 3/16, got '4/3'"),
        (["--shard", "a", "-o", "{shard}"], "--shard must be a part such as 3/16, got 'a'"),
        (["--shard", "1/3"], "needs an --output of its own"),
        (["--shard", "1/3", "-o", "one.jsonl"], "needs an --output of its own"),
        (["--resume"], "--resume needs --output"),
    ],
)
def test_wrong_parts_are_named_before_anything_is_paid(scripted, questions, arguments, message):
    model = scripted("It is 7.")
    result = run("solve", "--file", questions, *NINES, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not model.calls


def test_a_file_of_answers_is_not_written_over_the_questions(scripted, questions):
    scripted("It is 7.")
    result = run("solve", "--file", questions, *NINES, "-o", questions, "--resume")
    assert result.exit_code == 2
    assert "would be lost" in result.stderr


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for shard in range(2):
        write_traces(
            [
                {
                    "id": f"{shard}-{n}",
                    "question": f"{shard}-{n}?",
                    "attempts": [
                        {"text": "a", "action": "generate", "parent": None, "correct": n % 2 == 0},
                        {"text": "b", "action": "revise", "parent": 0, "correct": n % 3 == 0},
                    ],
                }
                for n in range(15)
            ],
            folder / f"{shard}.jsonl",
        )
    return folder


@pytest.mark.usefixtures("few_simulated_questions")
@pytest.mark.parametrize("command", ["calibrate", "check", "compare"])
def test_shards_are_read_as_one_file(shards, command):
    quick = ["--bootstrap", "0", "--no-delivery"] if command == "calibrate" else []
    for path in (shards, shards / "*.jsonl") if quick else (shards,):
        result = run(command, path, *quick)
        assert result.exit_code == 0, result.output
        assert "30 questions" in " ".join((result.stdout + result.stderr).split())


def test_a_calibration_is_not_written_over_a_shard(shards):
    result = run("calibrate", shards / "*.jsonl", "-o", shards / "1.jsonl")
    assert result.exit_code == 2
    assert "would be lost" in result.stderr
