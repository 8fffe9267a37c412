"""Whether traces in which labels are missing say enough for a fit to be used.

Agreement can take the place of labels only as far as wrong answers do not agree, and how often they
do is itself known by labels alone: on real traces the likelihood prefers one θ clearly, and a wrong
one. So the fit is made again with other possible θ, and refused where that would change its answer.
"""

import numpy as np

from langchain_markovscale.calibration import em, selection
from langchain_markovscale.calibration.sufficient_statistics import Statistics
from langchain_markovscale.calibration.verifier_scores import MeasuredVerifier
from langchain_markovscale.display.wording import counted
from langchain_markovscale.theory.urn import Urn

# Questions with labels: fewer than these, or than half of all, cannot stand for all. Labels of one
# question tell the same, however many they are.
_FEW_LABELLED = 30
_CLEARLY_DIFFERENT = 0.1  # accuracies of first answers that no user would call the same
_NEARLY_AS_GOOD = 2.0  # log density within which two modes are both possible
# θ on real loops lies between 0.7 and 20, and is near 0 where questions are answered by yes or no.
_POSSIBLE = (0.7, 20.0, 0.05)


def check_identifiable(statistics: Statistics) -> None:
    """Refuse traces in which nothing takes the place of labels.

    Raises:
        ValueError: If hardly a label is known and answers cannot agree either.
    """
    missing = missing_labels(statistics)
    if missing and not (statistics.keyed and statistics.several_starts):
        raise ValueError(
            f"{missing}, and nothing else identifies the rates: {_label_some(statistics)}, or "
            "record answers with keys and at least two fresh starts for each question, so that "
            "agreement can take the place of labels."
        )


def check_identified(
    statistics: Statistics,
    model: MeasuredVerifier,
    mode: selection.Mode,
    rng: np.random.Generator,
    *,
    settling: bool,
) -> None:
    """Refuse rates that traces without labels did not pin down.

    Args:
        statistics: The counts of the traces.
        model: What labelled scores say of the verifier.
        mode: The fit.
        rng: Source of randomness.
        settling: Whether d is fitted.

    Raises:
        ValueError: If fits with clearly different accuracies explain the traces equally well, or
            the accuracy rests on how often two wrong answers are the same.
    """
    missing = missing_labels(statistics)
    if not missing:
        return
    objective = mode.rivals.objective
    possible = objective > objective.max() - _NEARLY_AS_GOOD
    accuracy = _accuracy(mode.rivals.parameters)[possible]
    if np.ptp(accuracy) > _CLEARLY_DIFFERENT:
        raise ValueError(
            f"{missing}, and first answers right "
            f"{accuracy.min():.0%} or {accuracy.max():.0%} of the time would explain them equally "
            f"well: {_label_some(statistics)}."
        )
    found, n_classes = float(_accuracy(mode.parameters)[0]), mode.parameters.weights.shape[1]
    for theta in _POSSIBLE:
        urn = Urn.of_concentration(theta)
        _, _, other = selection.fit_with_evidence(
            statistics, model, n_classes, rng, settling=settling, urn=urn
        )
        assumed = float(_accuracy(other.parameters)[0])
        if abs(assumed - found) > _CLEARLY_DIFFERENT:
            raise ValueError(
                f"{missing}, and agreement cannot take their place: first answers would be right "
                f"{found:.0%} of the time by the fit, but {assumed:.0%} if two wrong answers are "
                f"the same {urn.coincidence:.0%} of the time, which nothing rules out: "
                f"{_label_some(statistics)}."
            )


def _accuracy(parameters: em.Parameters) -> selection.Floats:
    """Return the accuracy of first answers, shape (B,)."""
    return np.asarray((parameters.weights * parameters.initial).sum(axis=1))


def missing_labels(statistics: Statistics) -> str:
    """Return a sentence on missing labels where they are too few to learn from; else nothing."""
    labelled = statistics.n_with_labels
    if labelled >= _enough_labelled(statistics):
        return ""
    if not labelled:
        return "traces have no labels"
    return f"traces have labels for only {labelled:,} of {_questions(statistics)}"


def _label_some(statistics: Statistics) -> str:
    enough = _enough_labelled(statistics)
    return (
        "label some attempts (correct: true or false), at no fewer than "
        f"{enough:,} of {_questions(statistics)}, drawn at random"
    )


def _questions(statistics: Statistics) -> str:
    return counted(statistics.n_questions, "question")


def _enough_labelled(statistics: Statistics) -> int:
    return min(_FEW_LABELLED, -(-statistics.n_questions // 2))
