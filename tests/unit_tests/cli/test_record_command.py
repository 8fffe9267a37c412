import json

import pytest
import typer
from typer.testing import CliRunner

from langchain_markovscale import read_traces
from langchain_markovscale.cli.app import one_line_errors
from langchain_markovscale.cli.record import record

app = typer.Typer()
app.command()(one_line_errors(record))


def count(messages):
    """Answer with how many messages there are."""
    return f"{len(messages)}"


class CountUnless:
    """Answers the same, but to one of the questions only the first so many times."""

    def __init__(self, answers=0):
        self.left, self.failed = answers, 0

    def __call__(self, messages):
        if "never" in messages[0].text:
            if not self.left:
                self.failed += 1
                raise ConnectionError
            self.left -= 1
        return count(messages)


def seeds(model):
    """The question of each call, with the seed that came with it."""
    calls = zip(model.asked, model.options, strict=True)
    return sorted((messages[0].text, options.get("seed")) for messages, options in calls)


@pytest.fixture
def model(scripted):
    return scripted(count)


@pytest.fixture
def run(tmp_path, model):
    """Run the command on two questions."""
    dataset, output = tmp_path / "questions.jsonl", tmp_path / "traces.jsonl"
    records = [{"question": "one?", "answer": 1}, {"question": "never?", "answer": 3}]
    dataset.write_text("".join(json.dumps(one) + "\n" for one in records))

    def run(*options, key=("--answer-key", "last_number"), verifier="none"):
        arguments = [dataset, "-o", output, "--model", "openai:none", "--verifier", verifier]
        arguments += [*key, "--revisions", "2", "--fresh-starts", "2", *options]
        return CliRunner().invoke(app, list(map(str, arguments)))

    run.output = output
    return run


def test_questions_of_a_file_are_recorded(run):
    result = run("--fresh-starts", "2")
    assert result.exit_code == 0, result.output
    assert "2 questions recorded in" in result.stdout
    # The answers are 1, 3, 3, and so on; right are both draws of the one and both revisions of both
    # draws of the other question.
    assert "Of 12 attempts: 12 with a key, 0 with a score, 12 with a label, 6 right." in (
        result.stdout
    )
    traces = {trace["question"]: trace for trace in read_traces(run.output)}
    # A fresh draw sees the question; a revision also the answer, and that it shall be reconsidered.
    keys = [attempt["key"] for attempt in traces["one?"]["attempts"]]
    assert keys == ["1", "3", "3", "1", "3", "3"]
    labels = [attempt["correct"] for attempt in traces["one?"]["attempts"]]
    assert labels == [key == "1" for key in keys]
    assert traces["never?"]["reference"] == "3"


def test_the_same_command_goes_on(run, model):
    run()
    asked = len(model.asked)
    result = run()
    assert result.exit_code == 0
    assert "0 questions recorded" in result.stdout
    assert "2 were there before" in result.stdout
    assert len(model.asked) == asked


def test_a_failed_question_shows_in_the_exit_code(run, model):
    model.script = [CountUnless()]
    result = run()
    assert result.exit_code == 1
    assert "1 question recorded" in result.stdout
    assert "1 question failed" in result.stdout


def test_bad_input_is_one_line(run, model):
    result = run("--grader", "exact", "--reference-field", "question")
    assert (result.exit_code, model.asked) == (2, [])
    assert "error: reference 'one?' has no key" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--grader", "foo"), "unknown grader 'foo'"),
        (("--revisions", "-1"), "--revisions must be a whole number of at least 0, got -1"),
        (("--fresh-starts", "0"), "--fresh-starts must be a whole number of at least 1"),
        (("--reference-field", "question"), "reference 'one?' has no key"),
    ],
)
def test_what_is_quick_to_check_is_checked_before_a_model_is_loaded(
    run, monkeypatch, options, told
):
    loaded = []
    monkeypatch.setattr("langchain_markovscale.cli.loop.build_loop", lambda **_: loaded.append(1))
    result = run(*options)
    assert (result.exit_code, loaded) == (2, [])
    assert told in result.stderr


def test_without_a_key_whole_texts_are_not_graded_by_accident(run, model):
    result = run(key=(), verifier="judge")
    assert (result.exit_code, model.asked) == (2, [])
    assert "give --answer-key, such as last_number, or --grader" in result.stderr
    assert not run.output.exists()
    result = run("--grader", "exact", key=(), verifier="judge")
    assert result.exit_code == 0, result.output
    assert "12 attempts: 0 with a key" in result.stdout


def test_ctrl_c_says_that_nothing_is_lost(run, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("langchain_markovscale.recording.record.record_traces", interrupted)
    result = run()
    assert result.exit_code == 130
    assert "the same command goes on from there" in result.stderr


def test_a_seed_gives_each_call_its_own_and_the_same_again(run, model, tmp_path):
    assert run("--seed", "1").exit_code == 0
    first = seeds(model)
    assert len(set(first)) == len(first) == 12
    assert {trace["metadata"]["seed"] for trace in read_traces(run.output)} == {1}
    assert run("--seed", "1", "-o", tmp_path / "again.jsonl").exit_code == 0
    assert seeds(model) == sorted(first * 2)


def test_a_seeded_recording_goes_on_with_the_seeds_that_were_due(run, scripted):
    whole = scripted(count)
    assert run("--seed", "1").exit_code == 0
    run.output.unlink()
    failing = CountUnless(answers=4)
    broken_off = scripted(failing)
    assert run("--seed", "1").exit_code == 1
    broken_off.script = [count]
    assert run("--seed", "1").exit_code == 0
    # What failed is asked again under its seed, and nothing else is.
    assert set(seeds(broken_off)) == set(seeds(whole))
    assert broken_off.calls - failing.failed == whole.calls


@pytest.mark.parametrize("where", ["missing/traces.jsonl", "."])
def test_an_output_that_cannot_be_written_is_told_before_anything_is_asked(
    run, model, tmp_path, where
):
    result = run("-o", tmp_path / where)
    assert (result.exit_code, model.asked) == (2, [])
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: --output {tmp_path / where}: ")


def test_the_former_option_works_and_names_the_new_one(run):
    result = run("--rounds", "1")
    assert result.exit_code == 0, result.output
    assert "warning: --rounds is now called --revisions: write --revisions 1." in result.stderr
    assert {len(trace["attempts"]) for trace in read_traces(run.output)} == {4}
    assert "--rounds" not in CliRunner().invoke(app, ["--help"]).output


def test_what_it_takes_is_said_before_and_not_asked_without_a_terminal(run):
    result = run("--fresh-starts", "2", "--prices", "3,15")
    assert result.exit_code == 0, result.output
    assert "2 questions to record: 12 attempts and 0 verifications." in result.stderr
    assert "Go on?" not in result.output


def test_at_a_terminal_no_is_an_answer(run, model, monkeypatch):
    from langchain_markovscale.cli import record as command

    run("--fresh-starts", "2")
    past = run.output.rename(run.output.with_name("past.jsonl"))
    asked = len(model.asked)
    monkeypatch.setattr("typer.confirm", lambda *arguments, **options: False)
    known = type("Known", (), {"seconds": 1.0})()
    assert command._goes_on(known, asks=False)
    assert not command._goes_on(known, asks=True)
    result = run("--fresh-starts", "2", "--like", str(past), "--yes")
    assert result.exit_code == 0
    assert "judged by 2 recorded questions" in result.stderr
    assert len(model.asked) == 2 * asked
