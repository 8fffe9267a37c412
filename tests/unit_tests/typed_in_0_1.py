"""What version 0.1 told its users to type, and which of it has been deprecated since."""

import json
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
PUBLIC_NAMES = json.loads((DATA / "public_names_0_1.json").read_text(encoding="utf-8"))

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
gives, a regular expression. Nothing else may warn."""


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
