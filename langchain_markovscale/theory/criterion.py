"""The decision: stop, revise the best answer, or draw a fresh one.

Stop unless some commitment, of any kind, by any allowed action and over any number of rounds that
are left, is worth more than the belief in the best answer in hand; else take the first step of the
best one and decide again with the new evidence. The worth of a commitment is one that a plan
attains, so it bounds the optimum from below, and deciding again each round can only raise it. With
one class, revisions only and a verifier that says nothing this is the rule of MarkovScale: revise
iff b < π − c/(α+β).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.belief import Belief
from langchain_markovscale.theory.delivery import Delivery
from langchain_markovscale.theory.plans import Commitments, commitments
from langchain_markovscale.theory.rates import HasRates, Rates, Variant, rates_for
from langchain_markovscale.theory.validation import (
    TOLERANCE,
    check_attempts,
    costs_by_action,
    single,
    whole,
)
from langchain_markovscale.types import Action, Attempt, Decision, Reason, Step

Floats = NDArray[np.float64]
Pattern = tuple[tuple[int | None, float | None, int | None], ...]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_CACHED_DECISIONS = 1024


class Criterion:
    """Decides from the attempts alone whether another round is worth its cost.

    A pure function of the attempts: no clock, no randomness. It caches its latest decisions, by
    which answers are equal, their scores and their parents, and so holds nothing of a question.

    Args:
        calibration: A `Calibration`, or bare `Rates`.
        cost_per_round: c ≥ 0, the cost of one candidate and its verification in units of
            accuracy (0.01: a round must raise the chance of being right by a point); one number,
            or one for each action, as `round_costs` makes them from prices.
        max_rounds: The most attempts, the first included; at least 1.
        actions: What may be done after the first attempt: `"revise"`, `"generate"`, or both.
        choices: Number of possible answers where they are a closed list.
        variant: Where the weights of the classes come from: `"mixture"` (as fitted), `"gate"`,
            `"map"` or `"training_free"`; see `rates_for`.
        delivery: Whether to count only on that part φ of a promised gain that the rule has
            delivered on the traces of the calibration, where that was measured: it then goes on
            iff some plan has φ·G − c·L > 0, G its gain and L its rounds. A `Delivery` is used in
            place of the calibration's. The training-free variant, whose rates were not fitted,
            counts on the whole gain.

    Attributes:
        phi: φ in [0, 1] of the actions and the cost; 1 where it was not measured, or is not used.

    Raises:
        ValueError: If an argument leaves its range.
    """

    def __init__(
        self,
        calibration: HasRates | Rates,
        cost_per_round: float | Mapping[Action, float] = 0.01,
        max_rounds: int = 8,
        actions: Sequence[Action] = ("revise", "generate"),
        *,
        choices: int | None = None,
        variant: Variant = "mixture",
        delivery: bool | Delivery = True,
    ) -> None:
        self.variant = variant
        self.actions = _check_actions(actions)
        self.cost_per_round = costs_by_action(cost_per_round, self.actions)
        self.max_rounds = int(single("max_rounds", whole("max_rounds", max_rounds, least=1)))
        self.belief = Belief(rates_for(variant, calibration), choices)
        if delivery is True:
            delivery = getattr(calibration, "delivery", None) or True
        self.delivery = delivery
        self.phi = 1.0
        if isinstance(delivery, Delivery) and variant != "training_free":
            self.phi = delivery.at(self.actions, self.cost_per_round)
        self._plans: dict[tuple[int, bool, bool], _Plans] = {}
        self._decisions: Cache[Pattern, Decision] = Cache(_CACHED_DECISIONS)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a criterion that decides as this one does."""
        return {
            "calibration": self.rates,
            "cost_per_round": self.cost_per_round,
            "max_rounds": self.max_rounds,
            "actions": self.actions,
            "choices": self.belief.choices,
            "variant": self.variant,
            "delivery": self.delivery,
        }

    def replace(self, **changes: Any) -> "Criterion":
        """Return a criterion with some of its arguments changed.

        Delivery that was measured stays, unless a calibration with its own takes its place.
        """
        arguments = self.arguments | changes
        if isinstance(self.delivery, Delivery) and changes.get("delivery", True) is True:
            replaced = hasattr(changes.get("calibration"), "delivery")
            arguments["delivery"] = replaced or self.delivery
        return type(self)(**arguments)

    @property
    def rates(self) -> Rates:
        """The rates that decisions are made with."""
        return self.belief.rates

    def decide(
        self, attempts: Sequence[Attempt], class_weights: Sequence[float] | None = None
    ) -> Decision:
        """Return what to do after `attempts`.

        Args:
            attempts: All attempts at one question, in the order in which they were made.
            class_weights: w, shape (K,), of this question; by default those of the rates. Where
                rates are pooled from draws, K is the number of classes of one draw.

        Returns:
            A plain dictionary; `expected_gain` and `cost` are those of the best commitment also
            where it does not pay: φ times the gain that it promises, and the rounds that it is
            expected to take times the cost of one. Going on pays iff the first is larger.

        Raises:
            ValueError: If an attempt lacks a field, a score is NaN or outside [0, 1], a parent is
                no earlier attempt, or `class_weights` do not fit the rates.
        """
        pattern = _pattern(attempts) if class_weights is None else None
        if pattern is None:
            return self._decide(attempts, class_weights)
        return self._decisions.get(pattern, lambda: self._decide(attempts)).copy()

    def _decide(
        self, attempts: Sequence[Attempt], class_weights: Sequence[float] | None = None
    ) -> Decision:
        if not attempts:
            return self._first(class_weights)
        try:
            posterior = self.belief.posterior(attempts, class_weights)
        except (KeyError, TypeError, AttributeError):
            check_attempts(attempts)
            raise
        beliefs = posterior.beliefs
        answer = int(beliefs.argmax())
        if not posterior.keyed:
            answer = _best_scored(attempts, beliefs, answer)
        best, belief = posterior.latest[answer], _clipped(float(beliefs[answer]))
        left = self.max_rounds - len(attempts)
        if left <= 0:
            return _decision("stop", best, belief, len(attempts), "max_rounds")
        plan = None
        if self.variant == "gate":
            plan = self._before_the_run(class_weights, posterior.keyed)
        if plan is None or plan.pays:
            depth = posterior.depths[best] if self.rates.settling < 1 else 0
            joint = posterior.joint[answer]
            silent = _silent(attempts)
            plan = self._best_plan(joint, posterior.classes, depth, posterior.keyed, silent, left)
        action: Step = plan.action if plan.pays else "stop"
        reason: Reason = "gain_exceeds_cost" if plan.pays else "gain_below_cost"
        return _decision(action, best, belief, len(attempts), reason, plan.gain, plan.cost)

    def _first(self, class_weights: Sequence[float] | None) -> Decision:
        """The first attempt is always made: there is no answer to return without it."""
        gain = float(self.belief.prior(class_weights).dot(self.rates.initial))
        cost = self.cost_per_round.get("generate", 0.0)
        return _decision("generate", None, 0.0, 0, "gain_exceeds_cost", gain, cost)

    def _before_the_run(self, class_weights: Sequence[float] | None, keyed: bool) -> "_Plan":
        """The best plan for a first answer of which nothing is known but its question."""
        classes = self.belief.prior(class_weights)
        joint = classes * self.rates.initial
        return self._best_plan(joint, classes, 0, keyed, False, self.max_rounds - 1)

    def _best_plan(
        self, joint: Floats, classes: Floats, depth: int, keyed: bool, silent: bool, left: int
    ) -> "_Plan":
        """Return the commitment that is worth most.

        Args:
            joint: P(class k and the best answer is correct), shape (K,).
            classes: P(class k), shape (K,).
            depth: Revisions between the best answer and its fresh draw.
            keyed: Whether answers have keys.
            silent: Whether the verifier is not to be counted on.
            left: Attempts that are left.
        """
        stretch = self.phi or 1.0  # deciding by φ·G − c·L is deciding at a cost of c/φ
        key = (depth, keyed, silent)
        if key not in self._plans:
            rates = self.rates.without_verifier() if silent else self.rates
            table = commitments(rates, self.actions, self.max_rounds - 1, depth, keyed=keyed)
            each = np.array([self.cost_per_round[action] for action in table.actions]) / stretch
            self._plans[key] = _Plans(table, table.gains - each[:, None] * table.rounds)
        table, worths = self._plans[key]
        state = np.concatenate((joint, classes - joint))
        nets = worths[: table.within[left]].dot(state)
        row = int(nets.argmax())
        gain, net = float(table.gains[row].dot(state)), float(nets[row])
        pays = net > TOLERANCE and self.phi > 0
        return _Plan(table.actions[row], self.phi * gain, stretch * (gain - net), pays)


class _Plans(NamedTuple):
    """Commitments, and their gains less their costs, shape (M, 2K)."""

    table: Commitments
    worths: Floats


class _Plan(NamedTuple):
    """One commitment, as it looks from a belief."""

    action: Action
    gain: float
    cost: float
    pays: bool


def _best_scored(attempts: Sequence[Attempt], beliefs: Floats, answer: int) -> int:
    """Among answers believed as much as `answer`, return the one that was scored highest.

    A verifier of which only a threshold is known leaves accepted answers equally likely.
    """
    alike = np.flatnonzero(beliefs >= beliefs[answer] - TOLERANCE).tolist()
    return max(alike, key=lambda index: attempts[index]["score"] or 0.0) if alike else answer


def _clipped(belief: float) -> float:
    """Return a belief without what rounding adds to certainty or takes from it."""
    return 1.0 if belief > 1 - TOLERANCE else belief


def _silent(attempts: Sequence[Attempt]) -> bool:
    """Return whether the verifier has given no score at all, which twice is no accident."""
    return len(attempts) > 1 and all(attempt["score"] is None for attempt in attempts)


def _check_actions(actions: Sequence[Action]) -> tuple[Action, ...]:
    known = get_args(Action)
    if isinstance(actions, str) or not actions or any(a not in known for a in actions):
        raise ValueError(
            f"actions must name at least one of {', '.join(map(repr, known))}, got {actions!r}."
        )
    return tuple(dict.fromkeys(actions))


def _decision(
    action: Step,
    best: int | None,
    belief: float,
    attempts: int,
    reason: Reason,
    gain: float = 0.0,
    cost: float = 0.0,
) -> Decision:
    return {
        "action": action,
        "best": best,
        "parent": best if action == "revise" else None,
        "belief": belief,
        "expected_gain": gain,
        "cost": cost,
        "attempts": attempts,
        "reason": reason,
    }


class Cache(Generic[Key, Value]):
    """The values that were made last, none of them None; a copy or a pickle of it is empty.

    Threads may share it: at worst two make the same value at the same time.

    Args:
        size: How many values it holds.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[Key, Value] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[type["Cache[Key, Value]"], tuple[int]]:
        return type(self), (self._size,)

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key, which is made where there is none yet."""
        value = self._values.get(key)
        if value is None:
            value = make()
            with self._lock:
                self._values[key] = value
                if len(self._values) > self._size:
                    del self._values[next(iter(self._values))]
        return value


def _pattern(attempts: Sequence[Attempt]) -> Pattern | None:
    """Return what a decision depends on; None where attempts can't be read, which it then says."""
    numbers: dict[str | None, int | None] = {None: None}
    try:
        pattern = tuple(
            [
                (
                    numbers.setdefault(attempt["key"], len(numbers)),
                    attempt["score"],
                    attempt["parent"],
                )
                for attempt in attempts
            ]
        )
        hash(pattern)
    except (KeyError, TypeError, AttributeError):
        return None
    return pattern
