"""A chat model that says what a test wants, and remembers what it was asked."""

from collections.abc import Callable
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

Reply = str | AIMessage | BaseException


class ScriptedModel(BaseChatModel):
    """Replies as a function of the conversation says; an exception is raised instead."""

    reply: Callable[[list[BaseMessage]], Reply]
    model_name: str = "scripted"
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "ScriptedModel":
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked.append(list(messages))
        reply = self.reply(messages)
        if isinstance(reply, BaseException):
            raise reply
        message = reply if isinstance(reply, AIMessage) else said(reply)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def texts_asked(self, call: int) -> list[str]:
        """The texts of the conversation that a call saw."""
        return [message.text for message in self.asked[call]]


def said(text: str, **calls: Any) -> AIMessage:
    """A reply that says what it cost; keyword arguments are the call of the tool of that name."""
    usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    tool_calls = [{"name": name, "args": args, "id": name} for name, args in calls.items()]
    return AIMessage(text, usage_metadata=usage, tool_calls=tool_calls)


def scripted(*script: Reply) -> ScriptedModel:
    """A model that gives one reply after the other, and none beyond."""
    replies = iter(script)
    # A script that runs out ends the test: as an Exception, the loop would make an answer of it.
    overrun = KeyboardInterrupt(f"asked more often than {len(script)} times")
    return ScriptedModel(reply=lambda messages: next(replies, overrun))
