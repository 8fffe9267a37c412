from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from langchain_markovscale import Calibration, Prompts
from langchain_markovscale.answers.keys import last_number
from langchain_markovscale.cli.app import app
from langchain_markovscale.cli.demo_comparison import Score, fixed_rounds, sign_test
from langchain_markovscale.recording.questions import Question

Scripted = Callable[..., Any]


def demo(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["demo", *arguments], env={"COLUMNS": "100", "TERM": "dumb"})


def test_it_shows_every_question_and_compares_three_ways(scripted: Scripted) -> None:
    scripted("It is 7.", "It is 8.", "It is 13.", "It is 9.")
    result = demo("--max-rounds", "4")
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "[12/12]" in words
    assert words.count("Stopped: ") == 12
    assert words.count("Right.") + words.count("Wrong: it is ") == 12
    rows = {line[:14].strip(): line[14:].split() for line in result.stdout.splitlines()}
    one, three, ours = rows["one pass"], rows["3 fixed rounds"], rows["this loop"]
    calls = -3
    assert one[calls:] == ["12", "120", "36"]
    assert three[calls:] == ["36", "360", "108"]
    assert ours[0] == str(words.count("Right."))
    assert "12 questions are few" in words


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


def test_fixed_rounds_revise_the_last_answer_and_count_every_call(scripted: Scripted) -> None:
    model = scripted("6", "It is 7.", "8")
    prompts = Prompts(reconsider="Check: {question}")
    questions = [Question("sum", "What is 3 + 4?", "7")]
    done = fixed_rounds(model, prompts, questions, last_number, 3)
    assert [strategy.name for strategy in done] == ["one pass", "2 fixed rounds", "3 fixed rounds"]
    assert [strategy.grades for strategy in done] == [[False], [True], [False]]
    assert [strategy.usage["calls"] for strategy in done] == [1, 2, 3]
    assert [strategy.usage["output_tokens"] for strategy in done] == [3, 6, 9]
    last_asked = [message.text for message in model.asked[2]]
    assert last_asked == ["What is 3 + 4?", "It is 7.", "Check: What is 3 + 4?"]


@pytest.mark.parametrize(("better", "worse", "chance"), [(5, 0, 1 / 16), (2, 1, 1.0), (0, 0, 1.0)])
def test_the_sign_test_counts_coins(better: int, worse: int, chance: float) -> None:
    assert sign_test(better, worse) == pytest.approx(chance)


@pytest.mark.parametrize(("right", "asked"), [(9, 12), (0, 12), (12, 12), (1, 1)])
def test_the_interval_is_wilsons(right: int, asked: int) -> None:
    z, share = 1.959963984540054, right / asked
    middle = (share + z**2 / (2 * asked)) / (1 + z**2 / asked)
    half = z / (1 + z**2 / asked) * sqrt(share * (1 - share) / asked + z**2 / (4 * asked**2))
    assert Score(right, asked).interval == pytest.approx((middle - half, middle + half))
