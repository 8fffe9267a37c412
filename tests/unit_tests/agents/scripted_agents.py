"""Agents with the middleware, and what tests read in their output."""

from fakes import SURE
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage

from langchain_markovscale import Calibration, MarkovScaleMiddleware

LATER_MAY_BE_BETTER = {
    "calibration": Calibration.from_rates(
        initial=0.5, repair=0.6, corruption=0.1, sensitivity=0.7, specificity=0.95
    ),
    "max_rounds": 3,
    "cost_per_round": 0.0,
}
"""Options of a loop that goes on to its last round, unless a verdict is sure."""


def agent_of(model, verifier, tools=(), *, checkpointer=None, response_format=None, **options):
    middleware = MarkovScaleMiddleware(
        verifier=verifier,
        **{"calibration": SURE, "actions": ("revise",), "cost_per_round": 0.1, **options},
    )
    return create_agent(
        model,
        list(tools),
        middleware=[middleware],
        checkpointer=checkpointer,
        response_format=response_format,
    )


def scoring(*scores):
    """A verifier that gives one score after the other."""
    left = iter(scores)
    return lambda answer: next(left)


def asked(text="What is 17 * 23?"):
    return {"messages": [HumanMessage(text)]}


def texts(output):
    return [message.text for message in output["messages"]]


def told(output):
    """What the loop wrote beside the answer."""
    return output["messages"][-1].response_metadata["markovscale"]


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b
