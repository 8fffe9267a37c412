"""What the attempts so far say: which answer is right, and what kind of question this is.

Where answers have keys, equal keys are equally correct, so that the hypotheses are "the key h is
right" for each key seen and "none of them is". Under a hypothesis the correctness of every
attempt is known, and the posterior over (class, hypothesis) is the product of `theory/likelihood`.

Where no attempt has a key, attempts are nodes of the tree of revisions, and the posterior is found
by exact forward-backward along it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.likelihood import (
    depths_of,
    event_count,
    event_table,
    read_run,
    steps_of,
)
from langchain_markovscale.theory.mixture import check_weights
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.scores import ScoreLaw, log_chance
from langchain_markovscale.types import Attempt

Floats = NDArray[np.float64]

_NONE_OF_THEM = object()  # equals no key


class Posterior(NamedTuple):
    """The belief after some attempts, over K classes and the A answers seen.

    An answer is a distinct key or, where no attempt has a key, an attempt.

    Attributes:
        joint: P(class k and answer i is correct), shape (A, K).
        classes: P(class k), shape (K,).
        latest: For each answer, the index of the latest attempt that carries it.
        depths: For each attempt, how many revisions lie between it and its fresh draw.
        keyed: Whether answers are keys.
    """

    joint: Floats
    classes: Floats
    latest: list[int]
    depths: list[int]
    keyed: bool

    @property
    def beliefs(self) -> Floats:
        """P(answer i is correct), shape (A,)."""
        return np.asarray(np.add.reduce(self.joint, axis=1))


class Belief:
    """The posterior over classes and answers, as a function of the attempts alone.

    Args:
        rates: The mixture and what is known of the verifier.
        choices: Number of possible answers where they are a closed list, else None. It sets
            κ = 1/(choices − 1) and makes the count of answers not yet seen exact.

    Raises:
        ValueError: If `choices` is not a whole number of at least 2.
    """

    def __init__(self, rates: Rates, choices: int | None = None) -> None:
        self.rates = rates.among(choices)
        self.choices = choices
        self._urn = self.rates.urn if choices is None else replace(self.rates.urn, closed=True)
        self._scores = ScoreLaw(self.rates)
        self._table = event_table(self.rates, 1)
        self._log_weights = log_chance(self.rates.arrays.weights)
        initial = self.rates.arrays.initial
        self._log_drawn = log_chance(np.array([1 - initial, initial]))
        self._moves_at: dict[int, Floats] = {}

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

    def posterior(
        self, attempts: Sequence[Attempt], class_weights: Sequence[float] | None = None
    ) -> Posterior:
        """Return the belief after `attempts`, of which there must be at least one.

        Args:
            attempts: All attempts at one question, in the order in which they were made.
            class_weights: P(class) for this question, as `prior` takes them.

        Raises:
            ValueError: If there is no attempt, a score is NaN or outside [0, 1], or a parent is
                not an earlier attempt.
        """
        if not attempts:
            raise ValueError("attempts must hold at least one attempt, got none.")
        depths = depths_of(attempts)
        keyed = False
        for index, attempt in enumerate(attempts):
            score = attempt["score"]
            if score is not None and not 0 <= score <= 1:
                raise ValueError(
                    f"attempts[{index}]['score'] must lie in [0, 1] or be None, got {score!r}: "
                    "have the verifier return a probability, or None where it cannot say."
                )
            keyed = keyed or attempt["key"] is not None
        weights = (
            self._log_weights if class_weights is None else log_chance(self.prior(class_weights))
        )
        if keyed:
            return self._over_keys(attempts, depths, weights)
        return self._over_tree(attempts, depths, weights)

    def _over_keys(
        self, attempts: Sequence[Attempt], depths: list[int], log_weights: Floats
    ) -> Posterior:
        latest = {
            attempt["key"]: index
            for index, attempt in enumerate(attempts)
            if attempt["key"] is not None
        }
        levels = self._levels(max(depths))
        steps = steps_of(attempts, depths, levels)
        keys = [attempt["key"] for attempt in attempts]
        counts, urns = [], []
        for right_key in (*latest, _NONE_OF_THEM):
            run = read_run(steps, [key == right_key for key in keys], levels)
            counts.append(run.counts)
            urns.append(self._urn.log_chance(run.draws))
        # `dot` on arrays this small takes half the time of `@`, and this is the hot path.
        log_joint = np.array(counts, dtype=np.float64).dot(self._table_of(levels))
        log_joint += log_weights
        log_joint += np.array(urns)[:, None]
        self._weigh_scores(log_joint, attempts, list(latest))
        joint = np.exp(log_joint - log_joint.max())
        joint /= joint.sum()
        return Posterior(
            joint[:-1], np.add.reduce(joint, axis=0), list(latest.values()), depths, True
        )

    def _weigh_scores(
        self, log_joint: Floats, attempts: Sequence[Attempt], keys: list[str | None]
    ) -> None:
        """Add what the scores say under each hypothesis; answers without a key are wrong."""
        answers: dict[str | int | None, list[float]] = {}
        for index, attempt in enumerate(attempts):
            if (score := attempt["score"]) is not None:
                key = attempt["key"]
                answers.setdefault(index if key is None else key, []).append(score)
        if not answers:
            return
        rows = self._scores.log_evidence(list(answers.values()))
        places = {answer: row for row, answer in enumerate(answers)}
        log_joint += rows[[places.get(key, -1) for key in (*keys, None)]]

    def _over_tree(
        self, attempts: Sequence[Attempt], depths: list[int], log_weights: Floats
    ) -> Posterior:
        """Exact forward-backward: messages up the tree of revisions, then down it.

        An array of shape (2, K) holds a logarithm for a wrong answer, then for a correct one.
        """
        n = len(attempts)
        # below[i] is ln P(scores of i and of what was made from it | i); None where it has none.
        below: list[Floats | None] = [None] * n
        messages: list[Floats | None] = [None] * n
        for i in range(n - 1, -1, -1):
            score, parent = attempts[i]["score"], attempts[i]["parent"]
            if score is not None:
                below[i] = _plus(below[i], self._scores.log_chances(score))
            known = below[i]
            if parent is not None and known is not None:
                paths = self._moves(depths[i] - 1) + known
                messages[i] = message = np.logaddexp(paths[:, 0], paths[:, 1])
                below[parent] = _plus(below[parent], message)
        # joint[i] is ln P(all scores of the tree, i); what i itself said to its parent is taken
        # out before the parent speaks to i.
        joint = np.empty((n, 2, self.rates.n_classes))
        evidence = log_weights
        for i, attempt in enumerate(attempts):
            parent = attempt["parent"]
            if parent is None:
                joint[i] = _plus(below[i], self._log_drawn)
                evidence = evidence + np.logaddexp(joint[i, 0], joint[i, 1])
            else:
                own = messages[i]
                rest = joint[parent] if own is None else joint[parent] - own
                paths = self._moves(depths[i] - 1) + rest[:, None]
                joint[i] = _plus(below[i], np.logaddexp(paths[0], paths[1]))
        correct = joint[:, 1] - np.logaddexp(joint[:, 0], joint[:, 1])
        classes = np.exp(evidence - evidence.max())
        classes /= classes.sum()
        return Posterior(np.exp(correct) * classes, classes, list(range(n)), depths, False)

    def _levels(self, deepest: int) -> int:
        """How many depths of revision have rates of their own, at least 1."""
        return max(deepest, 1) if self.rates.settling < 1 else 1

    def _table_of(self, levels: int) -> Floats:
        """The logarithms of events, made anew for the deepest run so far."""
        if len(self._table) < event_count(levels):
            self._table = event_table(self.rates, levels)
        return self._table[: event_count(levels)]

    def _moves(self, depth: int) -> Floats:
        """ln P(child is z | parent is y) at [y, z], shape (2, 2, K)."""
        level = self._levels(depth + 1) - 1
        if level not in self._moves_at:
            repair, corruption = self.rates.at_depth(level)
            chances = np.array([[1 - repair, repair], [corruption, 1 - corruption]])
            self._moves_at[level] = log_chance(chances)
        return self._moves_at[level]


def _plus(total: Floats | None, term: Floats) -> Floats:
    return term if total is None else total + term
