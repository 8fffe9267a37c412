"""What tests of several rooms put in place of a model, a verifier and measured rates.

```python
model = ScriptedModel(script=["five", ConnectionError("gone"), reply("four", read=9, written=2)])
graph = create_markovscale_graph(model, verifier=accepts("four"))
...
assert model.texts_asked(1) == ["What is 2 + 2?"]
```
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import Field

from langchain_markovscale import Calibration

# A revision is nearly always worth it, so that a verifier that rejects keeps the loop going.
REPAIRING = Calibration.from_rates(
    initial=0.5, repair=0.6, corruption=0.05, sensitivity=0.9, specificity=0.9
)
# And one look of the verifier settles it.
SURE = Calibration.from_rates(
    initial=0.5, repair=0.6, corruption=0.1, sensitivity=0.95, specificity=0.95
)


class PowerCut(BaseException):
    """Ends a run as a kill would: nothing in the package may catch it."""


# Calls after the last line of a script. The loop makes an answer of any error, and LangChain makes
# an Exception of what is none, so that it is not enough to raise one: a fixture for all tests looks
# here after each.
OVERRUN: list[str] = []


def reply(text: str, read: int = 7, written: int = 3, **calls: dict[str, Any]) -> AIMessage:
    """A reply that reports its tokens; keyword arguments are calls of the tools of these names."""
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    tool_calls = [{"name": name, "args": args, "id": name} for name, args in calls.items()]
    return AIMessage(text, usage_metadata=usage, tool_calls=tool_calls)


class ScriptedModel(BaseChatModel):
    """Replies as its script says, from any number of threads; streams word by word.

    A line of the script is a text, a whole message, an exception to raise, or a function of the
    messages that gives one of them. A text is sent as `reply(text)`, with tokens; an `AIMessage`
    reports only what it holds. A call after the last line fails the test, whatever becomes of
    its error.

    Attributes:
        script: The lines.
        repeat: Whether the script begins again at its end.
        wait: Seconds that an awaited reply takes.
        model_name: What traces call it.
        asked: The messages of every call.
        options: The keyword arguments of every call.
    """

    script: list[Any]
    repeat: bool = False
    wait: float = 0.0
    model_name: str = "scripted"
    # Every trace of a call asks for the signature of a default_factory.
    asked: list[list[BaseMessage]] = Field(default=[])
    options: list[dict[str, Any]] = Field(default=[])

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "ScriptedModel":
        return self

    def _reply(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        with _LOCK:
            self.asked.append(list(messages))
            self.options.append(options)
            number = len(self.asked)
        said = _line(self.script, number, messages, repeat=self.repeat)
        return said.model_copy() if isinstance(said, AIMessage) else reply(said)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages, kwargs))])

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        await asyncio.sleep(self.wait)
        return self._generate(messages, **kwargs)

    def _stream(self, messages, stop=None, run_manager=None, **kwargs) -> Iterator[Any]:
        said = self._reply(messages, kwargs)
        for word in re.findall(r"\S+\s*", said.text):
            chunk = ChatGenerationChunk(message=AIMessageChunk(word))
            if run_manager:
                run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk
        last = AIMessageChunk("", tool_calls=said.tool_calls, usage_metadata=said.usage_metadata)
        yield ChatGenerationChunk(message=last)

    @property
    def calls(self) -> int:
        return len(self.asked)

    def texts_asked(self, call: int) -> list[str]:
        """The texts of the messages of one call."""
        return [message.text for message in self.asked[call]]


def scripted(*lines: Any) -> ScriptedModel:
    """A model that gives one line after the other."""
    return ScriptedModel(script=list(lines))


def always(line: Any) -> ScriptedModel:
    """A model that replies so to whatever it is asked."""
    return ScriptedModel(script=[line], repeat=True)


class Scripted(Runnable[Any, Any]):
    """A Runnable that returns, or raises, one line of its script after the other."""

    def __init__(self, *script: Any) -> None:
        self.script = script
        self.asked: list[Any] = []

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        with _LOCK:
            self.asked.append(input)
            number = len(self.asked)
        return _line(self.script, number, input)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self.invoke(input)

    @property
    def calls(self) -> int:
        return len(self.asked)


class ByIndex(Runnable[Any, Any]):
    """A generator that makes the attempt of each index as its script says.

    Args:
        script: For each index what is returned, or raised; a list has one for each call.
        order: In which order the draws that are made at once return, under asyncio; None for any.
    """

    def __init__(self, script: Sequence[Any], order: Sequence[int] | None = None) -> None:
        self.script, self.order = script, order
        self.started: list[int] = []
        self.returned: list[int] = []
        self._waits: dict[int, asyncio.Event] = {}

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        index = config["metadata"]["markovscale_attempt"]
        self.started.append(index)
        line = self.script[index]
        line = line.pop(0) if isinstance(line, list) else line
        if isinstance(line, BaseException):
            raise line
        self.returned.append(index)
        return line

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        if self.order is not None:
            await self._turn(config["metadata"]["markovscale_attempt"])
        return self.invoke(input, config)

    async def _turn(self, index: int) -> None:
        self._waits[index] = asyncio.Event()
        if len(self._waits) == len(self.order):
            self._waits[self.order[0]].set()
        await self._waits[index].wait()
        after = self.order.index(index) + 1
        if after < len(self.order):
            self._waits[self.order[after]].set()


def accepts(*right: str) -> Callable[[str], tuple[float, str | None]]:
    """A verifier that accepts answers with one of these texts, and criticises all others."""

    def verify(answer: str) -> tuple[float, str | None]:
        return (0.95, None) if answer in right else (0.05, f"not {answer}")

    return verify


def rejecting(feedback: str | None = None) -> Callable[[str], tuple[float, str | None]]:
    """A verifier that rejects everything."""

    def verify(answer: str) -> tuple[float, str | None]:
        return 0.05, feedback

    return verify


def stored(kept: Any) -> Iterator[bytes]:
    """Everything in an entry of an `InMemorySaver`, or in several."""
    if isinstance(kept, bytes):
        yield kept
    elif isinstance(kept, dict | tuple):
        for part in kept.values() if isinstance(kept, dict) else kept:
            yield from stored(part)


class Clock:
    """The time that a graph's nodes see, which passes only where it is told to."""

    def __init__(self, monkeypatch: Any) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr("langchain_markovscale.graph.paid_call.time", lambda: self.now)


_LOCK = Lock()  # a call and its number, together


def _line(script: Sequence[Any], number: int, given: Any, *, repeat: bool = False) -> Any:
    if repeat:
        number = (number - 1) % len(script) + 1
    if number > len(script):
        OVERRUN.append(f"call {number} of the script {script}")
        raise IndexError(OVERRUN[-1])
    line = script[number - 1]
    if callable(line):
        line = line(given)
    if isinstance(line, BaseException):
        raise line
    return line
