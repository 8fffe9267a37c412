"""How long a decision takes: it is made after every attempt, in the middle of somebody's loop."""

import pytest
from worlds import ACCEPT, REJECT, World, attempt, broad_prior

from langchain_markovscale import Criterion, Rates
from langchain_markovscale.theory.decision_cache import Cache

EIGHT = [
    attempt("12", REJECT),
    attempt("15", REJECT, 0),
    attempt("12", ACCEPT),
    attempt("12", ACCEPT, 2),
    attempt("18", REJECT, 2),
    attempt("12", REJECT),
    attempt("15", ACCEPT, 5),
    attempt("20", REJECT, 6),
]
TWO = [attempt("12", REJECT), attempt("15", REJECT, 0)]
ONE_CLASS = Rates((1.0,), (0.6,), (0.35,), (0.1,), (0.85,), (0.8,), coincidence=1 / 3)


@pytest.mark.parametrize(
    ("classes", "rates", "attempts", "microseconds"),
    [
        (1, ONE_CLASS, TWO, 25),
        (3, World().rates(), EIGHT, 50),
        (45, broad_prior(), EIGHT, 60),
    ],
    ids=["1 class, 2 attempts", "3 classes, 8 attempts", "45 classes, 8 attempts"],
)
def test_a_decision_takes_microseconds(classes, rates, attempts, microseconds, benchmark, figure):
    criterion = Criterion(rates, cost_per_round=0.02, max_rounds=12)
    criterion._decisions = Cache(0)  # each decision is made anew
    assert rates.n_classes == classes
    assert criterion.decide(attempts)["reason"] != "max_rounds"  # every step of deciding is taken
    benchmark.pedantic(
        criterion.decide, args=(attempts,), rounds=3000, iterations=5, warmup_rounds=200
    )
    name = f"decide, K = {classes}, {len(attempts)} keyed attempts"
    figure(name, 1e6 * benchmark.stats.stats.median, "µs", at_most=microseconds)


def test_a_decision_that_was_made_before_takes_less(benchmark, figure):
    criterion = Criterion(broad_prior(), cost_per_round=0.02, max_rounds=12)
    benchmark.pedantic(
        criterion.decide, args=(EIGHT,), rounds=3000, iterations=5, warmup_rounds=200
    )
    figure("decide, made before, 8 keyed attempts", 1e6 * benchmark.stats.stats.median, "µs")
