"""Which loop made a trace: the names of its models, its verifier and its answer key.

Rates describe one loop. The names go with its traces, with what is fitted to them, and are compared
with those of the loop that decides by it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from typing_extensions import TypedDict

from langchain_markovscale.traces.trace import Trace

LOOP = "loop"
"""Where the metadata of traces and of calibrations have a `Loop`."""

RUN_ID = "run_id"
"""Where the metadata of a watched run have its id, as tracing services know it."""

RETURNED = "returned"
"""Where they have the number of the attempt that the run returned."""

NONE = "none"
"""The name of a part that a loop does not have."""

PLAIN = "1"
"""The version of a judge's prompt that shows question, answer and key alone."""


class Loop(TypedDict, total=False):
    """The parts of a loop by name; a part of unknown name is left out.

    Attributes:
        model: The model that draws answers.
        reviser: The model that revises them.
        verifier: The verifier, and the models that it asks.
        prompt_version: Version of the prompts that its judge was given, where a judge has several:
            `PLAIN`, or as in `Verdict.judged_with`.
        answer_key: What makes the keys of answers.
    """

    model: str
    reviser: str
    verifier: str
    prompt_version: str
    answer_key: str


def loop_in(metadata: Mapping[str, Any] | None) -> Loop:
    """Return the loop in the metadata of a trace or of a calibration, as far as it is known."""
    given = (metadata or {}).get(LOOP)
    if not isinstance(given, Mapping):
        return {}
    known = {name: given.get(name) for name in Loop.__annotations__}
    return cast("Loop", {name: value for name, value in known.items() if isinstance(value, str)})


def as_judged(loop: Loop, attempts: Iterable[Mapping[str, Any]]) -> Loop:
    """Return a loop with the prompt version of attempts; without one where theirs differ.

    Args:
        loop: The loop that made them; one whose judge has no versions stays as it is.
        attempts: The attempts. Those without text or score were not judged.
    """
    if "prompt_version" not in loop:
        return loop
    versions = {
        (each.get("metadata") or {}).get("judged_with", PLAIN)
        for each in attempts
        if each["text"].strip() and each["score"] is not None
    }
    version = next(iter(versions)) if len(versions) == 1 else None
    return loop_in({LOOP: {**loop, "prompt_version": version}})


def in_common(one: Loop, other: Loop) -> Loop:
    """Return the parts that two loops share."""
    return cast("Loop", dict(one.items() & other.items()))


class CommonLoop:
    """Notes the loop of traces.

    Attributes:
        loop: The parts that all of them share.
    """

    def __init__(self) -> None:
        self.loop: Loop = {}
        self._is_first = True

    def noting(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """Yield the traces as they are."""
        for trace in traces:
            loop = loop_in(trace.get("metadata"))
            self.loop = loop if self._is_first else in_common(self.loop, loop)
            self._is_first = False
            yield trace


def difference(there: Loop, here: Loop) -> tuple[str, str] | None:
    """Return the parts in which two loops differ, in words for the one and for the other.

    What a judge is shown is left out, which is known of attempts, not of a loop.

    Args:
        there: The loop that something was measured with.
        here: The loop that it is used in. What only one of the two tells is no difference, and
            neither is a part that this one does not have: it decides without it.

    Returns:
        None where they don't differ.
    """
    parts = [
        name
        for name in there
        if name != "prompt_version" and here.get(name, NONE) not in (NONE, there.get(name))
    ]
    if "model" in parts and all(each.get("reviser") == each["model"] for each in (there, here)):
        parts = [name for name in parts if name != "reviser"]  # that is the same model again
    if not parts:
        return None
    one, other = (
        ", ".join(f"{name}={loop.get(name)!r}" for name in parts) for loop in (there, here)
    )
    return one, other
