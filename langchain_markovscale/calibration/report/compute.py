"""From a calibration to the numbers of its report.

Intervals of single rates come from the fit's own resampling; those of the loop as a whole from the
draws that the calibration keeps.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import sqrt

import numpy as np

from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.calibration.report.findings import (
    COSTS,
    ClassRates,
    Drift,
    Findings,
    Round,
)
from langchain_markovscale.calibration.simulate import (
    Outcome,
    graded_law,
    simulate,
    verdict_law,
)
from langchain_markovscale.faces.estimates import Estimate
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.mixture import ChainMixture
from langchain_markovscale.theory.rates import Rates

QUESTIONS = 4000  # simulated: a standard error of at most .8 points, and a second or two
_LEVEL = 0.9  # where no fit says


def find(
    calibration: Calibration, *, cost_per_round: float = 0.01, max_rounds: int = 8, seed: int = 0
) -> Findings:
    """Compute a report's numbers; see `Calibration.report` for the arguments."""
    fitted = calibration.fitted
    level = fitted.level if fitted else _LEVEL
    rounds = _rounds(calibration, level, max_rounds)
    horizon = max(len(rounds) - 1, 1)
    gains = [_gain(calibration.rates, t) for t in range(1, horizon + 1)]
    costs = tuple(sorted({*COSTS, cost_per_round}))
    keyed = fitted.keyed if fitted else True
    outcomes = _cost_curve(calibration, costs, max_rounds, seed, keyed)
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
        repair=_over_draws(calibration, level, _first_repair),
        corruption=_over_draws(calibration, level, _first_corruption),
        bounds=_bounds(calibration, level),
        classes=_classes(calibration, level),
        mended=tuple(_drift(depth, *row[:3]) for depth, row in enumerate(drift, 1)),
        broken=tuple(_drift(depth, *row[3:]) for depth, row in enumerate(drift, 1)),
        keyed=keyed,
        costs=costs,
        outcomes=outcomes,
        recommended=outcomes[costs.index(cost_per_round)],
    )


def _over_draws(
    calibration: Calibration, level: float, quantity: Callable[[Rates], float]
) -> Estimate:
    draws = (quantity(draw) for draw in calibration.draws)
    return Estimate.of(quantity(calibration.rates), draws, level)


def _gain(rates: Rates, revisions: int) -> float:
    before, after = rates.mixture.accuracy([0, revisions])  # type: ignore[misc]
    return float(after - before)


def _first_repair(rates: Rates) -> float:
    wrong = np.array(rates.weights) * (1 - np.array(rates.initial))
    return float(wrong @ rates.repair / max(wrong.sum(), 1e-12))


def _first_corruption(rates: Rates) -> float:
    right = np.array(rates.weights) * rates.initial
    return float(right @ rates.corruption / max(right.sum(), 1e-12))


def _rounds(calibration: Calibration, level: float, max_rounds: int) -> tuple[Round, ...]:
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


def _bounds(calibration: Calibration, level: float) -> tuple[Estimate, Estimate, Estimate]:
    here = calibration.mixture.bounds()
    drawn = [draw.mixture.bounds() for draw in calibration.draws]
    lower, neutral, upper = (
        Estimate.of(float(value), [float(draw[i]) for draw in drawn], level)
        for i, value in enumerate(here)
    )
    return lower, neutral, upper


def _classes(calibration: Calibration, level: float) -> tuple[ClassRates, ...]:
    order = np.argsort(-np.array(calibration.rates.initial), kind="stable").tolist()
    return tuple(_class(calibration, level, k) for k in order)


def _class(calibration: Calibration, level: float, k: int) -> ClassRates:
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


def _drift(depth: int, revised: float, changed: float, expected: float) -> Drift:
    variance = expected * (1 - expected / revised) if revised else 0.0
    z = (changed - expected) / sqrt(variance) if variance > 0 else 0.0
    return Drift(depth, revised, changed, expected, z)


def _cost_curve(
    calibration: Calibration, costs: tuple[float, ...], max_rounds: int, seed: int, keyed: bool
) -> tuple[Outcome, ...]:
    rates, deciding = calibration.rates, calibration.decision_rates
    fitted = calibration.fitted
    if fitted and rates.verdicts_say_nothing:  # so the loop runs without a verifier
        rates, deciding = rates.without_verifier(), deciding.without_verifier()
    law = verdict_law(rates)
    if rates.score_cuts:
        if fitted and fitted.reliability:
            law = graded_law(rates, fitted.reliability)
        else:  # how often each score comes is unknown: accept and reject are all that is left
            deciding = replace(deciding, score_cuts=(), score_log_ratios=())
    return tuple(
        simulate(
            Criterion(deciding, cost, max_rounds).decide,
            rates,
            questions=QUESTIONS,
            seed=seed,
            scores=law,
            keyed=keyed,
        )
        for cost in costs
    )
