"""The plan that is worth most from here: what the criterion weighs against stopping."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.belief import Belief
from langchain_markovscale.theory.decision_cache import Cache
from langchain_markovscale.theory.draws_at_once import AtOnce, best_in_batches
from langchain_markovscale.theory.optimum import (
    MOST_DRAWS,
    MOST_SCORED_DRAWS,
    DrawModel,
    Optimum,
    solve,
)
from langchain_markovscale.theory.plans import (
    Commitments,
    Outlook,
    Plan,
    best_of,
    verified,
    worth_of,
)
from langchain_markovscale.theory.posterior import Candidates, KeyedPosterior
from langchain_markovscale.theory.prior import PriorBelief
from langchain_markovscale.theory.situation import Situation
from langchain_markovscale.theory.validation import TOLERANCE
from langchain_markovscale.theory.vote import vote_at_most, vote_on
from langchain_markovscale.types import Action

Floats = NDArray[np.float64]

_CACHED_TABLES = 2 * MOST_DRAWS
_FARTHEST = 64  # rounds that a commitment looks ahead
_MOST_VOTES = 8  # draws ahead for which a vote is planned


class Planner:
    """Finds the best plan.

    Args:
        belief: What is known before any attempt.
        costs: c, what an attempt costs, by action; of plans worth the same the first is taken.
        at_once: How many fresh draws a round trip makes.
    """

    def __init__(
        self, belief: Belief | PriorBelief, costs: Mapping[Action, float], at_once: AtOnce
    ) -> None:
        self._belief, self._costs, self._at_once = belief, costs, at_once
        self._optima: Cache[tuple[int, bool, tuple[float, ...] | None, float], Optimum] = Cache(
            _CACHED_TABLES
        )

    def best(self, situation: Situation, outlook: Outlook) -> Plan:
        """Return the plan that is worth most."""
        optimal, covered = None, False
        keyed = isinstance(situation.posterior, KeyedPosterior)
        if keyed and outlook.fresh and "generate" in self._costs:
            optimal, covered = self._optimal(situation, outlook)
        if optimal and covered and "revise" not in self._costs:
            return optimal
        plans = self._commitments(situation, outlook, votes=keyed and not covered)
        best = max([*plans, optimal] if optimal else plans, key=worth_of)
        if optimal and len(plans) > 1 and worth_of(plans[0]) > worth_of(plans[1]):
            # The optimum knows of later decisions and commitments do not: whether to go on is for
            # the best plan to say, but what to do is decided by like and like.
            best = self._revising(best)
        return best

    def _revising(self, plan: Plan) -> Plan:
        """Return a plan as one whose rounds are revisions."""
        if plan.action == "revise":
            return plan
        dearer = self._costs["revise"] - self._costs["generate"]
        cost = plan.cost + dearer * plan.rounds
        return plan._replace(action="revise", cost=cost, draws=1)

    def first(self, outlook: Outlook) -> Plan:
        """Return the plan that is worth most before any attempt, of fresh draws."""
        optimal, covered = self._optimal(None, outlook)
        assert optimal is not None
        if covered or not outlook.scored:
            return optimal
        model = self._belief.draws(outlook.class_weights)
        cases = _before_any(model)
        commitment = verified(cases, min(outlook.left, _FARTHEST))
        nothing = float((cases.weights * cases.right).sum())
        plan = self._in_batches([commitment], outlook)
        return max(optimal, plan._replace(gain=plan.gain + nothing), key=worth_of)

    def _commitments(self, situation: Situation, outlook: Outlook, *, votes: bool) -> list[Plan]:
        """Return for each action the best commitment that begins with it."""
        most, wait = min(outlook.left, _FARTHEST), outlook.wait
        costs = {action: cost + wait for action, cost in self._costs.items()}
        commitments = situation.commitments(tuple(costs), most, scored=outlook.scored)
        plans = best_of(commitments, costs)
        if "generate" not in costs:
            return plans
        if self._trip(wait) != 1:
            plans[-1] = self._in_batches(commitments, outlook)
        if votes:
            vote = self._vote(situation, outlook, least=max(map(worth_of, plans)))
            plans[-1] = plans[-1] if vote is None else max(plans[-1], vote, key=worth_of)
        return plans

    def _vote(self, situation: Situation, outlook: Outlook, least: float) -> Plan | None:
        """Return the best commitment to vote; None where none is worth more than others are.

        Most votes need not be counted: what they can't pass is known, and less than that.
        """
        most, cost = min(outlook.left, _MOST_VOTES), self._costs["generate"]
        gains = situation.votes(vote_at_most, most).gains[0]
        worth = max([gain - cost * draws for draws, gain in enumerate(gains, 1)])
        if worth - outlook.wait <= least - TOLERANCE:
            return None
        return self._in_batches([situation.votes(vote_on, most)], outlook)

    def _in_batches(self, commitments: Sequence[Commitments], outlook: Outlook) -> Plan:
        """Return the best commitment of fresh draws, which are the last row."""
        cost, wait, at_once = self._costs["generate"], outlook.wait, self._trip(outlook.wait)
        if at_once == 1:
            return best_of(commitments, {"generate": cost + wait})[-1]
        return best_in_batches(commitments, cost, wait, at_once, outlook.left)

    def _trip(self, wait: float) -> AtOnce:
        """Return how many draws a round trip makes: one where more of them save nothing."""
        return self._at_once if wait or self._at_once != "auto" else 1

    def _optimal(self, situation: Situation | None, outlook: Outlook) -> tuple[Plan | None, bool]:
        """Return the value of another round trip and optimal ones after it, by the table.

        The next draw is weighed with the belief as it is, what follows with the table's coarser
        states.

        Args:
            situation: Where the run stands; None before any attempt.
            outlook: What is left of it.

        Returns:
            The plan, None where the run is longer than the table, and whether the table reaches as
            far as attempts are left.
        """
        left, scored, wait = outlook.left, outlook.scored, outlook.wait
        drawn, belief = 0, 0.0
        if situation is not None:
            assert isinstance(situation.posterior, KeyedPosterior)
            drawn, belief = sum(situation.posterior.votes), situation.hand.belief
        horizon = min(drawn + left, MOST_SCORED_DRAWS if scored else MOST_DRAWS)
        if drawn >= horizon:
            return None, False
        cost, at_once = self._costs["generate"], self._trip(wait)
        table = self._optimum(horizon, outlook)
        reach = horizon - drawn if at_once == "auto" else min(at_once, horizon - drawn)
        if situation is None:
            expected = table.ahead[0][:, 1 : reach + 1, 0]
        else:
            expected = _after_draws(situation, table, drawn, reach, scored=scored)
        worths = [value - cost * many for many, value in enumerate(expected[0].tolist(), 1)]
        draws = worths.index(max(worths)) + 1 if at_once == "auto" else reach
        value, rounds, trips = expected[:, draws - 1].tolist()
        later = cost * rounds + wait * trips
        if at_once != "auto":
            draws = min(at_once, left)  # the table may end where attempts do not
        plan = Plan(
            "generate",
            value + later - belief,
            draws + rounds,
            "optimal",
            horizon - drawn,
            cost * draws + wait + later,
            draws,
        )
        return plan, drawn + left <= horizon

    def _optimum(self, horizon: int, outlook: Outlook) -> Optimum:
        weights, scored, wait = outlook.class_weights, outlook.scored, outlook.wait
        cost, at_once = self._costs["generate"], self._trip(wait)
        return self._optima.get(
            (horizon, scored, weights, wait),
            lambda: solve(self._belief.draws(weights, scored=scored), horizon, cost, wait, at_once),
        )


def _after_draws(
    situation: Situation, table: Optimum, drawn: int, most: int, *, scored: bool
) -> Floats:
    """Return what is expected after 1 … `most` more draws, as `Optimum.ahead` has it."""
    posterior = situation.posterior
    assert isinstance(posterior, KeyedPosterior)
    marks = posterior.marks(scored=scored)
    layer, ahead = table.lattice.layers[drawn], table.ahead[drawn + 1][:, :most]
    state = tuple(sorted(marks, reverse=True))
    row, kinds = layer.rows[state], list(dict.fromkeys(state))
    chances = situation.next_draw(scored=scored)
    again, new = layer.again[row, [kinds.index(mark) for mark in marks]], layer.new[row]
    expected: Floats = ahead[..., new].dot(chances.new)
    expected += (chances.again * ahead[..., again]).sum(axis=(-2, -1))
    return expected


def _before_any(model: DrawModel) -> Candidates:
    """Return what draws until one is accepted depend on, before any was made.

    In place of the answer in hand, which is kept where none is accepted, there is a rejected one.
    """
    assert model.scores is not None
    nodes, levels, _ = model.scores
    accepted, mistaken = levels[1, -1], levels[0, -1]
    candidate = np.broadcast_to(model.initial[:, None], accepted.shape)
    missed = candidate * (1 - accepted)
    rejected = missed + (1 - candidate) * (1 - mistaken)
    right = np.divide(missed, rejected, out=np.zeros_like(missed), where=rejected > 0)
    weights = model.weights[:, None] * nodes
    # What a draw is does not depend on the answer in hand, so that this may be right in part.
    chances = np.broadcast_to(candidate, (1, 2, 1, *candidate.shape))
    return Candidates(weights[None], right[None], chances, accepted, mistaken)
