"""Rates together with where they come from, in a file that can be checked into a repository."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langchain_markovscale._text import harmless
from langchain_markovscale.calibration import calibration_file
from langchain_markovscale.calibration.estimate import fit_traces
from langchain_markovscale.calibration.presets import path_of
from langchain_markovscale.calibration.summary import FitSummary, RateTable, rate_table
from langchain_markovscale.replay.measured_delivery import delivery_sample, measure_delivery
from langchain_markovscale.theory.delivery import Delivery
from langchain_markovscale.theory.mixture import ChainMixture
from langchain_markovscale.theory.rates import Rates, training_free_rates
from langchain_markovscale.theory.urn import usual_coincidence
from langchain_markovscale.traces.provenance import LOOP
from langchain_markovscale.traces.trace import Trace

if TYPE_CHECKING:
    from langchain_markovscale.calibration.difference import Difference
    from langchain_markovscale.calibration.drift import DriftReport
    from langchain_markovscale.calibration.report.report import Report

_BY_CLASS = ("weights", "initial", "repair", "corruption")  # whose intervals are by class
_CAUTIOUS = 0.8  # quantile of κ; with the estimate itself, twenty yes/no questions lost accuracy
DECISION_DRAWS = 16  # two classes each make 32, as quick to decide with as the training-free grid


@dataclass(frozen=True)
class Calibration:
    """The rates that the criterion decides with, and their provenance.

    Make one with `fit`, `from_rates`, `training_free` or `load`.

    Attributes:
        rates: The mixture of chains and the rates of the verifier.
        source: Where the rates come from, in a sentence.
        metadata: Anything else that is worth keeping (prompts, date); plain JSON values. Under
            `"loop"` are the names of the model, verifier and answer key of the traces; a loop with
            others that decides by this calibration warns.
        draws: Rates fitted to resampled questions; empty where nothing was fitted.
        fitted: What the rates were fitted to and how well; None where nothing was fitted.
        delivery: What of its promises the criterion delivered on the traces; None where that was
            not measured.
        decision: The rates to decide with, seven classes on a grid of p₀; None where decisions are
            made with `rates`.
    """

    rates: Rates
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)
    draws: tuple[Rates, ...] = ()
    fitted: FitSummary | None = None
    delivery: Delivery | None = None
    decision: Rates | None = None

    def __post_init__(self) -> None:
        intervals = {} if self.fitted is None else self.fitted.intervals
        for name, each in intervals.items():
            expected = self.rates.n_classes if name in _BY_CLASS else 1
            if len(each) != expected:
                raise ValueError(
                    f"fitted.intervals.{name} must have {expected} intervals, got {len(each)}: "
                    "calibrate again."
                )

    @property
    def mixture(self) -> ChainMixture:
        """The chains alone, for forecasts of blind rounds."""
        return self.rates.mixture

    @property
    def decision_rates(self) -> Rates:
        """The rates to decide with: `decision`, or else the classes of several draws.

        So uncertainty counts: the more traces, the closer draws are to each other, and to `rates`.
        Only one κ can be used: one of the higher ones, so that agreement is not trusted too soon.
        """
        if self.decision is not None:
            return self.decision
        if not self.draws:
            return self.rates
        kappa = float(np.quantile([draw.coincidence for draw in self.draws], _CAUTIOUS))
        plausible = None if self.rates.plausible_wrong is None else 1 / kappa
        rates = replace(self.rates, coincidence=kappa, plausible_wrong=plausible)
        return Rates.pooled(rates, self.draws[:DECISION_DRAWS])

    @property
    def class_rates(self) -> Rates:
        """The rates whose classes a predictor predicts: those that decide, but of one fit alone."""
        return self.decision or self.rates

    def __repr__(self) -> str:
        rates = (
            f"{name} {', '.join(f'{value:.2f}' for value in getattr(self.rates, name)[:4])}"
            f"{', …' if self.rates.n_classes > 4 else ''}"
            for name in ("initial", "repair", "corruption")
        )
        return harmless(f"<Calibration: {'; '.join(rates)} ({self.source})>")

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()

    @classmethod
    def fit(
        cls,
        traces: Iterable[Trace] | NDArray[Any] | str | PathLike[str],
        *,
        n_classes: int | Literal["auto"] = "auto",
        settling: bool = True,
        accept_threshold: float | None = None,
        n_bootstrap: int = 200,
        level: float = 0.9,
        seed: int = 0,
        source: str = "fitted to traces",
        metadata: dict[str, Any] | None = None,
        delivery: bool = True,
    ) -> "Calibration":
        """Fit rates to past runs, and measure what decisions by them deliver.

        A mixture of chains by expectation-maximisation, several starts, weak priors (half a
        pseudo-count each way); intervals by bootstrap over questions. Labels may be known for
        all, some or no attempts.

        Args:
            traces: Traces, also as a stream, the path of a file of them, or an array of 0 and 1 of
                shape (questions, rounds) or (questions, fresh starts, rounds).
            n_classes: K, or `"auto"`: two for forecasts, and more where held-out questions clearly
                ask for it, beside seven on a grid of p₀ for decisions.
            settling: Whether rates may fall with the depth of revision.
            accept_threshold: The score from which the verifier accepts, in [0, 1]; None for the one
                that separates best.
            n_bootstrap: Resampled fits for the intervals; 0 for none.
            level: Coverage of the intervals, in (0, 1).
            seed: Seed of every random step: the same traces and seed give the same calibration.
            source: Where the rates come from, in a sentence.
            metadata: Anything else that is worth keeping; plain JSON values. The names of the
                model, verifier and answer key on which all traces agree are added under `"loop"`.
            delivery: Whether to replay the criterion on the traces, fitted on one half of the
                questions and played on the other, so that decisions count on what it delivered and
                not on what it promised. Needs labelled traces of at least 30 questions, 60 or
                more, with several draws or revisions; of fewer nothing is measured, and decisions
                count on .85 of what is promised.

        Raises:
            ValueError: If there are no attempts, an option makes no sense, or nothing identifies
                the rates of unlabelled traces.
        """
        fit = partial(
            fit_traces,
            n_classes=n_classes,
            settling=settling,
            accept_threshold=accept_threshold,
            level=level,
            seed=seed,
        )
        sample = delivery_sample(seed)
        found = fit(traces, n_bootstrap=n_bootstrap, sample=sample if delivery else None)
        recorded_with = {LOOP: dict(found.loop)} if found.loop else {}
        fitted = cls(
            found.rates,
            source,
            recorded_with | (metadata or {}),
            found.draws,
            found.summary,
            decision=found.decision,
        )
        if not delivery or hasattr(traces, "shape"):
            return fitted

        # Draws decide only where the grid of p₀ does not.
        drawn = 0 if n_classes == "auto" else min(n_bootstrap, DECISION_DRAWS)

        def fit_half(half: Sequence[Trace]) -> Calibration:
            found = fit(half, n_bootstrap=drawn)
            return cls(found.rates, source, draws=found.draws, decision=found.decision)

        measured = measure_delivery(sample.traces, fit_half, level=level, seed=seed)
        return replace(fitted, delivery=measured)

    @classmethod
    def from_rates(
        cls,
        *,
        initial: ArrayLike,
        repair: ArrayLike,
        corruption: ArrayLike,
        weights: ArrayLike | None = None,
        sensitivity: ArrayLike = 0.5,
        specificity: ArrayLike = 0.5,
        accept_threshold: float = 0.5,
        settling: float = 1.0,
        coincidence: float | None = None,
        plausible_wrong: float | None = None,
        retention: ArrayLike | None = None,
        verdict_correlation: float = 0.5,
        source: str = "given rates",
    ) -> "Calibration":
        """Make a calibration from rates that are known or assumed.

        Rates are one number, or one for each class of questions.

        Args:
            initial: p₀ in [0, 1], the chance that a first answer is correct.
            repair: α in [0, 1], the chance that a revision makes a wrong answer correct.
            corruption: β in [0, 1], the chance that a revision makes a correct answer wrong.
            weights: The share of each class, summing to 1; by default all the same.
            sensitivity: s = P(accept | correct). The default, like that of `specificity`, is a
                verifier without information: an unmeasured verifier is not trusted.
            specificity: u = P(reject | wrong).
            accept_threshold: A score of at least this much accepts, in [0, 1].
            settling: d in (0, 1]; the revision at depth t has rates αdᵗ and βdᵗ.
            coincidence: κ in (0, 1], the chance that two independent wrong answers coincide; by
                default .25, or 1/M where that is more.
            plausible_wrong: M ≥ 1/κ, how many wrong answers a question may have; with M = 1/κ all
                are equally likely. By default any number: wrong answers come from an urn in which
                those already drawn are likelier to come again, θ = 1/κ − 1.
            retention: σ in [0, 1], the chance that an unrepaired wrong answer comes back
                unchanged; by default κ, as if it were drawn afresh.
            verdict_correlation: ρ in [0, 1]; 0 where every verdict is drawn anew, 1 where the same
                answer always gets the same one.
            source: Where the rates come from, in a sentence.

        Raises:
            ValueError: If a rate leaves its range, or lengths differ.
        """
        if weights is None:
            by_class = (initial, repair, corruption, sensitivity, specificity, retention)
            n_classes = max(np.size(rate) for rate in by_class if rate is not None)
            weights = [1 / n_classes] * n_classes
        kappa = usual_coincidence(plausible_wrong) if coincidence is None else coincidence
        rates = Rates(
            weights=weights,
            initial=initial,
            repair=repair,
            corruption=corruption,
            sensitivity=sensitivity,
            specificity=specificity,
            accept_threshold=accept_threshold,
            settling=settling,
            coincidence=kappa,
            plausible_wrong=plausible_wrong,
            retention=kappa if retention is None else retention,
            verdict_correlation=verdict_correlation,
        )
        return cls(rates, source)

    @classmethod
    def training_free(cls) -> "Calibration":
        """Return MarkovScale⁰: a broad prior over rates, updated only by the current run.

        Its `rates` are 63 chains, p₀ × α × β, with what is expected of the rest, for forecasts and
        for `dataclasses.replace`. Untouched they stand for the whole prior, whose other factors (σ,
        θ, and how lenient and how good the verifier is) are weighed by the run as well: so decides
        `Criterion(Calibration.training_free())`, also after saving and loading. Rates with any
        change are a mixture like any other. See `theory/prior_factors.py`.
        """
        return cls(
            training_free_rates(),
            "training-free prior (MarkovScale⁰): nothing was measured",
        )

    @classmethod
    def preset(cls, name: str) -> "Calibration":
        """Return the rates of a kind of loop, where none of your own were measured.

        `"code_with_tests"`: programs that are revised by the tests that they fail. Its metadata
        lists the public loops that the rates come from, with their sources. There is none for
        self-correction: it was not clearly better than no preset.

        Raises:
            ValueError: If there is no preset of that name.
        """
        return cls.load(path_of(name))

    def report(
        self, *, cost_per_round: float = 0.01, max_rounds: int = 8, seed: int = 0
    ) -> "Report":
        """Return what the calibration says: whether revising pays, how sure that is, and why.

        Args:
            cost_per_round: c in [0, 0.5), the cost at which a policy is recommended, in units of
                accuracy.
            max_rounds: The most attempts that the policy may make, the first included.
            seed: Seed of the simulation of what the criterion buys; the fit has its own.

        Returns:
            An object that prints as text and shows itself in notebooks; `.markdown`, `.html()`
            and, with the extra `plot`, methods that plot.

        Raises:
            ValueError: If an argument leaves its range.
        """
        from langchain_markovscale.calibration.report.findings import find
        from langchain_markovscale.calibration.report.report import Report

        return Report(find(self, cost_per_round=cost_per_round, max_rounds=max_rounds, seed=seed))

    def drift(
        self, traces: Iterable[Trace] | str | PathLike[str], *, alpha: float = 0.05
    ) -> "DriftReport":
        """Return whether, and since when, the rates no longer hold in later runs.

        A sequential test, which may be repeated after every trace: where nothing changes, the
        chance of any false alarm, ever, is at most `alpha`, see `calibration/change_test.py`.

        Args:
            traces: Later runs in the order in which they were made, or the path of a file of them.
                With labels p₀, α, β and the verifier's rates are watched; without, how often the
                verifier accepts, revisions change nothing, and fresh answers agree.
            alpha: Chance of any false alarm, in (0, 1).

        Returns:
            An object that prints as text and shows itself in notebooks; with `.drifted`.

        Raises:
            ValueError: If `alpha` leaves its range, nothing was measured, or nothing can be seen.
        """
        from langchain_markovscale.calibration.drift import find_drift

        return find_drift(self, traces, alpha)

    def diff(self, after: "Calibration", *, level: float = 0.95) -> "Difference":
        """Return what is different in another calibration, made after a new prompt or model.

        Args:
            after: The later calibration.
            level: Coverage of the intervals, in (0, 1).

        Returns:
            An object that prints as text and shows itself in notebooks: each rate before and after,
            the change with its interval, and whether that is within noise.

        Raises:
            ValueError: If the level leaves its range.
        """
        from langchain_markovscale.calibration.difference import difference

        return difference(self, after, level)

    def summary(self, level: float | None = None) -> RateTable:
        """Return every rate with its interval, as a table.

        Args:
            level: Coverage of the intervals, in (0, 1); by default that of the fit, and 0.9 where
                nothing was fitted.

        Returns:
            A table that prints as text and shows itself in notebooks, with a row for each rate:
            `name`, `estimate`, `low`, `high` and `n`. Intervals are the quantiles of `draws`, and
            reach to 0 where an event never happened in the traces, to 1 where it always did;
            where nothing was resampled, `low` and `high` are None. `n` is how many questions or
            events a rate rests on, None where that is not known.

        Raises:
            ValueError: If the level leaves its range.
        """
        scores = (self.decision or self.rates).scores
        return rate_table(self.rates, self.draws, self.fitted, self.source, level, scores)

    def conf_int(self, level: float = 0.9) -> dict[str, tuple[float, float] | None]:
        """Return the interval of each rate by its name, as in `summary`.

        Args:
            level: Coverage of the intervals, in (0, 1).

        Returns:
            `(low, high)`, or None where nothing was resampled.

        Raises:
            ValueError: If the level leaves its range.
        """
        return {row.name: row.interval for row in self.summary(level)}

    def save(self, path: str | Path) -> None:
        """Write the calibration as JSON.

        Args:
            path: The file; it is replaced whole or not at all.
        """
        calibration_file.write(self, path)

    @classmethod
    def load(cls, path: str | Path) -> "Calibration":
        """Read a calibration that `save` wrote, in this version or in an earlier one.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not a calibration, is of another version, lacks a field, or
                holds a value out of range; the message names the file and the field.
        """
        calibration: Calibration = calibration_file.read(cls, path)
        return calibration
