"""Questions through a loop with its stopping rule, and a line for each answer in a file."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from langchain_markovscale._files import held
from langchain_markovscale._text import logger_of
from langchain_markovscale.recording.questions import Question
from langchain_markovscale.traces.trace import TraceWriter, record_line

logger = logger_of(__name__)


@dataclass
class Solved:
    """What came of questions.

    Attributes:
        answered: Questions that have got an answer.
        already_there: Questions whose answers were there before.
        failed: The errors of the others, by id.
        seconds: How long it took.
    """

    answered: int = 0
    already_there: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@contextmanager
def answers_in(path: Path) -> Iterator[TraceWriter]:
    """Keep a file of answers for oneself, and add to it."""
    with held(path), TraceWriter(path) as writer:
        yield writer


async def solve_to_file(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    questions: Sequence[Question],
    path: Path,
    *,
    max_concurrency: int = 8,
    config: RunnableConfig | None = None,
) -> Solved:
    """Answer questions, and write a line for each answer when it is there.

    A question whose answer is there is skipped; one that failed is asked when the same call is made
    again.

    Args:
        graph: A graph of `create_markovscale_graph`.
        questions: The questions.
        path: A JSONL file, new or begun: `id`, `question`, `reference`, `answer`, `attempts`,
            `decision`, `usage`, `error` (which ended the run with the best answer so far) and
            `seconds`.
        max_concurrency: How many questions run at a time.
        config: For every run of the graph.

    Raises:
        ValueError: If another process writes to the file, or it holds something else.
        OSError: If it cannot be written.
    """
    began, solved = perf_counter(), Solved()
    with answers_in(path) as writer:
        there = answered_in(path)
        left = iter([question for question in questions if question.id not in there])
        solved.already_there = sum(question.id in there for question in questions)

        async def work() -> None:
            for question in left:
                try:
                    writer.write_line(await _answer(graph, question, config))
                except Exception as error:  # which costs this question alone
                    solved.failed[question.id] = f"{type(error).__name__}: {error}"
                    logger.warning("question %r failed: %s", question.id, error)
                else:
                    solved.answered += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(max_concurrency):
                group.create_task(work())
    solved.seconds = perf_counter() - began
    return solved


async def _answer(
    graph: CompiledStateGraph[Any, Any, Any, Any], question: Question, config: RunnableConfig | None
) -> bytes:
    began = perf_counter()
    result = await graph.ainvoke({"question": question.text}, config)
    record = {"id": question.id, "question": question.text, "reference": question.reference}
    record |= {
        name: result.get(name) for name in ("answer", "attempts", "decision", "usage", "error")
    }
    return record_line({**record, "seconds": round(perf_counter() - began, 3)})


def answered_in(path: Path) -> set[str]:
    """Return the ids of the questions that a file has answers to, in its whole lines.

    Raises:
        ValueError: If a line is none of such a file; the message names it.
    """
    done = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break  # a killed process has left it half-written
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, Mapping) or "id" not in record or "answer" not in record:
                raise ValueError(
                    f"{path}, line {number} is no answer to a question: give another file."
                )
            done.add(str(record["id"]))
    return done
