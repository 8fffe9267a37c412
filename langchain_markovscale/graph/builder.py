"""The whole loop as one compiled graph, which runs alone, as a subgraph, or behind a server."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from langgraph.cache.base import BaseCache
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import CachePolicy, Checkpointer, RetryPolicy

from langchain_markovscale.answers.choices import Choices
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.graph.budget import Budget
from langchain_markovscale.graph.cache import CacheOfAnswers, policy_for
from langchain_markovscale.graph.class_weights import PredictorLike, as_predictor, check_predictor
from langchain_markovscale.graph.nodes import (
    GenerateNode,
    ReviseNode,
    VerifierLike,
    VerifyProxyNode,
)
from langchain_markovscale.graph.paid_call import Safety
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.graph.router import MarkovScaleRouter
from langchain_markovscale.graph.settings import MarkovScaleContext, PerRun, evidence
from langchain_markovscale.graph.state import (
    MarkovScaleInput,
    MarkovScaleOutput,
    MarkovScaleState,
)
from langchain_markovscale.graph.telemetry import TAG
from langchain_markovscale.graph.writers import AuthorLike, ChatLike, generator, reviser
from langchain_markovscale.theory.rates import Rates, Variant
from langchain_markovscale.types import Action, Step

# Not the names of the nodes: LangGraph draws no label that says what the arrow shows anyway.
_LABELS: dict[Step, str] = {
    "stop": "stop",
    "revise": "revise the best",
    "generate": "draw afresh",
}
_STEPS_PER_ATTEMPT = 2
_STEPS_BESIDE = 5
_ROUNDS_PER_RUN = 5_000  # a context may ask for as many, the steps being laid out in advance


def create_markovscale_graph(
    model: ChatLike | None = None,
    *,
    verifier: VerifierLike | None,
    calibration: Calibration | Rates | None = None,
    variant: Variant = "mixture",
    predictor: PredictorLike | None = None,
    cost_per_round: float | Mapping[Action, float] = 0.01,
    max_rounds: int = 8,
    budget: Budget | None = None,
    actions: Sequence[Action] = ("revise", "generate"),
    answer_key: AnswerKey | str | None = None,
    choices: Choices | None = None,
    generate: AuthorLike | None = None,
    revise: AuthorLike | None = None,
    prompts: Prompts | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "markovscale",
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
    cache_policy: CachePolicy[Any] | None = None,
    cache: BaseCache[Any] | None = None,
    timeout: float | timedelta | None = None,
) -> CompiledStateGraph[MarkovScaleState, MarkovScaleContext, MarkovScaleInput, MarkovScaleOutput]:
    """Return a graph that answers a question and stops when another round is not worth its cost.

    A question is drawn (`generate`), scored (`verify_proxy`), and then revised (`revise`), drawn
    afresh or returned, as the criterion decides. Input is `{"question": …}` or `{"messages": […]}`;
    output is `MarkovScaleOutput`. It works with `invoke`, `ainvoke`, `stream` and `astream`, alone
    or as a node of another graph.

    On a thread every question is a run of its own: the conversation stays, the attempts do not. A
    run that was broken off goes on when it is resumed with `None`, or when the same question is
    asked again, and nothing that was paid for is paid again.

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
            function. None only where answers have keys: agreement between draws and stability
            under revision are then the evidence.
        calibration: A `Calibration` or bare `Rates`; by default `Calibration.training_free()`.
        variant: Where the weights of the classes of questions come from: `"mixture"`, as fitted;
            `"gate"`, which decides before a run whether to loop at all; `"map"`, by a predictor;
            `"training_free"`, a broad grid in place of the fitted classes.
        predictor: Says the class weights of a question before its first draw: a `ClassPredictor`,
            or a Runnable or function from the question's text to one share for each class. `"map"`
            needs it, `"gate"` may have it.
        cost_per_round: What a round (one attempt and its verification) must gain to be worth it,
            in units of accuracy: 0.01 is one point. One number, or one for each action;
            `round_costs` makes them from prices.
        max_rounds: The most attempts, the first included; at least 1.
        budget: The most that a run may use, in tokens, money, time or rounds, see `Budget`. Where
            the next call would go beyond it, the best answer so far is returned, with
            `decision["reason"] == "budget"` and what was used up under `error`.
        actions: What may be done after the first attempt: `"revise"`, `"generate"`, or both.
        answer_key: Makes the key of an answer; equal keys are the same answer. A function of the
            text, or a name such as `"last_number"`.
        choices: The possible answers, or how many there are, where they are a closed list. Given
            as a list, it also reads the answer from the text, unless `answer_key` does.
        generate: Draws instead of the model: a Runnable or function, called with
            `{"question", "messages"}`. It returns a string, a message, or a dictionary with either
            under `answer`, `output`, `text` or last in `messages`; what else the dictionary holds
            is kept for the verifier and the reviser as their `context`. Draws should differ: a
            model at temperature 0 only repeats itself.
        revise: Revises instead of the model, in the same way; called with `{"question",
            "messages", "answer", "feedback", "attempts"}` and, where there is any, `"context"`.
        prompts: Templates for the chat model.
        checkpointer: Keeps threads; see LangGraph.
        store: Long-term memory for the Runnables; see LangGraph.
        name: Name of the graph, as traces and parent graphs show it.
        retry_policy: When a failed node is tried again. What fails for good is an error as long
            as there is no answer; later the best answer so far is returned, with
            `decision["reason"] == "error"` and the message under `error`.
        cache_policy: For the nodes that write answers; needs `cache`. An answer that is remembered
            is not asked for again, and the books have what it cost when it was. Verdicts are not
            remembered: LangChain's `set_llm_cache` spares a judge's calls.
        cache: See LangGraph. Graphs that share one need names of their own.
        timeout: Time that a call may take; needs the async methods. What takes longer is a
            failure that the default `RetryPolicy` retries.

    Returns:
        The compiled graph.

    Raises:
        ValueError: If nobody can draw or revise, there is neither a verifier nor a key, variant
            and predictor do not go together, or a number leaves its range.
        TypeError: If a model, verifier, Runnable or calibration is none.
        ModuleNotFoundError: If `model` is a name and `langchain` is not installed.
    """
    router = MarkovScaleRouter(
        evidence(verifier, answer_key, choices, calibration, variant),
        variant=variant,
        cost_per_round=cost_per_round,
        max_rounds=max_rounds,
        actions=actions,
        answer_key=answer_key,
        choices=choices,
        routes=_LABELS,
    )
    check_predictor(predictor, router.criterion)
    policies = _policies(retry_policy)
    rounds = max(_ROUNDS_PER_RUN, router.criterion.max_rounds)
    per_run = PerRun(router.criterion, budget, rounds)
    safety = Safety(per_run, policies)
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout

    builder = StateGraph(
        MarkovScaleState,
        MarkovScaleContext,
        input_schema=MarkovScaleInput,
        output_schema=MarkovScaleOutput,
    )
    builder.set_node_defaults(retry_policy=policies or None)
    remembered = policy_for(cache_policy, name)
    draw = generator(generate, model, prompts)
    asked = as_predictor(predictor)
    drawing = GenerateNode(draw, router.answer_key, safety, seconds, asked)
    builder.add_node(drawing, cache_policy=remembered)
    builder.add_node(VerifyProxyNode(verifier, per_run, safety, seconds))
    if "revise" in router.criterion.actions:
        rework = reviser(revise, model, prompts)
        revising = ReviseNode("revise", rework, router.answer_key, safety, seconds)
        builder.add_node(revising, cache_policy=remembered)
        builder.add_edge("revise", "verify_proxy")
    builder.add_edge(START, "generate")
    builder.add_edge("generate", "verify_proxy")
    builder.add_conditional_edges("verify_proxy", router, router.path_map())
    answers = None if cache is None else CacheOfAnswers(cache)
    graph = builder.compile(checkpointer, cache=answers, store=store, name=name)
    limit = _STEPS_PER_ATTEMPT * rounds + _STEPS_BESIDE
    return graph.with_config(recursion_limit=limit, tags=[TAG])


def _policies(policy: RetryPolicy | Sequence[RetryPolicy] | None) -> Sequence[RetryPolicy]:
    if policy is None:
        return ()
    # A policy is a named tuple, and so a sequence itself.
    return (policy,) if isinstance(policy, RetryPolicy) else tuple(policy)
