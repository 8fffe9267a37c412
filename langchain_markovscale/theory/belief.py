"""What the attempts so far say: which answer is right, and what kind of question this is.

Where answers have keys, equal keys are equally correct, so that the hypotheses are "the key h is
right" for each key seen and "none of them is". Under a hypothesis the correctness of every
attempt is known, and the posterior over (class, hypothesis) is a product of rates: its logarithm
is linear in how often each kind of event happened. The logarithms are tabled once; a posterior is
then one count, one matrix product and one normalisation.

Where no attempt has a key, attempts are nodes of the tree of revisions, and the posterior is found
by exact forward-backward along it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from math import log
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.mixture import check_weights
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.types import Attempt

Floats = NDArray[np.float64]

_IMPOSSIBLE = 1e-300  # stands for a rate of 0, so that contradictions leave a posterior

# Kinds of event, in the order of the table's rows. The five kinds of revision repeat for each
# depth where rates settle with depth.
_PRIOR, _DRAWN_RIGHT, _DRAWN_WRONG, _EVIDENCE, _ACCEPTED, _REJECTED = range(6)
_WRONGLY_ACCEPTED, _RIGHTLY_REJECTED, _REVISIONS = range(6, 9)
_KEPT, _BROKEN, _MENDED, _STUCK, _MOVED, _KINDS_OF_REVISION = range(6)


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
        self._table = _event_table(self.rates, depth=0)
        initial = np.array(self.rates.initial)
        self._log_drawn = _log(np.array([1 - initial, initial]))
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
            return np.array(self.rates.weights)
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
        depths = _depths(attempts)
        for attempt in attempts:
            if attempt["key"] is not None:
                return self._over_keys(attempts, depths, class_weights)
        return self._over_tree(attempts, depths, class_weights)

    def _over_keys(
        self,
        attempts: Sequence[Attempt],
        depths: list[int],
        class_weights: Sequence[float] | None,
    ) -> Posterior:
        latest = {
            attempt["key"]: index
            for index, attempt in enumerate(attempts)
            if attempt["key"] is not None
        }
        table = self._table_to(max(depths))
        # `dot` on arrays this small takes half the time of `@`, and this is the hot path.
        log_joint = self._counts(attempts, depths, list(latest), len(table)).dot(table)
        if class_weights is not None:
            log_joint += _log(self.prior(class_weights)) - table[_PRIOR]
        joint = np.exp(log_joint - log_joint.max())
        joint /= joint.sum()
        return Posterior(
            joint[:-1], np.add.reduce(joint, axis=0), list(latest.values()), depths, True
        )

    def _counts(
        self, attempts: Sequence[Attempt], depths: list[int], keys: list[str], width: int
    ) -> Floats:
        """Return how often each event happened if each key is right, and if none of them is.

        What happened if none is right is counted in full, in the last row; the row of a key holds
        at first only where it differs: at the attempts with that key and at their revisions.

        Returns:
            Shape (keys + 1, `width`).
        """
        bases = {key: row * width for row, key in enumerate(keys)}
        none = len(keys) * width
        one_wrong_answer = self.rates.coincidence == 1
        cells, counts = [none + _PRIOR], [1.0]
        scores: dict[str | None, list[float]] = {}
        for index, attempt in enumerate(attempts):
            key, parent, score = attempt["key"], attempt["parent"], attempt["score"]
            if parent is None:
                right, wrong = _DRAWN_RIGHT, _DRAWN_WRONG
            else:
                before = attempts[parent]["key"]
                block = _REVISIONS + self._level(depths[index] - 1) * _KINDS_OF_REVISION
                unkeyed = key is None or before is None
                same = key == before or (one_wrong_answer and unkeyed)
                right = block + (_KEPT if key == before else _MENDED)
                wrong = block + (_STUCK if same else _MOVED)
                if before is not None and before != key:
                    base = bases[before]
                    cells += base + block + _BROKEN, base + wrong
                    counts += 1.0, -1.0
            cells.append(none + wrong)
            counts.append(1.0)
            if key is not None:
                base = bases[key]
                cells += base + right, base + wrong
                counts += 1.0, -1.0
            if score is not None:
                _check_score(score, index)
                scores.setdefault(key, []).append(score)
        for key, values in scores.items():
            self._count_scores(values, None if key is None else bases[key], none, cells, counts)
        log_unseen = self._log_unseen(len(keys))
        for base in bases.values():
            cells.append(base + _EVIDENCE)
            counts.append(-log_unseen)
        table = cast("Floats", np.bincount(cells, counts, none + width)).reshape(-1, width)
        table[:-1] += table[-1]
        return table

    def _over_tree(
        self,
        attempts: Sequence[Attempt],
        depths: list[int],
        class_weights: Sequence[float] | None,
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
                _check_score(score, i)
                below[i] = _plus(below[i], self._log_evidence(score))
            known = below[i]
            if parent is not None and known is not None:
                paths = self._moves(depths[i] - 1) + known
                messages[i] = message = np.logaddexp(paths[:, 0], paths[:, 1])
                below[parent] = _plus(below[parent], message)
        # joint[i] is ln P(all scores of the tree, i); what i itself told its parent is taken out
        # before the parent tells i.
        joint = np.empty((n, 2, self.rates.n_classes))
        evidence = _log(self.prior(class_weights))
        for i, attempt in enumerate(attempts):
            parent = attempt["parent"]
            if parent is None:
                joint[i] = _plus(below[i], self._log_drawn)
                evidence = evidence + np.logaddexp(joint[i, 0], joint[i, 1])
            else:
                told = messages[i]
                rest = joint[parent] if told is None else joint[parent] - told
                paths = self._moves(depths[i] - 1) + rest[:, None]
                joint[i] = _plus(below[i], np.logaddexp(paths[0], paths[1]))
        correct = joint[:, 1] - np.logaddexp(joint[:, 0], joint[:, 1])
        classes = np.exp(evidence - evidence.max())
        classes /= classes.sum()
        return Posterior(np.exp(correct) * classes, classes, list(range(n)), depths, False)

    def _count_scores(
        self,
        scores: list[float],
        base: int | None,
        none: int,
        cells: list[int],
        counts: list[float],
    ) -> None:
        """Count the scores of one key: the mean logarithm times m/(1+(m−1)ρ).

        Where the specificity differs by class, verdicts on wrong answers, too, tell the class.
        Answers without a key are wrong, each for itself.
        """
        each = 1.0
        if base is not None:
            each /= 1 + (len(scores) - 1) * self.rates.verdict_correlation
        if self.rates.score_cuts:
            if base is not None:
                cells.append(base + _EVIDENCE)
                counts.append(each * sum(self._evidence(score) for score in scores))
            return
        for score in scores:
            accepted = score >= self.rates.accept_threshold
            cells.append(none + (_WRONGLY_ACCEPTED if accepted else _RIGHTLY_REJECTED))
            counts.append(each)
            if base is not None:
                cells.append(base + (_ACCEPTED if accepted else _REJECTED))
                counts.append(each)

    def _log_evidence(self, score: float) -> Floats:
        """What a score says for a wrong and for a correct answer, shape (2, K)."""
        if self.rates.score_cuts:
            ratio = np.full(self.rates.n_classes, self._evidence(score))
            return np.array([np.zeros_like(ratio), ratio])
        if score >= self.rates.accept_threshold:
            wrong, ratio = self._table[_WRONGLY_ACCEPTED], self._table[_ACCEPTED]
        else:
            wrong, ratio = self._table[_RIGHTLY_REJECTED], self._table[_REJECTED]
        return np.array([wrong, wrong + ratio])

    def _evidence(self, score: float) -> float:
        return self.rates.score_log_ratios[bisect_right(self.rates.score_cuts, score)]

    def _log_unseen(self, seen: int) -> float:
        """ln of how many answers not yet seen could be the right one, against 1 for each seen."""
        unseen = 1 / self.rates.coincidence + 1 - seen
        least = 1.0 if self.choices is None else _IMPOSSIBLE
        return log(max(unseen, least))

    def _level(self, depth: int) -> int:
        """Which block of the table holds the rates of a revision at `depth`."""
        return depth if self.rates.settling < 1 else 0

    def _table_to(self, deepest: int) -> Floats:
        level = self._level(max(deepest - 1, 0))
        if len(self._table) < _REVISIONS + _KINDS_OF_REVISION * (level + 1):
            self._table = _event_table(self.rates, level)
        return self._table

    def _moves(self, depth: int) -> Floats:
        """ln P(child is z | parent is y) at [y, z], shape (2, 2, K)."""
        level = self._level(depth)
        if level not in self._moves_at:
            repair, corruption = _settled(self.rates, level)
            chances = np.array([[1 - repair, repair], [corruption, 1 - corruption]])
            self._moves_at[level] = _log(chances)
        return self._moves_at[level]


def _event_table(rates: Rates, depth: int) -> Floats:
    """Return ln of every event's chance, shape (events, K), for revisions up to `depth`."""
    initial = np.array(rates.initial)
    s, u = np.array(rates.sensitivity), np.array(rates.specificity)
    kappa, sigma = rates.coincidence, rates.retention
    elsewhere = (1 - sigma) * kappa / (1 - kappa) if kappa < 1 else 0.0
    rows = [
        _log(np.array(rates.weights)),
        _log(initial),
        _log((1 - initial) * kappa),
        np.ones_like(initial),
        _log(s) - _log(1 - u),
        _log(1 - s) - _log(u),
        _log(1 - u),
        _log(u),
    ]
    for level in range(depth + 1):
        repair, corruption = _settled(rates, level)
        rows += [
            _log(1 - corruption),
            _log(corruption * kappa),
            _log(repair),
            _log((1 - repair) * sigma),
            _log((1 - repair) * elsewhere),
        ]
    return np.array(rows)


def _settled(rates: Rates, depth: int) -> tuple[Floats, Floats]:
    """α dᵗ and β dᵗ, each of shape (K,)."""
    factor = rates.settling**depth
    return np.array(rates.repair) * factor, np.array(rates.corruption) * factor


def _plus(total: Floats | None, term: Floats) -> Floats:
    return term if total is None else total + term


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values, _IMPOSSIBLE)))


def _depths(attempts: Sequence[Attempt]) -> list[int]:
    depths: list[int] = []
    for index, attempt in enumerate(attempts):
        parent = attempt["parent"]
        if parent is None:
            depths.append(0)
        elif 0 <= parent < index:
            depths.append(depths[parent] + 1)
        else:
            raise ValueError(
                f"attempts[{index}]['parent'] must be the index of an earlier attempt or None, "
                f"got {parent!r}."
            )
    return depths


def _check_score(score: float, index: int) -> None:
    if not 0 <= score <= 1:
        raise ValueError(
            f"attempts[{index}]['score'] must lie in [0, 1] or be None, got {score!r}: "
            "have the verifier return a probability, or None where it cannot say."
        )
