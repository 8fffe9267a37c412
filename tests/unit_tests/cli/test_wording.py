from typing import Annotated

import pytest
import typer

from langchain_markovscale.cli.wording import in_options, options_of


def command(
    dataset: Annotated[str, typer.Argument()],
    output: Annotated[str, typer.Option("--output", "-o")] = "x",
    classes: Annotated[str, typer.Option(help="How many.")] = "auto",
    cost: Annotated[float, typer.Option("--cost")] = 0.0,
    rounds: Annotated[int, typer.Option()] = 1,
    max_rounds: Annotated[int, typer.Option("--max-rounds")] = 1,
    settling: Annotated[bool, typer.Option("--settling/--no-settling")] = True,
) -> None:
    """Take options of every form."""


def test_options_are_found_by_the_names_of_arguments() -> None:
    assert options_of(command) == {
        "output": "--output",
        "path": "--output",
        "classes": "--classes",
        "n_classes": "--classes",
        "cost": "--cost",
        "cost_per_round": "--cost",
        "rounds": "--rounds",
        "max_rounds": "--max-rounds",
        "settling": "--settling",
    }


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("n_classes must be at least 1, got 0.", "--classes must be at least 1, got 0."),
        ("rounds must be whole, got -1.", "--rounds must be whole, got -1."),
        ("so many rounds must be paid for", "so many rounds must be paid for"),
        ("made with rounds=3, max_rounds=None.", "made with --rounds 3, no --max-rounds."),
        ("output='a b', cost=0.5; that", "--output 'a b', --cost 0.5; that"),
        ("give another path=, or none", "give another --output, or none"),
        ("where cost_per_round is 0", "where --cost is 0"),
        ("my_cost=3 and --max-rounds 3", "my_cost=3 and --max-rounds 3"),
        ("a path to nowhere: n_bootstrap", "a path to nowhere: n_bootstrap"),
    ],
)
def test_arguments_become_options_and_words_stay(said: str, told: str) -> None:
    assert in_options(said, options_of(command)) == told
