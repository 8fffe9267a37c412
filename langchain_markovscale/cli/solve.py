"""`markovscale solve`: questions through the loop, with the reason for every step."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_markovscale._text import name_of
from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import FAILED, INTERRUPTED, remarks, results, say
from langchain_markovscale.cli.files import check_input, check_outputs

if TYPE_CHECKING:
    from langchain_markovscale.answers.keys import AnswerKey
    from langchain_markovscale.cli.runs import WatchedRun, Watcher
    from langchain_markovscale.recording.questions import Question
STDIN = "-"


def solve(
    questions: Annotated[
        list[str] | None, typer.Argument(help="One or more questions.", show_default=False)
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            help='JSONL, one {"question": "…", "reference": "…"} a line; - reads standard input.'
        ),
    ] = None,
    model: options.ModelName = "smollm2",
    verifier: options.VerifierName = "judge",
    exact_verifier: options.ExactVerifier = False,
    answer_key: options.AnswerKeyName = None,
    cost_per_round: options.CostPerRound = 0.01,
    max_rounds: options.MaxRounds = 8,
    draws_at_once: options.DrawsAtOnce = "1",
    cost_per_second: options.CostPerSecond = 0.0,
    actions: options.ActionNames = "revise,generate",
    calibration: options.CalibrationFile = None,
    temperature: options.Temperature = 0.7,
    max_tokens: options.MaxTokens = 256,
    seed: options.Seed = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Questions of a file that are worked on at once.")
    ] = 4,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to which each answer is added when it is there, as --json prints it.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip the questions that --output has answers to.")
    ] = False,
    shard: options.Shard = None,
    as_json: options.AsJson = False,
) -> None:
    """Answer questions, and stop when another round is not worth its cost."""
    from langchain_markovscale.calibration.presets import PREFIX
    from langchain_markovscale.cli.loop import build_loop, check_names
    from langchain_markovscale.cli.runs import WatchedRun, check_references, run_until_done
    from langchain_markovscale.cli.saving import Saving, without_answer
    from langchain_markovscale.cli.watchers import JsonLines, Lines, LiveTables
    from langchain_markovscale.distributed.answer_file import answers_in

    asked = _questions(questions or [], file)
    if resume and output is None:
        raise ValueError("--resume needs --output, the file of the answers that are there.")
    if shard is not None:
        part = options.part_named(shard)
        asked, output = part.of(asked), part.file(output)
    if not asked:
        say(f"No question is in part {shard}.")
        return
    if output is not None:
        inputs = [] if file in (None, STDIN) else [("--file", Path(str(file)))]
        check_outputs([("--output", output)], inputs)
        asked = without_answer(asked, output, resume=resume)
        if not asked:
            say(f"{name_of(output)} has an answer to every question.")
            return
    if calibration is not None and not calibration.startswith(PREFIX):
        check_input("--calibration", Path(calibration), "calibration")
    check_names(model, verifier)
    check_references(answer_key, asked)
    loop = build_loop(
        model_name=model,
        verifier_name=verifier,
        exact_verifier=exact_verifier,
        answer_key=answer_key,
        cost_per_round=cost_per_round,
        max_rounds=max_rounds,
        draws_at_once=options.at_once(draws_at_once),
        cost_per_second=cost_per_second,
        actions=options.action_names(actions),
        calibration_file=calibration,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
    )
    runs = [WatchedRun(question) for question in asked]
    if not as_json:
        say(f"Deciding with: {loop.source}.", style="dim")
        remarks().print()
    if as_json:
        watcher: Watcher = JsonLines(runs, loop.answer_key)
    elif file is None:
        watcher = LiveTables(len(runs), loop.answer_key)
    else:
        watcher = Lines(len(runs), loop.answer_key)
    began = perf_counter()
    with ExitStack() as opened:
        if output is not None:
            watcher = Saving(watcher, opened.enter_context(answers_in(output)), loop.answer_key)
        interrupted = run_until_done(
            loop.graph, runs, watcher, concurrency=1 if file is None else concurrency
        )
    if not as_json and len(runs) > 1:
        _total(runs, loop.answer_key, perf_counter() - began)
    if interrupted:
        from langchain_markovscale.display.wording import counted

        done = sum(run.best is not None for run in runs)
        asked_for = counted(len(runs), "question has", "questions have")
        say(f"Interrupted: {done} of {asked_for} an answer.")
        raise typer.Exit(INTERRUPTED)
    if any(run.error for run in runs):
        raise typer.Exit(FAILED)


def _questions(arguments: list[str], file: str | None) -> "list[Question]":
    from langchain_markovscale.recording.questions import (
        as_questions,
        parse_questions,
        read_questions,
    )

    if bool(arguments) == (file is not None):
        raise ValueError("give questions as arguments or with --file, one of the two.")
    if file == STDIN:
        return parse_questions(sys.stdin, "standard input")
    if file is not None:
        check_input("--file", Path(file), "questions")
        return read_questions(file)
    if not all(argument.strip() for argument in arguments):
        raise ValueError("a question must have text, got an empty one: write it or leave it out.")
    return as_questions(arguments)


def _total(runs: "Sequence[WatchedRun]", answer_key: "AnswerKey | None", seconds: float) -> None:
    """Write the usage of all runs together, and how many were right where that is known."""
    from langchain_markovscale.display.interval import Estimate
    from langchain_markovscale.display.run import sum_by_purpose, usage_in_words
    from langchain_markovscale.display.wording import counted, percent

    ended = [run for run in runs if run.ended]
    grades = [grade for run in ended if (grade := run.correct(answer_key)) is not None]
    right = ""
    if grades:
        share = Estimate.of_share(sum(grades), len(grades))
        interval = f"{percent(share.value, 0)}; 95% interval {share.span}"
        right = f"{sum(grades)} of {len(grades)} ({interval}) right; "
    usage = usage_in_words(sum_by_purpose(run.usage for run in ended), seconds)
    of = f"{len(ended)} of {counted(len(runs), 'question')}"
    results().print(f"\n{of}: {right}{usage}", markup=False)
