"""Models of fresh draws to try rules on, and questions whose draws come about as a model has it."""

from random import Random

import numpy as np
from hypothesis import strategies as st
from worlds import ACCEPT, REJECT, attempt

from langchain_markovscale import Rates
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores
from langchain_markovscale.theory.optimum import DrawModel
from langchain_markovscale.theory.scores import ScoreTable
from langchain_markovscale.theory.urn import Urn

GRADED = GradedScores(0.6, -0.4, 0.8, 1.0, 0.2, 0.7, (0.0, 0.5, 1.0), (-1.5, 0.0, 1.5))
TWO_VALUED = TwoValuedScores(1.0, -0.8, 0.2, 0.6)
SEVEN = Rates(
    [1 / 7] * 7, (0.03, 0.12, 0.3, 0.5, 0.7, 0.88, 0.97), 0.15, 0.1, 0.8, 0.7,
    coincidence=0.25, verdict_correlation=0.4,
)  # fmt: skip

urns = st.sampled_from(
    [
        ((1.0, Urn(0.4)),),
        ((1.0, Urn(0.5, 3)),),
        ((1.0, Urn(0.25, 4)),),
        ((1.0, Urn(1.0)),),
        ((0.3, Urn(0.4)), (0.7, Urn(0.1))),
    ]
)
chances = st.floats(0.05, 0.95)


@st.composite
def models(draw, kinds=("none", "levels", "anew")):
    """Two classes, and scores of two levels with two nodes of the intercept, or none."""
    weight = draw(chances)
    initial = np.array([draw(chances), draw(chances)])
    kind, scores = draw(st.sampled_from(kinds)), None
    if kind != "none":
        high = np.array(draw(st.lists(chances, min_size=8, max_size=8))).reshape(2, 2, 2)
        correlation = draw(st.sampled_from([0.0, 0.4, 0.9])) if kind == "anew" else None
        levels = np.stack([1 - high, high], axis=1)
        scores = ScoreTable(np.array([0.3, 0.7]), levels, correlation)
    return DrawModel(np.array([weight, 1 - weight]), initial, draw(urns), scores)


class Simulated:
    """A question of which draws and verdicts come about as a model has it."""

    def __init__(self, known: Rates, random: Random) -> None:
        self.known, self.random = known, random
        (self.k,) = random.choices(range(known.n_classes), known.weights)
        law = known.scores
        self.z = random.gauss(0, 1) if law else 0.0
        self.balls: list[int] = []
        self.verdicts: dict[str, float] = {}

    def draw(self):
        known, random = self.known, self.random
        if random.random() < known.initial[self.k]:
            key = "right"
        else:
            theta = 1 / known.coincidence - 1
            new = random.random() < theta / (theta + len(self.balls))
            ball = len(set(self.balls)) if new else random.choice(self.balls)
            self.balls.append(ball)
            key = f"wrong {ball}"
        if key not in self.verdicts or known.verdict_correlation == 0:
            self.verdicts[key] = self.score(key == "right")
        return attempt(key, self.verdicts[key])

    def score(self, right):
        law, known = self.known.scores, self.known
        if law is None:
            accepts = known.sensitivity[self.k] if right else 1 - known.specificity[self.k]
            return ACCEPT if self.random.random() < accepts else REJECT
        eta = np.log(known.initial[self.k] / (1 - known.initial[self.k]))
        shared = law.difficulty * eta + law.intercept * self.z
        x = (law.right if right else law.wrong) + shared
        x += self.random.gauss(0, 1) * (law.right_spread if right else law.wrong_spread)
        return float(np.interp(x, law.quantiles, law.scores))
