"""`markovscale record`: what the loop does in every round, as traces for a calibration."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import results, say

FAILED = 1


def record(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="JSONL file: one question a line, with 'question', 'reference' (or 'answer'), and "
            "if wanted 'id' and 'features'.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="File of traces; what it has already is not recorded again."
        ),
    ] = Path("traces.jsonl"),
    model: options.ModelName = "smollm2",
    verifier: options.VerifierName = "judge",
    answer_key: options.AnswerKeyName = None,
    grader: Annotated[
        str, typer.Option(help="exact (equal keys), numeric[:<relative tolerance>], or math.")
    ] = "exact",
    rounds: Annotated[int, typer.Option(help="Revisions of each fresh start.")] = 3,
    fresh_starts: Annotated[
        int, typer.Option(help="Fresh draws for each question; at least 2 to tell classes apart.")
    ] = 2,
    max_concurrency: Annotated[
        int, typer.Option(min=1, help="Questions that are worked on at once.")
    ] = 8,
    temperature: options.Temperature = 0.7,
    max_tokens: options.MaxTokens = 256,
    question_field: Annotated[
        str, typer.Option(help="Field of the data set that holds the question.")
    ] = "question",
    reference_field: Annotated[
        str | None,
        typer.Option(
            help="Field that holds the right answer.", show_default="'reference' or 'answer'"
        ),
    ] = None,
) -> None:
    """Record what the loop does with questions whose answers are known.

    Each question is drawn afresh and revised as often as told, without stopping early. A finished
    question is written at once: when the command is broken off, the same command goes on.
    """
    from langchain_markovscale.cli.loop import build_loop
    from langchain_markovscale.evaluation.questions import read_questions
    from langchain_markovscale.evaluation.record import record_traces

    questions = read_questions(
        dataset, question_field=question_field, reference_field=reference_field
    )
    loop = build_loop(
        model_name=model,
        verifier_name=verifier,
        answer_key=answer_key,
        cost_per_round=0.0,
        max_rounds=1,
        actions=("revise", "generate"),
        temperature=temperature,
        max_tokens=max_tokens,
    )
    try:
        recording = record_traces(
            loop.graph,
            questions,
            path=output,
            grader=grader,
            rounds=rounds,
            fresh_starts=fresh_starts,
            max_concurrency=max_concurrency,
            metadata={"model": model, "verifier": verifier},
        )
    except KeyboardInterrupt:
        say(f"What was recorded is in {output}; the same command goes on from there.")
        raise
    results().print(str(recording), markup=False, soft_wrap=True)
    if recording.failed:
        raise typer.Exit(FAILED)
