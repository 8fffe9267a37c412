"""A scripted chat model, put where the command line would load one."""

from collections.abc import Callable
from typing import Any

import pytest
from fakes import ScriptedModel, reply

from langchain_markovscale.cli import loop


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedModel]:
    """Return a function that makes a model of these lines, over and over, that of `--model`."""

    def install(*script: Any) -> ScriptedModel:
        lines = [reply(line, 10, 3) if isinstance(line, str) else line for line in script]
        model = ScriptedModel(script=lines, repeat=True)
        monkeypatch.setattr(loop, "chat_model", lambda name, **options: model)
        return model

    return install
