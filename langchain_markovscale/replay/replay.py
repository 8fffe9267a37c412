"""Replay: what a strategy would have answered and spent on the recorded runs."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from math import nan
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.display.wording import counted
from langchain_markovscale.replay.pool import PooledQuestion
from langchain_markovscale.traces.usage import NOTHING
from langchain_markovscale.types import Attempt, Decision

Floats = NDArray[np.float64]


class Strategy(Protocol):
    """Decides from the attempts so far what to do next; the caller holds all state.

    A `Criterion` is one. A strategy that does not look at scores, and so needs no verifier, says
    so by an attribute `scored = False`.
    """

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Return the next step, and in `best` the answer to return if the run ends here."""


@dataclass(frozen=True)
class Outcome:
    """How a strategy fared on each of Q questions; means over the runs at a question.

    Attributes:
        correct: Share of runs that ended with a right answer, shape (Q,).
        attempts: Attempts, shape (Q,).
        verified: Attempts with a score or feedback of the verifier, shape (Q,).
        tokens: Tokens of the attempts, as the pool counts them, shape (Q,); NaN where some are
            unknown.
        read: Tokens read by making the attempts, shape (Q,); like the next two, NaN if unknown.
        written: Tokens written, shape (Q,).
        seconds: Wall-clock time, one attempt after the other, shape (Q,).
        exhausted: Share of runs that ended because the pool had no more, shape (Q,).
        belief: What the strategy last believed of its answer, shape (Q,); NaN where it has no
            beliefs.
        revisions: How many of the attempts were revisions, shape (Q,).
        trips: Round trips, shape (Q,): as many as attempts, unless draws were made at once.
        went_on: Share of runs that went on after the first answer, shape (Q,). Each of the
            following is 0 for a run that did not.
        promised: The gain that the first decision to go on expected, before cost, shape (Q,); NaN
            where the strategy expects none.
        expected_cost: The cost that it expected, shape (Q,).
        delivered: By how much the answer returned was right where the best answer at that decision
            was not, shape (Q,): −1, 0 or 1 in each run.
        taken: Attempts made from then on, shape (Q,).
    """

    correct: Floats
    attempts: Floats
    verified: Floats
    tokens: Floats
    read: Floats
    written: Floats
    seconds: Floats
    exhausted: Floats
    belief: Floats
    revisions: Floats
    trips: Floats
    went_on: Floats
    promised: Floats
    expected_cost: Floats
    delivered: Floats
    taken: Floats

    @classmethod
    def zero(cls, questions: int) -> "Outcome":
        """Return the outcome before any run, which others can be added to."""
        return cls(*np.zeros((len(fields(cls)), questions)))

    def every(self, step: int, first: int = 0) -> "Outcome":
        """Return the outcome of every so manieth question, from the `first` on."""
        return Outcome(*(values[first::step] for values in vars(self).values()))

    def add(self, other: "Outcome", where: Sequence[int]) -> None:
        """Add the numbers of another outcome to those of the questions `where`."""
        for name, values in vars(other).items():
            getattr(self, name)[where] += values


def replay(
    strategy: Strategy | Sequence[Strategy],
    questions: Sequence[PooledQuestion],
    starts: Sequence[int] = (0,),
) -> Outcome:
    """Run a strategy on recorded attempts.

    A run is handed a question's fresh draws in turn, several at once where a decision says so, and
    an attempt's revisions in the order in which they were recorded. It ends when the strategy
    stops or asks for what the pool does not have; the answer is then its `best` so far.

    Args:
        strategy: A strategy, or one for each question.
        questions: From a pool.
        starts: The fresh draws that runs begin with, counted round; one run for each.

    Raises:
        ValueError: If a decision of the strategy cannot be followed.
    """
    each = strategy if isinstance(strategy, Sequence) else repeat(strategy, len(questions))
    rows = np.empty((len(questions), len(fields(Outcome))))
    for row, question, rule in zip(rows, questions, each, strict=True):
        runs = [_run(rule, question.starting_with(start)) for start in starts]
        row[:] = runs[0] if len(runs) == 1 else np.mean(runs, axis=0)
    return Outcome(*rows.T)


def _run(strategy: Strategy, question: PooledQuestion) -> tuple[float, ...]:
    """Return an outcome's numbers for one run."""
    decide, recorded, revisions = strategy.decide, question.attempts, question.revisions
    attempts: list[Attempt] = []
    taken: list[int] = []  # for each attempt of the run, its index in the pool
    used_from: dict[int, int] = {}  # revisions of each attempt used so far; -1 for fresh draws
    verified, tokens, revised, trips = 0, 0.0, 0, 0
    onward: Decision | None = None  # the first decision to go on
    while True:
        decision = decide(attempts)
        action, parent = decision["action"], decision["parent"]
        if action == "stop":
            break
        if onward is None and attempts:
            onward = decision
        if action == "generate":
            origin, source, parent = -1, question.draws, None
        else:
            origin = _revised(decision, taken)
            source = revisions[origin]
        used = used_from.get(origin, 0)
        if used == len(source):
            break
        trips += 1
        at_once = source[used : used + decision.get("draws", 1)]
        used_from[origin] = used + len(at_once)
        revised += origin >= 0
        for index in at_once:
            attempt, took = recorded[index], question.tokens[index]
            taken.append(index)
            alike = attempt["parent"] == parent
            attempts.append(attempt if alike else {**attempt, "parent": parent})
            verified += attempt["score"] is not None or attempt["feedback"] is not None
            tokens += nan if took is None else took
    right = _is_right(decision, taken, question)
    made = len(attempts)
    spent = [sum(each) for each in zip(*(question.usage[i] for i in taken), strict=True)]
    row = (
        right,
        made,
        verified,
        tokens,
        *(spent or NOTHING),
        action != "stop",
        decision["belief"],
        revised,
        trips,
    )
    if onward is None:
        return *row, False, 0.0, 0.0, 0.0, 0.0
    delivered = right - _is_right(onward, taken, question)
    since = made - onward["attempts"]
    return *row, True, onward["expected_gain"], onward["cost"], delivered, since


def _is_right(decision: Decision, taken: Sequence[int], question: PooledQuestion) -> bool:
    """Return whether the best answer at a decision is right."""
    best = decision["best"]
    return best is not None and question.correct[taken[best]]


def _revised(decision: Decision, taken: Sequence[int]) -> int:
    """Return which of the pool's attempts is to be revised."""
    action, parent = decision["action"], decision["parent"]
    if action != "revise" or parent is None or not 0 <= parent < len(taken):
        raise ValueError(
            "a strategy must decide on 'stop', 'generate', or 'revise' with the index of an "
            f"earlier attempt as parent, got action {action!r} with parent {parent!r} after "
            f"{counted(len(taken), 'attempt')}."
        )
    return taken[parent]
