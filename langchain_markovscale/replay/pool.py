"""Recorded attempts, from which a strategy is given the next one that it asks for.

A pool holds, for each question, several fresh draws and their revisions. No model is called: the
same attempts serve every strategy, so that what differs is the rule and nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast, overload

import numpy as np

from langchain_markovscale.theory.validation import non_negative
from langchain_markovscale.traces.trace import Trace, checked
from langchain_markovscale.types import Attempt


@dataclass(frozen=True)
class PooledQuestion:
    """One question's recorded attempts, by how they were made.

    Attributes:
        id: Names the question.
        attempts: As recorded.
        correct: The label of each.
        draws: Indices of the fresh draws, in the order in which they are handed out.
        revisions: For each attempt, the indices of its recorded revisions.
        verified: Whether a verifier scored or criticised any attempt.
        verification_tokens: Tokens of one verification, 0 where there was none; None if unknown.
    """

    id: str
    attempts: tuple[Attempt, ...]
    correct: tuple[bool, ...]
    draws: tuple[int, ...]
    revisions: tuple[tuple[int, ...], ...]
    verified: bool
    verification_tokens: float | None

    def starting_with(self, first: int) -> "PooledQuestion":
        """Return the question with its draws handed out in turn from the `first` on."""
        turn = first % len(self.draws)
        return replace(self, draws=self.draws[turn:] + self.draws[:turn]) if turn else self

    def without_verdicts(self) -> "PooledQuestion":
        """Return the question as a loop without a verifier would have met it."""
        bare: list[Attempt] = [
            {**attempt, "score": None, "feedback": None} for attempt in self.attempts
        ]
        return replace(self, attempts=tuple(bare))

    @property
    def longest_chain(self) -> int:
        """Attempts from a fresh draw to its last revision, at most."""
        depths: list[int] = []
        for attempt in self.attempts:
            parent = attempt["parent"]
            depths.append(1 if parent is None else depths[parent] + 1)
        return max(depths)


class Pool(Sequence[PooledQuestion]):
    """Questions with recorded attempts, all of them labelled.

    Args:
        traces: Traces whose attempts are all labelled, for example of `read_traces(path)`.
        verification_tokens: Tokens of one verification; by default as `verification_tokens` in a
            trace's metadata, and unknown where that is missing.

    Attributes:
        traces: Those, kept.
        keyed: Whether any answer has a key.
        scored: Whether any attempt has a score.
        criticised: Whether any attempt has feedback.
        priced: Whether all tokens are known, those of verifications included, and any were used.
        most_draws: The most fresh draws of a question.
        longest_chain: The most attempts from a fresh draw to its last revision.

    Raises:
        ValueError: If there is no trace, or one has an attempt without a label, or none at all.
    """

    def __init__(
        self, traces: Iterable[Trace], *, verification_tokens: float | None = None
    ) -> None:
        if verification_tokens is not None:
            non_negative("verification_tokens", verification_tokens)
        self.traces = tuple(traces)
        if not self.traces:
            raise ValueError("traces must hold at least one question, got none.")
        self._questions = tuple(_pooled(trace, verification_tokens) for trace in self.traces)
        attempts = [each for question in self for each in question.attempts]
        self.keyed = any(each["key"] is not None for each in attempts)
        self.scored = any(each["score"] is not None for each in attempts)
        self.criticised = any(each["feedback"] for each in attempts)
        tokens: list[float | None] = [each["tokens"] for each in attempts]
        tokens += [question.verification_tokens for question in self]
        self.priced = None not in tokens and any(tokens)
        self.most_draws = max(len(question.draws) for question in self)
        self.longest_chain = max(question.longest_chain for question in self)

    def __len__(self) -> int:
        return len(self._questions)

    @overload
    def __getitem__(self, index: int) -> PooledQuestion: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[PooledQuestion, ...]: ...

    def __getitem__(self, index: int | slice) -> PooledQuestion | tuple[PooledQuestion, ...]:
        return self._questions[index]

    def __iter__(self) -> Iterator[PooledQuestion]:
        return iter(self._questions)

    def halves(self, *seed: int) -> tuple[list[int], list[int]]:
        """Return the indices of two random halves of the questions.

        Args:
            seed: One number or several; the same ones give the same halves.

        Raises:
            ValueError: If there are fewer than two questions.
        """
        if len(self) < 2:
            raise ValueError("the pool holds one question, and halves need at least two.")
        order = np.random.default_rng(seed).permutation(len(self)).tolist()
        middle = len(order) // 2
        return sorted(order[:middle]), sorted(order[middle:])


def _pooled(trace: Trace, verification_tokens: float | None) -> PooledQuestion:
    trace = cast("Trace", checked(trace))
    attempts = trace["attempts"]
    revisions: list[list[int]] = [[] for _ in attempts]
    draws: list[int] = []
    correct: list[bool] = []
    for index, attempt in enumerate(attempts):
        label, parent = attempt.get("correct"), attempt["parent"]
        if label is None:
            raise ValueError(
                f"attempt {index} of question {trace['id']!r} has no label: a replay needs to know "
                "of every attempt whether it is correct. Record with a grader and references, or "
                "leave the question out."
            )
        correct.append(label)
        (draws if parent is None else revisions[parent]).append(index)
    if not draws:
        raise ValueError(f"question {trace['id']!r} has no attempt: leave it out.")
    verified = any(each["score"] is not None or each["feedback"] is not None for each in attempts)
    return PooledQuestion(
        trace["id"],
        tuple(attempts),
        tuple(correct),
        tuple(draws),
        tuple(map(tuple, revisions)),
        verified,
        _verification_tokens(trace, verification_tokens) if verified else 0.0,
    )


def _verification_tokens(trace: Trace, given: float | None) -> float | None:
    if given is not None:
        return given
    tokens = trace["metadata"].get("verification_tokens")
    if tokens is None:
        return None
    if type(tokens) not in (int, float) or not tokens >= 0:
        raise ValueError(
            f"metadata['verification_tokens'] of question {trace['id']!r} must be a number of at "
            f"least 0, got {tokens!r}."
        )
    return float(tokens)
