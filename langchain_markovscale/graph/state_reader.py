"""Attempts as users' own graphs keep them: a list, parallel lists, one draft, a conversation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any, NamedTuple, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel

from langchain_markovscale._messages import all_messages
from langchain_markovscale._text import logger_of, valid
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import joined_key
from langchain_markovscale.display.wording import counted
from langchain_markovscale.graph.conversation import values_of
from langchain_markovscale.graph.state_fields import (
    fields_of,
    has_reducer,
    keys_to_give,
    kind_of,
)
from langchain_markovscale.graph.typed_answers import as_json, is_object, plain_object
from langchain_markovscale.traces.messages import read_messages
from langchain_markovscale.types import Action, Attempt, new_attempt
from langchain_markovscale.verifiers.verdicts import to_verdict

logger = logger_of(__name__)

Source = str | Callable[[Any], Any]
"""Where in a state something is: a key, or a function of the state."""

_FIELDS = frozenset(Attempt.__required_keys__)

_ONE_SCORE = (
    "scores_key=%s has one score for %s, and the rule weighs each answer by its own: keep the "
    "scores in a list, as in `scores: Annotated[list[float], operator.add]`."
)
_LATEST_ONLY = (
    "The state keeps the latest draft alone (%s), so the rule decides on that one, and where an "
    "earlier draft was better it cannot be returned. To keep them all, give the state "
    "`attempts: Annotated[list, add_attempt]` (from langchain_markovscale), let nodes return "
    "{'attempts': {'text': draft}} and {'attempts': {'score': score}}, make the router with "
    "MarkovScaleRouter(actions=('revise',)), and return router.best(state)."
)


class Answers(NamedTuple):
    """What a state has of the attempts, as it is.

    Attributes:
        kept: The answers that the state still has.
        lost: How many came before them, which it has no longer; None where it loses none.
    """

    kept: Sequence[Any]
    lost: int | None = None

    @property
    def made(self) -> int:
        """How many attempts were made."""
        return (self.lost or 0) + len(self.kept)


@dataclass
class AttemptsReader:
    """Reads attempts from a state.

    Attributes:
        attempts_key: Key of a list of attempts, read unless one of the next two is given.
        answers_key: Where a list of answers is, or the latest one alone.
        messages_key: Key of a conversation in which every AI message is an answer.
        scores_key: Where the scores of answers or AI messages are, or the latest one's.
        action: How every attempt was made; None where each attempt says it.
        answer_key: Makes the key of answers that come without one.
        iteration_key: Where the number of attempts is, if the state has the latest one alone.
        warned: Whether it was said that a state keeps the latest draft alone.
    """

    attempts_key: str
    answers_key: Source | None
    messages_key: str | None
    scores_key: Source | None
    action: Action | None
    answer_key: AnswerKey | None
    iteration_key: Source = "iteration"
    warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        texts_key = self.answers_key or self.messages_key
        if self.answers_key is not None and self.messages_key is not None:
            raise ValueError(
                f"answers_key={_name(self.answers_key)} and messages_key={self.messages_key!r} are "
                "two places of the same answers: give one of them."
            )
        if self.scores_key is not None and texts_key is None:
            raise ValueError(
                f"scores_key={_name(self.scores_key)} needs answers_key or messages_key: leave it "
                "out where attempts_key is read, because each attempt has its own score."
            )
        if texts_key is not None and self.action is None:
            raise ValueError(
                f"{_name(texts_key)} does not say which answers were revised and which drawn "
                "afresh: give actions=('revise',) or actions=('generate',), or keep a list of "
                "attempts and give attempts_key."
            )

    def check(self, state_schema: type, *, at_once: bool = False) -> None:
        """Check that a state's class has what the router reads, and say what it cannot have.

        Args:
            state_schema: The class.
            at_once: Whether several nodes write what is read at the same time.

        Raises:
            ValueError: If it lacks a key, a key holds one value where a list is read, or has no
                reducer where several values are written at once.
            TypeError: If it is no class of a state.
        """
        fields = fields_of(state_schema)
        kinds = {name: kind_of(annotation) for name, annotation in fields.items()}
        read: dict[str, Source | None] = {}
        lists, texts = "attempts_key", self.answers_key
        if self.messages_key is not None:
            lists, read["messages_key"] = "messages_key", self.messages_key
        elif texts is None:
            read["attempts_key"] = self.attempts_key
        else:
            lists, read["answers_key"] = "", texts
            if isinstance(texts, str) and kinds.get(texts) == "one":
                read["iteration_key"] = self.iteration_key
        read["scores_key"] = self.scores_key
        named = {argument: key for argument, key in read.items() if isinstance(key, str)}
        missing = [f"{key!r} ({argument})" for argument, key in named.items() if key not in fields]
        if missing:
            raise ValueError(
                f"{state_schema.__name__} has no {', no '.join(missing)}; it has "
                f"{', '.join(map(repr, fields))}.{keys_to_give(fields)}"
            )
        if lists and kinds[named[lists]] == "one":
            raise ValueError(
                f"{state_schema.__name__} has one value under {named[lists]!r}, and {lists} names "
                f"a list.{keys_to_give(fields)}"
            )
        many = "iteration_key" not in read and not callable(texts)
        if many and kinds.get(named.get("scores_key", "")) == "one":
            raise ValueError(_ONE_SCORE % (repr(named["scores_key"]), "a list of answers"))
        if "iteration_key" in read:
            if at_once:
                raise ValueError(self.one_at_a_time())
            self.say_latest_only()
        lone = [key for key in named.values() if at_once and not has_reducer(fields[key])]
        if lone:
            raise ValueError(
                f"draws_at_once needs a reducer for {lone[0]!r} of {state_schema.__name__}, since "
                "several nodes write it at the same time: annotate it, as in "
                "`attempts: Annotated[list, add_attempt]`, or leave draws_at_once out."
            )

    def one_at_a_time(self) -> str:
        """Return why several draws cannot be made at once for a state with the latest alone."""
        return (
            "draws_at_once needs a state that keeps every draft, and this one keeps the latest "
            f"alone (answers_key={_name(self.answers_key)}), so that of drafts written at the same "
            "time all but one would be lost: give the state `attempts: Annotated[list, "
            "add_attempt]`, or leave draws_at_once out."
        )

    def answers(self, state: Any) -> Answers:
        """Return what the state has of the attempts, as it is.

        Raises:
            ValueError: If the state lacks a key, or holds there what cannot be read.
        """
        values = values_of(state)
        if self.messages_key is not None:
            return Answers(_answers(_list_at(self.messages_key, values)))
        if self.answers_key is None:
            return Answers(_list_at(self.attempts_key, values))
        found = _at(self.answers_key, state, values, "answers_key")
        if isinstance(found, (list, tuple)):
            return Answers(found)
        if found is None or found == "":
            return Answers(())
        self.say_latest_only()
        made = _at(self.iteration_key, state, values, "iteration_key")
        if isinstance(made, bool) or not isinstance(made, int):
            raise ValueError(
                f"iteration_key={self.iteration_key!r} must lead to the number of attempts made so "
                f"far, a whole number, got {made!r:.80}."
            )
        return Answers((found,), max(made, 1) - 1)

    def say_latest_only(self) -> None:
        """Log, the first time, that only the latest draft is there to be returned."""
        if not self.warned:
            self.warned = True
            logger.warning(_LATEST_ONLY, f"answers_key={_name(self.answers_key)}")

    def attempts(self, answers: Answers, state: Any) -> list[Attempt]:
        """Return the attempts that the state has, as the criterion takes them.

        Raises:
            ValueError: If a score is out of range, or an attempt lacks what cannot be inferred.
        """
        kept = answers.kept
        if self.answers_key is None and self.messages_key is None:
            return self._all_completed(kept)
        scores = self._scores(answers, state)
        pairs = zip(kept, scores, strict=True)
        return self._all_completed([{"text": text, "score": score} for text, score in pairs])

    def best(self, answers: Answers, index: int) -> Any:
        """Return an answer as the state has it; of an attempt, its object or its text."""
        found = answers.kept[index - (answers.lost or 0)]
        if self.answers_key is not None or self.messages_key is not None:
            return found
        attempt = found if isinstance(found, Mapping) else values_of(found)
        return attempt.get("answer_object", attempt["text"])

    def _scores(self, answers: Answers, state: Any) -> Sequence[Any]:
        """Return a score for each answer that the state has, None where it has none."""
        if self.scores_key is None:
            return [None] * len(answers.kept)
        many = len(answers.kept)
        scores = _at(self.scores_key, state, values_of(state), "scores_key")
        if not isinstance(scores, (list, tuple)):
            if many > 1:
                raise ValueError(_ONE_SCORE % (_name(self.scores_key), f"{many} answers"))
            scores = [scores] * many
        elif answers.lost is not None:  # the latest score is that of the latest draft
            scores = scores[-1:]
        if len(scores) > many:
            raise ValueError(
                f"scores_key={_name(self.scores_key)} has {counted(len(scores), 'score')} for "
                f"{counted(many, 'answer')}: "
                "give at most one score for each answer."
            )
        return [*scores, *[None] * (many - len(scores))]

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
        text, score = _text_of(attempt.get("text")), attempt.get("score")
        if text is None:
            raise ValueError(f"attempts[{index}] must have its answer as 'text', got {attempt!r}.")
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
        f"The state must have a list under {key!r}, got {value!r:.80}: tell the router which keys "
        "to read, with attempts_key, or answers_key and scores_key, or messages_key."
        + keys_to_give(values)
    )


def _at(source: Source, state: Any, values: Mapping[str, Any], argument: str) -> Any:
    """Return what a state has at a place that the user named."""
    if callable(source):
        return source(state)
    if source in values:
        return values[source]
    raise ValueError(
        f"The state has no {source!r}, which {argument} names, but {sorted(map(str, values))}."
        + keys_to_give(values)
    )


def _name(source: Source | None) -> str:
    """Return a place in a state as the user wrote it."""
    return repr(getattr(source, "__name__", source) if callable(source) else source)


def _text_of(answer: object) -> str | None:
    """Return an answer as text: of a typed one its JSON; None where it is none."""
    if isinstance(answer, str):
        return valid(answer)
    if isinstance(answer, BaseMessage):
        return valid(answer.text)
    return as_json(plain_object(answer)) if is_object(answer) else None


def _answers(messages: Sequence[Any]) -> list[BaseMessage | str]:
    """Return the AI messages after the question, or their texts; tool calls are no answers."""
    turns: list[tuple[bool, BaseMessage | str]]
    if all_messages(messages):  # without making dictionaries of them
        turns = [
            (isinstance(each, HumanMessage), each)
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
    return [answer for asks, answer in turns[question:] if not asks]
