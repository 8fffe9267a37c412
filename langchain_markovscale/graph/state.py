"""The state of the loop: plain values only, so that any checkpointer can keep it.

The question is an input that lives until `generate` has read it. On a thread this distinguishes a
new question from the current one, even when both have the same words.
"""

from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langgraph.channels import EphemeralValue
from langgraph.graph.message import add_messages
from langgraph.managed import RemainingSteps
from typing_extensions import TypedDict

from langchain_markovscale.types import Attempt, Decision, Purpose, Usage

Messages = Annotated[list[AnyMessage], add_messages]


class Run(TypedDict):
    """The question of the current run.

    Attributes:
        question: Its text, which is what the verifier sees.
        message_id: Id of the human message that asks it; None where messages have no ids.
    """

    question: str
    message_id: str | None


class MarkovScaleInput(TypedDict, total=False):
    """The input of a run; one of the two is enough.

    Attributes:
        messages: A conversation; its last human message is the question.
        question: The question itself, added to the conversation as a human message.
    """

    messages: Messages
    question: Annotated[str, EphemeralValue]


class MarkovScaleOutput(TypedDict, total=False):
    """The output of a run.

    Attributes:
        answer: Text of the best attempt.
        answer_object: The best attempt as plain JSON, a dictionary or a list, where it is a typed
            answer; None where it is text.
        messages: The conversation, with the best attempt as one AI message at its end.
        attempts: All attempts, in the order in which they were made.
        decision: The last decision, which says why the run stopped.
        usage: Calls and tokens by purpose, failed calls included.
        error: The error where `decision["reason"]` is `"error"`, what was used up where it is
            `"budget"`, else None.
    """

    answer: str | None
    answer_object: dict[str, Any] | list[Any] | None
    messages: Messages
    attempts: list[Attempt]
    decision: Decision | None
    usage: dict[Purpose, Usage]
    error: str | None


class MarkovScaleState(MarkovScaleInput, MarkovScaleOutput, total=False):
    """Input, output, and what only the nodes need.

    Attributes:
        run: The question of the current run.
        contexts: For each attempt, what the generator returned beside it (retrieved documents);
            None for revisions, which see the context of the draw that they go back to.
        replies: For each attempt, fields of the model's message beside its text, until the best one
            is the answer's message; None where there are none.
        class_weights: The question's class weights as predicted, one share for each class; None
            where there is no predictor.
        seconds: Time at work by purpose, where the run's budget limits it or its rule weighs it. Of
            draws that are made at once it is that of the one that took longest.
        round_trips: How often attempts have been waited for, where the rule weighs their time.
        remaining_steps: Steps that LangGraph lets the run take, which it counts itself.
    """

    run: Run
    contexts: list[dict[str, Any] | None]
    replies: list[dict[str, Any] | None]
    class_weights: list[float] | None
    seconds: dict[Purpose, float]
    round_trips: int
    remaining_steps: RemainingSteps
