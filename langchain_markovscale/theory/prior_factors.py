"""What is assumed of a loop of which nothing was measured: independent factors, and their chances.

Measured loops look otherwise than one hopes. A first revision repairs .03 to .48 of wrong answers
(quantiles 10 and 90 % of 82 published cells) and later ones a quarter of that; revising without
outside feedback breaks .08 to .50 of right ones, debates 0 to .23; judges accept right answers more
often than wrong ones by −.04 to .43. Where a judge's scores lie is arbitrary, so that only their
order and their verdicts count (see `theory/score_order.py`).

    p₀              .03 .12 .3 .5 .7 .88 .97, equally likely
    α               .03 .12 .3 with weights .4 .35 .25
    β               .02 .12 .35, equally likely
    d               .5
    σ               .3 .9, equally likely
    verdicts        accepted with log-odds z ± δ/2: z −4 −1.5 0 1.5 4, equally likely,
                    δ 0 1 3 with weights .4 .35 .25
    θ of the urn    .7 3 15, equally likely

α is a little pessimistic on purpose, and d takes later rounds down again: a loop of which nothing
is known should not revise on hope.
"""

from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.intercept import log_chance
from langchain_markovscale.theory.score_order import ScoreOrder
from langchain_markovscale.theory.urn import Urn

Floats = NDArray[np.float64]


class Factor(NamedTuple):
    """The values that something may have, and their chances."""

    values: tuple[float, ...]
    weights: tuple[float, ...]

    @classmethod
    def even(cls, *values: float) -> "Factor":
        """Return a factor whose values are equally likely."""
        return cls(values, (1 / len(values),) * len(values))

    @property
    def mean(self) -> float:
        """The expected value."""
        return float(np.dot(self.values, self.weights))


INITIAL = Factor.even(0.03, 0.12, 0.3, 0.5, 0.7, 0.88, 0.97)
REPAIR = Factor((0.03, 0.12, 0.3), (0.4, 0.35, 0.25))
CORRUPTION = Factor.even(0.02, 0.12, 0.35)
RETENTION = Factor.even(0.3, 0.9)
CONCENTRATION = Factor.even(0.7, 3.0, 15.0)
LENIENCY = Factor.even(-4.0, -1.5, 0.0, 1.5, 4.0)
SEPARATION = Factor((0.0, 1.0, 3.0), (0.4, 0.35, 0.25))
SETTLING = 0.5
DEEPEST = 40  # by then settled rates are 1e-12 of the first
ACCEPT_THRESHOLD = 0.5

_NODES = tuple(product(zip(*LENIENCY, strict=True), zip(*SEPARATION, strict=True)))
SCORES = ScoreOrder(tuple(z for (z, _), _ in _NODES), tuple(delta for _, (delta, _) in _NODES))
"""The likelihood of scores at each (z, δ), the nodes."""

NODE_WEIGHTS = tuple(weight * other for (_, weight), (_, other) in _NODES)

# Where the values of each factor lie in a row of one number a value.
_SIZES = [len(each.values) for each in (INITIAL, REPAIR, CORRUPTION, RETENTION, CONCENTRATION)]
_ENDS = np.cumsum([0, *_SIZES, len(NODE_WEIGHTS)]).tolist()
AT_INITIAL, AT_REPAIR, AT_CORRUPTION, AT_RETENTION, AT_CONCENTRATION, AT_NODE = (
    slice(start, end) for start, end in pairwise(_ENDS)
)
STARTS = np.array(_ENDS[:-1])
FACTOR_OF = np.repeat(np.arange(len(STARTS)), np.diff(_ENDS))


def marginal_acceptance() -> tuple[float, float]:
    """Return P(accept | wrong) and P(accept | right), the nodes averaged."""
    wrong, right = (1 - SCORES.rejected()) @ np.array(NODE_WEIGHTS)
    return float(wrong), float(right)


def mean_coincidence() -> float:
    """Return κ = 1/(1+θ), θ averaged: the chance that two independent wrong answers coincide."""
    chances = [1 / (1 + theta) for theta in CONCENTRATION.values]
    return float(np.dot(chances, CONCENTRATION.weights))


def urns(choices: int | None) -> tuple[Urn, ...]:
    """Return the urn of each θ; with a closed list, of `choices` − 1 wrong answers."""
    open_urns = [Urn.of_concentration(theta) for theta in CONCENTRATION.values]
    if choices is None:
        return tuple(open_urns)
    wrong = float(choices - 1)
    return tuple(Urn(max(urn.coincidence, 1 / wrong), wrong) for urn in open_urns)


def log_weights(class_weights: Floats | None = None) -> Floats:
    """Return ln of the chances of all values before any attempt, shape (33,).

    Args:
        class_weights: P(p₀, α, β) of one question, shape (63,) in the order of
            `training_free_rates`; they enter by their margins.
    """
    if class_weights is None:
        return _LOG_WEIGHTS
    weights = class_weights.reshape(*_SIZES[:3])
    row: Floats = _LOG_WEIGHTS.copy()
    for axis, at in enumerate((AT_INITIAL, AT_REPAIR, AT_CORRUPTION)):
        others = tuple({0, 1, 2} - {axis})
        row[at] = log_chance(weights.sum(axis=others))
    return row


_LOG_WEIGHTS: Floats = np.log(
    np.concatenate(
        [
            INITIAL.weights,
            REPAIR.weights,
            CORRUPTION.weights,
            RETENTION.weights,
            CONCENTRATION.weights,
            NODE_WEIGHTS,
        ]
    )
)
