"""A server of LangGraph, and a provider's server for its model; both on this machine alone."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from langgraph_server import ROOT, served

from langchain_markovscale import Calibration

OWN_GRAPH = '''
"""A graph of somebody's own, as langgraph.json names it."""

from langchain_markovscale import HumanVerifier, create_markovscale_graph

graph = create_markovscale_graph(
    generate=lambda request: "It is 42.",
    verifier=HumanVerifier(),
    actions=("generate",),
    max_rounds=1,
)
'''


# Of a loop that mends a wrong answer every other time.
RATES = Calibration.from_rates(
    initial=0.4, repair=0.5, corruption=0.05, sensitivity=0.9, specificity=0.9
)


class Provider(BaseHTTPRequestHandler):
    """Speaks OpenAI's protocol; its sums are wrong by ten until it is asked to look again."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = [message["content"] for message in asked["messages"]]
        a, b = map(int, re.findall(r"(\d+) \+ (\d+)", " ".join(said))[-1])
        text = f"{a} + {b} = {a + b - 10 if said[-1].startswith('What is') else a + b}"
        whole = {"role": "assistant", "content": text}
        if asked.get("stream"):
            parts = [{"delta": {**whole, "content": word}} for word in re.findall(r"\S+\s*", text)]
            ends = [reply(choice) for choice in (*parts, {"delta": {}, "finish_reason": "stop"})]
            lines = [*map(json.dumps, [*ends, reply()]), "[DONE]"]
            body, kind = "".join(f"data: {line}\n\n" for line in lines), "text/event-stream"
        else:
            body = json.dumps(reply({"message": whole, "finish_reason": "stop"}))
            kind = "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        """Say nothing."""


def reply(choice=None):
    """What OpenAI's protocol says around a choice; the usage is told at the end of a stream."""
    told = choice is None or "message" in choice
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    return {
        "id": "1",
        "object": "chat.completion" if choice and "message" in choice else "chat.completion.chunk",
        "created": 1,
        "model": "adder",
        "choices": [] if choice is None else [{"index": 0, **choice}],
        "usage": usage if told else None,
    }


@pytest.fixture(scope="session")
def provider():
    """Address of a provider of models."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The project's langgraph.json, with a graph of one's own beside it."""
    folder = tmp_path_factory.mktemp("served")
    served = json.loads((ROOT / "langgraph.json").read_text())
    served["graphs"]["own"] = "./own.py:graph"
    (folder / "langgraph.json").write_text(json.dumps(served))
    (folder / "own.py").write_text(OWN_GRAPH)
    RATES.save(folder / "calibration.json")
    return folder


@pytest.fixture(scope="session")
def address(folder, provider):
    """Address of a server that serves them."""
    environment = {
        "OPENAI_API_KEY": "none is needed",
        "OPENAI_BASE_URL": provider,
        "MARKOVSCALE_MODEL": "openai:adder",
        "MARKOVSCALE_VERIFIER": "nines",
        "MARKOVSCALE_ANSWER_KEY": "last_number",
        "MARKOVSCALE_CALIBRATION": str(folder / "calibration.json"),
        "MARKOVSCALE_ACTIONS": "revise",
        "MARKOVSCALE_COST": "0.1",
    }
    with served(folder, environment) as where:
        yield where
