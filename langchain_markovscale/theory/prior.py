"""Belief where nothing was measured: the default prior, MarkovScale⁰.

The prior's factors (see `theory/prior_factors.py`) are independent given which answers are right,
so that the posterior over hypotheses is a product of six small sums, 33 numbers in place of 5,670
classes; it is their mixture, not a product, once hypotheses are summed out. Only this run's
attempts update it.

Where no attempt has a key, each draft is right or wrong on its own, see `theory/prior_drafts.py`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.decision_cache import Cache
from langchain_markovscale.theory.likelihood import (
    SeenAnswers,
    Step,
    read_attempts,
    read_run,
)
from langchain_markovscale.theory.mixture import check_weights
from langchain_markovscale.theory.optimum import DrawModel
from langchain_markovscale.theory.posterior import Posterior, Urns
from langchain_markovscale.theory.prior_drafts import drafts_posterior
from langchain_markovscale.theory.prior_evidence import (
    ScoredNodes,
    chances_given,
    event_logs,
    levels_of,
    read_draws,
    scored_nodes,
)
from langchain_markovscale.theory.prior_factors import (
    ACCEPT_THRESHOLD,
    AT_CONCENTRATION,
    AT_INITIAL,
    AT_RETENTION,
    CONCENTRATION,
    INITIAL,
    NODE_WEIGHTS,
    SCORES,
    log_weights,
    urns,
)
from langchain_markovscale.theory.prior_keys import KeysPosterior
from langchain_markovscale.theory.rates import Rates, training_free_rates
from langchain_markovscale.theory.score_order import rank
from langchain_markovscale.theory.scores import ScoreTable
from langchain_markovscale.types import Attempt

Floats = NDArray[np.float64]

_INITIAL = np.array(INITIAL.values)
_CACHED_RUNS = 256  # as many as orders of votes in runs of up to 8 fresh draws


class PriorBelief:
    """The posterior of the default prior, as a function of the attempts alone.

    Args:
        choices: Number of possible answers where they are a closed list, else None.

    Raises:
        ValueError: If `choices` is not a whole number of at least 2.
    """

    measured = False

    def __init__(self, choices: int | None = None) -> None:
        self.rates: Rates = training_free_rates()
        self.rates.among(choices)
        self.choices = choices
        self._urns = urns(choices)
        self._runs: Cache[tuple[Any, ...], tuple[Floats, Floats, Urns]] = Cache(_CACHED_RUNS)

    def draws(
        self, class_weights: Sequence[float] | None = None, *, scored: bool = True
    ) -> DrawModel:
        """Return what is known of fresh draws before any was made.

        Args:
            class_weights: P(p₀, α, β) for this question, as `prior` takes them.
            scored: Whether scores are to be counted on.
        """
        weights = np.exp(self._before(class_weights)[AT_INITIAL])
        urns = list(zip(CONCENTRATION.weights, self._urns, strict=True))
        shape = (2, len(_INITIAL), len(NODE_WEIGHTS))
        rejected = np.broadcast_to(SCORES.rejected()[:, None], shape)
        levels = np.stack([rejected, 1 - rejected], axis=1)
        scores = ScoreTable(np.array(NODE_WEIGHTS), levels, None) if scored else None
        return DrawModel(weights, _INITIAL, urns, scores)

    def prior(self, class_weights: Sequence[float] | None = None) -> Floats:
        """Return P(p₀, α, β) before any attempt, shape (63,), in the order of `rates`.

        Args:
            class_weights: Those of one question; None for those of the prior.

        Raises:
            ValueError: If they are no 63 shares that sum to 1.
        """
        if class_weights is None:
            return self.rates.arrays.weights
        weights = check_weights(class_weights)
        if len(weights) != self.rates.n_classes:
            raise ValueError(
                f"class_weights must be one share for each of the {self.rates.n_classes} classes, "
                f"got {len(weights)}: was the predictor trained for this calibration?"
            )
        return weights

    def posterior(
        self, attempts: Sequence[Attempt], class_weights: Sequence[float] | None = None
    ) -> Posterior:
        """Return the belief after `attempts`, of which there must be at least one.

        Args:
            attempts: All attempts at one question, in the order in which they were made.
            class_weights: P(p₀, α, β) for this question, as `prior` takes them; they enter by
                their margins.

        Raises:
            ValueError: If there is no attempt, a score is NaN or outside [0, 1], or a parent is
                not an earlier attempt.
        """
        seen = read_attempts(attempts)
        before = self._before(class_weights)
        if seen.latest:
            return self._over_keys(seen, before)
        return drafts_posterior(attempts, seen.depths, before)

    def _before(self, class_weights: Sequence[float] | None) -> Floats:
        return log_weights(None if class_weights is None else self.prior(class_weights))

    def _over_keys(self, seen: SeenAnswers, before: Floats) -> KeysPosterior:
        steps, answers, deepest = seen.steps, len(seen.latest), max(seen.depths)
        levels = levels_of(deepest)
        if not deepest and (self.choices is None or answers < self.choices):
            # Fresh draws are exchangeable, so that few runs of them differ.
            steps = sorted(steps)
            run = self._runs.get(
                (before.tobytes(), *steps), lambda: self._read(steps, answers, levels, before)
            )
        else:
            run = self._read(steps, answers, levels, before)
        log_run, given_run, urns = run
        # The last hypothesis is that none of the answers is right.
        scored, verdicts = _read_scores(seen.scores, answers + 1)
        log_chances = log_run + scored.log_chances
        chances = np.exp(log_chances - np.maximum.reduce(log_chances))
        chances /= np.add.reduce(chances)
        return KeysPosterior(chances, given_run, scored, verdicts, urns, seen)

    def _read(
        self, steps: list[Step], answers: int, levels: int, before: Floats
    ) -> tuple[Floats, Floats, Urns]:
        """Return what a run says without its scores: ln P(run | h), P(value | run, h), its urns."""
        run = read_run(steps, answers, levels)
        drawn = [read_draws(self._urns, run.draws_if(right)) for right in range(answers + 1)]
        logs = np.empty((answers + 1, AT_CONCENTRATION.stop))
        logs[:, : AT_RETENTION.stop] = run.log_chances(event_logs(levels, self.choices == 2))
        logs[:, AT_CONCENTRATION] = [[urn.log_chance for urn in urns] for urns in drawn]
        log_chances, given = chances_given(logs + before[: AT_CONCENTRATION.stop])
        by_law = list(zip(*drawn, strict=True))
        laws = tuple(urn.law for urn in self._urns)
        urns = Urns(laws, given[:, AT_CONCENTRATION].T, by_law, answers)
        return log_chances, given, urns


def _read_scores(
    scores: dict[int, list[float]], hypotheses: int
) -> tuple[ScoredNodes, list[int | None]]:
    """Return what all scores say under each hypothesis, and whether each answer was accepted."""
    numbers = list(scores)
    ranking = rank([sum(each) / len(each) for each in scores.values()], ACCEPT_THRESHOLD)
    places = [len(numbers)] * hypotheses
    verdicts: list[int | None] = [None] * (hypotheses - 1)
    for place, index in enumerate(ranking.order):
        answer = numbers[index]
        if answer >= 0:
            places[answer] = place
            verdicts[answer] = int(place >= ranking.rejected)
    return scored_nodes(ranking.sizes, ranking.rejected).at(places), verdicts
