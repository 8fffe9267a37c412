"""Models and verifiers that follow a script, fail on cue, and remember what they were asked."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import Field


class PowerCut(BaseException):
    """Ends a run as a kill would: nothing in the graph may catch it."""


# Who was asked once too often. The loop makes an answer of any error, so that it is not enough to
# raise one: a fixture looks here after each test.
OVERRUN: list[str] = []


def reply(text: str, read: int = 7, written: int = 3) -> AIMessage:
    """A reply that says what it cost."""
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return AIMessage(text, usage_metadata=usage)


class ScriptedModel(BaseChatModel):
    """Gives one reply after the other; an exception in the script is raised instead.

    Streams word by word.
    """

    script: list[Any]
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _next(self, messages: list[BaseMessage]) -> AIMessage:
        self.asked.append(messages)
        said = _line(self.script, len(self.asked))
        return said if isinstance(said, AIMessage) else AIMessage(said)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages))])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs) -> Iterator[Any]:
        said = self._next(messages)
        for word in re.findall(r"\S+\s*", said.text):
            chunk = ChatGenerationChunk(message=AIMessageChunk(word))
            if run_manager:
                run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk

    @property
    def calls(self) -> int:
        return len(self.asked)


class Scripted(Runnable[Any, Any]):
    """A Runnable that returns, or raises, one thing after the other."""

    def __init__(self, *script: Any) -> None:
        self.script = script
        self.asked: list[Any] = []

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        self.asked.append(input)
        return _line(self.script, len(self.asked))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self.invoke(input)

    @property
    def calls(self) -> int:
        return len(self.asked)


def accepts(*right: str) -> Callable[[str], float]:
    """A verifier that accepts answers with one of these texts, and rejects all others."""

    def verify(answer: str) -> float:
        return 0.95 if answer in right else 0.05

    return verify


def rejecting(feedback: str | None = None) -> Callable[[str], Any]:
    """A verifier that rejects everything."""

    def verify(answer: str) -> Any:
        return 0.05, feedback

    return verify


def _line(script: Sequence[Any], number: int) -> Any:
    if number > len(script):
        OVERRUN.append(f"call {number} of the script {script}")
        raise IndexError(OVERRUN[-1])
    said = script[number - 1]
    if isinstance(said, BaseException):
        raise said
    return said
