"""Runs that can be repeated.

One seed for all calls would make every fresh draw of a question the same. So each call gets a seed
of its own, made from the user's, the question, and how often that question was asked before.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AnyMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

Request = dict[str, Any]


class SeededAuthors:
    """A chat model that draws and revises with a new seed for each call.

    Args:
        model: A chat model whose calls take `seed`.
        seed: Equal seeds give equal runs, as far as the model keeps its side of that.
        calls_made: How often each question was asked before; calls are counted from there.
    """

    def __init__(
        self, model: BaseChatModel, seed: int, calls_made: Mapping[str, int] | None = None
    ) -> None:
        self._model = model
        self._seed = seed
        self._calls = Counter(calls_made)

    def author(
        self, prompt: Callable[[Request], list[AnyMessage]]
    ) -> Runnable[Request, BaseMessage]:
        """Return a Runnable for `generate=` or `revise=`.

        Args:
            prompt: Makes messages from a request, such as `Prompts.for_draw`.
        """

        def ask(request: Request, config: RunnableConfig) -> BaseMessage:
            return self._model.invoke(prompt(request), config, seed=self._next(request))

        async def aask(request: Request, config: RunnableConfig) -> BaseMessage:
            return await self._model.ainvoke(prompt(request), config, seed=self._next(request))

        return RunnableLambda(ask, aask)

    def _next(self, request: Request) -> int:
        question: str = request["question"]
        self._calls[question] += 1
        name = f"{self._seed} {self._calls[question]} {question}"
        return int.from_bytes(sha256(name.encode()).digest()[:4], "big") >> 1
