"""Files that a command writes, looked at before the work begins, so that none of it is lost."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_markovscale.cli.console import say

if TYPE_CHECKING:
    from langchain_markovscale.faces.display import Display


def check_output(option: str, path: Path | None) -> None:
    """See that a file can be written where an option says.

    Args:
        option: The option, such as `--html`.
        path: What it was given; None passes.

    Raises:
        ValueError: If it cannot; the message names the option, the path and what to do.
    """
    if path is None:
        return
    folder = path.parent
    if path.is_dir():
        trouble, remedy = "is a folder", "add the name of a file"
    elif not folder.exists():
        trouble, remedy = f"lies in {folder}, which does not exist", f"mkdir -p {folder} makes it"
    elif not folder.is_dir():
        trouble, remedy = f"lies in {folder}, which is no folder", "give another path"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        trouble, remedy = "may not be written by you", "give another path, or change its rights"
    else:
        return
    raise ValueError(f"{option} {path}: it {trouble}: {remedy}.")


def write_pages(made: "Display", html: Path | None, markdown: Path | None) -> None:
    """Write a report or a comparison to the files that were asked for, and say where they are.

    Args:
        made: What to write.
        html: File for a page with plots, if wanted.
        markdown: File for Markdown, if wanted.
    """
    if html is not None:
        html.write_text(made.html(), encoding="utf-8")
        say(f"The page is in {html}.")
    if markdown is not None:
        markdown.write_text(made.markdown, encoding="utf-8")
        say(f"The Markdown is in {markdown}.")
