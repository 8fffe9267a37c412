"""The engine's completions as LangChain's messages."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_markovscale.local.sequences import Completion, TokenLogProbability


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

    def result(self, completion: Completion) -> ChatResult:
        """Return the whole reply as one message."""
        metadata = self._metadata(completion)
        if completion.logprobs is not None:
            metadata["logprobs"] = self._logprobs(completion.logprobs)
        message = AIMessage(
            content=completion.text,
            response_metadata=metadata,
            usage_metadata=self._usage(completion),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def chunk(self, text: str, logprobs: Sequence[TokenLogProbability]) -> ChatGenerationChunk:
        """Return a piece of the reply while it is written."""
        metadata = {"logprobs": self._logprobs(logprobs)} if logprobs else {}
        return ChatGenerationChunk(
            message=AIMessageChunk(content=text, response_metadata=metadata),
        )

    def last_chunk(self, completion: Completion) -> ChatGenerationChunk:
        """Return the last chunk, with the usage and the metadata of the whole reply."""
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                response_metadata=self._metadata(completion),
                usage_metadata=self._usage(completion),
                chunk_position="last",
            )
        )

    def _metadata(self, completion: Completion) -> dict[str, Any]:
        return {
            "model_name": self._model_name,
            "model_provider": "huggingface",
            "finish_reason": completion.finish_reason,
            "mean_batch_size": completion.mean_batch_size,
        }

    def _usage(self, completion: Completion) -> UsageMetadata:
        return UsageMetadata(
            input_tokens=self._prompt_tokens,
            output_tokens=completion.tokens,
            total_tokens=self._prompt_tokens + completion.tokens,
        )

    def _logprobs(self, entries: Sequence[TokenLogProbability]) -> dict[str, Any]:
        """Return log-probabilities in the form in which the OpenAI API reports them."""
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
