"""Consoles: results go to stdout, everything else to stderr, so that `--json` can be piped.

Whatever is printed passes a console of this module, which makes it harmless to the terminal and
never fails because of a character that the terminal's encoding lacks.
"""

import json
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from langchain_markovscale._text import HIDDEN, harmless

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

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does, and let none of what is shown steer the terminal."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def results() -> Console:
    """Return a console on stdout, made anew since a test or a pipe may have replaced it."""
    _written_out(sys.stdout)
    return _Console(highlight=False)


def remarks() -> Console:
    """Return a console on stderr, for progress and for what went wrong."""
    _written_out(sys.stderr)
    return _Console(stderr=True, highlight=False)


def _written_out(stream: TextIO) -> None:
    """Let a stream write out what its encoding lacks."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def say(message: str, style: str = "") -> None:
    """Write a remark to stderr, brackets and all, each line whole however narrow the terminal."""
    remarks().print(Text(continued(message), style=style), soft_wrap=True)


def continued(text: str) -> str:
    """Return a text with its lines after the first indented, so that none looks like ours."""
    return text.replace("\n", "\n  ")


_NOT_AS_IT_IS = re.compile(f"[{HIDDEN}]")


def write_json(value: dict[str, Any]) -> None:
    """Write one JSON object on a line of its own to stdout, at once.

    Characters that could steer a terminal, or that the encoding of stdout lacks, are written as
    JSON escapes, so that whoever reads the object gets all of them.
    """
    console = results()
    text = json.dumps(value, ensure_ascii=not console.encoding.startswith("utf"), allow_nan=False)
    console.file.write(_NOT_AS_IT_IS.sub(lambda found: json.dumps(found[0])[1:-1], text) + "\n")
    console.file.flush()
