"""JSON files with a format and a version, written whole or not at all, and checked when read."""

import json
import reprlib
from pathlib import Path
from typing import Any

from langchain_markovscale._files import write_text


def write_document(path: str | Path, kind: str, version: int, content: dict[str, Any]) -> None:
    """Write plain JSON values, with the kind and version of the file before them.

    Args:
        path: The file; it is replaced whole or not at all.
        kind: What the file holds, in a word: `"calibration"`.
        version: Version of what it holds.
        content: Plain JSON values.

    Raises:
        FileNotFoundError: If there is no such folder.
        IsADirectoryError: If the path is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the path of a file for the {kind}.")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {target.parent} to write the {kind} into: make it first."
        )
    document = {"format": _format(kind), "version": version, **content}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    # In JSON what `write_text` writes out, half of a surrogate pair, is an escape: it is read back.
    write_text(target, text + "\n")


def read_document(path: str | Path, kind: str, version: int, remedy: str) -> dict[str, Any]:
    """Read what `write_document` wrote, without format and version.

    Args:
        path: The file.
        kind: What it should hold.
        version: The version that it should have.
        remedy: What to do where it has another one: `"calibrate again"`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no JSON, something else, or another version.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # numbers may be too long, lists too deep
        found = "no text" if isinstance(error, UnicodeDecodeError) else f"no JSON ({error})"
        raise ValueError(
            f"{path} is not a {kind}: it holds {found}. Give the path of another file; tables and "
            "logs are what `markovscale calibrate` and `markovscale check` read."
        ) from None
    if not isinstance(document, dict) or document.pop("format", None) != _format(kind):
        raise ValueError(
            f"{path} is not a {kind}: its 'format' is not {_format(kind)!r}. Give the path of "
            "another file."
        )
    found = document.pop("version", None)
    if found != version:
        raise ValueError(
            f"{path} is a {kind} of version {reprlib.repr(found)}, but this release reads version "
            f"{version}: {remedy}, or install the release that wrote it."
        )
    return document


def _format(kind: str) -> str:
    return f"langchain-markovscale {kind}"
