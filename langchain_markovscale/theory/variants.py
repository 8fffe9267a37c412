"""The paper's three variants are three sources of the class weights, not three systems.

`mixture` takes the weights that were fitted. `gate` decides by the weights of a question alone,
before anything is seen of this run, whether to loop at all. `map` takes each question's weights
from a learned predictor, and the run updates them. `training_free` (MarkovScale⁰) takes a broad
grid of classes, equally likely, that only this run updates.
"""

from dataclasses import replace
from itertools import product
from typing import Literal, Protocol, get_args

import numpy as np

from langchain_markovscale.theory.rates import Rates

Variant = Literal["mixture", "gate", "map", "training_free"]


class HasRates(Protocol):
    """Anything that rates can be read from, such as a `Calibration`."""

    @property
    def decision_rates(self) -> Rates:
        """The rates to decide with."""


def training_free_rates() -> Rates:
    """Return a broad prior: 45 equally likely classes, and a verifier of middling quality.

    p₀ ∈ {.1, .3, .5, .7, .9} × α ∈ {.05, .2, .5} × β ∈ {.02, .1, .3}; s = .8, u = .75,
    κ = σ = .25, ρ = .5.
    """
    grid = list(product((0.1, 0.3, 0.5, 0.7, 0.9), (0.05, 0.2, 0.5), (0.02, 0.1, 0.3)))
    initial, repair, corruption = zip(*grid, strict=True)
    weights = [1 / len(grid)] * len(grid)
    return Rates(weights, initial, repair, corruption, sensitivity=0.8, specificity=0.75)


def rates_of(calibration: HasRates | Rates) -> Rates:
    """Return the rates to decide with.

    Raises:
        TypeError: If `calibration` has none.
    """
    rates = getattr(calibration, "decision_rates", calibration)
    if not isinstance(rates, Rates):
        raise TypeError(
            f"calibration must be a Calibration or Rates, got {calibration!r}: "
            "Calibration.load(path) reads one from a file."
        )
    return rates


def rates_for(variant: Variant, calibration: HasRates | Rates) -> Rates:
    """Return the rates that a variant decides with.

    The training-free one has the grid's chains, but believes what was measured of the verifier and
    of how answers coincide.

    Raises:
        ValueError: If there is no such variant.
    """
    if variant not in get_args(Variant):
        names = ", ".join(map(repr, get_args(Variant)))
        raise ValueError(f"variant must be one of {names}, got {variant!r}.")
    rates = rates_of(calibration)
    if variant != "training_free":
        return rates
    free = training_free_rates()

    def typical(values: tuple[float, ...]) -> float:
        return float(np.clip(np.dot(rates.weights, values), 0, 1))  # rounding may leave [0, 1]

    return replace(
        rates,
        weights=free.weights,
        initial=free.initial,
        repair=free.repair,
        corruption=free.corruption,
        sensitivity=typical(rates.sensitivity),
        specificity=typical(rates.specificity),
        settling=1.0,
    )
