"""`markovscale drift`: whether the rates of a calibration still hold in later runs."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.calibrate import opened
from langchain_markovscale.cli.console import FAILED, results, say
from langchain_markovscale.cli.files import check_input, check_outputs, write_pages
from langchain_markovscale.cli.terminal import print_document


def drift(
    calibration: Annotated[
        Path,
        typer.Argument(help="A file that `markovscale calibrate` wrote.", show_default=False),
    ],
    traces: Annotated[
        Path,
        typer.Argument(
            help="File of later traces in their order, with or without labels; or a log or a "
            "table, as for `markovscale check`.",
            show_default=False,
        ),
    ],
    html: options.Page = None,
    markdown: options.MarkdownFile = None,
    alpha: Annotated[
        float, typer.Option(help="Chance of any false alarm, however long one watches.")
    ] = 0.05,
    fail_if_drifted: Annotated[
        bool,
        typer.Option("--fail-if-drifted", help="End with exit code 1 if a rate no longer holds."),
    ] = False,
) -> None:
    """Say whether, and since when, the rates of a calibration no longer hold."""
    read = [("CALIBRATION", calibration), ("TRACES", traces)]
    check_outputs([("--html", html), ("--markdown", markdown)], read)
    check_input("CALIBRATION", calibration, "calibration")
    check_input("TRACES", traces, "traces")
    from langchain_markovscale.calibration.calibration import Calibration

    rates = Calibration.load(calibration)
    later, _ = opened(traces, "auto", {})
    found = rates.drift(later, alpha=alpha)
    if html is None and markdown is None:
        print_document(found, results())
    else:
        say(found.verdict)
        write_pages(found, html, markdown)
    if fail_if_drifted and found.drifted:
        raise typer.Exit(FAILED)
