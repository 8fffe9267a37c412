"""The rates of classes, once a fit has told which questions belong to them.

In some classes hardly a trial of a rate is seen: of α where first answers are right, of β where
they are wrong. So the rates of a class are drawn to those of all by a few pseudo-observations.

Resampling alone would repeat what was seen of a rare event as if it were certain. So a question in
which it happens and one in which it does not are imagined, see `resampling.py`: one of each for all
classes, which share it as they share the trials; one for each class would be many, and would draw
rare events up. They are added after the fit: within it, a class that explains what was seen without
them would take all questions over, and nothing of them would be left.

An estimate and its draws are of this one model. The estimate has half a trial each way where a draw
has a random number of them, and the rate of all where a draw has one from around it.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration import em
from langchain_markovscale.calibration.resampling import imagined_counts
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
)

Floats = NDArray[np.float64]
Trials = dict[str, Floats]
"""By the name of a rate, how often its event happened and how often it did not, shape (..., 2)."""

# Pseudo-observations of a class's rates at those of all questions. Classes differ in p₀, which is
# drawn only enough to have a value where hardly a draw is seen.
_PULL = {"initial": 0.25, "repair": 2.0, "corruption": 2.0, "retention": 2.0}
_HALF = 0.5  # trials each way, imagined in an estimate
_REVISED = {"repair": (REPAIRED, UNREPAIRED), "corruption": (BROKEN, KEPT)}
_DRAWN = {"initial": (DRAWN_RIGHT, DRAWN_WRONG), "retention": (STUCK, MOVED)}


def trials(counts: Floats, settling: Floats) -> Trials:
    """Return how often the event of each rate happened, and did not.

    Trials at a depth count as many as they would at the first one.

    Args:
        counts: The columns of `em.Events`, shape (..., 4 + 4T).
        settling: d, of a shape that broadcasts to the others of the counts.
    """
    found = {name: counts[..., list(columns)] for name, columns in _DRAWN.items()}
    moves = by_depth(counts)
    worth = settling[..., None] ** np.arange(moves.shape[-2])
    for name, (happened, missed) in _REVISED.items():
        times = moves[..., happened].sum(axis=-1)
        tried = ((moves[..., happened] + moves[..., missed]) * worth).sum(axis=-1)
        found[name] = np.stack([times, np.maximum(tried - times, 0)], axis=-1)
    return found


def all_trials(events: em.Events, questions: Floats, fit: em.Parameters) -> Trials:
    """Return the trials of all classes together, each rate's of shape (B, 2)."""
    return {
        name: each.sum(axis=1) for name, each in _trials_by_class(events, questions, fit)[1].items()
    }


def trials_by_question(events: em.Events, questions: Floats, fit: em.Parameters) -> Trials:
    """Return the trials of each question, each rate's of shape (Q, 2).

    Args:
        events: The rows of counts.
        questions: How many questions each group of rows stands for, shape (G,).
        fit: The fit that weighs the rows of a question, a batch of one.
    """
    shares = em.responsibilities(events, fit)[0].sum(axis=1)
    of_groups = np.add.reduceat(shares[:, None] * events.counts, events.starts)
    many = questions.astype(np.int64)
    return {
        name: np.repeat(each, many, axis=0)
        for name, each in trials(of_groups, fit.settling).items()
    }


def estimated_rates(events: em.Events, questions: Floats, fit: em.Parameters) -> em.Parameters:
    """Return a fit with the rates of every class drawn to those of all, a batch of one.

    Args:
        events: The rows of counts.
        questions: How many questions each group of rows stands for, shape (G,).
        fit: The fit, a batch of one.
    """
    imagined = dict.fromkeys(_PULL, np.full((1, 2), _HALF))
    return _with_imagined(events, questions[None], fit, imagined, lambda pull: pull)


def drawn_rates(
    events: em.Events,
    questions: Floats,
    fits: em.Parameters,
    seen: Trials,
    rng: np.random.Generator,
) -> em.Parameters:
    """Return resampled fits with rates as uncertain as few questions leave them, a batch of B.

    Args:
        events: The rows of counts.
        questions: How many questions each group of rows stands for in each fit, shape (B, G).
        fits: The fits to them.
        seen: The trials of each question that was seen.
        rng: Source of randomness.
    """
    imagined = {
        name: imagined_counts(each[:, 0], each.sum(axis=1), len(questions), rng)
        for name, each in seen.items()
    }
    # A class of which nothing is seen has the rate Beta(Nr, N(1−r)).
    return _with_imagined(events, questions, fits, imagined, rng.standard_gamma)


def _with_imagined(
    events: em.Events,
    questions: Floats,
    fits: em.Parameters,
    imagined: Mapping[str, Floats],
    pulled: Callable[[Floats], Floats],
) -> em.Parameters:
    """Return fits with rates counted again, with what is imagined beside what was seen.

    Args:
        events: The rows of counts.
        questions: How many questions each group stands for, shape (B, G).
        fits: The fits.
        imagined: By the name of the rate, trials each way, shape (B, 2).
        pulled: Returns the pseudo-observations of each class, from their means, shape (B, K, 2).
    """
    counts, by_class = _trials_by_class(events, questions, fits)
    moves, rates = by_depth(counts), {}
    for name, extra in imagined.items():
        seen, now = by_class[name], getattr(fits, name)
        tried, together = seen.sum(axis=2), seen.sum(axis=1) + extra
        total = tried.sum(axis=1, keepdims=True)
        shares = np.where(total > 0, tried / np.where(total > 0, total, 1), fits.weights)
        pooled = together / together.sum(axis=1, keepdims=True)
        pseudo = shares[:, :, None] * extra[:, None, :]
        pseudo += pulled(np.broadcast_to(_PULL[name] * pooled[:, None, :], pseudo.shape))
        if name in _DRAWN or not events.depths:
            happened, missed = np.moveaxis(seen + pseudo, -1, 0)
            rates[name] = happened / (happened + missed)
        else:
            happened, missed = (moves[..., kind].swapaxes(1, 2) for kind in _REVISED[name])
            prior = np.moveaxis(pseudo, -1, 0)
            rates[name] = em.best_rate(happened, missed, fits.settling, prior, now)
    return em.inside(fits._replace(**rates))


def _trials_by_class(
    events: em.Events, questions: Floats, fits: em.Parameters
) -> tuple[Floats, Trials]:
    """Return the columns of `em.Events` by class, (B, K, 4 + 4T), and the trials in them."""
    counts = em.weighed_rows(events, questions, fits).swapaxes(1, 2) @ events.counts
    return counts, trials(counts, fits.settling[:, None])


def by_depth(counts: Floats) -> Floats:
    """Return the columns of revisions by depth, shape (..., T, 4).

    Args:
        counts: The columns of `em.Events`, shape (..., 4 + 4T).
    """
    return counts[..., REVISED:].reshape(*counts.shape[:-1], -1, DEPTH)
