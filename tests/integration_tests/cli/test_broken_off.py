"""The command in a process of its own, which a user or a closed pipe ends early."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]


def solving(*arguments: str) -> subprocess.Popen[str]:
    """Start `markovscale solve` with a scripted model that takes its time."""
    code = (
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
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=TESTS.parent,
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
