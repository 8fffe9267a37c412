"""What the attempts so far say: which answer is right, and what kind of question this is.

Where answers have keys, equal keys are equally correct, so that the hypotheses are "the key h is
right" for each key seen and "none of them is". Under a hypothesis the correctness of every
attempt is known, and the posterior over (class, hypothesis) is the product of `theory/likelihood`.

Where no attempt has a key, attempts are nodes of the tree of revisions, and the posterior is found
by exact forward-backward along it.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.candidate_tables import CandidateTables
from langchain_markovscale.theory.class_posterior import KeyedByClass, TreeByClass
from langchain_markovscale.theory.decision_cache import Cache
from langchain_markovscale.theory.intercept import log_chance
from langchain_markovscale.theory.likelihood import (
    SeenAnswers,
    Step,
    event_count,
    event_table,
    read_attempts,
    read_run,
)
from langchain_markovscale.theory.mixture import check_weights
from langchain_markovscale.theory.optimum import DrawModel
from langchain_markovscale.theory.posterior import Urns
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.tree import along_tree, moves_of
from langchain_markovscale.types import Attempt

Floats = NDArray[np.float64]

_CACHED_RUNS = 256  # as many as orders of votes in runs of up to 8 fresh draws


class Belief:
    """The posterior over classes and answers, as a function of the attempts alone.

    Args:
        rates: The mixture and what is known of the verifier.
        choices: Number of possible answers where they are a closed list, else None; it sets
            M = choices − 1.

    Raises:
        ValueError: If `choices` is not a whole number of at least 2.
    """

    measured = True

    def __init__(self, rates: Rates, choices: int | None = None) -> None:
        self.rates = rates.among(choices)
        self.choices = choices
        self._urn = self.rates.urn
        self._scores = self.rates.score_model
        self._log_weights = log_chance(self.rates.arrays.weights)
        self._table = self._table_with(1)
        self._candidates = CandidateTables(self.rates)
        self._moves_at: dict[int, Floats] = {}
        self._runs: Cache[tuple[Step, ...], tuple[Floats, Urns]] = Cache(_CACHED_RUNS)

    def prior(self, class_weights: Sequence[float] | None = None) -> Floats:
        """Return P(class) before any attempt, shape (K,).

        Args:
            class_weights: Those of one question, for all K classes or for each of several draws
                of them that were pooled; None for those of the rates.

        Raises:
            ValueError: If they are no shares that sum to 1, or their number does not divide K.
        """
        if class_weights is None:
            return self.rates.arrays.weights
        weights = check_weights(class_weights)
        draws, rest = divmod(self.rates.n_classes, len(weights))
        if rest:
            raise ValueError(
                f"class_weights must be one share for each of the {self.rates.n_classes} classes, "
                f"got {len(weights)}: was the predictor trained for this calibration?"
            )
        return np.tile(weights / draws, draws)

    def draws(
        self, class_weights: Sequence[float] | None = None, *, scored: bool = True
    ) -> DrawModel:
        """Return what is known of fresh draws before any was made.

        Args:
            class_weights: P(class) for this question, as `prior` takes them.
            scored: Whether scores are to be counted on.
        """
        scores = self._scores.table if scored else None
        urns = ((1.0, self._urn),)
        return DrawModel(self.prior(class_weights), self.rates.arrays.initial, urns, scores)

    def posterior(
        self, attempts: Sequence[Attempt], class_weights: Sequence[float] | None = None
    ) -> KeyedByClass | TreeByClass:
        """Return the belief after `attempts`, of which there must be at least one.

        Args:
            attempts: All attempts at one question, in the order in which they were made.
            class_weights: P(class) for this question, as `prior` takes them.

        Raises:
            ValueError: If there is no attempt, a score is NaN or outside [0, 1], or a parent is
                not an earlier attempt.
        """
        seen = read_attempts(attempts)
        if seen.latest or self.rates.keyed:
            return self._over_keys(seen, class_weights)
        return self._over_tree(attempts, seen.depths, class_weights)

    def _over_keys(self, seen: SeenAnswers, class_weights: Sequence[float] | None) -> KeyedByClass:
        steps, answers, deepest = seen.steps, len(seen.latest), max(seen.depths)
        levels = self._levels(deepest)
        if not deepest and answers <= self._urn.plausible:
            # Fresh draws are exchangeable, so that few runs of them differ.
            steps = sorted(steps)
            log_joint, urns = self._runs.get(
                tuple(steps), lambda: self._read(steps, answers, levels)
            )
        else:
            log_joint, urns = self._read(steps, answers, levels)
        # The last hypothesis is that none of the answers is right.
        evidence = self._scores.evidence(seen.scores.items(), answers + 1)
        log_joint = log_joint + evidence.log_chances
        if class_weights is not None:
            log_joint += log_chance(self.prior(class_weights)) - self._log_weights
        joint = np.exp(log_joint - log_joint.item(log_joint.argmax()))
        joint /= sum(joint.dot(self._candidates.ones[0]).tolist())
        return KeyedByClass(joint, self._candidates, self._scores, evidence, urns, seen)

    def _read(self, steps: list[Step], answers: int, levels: int) -> tuple[Floats, Urns]:
        """Return what a run says without its scores: ln P(class k, run | h), and its urns."""
        run = read_run(steps, answers, levels)
        drawn = [self._urn.read(run.draws_if(right)) for right in range(answers + 1)]
        log_joint = run.log_chances(self._table_of(levels), self._log_weights)
        log_joint += np.array([urn.log_chance for urn in drawn])[:, None]
        return log_joint, Urns((self._urn.law,), _surely(answers + 1), [drawn], answers)

    def _over_tree(
        self,
        attempts: Sequence[Attempt],
        depths: list[int],
        class_weights: Sequence[float] | None,
    ) -> TreeByClass:
        """Exact forward-backward by class and node of the intercept, see `along_tree`."""
        scores, initial = self._scores, self.rates.arrays.initial[:, None]
        labels = along_tree(
            [attempt["parent"] for attempt in attempts],
            np.array([1 - initial, initial]),
            [self._moves(depth) for depth in range(max(depths))],
            {
                index: scores.log_chances(score)
                for index, attempt in enumerate(attempts)
                if (score := attempt["score"]) is not None
            },
            (len(initial), len(scores.weights)),
        )
        before = log_chance(self.prior(class_weights))[:, None] + log_chance(scores.weights)
        cases, joint = labels.joint(before)
        return TreeByClass(joint[:, 1], cases, self._candidates, scores, depths)

    def _levels(self, deepest: int) -> int:
        """How many depths of revision have rates of their own, at least 1."""
        return max(deepest, 1) if self.rates.settling < 1 else 1

    def _table_of(self, levels: int) -> Floats:
        """Return `event_table`, made anew for the deepest run so far."""
        width = event_count(levels)
        table = self._table  # another thread may put a smaller one in its place
        if len(table) < width:
            self._table = table = self._table_with(levels)
        return table[:width]

    def _table_with(self, levels: int) -> Floats:
        rates = self.rates.arrays
        by_depth = np.array([self.rates.at_depth(depth) for depth in range(levels)])
        return event_table(rates.initial, rates.retention, by_depth[:, 0], by_depth[:, 1])

    def _moves(self, depth: int) -> Floats:
        """P(child is z | parent is y) at [y, z], shape (2, 2, K, 1)."""
        level = self._levels(depth + 1) - 1
        if level not in self._moves_at:
            self._moves_at[level] = moves_of(*self.rates.at_depth(level))[..., None]
        return self._moves_at[level]


@lru_cache(maxsize=64)
def _surely(hypotheses: int) -> Floats:
    """Return P(law | h) of the only law of an urn, shape (1, H)."""
    return np.ones((1, hypotheses))
