"""A chat model that says what a test wants, put where the command line would load one."""

import asyncio
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from langchain_markovscale.cli import loop

Reply = str | BaseException


class ScriptedChatModel(BaseChatModel):
    """Replies in turn with given texts, or raises given errors; notes what it was called with."""

    replies: list[Any]
    wait: float = 0.0
    asked: list[Any] = Field(default_factory=list)
    options: list[dict[str, Any]] = Field(default_factory=list)
    turn: Any = None

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.turn = self.turn or cycle(self.replies)
        self.asked.append(messages)
        self.options.append(kwargs)
        reply = next(self.turn)
        if isinstance(reply, BaseException):
            raise reply
        message = AIMessage(
            reply, usage_metadata={"input_tokens": 10, "output_tokens": 3, "total_tokens": 13}
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        await asyncio.sleep(self.wait)
        return self._generate(messages, *args, **kwargs)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedChatModel]:
    """Return a function that makes a scripted model the one that `--model` loads."""

    def install(*replies: Reply, wait: float = 0.0) -> ScriptedChatModel:
        model = ScriptedChatModel(replies=list(replies), wait=wait)
        monkeypatch.setattr(loop, "chat_model", lambda name, **options: model)
        return model

    return install
