"""`markovscale report`: what a calibration says, in the terminal or as a page."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import results, say
from langchain_markovscale.cli.report_view import show


def report(
    calibration: Annotated[
        Path,
        typer.Argument(help="A file that `markovscale calibrate` wrote.", show_default=False),
    ],
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page with plots to this file instead of printing."),
    ] = None,
    cost: options.CostPerRound = 0.01,
    max_rounds: options.MaxRounds = 8,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
) -> None:
    """Say whether revising pays, how sure that is, and what to do instead."""
    from langchain_markovscale.calibration.calibration import Calibration

    made = Calibration.load(calibration).report(
        cost_per_round=cost, max_rounds=max_rounds, seed=seed
    )
    if html is None:
        show(made, results())
        return
    html.write_text(made.html(), encoding="utf-8")
    say(made.verdict)
    say(f"The page is in {html}.")
