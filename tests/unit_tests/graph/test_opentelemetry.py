"""A process that is told by its environment alone where its traces go."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).parents[3]

PROCESS = """
from langchain_core.language_models import FakeListChatModel
from langchain_core.tracers.langchain import wait_for_all_tracers
from langchain_markovscale import JudgeVerifier, create_markovscale_graph

judge = FakeListChatModel(responses=["VERDICT: PASS"])
graph = create_markovscale_graph(
    FakeListChatModel(responses=["four"]), verifier=JudgeVerifier(judge), max_rounds=1
)
graph.invoke({"question": "What is 2 + 2?"})
wait_for_all_tracers()
"""


@pytest.fixture
def collector():
    """A collector of OpenTelemetry's, and the spans that it has got."""
    spans = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()
    thread.join()


def test_spans_go_where_the_environment_says(collector):
    address, spans = collector
    environment = {
        **os.environ,
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_TRACING_MODE": "otel",
        "LANGSMITH_API_KEY": "none is needed",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{address}/v1/traces",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROCESS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [span.name for span in sorted(spans, key=lambda span: span.start_time_unix_nano)] == [
        "markovscale",
        "generate",
        "FakeListChatModel",
        "verify_proxy",
        "JudgeVerifier",
        "judge",
    ]
    told = {span.name: {each.key: each.value for each in span.attributes} for span in spans}
    assert "markovscale:verify" in told["judge"]["langsmith.span.tags"].string_value
    assert "max_rounds" in told["markovscale"]["gen_ai.completion"].string_value
