"""The decision: stop, revise the best answer, or draw a fresh one.

Stop unless some commitment, of any kind, by any allowed action and over any number of rounds that
are left, is worth more than the belief in the best answer in hand; else take the first step of the
best one and decide again with the new evidence. The worth of a commitment is one that a plan
attains, so it bounds the optimum from below, and deciding again each round can only raise it. With
one class, revisions only and a verifier that says nothing this is the rule of MarkovScale: revise
iff b < π − c/(α+β).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

from langchain_markovscale.theory.belief import Belief
from langchain_markovscale.theory.decision_cache import Cache, Pattern, pattern_of
from langchain_markovscale.theory.delivery import NOT_MEASURED, UNMEASURED, Delivery
from langchain_markovscale.theory.draws_at_once import AtOnce, Waiting
from langchain_markovscale.theory.in_hand import without_repeated
from langchain_markovscale.theory.planner import Planner
from langchain_markovscale.theory.plans import Outlook, Plan, worth_of
from langchain_markovscale.theory.posterior import KeyedPosterior
from langchain_markovscale.theory.prior import PriorBelief
from langchain_markovscale.theory.rates import (
    HasRates,
    Rates,
    Variant,
    check_may_be_exact,
    is_default_prior,
    rates_for,
)
from langchain_markovscale.theory.situation import Situation, situation_of
from langchain_markovscale.theory.validation import (
    TOLERANCE,
    check_actions,
    costs_by_action,
    single,
    whole,
)
from langchain_markovscale.types import (
    Action,
    Attempt,
    Decision,
    Reason,
    Step,
    is_repeated,
    new_attempt,
)

_CACHED_DECISIONS = 1024
_CACHED_SITUATIONS = 256
_OF_THE_BELIEF = {"calibration", "variant", "choices", "exact_verifier"}  # of the arguments
_IN_TURN: tuple[Action, ...] = ("revise", "generate")  # of plans worth the same the first is taken


class Criterion:
    """Decides from the attempts alone whether another round is worth its cost.

    A pure function of the attempts: no clock, no randomness. It caches its latest decisions, by
    which answers are equal, their scores and their parents, and so holds nothing of a question.

    Args:
        calibration: A `Calibration`, or bare `Rates`.
        cost_per_round: c in [0, 0.5), the cost of one candidate and its verification in units of
            accuracy (0.01: a round must raise the chance of being right by a point); one number,
            or one for each action, as `round_costs` makes them from prices.
        max_rounds: The most attempts, the first included; at least 1.
        actions: What may be done after the first attempt: `"revise"`, `"generate"`, or both.
        choices: Number of possible answers where they are a closed list.
        variant: Where the weights of the classes come from: `"mixture"` (as fitted), `"gate"`,
            `"map"` or `"training_free"`; see `rates_for`.
        exact_verifier: Whether the verifier's full score (True or 1.0) means right, and anything
            less wrong: .8 of the tests is a rejection, and only says which draft is nearer. It is
            exact for what it checks: tests that it does not see may still fail.
        delivery: Whether to count only on that part φ of a promised gain that the rule has
            delivered on the traces of the calibration, or on .85 of it where that could not be
            measured: it then goes on iff some plan has φ·G − c·L > 0, G its gain and L its rounds.
            A `Delivery` is used in place of the calibration's. Rates that were stated and not
            fitted keep their promises: φ is 1.
        draws_at_once: How many fresh draws a round trip makes, side by side: one, which is the
            default; k of them, or as many as are left; or `"auto"`, as many as are worth most. That
            is one where waiting costs nothing, or where its time is not known.
        cost_per_second: What a second of waiting costs, in units of accuracy: its price as a share
            of what a right answer is worth. It is paid once for a round trip, and so for every
            revision, too.
        seconds_per_round: How long a round trip takes, a draw and its verification; None where it
            is not known beforehand, see `decide`.

    Attributes:
        waiting: How draws are made at once, and the price of time.
        phi: φ in [0, 1] of the actions and the cost.

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
        exact_verifier: bool = False,
        delivery: bool | Delivery = True,
        draws_at_once: AtOnce = 1,
        cost_per_second: float = 0.0,
        seconds_per_round: float | None = None,
    ) -> None:
        self.variant, self.exact_verifier = variant, exact_verifier
        self._calibration = calibration
        self.actions = check_actions(actions)
        self.cost_per_round = costs_by_action(cost_per_round, self.actions)
        self.max_rounds = int(single("max_rounds", whole("max_rounds", max_rounds, least=1)))
        self.waiting = Waiting.checked(
            draws_at_once, cost_per_second, seconds_per_round, self.actions
        )
        rates = rates_for(variant, calibration)
        assumed = is_default_prior(rates)
        self.belief: Belief | PriorBelief
        if assumed and not exact_verifier:
            self.belief = PriorBelief(choices)
        else:
            if exact_verifier:
                check_may_be_exact(calibration)
                rates = rates.with_exact_verifier()
            self.belief = Belief(rates, choices)
        if delivery is True:
            stated = not assumed and getattr(calibration, "fitted", None) is None
            delivery = getattr(calibration, "delivery", None) or stated or NOT_MEASURED
        self.delivery = delivery
        self.phi = self._delivered()
        # Deciding by φ·G − c·L is deciding at a cost of c/φ.
        self._stretch = self.phi or 1.0
        costs = self.cost_per_round
        own = {each: costs[each] / self._stretch for each in _IN_TURN if each in costs}
        self._planner = Planner(self.belief, own, self.waiting.draws_at_once)
        self._decisions: Cache[tuple[Pattern, float], Decision] = Cache(_CACHED_DECISIONS)
        self._situations: Cache[Pattern, Situation] = Cache(_CACHED_SITUATIONS)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a criterion that decides as this one does."""
        return {
            "calibration": self._calibration,
            "cost_per_round": self.cost_per_round,
            "max_rounds": self.max_rounds,
            "actions": self.actions,
            "choices": self.belief.choices,
            "variant": self.variant,
            "exact_verifier": self.exact_verifier,
            "delivery": self.delivery,
            **self.waiting._asdict(),
        }

    def replace(self, **changes: Any) -> "Criterion":
        """Return a criterion with some of its arguments changed.

        Delivery that was measured stays, unless a calibration with its own takes its place. The two
        share what they have worked out where it is the same for both.
        """
        arguments = self.arguments | changes
        if isinstance(self.delivery, Delivery) and changes.get("delivery", True) is True:
            replaced = hasattr(changes.get("calibration"), "delivery")
            arguments["delivery"] = replaced or self.delivery
        made = type(self)(**arguments)
        if not changes.keys() & _OF_THE_BELIEF:
            made.belief, made._situations = self.belief, self._situations
        return made

    def without_verifier(self) -> "Criterion":
        """Return a criterion for a loop in which nothing is scored.

        The default prior stays as it is, for it expects no score before it has seen one.
        """
        if not self.belief.measured:
            return self
        return self.replace(calibration=self.rates.without_verifier())

    def without_keys(self) -> "Criterion":
        """Return a criterion for a loop whose answers have no keys: to lack one says nothing."""
        if not self.rates.keyed:
            return self
        return self.replace(calibration=replace(self.rates, keyed=False))

    @property
    def rates(self) -> Rates:
        """The rates that decisions are made with."""
        return self.belief.rates

    @property
    def cheapest(self) -> tuple[Action, float]:
        """The action whose attempts cost least, and what one of them costs."""
        return min(self.cost_per_round.items(), key=itemgetter(1))

    def decide(
        self,
        attempts: Sequence[Attempt],
        class_weights: Sequence[float] | None = None,
        *,
        seconds_per_round: float | None = None,
    ) -> Decision:
        """Return what to do after `attempts`.

        Args:
            attempts: All attempts at one question, in the order in which they were made.
            class_weights: w, shape (K,), of this question; by default those of the rates. Where
                rates are pooled from draws, K is the number of classes of one draw.
            seconds_per_round: How long a round trip of this run takes, as measured; used where the
                criterion was given none.

        Returns:
            A plain dictionary; `expected_gain` and `cost` are those of the best commitment also
            where it does not pay: φ times the gain that it promises, and the rounds that it is
            expected to take times the cost of one, with what waiting for its round trips costs.
            Going on pays iff the first is larger. `draws` says how many fresh draws to make.

        Raises:
            ValueError: If an attempt lacks a field, a score is NaN or outside [0, 1], a parent is
                no earlier attempt, `class_weights` do not fit the rates, or the seconds are
                negative.
        """
        wait = self.waiting.price(seconds_per_round)
        if any(map(is_repeated, attempts)):
            return self._decide_without_repeated(attempts, class_weights, seconds_per_round)
        pattern = pattern_of(attempts) if class_weights is None else None
        if pattern is None:
            return self._decide(attempts, class_weights, wait)
        make = partial(self._decide, attempts, None, wait, pattern)
        return self._decisions.get((pattern, wait), make).copy()

    def plan(self, attempts: Sequence[Attempt]) -> Plan | None:
        """Return the plan whose gain a decision to go on promises; None where it does not go on.

        The rule itself follows only its first step, and decides again.

        Args:
            attempts: At least one, as `decide` takes them.
        """
        _, plan = self._considered(attempts, None, self.waiting.price(None), pattern_of(attempts))
        return plan if isinstance(plan, Plan) and self._pays(plan) else None

    def _decide_without_repeated(
        self,
        attempts: Sequence[Attempt],
        class_weights: Sequence[float] | None,
        seconds_per_round: float | None,
    ) -> Decision:
        """Decide without what a cache has only given again; it has taken rounds all the same."""
        others, kept = without_repeated(attempts)
        left = max(1, self.max_rounds - len(attempts) + len(kept))
        decision = self.replace(max_rounds=left).decide(
            others, class_weights, seconds_per_round=seconds_per_round
        )
        chosen = (decision["best"], decision["parent"])
        best, parent = (None if at is None else kept[at] for at in chosen)
        return {**decision, "best": best, "parent": parent, "attempts": len(attempts)}

    def _decide(
        self,
        attempts: Sequence[Attempt],
        class_weights: Sequence[float] | None = None,
        wait: float = 0.0,
        pattern: Pattern | None = None,
    ) -> Decision:
        if not attempts:
            return self._first(class_weights, wait)
        situation, plan = self._considered(attempts, class_weights, wait, pattern)
        _, best, belief, parent, _ = situation.hand
        if not isinstance(plan, Plan):
            return new_decision("stop", best, len(attempts), plan, belief)
        pays = self._pays(plan)
        action: Step = plan.action if pays else "stop"
        reason: Reason = "gain_exceeds_cost" if pays else "gain_below_cost"
        gain, cost = self.phi * plan.gain, self._stretch * plan.cost
        decision = new_decision(action, best, len(attempts), reason, belief, gain, cost, parent)
        if action == "generate" and self.waiting.draws_at_once != 1:
            decision["draws"] = plan.draws
        return decision

    def _considered(
        self,
        attempts: Sequence[Attempt],
        class_weights: Sequence[float] | None,
        wait: float,
        pattern: Pattern | None,
    ) -> tuple[Situation, Plan | Reason]:
        """Return where the run stands, and the plan to weigh or why there is none."""
        make = partial(
            situation_of, self.belief, attempts, class_weights, exact=self.exact_verifier
        )
        situation = self._situations.get(pattern, make) if pattern else make()
        posterior = situation.posterior
        left = self.max_rounds - len(attempts)
        if left <= 0:
            return situation, "max_rounds"
        if self.exact_verifier and situation.hand.belief == 1.0:
            action, cost = self.cheapest
            return situation, Plan(action, 0.0, 1.0, "verified", 1, (cost + wait) / self._stretch)
        says_nothing = self.rates.verdicts_say_nothing
        silent = all(attempt["score"] is None for attempt in attempts)
        if silent and not isinstance(posterior, KeyedPosterior) and not says_nothing:
            return situation, "no_evidence"
        # No score at all, twice, is no accident; once, where nobody has ever seen one.
        scored = not says_nothing and not (silent and len(attempts) > self.belief.measured)
        fresh = not any(posterior.depths)
        weights = None if class_weights is None else tuple(map(float, class_weights))
        plan = None
        if self.variant == "gate":
            keyed = isinstance(posterior, KeyedPosterior)
            plan = self._before_the_run(weights, wait, keyed=keyed)
        if plan is None or self._pays(plan):
            outlook = Outlook(left, scored, fresh, weights, wait / self._stretch)
            plan = self._planner.best(situation, outlook)
        return situation, plan

    def _first(self, class_weights: Sequence[float] | None, wait: float) -> Decision:
        """The first attempt is always made: there is no answer to return without it."""
        gain = float(self.belief.prior(class_weights).dot(self.rates.initial))
        cost, draws = self.cost_per_round.get("generate", 0.0) + wait, 1
        if (plan := self._first_draws(class_weights, wait)) is not None:
            gain, cost, draws = plan.gain, self._stretch * plan.cost, plan.draws
        decision = new_decision("generate", None, 0, "gain_exceeds_cost", gain=gain, cost=cost)
        if self.waiting.draws_at_once != 1:
            decision["draws"] = draws
        return decision

    def _first_draws(self, class_weights: Sequence[float] | None, wait: float) -> Plan | None:
        """Return the plan that several first draws begin; None where there is to be one.

        There is one as well where answers are revised, or the question is left alone, after a
        first answer of which nothing is known.
        """
        at_once = self.waiting.draws_at_once
        if at_once == 1 or self.max_rounds == 1 or "generate" not in self.actions:
            return None
        weights = None if class_weights is None else tuple(map(float, class_weights))
        if at_once == "auto":
            if not wait or not self.phi:
                return None
            after = self._before_the_run(weights, wait, keyed=True)
            if after.action == "revise" or (self.variant == "gate" and not self._pays(after)):
                return None
        scored = not self.rates.verdicts_say_nothing
        outlook = Outlook(self.max_rounds, scored, True, weights, wait / self._stretch)
        return self._planner.first(outlook)

    def _before_the_run(
        self, class_weights: tuple[float, ...] | None, wait: float, *, keyed: bool
    ) -> Plan:
        """The best plan for a first answer of which nothing is known but its question."""
        first = new_attempt("", key="first" if keyed else None)
        scored = not self.rates.verdicts_say_nothing
        left = self.max_rounds - 1
        outlook = Outlook(left, scored, True, class_weights, wait / self._stretch)
        return self._planner.best(situation_of(self.belief, [first], class_weights), outlook)

    def _delivered(self) -> float:
        """Return φ, see `Delivery`; rates that were stated and not fitted keep their promises."""
        if not self.delivery:
            return 1.0
        if self.variant == "training_free":
            return UNMEASURED
        if self.delivery is True:
            return 1.0
        return self.delivery.at(self.actions, self.cost_per_round)

    def _pays(self, plan: Plan) -> bool:
        return self.phi > 0 and worth_of(plan) > TOLERANCE


def new_decision(
    action: Step,
    best: int | None,
    attempts: int,
    reason: Reason,
    belief: float = 0.0,
    gain: float = 0.0,
    cost: float = 0.0,
    parent: int | None = None,
) -> Decision:
    """Return a decision, see `Decision`; its parent counts where it is to revise."""
    return {
        "action": action,
        "best": best,
        "parent": parent if action == "revise" else None,
        "belief": belief,
        "expected_gain": gain,
        "cost": cost,
        "attempts": attempts,
        "reason": reason,
    }
