"""What a run of any loop did: its drafts, their scores and what they took, seen from outside.

A list of drafts is read at the end; where the state holds the latest draft alone, each one is noted
when a node writes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.types import Command
from typing_extensions import TypedDict

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.graph.conversation import values_of
from langchain_markovscale.graph.state_reader import AttemptsReader
from langchain_markovscale.recording.call_log import ModelCall
from langchain_markovscale.recording.usage_by_attempt import UsageByAttempt
from langchain_markovscale.traces.messages import read_messages
from langchain_markovscale.traces.trace import LabelledAttempt
from langchain_markovscale.types import Attempt, new_attempt

_OF_AN_AGENT = "markovscale"  # where our middleware keeps the attempts of a turn
_QUESTION = "question"


class StateKeys(TypedDict, total=False):
    """Where a loop's state has its drafts and scores; named as for `MarkovScaleRouter`.

    Attributes:
        attempts_key: A list of attempts.
        answers_key: A list of drafts, or the latest draft.
        scores_key: The scores of drafts or AI messages, or the latest score, in [0, 1] or None.
        messages_key: A conversation in which every AI message is a draft.
        question_key: The question; without it `"question"` where there is one, or else the last
            human message.
    """

    attempts_key: str
    answers_key: str
    scores_key: str
    messages_key: str
    question_key: str


class StateView:
    """Reads attempts and the question from what a loop takes and returns.

    Args:
        keys: Where they are. Without any that names drafts, they are found under `attempts`, or
            else in the conversation under `messages`.
        answer_key: Makes the keys of answers that have none.

    Raises:
        ValueError: If the keys contradict each other.
    """

    def __init__(self, keys: StateKeys, answer_key: AnswerKey | None) -> None:
        self.question_key = keys.get("question_key")
        self.answers_key, self.scores_key = keys.get("answers_key"), keys.get("scores_key")
        self._attempts_key = keys.get("attempts_key", "attempts")
        self._messages_key = keys.get("messages_key")
        self._told = bool({"attempts_key", "answers_key", "messages_key"} & keys.keys())
        self._answer_key = answer_key
        if self._told or self.scores_key is not None:
            self._reader(self.answers_key, self._messages_key)  # refuses contradictions

    def _reader(self, answers_key: str | None, messages_key: str | None) -> AttemptsReader:
        texts = answers_key or messages_key
        return AttemptsReader(
            self._attempts_key,
            answers_key,
            messages_key,
            self.scores_key if texts else None,
            "revise",
            self._answer_key,
        )

    def attempts(self, result: Any) -> list[LabelledAttempt]:
        """Return the attempts in what a loop has returned.

        Args:
            result: Its state; or a list of drafts, of messages or of attempts, or one draft.

        Raises:
            ValueError: If there are none to be read.
        """
        answers_key, messages_key = self.answers_key, self._messages_key
        if isinstance(result, str):
            result = [result]
        if isinstance(result, (list, tuple)):
            if result and isinstance(result[0], BaseMessage):
                answers_key, messages_key = None, "messages"
            elif result and isinstance(result[0], str):
                answers_key, messages_key = "drafts", None
            result = {answers_key or messages_key or self._attempts_key: result}
        values = values_of(result)
        if not self._told and not values.get(self._attempts_key) and values.get("messages"):
            answers_key, messages_key = None, "messages"
        reader = self._reader(answers_key, messages_key)
        found = reader.attempts(reader.answers(values), values)
        if not found:
            raise ValueError(
                f"the loop left no draft in its state, which has {', '.join(values)}: name the key "
                "of its drafts, with answers_key, attempts_key or messages_key."
            )
        return [cast("LabelledAttempt", dict(attempt)) for attempt in found]

    def has_draft(self, update: Mapping[str, Any]) -> bool:
        """Return whether what a node wrote has a draft in it, and not only scores of one."""
        if _OF_AN_AGENT in update:  # our middleware puts back a draft that the agent wrote
            return False
        if self._told and self._messages_key is None:
            return bool(update.get(self.answers_key or self._attempts_key))
        return bool(update.get(self._attempts_key)) or _reply_in(update) is not None

    def question(self, *states: Any) -> str | None:
        """Return the question of a run: the first that its states, in that order, have."""
        for state in states:
            found = self._question(state)
            if found is not None and found.strip():
                return found
        return None

    def _question(self, state: Any) -> str | None:
        if isinstance(state, str):
            return state
        if isinstance(state, Command) or state is None:
            return None
        if isinstance(state, (list, tuple)):
            return _last_human(state)
        values = values_of(state)
        value = values.get(self.question_key or _QUESTION)
        if value is None:
            return _last_human(values.get("messages") or ())
        return value if isinstance(value, str) else str(getattr(value, "text", value))


def _last_human(messages: Sequence[Any]) -> str | None:
    try:
        read = read_messages(messages)
    except ValueError:
        return None
    return next((each.text for each in reversed(read) if each.role == "user"), None)


@dataclass
class ObservedRun:
    """One run as far as it has come.

    Attributes:
        taken: What it was called with.
        known: The keys of the state so far.
        drafts: The drafts that nodes wrote, where the state holds the latest alone.
        scores: Their scores.
        turn: The turn of our middleware, with its attempts so far.
        reply: What the agent has answered since.
        usage: What it took.
    """

    taken: Any
    known: set[str] = field(default_factory=set)
    drafts: list[str] = field(default_factory=list)
    scores: list[Any] = field(default_factory=list)
    turn: Mapping[str, Any] | None = None
    reply: str | None = None
    usage: UsageByAttempt = field(default_factory=UsageByAttempt)

    def wrote(
        self, node: str, update: Any, view: StateView, calls: list[ModelCall], seconds: float
    ) -> None:
        """Note a node that has ended.

        Args:
            node: Its name.
            update: What it wrote.
            view: Tells where drafts are.
            calls: Its model calls.
            seconds: How long it took.
        """
        updates = _updates(update)
        drafted = any(map(view.has_draft, updates))
        for_next = not drafted and any(map(_uses_tools, updates))
        self.usage.add_node(node, calls, seconds, drafted=drafted, for_next=for_next)
        for each in updates:
            self._wrote(each, view)

    def _wrote(self, update: Mapping[str, Any], view: StateView) -> None:
        turn = update.get(_OF_AN_AGENT)
        if isinstance(turn, Mapping) and (turn.get("attempts") or self.turn is None):
            self.turn, self.reply = turn, None
        elif self.turn is not None and turn is None:  # at its end the best answer is put back
            self.reply = _reply_in(update) or self.reply
        draft = update.get(view.answers_key) if view.answers_key else None
        if isinstance(draft, str) and not self._repeats(draft, update):
            self.drafts.append(draft)
            self.scores.append(None)
        if (
            view.scores_key is not None
            and view.scores_key in update
            and self.drafts
            and not isinstance(draft, list)
        ):
            self.scores[-1] = update[view.scores_key]
        self.known |= update.keys()

    def _repeats(self, draft: str, update: Mapping[str, Any]) -> bool:
        """Whether a node handed on the whole state, the draft that was there included."""
        whole = len(self.known) > 1 and update.keys() >= self.known
        return bool(self.drafts) and draft == self.drafts[-1] and whole

    def attempts(self, result: Any, view: StateView) -> list[LabelledAttempt]:
        """Return its attempts, once it has returned.

        Raises:
            ValueError: If there are none to be read.
        """
        if self.turn is not None:
            return self.usage.added_to(self._of_agent(self.turn))
        values = values_of(result) if _is_state(result) else {}
        if view.answers_key and isinstance(values.get(view.answers_key), str):
            last = values[view.answers_key]
            drafts = self.drafts or [last]
            scores = self.scores or [values.get(view.scores_key or "")]
            result = {
                view.answers_key: drafts,
                **({view.scores_key: scores} if view.scores_key else {}),
            }
        return self.usage.added_to(view.attempts(result))

    def _of_agent(self, turn: Mapping[str, Any]) -> list[LabelledAttempt]:
        """Return the attempts of a turn; when it ends it forgets them, and the last one's score."""
        found = [cast("LabelledAttempt", dict(attempt)) for attempt in turn.get("attempts") or ()]
        if self.reply is not None:
            parent = (turn.get("decision") or {}).get("parent") if found else None
            last = new_attempt(self.reply, parent=parent)
            found.append(cast("LabelledAttempt", last))
        return found


def _updates(update: Any) -> list[Mapping[str, Any]]:
    """Return what a node wrote as updates of the state."""
    if isinstance(update, Command):
        update = update.update
    if isinstance(update, (list, tuple)):
        return [one for each in update for one in _updates(each)]
    return [update] if isinstance(update, Mapping) else []


def _uses_tools(update: Mapping[str, Any]) -> bool:
    """Whether a node called for tools, or wrote what they returned."""
    messages = update.get("messages")
    return any(
        isinstance(each, ToolMessage) or (isinstance(each, AIMessage) and bool(each.tool_calls))
        for each in (messages if isinstance(messages, list) else ())
    )


def _reply_in(update: Mapping[str, Any]) -> str | None:
    messages = update.get("messages")
    answers = [
        each.text
        for each in (messages if isinstance(messages, list) else ())
        if isinstance(each, AIMessage) and not each.tool_calls
    ]
    return answers[-1] if answers else None


def returned(result: Any, attempts: Sequence[Attempt]) -> int:
    """Return the number of the attempt that a run has returned.

    That is the one that its decision calls the best, or that its `answer` or its last message
    repeats; else the last one.

    Args:
        result: What it returned.
        attempts: Its attempts, at least one.
    """
    values = values_of(result) if _is_state(result) else {}
    best = (values.get("decision") or {}).get("best")
    if type(best) is int and 0 <= best < len(attempts):
        return best
    texts = [values.get("answer"), _reply_in(values)]
    repeated = (
        number for number in reversed(range(len(attempts))) if attempts[number]["text"] in texts
    )
    return next(repeated, len(attempts) - 1)


def _is_state(result: Any) -> bool:
    return not isinstance(result, (str, list, tuple))
