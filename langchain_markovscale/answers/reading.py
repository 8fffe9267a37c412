"""The reader of replies: the answer, its key, or the reason why there is none.

A reply is read in this order: its thoughts are taken off; a refusal and a reply that a limit has
cut off have no key, whatever they say; then the key function reads the answer. What has no key says
why, because evidence that could not be read is counted and shown.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from typing_extensions import TypeIs

from langchain_markovscale.answers.keys import (
    AnswerKey,
    boxed,
    choice_letter,
    json_key,
    last_number,
    letter_of,
)
from langchain_markovscale.answers.mathematics import MathKey
from langchain_markovscale.answers.refusals import is_refusal
from langchain_markovscale.answers.semantics import SemanticKey
from langchain_markovscale.answers.spelling import normalized_text
from langchain_markovscale.answers.thoughts import split_thoughts
from langchain_markovscale.types import AttemptMetadata, NoKey

_ENDING_FIELDS = ("finish_reason", "stop_reason", "done_reason", "finishReason", "stopReason")
_TRUNCATED = frozenset(
    {
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_new_tokens",
        "model_length",
        "model_context_window_exceeded",
    }
)
_REFUSED = frozenset(
    {
        "content_filter",
        "content_filtered",
        "refusal",
        "safety",
        "prohibited_content",
        "blocklist",
        "recitation",
        "spii",
        "guardrail_intervened",
    }
)


class Answered(NamedTuple):
    """A reply, read as far as that needs no key function.

    Attributes:
        text: The answer without thoughts; of a refusal, what it says or that it was withheld. Empty
            where the reply is nothing but thoughts, or nothing at all.
        thoughts: The thoughts that were taken off, or None.
        no_key: Why the answer has no key whatever it says; None where the key function decides.
    """

    text: str
    thoughts: str | None = None
    no_key: NoKey | None = None


def read_answer(text: str, message: object = None) -> Answered:
    """Read a reply.

    Args:
        text: Its text.
        message: The message that it came in, if any: its metadata say whether it was cut off or
            refused. A text that is a refusal and nothing else needs none.
    """
    spoken = split_thoughts(text)
    refused, ending = _refusal(message), _ending(message)
    if refused is not None or ending in _REFUSED or is_refusal(spoken.text):
        said = spoken.text or refused or f"The reply was withheld: {ending or 'refusal'}."
        return Answered(said, spoken.thoughts, "refusal")
    if spoken.cut_off or (not spoken.text.strip() and _has_thoughts(message)):
        return Answered(spoken.text, spoken.thoughts, "thoughts_only")
    if ending in _TRUNCATED and spoken.text.strip():
        return Answered(spoken.text, spoken.thoughts, "truncated")
    return Answered(spoken.text, spoken.thoughts)


def read_key(
    answered: Answered, answer_key: AnswerKey | None
) -> tuple[str | None, AttemptMetadata | None]:
    """Return the key of an answer, and what an attempt keeps of how it was read.

    Args:
        answered: The answer.
        answer_key: The key function; None where answers have no keys.

    Returns:
        The key, and None or the thoughts and the reason why there is no key.
    """
    key, no_key = None, answered.no_key
    if no_key is None and answer_key is not None:
        key = answer_key(answered.text)
        if key is None:
            no_key = why_no_key(answered.text, answer_key)
    metadata = AttemptMetadata()
    if answered.thoughts:
        metadata["thoughts"] = answered.thoughts
    if no_key is not None:
        metadata["no_key"] = no_key
    return key, metadata or None


def why_no_key(text: str, answer_key: AnswerKey) -> NoKey:
    """Return why a key function has found no key in a text."""
    if compares(answer_key):
        return answer_key.why(text)
    function = answer_key.func if isinstance(answer_key, partial) else answer_key
    if function is choice_letter:
        letters = answer_key.keywords if isinstance(answer_key, partial) else {}
        return "several_letters" if letter_of(text, **letters).several else "no_letter"
    return _REASONS.get(function, "no_key")


def compares(answer_key: AnswerKey | None) -> TypeIs[MathKey | SemanticKey]:
    """Return whether a key function knows that different keys are equal; it takes its time."""
    return isinstance(answer_key, (MathKey, SemanticKey))


def joined_key(
    key: str | None, answer_key: AnswerKey | None, earlier: Iterable[Mapping[str, Any]]
) -> str | None:
    """Return the key of an earlier attempt that is equal to a key, or the key itself.

    Args:
        key: The key of an answer.
        answer_key: What made it; only some know that two different keys are equal.
        earlier: The earlier attempts at the question.
    """
    if key is None or not compares(answer_key):
        return key
    return answer_key.joined(key, (attempt.get("key") for attempt in earlier))


_REASONS: dict[Any, NoKey] = {
    last_number: "no_number",
    boxed: "no_box",
    normalized_text: "no_text",
    json_key: "no_json",
}

_WORDS: dict[NoKey, str] = {
    "truncated": "cut off",
    "thoughts_only": "nothing but thoughts",
    "refusal": "refused",
    "no_number": "without a number",
    "no_letter": "without a letter",
    "several_letters": "with several letters",
    "no_box": "without a box",
    "no_text": "without words",
    "no_json": "without the JSON asked for",
    "no_expression": "without an expression",
    "time_limit": "over the time limit",
    "repeated": "given again by a cache",
    "no_key": "without a key",
}


def count_without_key(attempts: Iterable[Mapping[str, Any]]) -> dict[NoKey, int]:
    """Return how many attempts have no key, by reason; attempts of no known reason are left out."""
    counts: dict[NoKey, int] = {}
    for attempt in attempts:
        reason: NoKey | None = (attempt.get("metadata") or {}).get("no_key")
        if reason is not None:
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def without_key_in_words(counts: Mapping[NoKey, int], attempts: int) -> str:
    """Return how many answers had no key, and why, as a sentence.

    Example:
        `11 of 480 answers had no key: 7 cut off, 4 without a number.`

    Args:
        counts: As `count_without_key` returns them.
        attempts: How many attempts there are in all.

    Returns:
        The sentence; empty where all have keys.
    """
    if not counts:
        return ""
    by_number = sorted(counts.items(), key=lambda each: -each[1])
    reasons = ", ".join(f"{number} {_WORDS.get(reason, reason)}" for reason, number in by_number)
    answers = "answer" if attempts == 1 else "answers"
    return f"{sum(counts.values())} of {attempts} {answers} had no key: {reasons}."


def reason_in_words(attempt: Mapping[str, Any]) -> str | None:
    """Return why an attempt has no key, or None."""
    reason = (attempt.get("metadata") or {}).get("no_key")
    return None if reason is None else _WORDS.get(reason, reason)


def _ending(message: object) -> str | None:
    """Return how a message says that it ended, in lower case."""
    metadata = getattr(message, "response_metadata", None)
    if not isinstance(metadata, Mapping):
        return None
    incomplete = metadata.get("incomplete_details")
    if isinstance(incomplete, Mapping) and isinstance(incomplete.get("reason"), str):
        return str(incomplete["reason"]).lower()
    for name in _ENDING_FIELDS:
        if isinstance(value := metadata.get(name), str):
            return value.rpartition(".")[2].lower()
    return None


def _refusal(message: object) -> str | None:
    """Return the text of a refusal that a message has apart from its text."""
    extra = getattr(message, "additional_kwargs", None)
    if isinstance(extra, Mapping) and isinstance(refusal := extra.get("refusal"), str) and refusal:
        return refusal
    for block in _blocks(message):
        block = block["value"] if isinstance(block.get("value"), Mapping) else block
        if block.get("type") == "refusal":
            return str(block.get("refusal") or "The model refused.")
    return None


def _has_thoughts(message: object) -> bool:
    extra = getattr(message, "additional_kwargs", None)
    if isinstance(extra, Mapping) and (extra.get("reasoning_content") or extra.get("reasoning")):
        return True
    kinds = ("reasoning", "thinking", "reasoning_content", "redacted_thinking")
    return any(block.get("type") in kinds for block in _blocks(message))


def _blocks(message: object) -> list[Mapping[str, Any]]:
    content = getattr(message, "content", None)
    blocks = content if isinstance(content, list) else []
    return [block for block in blocks if isinstance(block, Mapping)]
