"""`markovscale compare`: stopping rules side by side on the same recorded runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.calibrate import opened
from langchain_markovscale.cli.console import remarks, results, say, write_json
from langchain_markovscale.cli.files import check_input, check_outputs, write_pages
from langchain_markovscale.cli.terminal import print_document

if TYPE_CHECKING:
    from langchain_markovscale.replay.crossfit import BudgetUnit
    from langchain_markovscale.theory.rates import Variant


def compare(
    pool: Annotated[
        Path,
        typer.Argument(
            help="File of labelled traces, several fresh starts and revisions of each question, as "
            "`markovscale record` writes it; or a log or a table, as for `markovscale check`.",
            show_default=False,
        ),
    ],
    html: options.Page = None,
    markdown: options.MarkdownFile = None,
    costs: Annotated[
        str | None,
        typer.Option(
            help="Costs of a round to try, separated by commas: .01 is one point of accuracy.",
            show_default="fifteen from 0.2 to 45 points",
        ),
    ] = None,
    max_rounds: options.MaxRounds = 8,
    variants: Annotated[
        str,
        typer.Option(
            help="Variants of MarkovScale, separated by commas: mixture, gate, training_free, map. "
            "The verdict is about the first."
        ),
    ] = "mixture,gate,training_free",
    verification_tokens: Annotated[
        float | None,
        typer.Option(help="Tokens that a verification takes.", show_default="as in the traces"),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="What the rules spend, and are compared by: tokens, calls or attempts.",
            show_default="tokens, or attempts where some are unknown",
        ),
    ] = None,
    mine: options.MyRule = None,
    prices: options.TokenPrices = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            help="How often the questions are split in two halves and replayed.",
            show_default="six, less often for more than 500 questions",
        ),
    ] = None,
    level: Annotated[float, typer.Option(help="Coverage of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of every random step.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every number as one JSON object.")
    ] = False,
) -> None:
    """Say what your rule gets and costs, and what switching would change; then compare all rules.

    No model is called. What is learned from one half of the questions is tried on the other.
    """
    check_outputs([("--html", html), ("--markdown", markdown)], [("POOL", pool)])
    check_input("POOL", pool, "traces")
    recorded, _ = opened(pool, "auto", {})
    from langchain_markovscale.comparison.compare import COSTS, compare_strategies

    with remarks().status("Replaying …"):
        comparison = compare_strategies(
            recorded,
            costs=COSTS if costs is None else _numbers(costs),
            max_rounds=max_rounds,
            variants=cast(
                "list[Variant]",
                [name.strip().replace("-", "_") for name in variants.split(",")],
            ),
            verification_tokens=verification_tokens,
            budget=cast("BudgetUnit | None", budget),
            mine=mine,
            prices=options.token_prices(prices),
            repeats=repeats,
            level=level,
            seed=seed,
        )
    if as_json:
        write_json(comparison.as_dict())
    elif html is None and markdown is None:
        print_document(comparison, results())
    else:
        say(comparison.verdict)
    write_pages(comparison, html, markdown)


def _numbers(listed: str) -> list[float]:
    try:
        return [float(each) for each in listed.split(",")]
    except ValueError:
        raise ValueError(f"--costs must be numbers separated by commas, got {listed!r}.") from None
