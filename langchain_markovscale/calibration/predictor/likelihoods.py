"""How well each class explains what was seen of one question: all that training needs of it."""

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration import em
from langchain_markovscale.calibration.hypotheses import Evidence, all_events
from langchain_markovscale.calibration.statistics import collect
from langchain_markovscale.calibration.traces import Trace
from langchain_markovscale.theory.rates import Rates

Floats = NDArray[np.float64]

_EDGE = 1e-6  # rates stay this far inside (0, 1), so that logarithms are finite


class ClassLikelihood:
    """P(events of a question | class), by the rates of a calibration.

    Missing labels are summed over, as in the fit.

    Args:
        rates: The classes; their weights play no part.
    """

    def __init__(self, rates: Rates) -> None:
        n_classes = rates.n_classes
        self._classes = em.Parameters(
            np.full((1, n_classes), 1 / n_classes),
            _inside(rates.initial),
            _inside(rates.repair),
            _inside(rates.corruption),
            np.array([rates.settling]),
        )
        sensitivity, specificity = np.clip(
            np.dot([rates.sensitivity, rates.specificity], rates.weights), _EDGE, 1 - _EDGE
        )
        self._evidence = Evidence(
            coincidence=rates.coincidence,
            retention=float(np.clip(rates.retention, _EDGE, 1.0)),
            sensitivity=float(sensitivity),
            specificity=float(specificity),
            accept_threshold=rates.accept_threshold,
            correlation=rates.verdict_correlation,
        )

    def __call__(self, trace: Trace) -> Floats:
        """Return the likelihood of each class, shape (K,), scaled to sum to 1.

        Raises:
            ValueError: If the trace has no attempts, a parent is no earlier attempt, or answers
                without keys and labels are too many.
        """
        events, _ = all_events(collect([trace]), self._evidence)
        # Under equal weights the posterior over classes is the likelihood, up to its scale.
        return np.asarray(em.responsibilities(events, self._classes)[0].sum(axis=0))


def _inside(rate: tuple[float, ...]) -> Floats:
    return np.asarray(np.clip(np.array([rate]), _EDGE, 1 - _EDGE))
