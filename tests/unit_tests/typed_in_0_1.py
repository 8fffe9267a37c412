"""What version 0.1 told its users to type, and which of it has been deprecated since."""

import json
import re
from collections import Counter
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedModel

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
PUBLIC_NAMES = json.loads((DATA / "public_names_0_1.json").read_text(encoding="utf-8"))

README = (DATA / "readme_0_1.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHELL = "".join(re.findall(r"```bash\n(.*?)```", README, re.DOTALL)).replace("\\\n", "")

# The modules that users' files name, and what they take from them.
PATHS = {
    "langchain_markovscale.cli": ["main"],
    "langchain_markovscale.cli.serving": ["make_graph"],
    "langchain_markovscale.demo": [],
    "langchain_markovscale.demo.casting_out_nines": ["casting_out_nines"],
    "langchain_markovscale.integrations.huggingface": [
        "BatchedChatHuggingFace",
        "RewardModelVerifier",
        "TokenProbabilityVerifier",
        "load_chat_model",
    ],
}

DEPRECATED: dict[str, str] = {}
"""What works and should no longer be typed: from a part of a block, of a command, or of
`import <module>` or `from langchain_markovscale import <name>`, to the DeprecationWarning that it
gives, a regular expression. Nothing else may warn. What changes on purpose is named here when it
does: the default actions of an agent with tools, and the default of `--fresh-starts`."""


def warnings_due(text: str) -> list[str]:
    """The deprecations that a text runs into."""
    return [message for part, message in DEPRECATED.items() if part in text]


@contextmanager
def as_it_was_typed(text: str):
    """Run what a text stands for, and see that it warns of what is deprecated in it."""
    with ExitStack() as stack:
        for message in warnings_due(text):
            stack.enter_context(pytest.deprecated_call(match=message))
        yield


def block_with(part: str) -> str:
    """The example in which a text occurs."""
    (found,) = (block for block in BLOCKS if part in block)
    return found


def executed(block: str, **given: Any) -> dict[str, Any]:
    """Run an example, and return its names."""
    with as_it_was_typed(block):
        exec(compile(block, "the README of version 0.1", "exec"), given)
    return given


# Models by name, none of them from outside.


def product_in(text: str) -> int | None:
    found = re.search(r"(\d+) \* (\d+)", text)
    return None if found is None else int(found[1]) * int(found[2])


def writer() -> ScriptedModel:
    """Multiplies, and errs in one answer of three, never twice in the same way."""
    calls: Counter[str] = Counter()

    def write(messages):
        question = next(message.text for message in messages if message.type == "human")
        calls[question] += 1
        dice = sha256(f"{calls[question]} {question}".encode()).digest()[0]
        error = calls[question] if dice % 3 == 0 else 0
        return f"The product is {product_in(question) + error}."

    return ScriptedModel(script=[write], repeat=True, model_name="gpt-5-mini")


def judge() -> ScriptedModel:
    """Knows better."""

    def verdict(messages):
        right = f"The product is {product_in(messages[-1].text)}." in messages[-1].text
        return f"CRITIQUE: none\nVERDICT: {'PASS' if right else 'FAIL'}"

    return ScriptedModel(script=[verdict], repeat=True, model_name="gpt-5")
