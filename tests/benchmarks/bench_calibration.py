"""How well and how fast rates are recovered from traces."""

import sys
import time
from pathlib import Path

import numpy as np

from langchain_markovscale import Calibration

sys.path.insert(0, str(Path(__file__).parents[1] / "unit_tests/calibration"))
from simulated_loops import Loop

SEEDS = 20
RATES = ("initial", "repair", "corruption")


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def largest_error(calibration, loop):
    return max(
        np.abs(np.subtract(getattr(calibration.rates, name), getattr(loop, name))).max()
        for name in RATES
    )


def chance_of(table, weight, rates):
    """P(a question's rounds) of a two-class mixture, shape (questions,), written out anew."""
    now, then = table[:, :, :-1], table[:, :, 1:]
    by_class = []
    for initial, repair, corruption in rates.reshape(3, 2).T:
        first = np.where(table[:, :, 0] == 1, initial, 1 - initial)
        right = np.where(now == 1, 1 - corruption, repair)
        by_class.append((first * np.where(then == 1, right, 1 - right).prod(axis=2)).prod(axis=1))
    return weight * by_class[0] + (1 - weight) * by_class[1]


def efficient_error(loop, questions, starts, revisions):
    """Median of the largest rate error that an efficient estimator would have.

    By the Cramér–Rao bound: errors are normal with the inverse of Fisher's information, here the
    covariance of numerical score vectors over many simulated questions.
    """
    table = loop.table(100_000, starts, revisions, seed=7)
    truth = np.concatenate([loop.weights[:1], *(getattr(loop, name) for name in RATES)])

    def log_chance(at):
        return np.log(chance_of(table, at[0], at[1:]))

    steps = np.eye(len(truth)) * 1e-5
    scores = np.array([(log_chance(truth + h) - log_chance(truth - h)) / 2e-5 for h in steps])
    covariance = np.linalg.inv(questions * np.cov(scores))
    errors = np.random.default_rng(0).multivariate_normal(np.zeros(len(truth)), covariance, 20_000)
    return np.median(np.abs(errors[:, 1:]).max(axis=1))


def test_class_count_and_rates_of_a_known_mixture(figure):
    loop, counts, errors = Loop(), [], []
    for seed in range(SEEDS):
        table = loop.table(2000, 2, 3, seed=seed)
        counts.append(Calibration.fit(table, n_bootstrap=0, seed=seed).rates.n_classes)
    for seed in range(5 * SEEDS):
        table = loop.table(2000, 2, 3, seed=seed)
        errors.append(
            largest_error(Calibration.fit(table, n_classes=2, n_bootstrap=0, seed=seed), loop)
        )
    best = efficient_error(loop, 2000, 2, 3)
    figure("right class count, of 20", counts.count(2), "seeds", at_least=18)
    figure("median of the largest rate error", np.median(errors), "")
    figure("that of an efficient estimator", best, "")
    figure("ratio of the two", np.median(errors) / best, "×", at_most=1.15)


def test_intervals_cover(figure):
    loop, covered = Loop(), []
    for seed in range(100):
        intervals = Calibration.fit(
            loop.table(2000, 2, 3, seed=5000 + seed), n_classes=2, seed=seed
        ).fitted.intervals
        for name in ("weights", *RATES):
            for (low, high), truth in zip(intervals[name], getattr(loop, name), strict=True):
                covered.append(low <= truth <= high)
    figure("90 % intervals cover", np.mean(covered), "", at_least=0.85, at_most=0.95)


def stubborn(questions, rounds, seed, *, settling):
    """Runs in which most questions never move, as real ones: easy, open and hopeless."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([4, 2, 3])
    return Loop(
        weights=tuple(weights),
        initial=(0.97, 0.5, 0.04),
        repair=(0.5, rng.uniform(0.2, 0.5), 0.02),
        corruption=(0.01, rng.uniform(0.1, 0.35), 0.5),
        settling=settling,
    ).table(questions, 1, rounds - 1, seed)[:, 0]


def forecast_error(rounds, sizes, settling, n_classes):
    errors, last = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        d = 1.0 if settling is None else rng.uniform(*settling)
        table = stubborn(int(rng.integers(*sizes)), rounds, seed, settling=d)
        seen = Calibration.fit(
            table[:, :-1], n_classes=n_classes, settling=n_classes == 2, n_bootstrap=0
        )
        errors.append(abs(seen.mixture.accuracy(rounds - 1) - table[:, -1].mean()))
        last.append(abs(table[:, -2].mean() - table[:, -1].mean()))
    return np.mean(errors), np.mean(last)


def test_forecast_of_the_last_round(figure):
    for name, rounds, sizes, settling in (
        ("self-correction", 4, (164, 1320), None),
        ("debates", 5, (95, 137), (0.45, 0.75)),
    ):
        two, last = forecast_error(rounds, sizes, settling, 2)
        one, _ = forecast_error(rounds, sizes, settling, 1)
        figure(f"{name}, the last seen round again", last, "")
        figure(f"{name}, one class", one, "")
        figure(f"{name}, two classes with settling", two, "", at_most=min(one, 0.0125))


def test_speed(figure):
    table = Loop().table(5000, 1, 3, seed=0)
    Calibration.fit(table[:50], n_bootstrap=0)  # imports
    figure(
        "fit, 5,000 questions × 4 attempts, automatic class count",
        np.median([seconds(lambda: Calibration.fit(table, n_bootstrap=0)) for _ in range(5)]),
        "s",
        at_most=1.0,
    )
    figure(
        "the same with 200 bootstrap rounds",
        seconds(lambda: Calibration.fit(table)),
        "s",
        at_most=11.0,
    )
    traces = Loop().traces(5000, 2, 3, seed=0)
    for n_bootstrap, limit in ((0, 2.0), (200, 20.0)):
        figure(
            f"fit, 5,000 questions × 8 attempts with keys and scores, {n_bootstrap} bootstraps",
            seconds(lambda n=n_bootstrap: Calibration.fit(traces, n_bootstrap=n, delivery=False)),
            "s",
            at_most=limit,
        )
    million = Loop().table(125_000, 2, 3, seed=1)
    figure(
        "fit of 1,000,000 attempts from an array",
        seconds(lambda: Calibration.fit(million, n_bootstrap=0)),
        "s",
        at_most=5.0,
    )
