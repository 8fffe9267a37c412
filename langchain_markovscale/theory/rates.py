"""What must be known of a loop before anything can be decided: its rates, and its verifier's.

Whatever they are made from, rates hold plain tuples and floats, so that they compare, hash, and go
to JSON as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from math import inf, isinf
from numbers import Integral
from typing import Any, Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.graded_scores import GradedModel
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores
from langchain_markovscale.theory.mixture import (
    ChainMixture,
    check_settling,
    check_weights,
    per_class,
)
from langchain_markovscale.theory.prior_factors import (
    ACCEPT_THRESHOLD,
    CORRUPTION,
    INITIAL,
    REPAIR,
    RETENTION,
    SETTLING,
    marginal_acceptance,
    mean_coincidence,
)
from langchain_markovscale.theory.scores import ScoreModel, SteppedModel
from langchain_markovscale.theory.urn import UNMEASURED_COINCIDENCE, Urn
from langchain_markovscale.theory.validation import TOLERANCE, numbers, probabilities

Floats = NDArray[np.float64]


_NEARLY_EXACT = 0.95  # of a few traces, an exact verifier's rates are not quite 1
_ROUNDED = 1e-3  # κM this close below 1 is meant to be 1: 1/3 written as .3333


class RateArrays(NamedTuple):
    """Rates by class, each of shape (K,); see `Rates`."""

    weights: Floats
    initial: Floats
    repair: Floats
    corruption: Floats
    sensitivity: Floats
    specificity: Floats
    retention: Floats


@dataclass(frozen=True)
class Rates:
    """A mixture of chains, how answers coincide, and what is known of the verifier.

    Values by class are given as one number or K of them, and kept as tuples of K floats.

    Attributes:
        weights: w, the share of each of K classes of questions; sums to 1.
        initial: p₀, the chance that a fresh draw is correct, for each class.
        repair: α, the chance that a wrong answer is correct after a revision, for each class.
        corruption: β, the chance that a correct answer is wrong after a revision, for each class.
        sensitivity: s = P(accept | correct), for each class.
        specificity: u = P(reject | wrong), for each class.
        accept_threshold: A score of at least this much accepts.
        settling: d in (0, 1]; the revision at depth t has rates αdᵗ and βdᵗ.
        coincidence: κ in (0, 1], the chance that two independent wrong answers coincide.
        retention: σ, the chance that an unrepaired wrong answer comes back unchanged, for each
            class; 1 where κ = 1, since there is then no other wrong answer.
        verdict_correlation: ρ, the intra-class correlation of repeated scores of one answer.
        score_cuts: Increasing scores at which the likelihood ratio of a score steps up; empty
            where a score says no more than accept or reject.
        score_log_ratios: ln f_C(x)/f_W(x) below the first cut, between cuts, and from the last
            cut on: one more than there are cuts, never falling.
        plausible_wrong: M ≥ 1/κ, how many wrong answers a question may have; None for any number
            of them, which then come from an urn with θ = 1/κ − 1 (see `theory/urn.py`). Where κ is
            below 1/M by rounding, up to a thousandth of it, it is taken for 1/M.

    Raises:
        ValueError: If a value leaves its range, or lengths differ.
    """

    weights: Any
    initial: Any
    repair: Any
    corruption: Any
    sensitivity: Any
    specificity: Any
    accept_threshold: float = 0.5
    settling: float = 1.0
    coincidence: float = UNMEASURED_COINCIDENCE
    retention: Any = UNMEASURED_COINCIDENCE
    verdict_correlation: float = 0.5
    score_cuts: tuple[float, ...] = ()
    score_log_ratios: tuple[float, ...] = ()
    plausible_wrong: float | None = None
    scores: GradedScores | TwoValuedScores | None = None
    keyed: bool = False

    def __post_init__(self) -> None:
        weights = check_weights(self.weights)
        self._set("weights", weights.tolist())
        for name in RateArrays._fields[1:]:
            self._set(name, per_class(name, getattr(self, name), len(weights)).tolist())
        for name in ("accept_threshold", "coincidence", "verdict_correlation"):
            value = probabilities(name, getattr(self, name))
            if value.ndim:
                raise ValueError(f"{name} must be one number, got {getattr(self, name)!r:.80}.")
            self._set(name, float(value))
        if self.coincidence == 0 or isinf(1 / self.coincidence):
            raise ValueError(
                f"coincidence must lie in (0, 1], got {self.coincidence:g}: it is 1 over the "
                "number of plausible wrong answers, which no float holds here."
            )
        self._check_plausible_wrong()
        if self.coincidence == 1:
            self._set("retention", [1.0] * len(weights))
        self._set("settling", check_settling(self.settling))
        self._check_score_ratios()

    @property
    def n_classes(self) -> int:
        """K, the number of classes of questions."""
        return len(self.weights)

    @cached_property
    def mixture(self) -> ChainMixture:
        """The chains alone, for forecasts of blind rounds."""
        return ChainMixture(self.weights, self.initial, self.repair, self.corruption, self.settling)

    @cached_property
    def arrays(self) -> "RateArrays":
        """The rates by class as arrays, each of shape (K,)."""
        return RateArrays(*(np.array(getattr(self, name)) for name in RateArrays._fields))

    def at_depth(self, depth: int) -> tuple[Floats, Floats]:
        """Return αdᵗ and βdᵗ, each of shape (K,), of the revision at depth t.

        Args:
            depth: t, 0 for the first revision of a fresh draw.
        """
        factor = self.settling**depth
        return self.arrays.repair * factor, self.arrays.corruption * factor

    @cached_property
    def urn(self) -> Urn:
        """Where wrong answers come from."""
        return Urn(self.coincidence, inf if self.plausible_wrong is None else self.plausible_wrong)

    @cached_property
    def score_model(self) -> ScoreModel:
        """What scores say, by class."""
        initial, rho = self.arrays.initial, self.verdict_correlation
        if isinstance(self.scores, GradedScores):
            return GradedModel(self.scores, initial, self.accept_threshold, rho)
        if self.scores is not None:
            return SteppedModel.of_scores(self.scores, initial, self.accept_threshold, rho)
        s, u = self.arrays.sensitivity, self.arrays.specificity
        verdicts = SteppedModel.of_verdicts(self.accept_threshold, s, u, rho)
        if not self.score_cuts:
            return verdicts
        return SteppedModel.of_ratios(self.score_cuts, self.score_log_ratios, verdicts)

    @classmethod
    def pooled(cls, rates: "Rates", draws: Sequence["Rates"]) -> "Rates":
        """Return `rates` with the classes of all `draws` in place of its own, equally weighed.

        What has no class (κ, ρ, d, what scores say) stays that of `rates`.
        """

        def joined(name: str) -> list[float]:
            return [value for draw in draws for value in getattr(draw, name)]

        return replace(
            rates,
            weights=[weight / len(draws) for weight in joined("weights")],
            initial=joined("initial"),
            repair=joined("repair"),
            corruption=joined("corruption"),
            sensitivity=joined("sensitivity"),
            specificity=joined("specificity"),
            retention=joined("retention"),
        )

    @cached_property
    def verdicts_say_nothing(self) -> bool:
        """Whether verdicts come as often for wrong answers as for right ones: s + u = 1."""
        if self.scores is not None:
            return self.scores.say_nothing
        pairs = zip(self.sensitivity, self.specificity, strict=True)
        return not self.score_cuts and all(abs(s + u - 1) <= TOLERANCE for s, u in pairs)

    def without_verifier(self) -> "Rates":
        """Return these rates for a loop in which nothing is scored: every answer is accepted."""
        return replace(
            self,
            sensitivity=(1.0,) * self.n_classes,
            specificity=(0.0,) * self.n_classes,
            score_cuts=(),
            score_log_ratios=(),
            scores=None,
        )

    def with_exact_verifier(self) -> "Rates":
        """Return these rates for a verifier whose full score is right, and any lower one wrong."""
        return replace(
            self.without_verifier(),
            specificity=(1.0,) * self.n_classes,
            accept_threshold=1.0,
            verdict_correlation=1.0,
        )

    def among(self, choices: int | None) -> "Rates":
        """Return these rates for a closed list of `choices` answers: M = choices − 1, κ ≥ 1/M.

        Raises:
            ValueError: If `choices` is not a whole number of at least 2.
        """
        if choices is None:
            return self
        if not isinstance(choices, Integral) or isinstance(choices, bool) or choices < 2:
            raise ValueError(
                f"choices must be the number of possible answers, at least 2, got {choices!r}."
            )
        wrong = float(numbers("choices", choices)) - 1
        coincidence = max(self.coincidence, 1 / wrong)
        return replace(self, coincidence=coincidence, plausible_wrong=wrong)

    def _set(self, name: str, value: float | list[float]) -> None:
        object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)

    def _check_plausible_wrong(self) -> None:
        if self.plausible_wrong is None:
            return
        plausible = numbers("plausible_wrong", self.plausible_wrong)
        if plausible.ndim or not 1 <= plausible < inf:
            raise ValueError(
                "plausible_wrong must be one finite number of at least 1, got "
                f"{self.plausible_wrong!r:.80}: None stands for any number of wrong answers."
            )
        if self.coincidence * plausible < 1 - _ROUNDED - TOLERANCE:
            raise ValueError(
                f"plausible_wrong must be at least 1/coincidence = {1 / self.coincidence:.4g}, got "
                f"{self.plausible_wrong!r}: so few values can't coincide less often than equally "
                f"likely ones. Give coincidence={1 / plausible:.4g}, with which they are equally "
                "likely, or more, or leave plausible_wrong out, for any number of them."
            )
        self._set("plausible_wrong", float(plausible))
        self._set("coincidence", max(self.coincidence, 1 / float(plausible)))

    def _check_score_ratios(self) -> None:
        cuts, ratios = np.atleast_1d(self.score_cuts), np.atleast_1d(self.score_log_ratios)
        if cuts.size == ratios.size == 0:
            return
        cuts, ratios = probabilities("score_cuts", cuts), numbers("score_log_ratios", ratios)
        if np.any(np.diff(cuts) <= 0):
            raise ValueError(f"score_cuts must increase, got {self.score_cuts!r:.80}.")
        rising = np.all(np.isfinite(ratios)) and np.all(np.diff(ratios) >= 0)
        if len(ratios) != len(cuts) + 1 or not rising:
            raise ValueError(
                "score_log_ratios must hold one finite value more than score_cuts and never "
                f"fall, got {self.score_log_ratios!r:.80} for {len(cuts)} cuts."
            )
        self._set("score_cuts", cuts.tolist())
        self._set("score_log_ratios", ratios.tolist())


Variant = Literal["mixture", "gate", "map", "training_free"]


class HasRates(Protocol):
    """Anything that rates can be read from, such as a `Calibration`."""

    @property
    def decision_rates(self) -> Rates:
        """The rates to decide with."""


@lru_cache(maxsize=1)
def training_free_rates() -> Rates:
    """Return the default prior as classes, 63 chains: see `theory/prior_factors.py`.

    p₀ × α × β with the prior's weights and d = .5; what has no class is its expected value: s and u
    of the verifier whatever its leniency, κ, and σ. Untouched, these rates stand for the whole
    prior, and decisions are made with its factorised form (see `is_default_prior`, and
    `theory/prior.py`). With any change they are a mixture like any other.
    """
    grid = list(product(*(zip(*factor, strict=True) for factor in (INITIAL, REPAIR, CORRUPTION))))
    initial, repair, corruption = zip(*([value for value, _ in cell] for cell in grid), strict=True)
    wrong, right = marginal_acceptance()
    return Rates(
        [float(np.prod([weight for _, weight in cell])) for cell in grid],
        initial,
        repair,
        corruption,
        sensitivity=right,
        specificity=1 - wrong,
        accept_threshold=ACCEPT_THRESHOLD,
        settling=SETTLING,
        coincidence=mean_coincidence(),
        retention=RETENTION.mean,
    )


def is_default_prior(rates: Rates) -> bool:
    """Return whether rates are those of `training_free_rates`, untouched.

    By their values, so that it holds after saving and loading.
    """
    return rates == training_free_rates()


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


def check_may_be_exact(calibration: HasRates | Rates) -> None:
    """Refuse an exact verifier where another one was measured.

    Rates with s + u = 1 stand for a verifier that nobody has measured, unless they were fitted to
    traces whose scores tell how good it is: it was then found to be useless.

    Raises:
        ValueError: If the verifier's verdicts were often mistaken.
    """
    rates: Any = getattr(calibration, "rates", calibration)  # by class they are less certain
    fitted = getattr(calibration, "fitted", None)
    useless = rates.verdicts_say_nothing
    if is_default_prior(rates) or (useless and getattr(fitted, "auc", None) is None):
        return
    worst, name = min((min(getattr(rates, name)), name) for name in ("sensitivity", "specificity"))
    if worst < _NEARLY_EXACT:
        found = "is no better than chance" if useless else f"has a {name} of {worst:.2f}"
        raise ValueError(
            "exact_verifier=True, which a verifier with exact=True asks for, contradicts the "
            f"calibration, by which the verifier {found}: leave it out, or calibrate on traces "
            "that this verifier has scored."
        )


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
    if variant != "training_free" or is_default_prior(rates):
        return rates
    free = training_free_rates()

    def typical(values: tuple[float, ...]) -> float:
        if len(set(values)) == 1:
            return values[0]
        return float(np.clip(np.dot(rates.weights, values), 0, 1))  # rounding may leave [0, 1]

    return replace(
        rates,
        weights=free.weights,
        initial=free.initial,
        repair=free.repair,
        corruption=free.corruption,
        sensitivity=typical(rates.sensitivity),
        specificity=typical(rates.specificity),
        settling=free.settling,
        retention=typical(rates.retention),
    )
