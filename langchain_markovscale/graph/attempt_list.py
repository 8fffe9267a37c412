"""The reducer of a list of attempts, for states of graphs that know nothing else of this package.

A state that keeps only the latest draft has lost the best one when a revision makes it worse. With
`attempts: Annotated[list, add_attempt]` every draft stays, with its score.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from langchain_core.messages import BaseMessage

from langchain_markovscale._text import valid
from langchain_markovscale.graph.typed_answers import as_json, is_object, plain_object
from langchain_markovscale.types import Attempt, Verdict
from langchain_markovscale.verifiers.verdicts import to_verdict

_FIELDS = frozenset({*Attempt.__annotations__, "id"})
_VERDICT = frozenset({"score", "feedback"})
_BESIDE = frozenset(Verdict.__annotations__) - _VERDICT
"""What a verifier says beside a score and feedback, which is no part of an attempt."""


def add_attempt(attempts: Any, update: Any) -> list[dict[str, Any]]:
    """Add drafts, or the verdict on the latest of them, to the attempts of a state.

    A reducer, as `add_messages` is one for messages::

        class State(TypedDict):
            question: str
            attempts: Annotated[list, add_attempt]

        def write(state):
            return {"attempts": model.invoke(state["question"])}

        def criticise(state):
            return {"attempts": {"score": 0.4, "feedback": "Too long."}}

        router = MarkovScaleRouter(actions=("revise",))

    Each attempt gets an `id`, so that a node may return the whole list again, and parallel branches
    and a subgraph add theirs without doubling what was there. `Overwrite([])` of LangGraph begins
    anew, as for every reducer.

    Args:
        attempts: The list so far.
        update: A draft, or a list of them: a text, a message, a typed answer, or a dictionary with
            one of them under `text` and, where they are known, `score`, `key`, `feedback`,
            `action`, `parent`, `tokens`, `metadata` and `id`. A dictionary without `text`, such as
            a verifier's verdict, changes the attempt of its `id`, or else the latest. None adds
            nothing.

    Returns:
        A new list of dictionaries of plain JSON.

    Raises:
        ValueError: If an update is no draft and there is no attempt for it to change, or a score
            leaves [0, 1].
        TypeError: If an update is of no accepted type, or has fields that attempts have not.
    """
    merged: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for change in (*_changes(attempts), *_changes(update)):
        index = places.get(change["id"])
        if index is None and "text" in change:
            change["id"] = change["id"] or str(uuid4())
            places[change["id"]] = len(merged)
            merged.append(change)
            continue
        if index is None and (not merged or change["id"] is not None):
            raise ValueError(
                f"The update {change!r:.80} of the attempts has no 'text', and there is no attempt "
                "for it to change: let a node that writes come first and return the draft."
            )
        place = len(merged) - 1 if index is None else index
        merged[place] = {**merged[place], **change, "id": merged[place]["id"]}
    return merged


def _changes(given: Any) -> list[dict[str, Any]]:
    if given is None:
        return []
    return [_fields(each) for each in (given if isinstance(given, (list, tuple)) else [given])]


def _fields(given: Any) -> dict[str, Any]:
    """Return the fields that an update has of an attempt, as plain JSON."""
    if not isinstance(given, Mapping) or _FIELDS.isdisjoint(given):
        return {"id": getattr(given, "id", None), **_draft(given)}
    fields = {"id": None, **given}
    if unknown := sorted(map(str, given.keys() - _FIELDS - _BESIDE)):
        raise TypeError(
            f"An attempt has no field {', '.join(map(repr, unknown))}: it has the draft under "
            f"'text' and may have {', '.join(sorted(_FIELDS - {'text'}))}. A dictionary that is "
            "the draft itself goes under 'text'."
        )
    if not _VERDICT.isdisjoint(given):
        verdict = to_verdict({"score": None} | {k: given[k] for k in _VERDICT & given.keys()})
        fields |= {k: verdict[k] for k in _VERDICT & given.keys()}  # type: ignore[literal-required]
    if "text" in given:
        fields |= _draft(given["text"])
    return {name: value for name, value in fields.items() if name not in _BESIDE}


def _draft(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"text": valid(given)}
    if isinstance(given, BaseMessage):
        return {"text": valid(given.text)}
    if is_object(given):
        plain = plain_object(given)
        return {"text": as_json(plain), "answer_object": plain}
    raise TypeError(
        "An update of the attempts must be a draft (a text, a message, a typed answer), or a "
        f"dictionary with the draft under 'text', got {given!r:.80}."
    )
