import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_markovscale import __version__, cli
from langchain_markovscale.cli.app import app

TESTS = Path(__file__).parents[2]


def python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=TESTS.parent,
    )


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
    process = python(
        "import sys\n"
        "from langchain_markovscale.cli import app\n"
        "heavy = {'langgraph', 'langchain_core', 'torch', 'transformers', 'scipy', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out, err = process.communicate()
    assert out.strip() == "[]", err


def test_every_subcommand_explains_itself() -> None:
    result = CliRunner().invoke(app, ["--help"])
    for command in ("demo", "solve", "plan", "record", "calibrate", "report"):
        assert command in result.stdout
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == __version__


def solving(*arguments: str) -> subprocess.Popen[str]:
    """Start `markovscale solve` with a scripted model that takes its time."""
    return python(
        f"import sys; sys.path.insert(0, {str(TESTS)!r})\n"
        "from fakes import ScriptedModel\n"
        "from langchain_markovscale.cli import loop, main\n"
        "model = ScriptedModel(script=['It is 8.', 'It is 7.'], repeat=True, wait=0.3)\n"
        "loop.chat_model = lambda name, **options: model\n"
        "sys.argv = ['markovscale', 'solve', 'What is 3 + 4?', 'What is 1 + 1?', 'What is 2 + 2?',"
        " '--verifier', 'nines', '--answer-key', 'last_number', '--cost', '.3', '--model', 'a:b',"
        f" *{arguments!r}]\n"
        "main()"
    )


def test_ctrl_c_in_a_terminal_prints_what_is_done_and_exits_with_130() -> None:
    process = solving()
    assert process.stdout is not None
    shown = ""
    while "[2/3]" not in shown:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        shown += line
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Answer: It is" in shown
    assert "[3/3]" not in rest
    assert "of 3 questions" in rest
    assert "Interrupted: " in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_reader_that_leaves_ends_it_quietly(arguments: tuple[str, ...]) -> None:
    with solving(*arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in err
