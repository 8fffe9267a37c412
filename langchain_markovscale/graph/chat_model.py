"""The loop as a chat model, for everything that takes one: chains, evaluation tools."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NoReturn

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackManager,
    CallbackManager,
    CallbackManagerForLLMRun,
    UsageMetadataCallbackHandler,
)
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import (
    Runnable,
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, field_validator

from langchain_markovscale._messages import as_messages
from langchain_markovscale._meter import Meter
from langchain_markovscale._models import identity_of
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.graph.steps import surrounded_by
from langchain_markovscale.graph.typed_answers import ReturnedTypes, json_schema_of, object_in
from langchain_markovscale.verifiers.base import quiet

_FORMAT = """\
Answer with one JSON value and nothing else, no code fence and no other words. It must be valid \
under this JSON schema:
{schema}"""
_PIECES = re.compile(r"\s*\S+\s*|\s+")


class ChatMarkovScale(BaseChatModel):
    """A chat model that answers with the best attempt of a whole loop.

    The last human message is the question, what comes before it is the conversation. Sync, async,
    batched and streamed calls all run the graph; a stream begins when the loop has stopped, because
    the answer is chosen only then. `usage_metadata` is that of the whole loop, the verifier's calls
    included, and None where a part of it is unknown;
    `response_metadata["markovscale"]` has `attempts`, `belief`, `reason`, the whole `decision`, the
    `usage` by purpose and the `error`, if there was one.

    The calls within are runs of their own below this one, and `get_usage_metadata_callback` counts
    those, each under the name of its model. The sum of the usage of all runs of a trace counts them
    twice.

    Tools are not supported: give an agent `MarkovScaleMiddleware` instead. `with_structured_output`
    answers with objects.
    Options of the model (temperature, …) are set where the graph is made; of options at call time
    there is only `stop`, at which the answer is cut.

    Example::

        graph = create_markovscale_graph(model, verifier=JudgeVerifier(model))
        chat = ChatMarkovScale(graph=graph)
        chat.invoke("What is 17 * 23?").text

    Raises:
        ValueError: If the graph has a checkpointer, or a call has an unknown option.
    """

    graph: CompiledStateGraph[Any, Any, Any, Any] = Field(exclude=True, repr=False)
    """A compiled graph of `create_markovscale_graph`, without a checkpointer of its own."""
    model_name: str = "markovscale"
    """The name that traces and `response_metadata` show."""

    @field_validator("graph")
    @classmethod
    def _without_threads(cls, graph: Any) -> Any:
        if graph.checkpointer not in (None, False):
            raise ValueError(
                "graph has a checkpointer, and a chat model has no threads: make the graph "
                "without checkpointer=, and keep the conversation where the chat model is used."
            )
        return graph

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        _reject_options(kwargs)
        output = self._output(messages, run_manager)
        return ChatResult(generations=[ChatGeneration(message=self._message(output, stop))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        _reject_options(kwargs)
        output = await self._aoutput(messages, run_manager)
        return ChatResult(generations=[ChatGeneration(message=self._message(output, stop))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        _reject_options(kwargs)
        output = self._output(messages, run_manager)
        yield from _chunks(self._message(output, stop))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        _reject_options(kwargs)
        output = await self._aoutput(messages, run_manager)
        for chunk in _chunks(self._message(output, stop)):
            yield chunk

    def _output(
        self, messages: list[BaseMessage], run_manager: CallbackManagerForLLMRun | None
    ) -> dict[str, Any]:
        config = _below(run_manager)
        with surrounded_by(config):
            return self.graph.invoke({"messages": messages}, config)

    async def _aoutput(
        self, messages: list[BaseMessage], run_manager: AsyncCallbackManagerForLLMRun | None
    ) -> dict[str, Any]:
        config = _below(run_manager)
        with surrounded_by(config):
            return await self.graph.ainvoke({"messages": messages}, config)

    def _message(self, output: dict[str, Any], stop: Sequence[str] | None) -> AIMessage:
        answer: AIMessage = output["messages"][-1]
        summary = {
            **answer.response_metadata.get("markovscale", {}),
            "decision": output["decision"],
            "usage": output.get("usage") or {},
            "error": output.get("error"),
        }
        return AIMessage(
            _cut(output["answer"], stop) if stop else answer.content,
            additional_kwargs=answer.additional_kwargs,
            usage_metadata=answer.usage_metadata,
            response_metadata={
                **answer.response_metadata,
                "model_name": self.model_name,
                "markovscale": summary,
            },
        )

    def bind_tools(self, tools: Any, **kwargs: Any) -> NoReturn:
        """Raise NotImplementedError: an attempt is an answer, and a tool call is not."""
        raise NotImplementedError(
            "ChatMarkovScale takes no tools: verify an agent's answers with "
            "create_agent(model, tools, middleware=[MarkovScaleMiddleware(verifier=…)])."
        )

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        include_raw: bool = False,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a Runnable that answers with an object: the best attempt of a loop as one.

        The schema is asked for in the system prompt, so that it works with every graph, and the
        best attempt is read as JSON. With `answer_key="json"`, or `"json:field"`, equal objects
        agree::

            class Person(BaseModel):
                name: str
                age: int

            graph = create_markovscale_graph(model, verifier=judge, answer_key="json")
            ChatMarkovScale(graph=graph).with_structured_output(Person).invoke("Who was Ada?")

        Args:
            schema: A pydantic class, whose objects are returned; or a TypedDict or a JSON schema,
                for dictionaries.
            include_raw: Whether to return a dictionary with the message as `raw`, the object as
                `parsed` (None where there is none) and the reason as `parsing_error`.
            **kwargs: None is accepted.

        Raises:
            ValueError: If an argument is unknown.
            TypeError: If the schema is of no accepted type.
            OutputParserException: When called, if the best attempt does not fit the schema.
        """
        if kwargs:
            raise ValueError(
                f"with_structured_output got {', '.join(map(repr, sorted(kwargs)))}: the loop asks "
                "for the schema in the system prompt, and takes schema and include_raw alone."
            )
        prompts = Prompts(system=_FORMAT.format(schema=json.dumps(json_schema_of(schema))))
        parser = RunnableLambda(partial(_parsed, ReturnedTypes.of_schema(schema)), name="parser")

        def asked(given: LanguageModelInput) -> list[AnyMessage]:
            return prompts.with_system(as_messages(self._convert_input(given).to_messages()))

        chat = RunnableLambda(asked, name="schema") | self
        if not include_raw:
            return chat | parser
        parsed = RunnablePassthrough.assign(
            parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
        )
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableParallel(raw=chat) | parsed.with_fallbacks(
            [failed], exceptions_to_handle=(OutputParserException,), exception_key="parsing_error"
        )

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        name = str(kwargs.get("model") or self.model_name)
        params = LangSmithParams(
            ls_provider="markovscale", ls_model_name=name, ls_model_type="chat"
        )
        if stop:
            params["ls_stop"] = stop
        return params

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What a cache of answers has to distinguish: two loops are never the same."""
        return {"model_name": self.model_name, "graph": identity_of(self.graph)}

    @property
    def _llm_type(self) -> str:
        return "markovscale"


def _parsed(types: ReturnedTypes, message: AIMessage) -> Any:
    plain = object_in(message.text)
    if plain is None:
        raise OutputParserException(
            f"The best answer is no JSON: {message.text}", llm_output=message.text
        )
    return types.restored(plain, message.text)


def _below(
    run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None,
) -> RunnableConfig:
    """Return the config of the graph's run: below this one, and out of the user's stream."""
    if run_manager is None:
        return quiet(None)
    # Usage is counted once: by LangChain's handler from the calls within, which have the names of
    # their models, by our own from this one, which knows what is unknown.
    run_manager.handlers = [
        handler
        for handler in run_manager.handlers
        if not isinstance(handler, UsageMetadataCallbackHandler)
    ]
    inherited = [
        handler for handler in run_manager.inheritable_handlers if not isinstance(handler, Meter)
    ]
    # LangChain makes no child manager of a model's run, because models rarely call anything.
    under_asyncio = isinstance(run_manager, AsyncCallbackManagerForLLMRun)
    manager: type[BaseCallbackManager] = AsyncCallbackManager if under_asyncio else CallbackManager
    callbacks = manager(
        handlers=inherited,
        inheritable_handlers=list(inherited),
        parent_run_id=run_manager.run_id,
        inheritable_tags=list(run_manager.inheritable_tags),
        inheritable_metadata=dict(run_manager.inheritable_metadata),
    )
    return quiet({"callbacks": callbacks})


def _reject_options(options: dict[str, Any]) -> None:
    unknown = sorted(name for name, value in options.items() if value is not None)
    if unknown:
        raise ValueError(
            f"ChatMarkovScale takes no call option {', '.join(map(repr, unknown))}: set it on the "
            "model that create_markovscale_graph is given, such as model.bind(temperature=1)."
        )


def _cut(text: str, stop: Sequence[str] | None) -> str:
    ends = [at for at in (text.find(end) for end in stop or () if end) if at >= 0]
    return text[: min(ends)] if ends else text


def _chunks(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    """Split a message into words; the last chunk has the usage and metadata of the whole."""
    for piece in _PIECES.findall(message.text):
        yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            content="",
            usage_metadata=message.usage_metadata,
            response_metadata=message.response_metadata,
            chunk_position="last",
        )
    )
