"""`markovscale report`: what a calibration says, in the terminal or as a page."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import results, say
from langchain_markovscale.cli.files import check_input, check_outputs, write_pages
from langchain_markovscale.cli.terminal import print_document


def report(
    calibration: Annotated[
        Path,
        typer.Argument(help="A file that `markovscale calibrate` wrote.", show_default=False),
    ],
    html: options.Page = None,
    markdown: options.MarkdownFile = None,
    cost_per_round: options.CostPerRound = 0.01,
    max_rounds: options.MaxRounds = 8,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
) -> None:
    """Say whether revising pays, how sure that is, and what to do instead."""
    check_outputs([("--html", html), ("--markdown", markdown)], [("CALIBRATION", calibration)])
    check_input("CALIBRATION", calibration, "calibration")
    from langchain_markovscale.calibration.calibration import Calibration

    made = Calibration.load(calibration).report(
        cost_per_round=cost_per_round, max_rounds=max_rounds, seed=seed
    )
    if html is None and markdown is None:
        print_document(made, results())
    else:
        say(made.verdict)
        write_pages(made, html, markdown)
