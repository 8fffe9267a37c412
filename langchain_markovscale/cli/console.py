"""Consoles: results go to stdout, everything else to stderr, so that `--json` can be piped."""

import json
from typing import Any

from rich.console import Console
from rich.text import Text

FAILED = 1
"""The command ran, but something failed, such as a question without an answer."""

BAD_INPUT = 2
"""The command cannot be carried out as it was given."""

INTERRUPTED = 130
"""Ctrl-C, by the convention of shells."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the error rise: rich would end the process from within an asyncio task."""
        raise


def results() -> Console:
    """Return a console on stdout, made anew since a test or a pipe may have replaced it."""
    return _Console(highlight=False)


def remarks() -> Console:
    """Return a console on stderr, for progress and for what went wrong."""
    return _Console(stderr=True, highlight=False)


def say(message: str, style: str = "") -> None:
    """Write a remark to stderr on one line, brackets and all, however narrow the terminal."""
    remarks().print(Text(message, style=style), soft_wrap=True)


def write_json(value: dict[str, Any]) -> None:
    """Write one JSON object on a line of its own to stdout, at once."""
    console = results()
    console.file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
    console.file.flush()
