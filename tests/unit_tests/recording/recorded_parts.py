"""A loop of plain functions to record, and what one asks of its traces."""

import threading
from collections import Counter

from langchain_markovscale import create_markovscale_graph, read_traces

QUESTIONS = [(f"What is {n} + 0?", str(n)) for n in range(6)]


class Parts:
    """The parts of a loop: the n-th answer to a question ends in n; each may be told to fail."""

    def __init__(self):
        self.calls = Counter()
        self.revised = []
        self.fails = lambda kind, question, number: False
        self._lock = threading.Lock()

    def _call(self, kind, question):
        with self._lock:
            self.calls[kind, question] += 1
            number = self.calls[kind, question]
        if self.fails(kind, question, number):
            raise ConnectionError(f"{kind} is down")
        return number

    def generate(self, request):
        return f"draw {self._call('generate', request['question'])}"

    def revise(self, request):
        number = self._call("revise", request["question"])
        self.revised.append((request["question"], request["answer"], request["feedback"]))
        return f"revision {number}"

    def verify(self, question, answer):
        self._call("verify", question)
        return 0.5, f"not {answer}"

    def total(self, kind):
        return sum(many for (one, _), many in self.calls.items() if one == kind)

    def graph(self, **options):
        return create_markovscale_graph(
            generate=self.generate,
            revise=self.revise,
            verifier=self.verify,
            answer_key="last_number",
            **options,
        )


def texts(trace):
    return [attempt["text"] for attempt in trace["attempts"]]


def by_question(path):
    return {trace["question"]: trace for trace in read_traces(path)}
