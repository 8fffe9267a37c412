"""What a chain returns beside its answer, and its output again with another answer in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_markovscale._messages import as_messages
from langchain_markovscale.graph.typed_answers import KEYS_OF_AGENTS, answer_key_in
from langchain_markovscale.types import Attempt


def context_of(
    index: int, attempts: Sequence[Attempt], contexts: Sequence[dict[str, Any] | None]
) -> dict[str, Any] | None:
    """Return what the generator returned beside the draw that an attempt goes back to."""
    while (parent := attempts[index].get("parent")) is not None:
        index = parent
    return contexts[index] if index < len(contexts) else None


class OutputForm:
    """The form of a chain's output, learned from what the chain returns."""

    def __init__(self) -> None:
        self._is_message = False
        self._keys: tuple[str, ...] = ()
        self._answer_key: str | None = None
        self._holds_message = False

    def note(self, output: object) -> None:
        """Remember the form of what the chain returned."""
        self._is_message = isinstance(output, BaseMessage)
        key = answer_key_in(output)
        if key is not None and isinstance(output, Mapping):
            self._keys, self._answer_key = tuple(map(str, output)), key
            self._holds_message = isinstance(output[key], BaseMessage)

    def output(
        self, answer: Any, beside: Mapping[str, Any] | None, given: Mapping[str, Any], message: Any
    ) -> Any:
        """Return an output with an answer.

        Args:
            answer: The answer: a text or an object.
            beside: What the chain returned beside the draw that the answer goes back to.
            given: What chains repeat of their input: the question, and `messages`.
            message: The answer as a message.
        """
        if beside is None and self._answer_key is None:
            return message if self._is_message else answer
        key = self._answer_key or "answer"  # of a chain that has not been called in this process
        values = {**given, **(beside or {})}
        values[key] = message if self._holds_message else answer
        if key in KEYS_OF_AGENTS:
            values["messages"] = [*as_messages(given["messages"]), message]
        names = self._keys or (*(beside or {}), key)
        return {name: values[name] for name in names if name in values}
