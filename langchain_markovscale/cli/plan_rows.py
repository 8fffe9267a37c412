"""What the rates of a loop imply: each number with a sentence that explains it.

One list of rows serves the table and the JSON, so that neither can say what the other does not.
"""

from math import inf, isfinite, isnan
from typing import Any, NamedTuple

import numpy as np

from langchain_markovscale.display.wording import counted, percent, points
from langchain_markovscale.theory.chain import TwoStateChain
from langchain_markovscale.theory.plans import as_they_come, verified
from langchain_markovscale.theory.posterior import Candidates, chain_gains


class PlanRow(NamedTuple):
    """One quantity.

    Attributes:
        key: Its name in JSON.
        label: Its name in the table.
        value: The number itself; None in JSON where it is not finite.
        shown: The number as the table shows it.
        words: What it means, as a sentence.
    """

    key: str
    label: str
    value: Any
    shown: str
    words: str


def blind_rows(chain: TwoStateChain, initial: float, cost: float) -> list[PlanRow]:
    """Return what revisions do that nobody checks.

    Args:
        chain: Repair and corruption of the loop.
        initial: p₀, the chance that a first answer is right.
        cost: Cost of a round in units of accuracy.
    """
    return [
        _regime(chain, initial),
        _level(chain, initial),
        _bounds(chain, initial),
        _eigenvalue(chain),
        _half_life(chain),
        _best_revisions(chain, initial, cost),
        _blind_threshold(chain, cost),
    ]


def verified_rows(
    chain: TwoStateChain,
    initial: float,
    cost: float,
    sensitivity: float,
    specificity: float,
    max_rounds: int,
) -> list[PlanRow]:
    """Return what a verifier changes.

    Args:
        chain: Repair and corruption of the loop.
        initial: p₀, the chance that a first answer is right.
        cost: Cost of a round in units of accuracy.
        sensitivity: P(accept | correct).
        specificity: P(reject | wrong).
        max_rounds: Attempts allowed, the first included.
    """
    gated = chain.gated(sensitivity, specificity)
    level = float(gated.stationary_accuracy)
    tends = (
        "no answer changes any more"
        if isnan(level)
        else f"accuracy tends to {percent(level)}{_instead(chain, gated)}"
    )
    threshold = verified_threshold(chain, initial, cost, sensitivity, specificity, max_rounds)
    return [
        _verifier(sensitivity, specificity),
        PlanRow(
            "gated",
            "gated chain α′, β′",
            {
                "repair": gated.repair,
                "corruption": gated.corruption,
                "stationary_accuracy": _finite(level),
            },
            f"{gated.repair:.3g}, {gated.corruption:.3g}",
            f"Revising only what it rejects repairs {percent(gated.repair)} of wrong answers and "
            f"corrupts {percent(gated.corruption)} of right ones: {tends}.",
        ),
        _fresh_draw(chain, initial),
        PlanRow(
            "threshold",
            "threshold",
            threshold,
            percent(threshold),
            f"{_threshold_words(threshold)} That is with "
            f"{counted(max_rounds - 1, 'round')} left, revisions and fresh draws allowed, and "
            "the verdict on each still to come.",
        ),
    ]


def verified_threshold(
    chain: TwoStateChain,
    initial: float,
    cost: float,
    sensitivity: float,
    specificity: float,
    max_rounds: int,
) -> float:
    """Return the belief below which the criterion goes on, if verdicts are all that it learns.

    A commitment that is worth A to a wrong answer and B ≤ 0 to a right one pays while the belief
    is below A/(A−B); the criterion goes on while any of them does.

    Args:
        chain: Repair and corruption of the loop.
        initial: p₀, the chance that a fresh draw is right.
        cost: Cost of a round in units of accuracy.
        sensitivity: P(accept | correct).
        specificity: P(reject | wrong).
        max_rounds: Attempts allowed, the first included.
    """
    most = max_rounds - 1
    if not most:
        return 0.0
    # Revisions, then fresh draws.
    repair, corruption = [[chain.repair], [initial]], [[chain.corruption], [1 - initial]]
    rates = [np.array([each] * most) for each in (repair, corruption)]
    gains = chain_gains(*rates)[:, 0].reshape(2, 2, most)
    chances = np.array([[repair, 1 - np.array(corruption)]])
    accepted = np.array([[sensitivity]]), np.array([[1 - specificity]])

    def worths(in_hand: int) -> list[float]:
        """The worth of every commitment while the answer in hand is right (1) or wrong (0)."""
        right = np.array([[float(in_hand)]])
        plans = [
            as_they_come(gains[in_hand], "blind"),
            verified(Candidates(np.ones((2, 1)), right, chances, *accepted), most),
        ]
        return [
            gain - cost * taken
            for plan in plans
            for gains, rounds in zip(plan.gains, plan.rounds, strict=True)
            for gain, taken in zip(gains, rounds, strict=True)
        ]

    pays_below = (
        wrong / (wrong - right)
        for right, wrong in zip(worths(1), worths(0), strict=True)
        if wrong > 0
    )
    return float(max(pays_below, default=0.0))


def _regime(chain: TwoStateChain, initial: float) -> PlanRow:
    regime, level = str(chain.regime(initial)), float(chain.stationary_accuracy)
    if isnan(level):
        words = "No revision changes whether an answer is right."
    elif regime == "neutral":
        words = f"First answers are at {percent(level)} already, the level that revisions lead to."
    else:
        side, effect = ("below", "raises") if regime == "improving" else ("above", "lowers")
        words = (
            f"First answers, {percent(initial)} right, are {side} the level that revisions lead "
            f"to, {percent(level)}: revising {effect} accuracy."
        )
    return PlanRow("regime", "regime", regime, regime, words)


def _level(chain: TwoStateChain, initial: float) -> PlanRow:
    level = float(chain.stationary_accuracy)
    if isnan(level):
        words = f"Accuracy stays at {percent(initial)}, where it begins."
    elif abs(float(chain.eigenvalue)) == 1:
        words = (
            "Here every revision makes right answers wrong and wrong answers right: accuracy "
            "alternates around it."
        )
    else:
        words = (
            "There as many answers are repaired as corrupted, and more revisions change nothing."
        )
    return PlanRow("stationary_accuracy", "level π", _finite(level), _shown(level), words)


def _bounds(chain: TwoStateChain, initial: float) -> PlanRow:
    found = chain.bounds(initial)
    bounds = {name: float(value) for name, value in found._asdict().items()}
    return PlanRow(
        "bounds",
        "bounds",
        bounds,
        f"{percent(bounds['lower'])} to {percent(bounds['upper'])}",
        "Accuracy stays between these, however many blind revisions are made.",
    )


def _eigenvalue(chain: TwoStateChain) -> PlanRow:
    value = float(chain.eigenvalue)
    side = " and goes to the other side of it" if value < 0 else ""
    kept = "all" if abs(value) == 1 else percent(abs(value))
    words = f"Each revision leaves {kept} of the distance to the level{side}."
    return PlanRow("eigenvalue", "eigenvalue λ", value, f"{value:.3g}", words)


def _half_life(chain: TwoStateChain) -> PlanRow:
    revisions = float(chain.half_life)
    words = (
        f"Half of what revising can change has happened after {counted(revisions, 'revision')}."
        if 0 < revisions < inf
        else "One revision reaches the level."
        if revisions == 0
        else "The distance to the level never shrinks."
    )
    return PlanRow(
        "half_life",
        "half-life",
        _finite(revisions),
        counted(revisions, "revision") if isfinite(revisions) else "none",
        words,
    )


def _best_revisions(chain: TwoStateChain, initial: float, cost: float) -> PlanRow:
    best = chain.optimal_rounds(initial, cost)
    price = f"costs {points(cost, 3, unit=False)}"
    if best == inf:
        words = "Revisions that cost nothing always pay, each a little less."
    elif best == 0:
        gain = float(chain.gain(initial))
        words = f"Keep the first answer: a revision would {_changes(gain)} and {price}."
    else:
        reached, beyond = (float(chain.accuracy(initial, t)) for t in (best, best + 1))
        words = (
            f"{percent(initial)} becomes {percent(reached)}: {points(reached - initial)} "
            f"for {points(best * cost, 3, unit=False)}. One more would "
            f"{_changes(beyond - reached)} and {price}."
        )
    shown = "no limit" if best == inf else f"{best}"
    return PlanRow("optimal_rounds", "best revisions T*", _finite(best), shown, words)


def _changes(gain: float) -> str:
    size = points(abs(gain))
    return "gain nothing" if size == "0 points" else f"{'gain' if gain > 0 else 'lose'} {size}"


def _blind_threshold(chain: TwoStateChain, cost: float) -> PlanRow:
    threshold = float(chain.threshold(cost))
    within = min(max(threshold, 0.0), 1.0)
    return PlanRow(
        "threshold",
        "threshold",
        _finite(threshold),
        percent(within) if isfinite(threshold) else "none",
        f"{_threshold_words(within)} That is the rule where nobody checks.",
    )


def _verifier(sensitivity: float, specificity: float) -> PlanRow:
    quality = sensitivity + specificity - 1
    verdict = (
        "Its verdicts carry information."
        if quality > 1e-9
        else "Its verdicts say nothing: they are as frequent for wrong answers as for right ones."
        if quality > -1e-9
        else "It is wrong more often than right: use the opposite of its verdicts."
    )
    return PlanRow(
        "verifier",
        "verifier",
        {"sensitivity": sensitivity, "specificity": specificity},
        f"{percent(sensitivity)}, {percent(specificity)}",
        f"Accepts {percent(sensitivity)} of right answers, rejects {percent(specificity)} of wrong "
        f"ones. {verdict}",
    )


def _fresh_draw(chain: TwoStateChain, initial: float) -> PlanRow:
    better = "fresh draw" if initial > chain.repair else "revision"
    return PlanRow(
        "better_after_rejection",
        "if it is wrong",
        better,
        better,
        f"A revision of a wrong answer is right in {percent(chain.repair)} of cases, a fresh "
        f"draw in {percent(initial)}.",
    )


def _threshold_words(threshold: float) -> str:
    if threshold <= 0:
        return "No further round pays."
    if threshold >= 1:
        return "Another round pays as long as an answer is not certain."
    return f"Another round pays while the chance of being right is below {percent(threshold)}."


def _instead(chain: TwoStateChain, gated: TwoStateChain) -> str:
    without, level = float(chain.stationary_accuracy), float(gated.stationary_accuracy)
    if isnan(without):
        return ""
    same = percent(without) == percent(level)
    return ", as without it" if same else f" instead of {percent(without)}"


def _shown(value: float) -> str:
    return percent(value) if isfinite(value) else "none"


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
