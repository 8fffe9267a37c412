"""The exact optimum for fresh draws with keys, by backward induction.

The posterior depends on a run of fresh draws only through its state, a coloured partition (see
`theory/lattice.py`). So the value of going on is found once for a calibration, a cost and a
horizon:

    U(state) = max( best belief, max_m −w − mc + Σ P(next m draws | state) U(then) ),
    at the horizon best belief

where c is the cost of a draw and w that of waiting for a round trip, which makes m draws at once.
P is by the model of `theory/likelihood`: a draw is right with chance p₀ₖ, wrong ones come from the
urn, and scores share the question's intercept z, which is summed over nodes. The first acceptance
of an exact verifier needs no rule of its own: what was drawn beside it has been paid all the same.

Where verdicts are drawn anew, with correlation ρ, after m of them, r accepting, the next accepts
with chance (ρr + (1−ρ)s)/(1+(m−1)ρ).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.theory.draws_at_once import AtOnce
from langchain_markovscale.theory.intercept import log_chance
from langchain_markovscale.theory.lattice import Lattice, Layer, lattice
from langchain_markovscale.theory.scores import ScoreTable
from langchain_markovscale.theory.urn import Urn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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


class Optimum(NamedTuple):
    """The value of every state of n draws, from n = 0 up to the horizon.

    Attributes:
        lattice: The states.
        ahead: What is expected after 0, 1, … m more draws, made whatever they are, by n: U, then
            the draws and the round trips that the optimal rule still makes from there, each of
            shape (3, m + 1, S).
    """

    lattice: Lattice
    ahead: tuple[Floats, ...]

    @property
    def values(self) -> tuple[Floats, ...]:
        """U by n, each of shape (S,)."""
        return tuple(each[0, 0] for each in self.ahead)

    @property
    def rounds(self) -> tuple[Floats, ...]:
        """Draws that the optimal rule still makes, on average, by n, each of shape (S,)."""
        return tuple(each[1, 0] for each in self.ahead)

    @property
    def horizon(self) -> int:
        """The most draws."""
        return len(self.ahead) - 1


def solve(
    model: DrawModel, horizon: int, cost: float, wait: float = 0.0, at_once: AtOnce = 1
) -> Optimum:
    """Return the value of every state.

    Args:
        model: What is known of fresh draws.
        horizon: N, the most draws, at least 1; up to `MOST_DRAWS`, or `MOST_SCORED_DRAWS`.
        cost: c ≥ 0 a draw.
        wait: w ≥ 0 a round trip.
        at_once: How many draws a round trip makes: so many, or all that are left where those are
            fewer; `"auto"` for as many as are worth most.
    """
    reach = horizon if at_once == "auto" else at_once
    states, chances = _states(_Known(model), horizon)
    ahead: list[Floats] = []
    for n in range(horizon, -1, -1):
        layer, (best, again, new) = states.layers[n], chances[n]
        stopped = np.array([best, np.zeros_like(best), np.zeros_like(best)])[:, None]
        if n == horizon:
            ahead.append(stopped)
            continue
        following = ahead[-1][:, :reach]
        # Not a product of matrices, see `_next_draw`.
        drawn = (again * following[..., layer.again]).sum(axis=(-2, -1))
        drawn += (new * following[..., layer.new]).sum(axis=-1)
        on = _best_trip(drawn, cost, wait, at_once)
        now = np.where(on[0] > best, on, stopped[:, 0])
        ahead.append(np.concatenate([now[:, None], drawn], axis=1))
    return Optimum(states, tuple(reversed(ahead)))


def _best_trip(drawn: Floats, cost: float, wait: float, at_once: AtOnce) -> Floats:
    """Return what the best next round trip leads to, as `Optimum.ahead` has it, shape (3, S).

    Args:
        drawn: What is expected after m = 1 … M draws, shape (3, M, S).
        cost: c, of a draw.
        wait: w, of a round trip.
        at_once: `"auto"` for the best m, of equals the least; for a number it is M.
    """
    _, most, size = drawn.shape
    made = np.arange(1, most + 1)
    if at_once == "auto":
        best = (drawn[0] - cost * made[:, None]).argmax(axis=0)
    else:
        best = np.full(size, most - 1)
    (value, rounds, trips), draws = drawn[:, best, np.arange(size)], made[best]
    return np.array([value - cost * draws - wait, rounds + draws, trips + 1])


class _Known:
    """A model of draws as a key: equal where all of its numbers are."""

    def __init__(self, model: DrawModel) -> None:
        self.model = model
        scores = model.scores or ()
        arrays = [each for each in (*model[:2], *scores) if isinstance(each, np.ndarray)]
        correlation = model.scores and model.scores.correlation
        self._key = (*(each.tobytes() for each in arrays), *model.urns, correlation)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=16)
def _states(known: _Known, horizon: int) -> tuple[Lattice, list[tuple[Floats, Floats, Floats]]]:
    """Return all states, and by n their beliefs and next draws, which no cost changes."""
    model = known.model
    anew = model.scores is not None and model.scores.correlation is not None
    levels = 1 if model.scores is None else model.scores.levels.shape[1]
    states = lattice(horizon, levels, anew=anew)
    cases = _Cases.of(model, states)
    return states, [_next_draw(model, states, cases, n) for n in range(horizon + 1)]


class _Cases(NamedTuple):
    """What marks say in every case, a class and a node of the intercept, N of them together.

    Attributes:
        log_before: ln P(case), shape (N,).
        log_wrong: ln P(an answer's scores | wrong), and of its draws being wrong, by mark, shape
            (marks, N).
        ratios: How much likelier its draws and scores are if it is right, by mark, and last of no
            answer, shape (marks + 1, N).
        asked: 1, then P(the next draw is right), P(wrong), and of a new answer P(wrong, and level
            of its score), P(right, and level), shape (3 + 2L, N).
    """

    log_before: Floats
    log_wrong: Floats
    ratios: Floats
    asked: Floats

    @classmethod
    def of(cls, model: DrawModel, states: Lattice) -> "_Cases":
        nodes, by_level, log_scores = _score_chances(model, states)
        shape = len(model.initial), len(nodes)
        right = np.broadcast_to(_possible(model.initial)[:, None], shape).ravel()
        votes = states.votes[:, None]
        log_wrong = log_scores[:, 0] + votes * np.log(1 - right)
        log_right = log_scores[:, 1] + votes * np.log(right)
        asked = [np.ones_like(right), right, 1 - right, *(1 - right) * by_level[0]]
        asked += [*right * by_level[1]]
        ratios = np.vstack([np.exp(log_right - log_wrong), np.ones_like(right)])
        before = log_chance(model.weights)[:, None] + log_chance(nodes)
        return cls(before.ravel(), log_wrong, ratios, np.array(asked))


def _score_chances(model: DrawModel, states: Lattice) -> tuple[Floats, Floats, Floats]:
    """Return what scores say in each of N cases, a class and a node.

    Returns:
        P(node), shape (Z,); P(level of a new answer's score | wrong or right), shape (2, L, N);
        ln P(an answer's scores | wrong or right) by mark, shape (marks, 2, N).
    """
    if model.scores is None:
        n_classes = len(model.initial)
        nothing = np.zeros((len(states.marks), 2, n_classes))
        return np.ones(1), np.ones((2, 1, n_classes)), nothing
    nodes, levels, correlation = model.scores
    levels = _possible(levels).reshape(*levels.shape[:2], -1)
    if correlation is None:
        logs = np.log(levels)
        return nodes, levels, np.array([logs[:, level] for _, level in states.marks])
    rho = min(correlation, _CERTAIN)
    most = int(states.votes.max())
    counts = np.array(states.marks)

    def rising(chances: Floats) -> Floats:
        steps = [np.log(rho * i + (1 - rho) * chances) for i in range(most)]
        return np.cumsum([np.zeros_like(chances), *steps], axis=0)

    whole = np.cumsum([0.0, *(np.log(1 + (i - 1) * rho) for i in range(most))])
    logs = rising(levels[:, 1])[counts[:, 0]] + rising(levels[:, 0])[counts[:, 1]]
    return nodes, levels, logs - whole[states.votes][:, None, None]


def _next_draw(
    model: DrawModel, states: Lattice, cases: _Cases, n: int
) -> tuple[Floats, Floats, Floats]:
    """Return the best belief of the states of n draws, and what the next draw may be.

    Hypotheses are that an answer of each kind is right, then that none is: H = D + 1.

    Returns:
        The belief, shape (S,); P(an answer of a kind again), by outcome, shape (S, D, B); P(a new
        answer), by level, shape (S, L).
    """
    layer = states.layers[n]
    size, width = layer.kinds.shape
    # Not products of matrices: BLAS starts threads for them, which cost more than they save.
    logs = np.einsum("sd,sdn->sn", layer.counts, cases.log_wrong[layer.kinds])
    logs += cases.log_before
    all_wrong = np.exp(logs - logs.max(axis=1, keepdims=True))
    none = np.full((size, 1), len(states.marks))
    joint = all_wrong[:, None] * cases.ratios[np.hstack([layer.kinds, none])]
    asked = np.einsum("shn,cn->shc", joint, cases.asked)
    values = _WrongValues.of(model, states, layer, n)
    asked *= values.chances[..., None]
    total = asked[..., 0].sum(axis=1)[:, None, None]
    asked /= np.where(total > 0, total, 1.0)  # more answers than there can be have no chance
    beliefs = asked[:, :width, 0] / np.maximum(layer.counts, 1)
    right, wrong = asked[..., 1], asked[..., 2]
    levels = (asked.shape[-1] - 3) // 2
    wrong_level, right_level = asked[..., 3 : 3 + levels], asked[..., 3 + levels :]
    again = right[:, :width] + np.einsum("sh,shd->sd", wrong, values.seen)
    new = np.einsum("shl,sh->sl", wrong_level, values.unseen) + right_level[:, -1]
    best = beliefs.max(axis=1, initial=0.0)
    if model.scores is None or model.scores.correlation is None:
        return best, again[..., None], new
    accepted = right_level[:, :width, 1]
    accepted = accepted + np.einsum("sh,shd->sd", wrong_level[..., 1], values.seen)
    rho = min(model.scores.correlation, _CERTAIN)
    before = np.array([accepting for accepting, _ in states.marks])[layer.kinds]
    known = rho * before * again + (1 - rho) * accepted
    accepted = known / (1 + np.maximum(states.votes[layer.kinds] - 1, 0) * rho)
    return best, np.stack([again - accepted, accepted], axis=-1), new


class _WrongValues(NamedTuple):
    """Wrong values under each hypothesis, of the states of a layer.

    Attributes:
        chances: P(these values | h), times how many answers h may mean, shape (S, H).
        seen: P(the next wrong draw is of a kind | h), shape (S, H, D).
        unseen: P(it is a new one | h), shape (S, H).
    """

    chances: Floats
    seen: Floats
    unseen: Floats

    @classmethod
    def of(cls, model: DrawModel, states: Lattice, layer: Layer, n: int) -> "_WrongValues":
        size, width = layer.kinds.shape
        counts = layer.counts
        votes = states.votes[layer.kinds] * (counts > 0)
        right = np.hstack([votes, np.zeros((size, 1), dtype=np.int64)])
        many = np.hstack([counts, np.ones((size, 1), dtype=np.int64)])
        distinct = counts.sum(axis=1, keepdims=True) - (right > 0)
        logs = np.array([_log_pattern(urn, right, counts, distinct, n) for _, urn in model.urns])
        largest = np.where(many > 0, logs, -np.inf).max(axis=(0, 2))[:, None]
        # Under a hypothesis all answers of a kind but the right one are wrong.
        others = np.repeat(counts[:, None], width + 1, axis=1)
        others[:, np.arange(width), np.arange(width)] -= 1
        chances, unseen = np.zeros(right.shape), np.zeros(right.shape)
        seen = np.zeros(others.shape)
        for (weight, urn), log in zip(model.urns, logs, strict=True):
            each = weight * np.exp(np.where(many > 0, log - largest, -np.inf))
            share = each / urn.total(n - right, distinct)
            chances += each
            unseen += share * urn.unseen(distinct)
            seen += share[..., None] * urn.seen(votes)[:, None]
        known = np.where(chances > 0, chances, 1.0)
        return cls(chances * many, seen * others / known[..., None], unseen / known)


def _log_pattern(urn: Urn, right: Ints, counts: Ints, distinct: Ints, n: int) -> Floats:
    """Return ln P(the wrong values | h), shape (S, H), every order of them alike."""
    steps = np.arange(n)
    opened = np.cumsum([0.0, *log_chance(urn.unseen(steps))])
    repeated = np.cumsum([0.0, 0.0, *np.log(urn.seen(np.arange(1, max(n, 1))))])
    everything = np.cumsum([0.0, *np.log(urn.total(steps))])
    together = (counts * repeated[right[:, :-1]]).sum(axis=1, keepdims=True)
    return np.asarray(opened[distinct] + together - repeated[right] - everything[n - right])


def _possible(chances: Floats) -> Floats:
    return np.clip(chances, _NEARLY, 1 - _NEARLY)
