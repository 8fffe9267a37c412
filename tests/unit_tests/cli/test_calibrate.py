"""`markovscale calibrate` and `markovscale report`, from a file of traces to a page."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_markovscale import Calibration, read_traces
from langchain_markovscale.cli.app import app

ARITHMETIC = Path(__file__).parents[2] / "data" / "arithmetic.jsonl"
QUICK = ("--bootstrap", "20", "--no-delivery")


pytestmark = pytest.mark.usefixtures("few_simulated_questions")


@pytest.fixture(autouse=True)
def without_a_screen(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.fixture
def run(monkeypatch):
    """Run a command in a terminal of some width."""

    def run(*arguments, width=80):
        monkeypatch.setenv("COLUMNS", str(width))
        return CliRunner().invoke(app, [str(each) for each in arguments])

    return run


@pytest.fixture
def traces(tmp_path):
    """A file with the first sixty questions."""
    path = tmp_path / "traces.jsonl"
    lines = ARITHMETIC.read_text().splitlines(keepends=True)[:60]
    path.write_text("".join(lines))
    return path


@pytest.fixture
def calibration(traces, tmp_path):
    path = tmp_path / "calibration.json"
    fitted = Calibration.fit(read_traces(traces), n_bootstrap=20, n_classes=2, delivery=False)
    fitted.save(path)
    return path


def flat(words):
    return " ".join(words.replace("│", " ").split())


def test_traces_become_a_calibration_and_a_report(run, traces, tmp_path):
    path = tmp_path / "calibration.json"
    result = run("calibrate", traces, "-o", path, *QUICK)
    assert result.exit_code == 0
    attempts = [one for trace in read_traces(traces) for one in trace["attempts"]]
    right = sum(one["correct"] for one in attempts)
    assert f"Of {len(attempts)} attempts: " in result.stderr
    assert f"{len(attempts)} with a label, {right} right." in result.stderr
    kept = Calibration.load(path)
    assert kept.fitted.questions == 60
    assert kept.source == "fitted to traces.jsonl"
    report = kept.report()
    assert report.verdict in flat(result.stdout)
    assert report.verdict.startswith("Revising hurts here")
    for section in report.document.sections:
        assert section.title in result.stdout
    assert flat(result.stderr).endswith(f"right. Usage: unknown. The calibration is in {path}.")


def test_without_an_output_the_calibration_is_not_kept(run, traces, tmp_path):
    result = run("calibrate", traces, *QUICK)
    assert result.exit_code == 0
    assert "was not kept: --output" in flat(result.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["traces.jsonl"]


def test_options_reach_the_fit(run, traces, tmp_path):
    path = tmp_path / "calibration.json"
    options = ("--classes", "3", "--no-settling", "--level", "0.8", "--seed", "7")
    options += ("--accept-threshold", "0.4", "--bootstrap", "10", "--no-delivery")
    assert run("calibrate", traces, "-o", path, *options).exit_code == 0
    kept = Calibration.load(path)
    again = Calibration.fit(
        read_traces(traces),
        n_classes=3,
        settling=False,
        level=0.8,
        seed=7,
        accept_threshold=0.4,
        n_bootstrap=10,
        delivery=False,
    )
    assert kept.rates.n_classes == 3
    assert kept.rates.settling == 1
    assert kept.fitted.level == 0.8
    assert kept.rates.repair == pytest.approx(again.rates.repair)
    assert kept.rates.accept_threshold == 0.4


def test_options_reach_the_report(run, calibration):
    result = run("report", calibration, "--cost", "0.03", "--max-rounds", "3", "--seed", "5")
    assert "3 *" in result.stdout
    assert "At a cost of 3 points a round" in flat(result.stdout)
    assert "At most 3 attempts" in flat(result.stdout)
    assert "Simulation: seed 5." in flat(result.stdout)


@pytest.mark.parametrize("width", [80, 120])
def test_report_fits_the_terminal(run, calibration, width):
    result = run("report", calibration, width=width)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert any("Revising hurts here" in line for line in lines[:3])


def test_report_prints_the_tables_of_the_report(run, calibration):
    report = Calibration.load(calibration).report()
    printed = run("report", calibration).stdout
    for section in report.document.sections:
        for row in section.table.rows if section.table else ():
            cells = r"\s+".join(re.escape(cell) for cell in row if cell)
            assert re.search(cells, printed)


def test_report_as_a_page(run, calibration, tmp_path):
    page = tmp_path / "report.html"
    result = run("report", calibration, "--html", page)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert str(page) in flat(result.stderr).replace(" ", "")
    document = page.read_text(encoding="utf-8")
    assert document.startswith("<!DOCTYPE html>")
    assert document.count("<svg") == 5
    assert Calibration.load(calibration).report().verdict in document.replace("\u00a0", " ")


def test_report_as_markdown(run, calibration, tmp_path):
    file = tmp_path / "report.md"
    result = run("report", calibration, "--markdown", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert file.read_text(encoding="utf-8") == Calibration.load(calibration).report().markdown


@pytest.mark.parametrize(
    ("command", "option"),
    [("calibrate", "--output"), ("report", "--html"), ("report", "--markdown")],
)
def test_an_output_that_cannot_be_written_is_told_first(run, tmp_path, command, option):
    result = run(command, tmp_path / "never read", option, tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line == f"error: {option} {tmp_path}: it is a folder: add the name of a file."


def test_a_bad_line_is_named(run, traces):
    lines = traces.read_text().splitlines()
    record = json.loads(lines[2])
    record["attempts"][1]["score"] = 7
    lines[2] = json.dumps(record)
    traces.write_text("\n".join(lines) + "\n")
    result = run("calibrate", traces, *QUICK)
    assert result.exit_code == 2
    assert result.stdout == ""
    error = flat(result.stderr)
    assert f"error: {traces}, line 3:" in error
    assert "attempts[1].score must be a number in [0, 1] or null, got 7" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--classes", "many"), "--classes must be a number or auto, got 'many'."),
        (("--classes", "0"), "--classes must be a whole number of at least 1"),
        (("--level", "90"), "--level must lie between 0 and 1, got 90.0"),
        (("--cost", "-1"), "--cost must be finite and at least 0"),
    ],
)
def test_options_that_make_no_sense_are_one_line(run, traces, arguments, message):
    result = run("calibrate", traces, *QUICK, *arguments)
    assert result.exit_code == 2
    assert message in flat(result.stderr)
    assert "Traceback" not in result.output


def test_a_refused_report_keeps_no_calibration_half_done(run, traces, tmp_path):
    path = tmp_path / "calibration.json"
    run("calibrate", traces, "-o", path, *QUICK, "--classes", "0")
    assert not path.exists()


@pytest.mark.parametrize("command", ["calibrate", "report"])
def test_missing_files_are_named(run, tmp_path, command):
    result = run(command, tmp_path / "none.jsonl")
    assert result.exit_code == 2
    assert "none.jsonl" in result.stderr


def test_a_file_that_is_no_calibration_is_named(run, traces):
    result = run("report", traces)
    assert result.exit_code == 2
    assert f"CALIBRATION {traces}: it is not a calibration: it looks like traces" in flat(
        result.stderr
    )
    assert "`markovscale calibrate traces.jsonl -o calibration.json` makes one" in flat(
        result.stderr
    )


def test_brackets_of_file_names_are_printed_as_they_are(run, traces):
    odd = traces.with_name("[bold]x.jsonl")
    traces.rename(odd)
    assert "fitted to [bold]x.jsonl" in flat(run("calibrate", odd, *QUICK).stdout)
