"""Files that a command reads or writes, looked at before the work begins."""

import json
import os
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from langchain_markovscale._files import is_same_file, write_text
from langchain_markovscale._text import name_of
from langchain_markovscale.cli.console import say

if TYPE_CHECKING:
    from langchain_markovscale.display.display import Display

Kind = Literal["questions", "traces", "calibration", "feedback"]

_MADE_BY: dict[Kind, str] = {
    "questions": 'write one JSON object a line, {"question": "…", "reference": "…"}',
    "traces": (
        "`markovscale record questions.jsonl -o traces.jsonl` makes them, and `markovscale check` "
        "and `calibrate` read a table (CSV) or a log as well"
    ),
    "calibration": "`markovscale calibrate traces.jsonl -o calibration.json` makes one",
    "feedback": (
        "write what `client.list_feedback(run_ids=…)` of LangSmith returns, one JSON object a line"
    ),
}
_NAMES: dict[Kind, str] = {
    "questions": "questions",
    "traces": "traces",
    "calibration": "a calibration",
    "feedback": "feedback",
}
_READ_BY: dict[Kind, str] = {
    "questions": "`markovscale record` and `markovscale solve --file` read those",
    "traces": "`markovscale calibrate` and `markovscale compare` read those",
    "calibration": "`markovscale report` and `markovscale solve --calibration` read those",
}


def check_input(name: str, path: Path, kind: Kind) -> None:
    """See that a file can be read and does not look like something else.

    What is wrong within a file of the right kind is for whoever reads it to say.

    Args:
        name: The option or argument that gave the path, such as `--calibration`.
        path: The file.
        kind: What it should hold.

    Raises:
        ValueError: If it cannot be used; the message names all three and what to do.
    """
    if kind == "traces" and (several := _several(path)):
        for each in several:
            check_input(name, each, kind)
        return
    if not path.exists():
        problem = "there is no such file: check the path"
    elif path.is_dir():
        problem = "it is a folder: add the name of a file"
    else:
        try:
            found = looks_like(path)
        except OSError as error:
            problem = f"it cannot be read ({error.strerror}): change its rights"
        else:
            if found == "nothing":
                problem = "it is empty"
            # Traces have questions and references, so that they can be asked again.
            elif found in (None, kind) or (found, kind) == ("traces", "questions"):
                return
            else:
                looks = f"it looks like {_NAMES[found]}, and {_READ_BY[found]}"
                problem = f"it is not {_NAMES[kind]}: {looks}"
    raise ValueError(f"{name} {name_of(path)}: {problem}. For {_NAMES[kind]}: {_MADE_BY[kind]}.")


def _several(path: Path) -> list[Path]:
    """Return the files of traces in a folder or of a pattern; none where it is a file's path."""
    if path.exists() and not path.is_dir():
        return []
    from langchain_markovscale.traces.trace import trace_files

    try:
        found = trace_files(path)
    except ValueError:
        return []
    return [] if found == [path] else found


def looks_like(path: Path) -> Kind | Literal["nothing"] | None:
    """Return what the first line looks like; None where it is something else or unreadable."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        line = next((line for line in file if line.strip()), None)
    if line is None:
        return "nothing"
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    if str(record.get("format", "")).endswith(" calibration"):
        return "calibration"
    if "attempts" in record:
        return "traces"
    if "question" not in record:
        return None
    from langchain_markovscale.traces.columns import holds_answers

    return None if holds_answers(record) else "questions"


def check_outputs(
    outputs: Sequence[tuple[str, Path | None]], inputs: Sequence[tuple[str, Path]] = ()
) -> None:
    """See that files can be written where options say, and that none is written over another one.

    Args:
        outputs: The files that are written, each after its option, such as `--html`; None passes.
        inputs: The files that are read, each after its option or argument, and a model's folder.

    Raises:
        ValueError: If it cannot; the message names the option, the path and what to do.
    """
    written = [(option, path) for option, path in outputs if path is not None]
    inputs = [(name, each) for name, path in inputs for each in _several(path) or [path]]
    for option, path in written:
        _check_output(option, path)
    for (option, path), (other, there) in (*product(written, inputs), *combinations(written, 2)):
        if path.is_char_device():
            continue
        if is_same_file(path, there) or _is_models(path, there):
            raise ValueError(
                f"{option} {name_of(path)}: it is the file of {other} {name_of(there)}, which "
                f"would be lost: give {option} another path."
            )


def _is_models(path: Path, folder: Path) -> bool:
    """Return whether a file is one of those in a model's folder, and none that a command wrote."""
    if not (folder.is_dir() and path.is_file()):
        return False
    return folder.resolve() in path.resolve().parents and looks_like(path) is None


def _check_output(option: str, path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        problem, remedy = "is a folder", "add the name of a file"
    elif not folder.exists():
        problem, remedy = f"lies in {folder}, which does not exist", f"mkdir -p {folder} makes it"
    elif not folder.is_dir():
        problem, remedy = f"lies in {folder}, which is not a folder", "give another path"
    elif not all(os.access(each, os.W_OK) for each in (folder, path) if each.exists()):
        problem, remedy = "may not be written by you", "give another path, or change its rights"
    else:
        return
    raise ValueError(f"{option} {name_of(path)}: it {problem}: {remedy}.")


def write_pages(made: "Display", html: Path | None, markdown: Path | None) -> None:
    """Write a report or a comparison to the files that were asked for, and say where they are.

    Args:
        made: What to write.
        html: File for a page with plots, if wanted.
        markdown: File for Markdown, if wanted.
    """
    if html is not None:
        write_text(html, made.html())
        say(f"The page is in {name_of(html)}.")
    if markdown is not None:
        write_text(markdown, made.markdown)
        say(f"The Markdown is in {name_of(markdown)}.")
