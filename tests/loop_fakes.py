"""A chat model that follows a script, verifiers with fixed opinions, and an agent of both."""

import re
from collections.abc import Iterator
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from langchain_markovscale import Calibration, MarkovScaleMiddleware

SURE = Calibration.from_rates(
    initial=0.5, repair=0.6, corruption=0.1, sensitivity=0.95, specificity=0.95
)


def said(text: str, read: int = 7, written: int = 3, **calls: Any) -> AIMessage:
    """A reply that says what it cost; keyword arguments are the call of the tool of that name."""
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    tool_calls = [{"name": name, "args": args, "id": name} for name, args in calls.items()]
    return AIMessage(text, usage_metadata=usage, tool_calls=tool_calls)


class Scripted(BaseChatModel):
    """Gives one reply after the other, raises what is an exception, and streams word by word."""

    script: list[Any]
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "Scripted":
        return self

    def _next(self, messages: list[BaseMessage]) -> AIMessage:
        self.asked.append(list(messages))
        reply = self.script[len(self.asked) - 1]
        if isinstance(reply, BaseException):
            raise reply
        return reply if isinstance(reply, AIMessage) else said(reply)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        reply = self._next(messages).model_copy()
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs) -> Iterator[Any]:
        reply = self._next(messages)
        for word in re.findall(r"\S+\s*", reply.text):
            chunk = ChatGenerationChunk(message=AIMessageChunk(word))
            if run_manager:
                run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk
        last = AIMessageChunk("", tool_calls=reply.tool_calls, usage_metadata=reply.usage_metadata)
        yield ChatGenerationChunk(message=last)

    def texts_asked(self, call: int) -> list[str]:
        return [message.text for message in self.asked[call]]


def accepting(*right: str):
    """A verifier that accepts these answers and criticises all others."""

    def verify(answer: str) -> tuple[float, str | None]:
        return (0.95, None) if answer in right else (0.05, f"not {answer}")

    return verify


def agent_of(model, verifier, tools=(), *, checkpointer=None, response_format=None, **options):
    middleware = MarkovScaleMiddleware(
        verifier=verifier,
        **{"calibration": SURE, "actions": ("revise",), "cost_per_round": 0.1, **options},
    )
    return create_agent(
        model,
        list(tools),
        middleware=[middleware],
        checkpointer=checkpointer,
        response_format=response_format,
    )


def asked(text="What is 17 * 23?"):
    return {"messages": [HumanMessage(text)]}


def texts(output):
    return [message.text for message in output["messages"]]


def told(output):
    return output["messages"][-1].response_metadata["markovscale"]
