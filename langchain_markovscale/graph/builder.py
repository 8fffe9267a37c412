"""The whole loop as one compiled graph, which runs alone, as a subgraph, or behind a server."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Unpack, cast

from langchain_core.runnables import RunnableConfig
from langgraph.cache.base import BaseCache
from langgraph.checkpoint.base import Checkpoint
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import CachePolicy, Checkpointer, RetryPolicy

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.graph.branches import DRAW, DrawNode, DrawsState, branch_of, fan_out
from langchain_markovscale.graph.budget import Budget
from langchain_markovscale.graph.cache import AnswerCache
from langchain_markovscale.graph.class_weights import PredictorLike, as_predictor, check_predictor
from langchain_markovscale.graph.draws import DrawingNode, JoiningNode
from langchain_markovscale.graph.named_parts import named_parts
from langchain_markovscale.graph.nodes import (
    GenerateNode,
    ReviseNode,
    VerifierLike,
    VerifyProxyNode,
)
from langchain_markovscale.graph.paid_call import Safety
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.graph.router import MarkovScaleRouter
from langchain_markovscale.graph.settings import (
    MarkovScaleContext,
    PerRun,
    RuleOptions,
    rule_of_loop,
)
from langchain_markovscale.graph.state import (
    MarkovScaleInput,
    MarkovScaleOutput,
    MarkovScaleState,
)
from langchain_markovscale.graph.steps import InPlace
from langchain_markovscale.graph.telemetry import TAG
from langchain_markovscale.graph.writers import ChatLike, WriterLike, generator, reviser
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.types import Step

# Not the names of the nodes: LangGraph draws no label that says what the arrow shows anyway.
_LABELS: dict[Step, str] = {
    "stop": "stop",
    "revise": "revise the best",
    "generate": "draw afresh",
}
_STEPS_PER_ATTEMPT = 2
_STEPS_BESIDE = 5

LEAST_RECURSION_LIMIT = 10_000
"""The steps of a loop's runs are bounded anyway: agents in its nodes inherit this limit, and alone
they have about as many."""

# The channels by which LangGraph says which node comes next.
_WAITS_FOR_REVISION = "branch:to:revise"
_WAITS_FOR_VERDICT = "branch:to:verify_proxy"
_WAITS_FOR_DRAW = "branch:to:generate"
_WAITS_FOR_DRAWS = "__pregel_tasks"


def create_markovscale_graph(
    model: ChatLike | None = None,
    *,
    verifier: VerifierLike | None,
    criterion: Criterion | None = None,
    predictor: PredictorLike | None = None,
    budget: Budget | None = None,
    answer_key: AnswerKey | str | None = None,
    generate: WriterLike | None = None,
    revise: WriterLike | None = None,
    prompts: Prompts | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "markovscale",
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
    cache_policy: CachePolicy[Any] | None = None,
    cache: BaseCache[Any] | None = None,
    timeout: float | timedelta | None = None,
    **rule: Unpack[RuleOptions],
) -> CompiledStateGraph[MarkovScaleState, MarkovScaleContext, MarkovScaleInput, MarkovScaleOutput]:
    """Return a graph that answers a question and stops when another round is not worth its cost.

    A question is drawn (`generate`), scored (`verify_proxy`), and then revised (`revise`), drawn
    afresh or returned, as the criterion decides. Input is `{"question": …}` or `{"messages": […]}`;
    output is `MarkovScaleOutput`. It works with `invoke`, `ainvoke`, `stream` and `astream`, alone
    or as a node of another graph.

    On a thread every question is a run of its own: the conversation stays, the attempts do not. A
    run that was interrupted continues when it is resumed with `None`, or when the same question is
    asked again, and nothing that was paid for is paid again.

    With `draws_at_once` several fresh draws are made at the same time, each verified as soon as it
    is there (by the node `draw`, which the graph then has), and one decision follows the last of
    them. Their attempts are in a fixed order, whichever comes first. A draw that fails after its
    retries leaves the others; where all first draws fail, one more is made alone, and its error
    rises. With an exact verifier the first draw that it accepts ends the round: under asyncio calls
    on their way are cancelled, and their usage is unknown; in threads they go on, and only what has
    not begun is left out. There are four threads more than the machine has processors, unless the
    config has `max_concurrency`. A run that was broken off in the midst of such draws makes those
    again that were cut off, if it is resumed with `None`, and all of them if the question is asked
    again: LangGraph then forgets what is under way.

    `stream_mode="messages"` shows the answer and no draft; `stream_mode="custom"` shows an event
    for each attempt, decision and failure.

    `context={"cost_per_round": …, "max_rounds": …, "budget": …}` sets these for one run, see
    `MarkovScaleContext`.

    Example::

        model = init_chat_model("openai:gpt-5-mini")
        graph = create_markovscale_graph(
            model, verifier=JudgeVerifier(model), answer_key="last_number"
        )
        graph.invoke({"question": "What is 17 * 23?"})["answer"]

    Args:
        model: A chat model, one with bindings, or a name for `init_chat_model` (which needs the
            package `langchain`). It draws and revises.
        verifier: The verify-proxy: a verifier, any Runnable with the same input and output, or a
            function. It is given the conversation as well, as the model saw it. None only where
            answers have keys: agreement between draws and stability under revision are then the
            evidence.
        criterion: Decides, in place of one that is made from `rule`.
        predictor: Predicts the class weights of a question before its first draw: a
            `ClassPredictor`, or a Runnable or function from the question's text to one share for
            each class. The variant `"map"` needs it, `"gate"` may have it.
        budget: The most that a run may use, in tokens, money, time or rounds, see `Budget`. Where
            the next call would go beyond it, the best answer so far is returned, with
            `decision["reason"] == "budget"` and what was used up under `error`.
        answer_key: Makes the key of an answer; equal keys are the same answer. A function of the
            text, or a name such as `"last_number"`, or `"semantic"` for free text.
        generate: Draws instead of the model: a Runnable or function, called with
            `{"question", "messages"}`; a chain that begins with a chat model gets the messages,
            one whose first step takes a string (a retriever) the question, and one with `input` or
            `query` in its prompt the question under that name as well. It returns a string, a
            message, a typed answer (a pydantic object, a dataclass, a dictionary or a list), or a
            dictionary with one of them under `answer`, `output`, `text`, or as an agent has it;
            what else the dictionary holds, and what an agent's tools returned, is kept for the
            verifier and the reviser as their `context`. A typed answer is shown as JSON, has keys
            by field (`answer_key="json:field"`), and is kept as plain JSON under `answer_object`.
            Draws should differ: a model at temperature 0 only repeats itself.
        revise: Revises instead of the model, in the same way; called with `{"question",
            "messages", "answer", "feedback", "attempts"}` and, where there is any, `"context"`.
        prompts: Templates for the chat model, and how to trim long conversations for it.
        checkpointer: Keeps threads; see LangGraph.
        store: Long-term memory for the Runnables; see LangGraph.
        name: Name of the graph, as traces and parent graphs show it.
        retry_policy: When LangGraph retries a failed node. What fails after the last retry is an
            error as long as there is no answer; later the best answer so far is returned, with
            `decision["reason"] == "error"` and the message under `error`.
        cache_policy: For the nodes that write answers; needs `cache`. An answer in the cache is
            not requested again, and `usage` has what it cost when it was. Its key is the whole
            request: the conversation, a chain's own input, what is `configurable`, the context;
            where they hold what cannot be told apart, nothing is cached, and a warning says why. A
            `key_func` of yours decides instead. Verdicts are not cached:
            LangChain's `set_llm_cache` saves a judge's calls; draws of a chat model go past it.
        cache: See LangGraph. Graphs that share one need names of their own.
        timeout: Time that a call may take; needs the async methods. A call that takes longer fails
            with an error that the default `RetryPolicy` retries.
        **rule: How to decide: `calibration`, `variant`, `cost_per_round`, `max_rounds`, `actions`,
            `choices`, `exact_verifier`, `delivery`, `draws_at_once`, `cost_per_second` and
            `seconds_per_round`, described by `help(langchain_markovscale.RuleOptions)`.

    Returns:
        The compiled graph.

    Raises:
        ValueError: If there is no model or Runnable that draws or revises, there is neither a
            verifier nor a key, variant and predictor do not go together, or a number is out of
            range.
        TypeError: If a model, verifier, Runnable or calibration is of no accepted type, or an
            option is unknown.
        ModuleNotFoundError: If `model` is a name and `langchain` is not installed.
    """
    # Options beside a criterion would contradict it: it is the criterion that is made anew.
    draw_only = 'actions=("generate",)'
    if criterion is not None:
        draw_only = f"criterion=Criterion(…, {draw_only})"
    criterion, key, measured = rule_of_loop(
        create_markovscale_graph, verifier, answer_key, criterion, rule
    )
    check_predictor(predictor, criterion)
    policies = _policies(retry_policy)
    per_run = PerRun(criterion, budget)
    safety = Safety(per_run, policies)

    at_once = criterion.waiting.draws_at_once != 1
    builder = StateGraph(
        DrawsState if at_once else MarkovScaleState,
        MarkovScaleContext,
        input_schema=MarkovScaleInput,
        output_schema=MarkovScaleOutput,
    )
    builder.set_node_defaults(retry_policy=policies or None)
    answers = None
    if cache is not None and cache_policy is not None:
        answers = AnswerCache(cache, cache_policy, name)
    drawing = generator(generate, model, prompts)
    drawn_by = drawing, key, safety, timeout, as_predictor(predictor), answers
    verified_by = verifier, per_run, safety, timeout, drawing.as_seen
    if at_once:
        generating = DrawingNode(*drawn_by)
        verifying = JoiningNode(*verified_by, key)
        scoring = None if verifier is None else verifying
        branch = _compiled(branch_of(generating, scoring, policies), {"name": DRAW}, None)
        builder.add_node(generating)
        builder.add_node(DrawNode(branch, exact=criterion.exact_verifier))
        builder.add_node(verifying)
        to_draws = InPlace(fan_out, fan_out.__name__)
        builder.add_conditional_edges(generating.name, to_draws, [DRAW, verifying.name])
        builder.add_edge(DRAW, verifying.name)
    else:
        builder.add_node(GenerateNode(*drawn_by))
        builder.add_node(VerifyProxyNode(*verified_by))
        builder.add_edge("generate", "verify_proxy")
    revising = None
    if "revise" in criterion.actions:
        revising = reviser(revise, model, prompts, draw_only)
        builder.add_node(ReviseNode("revise", revising, key, safety, timeout, answers))
        builder.add_edge("revise", "verify_proxy")
    builder.add_edge(START, "generate")
    router = MarkovScaleRouter(criterion=criterion, answer_key=key, draw_node=None, routes=_LABELS)
    router.loop = named_parts(drawing.runnable, revising and revising.runnable, verifier, key)
    measured.compare(lambda: router.loop)
    builder.add_conditional_edges("verify_proxy", router, router.path_map())
    options = {
        "checkpointer": checkpointer,
        "cache": cache,
        "store": store,
        "name": name,
    }
    limit = _STEPS_PER_ATTEMPT * per_run.most_rounds + _STEPS_BESIDE
    config: RunnableConfig = {
        "recursion_limit": max(limit, LEAST_RECURSION_LIMIT),
        "tags": [TAG],
    }
    return _compiled(builder, options, config)


class LoopGraph(
    CompiledStateGraph[MarkovScaleState, MarkovScaleContext, MarkovScaleInput, MarkovScaleOutput]
):
    """A compiled loop that can travel to another process, by `cloudpickle`.

    LangGraph's compiled graphs cannot: their nodes compare with a sentinel that is another object
    in another process. So what travels is the builder, and it is compiled again on arrival.

    It takes up runs that a loop with other options has left: see `_migrate_checkpoint`.
    """

    def _migrate_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Let a run go on that waits for a node which this graph does not have.

        LangGraph would find no node to go on with, and end the run without its answer. Where it
        waits for a revision it is decided anew; where it waits for several draws at once, one is
        made.
        """
        super()._migrate_checkpoint(checkpoint)
        if "revise" not in self.nodes:
            _wait_for(_WAITS_FOR_VERDICT, _WAITS_FOR_REVISION, checkpoint)
        if DRAW not in self.nodes:
            _wait_for(_WAITS_FOR_DRAW, _WAITS_FOR_DRAWS, checkpoint)
            if checkpoint["channel_values"].pop("drawn", None):  # and not put together yet
                _wait_for(_WAITS_FOR_DRAW, _WAITS_FOR_VERDICT, checkpoint)

    def __reduce__(self) -> tuple[Any, ...]:
        options = {
            "checkpointer": self.checkpointer,
            "cache": self.cache,
            "store": self.store,
            "interrupt_before": self.interrupt_before_nodes,
            "interrupt_after": self.interrupt_after_nodes,
            "debug": self.debug,
            "name": self.name,
        }
        return _compiled, (self.builder, options, self.config)


def _wait_for(channel: str, other: str, checkpoint: Checkpoint) -> None:
    """Have a run that waits by one channel wait by another, where it waits by it."""
    values, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
    if values.get(other, []) == []:  # it may be None
        return
    values[channel] = None
    del values[other]
    versions[channel] = versions.pop(other)
    if updated := checkpoint.get("updated_channels"):
        checkpoint["updated_channels"] = sorted({*updated, channel})


def _compiled(
    builder: StateGraph[Any, Any, Any, Any],
    options: dict[str, Any],
    config: RunnableConfig | None,
) -> LoopGraph:
    graph = builder.compile(**options)
    graph.__class__ = LoopGraph  # `compile` always makes the same class
    return cast("LoopGraph", graph.with_config(config))


def _policies(policy: RetryPolicy | Sequence[RetryPolicy] | None) -> Sequence[RetryPolicy]:
    if policy is None:
        return ()
    # A policy is a named tuple, and so a sequence itself.
    return (policy,) if isinstance(policy, RetryPolicy) else tuple(policy)
