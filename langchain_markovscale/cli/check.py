"""`markovscale check`: from a file of past runs to one paragraph, and an exit code for CI."""

from typing import Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.calibrate import opened
from langchain_markovscale.cli.console import FAILED, remarks, results, say, write_json
from langchain_markovscale.cli.files import check_input, check_outputs, write_pages


def check(
    traces: options.PastRuns,
    mine: options.MyRule = None,
    prices: options.TokenPrices = None,
    html: options.Page = None,
    markdown: options.MarkdownFile = None,
    format: options.LogFormat = "auto",
    answer_key: options.AnswerKeyName = None,
    grader: options.LogGrader = None,
    label: options.LogLabel = None,
    score: options.LogScore = None,
    cost_per_round: options.CostPerRound = 0.01,
    max_rounds: options.MaxRounds = 8,
    seed: Annotated[int, typer.Option(help="Seed of every random step.")] = 0,
    fail_if_worse: Annotated[
        bool,
        typer.Option(
            "--fail-if-worse",
            help="End with exit code 1 if your rule is clearly less often right than a single "
            "pass, or MarkovScale in its place clearly less often than your rule.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every number as one JSON object.")
    ] = False,
) -> None:
    """Say in one paragraph whether your loop helps, and what switching would change.

    It calibrates and compares; every answer in the file needs a label. No model is called.
    """
    check_outputs([("--html", html), ("--markdown", markdown)], [("TRACES", traces)])
    check_input("TRACES", traces, "traces")
    log = {"answer_key": answer_key, "grader": grader, "label": label, "score": score}
    recorded, _ = opened(traces, format, log)
    paid = options.token_prices(prices)
    from langchain_markovscale.calibration.calibration import Calibration
    from langchain_markovscale.comparison.answer import rule_is_worse
    from langchain_markovscale.comparison.compare import compare_strategies
    from langchain_markovscale.comparison.report import Check

    questions = list(recorded)
    with remarks().status("Calibrating and replaying …"):
        comparison = compare_strategies(
            questions,
            max_rounds=max_rounds,
            variants=("mixture",),
            mine=mine,
            prices=paid,
            seed=seed,
        )
        fitted = Calibration.fit(questions, seed=seed, delivery=False)
        report = fitted.report(cost_per_round=cost_per_round, max_rounds=max_rounds, seed=seed)
    worse = rule_is_worse(comparison.findings)
    page = Check(comparison.findings, report.document)
    if as_json:
        write_json({"loop": report.verdict, "worse": worse, **comparison.as_dict()})
    else:
        results().print(" ".join(page.document.summary), markup=False)
        for warning in page.document.warnings:
            say(f"warning: {warning}", style="yellow")
    write_pages(page, html, markdown)
    if fail_if_worse and worse:
        say(f"Worse: {worse}", style="red")
        raise typer.Exit(FAILED)
