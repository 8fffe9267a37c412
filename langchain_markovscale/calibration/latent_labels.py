"""Missing labels: the evidence for each hypothesis, and what the hypotheses add to it.

The evidence beside the chain's own rates (how wrong answers coincide, verdicts) enters a fit as an
offset of each hypothesis' row; once the fit has weighed the hypotheses, the same evidence is
counted again with their weights, as if they were labels.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.em import Events
from langchain_markovscale.calibration.own_rule import RuleStep, log_steps, stop_chances
from langchain_markovscale.calibration.sufficient_statistics import Hypothesis, Statistics, pad
from langchain_markovscale.calibration.verifier_scores import MeasuredVerifier
from langchain_markovscale.calibration.wrong_answers import WrongDraws
from langchain_markovscale.theory.scores import SteppedModel
from langchain_markovscale.theory.urn import Urn

Floats = NDArray[np.float64]

_NEAR = 1e-4


class Evidence(NamedTuple):
    """Evidence beside the chains: how wrong answers coincide, and how reliable verdicts are.

    Attributes:
        urn: Where wrong answers come from.
        sensitivity: s.
        specificity: u.
        accept_threshold: A score of at least this much accepts.
        correlation: ρ.
        stops: The chance that the loop's own rule stops after a wrong answer, and after a right
            one, where it leaves no score.
    """

    urn: Urn
    sensitivity: float
    specificity: float
    accept_threshold: float
    correlation: float
    stops: tuple[float, float] = (0.5, 0.5)

    def is_near(self, other: "Evidence") -> bool:
        """Return whether rates have settled."""
        moved = (
            self.urn.coincidence - other.urn.coincidence,
            self.sensitivity - other.sensitivity,
            self.specificity - other.specificity,
            *(one - before for one, before in zip(self.stops, other.stops, strict=True)),
        )
        return max(map(abs, moved)) < _NEAR


def first_evidence(statistics: Statistics, model: MeasuredVerifier) -> Evidence:
    """Return what the labelled questions alone show."""
    return Evidence(
        Urn.of_concentration(WrongDraws(statistics.patterns).concentration),
        model.sensitivity,
        model.specificity,
        model.accept_threshold,
        model.correlation,
        stop_chances(statistics.rule_steps, statistics.deepest_end),
    )


def all_events(statistics: Statistics, evidence: Evidence) -> tuple[Events, Floats]:
    """Return rows of labelled questions, then of every hypothesis, and questions by group."""
    n = len(statistics.labelled)
    hypotheses = [one for rivals, _ in statistics.rivals for one in rivals.hypotheses]
    if not hypotheses:
        return Events(statistics.labelled, np.zeros(n), np.arange(n)), statistics.questions
    sizes = [len(rivals.hypotheses) for rivals, _ in statistics.rivals]
    starts = n + np.cumsum([0, *sizes[:-1]])
    events = Events(
        np.vstack([statistics.labelled, pad([h.counts for h in hypotheses], statistics.width)]),
        np.concatenate([np.zeros(n), _offsets(hypotheses, evidence, statistics.deepest_end)]),
        np.concatenate([np.arange(n), starts]),
    )
    many = [number for _, number in statistics.rivals]
    return events, np.concatenate([statistics.questions, np.array(many, dtype=np.float64)])


def wrong_draws(statistics: Statistics, shares: Floats) -> WrongDraws:
    """Return what is known of θ: by labelled questions or, where there are none, by hypotheses.

    Args:
        statistics: The counts of the traces.
        shares: For each row of `all_events`, how many questions' worth it weighs.
    """
    patterns = Counter[tuple[int, int]](statistics.patterns)
    labels_help = bool(patterns) or any(rivals.partly for rivals, _ in statistics.rivals)
    row = len(statistics.labelled)
    for rivals, _ in statistics.rivals:
        for one in rivals.hypotheses:
            if rivals.partly or not labels_help:
                patterns[one.pattern] += shares[row]
            row += 1
    return WrongDraws(patterns)


def updated_evidence(statistics: Statistics, evidence: Evidence, shares: Floats) -> Evidence:
    """Count the evidence again, each hypothesis weighing what the fit gave it.

    Args:
        statistics: The counts of the traces.
        evidence: The evidence that the fit used.
        shares: For each row of `all_events`, how many questions' worth it weighs.
    """
    labelled = statistics.scores
    accepted = labelled.score >= evidence.accept_threshold
    right = np.array([(accepted & labelled.correct).sum(), labelled.correct.sum()], dtype=float)
    every = np.array([accepted.sum(), len(accepted)], dtype=float)
    steps: dict[RuleStep, float] = {**statistics.rule_steps}
    row = len(statistics.labelled)
    for rivals, _ in statistics.rivals:
        scores = np.array(rivals.scores)
        verdicts = np.array([(scores >= evidence.accept_threshold).sum(), len(scores)])
        for one in rivals.hypotheses:
            share = shares[row]
            row += 1
            own = np.array([score for group in one.right for score in group])
            right += share * np.array([(own >= evidence.accept_threshold).sum(), len(own)])
            every += share * verdicts
            for step in one.ends:
                steps[step] = steps.get(step, 0.0) + float(share)
    wrong = every - right
    s = (right[0] + 0.5) / (right[1] + 1)
    u = (wrong[1] - wrong[0] + 0.5) / (wrong[1] + 1)
    return evidence._replace(
        urn=Urn.of_concentration(wrong_draws(statistics, shares).concentration),
        sensitivity=float(s),
        specificity=float(u),
        stops=stop_chances(steps, statistics.deepest_end),
    )


def _offsets(hypotheses: Sequence[Hypothesis], evidence: Evidence, deepest: int) -> list[float]:
    """Return what speaks for each hypothesis beside the chain's own events, as logarithms."""
    scores = SteppedModel.of_verdicts(
        evidence.accept_threshold,
        np.array([evidence.sensitivity]),
        np.array([evidence.specificity]),
        evidence.correlation,
    )
    ratios = scores.log_ratios.ravel()
    return [
        evidence.urn.log_chance(each.draws)
        + sum(float(np.dot(scores.counts(answer), ratios)) for answer in each.right)
        + log_steps(each.ends, evidence.stops, deepest)
        for each in hypotheses
    ]
