"""From traces, read once, to the counts that a fit needs.

Questions with the same counts are the same to the fit, so that a million attempts shrink to a few
hundred rows. Where labels are missing, each hypothesis about the right answer has a row of its own;
where they are known there is one. That is the only difference between labelled and unlabelled
traces.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langchain_markovscale.answers.reading import count_without_key
from langchain_markovscale.calibration.own_rule import RuleStep, rule_steps
from langchain_markovscale.theory.likelihood import (
    DEPTH,
    NO_VALUE,
    REVISED,
    depths_of,
    read_run,
    steps_of,
)
from langchain_markovscale.theory.urn import Draw
from langchain_markovscale.theory.validation import numbers as as_numbers
from langchain_markovscale.traces.trace import Trace
from langchain_markovscale.types import NoKey

Floats = NDArray[np.float64]

_MOST_UNKNOWN = 10  # unlabelled answers without keys in one question: 2ⁿ hypotheses


class Hypothesis(NamedTuple):
    """One way in which a question's unknown labels could be, and the evidence for it.

    Attributes:
        counts: Event counts as in `Events`, down to the question's own depth.
        draws: The wrong values in their order, as `Urn.log_chance` takes them, each by its number.
        pattern: How many wrong fresh draws have keys, and how many distinct ones.
        right: Scores of each right answer, repeated scores of one key together.
        ends: What the loop's own rule did, see `RuleStep`.
    """

    counts: tuple[int, ...]
    draws: tuple[Draw, ...]
    pattern: tuple[int, int]
    right: tuple[tuple[float, ...], ...]
    ends: tuple[RuleStep, ...] = ()


class Rivals(NamedTuple):
    """The hypotheses about a question with unknown labels.

    Attributes:
        hypotheses: Every way in which the labels could be.
        scores: The scores of all of its attempts.
        partly: Whether some of its labels are known.
    """

    hypotheses: tuple[Hypothesis, ...]
    scores: tuple[float, ...]
    partly: bool


@dataclass(frozen=True)
class Scores:
    """Scores of labelled attempts, one entry for each.

    Attributes:
        score: In [0, 1].
        correct: The label.
        question: Which question it belongs to.
        answer: Which distinct answer (question and key) it belongs to.
    """

    score: Floats
    correct: NDArray[np.bool_]
    question: NDArray[np.int64]
    answer: NDArray[np.int64]


@dataclass(frozen=True)
class Statistics:
    """All that the fit and its report need of the traces.

    Attributes:
        labelled: Distinct counts of labelled questions, shape (G, 4 + 4T).
        questions: How many questions have them, shape (G,).
        rivals: Questions with unknown labels, and how many are alike.
        scores: Scores of labelled attempts.
        patterns: How many labelled questions have n wrong fresh draws of D distinct keys, by
            (n, D).
        seen: Correct and all labelled attempts by depth, shape (2, T + 1); of questions that the
            loop's own rule ended only fresh draws, since it chose which answers were revised.
        groups: For each question in the order of the traces, which of the rows of `labelled`, or
            after them of `rivals`, it is.
        keyed: Whether any attempt has a key.
        needs_keys: Whether most attempts have a key, and those without one are mostly wrong.
        several_starts: How many questions have at least two fresh draws.
        attempts: How many attempts there are.
        n_labelled: How many of them have a label.
        no_key: How many of them have no key, by the reason, where it is known.
        censored: How many questions the loop's own rule ended.
        rule_steps: What that rule did in labelled questions.
        deepest_end: The greatest depth at which it ended one.
    """

    labelled: Floats
    questions: Floats
    rivals: tuple[tuple[Rivals, int], ...]
    scores: Scores
    patterns: Counter[tuple[int, int]]
    seen: Floats
    groups: NDArray[np.int64]
    keyed: bool
    needs_keys: bool
    several_starts: int
    attempts: int
    n_labelled: int
    no_key: Counter[NoKey]
    censored: int = 0
    rule_steps: Counter[RuleStep] = field(default_factory=Counter)
    deepest_end: int = 0

    @property
    def depths(self) -> int:
        """T, how many depths of revision were seen."""
        return (self.width - REVISED) // DEPTH

    @property
    def width(self) -> int:
        """4 + 4T, how many kinds of event there are."""
        return int(self.labelled.shape[1])

    @property
    def n_questions(self) -> int:
        """Q, how many questions there are."""
        return int(self.questions.sum()) + sum(many for _, many in self.rivals)

    @property
    def n_with_labels(self) -> int:
        """How many questions have a label, of one attempt at least."""
        some = sum(many for rivals, many in self.rivals if rivals.partly)
        return int(self.questions.sum()) + some


class _Collector:
    """Takes traces one at a time and keeps only what `Statistics` needs."""

    def __init__(self) -> None:
        self.labelled: Counter[tuple[int, ...]] = Counter()
        self.rivals: Counter[Rivals] = Counter()
        self.score, self.correct = array("d"), array("b")
        self.question, self.answer = array("q"), array("q")
        self.patterns: Counter[tuple[int, int]] = Counter()
        self.seen: Counter[tuple[int, bool]] = Counter()
        self.several_starts = self.attempts = self.n_labelled = 0
        self.questions = self.answers = 0
        self.labelled_rows: dict[tuple[int, ...], int] = {}
        self.rival_rows: dict[Rivals, int] = {}
        self.groups = array("q")  # rivals as −1, −2, …
        self.with_key = 0
        self.keyless: Counter[bool | None] = Counter()
        self.no_key: Counter[NoKey] = Counter()
        self.censored = self.deepest_end = 0
        self.rule_steps: Counter[RuleStep] = Counter()

    def add(self, trace: Trace) -> None:
        attempts = trace["attempts"]
        if not attempts:
            return
        try:
            depths = depths_of(attempts)
        except ValueError as error:
            raise ValueError(f"question {trace['id']!r}: {error}") from None
        labels = [attempt.get("correct") for attempt in attempts]
        self.attempts += len(attempts)
        keyless = [
            label for attempt, label in zip(attempts, labels, strict=True) if attempt["key"] is None
        ]
        self.with_key += len(attempts) - len(keyless)
        self.keyless.update(keyless)
        self.no_key.update(count_without_key(attempts))
        self.several_starts += depths.count(0) > 1
        censored = trace.get("censored", False)
        self.censored += censored
        if censored:
            self.deepest_end = max(self.deepest_end, *depths)
        if None in labels:
            rivals = _rivals(trace, depths)
            self.rivals[rivals] += 1
            self.groups.append(-1 - self.rival_rows.setdefault(rivals, len(self.rival_rows)))
        else:
            one = _hypothesis(trace, depths, [bool(label) for label in labels])
            self.rule_steps.update(one.ends)
            self.labelled[one.counts] += 1
            row = self.labelled_rows.setdefault(one.counts, len(self.labelled_rows))
            self.groups.append(row)
            self.patterns[one.pattern] += 1
        answers: dict[object, int] = {}
        for index, (attempt, depth, label) in enumerate(zip(attempts, depths, labels, strict=True)):
            if label is None:
                continue
            if not censored or depth == 0:  # later ones are those that the rule let go on
                self.seen[depth, bool(label)] += 1
            self.n_labelled += 1
            if attempt["score"] is not None:
                key = attempt["key"]
                answer = answers.setdefault(index if key is None else key, len(answers))
                self.score.append(attempt["score"])
                self.correct.append(label)
                self.question.append(self.questions)
                self.answer.append(self.answers + answer)
        self.questions += 1
        self.answers += len(answers)

    def finish(self) -> Statistics:
        guessed = [one.counts for rivals in self.rivals for one in rivals.hypotheses]
        width = max(len(counts) for counts in (*self.labelled, *guessed))
        deepest = max((depth for depth, _ in self.seen), default=0)
        seen = np.zeros((2, deepest + 1))
        for (depth, label), many in self.seen.items():
            seen[0, depth] += many * label
            seen[1, depth] += many
        groups = np.array(self.groups, dtype=np.int64)
        keyless = self.keyless.total()
        return Statistics(
            pad(list(self.labelled), width),
            np.array(list(self.labelled.values()), dtype=np.float64),
            tuple(self.rivals.items()),
            Scores(
                np.array(self.score),
                np.array(self.correct, dtype=np.bool_),
                np.array(self.question, dtype=np.int64),
                np.array(self.answer, dtype=np.int64),
            ),
            self.patterns,
            seen,
            np.where(groups < 0, len(self.labelled) - 1 - groups, groups),
            self.with_key > 0,
            self.with_key >= keyless and 2 * self.keyless[True] <= keyless,
            self.several_starts,
            self.attempts,
            self.n_labelled,
            self.no_key,
            self.censored,
            self.rule_steps,
            self.deepest_end,
        )


def collect(traces: Iterable[Trace]) -> Statistics:
    """Read traces once and return what a fit needs of them.

    Args:
        traces: Any iterable, a stream from a file included; a trace without attempts is skipped.

    Raises:
        ValueError: If there is no attempt at all, a parent is not an earlier attempt, or a question
            without keys has too many unlabelled answers.
    """
    collector = _Collector()
    for trace in traces:
        collector.add(trace)
    if not collector.attempts:
        raise ValueError("traces must hold at least one attempt, got none.")
    return collector.finish()


def collect_table(correct: ArrayLike) -> Statistics:
    """Return what a fit needs of a table of rounds.

    Args:
        correct: 0 or 1, shape (questions, rounds) for one chain of revisions a question, or
            (questions, fresh starts, rounds) for several.

    Raises:
        ValueError: If the shape or a value is wrong.
    """
    table = as_numbers("correct", correct)
    if table.ndim == 2:
        table = table[:, None]
    if table.ndim != 3 or not table.size or not np.isin(table, (0.0, 1.0)).all():
        raise ValueError(
            "correct must be a table of 0 and 1 of shape (questions, rounds) or "
            f"(questions, fresh starts, rounds), got shape {np.shape(correct)}."
        )
    right = table.astype(np.bool_)
    nothing = np.zeros(len(right), dtype=np.int64)  # without keys, nothing is stuck or moved
    columns = [right[:, :, 0].sum(1), (~right[:, :, 0]).sum(1), nothing, nothing]
    for t in range(right.shape[2] - 1):
        before, after = right[:, :, t], right[:, :, t + 1]
        columns += [(a & b).sum(1) for a, b in product((before, ~before), (after, ~after))]
    rows, groups, questions = np.unique(
        np.stack(columns, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    no_scores, no_indices = np.empty(0), np.empty(0, dtype=np.int64)
    n_chains = right.shape[0] * right.shape[1]
    return Statistics(
        rows.astype(np.float64),
        questions.astype(np.float64),
        (),
        Scores(no_scores, no_scores.astype(np.bool_), no_indices, no_indices),
        Counter(),
        np.stack([right.sum(axis=(0, 1)), np.full(right.shape[2], n_chains)]).astype(np.float64),
        groups,
        False,
        False,
        len(right) if right.shape[1] > 1 else 0,
        right.size,
        right.size,
        Counter(),
    )


def pad(counts: Sequence[tuple[int, ...]], width: int) -> Floats:
    """Return count tuples as rows of equal `width`."""
    rows = np.zeros((len(counts), width))
    for row, values in zip(rows, counts, strict=True):
        row[: len(values)] = values
    return rows


def _rivals(trace: Trace, depths: list[int]) -> Rivals:
    attempts = trace["attempts"]
    hypotheses = tuple(_hypothesis(trace, depths, labels) for labels in _labellings(trace))
    scores = tuple(a["score"] for a in attempts if a["score"] is not None)
    partly = any(attempt.get("correct") is not None for attempt in attempts)
    return Rivals(hypotheses, scores, partly)


def _labellings(trace: Trace) -> Iterator[list[bool]]:
    """Yield every way in which the unknown labels could be."""
    attempts = trace["attempts"]
    given = [attempt.get("correct") for attempt in attempts]
    keys = list(dict.fromkeys(a["key"] for a in attempts if a["key"] is not None))
    possible = False
    for right in (*keys, None) if keys else ():
        labels = [right is not None and a["key"] == right for a in attempts]
        if all(k is None or k == label for k, label in zip(given, labels, strict=True)):
            possible = True
            yield labels
    if not possible:
        yield from _guesses(trace, given)


def _guesses(trace: Trace, given: list[bool | None]) -> Iterator[list[bool]]:
    """Yield every way in which unknown labels could be where no key says which are the same.

    There are no keys, or the labels do not fit them: a grader may call both 1/2 and 0.5 right.
    """
    unknown = [i for i, label in enumerate(given) if label is None]
    if len(unknown) > _MOST_UNKNOWN:
        raise ValueError(
            f"question {trace['id']!r} has {len(unknown)} unlabelled answers without keys that fit "
            f"the labels, more than {_MOST_UNKNOWN}: give an answer_key when recording, or label "
            "some of them."
        )
    for guess in product((True, False), repeat=len(unknown)):
        labels = [bool(label) for label in given]
        for index, value in zip(unknown, guess, strict=True):
            labels[index] = value
        yield labels


def _hypothesis(trace: Trace, depths: list[int], labels: list[bool]) -> Hypothesis:
    attempts = trace["attempts"]
    right = 0
    answers, wrong, scores = list[int](), list[int](), dict[object, list[float]]()
    numbers: dict[str, int] = {}
    for index, (attempt, label) in enumerate(zip(attempts, labels, strict=True)):
        key, score = attempt["key"], attempt["score"]
        answer = right if label else NO_VALUE
        if not label and key is not None:
            answer = numbers.setdefault(key, len(numbers) + 1)
            if attempt["parent"] is None:
                wrong.append(answer)
        answers.append(answer)
        if label and score is not None:
            scores.setdefault(index if key is None else key, []).append(score)
    levels = max(depths)
    events = read_run(steps_of(attempts, answers, depths), right + 1, levels)
    return Hypothesis(
        tuple(map(int, events.counts.sum(axis=0))),
        tuple(events.draws_if(right)),
        (len(wrong), len(set(wrong))),
        tuple(map(tuple, scores.values())),
        rule_steps(trace, depths, labels),
    )
