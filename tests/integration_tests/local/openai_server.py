"""A small OpenAI-compatible server over a local chat model: what vLLM or llama.cpp would be."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_core.messages import convert_to_messages

OPTIONS = ("temperature", "top_p", "seed", "logprobs", "top_logprobs")


def options_of(request):
    options = {name: request[name] for name in OPTIONS if request.get(name) is not None}
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    return options | ({"max_tokens": limit} if limit else {})


def usage_of(message):
    usage = message.usage_metadata
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
    }


class Handler(BaseHTTPRequestHandler):
    model = None

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            return self.send_error(404)
        if request.get("stream"):
            return self.stream(request)
        message = self.model.invoke(
            convert_to_messages(request["messages"]),
            stop=request.get("stop"),
            **options_of(request),
        )
        metadata = message.response_metadata
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": message.content},
            "finish_reason": metadata["finish_reason"],
            "logprobs": metadata.get("logprobs"),
        }
        return self.reply("application/json", json.dumps(self.body(request, message, choice)))

    def stream(self, request):
        events = []
        whole = None
        chunks = self.model.stream(
            convert_to_messages(request["messages"]),
            stop=request.get("stop"),
            **options_of(request),
        )
        for chunk in chunks:
            whole = chunk if whole is None else whole + chunk
            choice = {
                "index": 0,
                "delta": {"role": "assistant", "content": chunk.content},
                "finish_reason": chunk.response_metadata.get("finish_reason"),
            }
            events.append(self.body(request, None, choice))
        events.append(self.body(request, whole))
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        return self.reply("text/event-stream", "".join([*lines, "data: [DONE]\n\n"]))

    def body(self, request, message, *choices):
        kind = "chat.completion.chunk" if request.get("stream") else "chat.completion"
        body = {"id": "chatcmpl-1", "object": kind, "created": 0, "choices": list(choices)}
        body["model"] = request["model"]
        return body | ({"usage": usage_of(message)} if message else {})

    def reply(self, content_type, text):
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


@contextmanager
def serving(model):
    """Serve a chat model on 127.0.0.1, and give the base URL."""
    server = Server(("127.0.0.1", 0), type("ModelHandler", (Handler,), {"model": model}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
