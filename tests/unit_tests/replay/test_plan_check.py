"""Plans that are carried out on recorded attempts gain what a right model promises."""

from random import Random

import numpy as np
import pytest
from pools import answer, recorded, trace
from worlds import ACCEPT, REJECT, RIGHT, Band, Question, World

from langchain_markovscale import Criterion
from langchain_markovscale.replay.measured_delivery import measure_delivery
from langchain_markovscale.replay.plan_check import carried_out
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.theory.plans import Plan

MENDS = World((Band(0.6, 0.6, 0.02), Band(0.3, 0.4, 0.02)), 0.5, 0.5)


def of_one_answer(world, questions, revisions, seed):
    """Traces of one draw and several revisions of it."""
    random, traces = Random(seed), []
    for number in range(questions):
        question = Question(world, world.bands[number % len(world.bands)], random)
        first = question.draw()
        keys = [first, *(question.revise(first) for _ in range(revisions))]
        attempts = (
            answer(key, 0 if place else None, score=ACCEPT if question.accepts(key) else REJECT)
            for place, key in enumerate(keys)
        )
        traces.append(trace(*attempts, name=f"q{number}"))
    return traces


DRAWS = {"starts": 6, "revisions": 0}


@pytest.mark.parametrize(
    ("kind", "world", "actions", "traces"),
    [
        ("optimal", World(), ("generate",), recorded(questions=1500, seed=1, **DRAWS)),
        ("verified", World(), ("revise",), of_one_answer(World(), 3000, 5, seed=3)),
        ("blind", MENDS, ("revise",), recorded(MENDS, 1500, 3, starts=1, revisions=5)),
    ],
)
def test_a_right_model_keeps_its_promise(kind, world, actions, traces):
    rule = Criterion(world.rates(), 0.02, 6, actions)
    first = traces[0]["attempts"][:1]
    assert rule.plan(first).kind == kind
    assert rule.plan(first).gain == rule.decide(first)["expected_gain"]
    promised, delivered = carried_out(rule, list(Pool(traces)))
    assert not np.isnan(promised).any()
    ratio = delivered.sum() / promised.sum()
    error = np.sqrt(((delivered - ratio * promised) ** 2).sum()) / promised.sum()
    assert 0.9 < ratio < 1.1
    assert abs(ratio - 1) < 2 * error


class Planned(Criterion):
    """Makes one plan, whatever was answered."""

    def __init__(self, *arguments, plan=None, **options):
        super().__init__(*arguments, **options)
        self.planned = plan

    def plan(self, attempts):
        return self.planned


def carried(kind, action, most, *attempts):
    """What comes of a plan that promises .1: the gain of the one question."""
    rule = Planned(World().rates(), plan=Plan(action, 0.1, 1.0, kind, most))
    promised, delivered = carried_out(rule, list(Pool([trace(*attempts)])))
    return delivered.tolist() if promised[0] == 0.1 else promised.tolist()


def scored(*outcomes, parent=None):
    """Attempts by their key and verdict."""
    return [answer(key, parent, score=score) for key, score in outcomes]


def test_a_verified_plan_takes_the_first_that_is_accepted():
    first = answer("a", score=REJECT)
    later = scored(("b", REJECT), (RIGHT, ACCEPT), ("c", ACCEPT))
    assert carried("verified", "generate", 3, first, *later) == [1]
    assert carried("verified", "generate", 1, first, *later) == [0]
    revised = scored(("b", REJECT), (RIGHT, ACCEPT), parent=0)
    assert carried("verified", "revise", 2, first, *revised) == [1]
    right = answer(RIGHT, score=REJECT)
    assert carried("verified", "generate", 3, right, *scored(*[("b", ACCEPT)] * 3)) == [-1]


def test_where_rates_settle_only_a_chain_is_what_a_plan_of_revisions_expects():
    first, several = answer("a", score=REJECT), scored(("b", REJECT), (RIGHT, ACCEPT), parent=0)
    chain = [*scored(("b", REJECT), parent=0), *scored((RIGHT, ACCEPT), parent=1)]
    plan = Plan("revise", 0.1, 1.0, "verified", 2)
    for settling, attempts, gain in ((1.0, several, 1), (0.5, several, None), (0.5, chain, 1)):
        rule = Planned(World(settling=settling).rates(), plan=plan)
        (found,) = carried_out(rule, list(Pool([trace(first, *attempts)])))[1]
        assert np.isnan(found) if gain is None else found == gain


def test_a_blind_plan_takes_what_comes():
    chain = [answer("a"), answer("b", 0), answer(RIGHT, 1), answer("c", 2)]
    assert [carried("blind", "revise", most, *chain) for most in (1, 2, 3)] == [[0], [1], [0]]
    assert carried("blind", "generate", 1, answer("a"), answer(RIGHT), answer("b")) == [1]


@pytest.mark.parametrize(
    ("first", "later", "gain"),
    [
        ("a", (RIGHT, RIGHT), 1),
        ("a", (RIGHT, "b"), 0),  # a tie, which the first answer wins
        (RIGHT, ("b", "b"), -1),
        ("a", (RIGHT, RIGHT, "b", "b"), 0),  # a tie without the first answer is lost
    ],
)
def test_a_vote_is_won_by_the_most(first, later, gain):
    drawn = [answer(key) for key in (first, *later)]
    assert carried("vote", "generate", len(later), *drawn) == [gain]


def test_questions_with_too_few_attempts_are_left_out_even_if_they_would_have_done():
    chain = [answer("a", score=REJECT), *scored((RIGHT, ACCEPT), parent=0)]
    assert np.isnan(carried("verified", "revise", 2, *chain))
    assert np.isnan(carried("optimal", "generate", 1, *chain))
    staying = Planned(World().rates())
    assert np.isnan(carried_out(staying, list(Pool([trace(*chain)])))).all()


def test_it_is_measured_with_delivery_by_question():
    traces = recorded(questions=90, seed=4, starts=4, revisions=0)
    rates = World().rates()
    found = measure_delivery(traces, lambda _: rates)
    pool = list(Pool(traces))
    for row in found.rows:
        rule = Criterion(rates, row.cost, 4, ("generate",))
        plays = [
            carried_out(rule, [each.starting_with(start) for each in pool])
            for start in range(found.splits)
        ]
        promised, delivered = np.nansum(plays, axis=(0, 2))
        if row.at_its_word.went_on:
            assert row.plan_check == pytest.approx(delivered / promised)
        else:
            assert row.plan_check is None
    chains = recorded(questions=90, seed=5, starts=1, revisions=3)
    for row in measure_delivery(chains, lambda _: rates).rows:
        assert (row.plan_check is None) == (not row.at_its_word.went_on)
    cut = [each | {"attempts": each["attempts"][:2]} for each in chains[30:]]
    rows = measure_delivery([*chains[:30], *cut], lambda _: rates).rows
    assert any(row.at_its_word.went_on and row.plan_check is None for row in rows)
