"""`markovscale demo`: the loop on a dozen questions, compared with fixed rounds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import FAILED, INTERRUPTED, results, say
from langchain_markovscale.cli.files import check_output

if TYPE_CHECKING:
    from langchain_markovscale.cli.loop import Loop

PACKAGED = "smollm2"
FIXED_ROUNDS = 3


def demo(
    model: options.ModelName = PACKAGED,
    cost_per_round: options.CostPerRound = 0.03,
    max_rounds: options.MaxRounds = 6,
    seed: options.Seed = None,
    measure: Annotated[
        Path | None,
        typer.Option(
            help="Instead, measure the model on other questions of this kind and write its rates "
            "to this file.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Watch the loop on a dozen questions, then compare it with one pass and with fixed rounds."""
    from langchain_markovscale.cli.loop import build_loop
    from langchain_markovscale.demo import setting

    calibration = None
    check_output("--measure", measure)
    if measure is None:
        calibration = setting.calibration() if model == PACKAGED else None
        results().print(
            f"A dozen questions go to {model}; casting out nines, a cheap check that errs, looks "
            "at each answer.\nAfter each you see whether another round is worth its cost, and why; "
            "in the end, how that compares with fixed rounds.\n",
            markup=False,
        )
    loop = build_loop(
        model_name=model,
        verifier_name="nines",
        answer_key=setting.ANSWER_KEY,
        cost_per_round=cost_per_round,
        max_rounds=max_rounds,
        actions=("revise", "generate"),
        calibration=calibration,
        temperature=setting.TEMPERATURE,
        max_tokens=setting.MAX_TOKENS,
        seed=seed,
        prompts=setting.PROMPTS,
    )
    if measure is None:
        _show(loop, seed)
    else:
        _measure(loop, model, measure)


def _show(loop: "Loop", seed: int | None) -> None:
    from langchain_markovscale.answers.keys import resolve_answer_key
    from langchain_markovscale.cli.demo_comparison import (
        comparison,
        fixed_rounds,
        in_words,
        of_loop,
    )
    from langchain_markovscale.cli.runs import WatchedRun, run_until_done
    from langchain_markovscale.cli.watchers import LiveTables
    from langchain_markovscale.demo import setting
    from langchain_markovscale.recording.questions import parse_questions

    questions = parse_questions(setting.questions(), "the demo's questions")
    key = resolve_answer_key(setting.ANSWER_KEY)
    runs = [WatchedRun(question) for question in questions]
    if run_until_done(loop.graph, runs, LiveTables(len(runs), key)):
        say("Interrupted.")
        raise typer.Exit(INTERRUPTED)
    if all(run.best is None for run in runs):
        raise typer.Exit(FAILED)
    say(f"Now the same questions in {FIXED_ROUNDS} fixed rounds, in batches …", style="dim")
    options = {} if seed is None else {"seed": seed}
    fixed = fixed_rounds(loop.model, setting.PROMPTS, questions, key, FIXED_ROUNDS, **options)
    compared = [fixed[0], fixed[-1], of_loop("this loop", runs, key)]
    console = results()
    console.print(comparison(compared))
    console.print(in_words(compared), markup=False)
    console.print(
        f"\nThe loop decided with: {loop.source}.\n"
        "Next: measure your own loop with `markovscale record`, fit its rates with `markovscale "
        "calibrate`, and give them to `markovscale solve --calibration`.",
        markup=False,
    )


def _measure(loop: "Loop", model: str, output: Path) -> None:
    from langchain_markovscale.cli.demo_rates import measure

    recording = measure(loop, model, output)
    say(f"{recording}\nThe rates are in {output}; see them with `markovscale report {output}`.")
