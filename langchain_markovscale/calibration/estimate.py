"""From traces to the parts of a calibration: fit, uncertainty, checks, warnings."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration import class_rates, em, selection
from langchain_markovscale.calibration.decision_classes import fit_grid
from langchain_markovscale.calibration.identifiability import (
    check_identifiable,
    check_identified,
    missing_labels,
)
from langchain_markovscale.calibration.latent_labels import wrong_draws
from langchain_markovscale.calibration.sufficient_statistics import (
    Statistics,
    collect,
    collect_table,
)
from langchain_markovscale.calibration.summary import Bin, Drift, FitSummary
from langchain_markovscale.calibration.verifier_scores import MeasuredVerifier, fit_scores
from langchain_markovscale.display.wording import counted, points
from langchain_markovscale.replay.pool import QuestionSample
from langchain_markovscale.theory.likelihood import BROKEN, KEPT, REPAIRED, UNREPAIRED
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.validation import check_level, whole
from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.provenance import CommonLoop, Loop
from langchain_markovscale.traces.trace import Trace, read_traces
from langchain_markovscale.types import ArgumentError

Floats = NDArray[np.float64]

FEW_QUESTIONS = 50
"""With fewer, what was measured is uncertain enough to say so."""
_MISFIT = 0.05  # held-out accuracy missed by more than this is worth a warning


class Fitted(NamedTuple):
    """The parts of a calibration.

    Attributes:
        rates: The fitted rates.
        decision: The rates to decide with, where they are others.
        draws: Fits to resampled questions, so that decisions account for uncertain rates.
        summary: What a report shows.
        loop: The loop that made the traces, as far as all of them tell the same.
    """

    rates: Rates
    decision: Rates | None
    draws: tuple[Rates, ...]
    summary: FitSummary
    loop: Loop


def fit_traces(
    traces: Any,
    *,
    n_classes: int | Literal["auto"],
    settling: bool,
    accept_threshold: float | None,
    n_bootstrap: int,
    level: float,
    seed: int,
    sample: QuestionSample | None = None,
) -> Fitted:
    """Fit rates to traces, read once; see `Calibration.fit` for the arguments but the `sample`.

    That takes each of the traces into account, where there is one.
    """
    _check_arguments(n_classes, settling, n_bootstrap, level, seed)
    common = CommonLoop()
    statistics = _statistics(traces, common, sample)
    check_identifiable(statistics)
    # A generator for each stage, so that an option of one does not change what another finds.
    stages = np.random.SeedSequence(seed).spawn(6)
    of_scores, of_fit, of_classes, of_bootstrap, of_thetas, of_check = map(
        np.random.default_rng, stages
    )
    model = fit_scores(
        statistics.scores,
        accept_threshold=accept_threshold,
        level=level,
        n_draws=max(n_bootstrap, 100),
        rng=of_scores,
    )
    first = 2 if n_classes == "auto" else n_classes
    problem, evidence, mode = selection.fit_with_evidence(
        statistics, model, first, of_fit, settling=settling
    )
    if n_classes == "auto":
        chosen, tried = selection.choose_classes(problem, of_classes)
        if chosen != first:
            mode = selection.fit_mode(problem, chosen, of_fit)
    else:
        tried = {first: selection.held_out(problem, first, of_classes)}
        chosen = first
    check_identified(statistics, model, mode, of_check, settling=settling)
    weights = selection.weighed_rows(problem, mode.parameters).sum(axis=1)
    wrong = wrong_draws(statistics, weights)
    grid = fit_grid(problem, mode) if n_classes == "auto" else None
    mode = mode._replace(
        parameters=selection.in_order(
            class_rates.estimated_rates(problem.events, problem.questions, mode.parameters)
        )
    )
    resampled = None
    if n_bootstrap:
        resampled = selection.bootstrap(problem, mode, n_bootstrap, of_bootstrap)
    if not statistics.depths:
        mode = mode._replace(parameters=_untried(mode.parameters))
        grid, resampled = grid and _untried(grid), resampled and _untried(resampled)

    measured = np.array([evidence.sensitivity, evidence.specificity])
    rates = _rates(mode.parameters, 1 / (1 + wrong.concentration), measured, model)
    decision = None
    if grid:
        plain = _rates(grid, wrong.coincidence, measured, model)
        decision = _with_scores(plain, statistics, problem, model, grid)
        decision = replace(decision, keyed=statistics.needs_keys)
    draws = tuple(
        _rates(resampled.pick(np.array([index])), 1 / (1 + theta), verdicts, model)
        for index, (theta, verdicts) in enumerate(
            zip(wrong.draws(n_bootstrap, of_thetas), model.draws[:n_bootstrap], strict=True)
        )
        if resampled
    )
    summary = _summary(
        statistics,
        problem,
        mode,
        resampled,
        model,
        tried,
        tried[chosen],
        seed,
        level,
        doubted=bool(n_bootstrap) or decision is not None,  # shrunk rates are doubted as well
    )
    return Fitted(rates, decision, draws, summary, common.loop)


def _check_arguments(
    n_classes: Any, settling: bool, n_bootstrap: int, level: float, seed: int
) -> None:
    """Refuse invalid options of a fit."""
    whole_number = isinstance(n_classes, Integral) and not isinstance(n_classes, bool)
    if n_classes != "auto" and not (whole_number and n_classes >= 1):
        raise ArgumentError(
            "n_classes", f"must be a whole number of at least 1, or 'auto', got {n_classes!r}."
        )
    if not isinstance(settling, (bool, np.bool_)):
        raise ArgumentError("settling", f"must be True or False, got {settling!r}.")
    whole("n_bootstrap", n_bootstrap)
    whole("seed", seed)
    check_level(level)


def _statistics(traces: Any, common: CommonLoop, sample: QuestionSample | None) -> Statistics:
    if hasattr(traces, "shape"):
        return collect_table(traces)
    if isinstance(traces, (str, PathLike)):
        read = read_traces(Path(traces))
    elif isinstance(traces, Iterable):
        read = _checked(traces)
    else:
        raise ValueError(f"traces must be traces, a path or an array, got {traces!r}.")
    noted = common.noting(read)
    return collect(noted if sample is None else sample.noting(noted))


def _checked(traces: Iterable[Trace]) -> Iterator[Trace]:
    for number, trace in enumerate(traces):
        try:
            yield cast("Trace", checked(trace))
        except ValueError as error:
            raise ValueError(
                f"traces[{number}]: {error} Give traces as read_traces yields them, the path of "
                "such a file, or an array of 0 and 1."
            ) from None


def _untried(parameters: em.Parameters) -> em.Parameters:
    """Without a single revision in the traces, a revision is not expected to change anything."""
    nothing = np.zeros_like(parameters.repair)
    return parameters._replace(repair=nothing, corruption=nothing)


def _rates(
    parameters: em.Parameters, kappa: float, verdicts: Floats, model: MeasuredVerifier
) -> Rates:
    """Return the rates of one fit.

    Args:
        parameters: The chains, a batch of one.
        kappa: κ.
        verdicts: (s, u).
        model: What else is known of the verifier.
    """
    sensitivity, specificity = verdicts
    return Rates(
        weights=parameters.weights[0],
        initial=parameters.initial[0],
        repair=parameters.repair[0],
        corruption=parameters.corruption[0],
        sensitivity=sensitivity,
        specificity=specificity,
        accept_threshold=model.accept_threshold,
        settling=float(parameters.settling[0]),
        coincidence=kappa,
        retention=parameters.retention[0],
        verdict_correlation=model.correlation,
    )


def _with_scores(
    rates: Rates,
    statistics: Statistics,
    problem: selection.Problem,
    model: MeasuredVerifier,
    grid: em.Parameters,
) -> Rates:
    """Return rates that know what scores say of an answer, where scores get any weight."""
    rows = em.responsibilities(problem.events, grid)[0]
    classes = np.add.reduceat(rows, problem.events.starts)[statistics.groups]
    law = model.law(classes, grid.initial[0])
    if law is None:
        return rates
    rates = replace(rates, scores=law)
    # What s and u are by class, the question's intercept averaged.
    wrong, right = rates.score_model.accepted @ rates.score_model.weights
    return replace(rates, sensitivity=right, specificity=1 - wrong)


def _summary(
    statistics: Statistics,
    problem: selection.Problem,
    mode: selection.Mode,
    resampled: em.Parameters | None,
    model: MeasuredVerifier,
    tried: dict[int, selection.HeldOut],
    held_out: selection.HeldOut,
    seed: int,
    level: float,
    *,
    doubted: bool,
) -> FitSummary:
    revisions = max(problem.events.depths, statistics.seen.shape[1] - 1)
    tails = ((1 - level) / 2, (1 + level) / 2)
    forecast = selection.forecast(held_out.parameters, revisions).mean(axis=0)
    right, total = statistics.seen
    return FitSummary(
        questions=statistics.n_questions,
        attempts=statistics.attempts,
        labelled=statistics.n_labelled,
        keyed=statistics.keyed,
        no_key=dict(statistics.no_key),
        seed=seed,
        level=level,
        intervals=_intervals(resampled, problem, mode, model, tails) if resampled else {},
        right=_floats(right),
        total=_floats(total),
        fitted=_floats(selection.forecast(mode.parameters, revisions)[0]),
        band=_quantiles(selection.forecast(resampled, revisions), tails) if resampled else (),
        held_out=_floats(forecast),
        class_likelihood={str(n): each.mean for n, each in tried.items()},
        drift=_drift(problem, mode.parameters),
        auc=None if np.isnan(model.auc) else model.auc,
        auc_interval=model.auc_interval,
        auc_within=model.auc_within,
        auc_within_interval=model.auc_within_interval,
        reliability=tuple(cast("Bin", _floats(row)) for row in model.reliability),
        warnings=tuple(_warnings(statistics, model, forecast, doubted=doubted)),
    )


def _intervals(
    resampled: em.Parameters,
    problem: selection.Problem,
    mode: selection.Mode,
    model: MeasuredVerifier,
    tails: tuple[float, float],
) -> dict[str, tuple[tuple[float, float], ...]]:
    """(low, high) of each rate by class.

    Where an event never happened, 0 is as likely as any rate that a draw has, and is the low end;
    where it always did, 1 is the high one.
    """
    values = {
        "weights": resampled.weights,
        "initial": resampled.initial,
        "repair": resampled.repair,
        "corruption": resampled.corruption,
        "settling": resampled.settling[:, None],
        "sensitivity": model.draws[:, :1],
        "specificity": model.draws[:, 1:],
    }
    seen = class_rates.all_trials(problem.events, problem.questions[None], mode.parameters)
    counts = {name: tuple(each[0].tolist()) for name, each in seen.items()}
    if model.informative:
        counts |= model.outcomes
    intervals = {}
    for name, each in values.items():
        happened, missed = counts.get(name, (1.0, 1.0))
        intervals[name] = tuple(
            (low if happened else 0.0, high if missed else 1.0)
            for low, high in _quantiles(each, tails)
        )
    return intervals


def _quantiles(values: Floats, tails: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """(low, high) of each column, over the rows."""
    low, high = np.quantile(values, tails, axis=0, method="weibull").tolist()
    return tuple(zip(low, high, strict=True))


def _drift(problem: selection.Problem, parameters: em.Parameters) -> tuple[Drift, ...]:
    """Revisions by depth as they were and as the fit expects them, classes accounted for."""
    events, depths = problem.events, problem.events.depths
    if not depths:
        return ()
    by_class = selection.weighed_rows(problem, parameters).T @ events.counts
    moves = np.moveaxis(class_rates.by_depth(by_class), 0, -1)  # (T, 4, K)
    survival = parameters.settling[0] ** np.arange(depths)[:, None]
    n_right = moves[:, KEPT] + moves[:, BROKEN]
    n_wrong = moves[:, REPAIRED] + moves[:, UNREPAIRED]
    rows = np.stack(
        [
            n_wrong.sum(1),
            moves[:, REPAIRED].sum(1),
            (n_wrong * parameters.repair[0] * survival).sum(1),
            n_right.sum(1),
            moves[:, BROKEN].sum(1),
            (n_right * parameters.corruption[0] * survival).sum(1),
        ],
        axis=1,
    )
    return tuple(cast("Drift", _floats(row)) for row in rows)


def _warnings(
    statistics: Statistics, model: MeasuredVerifier, forecast: Floats, *, doubted: bool
) -> list[str]:
    messages = []
    if statistics.n_questions < FEW_QUESTIONS:
        care = (
            "decisions take that into account"
            if doubted
            else "decisions treat them as certain, since n_bootstrap is 0"
        )
        questions = counted(statistics.n_questions, "question")
        messages.append(f"only {questions}: the rates are uncertain, and {care}.")
    if not statistics.depths:
        messages.append(
            "no revision was recorded, and nothing is known of what one does: the rates take it to "
            "change no answer. Record revisions too, for instance three of every first answer, or "
            'let the loop only draw afresh, with actions=("generate",).'
        )
    if missing := missing_labels(statistics):
        messages.append(
            f"{missing}: the rates assume that answers which agree are right. Label some attempts "
            "to check that."
        )
    if not statistics.several_starts:
        messages.append(
            "one fresh start for each question: classes of questions can hardly be told apart. "
            "Record at least two."
        )
    if statistics.censored:
        messages.append(
            f"the loop's own rule ended {statistics.censored:,} of "
            f"{counted(statistics.n_questions, 'question')}: rates are corrected for that, "
            "forecasts of later rounds are not compared with what was seen there, and what the "
            "rule delivers is not measured on them."
        )
    messages += model.warnings
    right, total = statistics.seen
    seen = right / np.maximum(total, 1)
    missed = np.abs(seen - forecast[: len(seen)])[total > 0]
    if len(missed) and missed.max() > _MISFIT:
        messages.append(
            f"the fit misses the accuracy of held-out questions by up to {points(missed.max())}: "
            "do not rely on forecasts over many revisions."
        )
    return messages


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
