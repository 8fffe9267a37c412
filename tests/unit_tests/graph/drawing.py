"""A loop that makes several draws at once, and goes on to its last round."""

from fakes import REPAIRING, rejecting

from langchain_markovscale import FunctionVerifier, create_markovscale_graph

QUESTION = {"question": "What is 2 + 2?"}
REJECTING = FunctionVerifier(rejecting())


def graph_of(generate, verifier=REJECTING, **options):
    options = {
        "calibration": REPAIRING,
        "actions": ("generate",),
        "cost_per_round": 0.0,
        "max_rounds": 4,
        "draws_at_once": 4,
    } | options
    return create_markovscale_graph(generate=generate, verifier=verifier, **options)


def texts(state):
    return [attempt["text"] for attempt in state["attempts"]]
