import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_markovscale import __version__, cli
from langchain_markovscale.cli.app import app

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("langchain_markovscale.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(
        "langchain_markovscale._extras.requires",
        lambda name: ['typer>=0.15; extra == "cli"', 'rich>=13.8; extra == "cli"'],
    )
    with pytest.raises(SystemExit) as caught:
        cli.main()
    message = str(caught.value)
    assert "pip install 'langchain-markovscale[cli]'" in message
    assert "\n" not in message


def test_the_command_line_loads_nothing_heavy_before_it_is_needed() -> None:
    code = (
        "import sys\n"
        "from langchain_markovscale.cli import app\n"
        "heavy = {'langgraph', 'langchain_core', 'torch', 'transformers', 'scipy', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_subcommand_explains_itself() -> None:
    result = CliRunner().invoke(app, ["--help"])
    for command in ("demo", "solve", "plan", "record", "calibrate", "report"):
        assert command in result.stdout
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == __version__
