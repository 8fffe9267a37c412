"""`markovscale compare`, from a file of traces to a table, a page or JSON."""

import json
from pathlib import Path

import pytest
from pools import recorded
from typer.testing import CliRunner

from langchain_markovscale import compare_strategies, read_traces, write_traces
from langchain_markovscale.cli.app import app

QUICK = ("--repeats", "1", "--costs", ".02,.1", "--variants", "mixture")


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    path = tmp_path_factory.mktemp("pool") / "pool.jsonl"
    write_traces(recorded(questions=30), path)
    return path


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MPLBACKEND", "agg")
    return lambda *arguments: CliRunner().invoke(app, ["compare", *map(str, arguments)])


def flat(words):
    return " ".join(words.replace("│", " ").split())


def expected(pool, **options):
    return compare_strategies(
        read_traces(pool), costs=(0.02, 0.1), variants=("mixture",), repeats=1, **options
    )


def test_the_terminal_shows_the_comparison(run, pool):
    result = run(pool, *QUICK)
    assert result.exit_code == 0
    comparison = expected(pool)
    assert comparison.verdict in flat(result.stdout)
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "…" not in result.stdout
    for row in comparison.findings.rules:
        assert row.rule.name in result.stdout


def test_the_page_is_written_and_the_verdict_said(run, pool, tmp_path):
    page = tmp_path / "compare.html"
    result = run(pool, *QUICK, "--html", page)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert expected(pool).verdict in flat(result.stderr)
    assert "<svg" in Path(page).read_text()


def test_the_markdown_is_written_beside_the_json(run, pool, tmp_path):
    file = tmp_path / "compare.md"
    result = run(pool, *QUICK, "--json", "--markdown", file)
    assert result.exit_code == 0
    comparison = expected(pool)
    assert file.read_text(encoding="utf-8") == comparison.markdown
    assert json.loads(result.stdout)["verdict"] == comparison.verdict


@pytest.mark.parametrize("option", ["--html", "--markdown"])
def test_a_page_that_cannot_be_written_is_told_before_the_replay(run, pool, tmp_path, option):
    nowhere = tmp_path / "missing" / "page"
    result = run(pool, *QUICK, option, nowhere)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line == (
        f"error: {option} {nowhere}: it lies in {nowhere.parent}, which does not exist: "
        f"mkdir -p {nowhere.parent} makes it."
    )


def test_json_holds_every_number_and_options_reach_the_comparison(run, pool):
    options = ("--verification-tokens", "4", "--budget", "calls", "--max-rounds", "3")
    result = run(pool, *QUICK, *options, "--level", ".8", "--seed", "3", "--json")
    assert result.exit_code == 0
    comparison = expected(
        pool, verification_tokens=4, budget="calls", max_rounds=3, level=0.8, seed=3
    )
    assert json.loads(result.stdout) == json.loads(json.dumps(comparison.as_dict()))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--costs", "cheap"), "--costs must be numbers separated by commas, got 'cheap'"),
        (("--variants", "best"), "--variants must name at least one of"),
        (("--budget", "euros"), "--budget must be one of"),
        (("--repeats", "0"), "--repeats must be"),
    ],
)
def test_bad_options_are_one_line(run, pool, arguments, complaint):
    result = run(pool, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert complaint in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_traces_without_labels_are_refused_by_name(run, tmp_path):
    path = tmp_path / "open.jsonl"
    write_traces(recorded(questions=2, correct=None), path)
    result = run(path)
    assert result.exit_code == 2
    assert "attempt 0 of question 'q0' has no label" in result.stderr
