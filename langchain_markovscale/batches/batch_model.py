"""A chat model whose answers come from the jobs of a recording."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field

from langchain_markovscale.batches.job_queue import ask
from langchain_markovscale.batches.services import BatchService, service_for


class BatchChatModel(BaseChatModel):
    """A chat model for `record_in_batches`: what it is asked becomes a part of a job.

    It is for the parts of the loop that are to be asked so beside the model that draws: a judge, a
    chain, a reviser of another size. Where nothing is recorded it raises an error.

    Example:
        judge = JudgeVerifier(BatchChatModel(client=client, model="gpt-5"), criteria=[…])
        record_in_batches(client, questions, "traces.jsonl", model="gpt-5-mini", verifier=judge)

    Args:
        client: `openai.OpenAI()` or `anthropic.Anthropic()`.
        model: The model, as the provider calls it.
        options: What else a request has, in the provider's words, such as `temperature`.

    Raises:
        TypeError: If the client is another one.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    client: Any
    model: str
    options: Mapping[str, Any] = Field(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:
        """Check the client before anything is paid for."""
        _ = self.service

    @cached_property
    def service(self) -> BatchService:
        """The batch interface of the client."""
        return service_for(self.client)

    @property
    def _llm_type(self) -> str:
        return "batch"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "options": dict(self.options)}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise RuntimeError(
            "a BatchChatModel waits for jobs, which blocks no thread: call it by ainvoke; a "
            "function that calls it must be async."
        )

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = {**self.options, **kwargs, **({"stop": stop} if stop else {})}
        body = self.service.body(self.model, messages, options)
        reply = await ask(self.service, self.model, body)
        return ChatResult(generations=[ChatGeneration(message=self.service.message(reply))])
