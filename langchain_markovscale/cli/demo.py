"""`markovscale demo`: the loop on a dozen questions, and how it compares with simpler rules."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import FAILED, INTERRUPTED, results, say
from langchain_markovscale.cli.files import check_outputs

if TYPE_CHECKING:
    from langchain_markovscale.calibration.calibration import Calibration
    from langchain_markovscale.cli.loop import Loop

PACKAGED = "smollm2"
_LEAST = 2  # questions that can be compared
_TRACES = ".traces.jsonl"  # the ending of the file beside the rates
_FRESH_STARTS, _REVISIONS = 2, 2  # of each question that rates are measured on


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
    """Watch the loop on a dozen questions, then compare it with a single pass and fixed rounds."""
    from langchain_markovscale.calibration.calibration import Calibration
    from langchain_markovscale.cli.loop import build_loop, local_models
    from langchain_markovscale.demo import setting
    from langchain_markovscale.recording.recording_file import unfinished_file

    if measure is not None:
        traces = measure.with_suffix(_TRACES)
        written = (measure, traces, unfinished_file(traces))
        check_outputs([("--measure", path) for path in written], local_models(model))
    if measure is None:
        results().print(
            f"A dozen questions go to {model}. Casting out nines looks at each answer: a cheap "
            "check that makes mistakes.\nAfter each answer you see whether another round is worth "
            "its cost, and why. At the end you see how that compares with a single pass and with "
            "fixed rounds.\n",
            markup=False,
        )
    measured = measure is None and model == PACKAGED
    calibration = setting.calibration() if measured else Calibration.training_free()
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
        _show(loop, calibration, cost_per_round, max_rounds)
    else:
        _measure(loop, model, measure)


def _show(loop: "Loop", calibration: "Calibration", cost_per_round: float, max_rounds: int) -> None:
    from langchain_markovscale.cli.demo_comparison import compared, comparison_table, recorded
    from langchain_markovscale.cli.runs import WatchedRun, run_until_done
    from langchain_markovscale.cli.watchers import LiveTables
    from langchain_markovscale.demo import setting
    from langchain_markovscale.display.wording import counted
    from langchain_markovscale.recording.questions import parse_questions

    questions = parse_questions(setting.questions(), "the demo's questions")
    runs = [WatchedRun(question) for question in questions]
    if run_until_done(loop.graph, runs, LiveTables(len(runs), loop.answer_key)):
        say("Interrupted.")
        raise typer.Exit(INTERRUPTED)
    answered = [run for run in runs if run.attempts]
    if len(answered) < _LEAST:
        raise typer.Exit(FAILED)
    say("Now the revisions that fixed rounds need beside these, all at once …", style="dim")
    comparison = compared(recorded(loop, answered), calibration, cost_per_round, max_rounds)
    verdict, *_ = comparison.document.summary
    console = results()
    console.print(comparison_table(comparison))
    console.print(
        f"All three begin with the same first answers. {verdict}\n"
        f"{counted(len(answered), 'question is', 'questions are')} few, as the intervals show: "
        "this is to see the loop at work, not to measure it. Answers are drawn anew each "
        "time, so the figures will differ.\n"
        f"\nThe loop decided with: {loop.source}.\n"
        "Next: measure your own loop with `markovscale record`, compare stopping rules on what was "
        "recorded with `markovscale compare`, fit its rates with `markovscale calibrate`, and give "
        "them to `markovscale solve --calibration`.",
        markup=False,
    )


def _measure(loop: "Loop", model: str, output: Path) -> None:
    """Record the loop without its stopping rule, fit rates to that, and write them.

    Traces go beside the rates, in a file of the same name that ends in `.traces.jsonl`; what is
    there already is not recorded again.
    """
    from langchain_markovscale.calibration.calibration import Calibration
    from langchain_markovscale.demo import setting
    from langchain_markovscale.recording.questions import parse_questions
    from langchain_markovscale.recording.record import record_traces
    from langchain_markovscale.traces.trace import read_traces

    traces = output.with_suffix(_TRACES)
    questions = parse_questions(setting.questions_to_measure(), "the questions to measure on")
    recording = record_traces(
        loop.graph,
        questions,
        path=traces,
        answer_key=loop.answer_key,
        revisions=_REVISIONS,
        fresh_starts=_FRESH_STARTS,
        metadata={"model": model},
    )
    Calibration.fit(
        read_traces(traces),
        source=f"{model} on {len(questions)} other questions of the demo's kind",
        metadata={
            "model": model,
            "prompt": setting.PROMPTS.reconsider,
            "temperature": setting.TEMPERATURE,
            "max_tokens": setting.MAX_TOKENS,
            "measured": date.today().isoformat(),
        },
    ).save(output)
    say(str(recording))
    say(f"The rates are in {output}; see them with `markovscale report {output}`.")
