"""`markovscale check`, `diff` and `drift`: short answers with exit codes for CI."""

import json

import pytest
from pools import answer, recorded, trace
from typer.testing import CliRunner
from worlds import World

from langchain_markovscale import Calibration, write_traces
from langchain_markovscale.cli.app import app

pytestmark = pytest.mark.usefixtures("few_simulated_questions")


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MPLBACKEND", "agg")
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def harmful(tmp_path):
    """First answers are right, and revisions break them."""
    path = tmp_path / "harmful.jsonl"
    chain = [answer("right"), answer("wrong", 0), answer("wrong", 1)]
    good = [trace(*chain, name=f"q{n}") for n in range(20)]
    mixed = [trace(answer("wrong"), answer("right", 0), answer("right", 1), name="other")]
    write_traces(good + mixed, path)
    return path


def flat(words):
    return " ".join(words.split())


def test_one_paragraph_answers(run, harmful):
    result = run("check", harmful, "--mine", "2 revisions")
    assert result.exit_code == 0
    words = flat(result.stdout)
    assert words.startswith("Revising hurts here")
    assert "Your rule, 3 rounds, last answer, is right 4.8% of the time, −90 points" in words
    assert "\n\n" not in result.stdout


def test_a_table_of_right_and_wrong_is_enough(run, tmp_path):
    path = tmp_path / "rounds.csv"
    path.write_text("r1,r2,r3\n" + "1,1,0\n0,1,1\n0,0,1\n1,1,1\n" * 5)
    result = run("check", path, "--fail-if-worse")
    assert result.exit_code == 0
    assert "The usual rule, 3 rounds, last answer, is right 75.0% of the time" in flat(
        result.stdout
    )
    assert "rounds.csv was read as table" in result.stderr
    assert "with a higher cost of a round" in flat(result.stdout)
    assert "prices cannot" not in flat(result.stderr)


def test_a_table_is_read_wherever_traces_are(run, calibrations, tmp_path):
    path = tmp_path / "rounds.csv"
    path.write_text("r1,r2\n" + "1,0\n0,1\n" * 4)
    for command in (("compare",), ("drift", calibrations[0])):
        result = run(*command, path)
        assert result.exit_code == 0
        assert "rounds.csv was read as table" in result.stderr


def test_prices_without_tokens_are_not_passed_over(run, tmp_path):
    path = tmp_path / "rounds.csv"
    path.write_text("r1,r2\n" + "1,0\n0,1\n" * 4)
    assert "prices cannot be applied" in flat(run("check", path, "--prices", "3,15").stderr)


def test_the_exit_code_is_for_ci_when_json_and_a_page_are_written(run, harmful, tmp_path):
    page = tmp_path / "check.html"
    output = ("--json", "--html", page)
    result = run("check", harmful, "--mine", "3 rounds", *output, "--fail-if-worse")
    assert result.exit_code == 1
    assert "Worse: 3 rounds, last answer is less often right than a single pass" in result.stderr
    values = json.loads(result.stdout)
    assert values["worse"].startswith("3 rounds, last answer is less often right")
    assert values["loop"].startswith("Revising hurts")
    assert values["switch"]["mine"]["rule"]["name"] == "3 rounds, last answer"
    shown = page.read_text()
    assert "<details>" in shown
    assert shown.index("Does the loop help?") < shown.index(values["loop"].split(",")[0])
    assert "at every cost that was tried." in shown  # what it gets with them was said before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--mine", "forever"), "--mine must name a rule, got 'forever'"),
        (("--prices", "3"), "--prices must be two numbers of at least 0"),
        (("--prices", "3,-1"), "--prices must be two numbers of at least 0"),
        (("--mine", "best of 5"), "looks at scores, and no attempt has one"),
    ],
)
def test_bad_options_are_one_line(run, harmful, arguments, complaint):
    result = run("check", harmful, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in flat(result.stderr)
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def calibrations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrations")
    paths = []
    for name, seed in (("before", 1), ("after", 2)):
        fitted = Calibration.fit(
            recorded(questions=60, seed=seed), n_bootstrap=30, n_classes=1, delivery=False
        )
        paths.append(folder / f"{name}.json")
        fitted.save(paths[-1])
    return paths


def test_two_calibrations_are_put_side_by_side(run, calibrations, tmp_path):
    before, after = calibrations
    expected = Calibration.load(before).diff(Calibration.load(after))
    result = run("diff", before, after)
    assert "…" not in result.stdout  # every number is whole on 80 columns
    assert result.exit_code == 0
    assert flat(expected.verdict) in flat(result.stdout.replace("│", " "))
    page = tmp_path / "diff.html"
    assert run("diff", before, after, "--html", page).exit_code == 0
    assert page.read_text() == expected.html()
    assert run("diff", before, tmp_path / "missing.json").exit_code == 2


def test_drift_is_told_with_an_exit_code(run, calibrations, tmp_path):
    same, other = tmp_path / "same.jsonl", tmp_path / "other.jsonl"
    write_traces(recorded(questions=60, seed=3, starts=1), same)
    write_traces(recorded(World(sensitivity=0.1, specificity=0.1), questions=200, seed=3), other)
    calm = run("drift", calibrations[0], same, "--fail-if-drifted")
    assert calm.exit_code == 0
    assert "No drift was found in 60 traces" in flat(calm.stdout)
    found = run("drift", calibrations[0], other, "--fail-if-drifted")
    assert found.exit_code == 1
    assert "The rates no longer hold" in flat(found.stdout)
    assert run("drift", calibrations[0], other).exit_code == 0
    assert run("drift", calibrations[0], other, "--alpha", "2").exit_code == 2
