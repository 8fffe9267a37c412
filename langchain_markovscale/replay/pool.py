"""Recorded attempts, from which a strategy is given the next one that it asks for.

A pool holds, for each question, several fresh draws and their revisions. No model is called: the
same attempts serve every strategy, so that what differs is the rule and nothing else.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan
from operator import itemgetter
from typing import cast, overload

import numpy as np

from langchain_markovscale.theory.validation import non_negative
from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.trace import LabelledAttempt, Trace
from langchain_markovscale.traces.usage import (
    NOTHING,
    Took,
    mean_taken,
    mean_tokens,
    tokens_of,
    took,
)
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
        tokens: Tokens of each, as the pool counts them; None where they are unknown.
        usage: What making each of them took, see `Took`.
        verified: Whether a verifier scored or criticised any attempt.
        verification_tokens: Tokens of one verification, 0 where there was none; None if unknown.
        verification_usage: What one verification takes on average.
    """

    id: str
    attempts: tuple[Attempt, ...]
    correct: tuple[bool, ...]
    draws: tuple[int, ...]
    revisions: tuple[tuple[int, ...], ...]
    tokens: tuple[int | None, ...]
    usage: tuple[Took, ...]
    verified: bool
    verification_tokens: float | None
    verification_usage: Took

    def starting_with(self, first: int) -> "PooledQuestion":
        """Return the question with its draws handed out in turn from the `first` on."""
        turn = first % len(self.draws)
        return replace(self, draws=self.draws[turn:] + self.draws[:turn]) if turn else self

    def without_verdicts(self) -> "PooledQuestion":
        """Return the question as a loop without a verifier sees it."""
        bare: list[Attempt] = [
            {**attempt, "score": None, "feedback": None} for attempt in self.attempts
        ]
        return replace(self, attempts=tuple(bare))

    def chain_of(self, first: int) -> tuple[int, ...]:
        """Return an attempt, its first revision, that one's first revision, and so on."""
        chain = [first]
        while following := self.revisions[chain[-1]]:
            chain.append(following[0])
        return tuple(chain)

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

    Tokens are those read and those written, where the traces have the `usage` of every attempt and
    of every question's verifications. Where some have not, tokens are those written alone, as in
    all traces of version 0.1; the two are never added up.

    Args:
        traces: Traces whose attempts are all labelled, for example of `read_traces(path)`.
        verification_tokens: Tokens of one verification; by default the mean over a question's
            attempts, of traces of version 0.1 the `verification_tokens` of their metadata, and
            unknown where both are missing.
        takes_censored: Whether it may be one of runs that the loop's own rule ended, all of them.

    Attributes:
        traces: The traces.
        keyed: Whether any answer has a key.
        scored: Whether any attempt has a score.
        criticised: Whether any attempt has feedback.
        reading_counts: Whether tokens are those read and written, not those written alone.
        priced: Whether all tokens are known, those of verifications included, and any were used.
        most_draws: The most fresh draws of a question.
        longest_chain: The most attempts from a fresh draw to its last revision.
        censored: Whether the loop's own rule ended every run: a replay then goes no further in a
            chain of revisions than the loop did.

    Raises:
        ValueError: If there is no trace, a trace has no attempt, an attempt has no label, or the
            loop's own rule ended a run.
    """

    def __init__(
        self,
        traces: Iterable[Trace],
        *,
        verification_tokens: float | None = None,
        takes_censored: bool = False,
    ) -> None:
        if verification_tokens is not None:
            non_negative("verification_tokens", verification_tokens)
        self.traces = tuple(traces)
        if not self.traces:
            raise ValueError("traces must hold at least one question, got none: record some.")
        self.censored = takes_censored and all(trace.get("censored") for trace in self.traces)
        if not self.censored:
            _refuse_censored(self.traces)
        pooled = [_pooled(trace, verification_tokens, reading=True) for trace in self.traces]
        self.reading_counts = all(map(_has_known_tokens, pooled))
        if not self.reading_counts:
            pooled = [_pooled(trace, verification_tokens, reading=False) for trace in self.traces]
        self._questions = tuple(pooled)
        attempts = [each for question in self for each in question.attempts]
        self.keyed = any(each["key"] is not None for each in attempts)
        self.scored = any(each["score"] is not None for each in attempts)
        self.criticised = any(each["feedback"] for each in attempts)
        used = any(question.verification_tokens or any(question.tokens) for question in self)
        self.priced = used and all(map(_has_known_tokens, self))
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

    def folds(self, *seed: int) -> tuple[list[int], list[int]]:
        """Return the indices of the traces in each of two random folds.

        Traces of one question, those with the same `question` in their metadata or else the same
        id, are in the same fold.

        Args:
            seed: One number or several; the same ones give the same folds.

        Raises:
            ValueError: If there are fewer than two questions.
        """
        groups = list(self.by_question().values())
        if len(groups) < 2:
            raise ValueError(
                "there is one question, and a replay needs at least two, one to learn "
                "from and one to try: record more."
            )
        order = np.random.default_rng(seed).permutation(len(groups)).tolist()
        middle = len(order) // 2
        one, other = (
            sorted(index for place in half for index in groups[place])
            for half in (order[:middle], order[middle:])
        )
        return one, other

    def by_question(self) -> dict[str, list[int]]:
        """Return the indices of the traces of each question, in the order of the traces."""
        groups: dict[str, list[int]] = {}
        for index, trace in enumerate(self.traces):
            groups.setdefault(_question_of(trace), []).append(index)
        return groups


class QuestionSample:
    """A random sample of the questions of a stream of traces, with all the traces of each.

    Every question is as likely to be in it as any other (Vitter's algorithm R), and while there are
    no more than it holds, it is all of them.

    Args:
        most: How many questions it holds.
        seed: The same traces and seed give the same sample.
        counts: Which traces are taken into account; all by default.

    Attributes:
        taken: How many traces were taken into account.
    """

    def __init__(
        self, most: int, seed: int, counts: Callable[[Trace], bool] = lambda trace: True
    ) -> None:
        self._most, self._counts = most, counts
        self._random = np.random.default_rng(seed)
        self._seen: set[str] = set()
        self._places: list[str] = []
        self._kept: dict[str, list[tuple[int, Trace]]] = {}
        self.taken = 0

    @property
    def traces(self) -> list[Trace]:
        """The traces of the questions in the sample, in the order in which they came."""
        kept = [place for places in self._kept.values() for place in places]
        return [trace for _, trace in sorted(kept, key=itemgetter(0))]

    def noting(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """Yield traces as they are, and take each into account."""
        for trace in traces:
            self.add(trace)
            yield trace

    def add(self, trace: Trace) -> None:
        """Take a trace into account."""
        if not self._counts(trace):
            return
        name = _question_of(trace)
        self.taken += 1
        if name not in self._seen:
            self._seen.add(name)
            self._offer(name)
        if name in self._kept:
            self._kept[name].append((self.taken, trace))

    def _offer(self, name: str) -> None:
        """Give a new question its chance of a place."""
        if len(self._places) < self._most:
            self._places.append(name)
        else:
            place = int(self._random.integers(len(self._seen)))
            if place >= self._most:
                return
            del self._kept[self._places[place]]
            self._places[place] = name
        self._kept[name] = []


def _question_of(trace: Trace) -> str:
    """Return what names the question of a trace: `question` in its metadata, or else its id."""
    named = trace.get("metadata", {}).get("question")
    return trace["id"] if named is None else str(named)


def _refuse_censored(traces: Sequence[Trace]) -> None:
    """Refuse traces that the loop's own rule ended."""
    for trace in traces:
        if trace.get("censored"):
            raise ValueError(
                f"question {trace['id']!r} was ended by the loop's own rule (censored): what "
                "further rounds would have done is unknown, and a replay needs to know it. "
                "`markovscale calibrate` takes it, and corrects for that. To compare, record the "
                "loop with a fixed number of revisions: record_traces(loop, …, fixed=3), or with a "
                "function that builds it, fixed=lambda revisions: build(max_iterations=revisions)."
            )


def _has_known_tokens(question: PooledQuestion) -> bool:
    return None not in (*question.tokens, question.verification_tokens)


def _pooled(trace: Trace, verification_tokens: float | None, *, reading: bool) -> PooledQuestion:
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
                "of every attempt whether it is correct. Label it (`markovscale label` asks you, "
                "or a grader), record with a grader and references, or leave the question out; "
                "`markovscale calibrate` takes it without a label."
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
        tuple(_tokens(each, reading=reading) for each in attempts),
        tuple(took(each, each["action"]) for each in attempts),
        verified,
        _verification_tokens(trace, verification_tokens, reading=reading) if verified else 0.0,
        _verification_usage(trace, verification_tokens) if verified else NOTHING,
    )


def _tokens(attempt: LabelledAttempt, *, reading: bool) -> int | None:
    """Return the tokens of making an attempt."""
    if not reading:
        return attempt["tokens"]
    usage = tokens_of(attempt, attempt["action"])
    return None if usage is None else sum(usage)


def _verification_usage(trace: Trace, given: float | None) -> Took:
    """Return what one verification takes; of old traces what it writes alone may be known."""
    found = mean_taken(trace["attempts"], "verify")
    if not isnan(found.written):
        return found
    written = _verification_tokens(trace, given, reading=False)
    return found if written is None else found._replace(written=written)


def _verification_tokens(trace: Trace, given: float | None, *, reading: bool) -> float | None:
    """Return the tokens of one verification."""
    if given is not None:
        return given
    usage = mean_tokens(trace["attempts"], "verify")
    if usage is not None:
        return sum(usage) if reading else usage[1]
    if reading:
        return None
    tokens = trace["metadata"].get("verification_tokens")
    if tokens is None:
        return None
    if type(tokens) not in (int, float) or not tokens >= 0:
        raise ValueError(
            f"metadata['verification_tokens'] of question {trace['id']!r} must be a number of at "
            f"least 0, got {tokens!r}: correct it, or give verification_tokens."
        )
    return float(tokens)
