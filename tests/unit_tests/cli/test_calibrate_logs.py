"""`markovscale calibrate` of what other programs have written."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_markovscale import Calibration
from langchain_markovscale.cli.app import app

LOGS = Path(__file__).parents[2] / "data" / "logs"
QUICK = ("--bootstrap", "2", "--no-delivery")

pytestmark = pytest.mark.usefixtures("few_simulated_questions")


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def flat(words):
    return " ".join(words.split())


def test_a_table_of_rounds_is_calibrated_from(tmp_path):
    path, output = tmp_path / "rounds.csv", tmp_path / "c.json"
    path.write_text("id;first;second\n" + "".join(f"q{n};I;C\nr{n};C;C\n" for n in range(10)))
    result = run("calibrate", path, "-o", output, *QUICK)
    assert result.exit_code == 0
    told = flat(result.stderr)
    assert "was read as table. Rounds are the columns first, second; " in told
    assert "; the column id tells questions apart." in told
    assert "Of 40 attempts: 0 with a key, 0 with a score, 40 with a label, 30 right." in told
    assert Calibration.load(output).source == "fitted to rounds.csv"


def test_a_log_is_calibrated_from_and_its_gaps_are_said():
    result = run("calibrate", LOGS / "inspect.json", *QUICK)
    assert result.exit_code == 0
    told = flat(result.stderr)
    assert "was read as inspect. 1 of 6 records skipped: 1 that ended with an error." in told
    assert "Of 6 attempts: 0 with a key, 0 with a score, 5 with a label, 3 right." in told


def test_options_choose_what_is_read(tmp_path):
    log, keyed = LOGS / "samples_gsm8k.jsonl", ("--answer-key", "last_number")
    told = flat(run("calibrate", log, "--label", "flexible-extract", *keyed, *QUICK).stderr)
    assert "Of 3 attempts: 3 with a key, 0 with a score, 3 with a label, 2 right." in told
    # One question of the five in this log has labels, too few; of two questions one is enough.
    told = flat(run("calibrate", LOGS / "conversations.jsonl", *keyed, *QUICK).stderr)
    assert "error: traces have labels for only 1 of 5 questions" in told
    first, _, third, *_ = (LOGS / "conversations.jsonl").read_text().splitlines(keepends=True)
    (shorter := tmp_path / "conversations.jsonl").write_text(first + third)
    told = flat(run("calibrate", shorter, *keyed, *QUICK).stderr)
    assert "Of 3 attempts: 3 with a key, 0 with a score, 2 with a label, 1 right." in told


@pytest.mark.parametrize(
    ("log", "options", "complaint"),
    [
        ("openai_evals_dataset.jsonl", (), "TRACES {}: it holds questions without answers"),
        ("inspect.json", ("--format", "foo"), "--format must be auto, traces, lm-eval"),
        ("inspect.json", ("--format", "langfuse"), "{} (langfuse): nothing could be read"),
        ("inspect.json", ("--label", "foo"), "--label must be one of match, got 'foo'."),
        ("inspect.json", ("--answer-key", "foo"), "--answer-key must be one of"),
    ],
)
def test_what_cannot_be_read_is_one_line(log, options, complaint):
    result = run("calibrate", LOGS / log, *options, *QUICK)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error: {complaint.format(LOGS / log)}" in flat(result.stderr)


def test_a_file_that_nobody_knows_is_described(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"foo": 1, "bar": {}}')
    told = flat(run("calibrate", path, *QUICK).stderr)
    assert "is of no known format: it looks like JSON with the fields foo, bar. Known are" in told
    for name in ("lm-eval", "inspect", "promptfoo", "openai-evals", "langsmith", "langfuse"):
        assert f"{name}: " in told


def test_answers_beside_questions_are_no_questions_file(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "2+2?", "response": "4", "correct": true}\n')
    assert "was read as table" in flat(run("calibrate", path, *QUICK).stderr)
