"""Names that others have given, of files, questions, models and metadata, steer no screen."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pools import recorded
from test_hostile_inputs import ESCAPES, NINES, QUICK, is_tame
from typer.testing import CliRunner

from langchain_markovscale import Calibration, write_traces
from langchain_markovscale.cli.app import app

NAMED = f"x{ESCAPES[:-1]}<b>$\\frac${{"  # a name of a file has no half of a surrogate pair
MARKUP = f"{NAMED}{ESCAPES}\n# A heading\n~~~\n<script>alert(1)</script>![x](http://127.0.0.1)"

pytestmark = pytest.mark.usefixtures("few_simulated_questions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Traces, a calibration and questions under hostile names, with hostile fields."""
    folder = tmp_path_factory.mktemp("hostile")
    metadata = {f"key{MARKUP}": MARKUP, "model": MARKUP, "verifier": MARKUP, "answer_key": MARKUP}
    traces = [
        {**each, "id": f"{each['id']}{MARKUP}", "question": MARKUP, "metadata": metadata}
        | {"features": MARKUP if number % 2 else "plain", "reference": "right"}
        for number, each in enumerate(recorded(questions=20))
    ]
    write_traces(traces, folder / f"{NAMED}.jsonl")
    calibration = Calibration.from_rates(
        initial=0.6, repair=0.3, corruption=0.1, sensitivity=0.9, specificity=0.9, source=MARKUP
    )
    calibration.save(folder / f"{NAMED}.json")
    question = {"id": f"1{MARKUP}", "question": f"What is 3 + 4?{MARKUP}", "reference": MARKUP}
    (folder / f"{NAMED}.q").write_text(json.dumps(question) + "\n")
    (folder / f"{NAMED}.broken").write_text('{"question": "' + "\x1b[2J" + '", \x1b]0;x\x07')
    return folder


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(folder)

    def invoke(*arguments, **options):
        result = CliRunner().invoke(app, [str(each) for each in arguments], **options)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        assert is_tame(result.output), result.output
        assert not re.search("^(# A heading|~~~)", result.output, re.MULTILINE)
        return result

    return invoke


TRACES, CALIBRATION, QUESTIONS, BROKEN = (
    f"{NAMED}{ending}" for ending in (".jsonl", ".json", ".q", ".broken")
)
PAGES = ("--html", f"page{NAMED}.html", "--markdown", f"page{NAMED}.md")


@pytest.mark.parametrize(
    "command",
    [
        ("calibrate", TRACES, "-o", f"made{NAMED}", *QUICK),
        ("report", CALIBRATION),
        ("report", CALIBRATION, *PAGES),
        ("diff", CALIBRATION, CALIBRATION),
        ("diff", CALIBRATION, CALIBRATION, *PAGES),
        ("drift", CALIBRATION, TRACES),
        ("compare", TRACES, "--costs", ".1", "--max-rounds", "2", "--variants", "gate", *PAGES),
        ("label", TRACES, "--grader", "exact"),
    ],
    ids=lambda command: "_".join([command[0], *(["pages"] if PAGES[0] in command else [])]),
)
def test_what_is_read_reaches_no_exit_as_it_is(run, command):
    result = run(*command)
    assert result.exit_code == 0, result.output
    if PAGES[0] in command:
        page, markdown = (Path(path).read_text() for path in PAGES[1::2])
        assert is_tame(page)
        assert is_tame(markdown)
        assert "<script>alert" not in page
        assert re.search(r"(?<!\\)<|(?<!\\)\]\(|^# A heading|^~~~", markdown, re.MULTILINE) is None


@pytest.mark.parametrize("name", [f"none{NAMED}", BROKEN], ids=["missing", "broken"])
def test_what_cannot_be_read_is_named_harmlessly(run, name):
    for command in (
        ("calibrate", name),
        ("report", name),
        ("compare", name),
        ("check", name),
        ("label", name),
        ("diff", name, name),
        ("drift", name, name),
        ("record", name, "-o", f"out{NAMED}"),
        ("solve", "--file", name),
        ("solve", "--calibration", name, "?"),
        ("solve", "--verifier", f"{NAMED}:{NAMED}", "?"),
        ("solve", "--answer-key", NAMED, "?"),
        ("solve", "--model", NAMED, "?"),
        ("report", CALIBRATION, "--html", f"none{NAMED}/page"),
        ("check", TRACES, "--mine", NAMED),
        (NAMED, name),
        ("plan", "--cost", NAMED),
        ("plan", f"--{NAMED}"),
        (f"--{NAMED}",),
        ("plan", f"--cost{NAMED}=1"),
        ("report", CALIBRATION, NAMED),
    ):
        assert run(*command).exit_code in (0, 1, 2), command


@pytest.mark.parametrize("line", [f"It is 8.{MARKUP}\n7", ValueError(f"No{MARKUP}")])
@pytest.mark.parametrize(
    "command",
    [
        ("solve", *NINES, "--file", QUESTIONS, "--calibration", CALIBRATION),
        ("record", QUESTIONS, *NINES, "-o", f"new{NAMED}", "--revisions", "1"),
    ],
    ids=lambda command: command[0],
)
def test_what_a_model_says_of_a_hostile_question_is_shown_harmlessly(run, scripted, command, line):
    scripted(line)
    run(*command)
    Path(f"new{NAMED}").unlink(missing_ok=True)


def test_an_error_that_no_command_expects_is_shown_harmlessly():
    script = (
        "from langchain_markovscale import cli\nfrom langchain_markovscale.cli import app\n"
        f"def fail(): raise RuntimeError({MARKUP!r})\n"
        "app.app = fail; cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    words = done.stderr.decode().replace("\r\n", "\n")
    assert done.returncode == 1
    assert "RuntimeError: x" in words
    assert is_tame(words)
