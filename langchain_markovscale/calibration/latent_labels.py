"""Missing labels: the evidence for each hypothesis, and what the hypotheses add to it.

The evidence beside the chain's own rates (coincidences of keys, verdicts) enters a fit as an
offset of each hypothesis' row; once the fit has weighed the hypotheses, the same evidence is
counted again with their weights, as if they were labels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.em import Events
from langchain_markovscale.calibration.sufficient_statistics import Hypothesis, Statistics, pad
from langchain_markovscale.calibration.verifier_scores import ScoreModel
from langchain_markovscale.theory.likelihood import log_retention
from langchain_markovscale.theory.scores import SteppedModel
from langchain_markovscale.theory.urn import Urn

Floats = NDArray[np.float64]

_PRIOR, _PSEUDO_COUNTS = 0.25, 4.0  # of κ and σ, for runs in which few answers were wrong
_NEAR = 1e-4
_LEAST = 1e-3  # of κ, of which a vanishing one would make any agreement certain


class Evidence(NamedTuple):
    """Evidence beside the chains: how wrong answers coincide, and how reliable verdicts are.

    Attributes:
        coincidence: κ.
        retention: σ.
        sensitivity: s.
        specificity: u.
        accept_threshold: A score of at least this much accepts.
        correlation: ρ.
        wrong_pairs: How many pairs of independent wrong answers κ was counted among.
    """

    coincidence: float
    retention: float
    sensitivity: float
    specificity: float
    accept_threshold: float
    correlation: float
    wrong_pairs: float = 0.0

    def is_near(self, other: "Evidence") -> bool:
        """Return whether rates have settled; counts move on by far more than they change rates."""
        rates = zip(self[:-1], other[:-1], strict=True)
        return max(abs(one - another) for one, another in rates) < _NEAR

    def coincidences(self, n_draws: int, rng: np.random.Generator) -> Floats:
        """Return draws of κ from a Beta distribution around the estimate."""
        trials = self.wrong_pairs + _PSEUDO_COUNTS
        drawn = rng.beta(self.coincidence * trials, (1 - self.coincidence) * trials, n_draws)
        return np.maximum(drawn, _LEAST)


def first_evidence(statistics: Statistics, model: ScoreModel) -> Evidence:
    """Return what the labelled questions alone show."""
    pairs = statistics.coincidences.sum(axis=0)
    return Evidence(
        *_coincidences(pairs),
        model.sensitivity,
        model.specificity,
        model.accept_threshold,
        model.correlation,
        wrong_pairs=float(pairs[0]),
    )


def all_events(statistics: Statistics, evidence: Evidence) -> tuple[Events, Floats]:
    """Return rows of labelled questions, then of every hypothesis, and questions by group."""
    n = len(statistics.labelled)
    hypotheses = _hypotheses(statistics)
    if not hypotheses:
        return Events(statistics.labelled, np.zeros(n), np.arange(n)), statistics.questions
    sizes = [len(rivals.hypotheses) for rivals, _ in statistics.rivals]
    starts = n + np.cumsum([0, *sizes[:-1]])
    events = Events(
        np.vstack([statistics.labelled, pad([h.counts for h in hypotheses], statistics.width)]),
        np.concatenate([np.zeros(n), _offsets(hypotheses, evidence)]),
        np.concatenate([np.arange(n), starts]),
    )
    many = [number for _, number in statistics.rivals]
    return events, np.concatenate([statistics.questions, np.array(many, dtype=np.float64)])


def updated_evidence(statistics: Statistics, evidence: Evidence, shares: Floats) -> Evidence:
    """Count the evidence again, each hypothesis weighing what the fit gave it.

    Args:
        statistics: The counts of the traces.
        evidence: The evidence that the fit used.
        shares: For each row of `all_events`, how many questions' worth it weighs.
    """
    pairs = statistics.coincidences.sum(axis=0)
    labelled = statistics.scores
    accepted = labelled.score >= evidence.accept_threshold
    right = np.array([(accepted & labelled.correct).sum(), labelled.correct.sum()], dtype=float)
    every = np.array([accepted.sum(), len(accepted)], dtype=float)
    row = len(statistics.labelled)
    for rivals, _ in statistics.rivals:
        scores = np.array(rivals.scores)
        verdicts = np.array([(scores >= evidence.accept_threshold).sum(), len(scores)])
        for one in rivals.hypotheses:
            share = shares[row]
            row += 1
            pairs = pairs + share * np.array([*one.pairs, one.stuck + one.moved, one.stuck])
            own = np.array([score for group in one.right for score in group])
            right += share * np.array([(own >= evidence.accept_threshold).sum(), len(own)])
            every += share * verdicts
    wrong = every - right
    s = (right[0] + 0.5) / (right[1] + 1)
    u = (wrong[1] - wrong[0] + 0.5) / (wrong[1] + 1)
    return evidence._replace(
        **dict(zip(("coincidence", "retention"), _coincidences(pairs), strict=True)),
        sensitivity=float(s),
        specificity=float(u),
        wrong_pairs=float(pairs[0]),
    )


def _hypotheses(statistics: Statistics) -> list[Hypothesis]:
    return [one for rivals, _ in statistics.rivals for one in rivals.hypotheses]


def _offsets(hypotheses: Sequence[Hypothesis], evidence: Evidence) -> list[float]:
    """Return what speaks for each hypothesis beside the chain's own events, as logarithms."""
    urn = Urn(evidence.coincidence)
    stuck, moved = log_retention(np.array([evidence.retention])).ravel()
    scores = SteppedModel.of_verdicts(
        evidence.accept_threshold,
        np.array([evidence.sensitivity]),
        np.array([evidence.specificity]),
        evidence.correlation,
    )
    ratios = scores.log_ratios.ravel()
    return [
        urn.log_chance(each.draws)
        + each.stuck * stuck
        + each.moved * moved
        + sum(float(np.dot(scores.counts(answer), ratios)) for answer in each.right)
        for each in hypotheses
    ]


def _coincidences(counts: Floats) -> tuple[float, float]:
    """κ and σ from (pairs, equal pairs, wrong revisions of wrong answers, unchanged ones)."""
    pairs, equal, stuck, retained = counts
    prior = _PSEUDO_COUNTS * _PRIOR
    return (
        float((equal + prior) / (pairs + _PSEUDO_COUNTS)),
        float((retained + prior) / (stuck + _PSEUDO_COUNTS)),
    )
