"""The nodes one by one, for a graph of the user's own.

Each works in any graph whose state has the keys that it reads; LangGraph drops what it writes to
keys that the state does not have.
"""

from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.graph.class_weights import PredictorLike, as_predictor
from langchain_markovscale.graph.nodes import (
    GenerateNode,
    ReviseNode,
    VerifierLike,
    VerifyProxyNode,
)
from langchain_markovscale.graph.prompts import Prompts, prompts_or_default
from langchain_markovscale.graph.settings import PerRun
from langchain_markovscale.graph.writers import ChatLike, WriterLike, generator, reviser
from langchain_markovscale.theory.criterion import Criterion


def generate_node(
    model: ChatLike | None = None,
    *,
    generate: WriterLike | None = None,
    answer_key: AnswerKey | str | None = None,
    prompts: Prompts | None = None,
    predictor: PredictorLike | None = None,
    timeout: float | None = None,
) -> GenerateNode:
    """Return a node that makes a fresh draw.

    It reads `question` or `messages` and writes `attempts`, `usage` and `run`, and with a predictor
    `class_weights`. Errors rise.

    Args:
        model: A chat model or a name for `init_chat_model`.
        generate: A Runnable instead, called with `{"question", "messages"}`.
        answer_key: Makes an answer's key, as for `create_markovscale_graph`.
        prompts: Templates for the chat model.
        predictor: Predicts the question's class weights, as for `create_markovscale_graph`.
        timeout: Seconds that a call may take, under asyncio.

    Raises:
        ValueError: If there is neither a model nor a Runnable.
    """
    writer = generator(generate, model, prompts)
    key = resolve_answer_key(answer_key)
    return GenerateNode(writer, key, timeout=timeout, predictor=as_predictor(predictor))


def verify_proxy_node(
    verifier: VerifierLike | None,
    *,
    criterion: Criterion | None = None,
    prompts: Prompts | None = None,
    timeout: float | None = None,
) -> VerifyProxyNode:
    """Return a node that scores the latest attempt.

    It reads `question` or `messages`, and `attempts`, and `class_weights` where the criterion uses
    them; it writes the score and the feedback of the latest attempt and `usage`. The verifier is
    given the conversation in `messages` as well. Errors rise.

    Args:
        verifier: The verify-proxy; None where agreement between answers is the only evidence.
        criterion: If given, the node also writes `decision` and, when that is to stop, `answer` and
            the AI message in `messages`. The run's context may change its costs and rounds, see
            `MarkovScaleContext`.
        prompts: Those of the chat model that draws, if it has any: the verifier is given their
            system prompt, and the conversation as their `trim` leaves it.
        timeout: Seconds that a call may take, under asyncio.

    Raises:
        ValueError: If `prompts.trim` is a number of tokens, which only the model can count.
    """
    per_run = None if criterion is None else PerRun(criterion)
    as_seen = prompts_or_default(prompts).counting_with(None).shown
    return VerifyProxyNode(verifier, per_run, timeout=timeout, as_seen=as_seen)


def revise_node(
    model: ChatLike | None = None,
    *,
    revise: WriterLike | None = None,
    answer_key: AnswerKey | str | None = None,
    prompts: Prompts | None = None,
    timeout: float | None = None,
) -> ReviseNode:
    """Return a node that revises an attempt.

    It reads `question` or `messages`, `attempts` and `decision`, whose `parent` it revises (the
    latest attempt where there is no decision); it writes `attempts` and `usage`. Errors rise.

    Args:
        model: A chat model or a name for `init_chat_model`.
        revise: A Runnable instead, called with `{"question", "messages", "answer", "feedback",
            "attempts"}` and, where the generator returned any, `"context"`.
        answer_key: Makes an answer's key, as for `create_markovscale_graph`.
        prompts: Templates for the chat model.
        timeout: Seconds that a call may take, under asyncio.

    Raises:
        ValueError: If there is neither a model nor a Runnable.
    """
    writer = reviser(revise, model, prompts)
    return ReviseNode("revise", writer, resolve_answer_key(answer_key), timeout=timeout)
