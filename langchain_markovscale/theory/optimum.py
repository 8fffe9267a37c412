"""The exact optimum for fresh draws with keys, by backward induction.

The posterior depends on a run of fresh draws only through a *coloured partition*: for each answer
its votes and the level of its score. Up to 8 draws there are 66 of them without scores, 1,652 with
three levels. So the value of going on is found once for a calibration, a cost and a horizon:

    U(state) = max( best belief, −c + Σ_next P(next | state) U(next) ),  at the horizon best belief

with P by the model of `theory/likelihood`: a draw is right with chance p₀ₖ, wrong ones come from
the urn, and scores share the question's intercept z, which is summed over nodes.

An answer keeps the level that it first got, or (verdicts, drawn anew with correlation ρ) its state
is how often it was accepted and rejected: after m verdicts, r of them accepting, the next accepts
with chance (ρr + (1−ρ)s)/(1+(m−1)ρ).
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.intercept import log_chance
from langchain_markovscale.theory.scores import ScoreTable
from langchain_markovscale.theory.urn import Urn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Mark = tuple[int, int]
"""An answer in a state: (votes, level), or (accepted, rejected) where verdicts are drawn anew."""

State = tuple[Mark, ...]
"""The answers drawn so far, in falling order."""

MOST_DRAWS = 16
"""The longest horizon without scores; with them it is `MOST_SCORED_DRAWS`."""

MOST_SCORED_DRAWS = 8

# Every state stays possible, whatever the rates say, for runs that contradict them are decided too.
_CERTAIN = 1 - 1e-9  # ρ stays below: a verdict that surely repeats makes other states impossible
_NEARLY = 1e-12  # chances stay so far from 0 and 1


class DrawModel(NamedTuple):
    """What is known of fresh draws.

    Attributes:
        weights: P(class k), shape (K,).
        initial: p₀ₖ, shape (K,).
        urns: Where wrong answers come from, each with its chance.
        scores: What scores say; None where there are none.
    """

    weights: Floats
    initial: Floats
    urns: Sequence[tuple[float, Urn]]
    scores: ScoreTable | None


class Layer(NamedTuple):
    """The states of n draws, S of them, of up to D answers.

    Attributes:
        rows: The row of each state.
        votes: Of each answer, 0 where there is none, shape (S, D).
        marks: The number of each answer's mark, shape (S, D).
        again: The next layer's row when an answer is drawn again, shape (S, D, B).
        new: The next layer's row when a new one is drawn, shape (S, L).
    """

    rows: dict[State, int]
    votes: Ints
    marks: Ints
    again: Ints
    new: Ints


class Lattice(NamedTuple):
    """All states up to a horizon.

    Attributes:
        layers: By the number of draws, from 0.
        marks: The marks that occur, in the order of their numbers.
    """

    layers: tuple[Layer, ...]
    marks: tuple[Mark, ...]


class Optimum(NamedTuple):
    """The value of every state of n draws, from n = 0 up to the horizon.

    Attributes:
        lattice: The states.
        values: U by n, each of shape (S,).
        rounds: Draws that the optimal rule still makes, on average, by n, each of shape (S,).
    """

    lattice: Lattice
    values: tuple[Floats, ...]
    rounds: tuple[Floats, ...]

    @property
    def horizon(self) -> int:
        """The most draws."""
        return len(self.values) - 1


def solve(model: DrawModel, horizon: int, cost: float) -> Optimum:
    """Return the value of every state.

    Args:
        model: What is known of fresh draws.
        horizon: N, the most draws, at least 1; up to `MOST_DRAWS`, or `MOST_SCORED_DRAWS`.
        cost: c ≥ 0 a draw.
    """
    anew = model.scores is not None and model.scores.correlation is not None
    levels = 1 if model.scores is None else model.scores.levels.shape[1]
    states = lattice(horizon, levels, anew=anew)
    marks = _MarkChances.of(model, states)
    values: list[Floats] = []
    rounds: list[Floats] = []
    for n in range(horizon, -1, -1):
        layer = states.layers[n]
        chances = _Chances(model, marks, layer, n)
        best = chances.beliefs.max(axis=1, initial=0.0)
        if n == horizon:
            values.append(best)
            rounds.append(np.zeros_like(best))
            continue
        again, new = chances.next_draw()
        ahead, later = values[-1], rounds[-1]

        def expected(
            by_state: Floats, again: Floats = again, new: Floats = new, layer: Layer = layer
        ) -> Floats:
            old = (again * by_state[layer.again]).sum(axis=(1, 2))
            return np.asarray(old + (new * by_state[layer.new]).sum(axis=1))

        on = expected(ahead) - cost
        values.append(np.maximum(best, on))
        rounds.append(np.where(on > best, 1 + expected(later), 0.0))
    return Optimum(states, tuple(reversed(values)), tuple(reversed(rounds)))


@lru_cache(maxsize=32)
def lattice(horizon: int, levels: int, *, anew: bool) -> Lattice:
    """Return the states of up to `horizon` draws.

    Args:
        horizon: The most draws.
        levels: L, how many levels a score has; 1 without scores.
        anew: Whether an answer's verdict is drawn anew each time, where L is 2.
    """
    first: list[Mark] = [(0, 1), (1, 0)] if anew else [(1, level) for level in range(levels)]

    def after(mark: Mark) -> list[Mark]:
        votes, level = mark
        return [(votes, level + 1), (votes + 1, level)] if anew else [(votes + 1, level)]

    numbers: dict[Mark, int] = {}
    rows: list[dict[State, int]] = [{(): 0}]
    successors: list[list[tuple[list[list[State]], list[State]]]] = []
    for _ in range(horizon):
        following: dict[State, int] = {}
        moves = []
        for state in rows[-1]:
            again = [
                [_with(state, place, mark) for mark in after(state[place])]
                for place in range(len(state))
            ]
            new = [_with(state, None, mark) for mark in first]
            for each in chain(*again, new):
                following.setdefault(each, len(following))
            moves.append((again, new))
        rows.append(following)
        successors.append(moves)
    layers = []
    outcomes = len(after(first[0]))
    for n, index in enumerate(rows):
        width = max(n, 1)
        votes = np.zeros((len(index), width), dtype=np.int64)
        marks = np.zeros_like(votes)
        again_to = np.zeros((len(index), width, outcomes), dtype=np.int64)
        new_to = np.zeros((len(index), len(first)), dtype=np.int64)
        for row, state in enumerate(index):
            for place, mark in enumerate(state):
                votes[row, place] = sum(mark) if anew else mark[0]
                marks[row, place] = numbers.setdefault(mark, len(numbers))
        if n < horizon:
            following = rows[n + 1]
            for row, (again, new) in enumerate(successors[n]):
                for place, states in enumerate(again):
                    again_to[row, place] = [following[each] for each in states]
                new_to[row] = [following[each] for each in new]
        layers.append(Layer(index, votes, marks, again_to, new_to))
    return Lattice(tuple(layers), tuple(numbers))


def _with(state: State, place: int | None, mark: Mark) -> State:
    """Return a state with one answer's mark changed, or one more answer."""
    rest = state if place is None else state[:place] + state[place + 1 :]
    return tuple(sorted((*rest, mark), reverse=True))


class _MarkChances(NamedTuple):
    """What marks say of their answers, by label, class and node.

    Attributes:
        weights: P(z), shape (Z,).
        log: ln P(mark's scores | wrong or right, k, z), shape (marks, 2, K, Z).
        first: P(first level | wrong or right, k, z), shape (2, L, K, Z).
        then: P(outcome when the answer is drawn again | …), shape (marks, B, 2, K, Z), or None
            where there is only one.
    """

    weights: Floats
    log: Floats
    first: Floats
    then: Floats | None

    @classmethod
    def of(cls, model: DrawModel, states: Lattice) -> "_MarkChances":
        n_classes = len(model.initial)
        if model.scores is None:
            nothing = np.zeros((len(states.marks), 2, n_classes, 1))
            return cls(np.ones(1), nothing, np.ones((2, 1, n_classes, 1)), None)
        weights, levels, correlation = model.scores
        levels = _possible(levels)
        if correlation is None:
            logs = log_chance(levels)
            log = np.array([logs[:, level] for _, level in states.marks])
            return cls(weights, log, levels, None)
        rho = min(correlation, _CERTAIN)
        rejects, accepts = levels[:, 0], levels[:, 1]  # (2, K, Z)
        counts = np.array(states.marks)  # accepted, rejected
        tried = counts.sum(axis=1)

        def rising(chance: Floats, times: int) -> Floats:
            steps = [log_chance(rho * i + (1 - rho) * chance) for i in range(times)]
            return np.cumsum([np.zeros_like(chance), *steps], axis=0)

        most = int(tried.max(initial=1))
        whole = np.cumsum([0.0, *(np.log(1 + (i - 1) * rho) for i in range(most))])
        log = rising(accepts, most)[counts[:, 0]] + rising(rejects, most)[counts[:, 1]]
        log -= whole[tried][:, None, None, None]
        size = (1 + (tried - 1) * rho)[:, None, None, None]
        accepted = (rho * counts[:, 0, None, None, None] + (1 - rho) * accepts) / size
        return cls(weights, log, levels, np.stack([1 - accepted, accepted], axis=1))


class _Chances:
    """The posterior of every state of a layer, and what the next draw may be.

    Hypotheses are that each answer is right, then that none is: H = D + 1.
    """

    def __init__(self, model: DrawModel, marks: _MarkChances, layer: Layer, n: int) -> None:
        self._model, self._marks, self._layer = model, marks, layer
        votes = layer.votes
        here = votes > 0
        right = np.concatenate([votes, np.zeros((len(votes), 1), dtype=np.int64)], axis=1)  # (S, H)
        wrong = n - right
        possible = np.concatenate([here, np.ones((len(votes), 1), dtype=np.bool_)], axis=1)
        # P(draws | h, k), P(wrong values | h), and the same with one more wrong draw.
        draws = np.arange(n + 1)[:, None]
        initial = _possible(model.initial)
        chance = initial**draws * (1 - initial) ** (n - draws)  # (n + 1, K)
        distinct = here.sum(axis=1, keepdims=True) - np.concatenate(
            [here, np.zeros((len(votes), 1), dtype=np.bool_)], axis=1
        )
        pattern = np.zeros(right.shape)
        self._seen = np.zeros((*right.shape, votes.shape[1]))  # (S, H, D): a seen wrong one again
        self._unseen = np.zeros(right.shape)
        logs = [_log_pattern(urn, votes, n) for _, urn in model.urns]
        largest = np.where(possible, np.max(logs, axis=0), -np.inf).max(axis=1, keepdims=True)
        for (weight, urn), log in zip(model.urns, logs, strict=True):
            each = weight * np.exp(np.where(possible, log - largest, -np.inf))
            total = urn.total(wrong, distinct)
            pattern += each
            self._unseen += each * urn.unseen(distinct) / total
            share = each / total
            self._seen += share[:, :, None] * (urn.seen(votes) * here)[:, None]
        # An answer that is right is not in the urn.
        own = np.arange(votes.shape[1])
        self._seen[:, own, own] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            self._seen = np.where(pattern[..., None] > 0, self._seen / pattern[..., None], 0.0)
            self._unseen = np.where(pattern > 0, self._unseen / pattern, 0.0)
        # Scores: all answers wrong, times what calling one of them right changes.
        counts = np.zeros((len(votes), len(marks.log)))
        np.add.at(counts, (np.arange(len(votes))[:, None], layer.marks), here.astype(np.float64))
        n_classes, n_nodes = marks.log.shape[2:]
        log_wrong = (counts @ marks.log[:, 0].reshape(len(marks.log), -1)).reshape(
            len(votes), n_classes, n_nodes
        )
        log_wrong -= log_wrong.max(axis=(1, 2), keepdims=True)
        all_wrong = np.exp(log_wrong) * marks.weights * model.weights[:, None]
        ratio = np.exp(marks.log[:, 1] - marks.log[:, 0])  # (marks, K, Z)
        joint = np.empty((*right.shape, n_classes, n_nodes))
        joint[:, :-1] = all_wrong[:, None] * ratio[layer.marks]
        joint[:, -1] = all_wrong
        joint *= (pattern[..., None] * chance[right])[..., None]
        total = joint.sum(axis=(1, 2, 3), keepdims=True)
        joint /= np.where(total > 0, total, 1.0)  # more answers than there can be have no chance
        self._joint = joint  # (S, H, K, Z)

    @property
    def beliefs(self) -> Floats:
        """P(each answer is right), shape (S, D)."""
        return np.asarray(self._joint[:, :-1].sum(axis=(2, 3)))

    def next_draw(self) -> tuple[Floats, Floats]:
        """Return chances of each answer again, by outcome, and of new ones by level.

        Returns:
            Shapes (S, D, B) and (S, L).
        """
        p = self._model.initial[:, None]
        marks, joint = self._marks, self._joint
        first = marks.first
        fails = joint * (1 - p)  # the next draw is wrong
        fresh = np.einsum("shkz,sh->skz", fails, self._unseen)
        new = np.einsum("skz,lkz->sl", fresh, first[0])
        new += np.einsum("skz,lkz->sl", joint[:, -1] * p, first[1])
        if marks.then is None:
            again = (joint[:, :-1] * p).sum(axis=(2, 3))
            again += np.einsum("sh,shd->sd", fails.sum(axis=(2, 3)), self._seen)
            return again[..., None], new
        then = marks.then[self._layer.marks]  # (S, D, B, 2, K, Z)
        again = np.einsum("sdkz,sdbkz->sdb", joint[:, :-1] * p, then[:, :, :, 1])
        repeated = np.einsum("shkz,shd->sdkz", fails, self._seen)
        again += np.einsum("sdkz,sdbkz->sdb", repeated, then[:, :, :, 0])
        return again, new


def _log_pattern(urn: Urn, votes: Ints, n: int) -> Floats:
    """Return ln P(the wrong values | h), shape (S, H), every order of them alike."""
    steps = np.arange(n)
    opened = np.cumsum([0.0, *log_chance(urn.unseen(steps))])
    repeated = np.cumsum([0.0, 0.0, *np.log(urn.seen(np.arange(1, max(n, 1))))])
    everything = np.cumsum([0.0, *np.log(urn.total(steps))])
    here = votes > 0
    none = np.zeros((len(votes), 1), dtype=np.int64)
    right = np.concatenate([votes, none], axis=1)
    distinct = here.sum(axis=1, keepdims=True) - (right > 0)
    stuck = repeated[votes].sum(axis=1, keepdims=True) - repeated[right]
    return np.asarray(opened[distinct] + stuck - everything[n - right])


def _possible(chances: Floats) -> Floats:
    return np.clip(chances, _NEARLY, 1 - _NEARLY)
