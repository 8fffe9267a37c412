"""What a long conversation costs to keep: a thousand questions on one thread.

LangGraph keeps the whole conversation again at every step, whoever made the graph. What is kept
beside it is ours, and should be the same for the thousandth question as for the first: one figure
for what a checkpointer writes in a question, one for the state that is left after it. Each question
gets a fresh draw and a revision, with documents and a critique.
"""

import sqlite3
from statistics import mean

import pytest
from fakes import stored
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

from langchain_markovscale import create_markovscale_graph

QUESTIONS = 1000
COMPARED = 100
THREAD = {"configurable": {"thread_id": "1"}}


class InSqlite:
    """An SQLite database in memory, and what a question adds to it."""

    def __init__(self):
        self._rows = sqlite3.connect(":memory:", check_same_thread=False)
        self.saver = SqliteSaver(self._rows)

    def added(self):
        """Bytes of the last question's rows, without the conversations in them."""
        kept = self._rows.execute("SELECT type, checkpoint, metadata FROM checkpoints")
        total = self._rows.execute("SELECT sum(length(value)) FROM writes").fetchone()[0]
        for kind, checkpoint, metadata in kept:
            values = self.saver.serde.loads_typed((kind, checkpoint))["channel_values"]
            conversation = self.saver.serde.dumps_typed(values.get("messages"))[1]
            total += len(checkpoint) + len(metadata) - len(conversation)
        return total

    def drop(self):
        """Drop all but the last checkpoint, from which the next question goes on."""
        last = "(SELECT max(checkpoint_id) FROM checkpoints)"
        for table in ("writes", "checkpoints"):
            self._rows.execute(f"DELETE FROM {table} WHERE checkpoint_id < {last}")


class InMemory:
    """LangGraph's saver in memory, and what a question adds to it."""

    def __init__(self):
        self.saver = InMemorySaver()

    def added(self):
        """Bytes of the last question's entries, without the conversations in them."""
        beside = {key: blob for key, blob in self.saver.blobs.items() if key[2] != "messages"}
        return sum(map(len, stored((self.saver.storage, self.saver.writes, beside))))

    def drop(self):
        """Drop all but the last checkpoint, from which the next question goes on."""
        checkpoints = self.saver.storage["1"][""]
        last, versions = max(checkpoints), self.saver.get(THREAD)["channel_versions"]
        for name in [name for name in checkpoints if name != last]:
            del checkpoints[name]
        for key in [key for key in self.saver.writes if key[2] != last]:
            del self.saver.writes[key]
        for key in [key for key in self.saver.blobs if versions.get(key[2]) != key[3]]:
            del self.saver.blobs[key]


def loop(saver):
    """Two attempts at each question, and something of every kind that a run keeps."""
    return create_markovscale_graph(
        generate=RunnableLambda(
            lambda request: {"answer": "It is 12.", "documents": ["a sum"] * 5}
        ),
        revise=RunnableLambda(lambda request: "It is 13."),
        verifier=lambda answer: (0.1, "Count again."),
        answer_key="last_number",
        actions=("revise",),
        cost_per_round=0.0,
        max_rounds=2,
        checkpointer=saver,
    )


def grown(kept):
    """Bytes of the last questions over those of the first: what is written, what is left."""
    graph = loop(kept.saver)
    written, left = [], []
    for number in range(QUESTIONS):
        asked = HumanMessage(f"What is {number:04} + 6?", id=f"{number:04}")
        graph.invoke({"messages": [asked]}, THREAD)
        if not COMPARED <= number < QUESTIONS - COMPARED:
            written.append(kept.added())
            values = dict(graph.get_state(THREAD).values)
            assert len(values.pop("messages")) == 2 * (number + 1)
            left.append(len(kept.saver.serde.dumps_typed(values)[1]))
        kept.drop()
    return [mean(sizes[-COMPARED:]) / mean(sizes[:COMPARED]) for sizes in (written, left)]


@pytest.mark.parametrize("kind", [InSqlite, InMemory])
def test_a_thousand_questions_on_a_thread(kind, benchmark, figure):
    written, left = benchmark.pedantic(grown, args=[kind()], rounds=1)
    where = {InSqlite: "SQLite", InMemory: "memory"}[kind]
    figure(f"checkpoints beside the conversation, {where}, questions 901 to 1,000 over 1 to 100",
           written, "×", at_most=1.01)  # fmt: skip
    figure(f"state beside the conversation, {where}, questions 901 to 1,000 over 1 to 100",
           left, "×", at_most=1.01)  # fmt: skip
