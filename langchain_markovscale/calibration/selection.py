"""From the counts of traces to rates, their uncertainty, and whether they may be used.

Two classes with settling under weak priors are the default; more classes only where the
likelihood of held-out questions says so. Labelled, partly labelled and unlabelled traces take the
same path; where nothing identifies the rates of unlabelled ones, the fit refuses.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration import em
from langchain_markovscale.calibration.class_rates import drawn_rates, trials_by_question
from langchain_markovscale.calibration.latent_labels import (
    Evidence,
    all_events,
    first_evidence,
    updated_evidence,
)
from langchain_markovscale.calibration.sufficient_statistics import Statistics
from langchain_markovscale.calibration.verifier_scores import MeasuredVerifier
from langchain_markovscale.theory.mixture import ChainMixture
from langchain_markovscale.theory.urn import Urn

Floats = NDArray[np.float64]

_STARTS = 8
_FOLDS, _DEALS = 5, 2  # questions are dealt into folds this often
_STARTS_OF_A_FOLD = 4
_MOST_CLASSES = 4
_SURE = 2.0  # standard errors by which another class must raise the held-out likelihood
_FEW_TO_COMPARE = 20  # questions; the standard error from fewer says too little
_ROUGHLY = 1e-4  # log density, far below what tells numbers of classes apart
_ROUNDS = 30  # of weighing hypotheses and counting the evidence again
_CLEARLY_BETTER = 2.0  # log density by which settling must help to be noticed
_NOTICEABLE = 0.9  # settling nearer to 1 than this changes no plan of a few rounds


class Problem(NamedTuple):
    """What is to be fitted, once the evidence beside the chains is known."""

    events: em.Events
    questions: Floats  # (G,)
    settling: bool


class Mode(NamedTuple):
    """The best fit with a given number of classes, classes in falling order of p₀."""

    parameters: em.Parameters  # a batch of one
    rivals: em.Fit  # all starts


class HeldOut(NamedTuple):
    """What fits on four fifths of the questions predict for the remaining fifth.

    Attributes:
        likelihood: Log likelihood of each question of each group, shape (F, G).
        questions: Held-out questions, shape (F, G); each question is held out once a deal.
        parameters: The fits, a batch of F.
    """

    likelihood: Floats
    questions: Floats
    parameters: em.Parameters

    @property
    def mean(self) -> float:
        """Log likelihood of a question."""
        return float((self.likelihood * self.questions).sum() / self.questions.sum())

    def gain_over(self, other: "HeldOut") -> tuple[float, float]:
        """Return the mean gain in log likelihood of a question, and its standard error."""
        n = self.questions.sum()
        gain = self.likelihood - other.likelihood
        mean = float((gain * self.questions).sum() / n)
        variance = float((gain**2 * self.questions).sum() / n) - mean**2
        return mean, float(np.sqrt(max(variance, 0.0) * _DEALS / n))


def fit_mode(problem: Problem, n_classes: int, rng: np.random.Generator) -> Mode:
    """Fit from several starts and return the best."""
    starts = em.random_starts(_STARTS, n_classes, rng, settling=problem.settling)
    found = em.fit(problem.events, problem.questions[None], starts, settling=problem.settling)
    return Mode(in_order(found.parameters.pick(np.array([found.objective.argmax()]))), found)


def fit_with_evidence(
    statistics: Statistics,
    model: MeasuredVerifier,
    n_classes: int,
    rng: np.random.Generator,
    *,
    settling: bool,
    urn: Urn | None = None,
) -> tuple[Problem, Evidence, Mode]:
    """Fit chains and, where labels are missing, the evidence with them, until both converge.

    Args:
        statistics: The counts of the traces.
        model: What labelled scores say of the verifier.
        n_classes: K.
        rng: Source of randomness.
        settling: Whether d is fitted.
        urn: Where wrong answers come from, if that is to be assumed.
    """
    evidence = first_evidence(statistics, model)
    if urn is not None:
        evidence = evidence._replace(urn=urn)
    settling = settling and statistics.depths > 1  # one depth says nothing of the next
    problem = Problem(*all_events(statistics, evidence), settling)
    mode = fit_mode(problem, n_classes, rng)
    if settling and _steady(problem, mode):
        settling = False
        problem = problem._replace(settling=False)
        mode = fit_mode(problem, n_classes, rng)
    if not statistics.rivals:
        return problem, evidence, mode
    parameters = mode.parameters
    for _ in range(_ROUNDS):
        shares = weighed_rows(problem, parameters).sum(axis=1)
        now = updated_evidence(statistics, evidence, shares)
        if urn is not None:
            now = now._replace(urn=urn)
        settled = now.is_near(evidence)
        evidence = now
        problem = Problem(*all_events(statistics, evidence), settling)
        found = em.fit(problem.events, problem.questions[None], parameters, settling=settling)
        parameters = found.parameters
        if settled:
            break
    return problem, evidence, fit_mode(problem, n_classes, rng)


def weighed_rows(problem: Problem, parameters: em.Parameters) -> Floats:
    """Return how many questions' worth each row weighs in each class, shape (R, K).

    Args:
        problem: The events, and how many questions each group of rows stands for.
        parameters: The fit that weighs them, a batch of one.
    """
    return np.asarray(em.weighed_rows(problem.events, problem.questions[None], parameters)[0])


def _steady(problem: Problem, mode: Mode) -> bool:
    """Whether the traces rule settling out, so that leaving d free would only add noise.

    Few traces never do: there a d below 1 keeps forecasts near what was last seen. Many show that
    d = 1 explains them as well as the best d does, and that a noticeable settling does not.
    """
    fixed = np.array([1.0, _NOTICEABLE])
    start = em.Parameters(*(np.repeat(each, len(fixed), axis=0) for each in mode.parameters))
    found = em.fit(
        problem.events, problem.questions[None], start._replace(settling=fixed), settling=False
    )
    best, none, noticeable = (
        float((em.log_likelihood(problem.events, each) * problem.questions).sum())
        for each in (mode.parameters, *(found.parameters.pick(np.array([i])) for i in (0, 1)))
    )
    return none > best - 1 and noticeable < none - _CLEARLY_BETTER


def held_out(problem: Problem, n_classes: int, rng: np.random.Generator) -> HeldOut:
    """Fit on all folds but one, for each fold, and score the one left out."""
    many = problem.questions.astype(np.int64)
    group = np.repeat(np.arange(len(many)), many)
    by_fold = []
    for _ in range(_DEALS):
        fold = rng.permutation(len(group)) % _FOLDS
        by_fold += [np.bincount(group[fold == f], minlength=len(many)) for f in range(_FOLDS)]
    out = np.array(by_fold, dtype=np.float64)
    kept = np.repeat(problem.questions - out, _STARTS_OF_A_FOLD, axis=0)
    starts = em.random_starts(len(kept), n_classes, rng, settling=problem.settling)
    found = em.fit(problem.events, kept, starts, settling=problem.settling, tolerance=_ROUGHLY)
    first = np.arange(len(out)) * _STARTS_OF_A_FOLD
    best = first + found.objective.reshape(-1, _STARTS_OF_A_FOLD).argmax(axis=1)
    parameters = in_order(found.parameters.pick(best))
    return HeldOut(em.log_likelihood(problem.events, parameters), out, parameters)


def choose_classes(problem: Problem, rng: np.random.Generator) -> tuple[int, dict[int, HeldOut]]:
    """Return how many classes to use: two, or more while held-out questions clearly ask for it."""
    seed = int(rng.integers(2**63))  # the same folds for every number of classes
    tried = {2: held_out(problem, 2, np.random.default_rng(seed))}
    chosen = 2
    if problem.questions.sum() < _FEW_TO_COMPARE:
        return chosen, tried
    for n_classes in range(3, _MOST_CLASSES + 1):
        tried[n_classes] = held_out(problem, n_classes, np.random.default_rng(seed))
        gain, error = tried[n_classes].gain_over(tried[chosen])
        if gain <= _SURE * error:
            break
        chosen = n_classes
    return chosen, tried


def bootstrap(
    problem: Problem, mode: Mode, n_draws: int, rng: np.random.Generator
) -> em.Parameters:
    """Refit on questions drawn with replacement, from the mode; a batch of `n_draws`.

    What is imagined beside them is drawn as well, see `class_rates.py`. Classes keep the mode's
    order, so that each is the same one in all fits.
    """
    n = int(problem.questions.sum())
    questions = rng.multinomial(n, problem.questions / n, size=n_draws).astype(np.float64)
    start = em.Parameters(*(np.repeat(each, n_draws, axis=0) for each in mode.parameters))
    doubts = em.WEAK.settling * rng.standard_exponential((2, n_draws))
    prior = em.WEAK._replace(settling=doubts)
    found = em.fit(problem.events, questions, start, settling=problem.settling, prior=prior)
    seen = trials_by_question(problem.events, problem.questions, mode.parameters)
    return drawn_rates(problem.events, questions, found.parameters, seen, rng)


def in_order(parameters: em.Parameters) -> em.Parameters:
    """Return the same mixtures with classes in falling order of p₀."""
    *by_class, settling = parameters
    order = np.argsort(-parameters.initial, axis=1, kind="stable")
    return em.Parameters(
        *(*(np.take_along_axis(each, order, axis=1) for each in by_class), settling)
    )


def forecast(parameters: em.Parameters, revisions: int) -> Floats:
    """Return accuracy after 0 … `revisions` revisions, shape (B, revisions + 1)."""
    t = np.arange(revisions + 1)
    chains = parameters._asdict()
    del chains["retention"]
    return np.array([ChainMixture(*one).accuracy(t) for one in zip(*chains.values(), strict=True)])
