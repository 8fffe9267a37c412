"""Every number of a report, by name, so that all of its outputs say the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import log, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from langchain_markovscale.calibration.simulate import (
    PolicyOutcome,
    graded_law,
    simulate_each,
    verdict_law,
)
from langchain_markovscale.calibration.summary import ends_of
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.delivery import Delivered
from langchain_markovscale.theory.mixture import ChainMixture
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.validation import round_cost, whole
from langchain_markovscale.types import Action

if TYPE_CHECKING:
    from langchain_markovscale.calibration.calibration import Calibration

Achieved = Callable[[Sequence[float]], list[PolicyOutcome]]
"""What the criterion achieves at some costs of a round."""

COSTS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Costs of a round that a report looks at, beside the one that it is asked for."""

QUESTIONS = 4000  # simulated: a standard error of at most .8 points, and a second or two
_LEVEL = 0.9  # where no fit says
_FEW = 8  # classes
_TINY = 1e-9  # of a cost, for its logarithm
_SOME = 0.5  # answers: without labels these counts are expectations, hardly ever quite zero


class Round(NamedTuple):
    """Accuracy after some revisions.

    Attributes:
        revisions: How many, from 0.
        fitted: By the fit, with the band of resampled fits.
        gain: By how much it differs from the accuracy of first answers.
        seen: Share of labelled attempts that were right; None where there were none.
        attempts: Labelled attempts.
        held_out: By fits that had not seen the question; None where nothing was fitted.
    """

    revisions: int
    fitted: Estimate
    gain: Estimate
    seen: float | None = None
    attempts: int = 0
    held_out: float | None = None


class ClassRates(NamedTuple):
    """One class of questions.

    Attributes:
        weight: Its share of questions.
        initial: p₀.
        repair: α.
        corruption: β.
        level: The accuracy that revisions tend to: α/(α+β), or short of it where rates settle.
        levels: The same in the resampled fits, beside their p₀: pairs (p₀, level).
    """

    weight: Estimate
    initial: Estimate
    repair: Estimate
    corruption: Estimate
    level: Estimate
    levels: tuple[tuple[float, float], ...]


class Drift(NamedTuple):
    """Changes at one depth of revision, as seen and as the fit expects them.

    Attributes:
        depth: From 1, the first revision of a fresh draw.
        revised: Answers of this kind that were revised.
        changed: Those that changed kind.
        expected: Those that the fit expects to have.
        z: (changed − expected) in standard deviations; 0 where nothing could change.
    """

    depth: int
    revised: float
    changed: float
    expected: float
    z: float

    @property
    def empty(self) -> bool:
        """Whether no answer could change: the rate is then unknown, not zero."""
        return self.revised < _SOME


@dataclass(frozen=True)
class Findings:
    """All that a report shows.

    Attributes:
        calibration: The calibration.
        cost_per_round: The cost at which a policy is recommended, in units of accuracy.
        max_rounds: The most attempts, the first included.
        seed: Seed of the simulation.
        level: Coverage of the intervals.
        horizon: Revisions that the verdict looks at: as many as were traced.
        rounds: Accuracy after 0 … `horizon` revisions.
        most: The most that blind revising adds to accuracy within the horizon, over any number
            of revisions from 1 up; negative where every number of them loses.
        best_revisions: The number that this takes by the fit.
        paid_revisions: T*, the best number at the cost, within the horizon.
        repair: Share of wrong first answers that a revision corrects.
        corruption: Share of right first answers that a revision breaks.
        bounds: Lower, neutral and upper bound of accuracy over all numbers of revisions.
        classes: By class, in falling order of p₀.
        mended: Drift of repair with depth.
        broken: Drift of corruption with depth.
        keyed: Whether answers have keys, by which they can be compared.
        delivered: What the criterion promised and delivered on the traces, costs rising; of the
            sets of actions that were measured, that with the most. Empty where nothing was.
        single: Accuracy of first answers: where the criterion was replayed, of those, else by the
            rates that it is simulated with.
        costs: Costs of a round, rising.
        policy_cost: The one of them at which a policy is recommended: `cost_per_round`, or the
            nearest that was measured.
        tried: Whether revisions were recorded, or nothing was; else the criterion only draws.
        achieved: Returns what the criterion achieves at some of them: as `delivered`, else
            simulated.
    """

    calibration: "Calibration"
    cost_per_round: float
    max_rounds: int
    seed: int
    level: float
    horizon: int
    rounds: tuple[Round, ...]
    most: Estimate
    best_revisions: int
    paid_revisions: int
    repair: Estimate
    corruption: Estimate
    bounds: tuple[Estimate, Estimate, Estimate]
    classes: tuple[ClassRates, ...]
    mended: tuple[Drift, ...]
    broken: tuple[Drift, ...]
    keyed: bool
    delivered: tuple[Delivered, ...]
    single: float
    costs: tuple[float, ...]
    policy_cost: float
    tried: bool
    achieved: Achieved = field(repr=False, compare=False)  # the others determine it

    @cached_property
    def recommended(self) -> PolicyOutcome:
        """What the criterion achieves at the cost at which it is recommended."""
        return self.achieved((self.policy_cost,))[0]

    @cached_property
    def outcomes(self) -> tuple[PolicyOutcome, ...]:
        """What the criterion achieves at each of the costs, worked out when somebody looks."""
        others = [cost for cost in self.costs if cost != self.policy_cost]
        found = dict(zip(others, self.achieved(others), strict=True))
        return tuple(found.get(cost, self.recommended) for cost in self.costs)

    @property
    def few_classes(self) -> bool:
        """Whether there are so few classes that each can be shown; a grid's are not."""
        return len(self.classes) <= _FEW

    @property
    def rates(self) -> Rates:
        """The calibration's rates."""
        return self.calibration.rates


def find(
    calibration: "Calibration", *, cost_per_round: float = 0.01, max_rounds: int = 8, seed: int = 0
) -> Findings:
    """Compute a report's numbers; see `Calibration.report` for the arguments."""
    whole("seed", seed)
    cost_per_round = float(round_cost("cost_per_round", cost_per_round))
    fitted = calibration.fitted
    level = fitted.level if fitted else _LEVEL
    rounds = _rounds(calibration, level, max_rounds)
    horizon = max(len(rounds) - 1, 1)
    gains = [_gain(calibration.rates, t) for t in range(1, horizon + 1)]
    keyed = fitted.keyed if fitted else True
    delivered, single = _delivered(calibration), rounds[0].fitted.value
    if delivered and calibration.delivery:
        single = calibration.delivery.first
        costs = tuple(row.cost for row in delivered)
        rows = {row.cost: _replayed(row, single) for row in delivered}
        achieved: Achieved = partial(_looked_up, rows)
    else:
        costs = tuple(sorted({*COSTS, cost_per_round}))
        achieved = _simulated(calibration, max_rounds, seed, keyed)
        single = float((calibration.decision or calibration.rates).mixture.accuracy(0))
    policy_cost = _nearest(cost_per_round, costs)
    drift = fitted.drift if fitted else ()
    return Findings(
        calibration=calibration,
        cost_per_round=cost_per_round,
        max_rounds=max_rounds,
        seed=seed,
        level=level,
        horizon=horizon,
        rounds=rounds,
        most=_over_draws(
            calibration, level, lambda rates: max(_gain(rates, t) for t in range(1, horizon + 1))
        ),
        best_revisions=int(np.argmax(gains)) + 1,
        paid_revisions=calibration.mixture.optimal_rounds(cost_per_round, cap=horizon),
        repair=_over_draws(calibration, level, _first_repair, "repair"),
        corruption=_over_draws(calibration, level, _first_corruption, "corruption"),
        bounds=_bounds(calibration, level),
        classes=_classes(calibration, level),
        mended=tuple(drift_at(depth, *row[:3]) for depth, row in enumerate(drift, 1)),
        broken=tuple(drift_at(depth, *row[3:]) for depth, row in enumerate(drift, 1)),
        keyed=keyed,
        delivered=delivered,
        single=single,
        costs=costs,
        policy_cost=policy_cost,
        tried=_tried(calibration),
        achieved=achieved,
    )


def _over_draws(
    calibration: "Calibration",
    level: float,
    quantity: Callable[[Rates], float],
    rate: str | None = None,
) -> Estimate:
    """Return a quantity with its interval; of one of the rates it reaches as far as that's own."""
    draws = (quantity(draw) for draw in calibration.draws)
    ends = ends_of(calibration.fitted, rate) if rate else None
    return Estimate.of(quantity(calibration.rates), draws, level).reaching(ends)


def _gain(rates: Rates, revisions: int) -> float:
    before, after = rates.mixture.accuracy([0, revisions])  # type: ignore[misc]
    return float(after - before)


def _first_repair(rates: Rates) -> float:
    wrong = np.array(rates.weights) * (1 - np.array(rates.initial))
    return float(wrong @ rates.repair / max(wrong.sum(), 1e-12))


def _first_corruption(rates: Rates) -> float:
    right = np.array(rates.weights) * rates.initial
    return float(right @ rates.corruption / max(right.sum(), 1e-12))


def _rounds(calibration: "Calibration", level: float, max_rounds: int) -> tuple[Round, ...]:
    fitted = calibration.fitted
    forecast = np.asarray(calibration.mixture.accuracy(range(max(max_rounds, 2)))).tolist()
    rounds = []
    for t, value in enumerate(fitted.fitted if fitted else forecast):
        gain = _over_draws(calibration, level, partial(_gain, revisions=t))
        if fitted is None:
            rounds.append(Round(t, Estimate(value), gain))
            continue
        total = int(fitted.total[t]) if t < len(fitted.total) else 0
        rounds.append(
            Round(
                revisions=t,
                fitted=Estimate(value, fitted.band[t] if calibration.draws else None),
                gain=gain,
                seen=fitted.right[t] / total if total else None,
                attempts=total,
                held_out=fitted.held_out[t],
            )
        )
    return tuple(rounds)


def _bounds(calibration: "Calibration", level: float) -> tuple[Estimate, Estimate, Estimate]:
    here = calibration.mixture.bounds()
    drawn = [draw.mixture.bounds() for draw in calibration.draws]
    lower, neutral, upper = (
        Estimate.of(float(value), [float(draw[i]) for draw in drawn], level)
        for i, value in enumerate(here)
    )
    return lower, neutral, upper


def _classes(calibration: "Calibration", level: float) -> tuple[ClassRates, ...]:
    order = np.argsort(-np.array(calibration.rates.initial), kind="stable").tolist()
    return tuple(_class(calibration, level, k) for k in order)


def _class(calibration: "Calibration", level: float, k: int) -> ClassRates:
    rates, fitted = calibration.rates, calibration.fitted
    intervals = fitted.intervals if fitted and calibration.draws else {}

    def estimate(name: str) -> Estimate:
        each = intervals.get(name)
        return Estimate(getattr(rates, name)[k], each[k] if each else None)

    levels = tuple((draw.initial[k], _level(draw, k)) for draw in calibration.draws)
    return ClassRates(
        weight=estimate("weights"),
        initial=estimate("initial"),
        repair=estimate("repair"),
        corruption=estimate("corruption"),
        level=Estimate.of(_level(rates, k), [each for _, each in levels], level),
        levels=levels,
    )


def _level(rates: Rates, k: int) -> float:
    one = ChainMixture(
        (1.0,), rates.initial[k], rates.repair[k], rates.corruption[k], rates.settling
    )
    return one.stationary_accuracy


def drift_at(depth: int, revised: float, changed: float, expected: float) -> Drift:
    """Return the changes at one depth with their deviation, see `Drift`."""
    variance = expected * (1 - expected / revised) if revised else 0.0
    z = (changed - expected) / sqrt(variance) if variance > 0 else 0.0
    return Drift(depth, revised, changed, expected, z)


def _delivered(calibration: "Calibration") -> tuple[Delivered, ...]:
    """Return what was measured of the set with the most actions, drawing before revising."""
    if calibration.delivery is None:
        return ()
    sets: tuple[tuple[Action, ...], ...] = ("revise", "generate"), ("generate",), ("revise",)
    measured = (calibration.delivery.of(actions) for actions in sets)
    return next(filter(None, measured), ())[::-1]


def _replayed(row: Delivered, single: float) -> PolicyOutcome:
    """Return what the criterion achieves, which does not go on where φ is 0."""
    play = row.in_force
    if not row.phi:
        return PolicyOutcome(single, 0.0, 1.0, 0.0)
    return PolicyOutcome(play.accuracy, play.delivered[1], play.attempts, play.revisions)


def _nearest(cost: float, costs: tuple[float, ...]) -> float:
    """Return the cost that is nearest in its logarithm."""
    return min(costs, key=lambda each: abs(log(max(each, _TINY) / max(cost, _TINY))))


def _tried(calibration: "Calibration") -> bool:
    """Return whether revisions were recorded, or nothing was: the rates are then given."""
    return calibration.fitted is None or calibration.fitted.revised


def _looked_up(
    outcomes: Mapping[float, PolicyOutcome], costs: Sequence[float]
) -> list[PolicyOutcome]:
    return [outcomes[cost] for cost in costs]


def _simulated(calibration: "Calibration", max_rounds: int, seed: int, keyed: bool) -> Achieved:
    """Return what works the criterion's outcomes out, the same questions at every cost."""
    rates, deciding = calibration.decision or calibration.rates, calibration.decision_rates
    # What was never tried is not recommended either.
    actions: tuple[Action, ...] = ("revise", "generate") if _tried(calibration) else ("generate",)
    fitted, law = calibration.fitted, None
    if fitted and rates.verdicts_say_nothing:  # so the loop runs without a verifier
        rates, deciding = rates.without_verifier(), deciding.without_verifier()
    if rates.score_cuts:  # fitted by version 0.1
        if fitted and fitted.reliability:
            law = graded_law(rates, fitted.reliability)
        else:  # how often each score comes is unknown: accept and reject are all that is left
            deciding = replace(deciding, score_cuts=(), score_log_ratios=())
            law = verdict_law(rates)
    rule = Criterion(calibration, max_rounds=max_rounds, actions=actions)
    rule = rule.replace(calibration=deciding)  # which counts on as much of its promises
    given = {"questions": QUESTIONS, "seed": seed, "scores": law, "keyed": keyed}
    return partial(_played, rule, rates, given)


def _played(
    rule: Criterion, rates: Rates, given: dict[str, Any], costs: Sequence[float]
) -> list[PolicyOutcome]:
    policies = [rule.replace(cost_per_round=cost).decide for cost in costs]
    return simulate_each(policies, rates, **given)
