"""Expectation-maximisation for a mixture of chains, many fits at once.

Every fit (a start, a fold, a bootstrap sample) is one entry of a leading batch axis B, so that two
hundred of them cost little more than one. The data are rows of event counts: one row for a question
whose labels are known, one for each hypothesis about its answers where they are not.

Settling is fitted by thinning: a repair at depth t is thought of as a repair at the first depth, of
chance α, that also survives t trials of chance d each. Both are then Bernoulli trials, and every
step is in closed form. Squared extrapolation (Varadhan and Roland, 2008) saves many small steps.
"""

from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.likelihood import (
    BROKEN,
    DEPTH,
    DRAWN_RIGHT,
    DRAWN_WRONG,
    KEPT,
    MOVED,
    REPAIRED,
    REVISED,
    STUCK,
    UNREPAIRED,
    event_table,
)

Floats = NDArray[np.float64]

_EDGE = 1e-6  # rates stay this far inside (0, 1), so that logarithms are finite
_HALF = 0.5  # pseudo-counts each way: Beta(3/2, 3/2) and Dirichlet(3/2)
# Pseudo-trials each way for d, Beta(2, 2): a forecast extrapolates by d, and without this much
# doubt it follows the noise of the last round seen. A few hundred questions outweigh it.
_DOUBT = np.ones((2, 1))
_MOST_THINNINGS, _THINNED = 500, 1e-9  # steps of a rate alone, and a change that ends them


@dataclass(frozen=True)
class Events:
    """What was seen, in the form that the fit needs.

    Attributes:
        counts: Shape (R, 4 + 4T), the columns of `theory/likelihood.py`: draws right and wrong,
            unrepaired answers that are stuck and that have moved, then for each depth t < T the
            revisions right→right, right→wrong, wrong→right and wrong→wrong.
        offsets: Shape (R,): the other evidence for a row's hypothesis, as a logarithm.
        starts: Shape (G,): the first row of each group of rivalling hypotheses.
    """

    counts: Floats
    offsets: Floats
    starts: NDArray[np.int64]

    @property
    def depths(self) -> int:
        """T, how many depths of revision were seen."""
        return int(self.counts.shape[1] - REVISED) // DEPTH


class Parameters(NamedTuple):
    """The mixture's parameters, for each of B fits."""

    weights: Floats  # (B, K)
    initial: Floats  # (B, K)
    repair: Floats  # (B, K)
    corruption: Floats  # (B, K)
    retention: Floats  # (B, K)
    settling: Floats  # (B,)

    def pick(self, index: NDArray[np.int64]) -> "Parameters":
        """Return the fits at `index` of the batch, in that order."""
        return Parameters(*(each[index] for each in self))


class Fit(NamedTuple):
    """B fits: their parameters and, for each, the log posterior density up to a constant."""

    parameters: Parameters
    objective: Floats  # (B,)


class Prior(NamedTuple):
    """Pseudo-counts each way of every rate: Beta(1+n₁, 1+n₀), for weights Dirichlet(1+n).

    Attributes:
        weights: Shape (1, K or 1).
        initial: Of correct, then of wrong draws, shape (2, 1, K or 1).
        repair: Of repaired, then of unrepaired answers, in the same shape.
        corruption: Of corrupted, then of kept answers, in the same shape.
        retention: Of stuck, then of moved answers, in the same shape.
        settling: Of trials that d survives, then of others, shape (2, B or 1).
    """

    weights: Floats
    initial: Floats
    repair: Floats
    corruption: Floats
    retention: Floats
    settling: Floats = _DOUBT


WEAK = Prior(np.full((1, 1), _HALF), *(np.full((2, 1, 1), _HALF) for _ in range(4)))
"""Half a pseudo-count each way, of d a whole one."""


def random_starts(
    n_starts: int, n_classes: int, rng: np.random.Generator, *, settling: bool
) -> Parameters:
    """Return starting points spread over the space of rates, classes in falling order of p₀."""
    shape = (n_starts, n_classes)
    initial = np.sort(rng.uniform(0.05, 0.95, shape), axis=1)[:, ::-1]
    return Parameters(
        np.full(shape, 1 / n_classes),
        np.ascontiguousarray(initial),
        rng.uniform(0.05, 0.6, shape),
        rng.uniform(0.02, 0.4, shape),
        np.full(shape, 0.5),
        rng.uniform(0.5, 0.95, n_starts) if settling else np.ones(n_starts),
    )


def fit(
    events: Events,
    questions: Floats,
    start: Parameters,
    *,
    settling: bool,
    fixed_initial: bool = False,
    prior: Prior = WEAK,
    tolerance: float = 1e-6,
    most_steps: int = 300,
) -> Fit:
    """Climb to a posterior mode from every start.

    Args:
        events: The rows of counts.
        questions: Shape (B, G) or (1, G): how many questions each group stands for, in each fit.
        start: Where to start, B fits.
        settling: Whether d is fitted; else it stays at its start.
        fixed_initial: Whether p₀ stays at its start, a grid whose weights are fitted.
        prior: Pseudo-counts.
        tolerance: A fit has arrived when a step gains less than this in log density.
        most_steps: Accelerated steps, of three plain ones each.

    Returns:
        The modes, and the log posterior density at each.
    """
    here = Parameters(*(each.copy() for each in start))
    value = np.full(len(start.settling), -np.inf)
    live = np.arange(len(start.settling))
    weighting = np.broadcast_to(questions, (len(live), questions.shape[1]))
    doubts = np.broadcast_to(prior.settling, (2, len(live)))
    fixed = _Fixed(not settling, fixed_initial)
    for _ in range(most_steps):
        current = here.pick(live)
        weights, prior = weighting[live], prior._replace(settling=doubts[:, live])
        once, _ = _step(events, weights, current, prior, fixed)
        twice, _ = _step(events, weights, once, prior, fixed)
        leap = _extrapolate(current, once, twice)
        landed, by_leap = _step(events, weights, leap, prior, fixed)
        fallback, by_steps = _step(events, weights, twice, prior, fixed)
        reached = _density(by_leap, weights, leap, prior)
        plain = _density(by_steps, weights, twice, prior)
        # A leap may overshoot; the plain steps never lose.
        better = reached >= plain
        moved = Parameters(
            *(
                np.where(better if a.ndim == 1 else better[:, None], a, b)
                for a, b in zip(landed, fallback, strict=True)
            )
        )
        gained = np.maximum(reached, plain) - value[live]
        for target, source in zip(here, moved, strict=True):
            target[live] = source
        value[live] = np.maximum(reached, plain)
        live = live[gained > tolerance]
        if not len(live):
            break
    return Fit(here, log_density(events, weighting, here, prior._replace(settling=doubts)))


def log_likelihood(events: Events, parameters: Parameters) -> Floats:
    """Return ln P(group | parameters), shape (B, G)."""
    return _weighed(events, _row_scores(events, parameters))[0]


def log_density(
    events: Events, questions: Floats, parameters: Parameters, prior: Prior = WEAK
) -> Floats:
    """Return the log likelihood of all questions plus the log priors, shape (B,)."""
    return _density(log_likelihood(events, parameters), questions, parameters, prior)


def responsibilities(events: Events, parameters: Parameters) -> Floats:
    """Return P(class, hypothesis | group) for each row, shape (B, R, K); sums to 1 in a group."""
    return _weighed(events, _row_scores(events, parameters))[1]


def weighed_rows(events: Events, questions: Floats, parameters: Parameters) -> Floats:
    """Return how many questions' worth each row weighs in each class, shape (B, R, K).

    Args:
        events: The rows of counts.
        questions: Shape (B, G) or (1, G): how many questions each group stands for, in each fit.
        parameters: The fits that weigh them.
    """
    return responsibilities(events, parameters) * _spread(events, questions)[:, :, None]


def best_rate(
    happened: Floats, missed: Floats, settling: Floats, prior: Floats, start: Floats
) -> Floats:
    """Return the rate at the first depth that explains counts best where d is known, shape (B, K).

    Args:
        happened: Counts of the event, shape (B, T, K).
        missed: Counts of its absence, shape (B, T, K).
        settling: d, shape (B,).
        prior: Pseudo-counts of both, shape (2, B, K).
        start: A first guess, shape (B, K).
    """
    survival, rate = _survival(settling, happened.shape[1]), start
    for _ in range(_MOST_THINNINGS):
        before, (rate, _) = rate, _thin(rate, survival, happened, missed, prior)
        if np.abs(rate - before).max() < _THINNED:
            break
    return rate


class _Fixed(NamedTuple):
    """What stays where it starts."""

    settling: bool
    initial: bool


def _step(
    events: Events, questions: Floats, now: Parameters, prior: Prior, fixed: _Fixed
) -> tuple[Parameters, Floats]:
    """One plain step, and the log likelihood of each group where it starts from, (B, G)."""
    total, shares = _weighed(events, _row_scores(events, now))
    shares *= _spread(events, questions)[:, :, None]
    expected = np.matmul(events.counts.T, shares)  # (B, 4 + 4T, K)

    in_class = np.ones(shares.shape[1]) @ shares + prior.weights
    weights = in_class / in_class.sum(axis=1, keepdims=True)
    initial = now.initial
    if not fixed.initial:
        initial = _share(expected[:, DRAWN_RIGHT], expected[:, DRAWN_WRONG], prior.initial)
    after = now._replace(weights=weights, initial=initial)
    if not events.depths:
        return after, total

    retention = _share(expected[:, STUCK], expected[:, MOVED], prior.retention)
    moves = expected[:, REVISED:].reshape(len(shares), events.depths, DEPTH, -1)
    survival = _survival(now.settling, events.depths)
    repaired, broken = moves[:, :, REPAIRED], moves[:, :, BROKEN]
    missed, kept = moves[:, :, UNREPAIRED], moves[:, :, KEPT]
    repair, unrepaired = _thin(now.repair, survival, repaired, missed, prior.repair)
    corruption, unbroken = _thin(now.corruption, survival, broken, kept, prior.corruption)
    d = now.settling
    if not fixed.settling:
        d = _settling(survival, prior.settling, (repaired, unrepaired), (broken, unbroken))
    return inside(Parameters(weights, initial, repair, corruption, retention, d)), total


def _share(happened: Floats, missed: Floats, prior: Floats) -> Floats:
    """Return the rate of an event from expected counts, each of shape (B, K)."""
    happened, missed = happened + prior[0], missed + prior[1]
    return np.asarray(happened / (happened + missed))


def _thin(
    rate: Floats, survival: Floats, happened: Floats, missed: Floats, prior: Floats
) -> tuple[Floats, Floats]:
    """Update a rate whose event at depth t must also survive t trials of chance d.

    Args:
        rate: Shape (B, K).
        survival: dᵗ, shape (B, T).
        happened: Expected counts of the event, shape (B, T, K).
        missed: Expected counts of its absence, shape (B, T, K).
        prior: Pseudo-counts of both, shape (2, B or 1, K or 1).

    Returns:
        The new rate, and the expected counts of events that did not survive, shape (B, T, K).
    """
    survives = survival[:, :, None]
    lost = missed * rate[:, None] * (1 - survives) / (1 - rate[:, None] * survives)
    n = _over_depths(happened + missed)
    new = (_over_depths(happened + lost) + prior[0]) / (n + prior[0] + prior[1])
    return new, lost


def _settling(survival: Floats, prior: Floats, *thinned: tuple[Floats, Floats]) -> Floats:
    """Return d from the events that survived and those that did not, each of shape (B, T, K)."""
    t = np.arange(survival.shape[1])[None, :, None]
    survives = survival[:, :, None]
    d = survival[:, 1:2, None] if survival.shape[1] > 1 else np.ones_like(survives)
    with np.errstate(divide="ignore", invalid="ignore"):
        survived = np.where(survives < 1, t * (d - survives) / (1 - survives), 0.0)
    survivals = sum((happened * t + lost * survived).sum(axis=(1, 2)) for happened, lost in thinned)
    trials = sum(((happened + lost) * t).sum(axis=(1, 2)) for happened, lost in thinned)
    return np.asarray((survivals + prior[0]) / (trials + prior[0] + prior[1]))


def _over_depths(counts: Floats) -> Floats:
    """Sum counts of shape (B, T, K) over depths, one after the other, as is quick."""
    return np.asarray(reduce(np.add, counts.swapaxes(0, 1)))


def _row_scores(events: Events, parameters: Parameters) -> Floats:
    """Return ln P(row's events and class k), shape (B, R, K)."""
    weights, initial, repair, corruption, retention, settling = parameters
    survival = _survival(settling, events.depths)[:, :, None]
    by_depth = repair[:, None] * survival, corruption[:, None] * survival
    table = event_table(initial, retention, *by_depth)
    return np.asarray(
        np.matmul(events.counts, table) + np.log(weights)[:, None] + events.offsets[:, None]
    )


def _weighed(events: Events, scores: Floats) -> tuple[Floats, Floats]:
    """Return ln P(group), shape (B, G), and P(class, row | group), shape (B, R, K)."""
    # By class, for numpy reduces a short last axis slowly.
    highest = reduce(np.maximum, scores.transpose(2, 0, 1))
    shares = np.exp(scores - highest[:, :, None])
    of_row = np.einsum("brk->br", shares)
    total = np.log(of_row) + highest
    if len(events.starts) == total.shape[1]:
        shares /= of_row[:, :, None]
        return total, shares
    total = np.logaddexp.reduceat(total, events.starts, axis=1)
    shares *= np.exp(highest - _spread(events, total))[:, :, None]
    return total, shares


def _spread(events: Events, by_group: Floats) -> Floats:
    """Repeat a value of each group for each of its rows."""
    n_rows = len(events.counts)
    if len(events.starts) == n_rows:
        return by_group
    lengths = np.diff(np.append(events.starts, n_rows))
    return np.repeat(by_group, lengths, axis=1)


def _survival(settling: Floats, depths: int) -> Floats:
    return np.asarray(settling[:, None] ** np.arange(depths))


def _density(total: Floats, questions: Floats, parameters: Parameters, prior: Prior) -> Floats:
    """Return the log density, shape (B,), of log likelihoods of groups, shape (B, G)."""
    return np.asarray((questions * total).sum(axis=1) + _log_prior(parameters, prior))


def _log_prior(parameters: Parameters, prior: Prior) -> Floats:
    weights, *rates, settling = parameters
    total = prior.weights * np.log(weights)
    for rate, pseudo in zip(rates, prior[1:-1], strict=True):
        total = total + pseudo[0] * np.log(rate) + pseudo[1] * np.log1p(-rate)
    logs = np.log([settling, 1 - np.minimum(settling, 1 - _EDGE)])
    doubt = np.where(settling < 1, (prior.settling * logs).sum(axis=0), 0.0)
    return np.asarray(total.sum(axis=1) + doubt)


def _extrapolate(start: Parameters, once: Parameters, twice: Parameters) -> Parameters:
    """Leap along the path of two steps, in log-odds, where every point is a valid one."""
    a, b, c = (_flat(point) for point in (start, once, twice))
    first, bend = b - a, c - 2 * b + a
    norm = np.sqrt((bend**2).sum(axis=1))
    length = -np.sqrt((first**2).sum(axis=1)) / np.where(norm > 0, norm, 1)
    length = np.clip(np.where(norm > 0, length, -1.0), -64.0, -1.0)[:, None]
    leap = a - 2 * length * first + length**2 * bend
    n_classes = start.weights.shape[1]
    weights, *rates = np.split(leap, n_classes * np.arange(1, len(start)), 1)
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    *by_class, settling = (1 / (1 + np.exp(-np.clip(r, -30, 30))) for r in rates)
    d = np.where(start.settling == 1, 1.0, settling[:, 0])
    return inside(Parameters(*(weights, *by_class, d)))


def _flat(point: Parameters) -> Floats:
    """Logarithms of weights beside log-odds of rates, shape (B, 5K + 1)."""
    rates = np.concatenate([*point[1:-1], point.settling[:, None]], axis=1)
    rates = np.clip(rates, _EDGE, 1 - _EDGE)
    return np.concatenate([np.log(point.weights), np.log(rates) - np.log1p(-rates)], axis=1)


def inside(p: Parameters) -> Parameters:
    """Return parameters whose logarithms are finite."""
    weights = np.maximum(p.weights, _EDGE)
    weights /= weights.sum(axis=1, keepdims=True)
    *rates, settling = (np.minimum(np.maximum(rate, _EDGE), 1 - _EDGE) for rate in p[1:])
    return Parameters(*(weights, *rates, np.where(p.settling == 1, 1.0, settling)))
