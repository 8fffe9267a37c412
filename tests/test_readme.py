"""What the README shows can be pasted: its names are known, and its commands are accepted."""

import ast
import builtins
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_markovscale.cli import app as cli

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^markovscale .*$", README.replace("\\\n", ""), re.MULTILINE)
READERS_OWN = {"builder", "state", "END"}  # in the graph that the reader already has


def test_there_is_something_to_check() -> None:
    assert len(BLOCKS) >= 3
    assert any("record" in command for command in COMMANDS)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_name_of_an_example_is_known(block: str) -> None:
    tree = ast.parse(block)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.name for node in imports for alias in node.names}
    made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    used = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    assert used <= imported | made | READERS_OWN | set(dir(builtins))
    for node in imports:
        exec(ast.unparse(node), {})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_gets_as_far_as_the_missing_file(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.app, shlex.split(command, comments=True)[1:])
    assert "No such file" in result.stderr


def test_a_recording_reads_the_answers() -> None:
    (record,) = (command for command in COMMANDS if " record " in command)
    assert "--answer-key" in record
