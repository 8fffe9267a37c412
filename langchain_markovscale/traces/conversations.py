"""Conversations as attempts: which message asks, which answers, and which criticises an answer.

After an answer a user either criticises it, so that the next answer is a revision, or asks another
question. Nothing in a log says which; the words do. Two questions are two traces.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, cast

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.answers.reading import joined_key, read_answer, read_key
from langchain_markovscale.traces.follow_ups import is_new_question
from langchain_markovscale.traces.messages import Message
from langchain_markovscale.traces.trace import LabelledAttempt
from langchain_markovscale.traces.usage import AttemptUsage
from langchain_markovscale.types import (
    Attempt,
    Usage,
    add_usage,
    new_attempt,
    no_usage,
    tokens_written,
)


class Answer(NamedTuple):
    """An answer in a log, and what the log knows of it.

    Attributes:
        message: What was said.
        feedback: What was said against it.
        score: A verifier's score in [0, 1].
        correct: Whether it is right.
        usage: Its calls and tokens, those of tools that it called before included; None where
            nothing is known.
        tokens: Tokens that it wrote, where nothing else is known of them.
    """

    message: Message
    feedback: str | None = None
    score: float | None = None
    correct: bool | None = None
    usage: Usage | None = None
    tokens: int | None = None


class Asked(NamedTuple):
    """A question and the answers to it, the first a fresh draw, each later one a revision."""

    question: str
    answers: list[Answer]


def questions_in(messages: Iterable[Message], known: Collection[str] = ()) -> list[Asked]:
    """Return the questions of a conversation with their answers.

    The last message of the user before an answer is the question. A later one is feedback on the
    answer before it, unless it asks something else: it is among the known questions, or it has the
    form of a question or a task and says nothing of the answer.

    Args:
        messages: The conversation.
        known: Texts that are known to be questions.

    Returns:
        Those that are answered, in order; of a conversation without an answer its question.
    """
    parts: list[list[Message]] = [[]]
    question, answered = "", False
    for message in messages:
        if message.role == "user":
            if answered and is_new_question(message, question, known):
                parts.append([])
                answered = False
            question = question if answered else message.text
        else:
            answered = answered or is_answer(message)
        parts[-1].append(message)
    found = [asked for part in parts if (asked := question_in(part)) is not None]
    return [asked for asked in found if asked.answers] or found[-1:]


def question_in(messages: Iterable[Message]) -> Asked | None:
    """Return what a conversation about one question asks; None where the user says nothing.

    An answer is a message of the model that calls no tool; what the tools took is added to the
    answer that they led to. What the user says after an answer is feedback on it.
    """
    question: str | None = None
    answers: list[Answer] = []
    spent = no_usage()  # since the last answer
    for message in messages:
        if message.role == "user" and not answers:
            question = message.text
        elif message.role == "user":
            before = answers[-1].feedback
            feedback = message.text if before is None else f"{before}\n\n{message.text}"
            answers[-1] = answers[-1]._replace(feedback=feedback)
        elif message.role == "assistant" and question is not None:  # else it is a greeting
            spent = add_usage(spent, message.usage)
            if is_answer(message):
                answers.append(Answer(message, usage=spent))
                spent = no_usage()
    return None if question is None else Asked(question, answers)


def is_answer(message: Message) -> bool:
    """Return whether a message answers something: it is the model's, and calls no tool."""
    if message.role != "assistant" or message.calls_tool:
        return False
    answered = read_answer(message.text, message)
    return bool(answered.text.strip() or answered.no_key)


def attempts_of(
    answers: Sequence[Answer],
    answer_key: AnswerKey | None,
    earlier: Sequence[LabelledAttempt] = (),
) -> list[LabelledAttempt]:
    """Return a fresh draw and its revisions as attempts.

    Args:
        answers: The answers, in order.
        answer_key: Makes their keys.
        earlier: The attempts at the question that come before them.
    """
    made = list(earlier)
    for depth, answer in enumerate(answers):
        own = answer.message
        answered = read_answer(own.text, own)
        key, metadata = read_key(answered, answer_key)
        tokens = tokens_written(own.usage if own.usage_metadata else answer.usage)
        attempt: Attempt = new_attempt(
            answered.text,
            key=joined_key(key, answer_key, made),
            score=answer.score,
            parent=len(made) - 1 if depth else None,
            feedback=answer.feedback,
            tokens=tokens if tokens is not None else answer.tokens,
            metadata=metadata,
        )
        labelled = cast("LabelledAttempt", attempt)
        if answer.usage is None:
            labelled["usage"] = None
        else:
            usage: AttemptUsage = {attempt["action"]: {**answer.usage, "seconds": None}}
            labelled["usage"] = usage
        if answer.correct is not None:
            labelled["correct"] = answer.correct
        made.append(labelled)
    return made[len(earlier) :]
