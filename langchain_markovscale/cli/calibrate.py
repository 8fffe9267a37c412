"""`markovscale calibrate`: from traces, or another program's log, to rates and their report."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import Progress

from langchain_markovscale._text import name_of
from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import remarks, results, say
from langchain_markovscale.cli.files import check_input, check_outputs, looks_like
from langchain_markovscale.cli.terminal import print_document

if TYPE_CHECKING:
    from langchain_markovscale.traces.attempt_counts import AttemptCounts
    from langchain_markovscale.traces.trace import Trace

_FEW = 10  # questions a class, below which its rates are mostly chance


def calibrate(
    traces: options.PastRuns,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File for the calibration. Without it the calibration is not kept.",
        ),
    ] = None,
    format: options.LogFormat = "auto",
    answer_key: options.AnswerKeyName = None,
    grader: options.LogGrader = None,
    label: options.LogLabel = None,
    score: options.LogScore = None,
    n_classes: Annotated[
        str,
        typer.Option(
            "--classes",
            help="Classes of questions: a number, or auto for two, and more where held-out "
            "questions clearly ask for it.",
        ),
    ] = "auto",
    settling: Annotated[
        bool, typer.Option("--settling/--no-settling", help="Whether rates may fall with depth.")
    ] = True,
    accept_threshold: Annotated[
        float | None,
        typer.Option(
            help="Score from which the verifier accepts.",
            show_default="the one that separates best",
        ),
    ] = None,
    n_bootstrap: Annotated[
        int, typer.Option("--bootstrap", help="Resampled fits for the intervals.")
    ] = 200,
    level: Annotated[float, typer.Option(help="Coverage of the intervals.")] = 0.9,
    delivery: Annotated[
        bool,
        typer.Option(
            "--delivery/--no-delivery",
            help="Whether to replay the rule on the half of the questions that it was not fitted "
            "to, so that decisions count on what it delivered there.",
        ),
    ] = True,
    cost_per_round: options.CostPerRound = 0.01,
    max_rounds: options.MaxRounds = 8,
    seed: Annotated[int, typer.Option(help="Seed of every random step.")] = 0,
) -> None:
    """Fit rates to recorded runs, and say whether revising pays and how sure that is.

    The cost and the number of attempts matter to what is recommended, not to the rates.
    """
    number = _number(n_classes)
    check_outputs([("--output", output)], [("TRACES", traces)])
    check_input("TRACES", traces, "traces")
    from langchain_markovscale.calibration.calibration import Calibration
    from langchain_markovscale.theory.validation import check_level
    from langchain_markovscale.traces.attempt_counts import AttemptCounts

    check_level(level)
    log = {"answer_key": answer_key, "grader": grader, "label": label, "score": score}
    recorded, questions = opened(traces, format, log)
    _check_classes(number, questions)
    counts = AttemptCounts()
    console = remarks()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        fitted = Calibration.fit(
            _watched(recorded, progress, questions, counts),
            n_classes=number,
            settling=settling,
            accept_threshold=accept_threshold,
            n_bootstrap=n_bootstrap,
            level=level,
            seed=seed,
            source=f"fitted to {name_of(traces.name)}",
            delivery=delivery,
        )
    say(str(counts))
    if output is not None:
        fitted.save(output)
    report = fitted.report(cost_per_round=cost_per_round, max_rounds=max_rounds, seed=seed)
    print_document(report, results())
    if output is None:
        say("The calibration was not kept: --output calibration.json keeps it.")
    else:
        say(f"The calibration is in {name_of(output)}.")


def opened(
    path: Path, format: str, options: Mapping[str, str | None]
) -> "tuple[Iterable[Trace], int]":
    """Return the traces of a file and their number; those of our own are read as a stream.

    Args:
        path: The file, of whatever `--format` knows.
        format: Its format.
        options: How a log is read, by the names of the options.

    Raises:
        ValueError: If it cannot be read, or holds no answers.
    """
    from langchain_markovscale.traces.trace import read_traces, trace_files

    files = trace_files(path)
    plain = format in ("auto", "traces") and not any(options.values())
    if len(files) > 1 or (plain and looks_like(files[0]) == "traces"):
        return read_traces(path), sum(map(_lines, files))
    from langchain_markovscale.recording.logs import read_log

    reading = read_log(path, format, **options)
    if not any(trace["attempts"] for trace in reading.traces):
        raise ValueError(
            f"TRACES {name_of(path)}: it holds questions without answers ({reading.format}). "
            "write_traces(traces_from(…), 'questions.jsonl') makes a file of them for `markovscale "
            "record`."
        )
    said = " ".join((*reading.notes.told, reading.notes.complaint())).strip()
    say(f"{name_of(path)} was read as {reading.format}. {said}".rstrip())
    return reading.traces, len(reading.traces)


def _number(classes: str) -> int | Literal["auto"]:
    if classes == "auto":
        return "auto"
    try:
        number = int(classes)
    except ValueError:
        raise ValueError(f"--classes must be a number or auto, got {classes!r}.") from None
    if number < 1:
        raise ValueError(f"--classes must be a whole number of at least 1, or auto, got {number}.")
    return number


def _check_classes(n_classes: int | Literal["auto"], questions: int) -> None:
    """Refuse more classes than questions, and warn where there are nearly as many."""
    if n_classes == "auto" or n_classes * _FEW <= questions or n_classes == 1:
        return
    from langchain_markovscale.display.wording import counted

    given = f"--classes {n_classes} with {counted(questions, 'question')}"
    remedy = f"record more questions, or give --classes {max(questions // _FEW, 1)} or auto."
    if n_classes > questions:
        raise ValueError(f"{given}: a class without a question has no rates: {remedy}")
    say(
        f"warning: {given}: with fewer than {_FEW} questions a class, its rates are mostly "
        f"chance: {remedy}",
        style="yellow",
    )


def _watched(
    traces: "Iterable[Trace]", progress: Progress, total: int, counts: "AttemptCounts"
) -> "Iterator[Trace]":
    """Yield traces, count them and advance a bar, which then shows that the fit has begun."""
    task = progress.add_task("Reading", total=total)
    for trace in traces:
        counts.add(trace["attempts"])
        yield trace
        progress.advance(task)
    progress.remove_task(task)
    progress.add_task("Fitting", total=None)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(not line.isspace() for line in file)
