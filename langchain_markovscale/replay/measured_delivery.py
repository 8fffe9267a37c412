"""Measuring delivery: the rule replayed on the questions that its rates were not fitted to.

The questions are split at random into halves; the rates that were fitted to one decide on the
other, and the other way round, several times. What the rule promised and what it delivered are
compared question by question, see `langchain_markovscale.theory.delivery`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.replay.plan_check import carried_out
from langchain_markovscale.replay.pool import Pool, PooledQuestion, QuestionSample
from langchain_markovscale.replay.replay import Outcome, replay
from langchain_markovscale.replay.strategies import SinglePass
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.delivery import (
    COSTS,
    Delivered,
    Delivery,
    Gains,
    Mean,
    Phi,
    Played,
    phi_of,
)
from langchain_markovscale.theory.rates import HasRates, Rates
from langchain_markovscale.theory.validation import whole
from langchain_markovscale.traces.trace import Trace
from langchain_markovscale.types import Action

Floats = NDArray[np.float64]
Fit = Callable[[Sequence[Trace]], HasRates | Rates]
"""Fits rates to traces."""

LEAST_QUESTIONS, LEAST_TRACES = 30, 60
"""With fewer nothing is measured."""
_MOST_QUESTIONS = 1000
_MOST_ROUNDS = 8  # as many as a loop makes by default
_RUNS, _FEWEST_SPLITS, _MOST_SPLITS = 400, 2, 4
_ACTION_SETS: tuple[tuple[Action, ...], ...] = (("revise",), ("generate",), ("revise", "generate"))


def measure_delivery(
    traces: Iterable[Trace],
    fit: Fit,
    *,
    only: tuple[Action, ...] | None = None,
    plan_check: bool = True,
    level: float = 0.9,
    seed: int = 0,
) -> Delivery | None:
    """Return what of its promises the rule delivers on traces, held-out half by half.

    Traces count that have a label of every attempt and were not ended by the loop's own rule; those
    of one question (the same `question` in their metadata, or else the same id) stay together. Of
    more than 1,000 questions a random sample is taken. The rule is allowed as many attempts as at
    least 30 questions have recorded, and at most 8.

    Args:
        traces: The traces that rates are fitted to.
        fit: How they are fitted.
        only: The set of actions to measure; None for every one that can be replayed.
        plan_check: Whether to carry out plans as well, which decides nothing and is only reported.
        level: Coverage of the intervals, in (0, 1).
        seed: Of the sample and the splits: the same traces and seed give the same numbers.

    Returns:
        None where the traces do not suffice: fewer than 30 questions or 60 traces, or too few of
        them with a second draw or a revision.
    """
    sample = delivery_sample(seed)
    for trace in traces:
        sample.add(trace)
    if sample.taken < LEAST_TRACES:
        return None
    pool = Pool(sample.traces)
    groups = list(pool.by_question().values())
    limits = {
        actions: limit
        for actions, limit in _limits(pool, groups)
        if only is None or set(actions) == set(only)
    }
    if not limits:
        return None
    halves = _Halves(pool, groups, fit, seed, checked=plan_check)
    return Delivery(
        questions=len(groups),
        traces=len(pool),
        splits=halves.splits,
        level=level,
        first=float(halves.first().mean()),
        rows=tuple(
            row
            for actions, limit in limits.items()
            for row in halves.by_cost(actions, limit, level)[::-1]
        ),
    )


def interval_of(phi: Phi, level: float) -> tuple[float, float]:
    """Return the interval of φ within [0, 1], by Student's t.

    Args:
        phi: φ as measured.
        level: Its coverage, in (0, 1).
    """
    from scipy.special import stdtrit

    half = float(stdtrit(phi.freedom, (1 + level) / 2)) * phi.error
    low, high = (min(1.0, max(0.0, end)) for end in (phi.ratio - half, phi.ratio + half))
    return min(low, phi.value), max(high, phi.value)


def delivery_sample(seed: int) -> QuestionSample:
    """Return an empty sample that keeps the traces on which delivery is measured.

    Raises:
        ValueError: If the seed is no whole number of at least 0.
    """
    whole("seed", seed)
    return QuestionSample(_MOST_QUESTIONS, seed, _is_labelled)


def _is_labelled(trace: Trace) -> bool:
    attempts = trace["attempts"]
    if trace.get("censored"):  # nobody knows what further rounds would have done
        return False
    return bool(attempts) and all(each.get("correct") is not None for each in attempts)


def _limits(
    pool: Pool, groups: Sequence[Sequence[int]]
) -> Iterator[tuple[tuple[Action, ...], int]]:
    """Yield each set of actions that can be replayed, and the attempts that are allowed with it."""
    if len(groups) < LEAST_QUESTIONS:
        return

    def recorded(attempts_of: Callable[[PooledQuestion], int]) -> int:
        most = sorted(max(attempts_of(pool[index]) for index in group) for group in groups)
        return min(most[-LEAST_QUESTIONS], _MOST_ROUNDS)

    draws = recorded(lambda question: len(question.draws))
    chain = recorded(lambda question: question.longest_chain)
    for actions, limit in zip(_ACTION_SETS, (chain, draws, min(chain, draws)), strict=True):
        if limit > 1:
            yield actions, limit


class _Halves:
    """The pool split in halves several times, with the fit to one half for playing the other."""

    def __init__(
        self, pool: Pool, groups: Sequence[Sequence[int]], fit: Fit, seed: int, *, checked: bool
    ) -> None:
        self._checked = checked
        self.splits = max(_FEWEST_SPLITS, min(_MOST_SPLITS, _RUNS // len(pool)))
        self._pool = pool
        self._question_of = np.empty(len(pool), dtype=np.intp)
        for number, group in enumerate(groups):
            self._question_of[list(group)] = number
        # A rule that others are made from shares what does not depend on what a round costs.
        self._halves: list[tuple[Criterion, list[int], int]] = []
        for split in range(self.splits):
            one, other = pool.folds(seed, split)
            for learned, tried in ((one, other), (other, one)):
                rule = Criterion(fit([pool.traces[i] for i in learned]), delivery=False)
                self._halves.append((rule, tried, split))

    def first(self) -> Floats:
        """Return the share of right first answers by question, shape (Q,)."""
        starts = range(self.splits)
        return self._by_question(replay(SinglePass(), self._pool, starts).correct)

    def by_cost(self, actions: tuple[Action, ...], limit: int, level: float) -> list[Delivered]:
        """Return what the rule promises and delivers with some actions, costs rising."""
        rule: dict[str, Any] = {"actions": actions, "max_rounds": limit}
        costs: dict[float, Delivery | Literal[False]] = dict.fromkeys(sorted(COSTS), False)
        rows: list[Delivered] = []
        for cost, halves in self._play(rule, costs).items():
            if rows and not rows[-1].at_its_word.went_on:  # nor does it then for a higher cost
                rows.append(replace(rows[-1], cost=cost))
            else:
                rows.append(self._believed(rule, cost, halves, level))
        counted_on: dict[float, Delivery | Literal[False]] = {
            row.cost: Delivery(len(self._pool), 0, self.splits, level, 0.0, (row,))
            for row in rows
            if 0 < row.phi < 1
        }
        found = self._play(rule, counted_on)
        return [self._in_force(row, found.get(row.cost)) for row in rows]

    def _believed(
        self, rule: dict[str, Any], cost: float, halves: Sequence[Outcome], level: float
    ) -> Delivered:
        """Return how the rule fares that believes its own promise, and φ by that."""
        plain = self._over_splits(halves)
        by_half = [
            Gains(*(self._by_question(values, tried) for values in _gains(half, cost)))
            for half, (_, tried, _) in zip(halves, self._halves, strict=True)
        ]
        splits = list(zip(by_half[::2], by_half[1::2], strict=True))
        phi = phi_of(_gains(plain, cost), splits)
        believed = _played(plain, cost)
        checked = self._checked and believed.went_on
        return Delivered(
            **rule,
            cost=cost,
            phi=phi.value,
            estimate=phi.value,
            interval=interval_of(phi, level),
            at_its_word=believed,
            in_force=believed,
            plan_check=self._plan_check(rule, cost) if checked else None,
        )

    def _in_force(self, row: Delivered, halves: Sequence[Outcome] | None) -> Delivered:
        """Return a row with how the rule fares that counts on φ alone, where that differs."""
        in_force = row.in_force
        if halves is not None:
            in_force = _played(self._over_splits(halves), row.cost)
        elif row.phi == 0:
            nothing = (0.0, 0.0)
            accuracy = float(self.first().mean())
            in_force = Played(nothing, nothing, nothing, nothing, accuracy, 1.0, 0.0, 0.0)
        # Only beyond its error: where the net is below 0 by chance, giving up costs more on other
        # questions than it saves (mean regret .0043 in place of .0027 on four pools).
        useless = in_force.went_on > 0 and sum(in_force.delivered_net) <= 0
        return replace(row, phi=0.0 if useless else row.phi, in_force=in_force)

    def _play(
        self, rule: dict[str, Any], costs: Mapping[float, Delivery | Literal[False]]
    ) -> dict[float, list[Outcome]]:
        """Return by cost how the rule fares on the traces of each half.

        Args:
            rule: The actions and the most attempts.
            costs: What of its promise the rule counts on at each cost.
        """
        by_cost: dict[float, list[Outcome]] = {cost: [] for cost in costs}
        for base, tried, start in self._halves:
            rules = [
                base.replace(**rule, cost_per_round=cost, delivery=delivery)
                for cost, delivery in costs.items()
            ]
            # One question after the other, for the rules go the same ways at it.
            questions = [self._pool[i] for i in tried for _ in rules]
            played = replay(rules * len(tried), questions, (start,))
            for place, halves in enumerate(by_cost.values()):
                halves.append(played.every(len(rules), place))
        return by_cost

    def _over_splits(self, halves: Sequence[Outcome]) -> Outcome:
        """Return the means over the splits and the traces of each question."""
        total = Outcome.zero(len(self._pool))
        for half, (_, tried, _) in zip(halves, self._halves, strict=True):
            total.add(half, tried)
        return Outcome(
            *(self._by_question(values) / self.splits for values in vars(total).values())
        )

    def _plan_check(self, rule: dict[str, Any], cost: float) -> float | None:
        """Return ΣA/ΣG of plans that are carried out; None where few of them can be."""
        promised, delivered, played = np.zeros((3, len(self._pool)))
        for base, tried, start in self._halves:
            questions = [self._pool[i].starting_with(start) for i in tried]
            found = carried_out(base.replace(**rule, cost_per_round=cost), questions)
            promised[tried] += np.nan_to_num(found[0])
            delivered[tried] += np.nan_to_num(found[1])
            played[tried] += ~np.isnan(found[0])
        if np.count_nonzero(self._by_question(played)) < LEAST_QUESTIONS:
            return None
        promise = float(self._by_question(promised).sum())
        return float(self._by_question(delivered).sum()) / promise

    def _by_question(self, values: Floats, traces: Sequence[int] | None = None) -> Floats:
        """Return the means over the traces of each question, shape (Q,).

        Args:
            values: Those of some traces.
            traces: Which they are, all of each of Q questions; None for all there are.
        """
        numbers = self._question_of if traces is None else self._question_of[list(traces)]
        many = np.bincount(numbers)
        asked = many > 0
        return np.bincount(numbers, values)[asked] / many[asked]


def _gains(outcome: Outcome, cost: float) -> Gains:
    """Return promise and delivery, see `langchain_markovscale.theory.delivery`."""
    net = outcome.delivered - cost * outcome.taken
    return Gains(outcome.promised, net - (outcome.promised - outcome.expected_cost))


def _played(outcome: Outcome, cost: float) -> Played:
    delivered_net = outcome.delivered - cost * outcome.taken
    return Played(
        promised=_mean(outcome.promised),
        delivered=_mean(outcome.delivered),
        promised_net=_mean(outcome.promised - outcome.expected_cost),
        delivered_net=_mean(delivered_net),
        accuracy=float(outcome.correct.mean()),
        attempts=float(outcome.attempts.mean()),
        revisions=float(outcome.revisions.mean()),
        went_on=float(outcome.went_on.mean()),
    )


def _mean(values: Floats) -> Mean:
    return float(values.mean()), float(values.std(ddof=1)) / sqrt(len(values))
