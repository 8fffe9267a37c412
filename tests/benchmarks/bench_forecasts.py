"""Forecasts of later rounds from the earlier ones, against those of the fit of version 0.1.

There retention had one value and took no part in telling classes apart. The limits are what that
fit missed on the same rounds. In the mean over the cells of real loops that is a strict limit; one
cell may be worse by .002, which is less than its questions allow to tell: with others drawn from
the same cell, a fit misses by .003 (the least of any cell) to .020 more or less, as a standard
deviation.

One cell of HotpotQA is left out, ReAct/base. Its attempts are fresh ones, not revisions, and 34 of
its 100 questions were solved at once, the others in none of five attempts: after the first attempt
there is nothing to forecast. The fit would miss it by .016.
"""

import json
from pathlib import Path

import numpy as np

from langchain_markovscale import Calibration, ChainMixture
from langchain_markovscale.types import new_attempt

CELLS = json.loads((Path(__file__).parents[1] / "data/pools/gated.json").read_text())
BEFORE = dict(
    zip(
        CELLS,
        (.0093, .0614, .0465, .0656, .1116, .0859, .0200, .0684, .0119, .0318, .0677, .0175),
        strict=True,
    )
)  # fmt: skip
SIMULATED_BEFORE = 0.0099
SEEDS = 12
NOISE = 0.002  # by which one cell may be worse


def trace(number, answers):
    """A chain of revisions with keys, of which 0 is right."""
    attempts = [
        new_attempt(
            "", key=None if answer < 0 else str(answer), score=None, parent=n - 1 if n else None
        )
        | {"correct": answer == 0}
        for n, answer in enumerate(answers)
    ]
    return {"id": str(number), "question": "", "attempts": attempts}


def fit(runs):
    traces = [trace(number, answers) for number, answers in enumerate(runs)]
    return Calibration.fit(traces, n_bootstrap=0, delivery=False).mixture


# Real loops, which end when an answer is right.


def solved(runs, rounds):
    """Share of questions solved after each round, by the product-limit estimate."""
    left, shares = 1.0, []
    for t in range(rounds):
        at_risk = [answers for answers in runs if len(answers) > t]
        left *= 1 - sum(answers[t] == 0 for answers in at_risk) / max(len(at_risk), 1)
        shares.append(1 - left)
    return np.array(shares)


def forecast_of_solved(mixture, rounds):
    """As `solved`, by the rates of a fit: nothing is revised that is right."""
    chains = (mixture.weights, mixture.initial, mixture.repair, 0.0, mixture.settling)
    return ChainMixture(*chains).accuracy(np.arange(rounds))


def error_of(runs):
    """Mean error of the later rounds, forecast from two, three and four rounds."""
    rounds = max(map(len, runs))
    truth = solved(runs, rounds)
    errors = [
        np.abs(forecast_of_solved(fit([run[:seen] for run in runs]), rounds) - truth)[seen:].mean()
        for seen in (2, 3, 4)
    ]
    return np.mean(errors)


def test_real_loops(figure):
    errors = {name: error_of(runs) for name, runs in CELLS.items()}
    figure(
        "later rounds of 12 real cells, mean error of the forecast",
        np.mean(list(errors.values())),
        "",
        at_most=np.mean(list(BEFORE.values())),
    )
    for name, error in errors.items():
        figure(f"of it {name}", error, "", at_most=BEFORE[name] + NOISE)


# Simulated loops, which do not stop, and whose classes differ in how stubborn they are.


def rounds_of(questions, rounds, seed, settling, retention):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([4, 2, 3])
    initial = (0.97, 0.5, 0.04)
    repair = (0.5, rng.uniform(0.2, 0.5), 0.02)
    corruption = (0.01, rng.uniform(0.1, 0.35), 0.5)
    runs = []
    for _ in range(questions):
        k = rng.choice(3, p=weights)
        answers = []
        for t in range(rounds):
            settled = settling ** max(t - 1, 0)
            if t == 0:
                right = rng.random() < initial[k]
            elif answers[-1] == 0:
                right = rng.random() >= corruption[k] * settled
            else:
                right = rng.random() < repair[k] * settled
            if right:
                answers.append(0)
            elif t and answers[-1] and rng.random() < retention[k]:
                answers.append(answers[-1])
            else:
                others = [v for v in range(1, 30) if not t or v != answers[-1]]
                answers.append(int(others[min(rng.geometric(0.35), 28) - 1]))
        runs.append(answers)
    return runs


def test_simulated_loops(figure):
    errors = []
    for rounds, sizes, settling in ((4, (164, 800), (1, 1)), (5, (95, 137), (0.45, 0.75))):
        for retention in ((0.3, 0.3, 0.9), (0.5, 0.5, 0.5), (0.9, 0.2, 0.6)):
            for seed in range(SEEDS):
                rng = np.random.default_rng(seed)
                size, d = int(rng.integers(*sizes)), rng.uniform(*settling)
                runs = rounds_of(size, rounds, seed, d, retention)
                last = fit([answers[:-1] for answers in runs]).accuracy(rounds - 1)
                errors.append(abs(last - np.mean([answers[-1] == 0 for answers in runs])))
    figure(
        "last round of simulated loops, mean error of the forecast",
        np.mean(errors),
        "",
        at_most=SIMULATED_BEFORE,
    )
