"""Attempts as users' own graphs keep them: a list, parallel lists, or a conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, cast

from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from langchain_markovscale._messages import all_messages
from langchain_markovscale._text import valid
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import joined_key
from langchain_markovscale.display.wording import counted
from langchain_markovscale.graph.conversation import values_of
from langchain_markovscale.traces.messages import read_messages
from langchain_markovscale.types import Action, Attempt, new_attempt
from langchain_markovscale.verifiers.verdicts import to_verdict

_FIELDS = frozenset(Attempt.__required_keys__)


@dataclass(frozen=True)
class AttemptsReader:
    """Reads attempts from a state.

    Attributes:
        attempts_key: Key of a list of attempts, read unless one of the next two is given.
        answers_key: Key of a list of answers.
        messages_key: Key of a conversation in which every AI message is an answer.
        scores_key: Key of the scores of answers or AI messages.
        action: How every attempt was made; None where each attempt says it.
        answer_key: Makes the key of answers that come without one.
    """

    attempts_key: str
    answers_key: str | None
    messages_key: str | None
    scores_key: str | None
    action: Action | None
    answer_key: AnswerKey | None

    def __post_init__(self) -> None:
        texts_key = self.answers_key or self.messages_key
        if self.answers_key is not None and self.messages_key is not None:
            raise ValueError(
                f"answers_key={self.answers_key!r} and messages_key={self.messages_key!r} are two "
                "places of the same answers: give one of them."
            )
        if self.scores_key is not None and texts_key is None:
            raise ValueError(
                f"scores_key={self.scores_key!r} needs answers_key or messages_key: leave it out "
                "where attempts_key is read, because each attempt has its own score."
            )
        if texts_key is not None and self.action is None:
            raise ValueError(
                f"{texts_key!r} does not say which answers were revised and which drawn afresh: "
                "give actions=('revise',) or actions=('generate',), or keep a list of attempts "
                "and give attempts_key."
            )

    def raw(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return what the state has of each attempt, as it is; its length is their number.

        Raises:
            ValueError: If the state has no such key, or it holds no list.
        """
        if self.messages_key is not None:
            return _answers(_list_at(self.messages_key, values))
        return _list_at(self.answers_key or self.attempts_key, values)

    def attempts(self, raw: Sequence[Any], values: Mapping[str, Any]) -> list[Attempt]:
        """Return the attempts as the criterion takes them.

        Raises:
            ValueError: If a score is out of range, or an attempt lacks what cannot be inferred.
        """
        if self.answers_key is None and self.messages_key is None:
            return self._all_completed(raw)
        scores = _list_at(self.scores_key, values) if self.scores_key is not None else ()
        if len(scores) > len(raw):
            raise ValueError(
                f"scores_key={self.scores_key!r} has {counted(len(scores), 'score')} for "
                f"{counted(len(raw), 'answer')}: "
                "give at most one score for each answer."
            )
        scores = [*scores, *[None] * (len(raw) - len(scores))]
        pairs = zip(raw, scores, strict=True)
        return self._all_completed([{"text": text, "score": score} for text, score in pairs])

    def _all_completed(self, raw: Sequence[Any]) -> list[Attempt]:
        attempts: list[Attempt] = []
        for attempt_like in raw:
            attempts.append(self._completed(attempt_like, attempts))
        return attempts

    def _completed(self, attempt_like: Any, earlier: Sequence[Attempt]) -> Attempt:
        """Return an attempt of the user's with all keys; what it lacks is inferred."""
        index = len(earlier)
        if isinstance(attempt_like, BaseModel) or is_dataclass(attempt_like):
            attempt_like = values_of(attempt_like)
        if not isinstance(attempt_like, Mapping):
            raise ValueError(
                f"attempts[{index}] must be a dictionary, a dataclass or a pydantic model with its "
                f"answer as 'text', got {attempt_like!r}: for a list of texts give answers_key."
            )
        attempt: Mapping[str, Any] = attempt_like
        if attempt.keys() >= _FIELDS:
            return cast("Attempt", attempt)
        text, score = attempt.get("text"), attempt.get("score")
        if not isinstance(text, str):
            raise ValueError(f"attempts[{index}] must have its answer as 'text', got {attempt!r}.")
        text = valid(text)
        action = attempt.get("action") or (self.action if index else "generate")
        if action is None:
            raise ValueError(
                f"attempts[{index}] must have its 'action', 'revise' or 'generate', where both are "
                f"allowed, got {attempt!r}."
            )
        key = attempt.get("key")
        if key is None and self.answer_key is not None:
            key = joined_key(self.answer_key(text), self.answer_key, earlier)
        previous = index - 1 if action == "revise" else None
        return new_attempt(
            text,
            key=key,
            score=to_verdict(score, name="the state")["score"],
            action=action,
            parent=attempt.get("parent", previous),
            feedback=attempt.get("feedback"),
            tokens=attempt.get("tokens"),
        )


def _list_at(key: str, values: Mapping[str, Any]) -> Sequence[Any]:
    value = values.get(key)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise ValueError(
        f"The state must have a list under {key!r}, got {value!r}: tell the router which keys to "
        "read, with attempts_key, or answers_key and scores_key, or messages_key."
    )


def _answers(messages: Sequence[Any]) -> list[str]:
    """Return the texts of AI messages after the question; tool calls are no answers."""
    if all_messages(messages):  # without making dictionaries of them
        turns = [
            (isinstance(each, HumanMessage), str(each.text))
            for each in messages
            if isinstance(each, HumanMessage)
            or (isinstance(each, AIMessage) and not each.tool_calls)
        ]
    else:
        turns = [
            (each.role == "user", each.text)
            for each in read_messages(messages)
            if each.role == "user" or (each.role == "assistant" and not each.calls_tool)
        ]
    question = next((index for index, (asks, _) in enumerate(turns) if asks), len(turns))
    return [valid(text) for asks, text in turns[question:] if not asks]
