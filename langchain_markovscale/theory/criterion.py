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
from typing import Any

from langchain_markovscale.theory.belief import Belief
from langchain_markovscale.theory.decision_cache import Cache, Pattern, pattern_of
from langchain_markovscale.theory.delivery import Delivery
from langchain_markovscale.theory.in_hand import without_repeated
from langchain_markovscale.theory.optimum import (
    MOST_DRAWS,
    MOST_SCORED_DRAWS,
    Optimum,
    solve,
)
from langchain_markovscale.theory.plans import Outlook, Plan, best_of
from langchain_markovscale.theory.posterior import KeyedPosterior
from langchain_markovscale.theory.prior import PriorBelief
from langchain_markovscale.theory.prior_factors import DELIVERED
from langchain_markovscale.theory.rates import (
    HasRates,
    Rates,
    Variant,
    is_default_prior,
    rates_for,
)
from langchain_markovscale.theory.situation import Situation, Vote, situation_of
from langchain_markovscale.theory.validation import (
    TOLERANCE,
    check_actions,
    costs_by_action,
    single,
    whole,
)
from langchain_markovscale.theory.vote import vote_at_most, vote_on
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
_CACHED_TABLES = 2 * MOST_DRAWS
_FARTHEST = 64  # rounds that a commitment looks ahead
_MOST_VOTES = 8  # draws ahead for which a vote is planned
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
            delivered on the traces of the calibration, where that was measured: it then goes on
            iff some plan has φ·G − c·L > 0, G its gain and L its rounds. A `Delivery` is used in
            place of the calibration's. The training-free variant, whose rates were not fitted,
            counts on the whole gain.

    Attributes:
        phi: φ in [0, 1] of the actions and the cost; 1 where it was not measured, or is not used,
            and a little less for the untouched default prior, of which nothing was measured.

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
    ) -> None:
        self.variant, self.exact_verifier = variant, exact_verifier
        self._calibration = calibration
        self.actions = check_actions(actions)
        self.cost_per_round = costs_by_action(cost_per_round, self.actions)
        self.max_rounds = int(single("max_rounds", whole("max_rounds", max_rounds, least=1)))
        rates = rates_for(variant, calibration)
        self.belief: Belief | PriorBelief
        if is_default_prior(rates) and not exact_verifier:
            self.belief = PriorBelief(choices)
        else:
            rates = rates.with_exact_verifier() if exact_verifier else rates
            self.belief = Belief(rates, choices)
        if delivery is True:
            delivery = getattr(calibration, "delivery", None) or True
        self.delivery = delivery
        self.phi = 1.0 if self.belief.measured or not delivery else DELIVERED
        if isinstance(delivery, Delivery) and variant != "training_free":
            self.phi = delivery.at(self.actions, self.cost_per_round)
        # Deciding by φ·G − c·L is deciding at a cost of c/φ.
        stretch = self.phi or 1.0
        costs = self.cost_per_round
        self._costs = {each: costs[each] / stretch for each in _IN_TURN if each in costs}
        self._optima: Cache[tuple[int, bool, tuple[float, ...] | None], Optimum] = Cache(
            _CACHED_TABLES
        )
        self._decisions: Cache[Pattern, Decision] = Cache(_CACHED_DECISIONS)
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
        if any(map(is_repeated, attempts)):
            return self._decide_without_repeated(attempts, class_weights)
        pattern = pattern_of(attempts) if class_weights is None else None
        if pattern is None:
            return self._decide(attempts, class_weights)
        return self._decisions.get(pattern, lambda: self._decide(attempts, pattern=pattern)).copy()

    def plan(self, attempts: Sequence[Attempt]) -> Plan | None:
        """Return the plan whose gain a decision to go on promises; None where it does not go on.

        The rule itself follows only its first step, and decides again.

        Args:
            attempts: At least one, as `decide` takes them.
        """
        _, plan = self._considered(attempts, None, pattern_of(attempts))
        return plan if isinstance(plan, Plan) and self._pays(plan) else None

    def _decide_without_repeated(
        self, attempts: Sequence[Attempt], class_weights: Sequence[float] | None
    ) -> Decision:
        """Decide without what a cache has only given again; it has taken rounds all the same."""
        others, kept = without_repeated(attempts)
        left = max(1, self.max_rounds - len(attempts) + len(kept))
        decision = self.replace(max_rounds=left).decide(others, class_weights)
        chosen = (decision["best"], decision["parent"])
        best, parent = (None if at is None else kept[at] for at in chosen)
        return {**decision, "best": best, "parent": parent, "attempts": len(attempts)}

    def _decide(
        self,
        attempts: Sequence[Attempt],
        class_weights: Sequence[float] | None = None,
        pattern: Pattern | None = None,
    ) -> Decision:
        if not attempts:
            return self._first(class_weights)
        situation, plan = self._considered(attempts, class_weights, pattern)
        best, belief = situation.hand.attempt, situation.hand.belief
        if not isinstance(plan, Plan):
            return _decision("stop", best, belief, len(attempts), plan)
        pays = self._pays(plan)
        action: Step = plan.action if pays else "stop"
        reason: Reason = "gain_exceeds_cost" if pays else "gain_below_cost"
        cost = self.cost_per_round[plan.action] * plan.rounds
        return _decision(action, best, belief, len(attempts), reason, self.phi * plan.gain, cost)

    def _considered(
        self,
        attempts: Sequence[Attempt],
        class_weights: Sequence[float] | None,
        pattern: Pattern | None,
    ) -> tuple[Situation, Plan | Reason]:
        """Return where the run stands, and the plan to weigh or why there is none."""
        make = partial(situation_of, self.belief, attempts, class_weights)
        situation = self._situations.get(pattern, make) if pattern else make()
        posterior = situation.posterior
        left = self.max_rounds - len(attempts)
        if left <= 0:
            return situation, "max_rounds"
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
            plan = self._before_the_run(weights, keyed=keyed)
        if plan is None or self._pays(plan):
            plan = self._best_plan(situation, Outlook(left, scored, fresh, weights))
        return situation, plan

    def _first(self, class_weights: Sequence[float] | None) -> Decision:
        """The first attempt is always made: there is no answer to return without it."""
        gain = float(self.belief.prior(class_weights).dot(self.rates.initial))
        cost = self.cost_per_round.get("generate", 0.0)
        return _decision("generate", None, 0.0, 0, "gain_exceeds_cost", gain, cost)

    def _before_the_run(self, class_weights: tuple[float, ...] | None, *, keyed: bool) -> Plan:
        """The best plan for a first answer of which nothing is known but its question."""
        first = new_attempt("", key="first" if keyed else None)
        scored = not self.rates.verdicts_say_nothing
        outlook = Outlook(self.max_rounds - 1, scored, True, class_weights)
        return self._best_plan(situation_of(self.belief, [first], class_weights), outlook)

    def _pays(self, plan: Plan) -> bool:
        return self.phi > 0 and self._worth(plan) > TOLERANCE

    def _worth(self, plan: Plan) -> float:
        return plan.gain - self._costs[plan.action] * plan.rounds

    def _best_plan(self, situation: Situation, outlook: Outlook) -> Plan:
        """Return the plan that is worth most."""
        optimal, covered = None, False
        keyed = isinstance(situation.posterior, KeyedPosterior)
        if keyed and outlook.fresh and "generate" in self._costs:
            optimal, covered = self._optimal(situation, outlook)
        if optimal and covered and "revise" not in self._costs:
            return optimal
        plans = self._commitments(situation, outlook, votes=keyed and not covered)
        best = max([*plans, optimal] if optimal else plans, key=self._worth)
        if optimal and len(plans) > 1 and self._worth(plans[0]) > self._worth(plans[1]):
            # The optimum knows of later decisions and commitments do not: whether to go on is for
            # the best plan to say, but what to do is decided by like and like.
            return best._replace(action="revise")
        return best

    def _commitments(self, situation: Situation, outlook: Outlook, *, votes: bool) -> list[Plan]:
        """Return for each action the best commitment that begins with it."""
        most, costs = min(outlook.left, _FARTHEST), self._costs
        plans = best_of(situation.commitments(tuple(costs), most, scored=outlook.scored), costs)
        if votes and "generate" in costs:
            drawing: dict[Action, float] = {"generate": costs["generate"]}

            def vote(chances: Vote) -> Plan:
                return best_of(situation.votes(chances, min(most, _MOST_VOTES)), drawing)[0]

            # Most votes need not be counted: what they can't pass is known, and less than others.
            if self._worth(vote(vote_at_most)) > max(map(self._worth, plans)) - TOLERANCE:
                plans[-1] = max(plans[-1], vote(vote_on), key=self._worth)
        return plans

    def _optimal(self, situation: Situation, outlook: Outlook) -> tuple[Plan | None, bool]:
        """Return the value of one more draw and optimal ones after it, by the table.

        The next draw is weighed with the belief as it is, what follows with the table's coarser
        states.

        Returns:
            The plan, None where the run is longer than the table, and whether the table reaches as
            far as attempts are left.
        """
        posterior, left, scored = situation.posterior, outlook.left, outlook.scored
        assert isinstance(posterior, KeyedPosterior)
        drawn = sum(posterior.votes)
        horizon = min(drawn + left, MOST_SCORED_DRAWS if scored else MOST_DRAWS)
        if drawn >= horizon:
            return None, False
        marks = posterior.marks(scored=scored)
        table = self._optimum(horizon, scored, outlook.class_weights)
        layer, ahead = table.lattice.layers[drawn], drawn + 1
        state = tuple(sorted(marks, reverse=True))
        row, kinds = layer.rows[state], list(dict.fromkeys(state))
        chances = situation.next_draw(scored=scored)
        again, new = layer.again[row, [kinds.index(mark) for mark in marks]], layer.new[row]
        old = chances.again
        values, rounds = table.values[ahead], table.rounds[ahead]
        on = float((old * values[again]).sum() + chances.new.dot(values[new]))
        later = float((old * rounds[again]).sum() + chances.new.dot(rounds[new]))
        cost = self._costs["generate"]
        gain = on + cost * later - situation.hand.belief
        plan = Plan("generate", gain, 1 + later, "optimal", horizon - drawn)
        return plan, drawn + left <= horizon

    def _optimum(
        self, horizon: int, scored: bool, class_weights: tuple[float, ...] | None
    ) -> Optimum:
        cost = self._costs["generate"]
        return self._optima.get(
            (horizon, scored, class_weights),
            lambda: solve(self.belief.draws(class_weights, scored=scored), horizon, cost),
        )


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
