"""A loop whose calls are on record outside of it, and die on cue: what a kill test judges by.

The same question gives the same run, call for call. A draw can't see how many were made before it,
so the parts go by the step that LangGraph is in, which a resumed run counts on from.
"""

import json
import os
import signal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda

from langchain_markovscale import Calibration, create_markovscale_graph

# Both actions are worth trying, and the verifier leaves doubts: runs of two to six attempts.
CALIBRATION = Calibration.from_rates(
    initial=0.4, repair=0.3, corruption=0.1, sensitivity=0.8, specificity=0.8
)


class Call(NamedTuple):
    """A paid call, as the record has it.

    Attributes:
        process: Who made it.
        question: What it was about.
        purpose: What it was for.
        result: The answer that it wrote or judged; different for every call of its purpose.
        returned: Whether it came back; the record also has it as begun.
    """

    process: int
    question: str
    purpose: str
    result: str
    returned: bool

    @property
    def what(self) -> tuple[str, str, str]:
        return self.question, self.purpose, self.result


class Ledger:
    """Appends every call to a file, before and after it.

    A kill takes nothing back that was written: the kernel keeps it, and no buffer is in between.

    Args:
        path: The file.
        dies_at: Number of the entry of this process after which it kills itself; None for never.
    """

    def __init__(self, path: str | Path, dies_at: int | None = None) -> None:
        self._path = Path(path)
        self._left = dies_at

    def pay(self, question: str, purpose: str, result: str) -> None:
        """Enter a call as begun, and as returned."""
        for returned in (False, True):
            entry = json.dumps([os.getpid(), question, purpose, result, returned])
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, f"{entry}\n".encode())
            os.close(file)
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    def entries(self) -> list[Call]:
        """Return everything that is on record."""
        if not self._path.exists():
            return []
        return [Call(*json.loads(line)) for line in self._path.read_text().splitlines()]


def paid_graph(ledger: Ledger, checkpointer: Any, **options: Any) -> Any:
    """The loop, of parts that enter what they do in the ledger."""

    def generate(given: dict[str, Any], config: RunnableConfig) -> AIMessage:
        return write("generate", given, config["metadata"]["langgraph_step"])

    def revise(given: dict[str, Any], config: RunnableConfig) -> AIMessage:
        return write("revise", given, config["metadata"]["langgraph_step"])

    def write(purpose: str, given: dict[str, Any], step: int) -> AIMessage:
        question = given["question"]
        text = f"{purpose} in step {step}: {dice(purpose, question, step) % 3}"
        ledger.pay(question, purpose, text)
        written = dice("tokens", question, step) % 50
        usage = {"input_tokens": step, "output_tokens": written, "total_tokens": step + written}
        return AIMessage(text, usage_metadata=usage)

    def verify(given: dict[str, Any]) -> dict[str, Any]:
        question, answer = given["question"], given["answer"]
        score = (dice("score", question, answer) % 101) / 100
        ledger.pay(question, "verify", answer)
        usage = {"calls": 1, "input_tokens": 5, "output_tokens": 1, "unknown": 0}
        return {"score": score, "feedback": f"{score:.0%}", "usage": usage}

    given = {
        "generate": RunnableLambda(generate),
        "revise": RunnableLambda(revise),
        "verifier": RunnableLambda(verify),
        "calibration": CALIBRATION,
        "answer_key": "last_number",
        "max_rounds": 6,
        "cost_per_round": 0.01,
    } | options
    return create_markovscale_graph(**given, checkpointer=checkpointer)


def dice(*seen: object) -> int:
    """A number that depends on nothing else."""
    return int.from_bytes(sha256(repr(seen).encode()).digest()[:4])
