"""What the engine wrote, as LangChain's messages."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_markovscale.local.sequences import TokenLogProbability, Written


class Replies:
    """Builds the messages of one request.

    Args:
        tokenizer: The model's tokenizer.
        model_name: The model's name.
        prompt_tokens: How many tokens the prompt has.
    """

    def __init__(self, tokenizer: Any, model_name: str, prompt_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._model_name = model_name
        self._prompt_tokens = prompt_tokens

    def result(self, written: Written) -> ChatResult:
        """Return the whole reply as one message."""
        metadata = self._metadata(written)
        if written.logprobs is not None:
            metadata["logprobs"] = self._logprobs(written.logprobs)
        message = AIMessage(
            content=written.text, response_metadata=metadata, usage_metadata=self._usage(written)
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def chunk(self, text: str, logprobs: Sequence[TokenLogProbability]) -> ChatGenerationChunk:
        """Return a piece of the reply while it is written."""
        metadata = {"logprobs": self._logprobs(logprobs)} if logprobs else {}
        return ChatGenerationChunk(
            message=AIMessageChunk(content=text, response_metadata=metadata),
        )

    def last_chunk(self, written: Written) -> ChatGenerationChunk:
        """Return what is known only at the end."""
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                response_metadata=self._metadata(written),
                usage_metadata=self._usage(written),
                chunk_position="last",
            )
        )

    def _metadata(self, written: Written) -> dict[str, Any]:
        return {
            "model_name": self._model_name,
            "model_provider": "huggingface",
            "finish_reason": written.finish_reason,
            "mean_batch_size": written.mean_batch_size,
        }

    def _usage(self, written: Written) -> UsageMetadata:
        return UsageMetadata(
            input_tokens=self._prompt_tokens,
            output_tokens=written.tokens,
            total_tokens=self._prompt_tokens + written.tokens,
        )

    def _logprobs(self, entries: Sequence[TokenLogProbability]) -> dict[str, Any]:
        """Log-probabilities in the form in which the OpenAI API reports them."""
        return {
            "content": [
                {
                    **self._entry(entry.token, entry.logprob),
                    "top_logprobs": [self._entry(token, logprob) for token, logprob in entry.top],
                }
                for entry in entries
            ]
        }

    def _entry(self, token: int, logprob: float) -> dict[str, Any]:
        text = self._tokenizer.decode([token])
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
