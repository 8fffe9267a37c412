"""The updates of an agent's state by which a turn goes on, or stops with its best answer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_markovscale.agents.side_effects import restoration
from langchain_markovscale.agents.transcript import (
    Transcript,
    best_answer,
    rewritten,
    transcript_of,
)
from langchain_markovscale.agents.turn import Calls, Trail, Turn, critique_message, under_way
from langchain_markovscale.types import Decision

Update = dict[str, Any]


class Now(NamedTuple):
    """A turn as it stands when a hook is called.

    Attributes:
        state: The agent's state.
        turn: The turn.
        calls: Its calls.
        transcript: The conversation.
    """

    state: Mapping[str, Any]
    turn: Turn
    calls: Calls
    transcript: Transcript

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Now":
        """Return the turn of a state."""
        turn, calls = under_way(state)
        return cls(state, turn, calls, transcript_of(state["messages"], turn, calls))

    def with_error(self, error: str, *, over_budget: bool = False) -> "Now":
        """Return it with what ends the turn."""
        return self._replace(calls={**self.calls, "error": error, "over_budget": over_budget})


def is_out_of_steps(now: Now) -> bool:
    """Return whether the recursion limit is near: under twice what the last attempt has taken.

    The steps of an attempt differ, and what other middleware does at the end of a run takes steps
    as well.
    """
    left, before = now.state.get("remaining_steps"), now.turn["steps_left"]
    return left is not None and before is not None and left < 2 * (before - left)


def continuing(
    now: Now, decision: Decision, critique: str | None, restore: Sequence[str]
) -> Update:
    """Return the update after which the agent makes the next attempt.

    Args:
        now: The turn.
        decision: The decision to revise or to draw afresh.
        critique: What asks for the revision; None for a fresh draw.
        restore: The channels that are set back to what they were after the attempt to revise, or
            before the first.
    """
    turn, transcript, parent = now.turn, now.transcript, decision["parent"]
    wanted: list[Any] = [*transcript.before]
    if not transcript.has_question:
        wanted.append(turn["question"])
    channels, message = turn["channels"], None
    if parent is not None and critique is not None:
        trail, message = turn["trails"][parent], critique_message(critique)
        channels = trail.get("channels", {})
        wanted += [*trail["steps"], *trail["answer"], message]
    return {
        "messages": rewritten(now.state["messages"], wanted),
        "markovscale": {
            **turn,
            "decision": decision,
            "critique": message,
            "steps_left": now.state.get("remaining_steps"),
        },
        "markovscale_calls": now.calls,
        "jump_to": "model",
        **restoration(now.state, restore, channels),
    }


def stopping(now: Now, decision: Decision, restore: Sequence[str]) -> Update:
    """Return the update after which the best answer is the last message.

    Args:
        now: The turn.
        decision: The decision to stop.
        restore: The channels that are set back to what they were after the best attempt.
    """
    turn, best = now.turn, best_answer(now.turn, now.calls, decision)
    wanted = [*now.transcript.before, *best["steps"], *best["answer"]]
    final: Trail = {"steps": [], "answer": best["answer"], "structured": best["structured"]}
    # The drafts are not needed any more, and a thread should not keep them.
    turn = {**turn, "attempts": [], "trails": [], "channels": {}, "critique": None}
    update = {
        "messages": rewritten(now.state["messages"], wanted),
        "markovscale": {**turn, "decision": decision, "final": final},
        "markovscale_calls": now.calls,
        **restoration(now.state, restore, best.get("channels", {})),
    }
    return update | _structured(final)


def with_answer_last(now: Now, final: Trail) -> Update:
    """Return the update by which the answer of a turn that has stopped is the last message."""
    ids = {message.id for message in final["answer"]}
    others = [message for message in now.state["messages"] if message.id not in ids]
    messages = rewritten(now.state["messages"], [*others, *final["answer"]])
    return {"messages": messages, **_structured(final)}


def _structured(final: Trail) -> Update:
    structured = final["structured"]
    return {} if structured is None else {"structured_response": structured}
