import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from langchain_markovscale import Calibration
from langchain_markovscale.cli.app import app

Scripted = Callable[..., Any]


def demo(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["demo", *arguments], env={"COLUMNS": "100", "TERM": "dumb"})


def test_it_shows_every_question_and_compares_three_rules(scripted: Scripted) -> None:
    scripted("It is 7.", "It is 8.", "It is 13.", "It is 9.")
    result = demo("--max-rounds", "4")
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "[12/12]" in words
    assert words.count("Stopped: ") == 12
    assert words.count("Right.") + words.count("Wrong: it is ") == 12
    rows = {line[:24].strip(): line[24:].split() for line in result.stdout.splitlines()}
    # Every reply has three tokens.
    assert rows["single pass"][-2:] == ["12", "36"]
    assert rows["3 fixed rounds"][-2:] == ["36", "108"]
    right, of, asked, *interval, answers, tokens = rows["MarkovScale, this loop"]
    assert (right, of, asked) == (str(words.count("Right.")), "of", "12")
    assert len(interval) == 3
    assert int(tokens) == 3 * int(answers)
    assert int(answers) == sum(
        int(line.split()[0]) for line in result.stdout.splitlines() if " for answers, " in line
    )
    assert "12 questions are few" in words
    assert "The usual rule, 3 fixed rounds, is right " in words
    assert re.search(r"MarkovScale in its place (is|shows) ", words)


def test_no_more_answers_are_asked_for_than_the_loop_and_fixed_rounds_need(
    scripted: Scripted,
) -> None:
    model = scripted("It is 7.", "It is 8.", "It is 13.", "It is 9.")
    assert demo("--max-rounds", "1").exit_code == 0
    assert len(model.asked) == 12 * 3  # the first answers are the loop's


def test_other_models_are_not_given_the_rates_of_smollm2(scripted: Scripted) -> None:
    scripted("7")
    assert "The loop decided with: smollm2 on" in demo("--max-rounds", "1").stdout
    other = demo("--max-rounds", "1", "--model", "test:model").stdout
    assert "The loop decided with: training-free prior" in other


def test_measuring_writes_rates_that_can_be_loaded(scripted: Scripted, tmp_path: Path) -> None:
    scripted("It is 7.", "It is 8.", "It is 13.", "It is 9.")
    output = tmp_path / "rates.json"
    result = demo("--measure", str(output), "--model", "test:model")
    assert result.exit_code == 0, result.output
    calibration = Calibration.load(output)
    assert calibration.source.startswith("test:model on")
    assert calibration.rates.sensitivity[0] > 0.9
    assert str(output) in result.stderr


def test_ctrl_c_ends_it_with_130(scripted: Scripted) -> None:
    scripted("It is 7.", "It is 8.", KeyboardInterrupt())
    result = demo()
    assert result.exit_code == 130
    assert "Interrupted." in result.stderr
    assert "fixed rounds" not in result.stdout.split("\n\n", 1)[1]


def test_a_model_that_always_fails_ends_it_with_1(scripted: Scripted) -> None:
    scripted(RuntimeError("no"))
    result = demo()
    assert result.exit_code == 1
    assert "No answer: RuntimeError: no" in result.stdout
