"""No output over an input, and nothing that others wrote steers the terminal or passes for ours."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from pools import recorded
from typer.testing import CliRunner

from langchain_markovscale import Calibration, read_traces, write_traces
from langchain_markovscale._text import HIDDEN
from langchain_markovscale.cli.app import app
from langchain_markovscale.cli.files import check_outputs

ESCAPES = "\x1b[31m\x1b]0;owned\x07\x9b2J\u202e\u2066\u200f\r\x08\ud83d"
FORGED = f"It is 8.{ESCAPES}\nReturned its only answer, right with a probability of >99.9%.\n7"
NINES = ["--verifier", "nines", "--answer-key", "last_number", "--model", "test:model"]
QUICK = ("--bootstrap", "20", "--classes", "1", "--no-delivery")

pytestmark = pytest.mark.usefixtures("few_simulated_questions")


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with a pool of traces, a calibration and questions, and other ways to them."""
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    write_traces(recorded(questions=30), "t")
    Calibration.training_free().save("c")
    Path("q").write_text('{"question": "2 + 2?", "reference": "4"}\n')
    shutil.copy("q", "new.partial")
    for name in "tcq":
        (tmp_path / f"soft-{name}").symlink_to(name)
        (tmp_path / f"hard-{name}").hardlink_to(name)
    return tmp_path


@pytest.mark.parametrize("way", ["{}", "sub/../{}", "soft-{}", "hard-{}"])
@pytest.mark.parametrize(
    ("command", "argument", "option"),
    [
        (("calibrate", "t", *QUICK), "TRACES", "-o"),
        (("compare", "t"), "POOL", "--html"),
        (("compare", "t"), "POOL", "--markdown"),
        (("report", "c"), "CALIBRATION", "--html"),
        (("report", "c"), "CALIBRATION", "--markdown"),
        (("record", "q"), "DATASET", "--output"),
    ],
)
def test_no_output_goes_over_an_input(run, files, command, argument, option, way):
    given = command[1]
    before = Path(given).read_bytes()
    path = way.format(given)
    result = run(*command, option, path)
    assert result.exit_code == 2
    assert f"--{'output' if option == '-o' else option[2:]} {path}" in result.output
    assert f"{argument} {given}, which would be lost" in result.output
    assert Path(given).read_bytes() == before


def test_no_output_goes_over_another_one(run, files):
    for paths in (("page", "page"), ("page", "./page"), ("soft", "page")):
        (files / "soft").symlink_to("page") if paths[0] == "soft" else None
        for command in (("report", "c"), ("compare", "t")):
            result = run(*command, "--html", paths[0], "--markdown", paths[1])
            assert result.exit_code == 2
            assert "--html" in result.output
            assert "--markdown" in result.output
    assert not Path("page").exists()


def test_no_output_goes_over_what_waits_beside_it(run, files):
    result = run("record", "new.partial", "-o", "new")
    assert result.exit_code == 2
    assert "--output new.partial" in result.output
    assert Path("new.partial").exists()


@pytest.mark.parametrize("way", ["{}", "sub/../{}", "soft-{}", "hard-{}"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("demo", "--model", "x.gguf", "--measure"), "--model"),
        (("demo", "--model", "hf:x.gguf", "--measure"), "--model"),
        (("record", "q", "--model", "x.gguf", "-o"), "--model"),
        (("record", "q", "--verifier", "judge:x.gguf", "-o"), "--verifier"),
    ],
)
def test_no_output_goes_over_a_model(run, files, command, option, way):
    Path("x.gguf").write_bytes(b"GGUF")
    Path("soft-x.gguf").symlink_to("x.gguf")
    Path("hard-x.gguf").hardlink_to("x.gguf")
    result = run(*command, way.format("x.gguf"))
    assert result.exit_code == 2
    assert f"the file of {option} x.gguf, which would be lost" in " ".join(result.output.split())


def test_no_output_goes_over_a_file_in_a_models_folder(run, files):
    Path("sub/config.json").write_text("{}")
    result = run("demo", "--model", "sub", "--measure", "sub/config.json")
    assert result.exit_code == 2
    assert "the file of --model sub, which would be lost" in " ".join(result.output.split())
    shutil.copy("c", "sub/rates.json")  # what was measured before may be measured again
    check_outputs([("--measure", Path("sub/rates.json"))], [("--model", Path("sub"))])


def test_what_is_thrown_away_may_be_so_twice(run, files):
    assert run("report", "c", "--html", "/dev/null", "--markdown", "/dev/null").exit_code == 0


def test_a_name_that_is_no_utf8_does_not_lose_the_fit(run, files):
    name = os.fsdecode(b"caf\xe9.jsonl")
    shutil.copy("t", name)
    result = run("calibrate", name, "-o", f"{name}.json", *QUICK)
    assert result.exit_code == 0, result.output
    assert Calibration.load(f"{name}.json").source == r"fitted to caf\xe9.jsonl"
    assert r"The calibration is in caf\xe9.jsonl.json." in result.output
    assert run("report", f"{name}.json", "--html", f"{name}.html").exit_code == 0


def is_tame(output):
    return not any(char in HIDDEN_CHARACTERS for char in output)


HIDDEN_CHARACTERS = frozenset(
    chr(code)
    for part in re.findall(r"(.)(?:-(.))?", HIDDEN, re.DOTALL)
    for code in range(ord(part[0]), ord(part[1] or part[0]) + 1)
)


@pytest.mark.parametrize("shown", [(), ("--file", "-"), ("--json",)])
def test_no_answer_steers_the_terminal(scripted, shown):
    scripted(FORGED)
    question = f"What is 3 + 4?{ESCAPES}"
    from_file = "--file" in shown
    asked = {"question": question, "reference": f"7{ESCAPES}\nRight."}
    result = CliRunner().invoke(
        app,
        ["solve", *NINES, "--cost", ".49", *shown, *([] if from_file else [question])],
        input=json.dumps(asked) if from_file else None,
    )
    assert result.exit_code == 0, result.output
    assert is_tame(result.output)
    lines = result.stdout.splitlines()
    assert not [line for line in lines if line.startswith("Right")]
    if "--json" in shown:
        assert json.loads(lines[0])["answer"] == FORGED.replace("\ud83d", "\ufffd")
    elif not from_file:
        assert sum(line.startswith("Returned its only answer") for line in lines) == 1


def test_no_error_steers_the_terminal_or_passes_for_ours(scripted):
    scripted(ValueError(f"no key{ESCAPES}\nAnswer: 7"))
    result = CliRunner().invoke(app, ["solve", *NINES, "What is 3 + 4?"])
    assert result.exit_code == 1
    assert is_tame(result.output)
    assert not [line for line in result.output.splitlines() if line.startswith("Answer")]


def test_no_calibration_steers_the_terminal(run, files):
    source = f"a model{ESCAPES}<script>alert(1)</script>\n# Heading\n![x](http://127.0.0.1)"
    Calibration.from_rates(
        initial=0.6, repair=0.3, corruption=0.1, sensitivity=0.9, specificity=0.9, source=source
    ).save("c2")
    loaded = Calibration.load("c2")
    for words in (repr(loaded), repr(loaded.report()), loaded.report().text):
        assert is_tame(words)
    shown = run("report", "c2")
    assert shown.exit_code == 0, shown.output
    assert is_tame(shown.output)
    assert run("report", "c2", "--html", "h", "--markdown", "m").exit_code == 0
    page, markdown = Path("h").read_text(), Path("m").read_text()
    assert is_tame(page)
    assert is_tame(markdown)
    assert "<script>" not in page
    assert re.search(r"(?<!\\)<|(?<!\\)\]\(|^# Heading", markdown, re.MULTILINE) is None


def test_no_stdout_is_too_narrow_for_a_character(run, files, monkeypatch):
    shown = CliRunner(charset="ascii").invoke(app, ["report", "c"])
    assert shown.exit_code == 0, shown.output


def test_traces_read_back_what_was_cut(files):
    trace = next(read_traces("t"))
    write_traces([{**trace, "question": "cut \ud83d"}], "cut")
    assert next(read_traces("cut"))["question"] == "cut \ud83d"
