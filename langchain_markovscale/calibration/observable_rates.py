"""What can be counted in a loop, as one chance over all kinds of questions, and in words."""

from typing import Literal, get_args

import numpy as np

from langchain_markovscale.theory.rates import Rates

Labelled = Literal["initial", "repair", "corruption", "sensitivity", "specificity"]
"""What is counted where it is known which answers are right."""

Unlabelled = Literal["acceptance", "unchanged", "agreement"]
"""What is counted where that is not known."""

Observable = Labelled | Unlabelled

LABELLED: tuple[Labelled, ...] = get_args(Labelled)
UNLABELLED: tuple[Unlabelled, ...] = get_args(Unlabelled)

WORDS: dict[Observable, str] = {
    "initial": "first answers that are right",
    "repair": "revisions that correct a wrong answer",
    "corruption": "revisions that break a right answer",
    "sensitivity": "right answers that the verifier accepts",
    "specificity": "wrong answers that the verifier rejects",
    "acceptance": "first answers that the verifier accepts",
    "unchanged": "revisions that leave the answer as it was",
    "agreement": "second fresh answers that agree with the first",
}


def chances(rates: Rates) -> dict[Observable, float]:
    """Return the chance of each, of a first answer or its first revision, over all questions.

    With weights w, for instance Σ w p₀ for `initial`, Σ w(1−p₀)α / Σ w(1−p₀) for `repair`, and
    Σ w (p₀² + (1−p₀)² κ) for `agreement`.

    Args:
        rates: The mixture and what is known of the verifier.
    """
    known = rates.arrays
    weights, right = known.weights, known.initial
    repair, corruption = rates.at_depth(0)
    wrong = 1 - right
    accepts, rejects = np.array(rates.sensitivity), np.array(rates.specificity)

    def mean(chance: object, among: object = 1.0) -> float:
        weighed = weights * np.asarray(among)
        total = float(weighed.sum())
        return float((weighed * np.asarray(chance)).sum()) / total if total > 0 else 0.0

    return {
        "initial": mean(right),
        "repair": mean(repair, wrong),
        "corruption": mean(corruption, right),
        "sensitivity": mean(accepts, right),
        "specificity": mean(rejects, wrong),
        "acceptance": mean(right * accepts + wrong * (1 - rejects)),
        "unchanged": mean(right * (1 - corruption) + wrong * (1 - repair) * known.retention),
        "agreement": mean(right**2 + wrong**2 * rates.coincidence),
    }
