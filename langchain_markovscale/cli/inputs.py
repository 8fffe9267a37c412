"""Files that a command reads, looked at first: is it there, and is it of the kind that is read."""

import json
from pathlib import Path
from typing import Literal

Kind = Literal["questions", "traces", "calibration"]

_MADE_BY: dict[Kind, str] = {
    "questions": 'write one JSON object a line, {"question": "…", "reference": "…"}',
    "traces": "`markovscale record questions.jsonl -o traces.jsonl` makes them",
    "calibration": "`markovscale calibrate traces.jsonl -o calibration.json` makes one",
}
_NAMES: dict[Kind, str] = {
    "questions": "questions",
    "traces": "traces",
    "calibration": "a calibration",
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
    if not path.exists():
        trouble = "there is no such file: check the path"
    elif path.is_dir():
        trouble = "it is a folder: add the name of a file"
    else:
        try:
            found = _looks_like(path)
        except OSError as error:
            trouble = f"it cannot be read ({error.strerror}): change its rights"
        else:
            if found == "nothing":
                trouble = "it is empty"
            # Traces have questions and references, so that they can be asked again.
            elif found in (None, kind) or (found, kind) == ("traces", "questions"):
                return
            else:
                looks = f"it looks like {_NAMES[found]}, and {_READ_BY[found]}"
                trouble = f"it is not {_NAMES[kind]}: {looks}"
    raise ValueError(f"{name} {path}: {trouble}. For {_NAMES[kind]}: {_MADE_BY[kind]}.")


def _looks_like(path: Path) -> Kind | Literal["nothing"] | None:
    """Return what the first line speaks for; None where it is something else or unreadable."""
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
    return "questions" if "question" in record else None
