"""Agents with the middleware, and what tests read in their output."""

from fakes import SURE
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage

from langchain_markovscale import MarkovScaleMiddleware


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
