"""What is measured of promise and delivery is what a replay by hand finds."""

from math import sqrt
from statistics import fmean, variance

import numpy as np
import pytest
from pools import answer, recorded, trace
from worlds import Band, World

from langchain_markovscale import Calibration, Criterion
from langchain_markovscale.replay import measured_delivery
from langchain_markovscale.replay.measured_delivery import interval_of, measure_delivery
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.theory.delivery import COSTS, Gains, phi_of

WORLD = World()
OPTIMIST = World((Band(0.95, 0.9, 0.0), Band(0.9, 0.9, 0.0)), 0.95, 0.95).rates()
DRAWS = {"starts": 4, "revisions": 0}


def known(rates):
    return lambda traces: rates


def by_hand(traces, rates, cost, most, splits, phi=1.0):
    """(promise, rounds, delivered, taken) by split and question, drawing alone; one trace each."""
    rows = np.zeros((splits, len(traces), 4))
    for split, number in np.ndindex(rows.shape[:2]):
        draws = traces[number]["attempts"]
        draws = draws[split % len(draws) :] + draws[: split % len(draws)]
        criterion, made, first = Criterion(rates, cost / phi, most, ("generate",)), [], None
        while True:
            made.append(draws[len(made)])
            decision = criterion.decide(made)
            if decision["action"] == "stop" or len(made) == len(draws):
                break
            first = first or (decision, len(made))
        if first:
            then, at = first
            right = made[decision["best"]]["correct"] - made[then["best"]]["correct"]
            gain, rounds = then["expected_gain"], then["cost"] * phi / cost
            rows[split, number] = gain, rounds, right, len(made) - at
    return rows


def between_halves(traces, rests):
    """By how much halves differ beyond what their questions explain, by split; at least 0."""
    more = []
    for split, rest in enumerate(rests):
        sums, noise = [], 0.0
        for half in Pool(traces).folds(0, split):
            values = [rest[number] for number in half]
            sums.append(sum(values))
            noise += len(values) * variance(values)
        more.append((sums[0] - sums[1]) ** 2 - noise)
    return max(0.0, fmean(more))


@pytest.fixture(scope="module")
def pool():
    return recorded(WORLD, questions=60, seed=3, **DRAWS)


@pytest.fixture(scope="module")
def found(pool):
    return measure_delivery(pool, known(WORLD.rates()), level=0.8)


def test_phi_is_that_of_a_replay_by_hand(pool, found):
    rates = WORLD.rates()
    assert [row.cost for row in found.rows] == list(COSTS)
    assert {row.actions for row in found.rows} == {("generate",)}
    assert (found.questions, found.traces, found.level) == (60, 60, 0.8)
    for row in found.rows:
        rows = by_hand(pool, rates, row.cost, 4, found.splits)
        gains, rounds, delivered, taken = rows.mean(axis=0).T
        net = delivered - row.cost * taken
        excess = net - (gains - row.cost * rounds)
        phi = phi_of(Gains(gains, excess))
        assert row.estimate == pytest.approx(phi.value)
        rests = [(a - row.cost * m) - (g - row.cost * n) - (phi.ratio - 1) * g
                 for g, n, a, m in rows.transpose(0, 2, 1)]  # fmt: skip
        error = sqrt(phi.error**2 + between_halves(pool, rests) / gains.sum() ** 2)
        assert row.interval == pytest.approx(interval_of(phi._replace(error=error), 0.8))
        assert row.at_its_word.promised[0] == pytest.approx(gains.mean())
        error = net.std(ddof=1) / 60**0.5
        assert row.at_its_word.delivered_net == pytest.approx((net.mean(), error))


def test_with_phi_in_force_it_is_played_once_more(pool):
    found = measure_delivery(pool, known(OPTIMIST))
    parts = [row for row in found.rows if 0 < row.estimate < 1]
    assert parts
    for row in parts:
        rows = by_hand(pool, OPTIMIST, row.cost, 4, found.splits, row.estimate)
        gains, rounds, delivered, taken = rows.mean(axis=0).T
        assert row.in_force.promised[0] == pytest.approx(row.estimate * gains.mean())
        net = delivered - row.cost * taken
        assert row.in_force.delivered_net[0] == pytest.approx(net.mean())
        loops = net.mean() + net.std(ddof=1) / 60**0.5 > 0 or not rounds.any()
        assert row.phi == (row.estimate if loops else 0)


def test_what_delivers_nothing_is_not_done():
    """Every draw of a question is wrong, whatever the rates promise."""
    hopeless = [trace(*(answer(f"w{n % 3}") for n in range(4)), name=f"q{q}") for q in range(60)]
    found = measure_delivery(hopeless, known(OPTIMIST.without_verifier()))
    looping = [row for row in found.rows if row.at_its_word.went_on]
    assert looping
    for row in looping:
        assert row.at_its_word.promised[0] > 0
        assert row.at_its_word.delivered == (0, 0)
        assert row.phi < 0.05
        assert row.in_force.went_on == 0
    calibration = Calibration(OPTIMIST, "hopeless", delivery=found)
    cost = looping[-1].cost
    first = hopeless[0]["attempts"][:1]
    assert Criterion(OPTIMIST, cost, actions=["generate"]).decide(first)["action"] == "generate"
    assert Criterion(calibration, cost, actions=["generate"]).decide(first)["action"] == "stop"


def test_rates_are_fitted_to_the_half_that_is_not_played():
    pool = [
        trace(*(answer("right") for _ in range(3)), name=f"{q} {n}", metadata={"question": q})
        for q in range(40)
        for n in range(2)
    ]
    fitted = []

    def fit(traces):
        fitted.append({each["metadata"]["question"] for each in traces})
        return WORLD.rates()

    found = measure_delivery(pool, fit)
    assert (found.questions, found.traces) == (40, 80)
    assert len(fitted) == 2 * found.splits >= 4
    for one, other in zip(fitted[::2], fitted[1::2], strict=True):
        assert len(one) == len(other) == 20
        assert not one & other


@pytest.mark.parametrize(
    ("fields", "sets"),
    [
        ({"starts": 3, "revisions": 0}, {("generate",): 3}),
        ({"starts": 1, "revisions": 2}, {("revise",): 3}),
        (
            {"starts": 2, "revisions": 2},
            {("revise",): 3, ("generate",): 2, ("revise", "generate"): 2},
        ),
        ({"starts": 10, "revisions": 0}, {("generate",): 8}),
    ],
)
def test_actions_are_measured_that_the_traces_can_replay(fields, sets):
    found = measure_delivery(recorded(questions=60, **fields), known(WORLD.rates()))
    assert {row.actions: row.max_rounds for row in found.rows} == sets


def test_attempts_that_few_questions_have_are_not_counted_on():
    pool = recorded(questions=40, starts=2, revisions=0, seed=1)
    pool += [
        each | {"id": f"more {n}"}
        for n, each in enumerate(recorded(questions=29, starts=6, revisions=0, seed=2))
    ]
    (limit,) = {row.max_rounds for row in measure_delivery(pool, known(WORLD.rates())).rows}
    assert limit == 2


@pytest.mark.parametrize(
    "pool",
    [
        recorded(questions=59, **DRAWS),
        recorded(questions=70, starts=1, revisions=0),
        recorded(questions=70, correct=None, **DRAWS),
        [trace(answer("a"), answer("b"), metadata={"question": n % 29}) for n in range(87)],
        [],
    ],
    ids=["few traces", "one attempt each", "no labels", "few questions", "nothing"],
)
def test_what_does_not_suffice_is_not_measured(pool):
    assert measure_delivery(pool, known(WORLD.rates())) is None


def test_of_many_questions_a_sample_is_played(monkeypatch):
    monkeypatch.setattr(measured_delivery, "_MOST_QUESTIONS", 50)
    pool = recorded(questions=60, starts=2, revisions=0)
    found = measure_delivery(pool, known(WORLD.rates()))
    assert found.questions == 50
    assert found == measure_delivery(pool, known(WORLD.rates()))
    assert found != measure_delivery(pool, known(WORLD.rates()), seed=1)


def test_a_fit_measures_it_unless_told_not_to(tmp_path):
    pool = recorded(questions=60, **DRAWS)
    fitted = Calibration.fit(pool, n_bootstrap=4, n_classes=2)
    assert fitted.delivery.questions == 60
    assert Calibration.fit(iter(pool), n_bootstrap=4, n_classes=2) == fitted
    without = Calibration.fit(pool, n_bootstrap=4, n_classes=2, delivery=False)
    assert without.delivery is None
    assert without.rates == fitted.rates
    fitted.save(tmp_path / "calibration.json")
    assert Calibration.load(tmp_path / "calibration.json") == fitted
    few = Calibration.fit(pool[:50], n_bootstrap=0, n_classes=1)
    assert few.delivery is None


def test_first_answers_are_those_that_runs_begin_with(pool, found):
    begun = [question.correct[: found.splits] for question in Pool(pool)]
    assert found.first == pytest.approx(sum(map(sum, begun)) / len(begun) / found.splits)
