"""What a run tells while it goes on: one event for each attempt, decision and failure.

They reach whoever streams with `stream_mode="custom"`:

    {"type": "attempt", "index": 0, "attempt": {…}, "question": "…"}       after its verification
    {"type": "decision", "decision": {…}, "question": "…"}
    {"type": "error", "node": "revise", "error": "…", "try": 1, "question": "…"}
    {"type": "budget", "node": "revise", "error": "…", "question": "…"}   a call that was not made
"""

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime, get_runtime


def current_runtime() -> Runtime[Any]:
    """Return LangGraph's runtime; an empty one where a node is called without a graph."""
    try:
        return get_runtime() or Runtime()
    except (KeyError, RuntimeError):
        return Runtime()


def tell(*events: Mapping[str, Any]) -> None:
    """Hand events to the stream, if there is one."""
    write = current_runtime().stream_writer
    for event in events:
        write(event)
