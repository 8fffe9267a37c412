"""Counts the model calls below a Runnable, whether it is one model or many, retried or not."""

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs

from langchain_markovscale.types import Usage, add_usage, usage_of


class Meter(BaseCallbackHandler):
    """A callback handler that sees every model call below the Runnable it is given to."""

    run_inline = True  # under asyncio it would otherwise cost a thread for every event

    def __init__(self) -> None:
        self._started: list[None] = []  # appending is atomic, and chains may call in threads
        self._reported: list[Usage] = []

    @property
    def ignore_chain(self) -> bool:
        """Chains make no calls of their own."""
        return True

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Count a call."""
        self._started.append(None)

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        """Count a call."""
        self._started.append(None)

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Record the usage that the call reported."""
        for generations in response.generations[:1]:
            for generation in generations[:1]:
                message = getattr(generation, "message", None)
                if isinstance(message, BaseMessage):
                    self._reported.append(usage_of(message))
                elif (usage := _completion_usage(response.llm_output)) is not None:
                    self._reported.append(usage)

    def metered_config(self, config: RunnableConfig) -> RunnableConfig:
        """Return `config` so that the calls made with it are counted."""
        return with_handler(config, self)

    @property
    def usage(self) -> Usage | None:
        """Calls so far; a call that failed or reported nothing is unknown. None without calls."""
        if not self._started:
            return None
        unreported = len(self._started) - len(self._reported)
        total: Usage = {
            "calls": unreported,
            "input_tokens": 0,
            "output_tokens": 0,
            "unknown": unreported,
        }
        for usage in self._reported:
            total = add_usage(total, usage)
        return total


def _completion_usage(output: Mapping[str, Any] | None) -> Usage | None:
    """Return the usage that a completion model reports, as OpenAI's form has it."""
    counts = (output or {}).get("token_usage") or {}
    read, written = counts.get("prompt_tokens"), counts.get("completion_tokens")
    if not (isinstance(read, int) and isinstance(written, int)):
        return None
    return {"calls": 1, "input_tokens": read, "output_tokens": written, "unknown": 0}


def with_handler(config: RunnableConfig, handler: BaseCallbackHandler) -> RunnableConfig:
    """Return a config whose calls are told to one more handler."""
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, BaseCallbackManager):
        return merge_configs(config, {"callbacks": [handler]})
    # The same for one key instead of all: this is done for every call.
    callbacks = callbacks.copy()
    callbacks.add_handler(handler)
    return {**config, "callbacks": callbacks}
