"""What the README shows can be pasted: its names are known, and its commands are accepted."""

import ast
import csv
import inspect
import json
import random
import re
import shlex
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from docs_pages import DOCS
from examples import imports_in, unknown_names
from typer.testing import CliRunner

from langchain_markovscale import Calibration, MarkovScaleMiddleware, create_markovscale_graph
from langchain_markovscale.cli import app as cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^markovscale .*$", README.replace("\\\n", ""), re.MULTILINE)


def test_there_is_something_to_check() -> None:
    assert len(BLOCKS) >= 3
    assert any("record" in command for command in COMMANDS)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_name_of_an_example_is_known(block: str) -> None:
    assert unknown_names(block) == set()
    for node in imports_in(block):
        exec(ast.unparse(node), {})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_gets_as_far_as_the_missing_file(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.app, shlex.split(command, comments=True)[1:])
    assert "no such file" in result.stderr.lower()


def test_a_recording_reads_the_answers() -> None:
    recordings = [command for command in COMMANDS if " record " in command]
    assert recordings
    assert all("--answer-key" in each for each in recordings)


def test_a_check_that_is_never_wrong_ends_the_loop_and_the_default_one_does_not() -> None:
    random.seed(1)
    (block,) = (each for each in BLOCKS if "exact=True" in each)
    names: dict[str, Any] = {}
    exec(block, names)
    runs = [names["graph"].invoke({"question": "What is 17 * 23?"}) for _ in range(10)]
    assert any(len(run["attempts"]) > 1 for run in runs)
    for run in runs:
        *rejected, accepted = [attempt["score"] for attempt in run["attempts"]]
        assert not any(rejected)
        assert (accepted, run["decision"]["belief"]) == (1.0, 1.0)
    unmeasured = create_markovscale_graph(
        generate=lambda request: "391",
        actions=("generate",),
        verifier=lambda key: 1.0,
        max_rounds=1,
    )
    assert unmeasured.invoke({"question": "What is 17 * 23?"})["decision"]["belief"] < 0.9


def test_the_quoted_verdict_is_what_the_command_says_of_the_table_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_simulated_questions: None
) -> None:
    shutil.copy(DOCS / "data" / "rounds.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    command = next(each for each in COMMANDS if " calibrate " in each)
    result = CliRunner().invoke(cli.app, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    verdict = Calibration.load("calibration.json").report().verdict
    for page in (README, (DOCS / "index.md").read_text(encoding="utf-8")):
        assert f"> {verdict}" in page


def test_the_picture_shows_the_rounds_of_the_table_and_the_record() -> None:
    with (DOCS / "data" / "rounds.csv").open(encoding="utf-8") as table:
        rows = [[int(cell) for cell in row[1:]] for row in islice(csv.reader(table), 1, None)]
    seen = [f"{sum(column) / len(rows):.0%}" for column in zip(*rows, strict=True)]
    record = json.loads((ROOT / "tests" / "data" / "record.json").read_text(encoding="utf-8"))
    ours = [row["right"] for split in record["arithmetic"] for row in split if row["cost"] == 0.01]
    seen.append(f"{sum(ours) / len(ours):.0%}")
    picture = (DOCS / "img" / "rounds.svg").read_text(encoding="utf-8")
    assert re.findall(r">(\d+%)<", picture) == seen
    assert f"{', '.join(seen[:4])}. With a stopping rule: {seen[4]}." in README


def test_the_readme_is_a_page() -> None:
    assert len(README.splitlines()) <= 200


def test_who_has_nobody_to_revise_is_told_what_the_example_does() -> None:
    with pytest.raises(ValueError, match="a Runnable or a function") as raised:
        create_markovscale_graph(generate=lambda request: "391", verifier=lambda key: 1.0)
    remedy = 'actions=("generate",)'
    assert remedy in str(raised.value)
    assert remedy in README


def test_the_middleware_of_the_example_takes_these_options() -> None:
    (block,) = (each for each in BLOCKS if "create_agent" in each)
    (call,) = (
        node
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "MarkovScaleMiddleware"
    )
    options = {str(each.arg): None for each in call.keywords}
    inspect.signature(MarkovScaleMiddleware).bind(**options)


def test_every_notebook_is_listed_and_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert all((ROOT / link).is_file() for link in links)
    notebooks = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/*.ipynb")}
    assert len(notebooks) == 7
    assert notebooks <= set(links)
