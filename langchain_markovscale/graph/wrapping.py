"""The loop around a user's own chain, from the chain's input to its answer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, Unpack, get_args

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import merge_configs
from langgraph.cache.base import BaseCache
from langgraph.store.base import BaseStore
from langgraph.types import CachePolicy, Checkpointer, RetryPolicy

from langchain_markovscale._messages import all_messages, as_messages, question_in
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.graph.budget import Budget
from langchain_markovscale.graph.builder import create_markovscale_graph
from langchain_markovscale.graph.cache import CHAIN_INPUT
from langchain_markovscale.graph.chain_input import HISTORY_KEYS, QUESTION_KEYS
from langchain_markovscale.graph.chain_output import OutputForm, context_of
from langchain_markovscale.graph.class_weights import PredictorLike
from langchain_markovscale.graph.nodes import VerifierLike
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.graph.settings import RuleOptions
from langchain_markovscale.graph.typed_answers import ReturnedTypes, gives_objects, is_object
from langchain_markovscale.graph.writers import ChatLike, WriterLike
from langchain_markovscale.theory.criterion import Criterion

QuestionSource = str | Callable[[Any], str] | None
"""Where in a chain's input the question is: a key, a function of the input, or the usual keys."""


class GraphOptions(RuleOptions, total=False):
    """The options that `with_markovscale` passes to `create_markovscale_graph`; described there."""

    criterion: Criterion | None
    predictor: PredictorLike | None
    budget: Budget | None
    answer_key: AnswerKey | str | None
    prompts: Prompts | None
    checkpointer: Checkpointer
    store: BaseStore | None
    name: str
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None
    cache_policy: CachePolicy[Any] | None
    cache: BaseCache[Any] | None
    timeout: float | timedelta | None


Returned = Literal["answer", "output"]
"""What a chain in a loop returns: the best answer alone, or an output of the chain's own form."""

_PARTS_OF_OUTPUT = ("answer", "answer_object", "attempts", "decision", "contexts", "messages")


class MarkovScaleChain(Runnable[Any, Any]):
    """A chain in a loop; made by `with_markovscale`.

    Attributes:
        graph: The loop itself, for more of its output than the answer: it takes
            `{"question": …}`, and the chain's own input under `config_for(input)`.
    """

    def __init__(
        self,
        graph: Runnable[Any, Any],
        question: QuestionSource,
        name: str,
        types: ReturnedTypes | None = None,
        form: OutputForm | None = None,
    ) -> None:
        self.graph = graph
        self.name = name
        self._question = question
        self._types = types or ReturnedTypes()
        self._form = form

    def config_for(self, input: Any, config: RunnableConfig | None = None) -> RunnableConfig:
        """Return a config with which the graph's generator gets the chain's own input."""
        return merge_configs(config, {"configurable": {CHAIN_INPUT: input}})

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return the answer of the best attempt: its text, or an object where the chain gives one.

        With `returns="output"` it is an output of the chain's form, with that answer in it.

        Args:
            input: The chain's own input.
            config: The run's config.
            **kwargs: Passed to the graph, such as `context={"max_rounds": 3}`.

        Raises:
            OutputParserException: If the chain gives objects of a class, and the best attempt is
                a revision that is none.
        """
        return self._call_with_config(self._answer, input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return the answer, as `invoke` does."""
        return await self._acall_with_config(self._aanswer, input, config, **kwargs)

    def _answer(
        self,
        input: Any,
        run_manager: CallbackManagerForChainRun,
        config: RunnableConfig,
        **kwargs: Any,
    ) -> Any:
        config = self.config_for(input, config)
        output = self.graph.invoke(self._state(input), config, **self._parts(), **kwargs)
        return self._returned(input, output)

    async def _aanswer(
        self,
        input: Any,
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        **kwargs: Any,
    ) -> Any:
        config = self.config_for(input, config)
        output = await self.graph.ainvoke(self._state(input), config, **self._parts(), **kwargs)
        return self._returned(input, output)

    def _parts(self) -> dict[str, Any]:
        return {} if self._form is None else {"output_keys": _PARTS_OF_OUTPUT}

    def _returned(self, input: Any, output: dict[str, Any]) -> Any:
        answer = self._types.restored(output.get("answer_object"), output["answer"])
        if self._form is None:
            return answer
        best, contexts = output["decision"]["best"], output.get("contexts") or ()
        beside = context_of(best, output["attempts"], contexts)
        given = _repeated(input, question_of(input, self._question))
        return self._form.output(answer, beside, given, output["messages"][-1])

    def _state(self, input: Any) -> dict[str, Any]:
        """Return the graph's input: the question, and the conversation before it."""
        state: dict[str, Any] = {"question": question_of(input, self._question)}
        has_threads = getattr(self.graph, "checkpointer", None) not in (None, False)
        if not has_threads and (conversation := conversation_in(input)):
            state["messages"] = conversation
        return state


def with_markovscale(
    chain: Runnable[Any, Any] | Callable[[Any], Any],
    *,
    verifier: VerifierLike | None,
    question: QuestionSource = None,
    model: ChatLike | None = None,
    revise: WriterLike | None = None,
    returns: Returned = "answer",
    **options: Unpack[GraphOptions],
) -> MarkovScaleChain:
    """Return a Runnable that takes what the chain takes, and returns the best of its answers.

    The chain is called once for each fresh draw, always with its own input. What it returns beside
    the answer, such as retrieved documents, is shown to the verifier and to the reviser, and so are
    messages in its input, such as `chat_history` (with a `checkpointer` the conversation is that of
    the thread)::

        chain = create_retrieval_chain(retriever, combine_documents)
        careful = with_markovscale(chain, verifier=GroundednessVerifier(judge), model=model)
        careful.invoke({"input": "Who wrote Faust?"})

    An agent is such a chain: what its tools have returned is among what the verifier is shown.

    It composes with `|` on both sides, and works sync, async and batched.

    A chain that gives typed answers (`model.with_structured_output(Schema)`, or an output parser at
    its end) is answered for with an object of the same class; what JSON schemas, TypedDicts and
    parsers of JSON give is a dictionary or a list. With `include_raw=True` it is what was parsed.

    Args:
        chain: The chain: a Runnable or function that returns a string, a message, a typed answer
            (a pydantic object, a dataclass, a dictionary or a list), or a dictionary with one of
            them under `answer`, `output` or `text`, or last in `messages`, as an agent does.
        verifier: The verify-proxy, as for `create_markovscale_graph`.
        question: Where the question is in the chain's input: a key, or a function of the input; by
            default the input itself where that is a string, else `question`, `input` or `query`, or
            the last of `messages`.
        model: A chat model that revises. A chain cannot revise by itself: without `model` and
            `revise` every further attempt is a fresh draw, unless `criterion` says otherwise.
        revise: Revises instead: a Runnable or function, as for `create_markovscale_graph`.
        returns: `"answer"`: the best answer alone. `"output"`: what the chain itself would return
            with that answer: a message; or a dictionary with the answer under the chain's key, and
            beside it what the chain returned with the draw that the answer goes back to. That is
            what `RunnableWithMessageHistory(…, output_messages_key="answer")` needs. Of an agent
            it is the conversation with the answer at its end, without the steps that led to it.
        **options: All other options of `create_markovscale_graph`, such as `calibration`,
            `cost_per_round` or `answer_key`.

    Raises:
        ValueError: If an option is out of range, or options contradict each other; when called, if
            the input holds no question.
        TypeError: If the chain is of no accepted type, or an option is unknown.
    """
    if returns not in get_args(Returned):
        raise ValueError(f"returns must be 'answer' or 'output', got {returns!r}.")
    if not isinstance(chain, Runnable):
        if not callable(chain):
            raise TypeError(f"chain must be a Runnable or a function, got {type(chain).__name__}.")
        chain = RunnableLambda(chain)
    runnable = chain
    has_no_reviser = model is None and revise is None
    if has_no_reviser and options.get("actions") is None and options.get("criterion") is None:
        options["actions"] = ("generate",)
    options["name"] = options.get("name") or f"markovscale_{runnable.get_name()}"

    types, whole = ReturnedTypes.of_chain(runnable), gives_objects(runnable)
    form = None if returns == "answer" else OutputForm()

    def returned(output: Any) -> Any:
        types.note(output)
        if form is not None and not whole:
            form.note(output)
        return {"answer": output} if whole and is_object(output) else output

    def draw(request: dict[str, Any], config: RunnableConfig) -> Any:
        return returned(runnable.invoke(_chain_input(config), config))

    async def adraw(request: dict[str, Any], config: RunnableConfig) -> Any:
        return returned(await runnable.ainvoke(_chain_input(config), config))

    graph = create_markovscale_graph(
        model,
        verifier=verifier,
        generate=RunnableLambda(draw, adraw, name="draw"),
        revise=revise,
        **options,
    )
    return MarkovScaleChain(graph, question, options["name"], types, form)


def question_of(input: Any, question: QuestionSource) -> str:
    """Return the question in a chain's input.

    Raises:
        ValueError: If the input holds no question.
    """
    value = None
    if callable(question):
        value = question(input)
    elif question is not None:
        value = input.get(question) if isinstance(input, Mapping) else None
    elif isinstance(input, Mapping):
        value = next((input[key] for key in QUESTION_KEYS if input.get(key) is not None), None)
        if value is None:
            value = _last_of(input.get("messages"))
    else:
        value = input
    text = value if isinstance(value, str) else getattr(value, "text", None)
    if isinstance(text, str) and text.strip():
        return str(text)
    contents = sorted(map(str, input)) if isinstance(input, Mapping) else repr(input)
    raise ValueError(
        f"The chain's input has no question that the verifier could read, got {contents}. Give "
        "question= as the key of the question in the input, or as a function of the input."
    )


def _last_of(messages: Any) -> Any:
    """Return the message that asks, of an agent's input; None where the last one is none."""
    last = as_messages(messages)[-1] if isinstance(messages, list) and messages else None
    return question_in(last) if isinstance(last, HumanMessage) else None


def conversation_in(input: Any) -> list[AnyMessage]:
    """Return the messages in a chain's input; empty where there are none.

    They are the input itself, or the first of its values that is a list of messages, whatever its
    key: `chat_history`, `history` and `messages` are usual.
    """
    for value in (input, *(input.values() if isinstance(input, Mapping) else ())):
        if isinstance(value, PromptValue):
            value = value.to_messages()
        if isinstance(value, list) and value and all_messages(value):
            return value
    return []


def _repeated(input: Any, question: str) -> dict[str, Any]:
    """Return what chains repeat of their input in their output, under its usual names."""
    names = (*HISTORY_KEYS, "messages")
    usual = {
        **dict.fromkeys(QUESTION_KEYS, question),
        **dict.fromkeys(names, conversation_in(input)),
    }
    return {**usual, **input} if isinstance(input, Mapping) else usual


def _chain_input(config: RunnableConfig) -> Any:
    return config["configurable"][CHAIN_INPUT]
