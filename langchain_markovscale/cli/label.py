"""`markovscale label`: whether the answers of recorded runs are right, by a person or a grader."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_markovscale.cli import options
from langchain_markovscale.cli.console import results, say
from langchain_markovscale.cli.files import check_input
from langchain_markovscale.types import ArgumentError

if TYPE_CHECKING:
    from langchain_markovscale.traces.trace import LabelledAttempt, Trace

_LABELS = {"right": True, "wrong": False}
_REPLIES = {name[0]: name for name in ("right", "wrong", "skip", "back", "quit")}


def label(
    traces: Annotated[
        Path,
        typer.Argument(help="File of traces, such as watch() writes it.", show_default=False),
    ],
    grader: Annotated[
        str | None,
        typer.Option(
            help="Label by the references in the file: exact, numeric[:<relative tolerance>] or "
            "math. Without it you are asked.",
            show_default=False,
        ),
    ] = None,
    answer_key: options.AnswerKeyName = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            help="Label by what users said: feedback or runs of LangSmith, or scores of Langfuse, "
            "as JSON, JSON Lines or CSV. They are joined by the run's id.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="The key of the feedback that says what is right.",
            show_default="user_score, thumbs_up and so on, or the only one",
        ),
    ] = None,
) -> None:
    """Say of each answer that has no label whether it is right.

    Labels are saved as you go, also while other runs are added to the file; the same command goes
    on where it was left. Answers of one question with the same key have the same label. Feedback
    is about the answer that a run returned, and labels no other one.
    """
    from langchain_markovscale.traces.appending import replace_traces
    from langchain_markovscale.traces.trace import read_traces

    check_input("TRACES", traces, "traces")
    if feedback is not None:
        if grader is not None:
            raise ArgumentError("grader", "cannot be given beside --feedback: give one of them.")
        results().print(_by_feedback(traces, feedback, label), markup=False, soft_wrap=True)
        _tell_what_is_left(traces)
        return
    if label is not None:
        raise ArgumentError("label", "names a key of --feedback, which is missing: give both.")
    every = [trace for trace in read_traces(traces) if next(_unlabelled(trace), None) is not None]
    if grader is not None:
        replace_traces(traces, _graded(every, grader, answer_key))
    else:
        _ask(traces, every)
    _tell_what_is_left(traces)


def _by_feedback(traces: Path, feedback: Path, label: str | None) -> str:
    from langchain_markovscale.recording.feedback_labels import label_traces

    check_input("--feedback", feedback, "feedback")
    return str(label_traces(traces, feedback, label=label))


def _tell_what_is_left(traces: Path) -> None:
    from langchain_markovscale.display.wording import counted
    from langchain_markovscale.traces.trace import read_traces

    left = sum(1 for trace in read_traces(traces) for _ in _unlabelled(trace))
    have = counted(left, "answer has", "answers have")
    results().print(f"{have} no label yet.", markup=False)


def _unlabelled(trace: "Trace") -> "Iterator[LabelledAttempt]":
    return (attempt for attempt in trace["attempts"] if attempt.get("correct") is None)


def _graded(traces: "list[Trace]", grader: str, answer_key: str | None) -> "list[Trace]":
    from langchain_markovscale.recording.graders import check_reference, resolve_grader

    grading = resolve_grader(grader, answer_key)
    known = [trace for trace in traces if trace.get("reference") is not None]
    if traces and not known:
        raise ValueError(
            "no trace has a reference, which a grader compares answers with: leave --grader out to "
            "be asked yourself, or add a 'reference' to the lines."
        )
    for trace in known:
        check_reference(grading, trace.get("reference"))
    for trace in known:
        for attempt in _unlabelled(trace):
            attempt["correct"] = grading(attempt["text"], trace.get("reference") or "")
    return known


def _ask(path: Path, traces: "list[Trace]") -> None:
    """Ask a person; every answer is saved at once, so that nothing is lost when they leave."""
    from langchain_markovscale.recording.feedback_labels import set_label
    from langchain_markovscale.traces.appending import replace_traces

    todo = [(trace, attempt) for trace in traces for attempt in _unlabelled(trace)]
    done: list[int] = []
    place = 0
    while place < len(todo):
        trace, attempt = todo[place]
        if attempt.get("correct") is not None:  # its key was labelled with another answer
            place += 1
            continue
        console = results()
        console.print(f"\nQuestion: {trace['question']}", markup=False)
        console.print(f"Answer:   {attempt['text']}", markup=False)
        if trace.get("reference") is not None:
            console.print(f"Reference: {trace.get('reference')}", markup=False)
        say(f"{place + 1} of {len(todo)}. [r]ight, [w]rong, [s]kip, [b]ack, [q]uit")
        try:
            typed = input().strip().casefold()
        except EOFError:
            return
        reply = _REPLIES.get(typed, typed)
        if reply == "quit":
            return
        if reply == "back" and done:
            place = done.pop()
            set_label(*todo[place], None)
            replace_traces(path, [todo[place][0]])
        elif reply in _LABELS:
            set_label(trace, attempt, _LABELS[reply])
            replace_traces(path, [trace])
            done.append(place)
            place += 1
        elif reply == "skip":
            done.append(place)
            place += 1
