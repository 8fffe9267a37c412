"""How wrong answers coincide: θ, by the likelihood of the patterns of wrong fresh draws.

By Ewens's formula a question with n wrong draws of D distinct values has a chance proportional to
θᴰ Γ(θ)/Γ(θ+n), so that Σ D and the histogram of n say all there is to know of θ. Counting pairs
instead would let a question with many draws outweigh all others. Revisions play no part: a model
that leaves a wrong answer seldom returns to it, so that revisions coincide less than fresh draws.

The prior is normal in ln θ, around what was measured on real loops (1.3 to 13), beside some mass at
θ = 0, one wrong answer for each question, as where questions are answered by yes or no.
"""

from collections.abc import Mapping
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_USUAL, _SPREAD = log(3.5), 1.5  # of ln θ
_ONE_WRONG_ANSWER = 0.1  # prior probability of θ = 0
_NORMAL = np.linspace(-4, 4, 401)
_THETAS = np.append(0.0, np.exp(_USUAL + _SPREAD * _NORMAL))
# Where labels are missing, a trace of doubt must not rule θ = 0 out.
_LOG_THETAS = np.log(np.maximum(_THETAS, 1e-9))


def _log_prior() -> Floats:
    density = -(_NORMAL**2) / 2
    density += log(1 - _ONE_WRONG_ANSWER) - np.logaddexp.reduce(density)
    return np.append(log(_ONE_WRONG_ANSWER), density)


class WrongDraws:
    """What the wrong fresh draws of many questions say of θ.

    Args:
        patterns: How many questions, or what weight of them, have n wrong draws of D distinct
            values, by (n, D).
    """

    def __init__(self, patterns: Mapping[tuple[int, int], float]) -> None:
        self._patterns = patterns

    @property
    def concentration(self) -> float:
        """θ, the median of its posterior; 0 where each question seems to have one wrong answer."""
        return self.quantile(0.5)

    @property
    def coincidence(self) -> float:
        """κ, the chance that two wrong draws coincide: the mean of 1/(1+θ) over the posterior."""
        return float(self._posterior @ (1 / (1 + _THETAS)))

    def quantile(self, level: float) -> float:
        """Return a quantile of the posterior of θ."""
        return float(self._at(np.array(level)))

    def draws(self, count: int, rng: np.random.Generator) -> list[float]:
        """Return draws of θ from its posterior."""
        drawn: list[float] = self._at(rng.random(count)).tolist()
        return drawn

    def _at(self, levels: Floats) -> Floats:
        below = np.cumsum(self._posterior)
        return np.asarray(_THETAS[np.searchsorted(below, levels * below[-1])])

    @property
    def posterior(self) -> tuple[Floats, Floats]:
        """Rising values of θ from 0, and the probability of each."""
        return _THETAS, self._posterior

    @cached_property
    def _posterior(self) -> Floats:
        others = 0.0  # distinct wrong values beside the first of each question
        most = max((n for n, _ in self._patterns), default=1)
        larger = np.zeros(most)  # questions with more than i wrong draws, for i < n
        for (n, distinct), many in self._patterns.items():
            if n > 1:
                others += many * (distinct - 1)
                larger[1:n] += many
        log_chances = others * _LOG_THETAS + _log_prior()
        log_chances -= np.log(_THETAS[:, None] + np.arange(1, most)) @ larger[1:]
        chances = np.exp(log_chances - log_chances.max())
        return np.asarray(chances / chances.sum())
