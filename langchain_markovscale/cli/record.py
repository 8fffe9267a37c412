"""`markovscale record`: what the loop does in every round, as traces for a calibration."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from langchain_markovscale._text import name_of
from langchain_markovscale.cli import named_loop, options
from langchain_markovscale.cli.console import FAILED, continued, results, say
from langchain_markovscale.cli.files import check_input, check_outputs
from langchain_markovscale.types import ArgumentError

if TYPE_CHECKING:
    from langchain_markovscale.answers.keys import AnswerKey
    from langchain_markovscale.recording.forecast import RecordingEstimate
    from langchain_markovscale.recording.graders import Grader
    from langchain_markovscale.recording.questions import Question
    from langchain_markovscale.recording.recorder import Recording

_UNLABELLED = "none"
_OF_A_MODEL = ("model", "verifier", "temperature", "max_tokens", "seed")


def record(
    context: typer.Context,
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
            "--output",
            "-o",
            help="File of traces. Questions that it already has are skipped, and only the same "
            "options may add to it.",
        ),
    ] = Path("traces.jsonl"),
    model: options.ModelName = "smollm2",
    verifier: options.VerifierName = "judge",
    answer_key: options.AnswerKeyName = None,
    grader: Annotated[
        str | None,
        typer.Option(
            help="exact (equal keys), numeric[:<relative tolerance>], math, or none (no labels: "
            "nothing to calibrate from).",
            show_default="exact, with --answer-key",
        ),
    ] = None,
    revisions: Annotated[int, typer.Option(help="Revisions of each fresh start.")] = 3,
    fresh_starts: Annotated[
        int,
        typer.Option(
            help="Fresh draws for each question; at least 2 to tell classes apart, and 4 so that "
            "`markovscale compare` seldom runs out of them."
        ),
    ] = 4,
    max_concurrency: Annotated[
        int, typer.Option(min=1, help="Questions that are worked on at once.")
    ] = 8,
    temperature: options.Temperature = 0.7,
    max_tokens: options.MaxTokens = 256,
    seed: options.Seed = None,
    question_field: Annotated[
        str, typer.Option(help="Field of the data set that holds the question.")
    ] = "question",
    reference_field: Annotated[
        str | None,
        typer.Option(
            help="Field that holds the right answer.", show_default="'reference' or 'answer'"
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="Past traces of the same loop, which tell minutes and tokens beforehand.",
            show_default="the traces in --output, or the first two questions",
        ),
    ] = None,
    shard: options.Shard = None,
    prices: options.TokenPrices = None,
    loop: named_loop.LoopName = None,
    answers_key: named_loop.DraftsKey = None,
    scores_key: named_loop.ScoresKey = None,
    attempts_key: named_loop.AttemptsKey = None,
    messages_key: named_loop.MessagesKey = None,
    question_key: named_loop.QuestionKey = None,
    fixed: named_loop.FixedRevisions = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Go on without asking after the estimate.")
    ] = False,
    rounds: Annotated[
        int | None, typer.Option("--rounds", hidden=True, help="Former name of --revisions.")
    ] = None,
) -> None:
    """Record what the loop does with questions whose answers are known.

    Each question is drawn afresh and revised as often as asked, without stopping early. A finished
    question is written at once: when the command is broken off, the same command goes on. What it
    takes and what it can tell is said before; at a terminal you are asked whether to go on.

    With --loop a loop of your own is run, once for each fresh start. Unless a MarkovScaleRouter is
    its edge or --fixed is given it stops by its own rule, for which `markovscale calibrate`
    corrects.
    """
    from langchain_markovscale.cli.loop import check_names, local_models
    from langchain_markovscale.recording.questions import read_questions
    from langchain_markovscale.recording.schedule import Schedule

    if rounds is not None:
        say(f"warning: --rounds is now called --revisions: write --revisions {rounds}.", "yellow")
        revisions = rounds
    keys = {
        "answers_key": answers_key,
        "scores_key": scores_key,
        "attempts_key": attempts_key,
        "messages_key": messages_key,
        "question_key": question_key,
        "fixed": fixed,
    }
    own: dict[str, Any] = {name: value for name, value in keys.items() if value is not None}
    _check_loop(context, loop, own)
    part = None if shard is None else options.part_named(shard)
    output = output if part is None else part.file(output)
    models = [] if loop is not None else local_models(model, verifier)
    _check_files(dataset, like, output, models)
    paid = options.token_prices(prices)
    if loop is None:
        check_names(model, verifier)
    schedule = Schedule(revisions, fresh_starts)
    questions: Sequence[Question] = read_questions(
        dataset, question_field=question_field, reference_field=reference_field
    )
    questions = questions if part is None else part.of(questions)
    if not questions:
        say(f"No question is in part {shard}.")
        return
    if loop is not None:
        recorded = _own_loop(loop, own, answer_key, grader, questions)
    else:
        made = {
            "model": model,
            "verifier": verifier,
            "temperature": temperature,
            "max_tokens": max_tokens,
            **({} if seed is None else {"seed": seed}),
        }
        recorded = _made_loop(made, answer_key, grader, questions, output)
    try:
        recording = recorded.run(
            recorded.loop,
            questions,
            path=output,
            grader=recorded.grading,
            revisions=schedule.revisions,
            fresh_starts=schedule.fresh_starts,
            max_concurrency=max_concurrency,
            metadata=recorded.settings,
            progress=True,
            confirm=partial(_goes_on, asks=not yes and sys.stdin.isatty()),
            like=like,
            prices=paid,
            **recorded.own,
        )
    except KeyboardInterrupt:
        say(f"What was recorded is in {name_of(output)}; the same command goes on from there.")
        raise
    fixed_revisions = recorded.own.get("fixed")
    depth = fixed_revisions if isinstance(fixed_revisions, int) else schedule.revisions
    _say_what_it_tells(recording, output, depth)
    if recording.failed:
        raise typer.Exit(FAILED)


class _Recorded(NamedTuple):
    """The loop that is recorded, and how.

    Attributes:
        loop: The graph or function.
        run: Records it.
        grading: Labels its answers.
        settings: What is kept with every trace, and must be the same to add to a file.
        own: Options for a loop of one's own.
    """

    loop: Any
    run: "Callable[..., Recording]"
    grading: "Grader"
    settings: dict[str, Any]
    own: dict[str, Any]


def _own_loop(
    name: str,
    own: Mapping[str, Any],
    answer_key: str | None,
    grader: str | None,
    questions: "Sequence[Question]",
) -> _Recorded:
    """Return the loop that `--loop` names."""
    from langchain_markovscale.recording.record import key_of

    loop = named_loop.loop_named(name)
    settings = {"own_loop": name, **own, "answer_key": answer_key, "grader": grader or "exact"}
    given = dict(own)
    if "fixed" in own:
        given["fixed"] = named_loop.fixed_named(own["fixed"])
    if answer_key is not None:
        given["answer_key"] = answer_key
    grading = _grading(grader, answer_key or key_of(loop), questions)
    # It may be written for an event loop alone.
    return _Recorded(loop, _on_an_event_loop, grading, settings, given)


def _made_loop(
    made: dict[str, Any],
    answer_key: str | None,
    grader: str | None,
    questions: "Sequence[Question]",
    output: Path,
) -> _Recorded:
    """Return a loop of this package's, of a model and a verifier."""
    from langchain_markovscale.cli.loop import build_loop
    from langchain_markovscale.recording.record import record_traces
    from langchain_markovscale.recording.recording_file import unfinished

    grading = _grading(grader, answer_key, questions)
    seed = made.get("seed")
    loop = build_loop(
        model_name=made["model"],
        verifier_name=made["verifier"],
        answer_key=answer_key,
        cost_per_round=0.0,
        max_rounds=1,
        actions=("revise", "generate"),
        temperature=made["temperature"],
        max_tokens=made["max_tokens"],
        seed=seed,
        calls_made=None if seed is None else unfinished(output),
    )
    settings = {"answer_key": answer_key, "grader": grader or "exact", **made}
    return _Recorded(loop.graph, record_traces, grading, settings, {})


def _say_what_it_tells(recording: "Recording", output: Path, revisions: int) -> None:
    from langchain_markovscale.recording.power import recording_outlook
    from langchain_markovscale.traces.trace import read_traces

    results().print(continued(str(recording)), markup=False, soft_wrap=True)
    known = recording_outlook(read_traces(output), revisions) if revisions else None
    if known is not None:
        results().print(str(known), markup=False, soft_wrap=True)


def _check_loop(context: typer.Context, loop: str | None, own: Mapping[str, Any]) -> None:
    """Refuse options that are for the other kind of loop."""
    if loop is None:
        if own:
            raise ArgumentError(
                next(iter(own)), "is for a loop of your own: name that with --loop."
            )
        return
    for name in _OF_A_MODEL:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ArgumentError(
                name,
                "is for the loop that this command makes, and --loop names yours: set it there.",
            )


def _on_an_event_loop(loop: Any, questions: "Sequence[Question]", **options: Any) -> "Recording":
    from langchain_markovscale.recording.record import arecord_traces

    return asyncio.run(arecord_traces(loop, questions, **options))


def _check_files(
    dataset: Path, like: Path | None, output: Path, models: "Sequence[tuple[str, Path]]"
) -> None:
    """See that what is read can be read, and what is written is written over none of it."""
    from langchain_markovscale.recording.recording_file import unfinished_file

    check_input("DATASET", dataset, "questions")
    if like is not None:
        check_input("--like", like, "traces")
    written = (output, unfinished_file(output))
    check_outputs([("--output", path) for path in written], [("DATASET", dataset), *models])


def _goes_on(expected: "RecordingEstimate", *, asks: bool) -> bool:
    """Say what the recording takes, and ask at a terminal, once that is known."""
    say(str(expected))
    if not asks or expected.seconds is None:
        return True
    return typer.confirm("Go on?", default=False, err=True)


def _grading(
    grader: str | None,
    answer_key: "AnswerKey | str | None",
    questions: "Sequence[Question]",
) -> "Grader":
    """Return the grader, after checking every reference with it."""
    from langchain_markovscale.recording.graders import check_reference, resolve_grader

    if grader == _UNLABELLED:
        return resolve_grader(lambda answer, reference: None)
    given = [each.reference for each in questions if each.reference is not None]
    if not given:
        raise ValueError(
            "no question has a reference, and no attempt would get a label to calibrate from: add "
            "a 'reference' to each line, name the field that has it with --reference-field, or "
            "give --grader none to record without labels."
        )
    if grader is None and answer_key is None:
        raise ValueError(
            "without --answer-key a whole answer would be compared with the reference, and 'The "
            "answer is 4.' is not '4': give --answer-key, such as last_number, or --grader "
            "numeric or math; --grader exact compares whole texts on purpose."
        )
    grading = resolve_grader(grader or "exact", answer_key)
    for reference in given:
        check_reference(grading, reference)
    return grading
