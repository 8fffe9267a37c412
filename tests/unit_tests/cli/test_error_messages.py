"""An error about an argument of the library names the option that the user has typed."""

import logging
import pickle
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from langchain_markovscale import Calibration
from langchain_markovscale.cli.app import app, one_line_errors
from langchain_markovscale.theory.validation import whole
from langchain_markovscale.types import ArgumentError


def run(raised: Exception) -> Any:
    """Run a command with options of every form that ends in an error."""

    def command(
        dataset: Annotated[str, typer.Argument()],
        output: Annotated[Path, typer.Option("--output", "-o")] = Path("x"),
        n_classes: Annotated[str, typer.Option("--classes", help="How many.")] = "auto",
        cost_per_round: Annotated[float, typer.Option("--cost")] = 0.0,
        fresh_starts: Annotated[int, typer.Option()] = 1,
        max_rounds: Annotated[int, typer.Option("--max-rounds")] = 1,
        settling: Annotated[bool, typer.Option("--settling/--no-settling")] = True,
    ) -> None:
        logging.getLogger("langchain_markovscale.some.room").warning("%d are few.", 3)
        raise raised

    alone = typer.Typer()
    alone.command()(one_line_errors(command))
    result = CliRunner().invoke(alone, ["data"])
    assert result.exit_code == 2
    warning, error = result.stderr.splitlines()
    assert warning == "warning: 3 are few."
    return error


@pytest.mark.parametrize(
    ("argument", "option"),
    [
        ("n_classes", "--classes"),
        ("cost_per_round", "--cost"),
        ("max_rounds", "--max-rounds"),
        ("fresh_starts", "--fresh-starts"),
        ("settling", "--settling"),
        ("output", "--output"),
        ("dataset", "dataset"),
        ("other", "other"),
    ],
)
def test_the_option_stands_where_the_library_names_its_argument(argument: str, option: str) -> None:
    error = ArgumentError(argument, "must be at least 1, got 0.")
    assert run(error) == f"error: {option} must be at least 1, got 0."


def test_other_errors_are_said_as_they_are() -> None:
    said = "max_rounds=3 is no argument here, and output is a word."
    assert run(ValueError(said)) == f"error: {said}"
    assert run(OSError("n_classes")) == "error: n_classes"


def test_for_the_library_the_message_begins_with_the_argument() -> None:
    with pytest.raises(ValueError, match=r"^max_rounds must be a whole number") as caught:
        whole("max_rounds", 0.5)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (ArgumentError, str(caught.value))


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["report", "FILE", "--cost", "-1"], "--cost must be finite and at least 0, got -1.0"),
        (["report", "FILE", "--max-rounds", "0"], "--max-rounds must be a whole number of"),
        (["report", "FILE", "--seed", "-1"], "--seed must be a whole number"),
        (["plan", "--initial", "2", "--repair", "0", "--corruption", "0"], "--initial must be"),
        (["solve", "x", "--actions", "stop"], "--actions must name revise, generate, or both"),
        (["solve", "x", "--answer-key", "first"], "--answer-key must be one of last_number, boxed"),
        (["solve", "x", "--answer-key", "semantic:high"], "--answer-key must end in a threshold"),
        (["solve", "x", "--cost", "5"], "--cost must be below 0.5, got 5.0: it is in units of"),
        (["report", "FILE", "--cost", "2"], "--cost must be below 0.5, got 2.0"),
        (
            ["plan", "--initial", ".5", "--repair", "0", "--corruption", "0", "--cost", "1"],
            "--cost must be below 0.5, got 1.0",
        ),
        (["solve", "x", "--cost", "nan"], "--cost must be finite and at least 0, got nan"),
    ],
)
def test_commands_call_their_options_as_the_user_does(
    tmp_path: Path, arguments: list[str], start: str
) -> None:
    path = tmp_path / "calibration.json"
    Calibration.from_rates(initial=0.5, repair=0.1, corruption=0.1).save(path)
    result = CliRunner().invoke(app, [str(path) if a == "FILE" else a for a in arguments])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {start}"), line
