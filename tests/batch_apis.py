"""The batch interfaces of OpenAI and Anthropic, small and on this machine.

Both take jobs as the real ones do, over HTTP, and can be told to go wrong.
"""

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

_DAY = 86_400


class BatchApis:
    """Both interfaces.

    Attributes:
        jobs: The requests of each job that was taken, by id: name of the request to its body.
        asked: How often each request was made.
        outcome: Told the name and the body of a request: None for an answer, or "refused",
            "overloaded", "expired" for an error.
        polls: Looks at a job before it has ended.
        lost: Jobs whose taking the client is not told of.
        status: What it is told instead, such as 503; None where the connection breaks off.
        now: What the clock shows.
        listed: Whether lists of jobs have them already.
        cancelled: Jobs that somebody cancels when half of their requests are answered.
        sent: Told the lines of a file of results: those that are sent.
        refused: Why whole jobs are refused; None where they are not.
    """

    def __init__(self, answer):
        self.answer = answer
        self.jobs, self.asked = {}, Counter()
        self.outcome = lambda name, body: None
        self.polls, self.lost, self.status, self.refused = 1, 0, None, None
        self.now, self.listed, self.cancelled = time.time(), True, set()
        self.sent = lambda lines: lines
        self._files, self._metadata, self._looks = {}, {}, Counter()
        self._lock = threading.Lock()
        apis = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                self._reply(apis.get(urlparse(self.path).path))

            def do_POST(self):
                sent = self.rfile.read(int(self.headers["content-length"]))
                self._reply(apis.post(urlparse(self.path).path, sent))

            def _reply(self, value):
                if value is None and apis.status is None:
                    self.close_connection = True
                    return
                text = value if isinstance(value, str) else json.dumps(value)
                self.send_response(200 if value is not None else apis.status)
                kind = "application/json" if text is not value else "application/x-jsonl"
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # Whoever closes it waits for one look at whether it should end.
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def post(self, path, sent):
        with self._lock:
            if path == "/v1/files":
                name = f"file-{len(self._files)}"
                lines = [line for line in sent.decode().splitlines() if line.startswith("{")]
                self._files[name] = "\n".join(lines)
                return {"id": name, "object": "file", "purpose": "batch"}
            given = json.loads(sent)
            if path == "/v1/batches":
                lines = map(json.loads, self._files[given["input_file_id"]].splitlines())
                requests = {each["custom_id"]: each["body"] for each in lines}
            else:
                requests = {each["custom_id"]: each["params"] for each in given["requests"]}
            job = f"job-{len(self.jobs)}"
            self.jobs[job], self._metadata[job] = requests, given.get("metadata")
            self.asked.update(requests.keys())
            if self.lost:
                self.lost -= 1
                return None
            return self._openai(job) if path == "/v1/batches" else self._anthropic(job)

    def get(self, path):
        with self._lock:
            if path == "/v1/batches":
                listed = [self._openai(job, look=False) for job in self._listed()]
                return {"object": "list", "data": listed, "has_more": False}
            if path == "/v1/messages/batches":
                listed = [self._anthropic(job, look=False) for job in self._listed()]
                return {"data": listed, "has_more": False, "first_id": None, "last_id": None}
            *_, name, last = path.split("/")
            if last == "content":
                return "\n".join(self.sent([*map(json.dumps, self._file(name))]))
            if last == "results":
                return "\n".join(self.sent([*map(json.dumps, self._anthropic_results(name))]))
            return self._openai(last) if "messages" not in path else self._anthropic(last)

    def _listed(self):
        return reversed(self.jobs) if self.listed else ()

    def _has_ended(self, job, look):
        self._looks[job] += look
        return self._looks[job] > self.polls

    def _openai(self, job, look=True):
        ended = self._has_ended(job, look)
        status = ("cancelled" if job in self.cancelled else "completed") if ended else "in_progress"
        about = {
            "id": job,
            "object": "batch",
            "created_at": int(self.now),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "input_file_id": "file",
            "metadata": self._metadata[job],
            "status": status if self.refused is None else "failed",
        }
        if self.refused is not None:
            return about | {"errors": {"object": "list", "data": [{"message": self.refused}]}}
        if ended:
            about |= {"output_file_id": f"out-{job}", "error_file_id": f"err-{job}"}
        return about

    def _file(self, name):
        kind, _, job = name.partition("-")
        lines = []
        requests = list(self.jobs[job].items())
        if job in self.cancelled:
            del requests[len(requests) // 2 :]
        for custom_id, body in requests:
            outcome = self.outcome(custom_id, body)
            if outcome is None and kind == "out":
                response, error = {"status_code": 200, "body": self._completion(body)}, None
            elif outcome is not None and kind == "err":
                code = {"refused": 400, "overloaded": 503}.get(outcome)
                message = {"code": f"batch_{outcome}", "message": f"it was {outcome}"}
                response = code and {"status_code": code, "body": {"error": message}}
                error = None if code else message
            else:
                continue
            lines.append({"custom_id": custom_id, "response": response, "error": error})
        return lines

    def _completion(self, body):
        return {
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": self.answer(body)},
                }
            ],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
        }

    def _anthropic(self, job, look=True):
        ended = self._has_ended(job, look)
        moment = datetime.fromtimestamp(self.now, UTC).isoformat()
        kinds = ("processing", "succeeded", "errored", "canceled", "expired")
        counts = dict.fromkeys(kinds, 0)
        counts["succeeded" if ended else "processing"] = len(self.jobs[job])
        return {
            "id": job,
            "type": "message_batch",
            "created_at": moment,
            "expires_at": moment,
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": counts,
            "results_url": f"{self.url}/v1/messages/batches/{job}/results",
        }

    def _anthropic_results(self, job):
        requests = list(self.jobs[job].items())
        for number, (custom_id, body) in enumerate(requests):
            outcome = self.outcome(custom_id, body)
            if job in self.cancelled and number >= len(requests) // 2:
                result = {"type": "canceled"}
            elif outcome is None:
                result = {"type": "succeeded", "message": self._message(body)}
            elif outcome == "expired":
                result = {"type": "expired"}
            else:
                kind = {"refused": "invalid_request_error", "overloaded": "overloaded_error"}
                error = {"type": kind[outcome], "message": f"it was {outcome}"}
                result = {"type": "errored", "error": {"type": "error", "error": error}}
            yield {"custom_id": custom_id, "result": result}

    def _message(self, body):
        return {
            "id": "msg",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": self.answer(body)}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 20, "output_tokens": 5},
        }
