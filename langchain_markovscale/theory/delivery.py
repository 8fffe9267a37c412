"""Delivery: what of the gain that the criterion promises has come true on recorded attempts.

The rule is replayed on questions that its rates were not fitted to. Of each question, at the first
decision to go on: G is the gain that the best plan promises before cost, L the rounds that it
expects to take; then A is what came of it, right (returned) − right (best answer at that decision),
and L′ the rounds that it took; all are 0 where the rule never goes on. With
e = (A − cL′) − (G − cL), P = ΣG, E = Σe and S² = Q/(Q−1) Σ(e − ē)² over Q questions,

    φ = min(1, max(0, 1 + E·P / (P² + S²/v²))),  v = .5

The variance of 1 + E/P is (Q/(Q−1) Σr² + B)/P² with r = e − (E/P)G, where B is what fits add: all
questions of a half are played by one fit, whose luck they share. What is independent spreads a sum
as it does a difference, so that the difference of halves shows it: R₁ and R₂ being Σr over either
half of a split, and V₁ and V₂ what their own questions let them vary by, n/(n−1) Σ(r − r̄)², B is
the mean over splits of (R₁ − R₂)² − V₁ − V₂, and at least 0.

The criterion goes on iff some plan has φ·G − c·L > 0. What is measured depends on the cost, so
it is measured at several of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log, sqrt
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.types import Action

Floats = NDArray[np.float64]
Mean = tuple[float, float]
"""A mean over questions, and its standard error."""

COSTS = (0.1, 0.05, 0.02, 0.01, 0.004)
"""Costs of a round at which delivery is measured, in units of accuracy."""

UNMEASURED = 0.85
"""φ where rates were fitted or assumed, and nobody could measure what they deliver.

Such promises have been kept in the mean, not in each loop: a first answer that a weak verifier
rejects is worth another draw only just. With the default prior nothing changes between .8 and .9 on
the pools of other people's loops, at 1 a loop lost 1.8 points to one pass; with rates fitted to 24
questions of a loop without scores, 1.7 points.
"""

_SPREAD = 0.5  # v: how far φ is expected to lie from 1, before anything was played
_NOTHING = 1e-9  # a promise below this is none, and no ratio is formed


class Phi(NamedTuple):
    """Which part of its promise the rule delivers.

    Attributes:
        value: φ in [0, 1], drawn towards 1 where few questions say otherwise.
        ratio: 1 + E/P, which may lie outside of [0, 1]; 1 where nothing was promised.
        error: Its standard error; infinite where nothing was promised.
        freedom: How many questions tell of it, less one: (ΣG)²/ΣG² − 1, and at least 1.
    """

    value: float
    ratio: float
    error: float
    freedom: float


class Gains(NamedTuple):
    """What was promised and what came of it, by question.

    Attributes:
        promised: G, shape (Q,).
        excess: e, shape (Q,).
    """

    promised: Floats
    excess: Floats


def phi_of(gains: Gains, splits: Sequence[tuple[Gains, Gains]] = ()) -> Phi:
    """Return φ and its standard error.

    Args:
        gains: Those of Q ≥ 2 questions, the means over their splits.
        splits: Those of the questions of either half, at least 2, of each split.
    """
    promised, excess = gains
    total = float(promised.sum())
    if total <= _NOTHING:
        return Phi(1.0, 1.0, inf, 1.0)
    gap = float(excess.sum())
    ratio = gap / total
    of_questions = _noise(excess - ratio * promised)
    error = sqrt(of_questions + _of_fits(splits, ratio)) / total
    freedom = max(1.0, total**2 / float((promised**2).sum()) - 1)
    shrunk = 1 + gap * total / (total**2 + _noise(excess) / _SPREAD**2)
    return Phi(min(1.0, max(0.0, shrunk)), 1 + ratio, error, freedom)


def _of_fits(splits: Sequence[tuple[Gains, Gains]], ratio: float) -> float:
    """Return B, at E/P."""
    more = []
    for split in splits:
        one, other = (half.excess - ratio * half.promised for half in split)
        apart = float(one.sum() - other.sum())
        more.append(apart**2 - _noise(one) - _noise(other))
    return max(0.0, fmean(more)) if more else 0.0


def _noise(values: Floats) -> float:
    """Return the variance of the sum of independent values, by how they vary."""
    return len(values) * float(values.var(ddof=1))


@dataclass(frozen=True)
class Played:
    """How the rule fared in a replay; gains are means per question, 0 where it never went on.

    Attributes:
        promised: Gain in accuracy that it promised at its first decision to go on, before cost.
        delivered: Gain that it delivered from there, before cost.
        promised_net: The first, less the cost of the rounds that it expected to take.
        delivered_net: The second, less the cost of those that it took.
        accuracy: Share of right answers.
        attempts: Attempts at a question, the first included.
        revisions: How many of them were revisions.
        went_on: Share of questions at which it went on after the first answer.
    """

    promised: Mean
    delivered: Mean
    promised_net: Mean
    delivered_net: Mean
    accuracy: float
    attempts: float
    revisions: float
    went_on: float


@dataclass(frozen=True)
class Delivered:
    """What was measured for one set of actions at one cost.

    Attributes:
        actions: What the rule was allowed to do after the first attempt.
        cost: c, of a round, in units of accuracy.
        max_rounds: The most attempts that it was allowed, the first included.
        phi: φ as decisions use it. 0, so that the rule does not go on, where what it delivered with
            φ in force, net of cost, is below 0 by at least a standard error.
        estimate: φ as the formula has it.
        interval: (low, high) of that.
        at_its_word: How the rule fared that believes its own promise.
        in_force: How it fared with φ in force; what it promises is then φ times as much.
        plan_check: ΣA/ΣG of its plans, carried out without deciding again: 1 for a right model.
            None where fewer than 30 questions have as many attempts recorded as their plan may
            take, and where it was not measured.
    """

    actions: tuple[Action, ...]
    cost: float
    max_rounds: int
    phi: float
    estimate: float
    interval: tuple[float, float]
    at_its_word: Played
    in_force: Played
    plan_check: float | None = None


@dataclass(frozen=True)
class Delivery:
    """Promise and delivery on the traces of a fit, by set of actions and cost of a round.

    Attributes:
        questions: Questions that were replayed.
        traces: Traces of them.
        splits: How often they were split in halves, each being played with the fit to the other.
        level: Coverage of the intervals, in (0, 1).
        first: Share of first answers that were right.
        rows: What was measured, costs falling within each set of actions.
    """

    questions: int
    traces: int
    splits: int
    level: float
    first: float
    rows: tuple[Delivered, ...]

    def of(self, actions: Iterable[Action]) -> tuple[Delivered, ...]:
        """Return what was measured for exactly these actions, costs falling."""
        wanted = set(actions)
        return tuple(row for row in self.rows if set(row.actions) == wanted)

    def at(self, actions: Iterable[Action], cost: float | Mapping[Action, float]) -> float:
        """Return φ for a set of actions at a cost.

        Between two costs φ is interpolated in ln c; beyond the last ones it stays as it is there.

        Args:
            actions: What may be done after the first attempt.
            cost: c ≥ 0, of a round; where actions differ in it, their mean is taken.

        Returns:
            φ in [0, 1]; `UNMEASURED` where these actions were not measured.
        """
        if isinstance(cost, Mapping):
            actions = tuple(actions)
            cost = sum(cost[action] for action in actions) / len(actions)
        rows = self.of(actions)[::-1]
        if not rows:
            return UNMEASURED
        least = rows[0].cost
        at, known = log(max(cost, least)), [log(row.cost) for row in rows]
        return float(np.interp(at, known, [row.phi for row in rows]))


NOT_MEASURED = Delivery(questions=0, traces=0, splits=0, level=0.9, first=0.0, rows=())
"""That of rates which were fitted or assumed, and with which nothing was replayed."""
