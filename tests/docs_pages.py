"""The pages of the documentation, and how a reader goes through one: from top to bottom."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fakes import ScriptedModel
from typed_in_0_1 import product_in

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

_BLOCK = re.compile(
    r'(?P<skip><!-- not run: [^\n]+ -->\n)?^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n'
    r"(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A piece of code on a page; with a title it is a file of the reader's."""

    language: str
    title: str | None
    text: str
    runs: bool


def blocks_of(page: Path) -> Iterator[Block]:
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        runs = found["language"] == "python" and found["skip"] is None
        yield Block(found["language"], found["title"], found["text"], runs)


def commands_of(page: Path) -> list[str]:
    """What a page lets its reader type, each on one line."""
    shell = "".join(block.text for block in blocks_of(page) if block.language == "bash")
    return re.findall(r"^markovscale .*$", shell.replace("\\\n", ""), re.MULTILINE)


# Models by name, none of them from outside.


def _writer() -> ScriptedModel:
    def write(messages):
        question = next(message.text for message in messages if message.type == "human")
        product = product_in(question)
        return "Goethe wrote it." if product is None else f"The product is {product}."

    return ScriptedModel(script=[write], repeat=True, model_name="gpt-5-mini")


def _judge() -> ScriptedModel:
    reply = "CRITIQUE: none\nVERDICT: PASS"
    return ScriptedModel(script=[reply], repeat=True, model_name="gpt-5")


def chat_model_by_name(model: str, **options: object) -> ScriptedModel:
    """What stands in for `init_chat_model`."""
    return {"openai:gpt-5-mini": _writer, "openai:gpt-5": _judge}[model]()
