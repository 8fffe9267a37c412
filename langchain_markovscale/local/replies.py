"""The engine's completions as LangChain's messages."""

import json
from collections.abc import Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_markovscale.local.sequences import Completion, TokenLogProbability
from langchain_markovscale.local.tool_calls import ToolCalls, read_tool_calls


class Replies:
    """Builds the messages of one request.

    Args:
        tokenizer: The model's tokenizer.
        model_name: The model's name.
        prompt_tokens: How many tokens the prompt has.
        tools: The tools that the model was given, as the OpenAI API describes them.
    """

    def __init__(
        self,
        tokenizer: Any,
        model_name: str,
        prompt_tokens: int,
        tools: Sequence[dict[str, Any]] = (),
    ) -> None:
        self._tokenizer = tokenizer
        self._tools = tools
        self._model_name = model_name
        self._prompt_tokens = prompt_tokens

    @property
    def calls_tools(self) -> bool:
        """Whether the reply may call tools, which is known only when it is whole."""
        return bool(self._tools)

    def result(self, completion: Completion) -> ChatResult:
        """Return the whole reply as one message."""
        metadata = self._metadata(completion)
        if completion.logprobs is not None:
            metadata["logprobs"] = self._logprobs(completion.logprobs)
        text, calls, invalid = ToolCalls(completion.text, [], [])
        if self._tools:
            text, calls, invalid = read_tool_calls(completion.text, self._tools)
        if calls:
            metadata["finish_reason"] = "tool_calls"
        message = AIMessage(
            content=text,
            tool_calls=calls,
            invalid_tool_calls=invalid,
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

    def _whole_chunk(self, completion: Completion) -> ChatGenerationChunk:
        message = self.result(completion).generations[0].message
        given = message.model_dump(exclude={"type", "tool_calls"})
        chunks = [
            tool_call_chunk(name=c["name"], args=json.dumps(c["args"]), id=c["id"], index=i)
            for i, c in enumerate(cast(AIMessage, message).tool_calls)
        ]
        return ChatGenerationChunk(
            message=AIMessageChunk(**given, tool_call_chunks=chunks, chunk_position="last")
        )

    def last_chunk(self, completion: Completion) -> ChatGenerationChunk:
        """Return the last chunk, with the usage and the metadata of the whole reply.

        Where the reply may call tools it is all of it.
        """
        if self._tools:
            return self._whole_chunk(completion)
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
