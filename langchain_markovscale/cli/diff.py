"""`markovscale diff`: what is different between two calibrations."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import results, say
from langchain_markovscale.cli.files import check_input, check_outputs, write_pages
from langchain_markovscale.cli.terminal import print_document


def diff(
    before: Annotated[
        Path, typer.Argument(help="The calibration from before.", show_default=False)
    ],
    after: Annotated[Path, typer.Argument(help="The one from after a change.", show_default=False)],
    html: options.Page = None,
    markdown: options.MarkdownFile = None,
    level: Annotated[float, typer.Option(help="Coverage of the intervals.")] = 0.95,
) -> None:
    """Say what a new prompt or model has changed, and what is within noise."""
    read = [("BEFORE", before), ("AFTER", after)]
    check_outputs([("--html", html), ("--markdown", markdown)], read)
    for name, path in read:
        check_input(name, path, "calibration")
    from langchain_markovscale.calibration.calibration import Calibration

    made = Calibration.load(before).diff(Calibration.load(after), level=level)
    if html is None and markdown is None:
        print_document(made, results())
    else:
        say(made.verdict)
        write_pages(made, html, markdown)
