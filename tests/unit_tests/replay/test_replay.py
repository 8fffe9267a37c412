"""A replay hands out recorded attempts as a strategy asks for them, and counts what that takes."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest
from pools import answer, recorded, trace

from langchain_markovscale import Criterion, Rates, read_traces
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.replay import replay
from langchain_markovscale.replay.strategies import (
    BestOfN,
    FixedRounds,
    OracleGate,
    Predicted,
    SelfConsistency,
    SinglePass,
)

ARITHMETIC = Path(__file__).parents[2] / "data" / "arithmetic.jsonl"


class Scripted:
    """Takes given steps, ("generate",), ("revise", parent) or ("stop",), and notes what it saw."""

    def __init__(self, *steps, best=-1):
        self.steps, self.best, self.seen = steps, best, []

    def decide(self, attempts):
        self.seen = [(each["key"], each["parent"]) for each in attempts]
        action, *parent = self.steps[len(attempts)]
        best = self.best % len(attempts) if attempts else None
        return {
            "action": action,
            "parent": parent[0] if parent else None,
            "best": best,
            "belief": float("nan"),
            "expected_gain": 0.1 * len(attempts),
            "cost": 0.01 * len(attempts),
            "attempts": len(attempts),
        }


def play(strategy, *attempts, starts=(0,)):
    outcome = replay(strategy, Pool([trace(*attempts)]), starts)
    return {name: float(values[0]) for name, values in vars(outcome).items()}


def test_attempts_come_as_they_were_recorded_with_parents_of_this_run():
    strategy = Scripted(
        ("generate",), ("generate",), ("revise", 1), ("revise", 2), ("revise", 0), ("stop",)
    )
    play(
        strategy,
        answer("draw 1"),
        answer("draw 1, mended", 0),
        answer("draw 2"),
        answer("draw 2, mended", 2),
        answer("draw 2, mended twice", 3),
    )
    assert strategy.seen == [
        ("draw 1", None),
        ("draw 2", None),
        ("draw 2, mended", 1),
        ("draw 2, mended twice", 2),
        ("draw 1, mended", 0),
    ]


def test_revising_the_same_attempt_again_gives_its_next_revision():
    strategy = Scripted(("generate",), ("revise", 0), ("revise", 0), ("stop",))
    play(strategy, answer("a"), answer("b", 0), answer("c", 1), answer("d", 0))
    assert strategy.seen == [("a", None), ("b", 0), ("d", 0)]


@pytest.mark.parametrize("step", [("generate",), ("revise", 0)])
def test_where_the_pool_has_no_more_the_run_ends_with_the_best_so_far(step):
    one_of_each = (answer("right"), answer("wrong", 0), answer("wrong"))
    wants_more = Scripted(("generate",), step, step, step, best=0)
    ended = play(wants_more, *one_of_each)
    assert ended["exhausted"] == 1
    assert ended["correct"] == 1
    assert ended["attempts"] == 2
    stops = Scripted(("generate",), step, ("stop",), best=0)
    assert play(stops, *one_of_each)["exhausted"] == 0


def test_runs_begin_with_the_draws_that_they_are_told_to():
    draws = (answer("right"), answer("wrong"), answer("wrong"))
    assert play(SinglePass(), *draws, starts=(0,))["correct"] == 1
    assert play(SinglePass(), *draws, starts=(1,))["correct"] == 0
    assert play(SinglePass(), *draws, starts=(0, 1, 2, 3))["correct"] == 0.5


def test_an_answer_is_right_by_its_own_label_and_none_is_wrong():
    assert play(Scripted(("generate",), ("stop",)), answer("x", correct=True))["correct"] == 1
    assert play(Scripted(("stop",)), answer("right"))["correct"] == 0


def test_what_the_first_decision_to_go_on_promised_is_kept_beside_what_came_of_it():
    attempts = (answer("wrong"), answer("right", 0), answer("wrong"), answer("wrong", 2))
    steps = (("generate",), ("revise", 0), ("generate",), ("stop",))
    gained = play(Scripted(*steps, best=1), *attempts)
    promise = {"promised": 0.1, "expected_cost": 0.01, "went_on": 1}
    assert gained.items() >= (promise | {"delivered": 1, "taken": 2, "revisions": 1}).items()
    lost = play(Scripted(*steps, best=0), *attempts, starts=(1,))
    assert lost["delivered"] == 0
    stopped = play(Scripted(("generate",), ("stop",)), *attempts)
    for name in ("went_on", "promised", "expected_cost", "delivered", "taken", "revisions"):
        assert stopped[name] == 0
    worse = play(Scripted(*steps[:2], ("stop",)), answer("right"), answer("wrong", 0))
    assert (worse["delivered"], worse["taken"]) == (-1, 1)
    ended = play(Scripted(*steps), answer("right"))
    assert (ended["delivered"], ended["taken"], ended["exhausted"]) == (0, 0, 1)


def test_tokens_and_verdicts_are_counted_and_unknown_ones_stay_unknown():
    two = FixedRounds(2)
    known = play(two, answer("a", score=0.1, tokens=3), answer("b", 0, feedback="no", tokens=4))
    assert known["tokens"] == 7
    assert known["verified"] == 2
    unknown = play(two, answer("a", tokens=3), answer("b", 0, tokens=None))
    assert isnan(unknown["tokens"])
    assert unknown["verified"] == 0
    assert play(SinglePass(), answer("a", tokens=3), answer("b", 0, tokens=None))["tokens"] == 3


def test_every_question_may_have_a_strategy_of_its_own():
    pool = Pool(recorded(questions=4))
    outcome = replay([SinglePass(), FixedRounds(2), FixedRounds(3), FixedRounds(4)], pool)
    assert outcome.attempts.tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="argument"):
        replay([SinglePass()], pool)


@pytest.mark.parametrize("step", [("wait",), ("revise",), ("revise", 1), ("revise", -1)])
def test_decisions_that_make_no_sense_are_refused(step):
    with pytest.raises(ValueError, match="must decide on 'stop', 'generate', or 'revise'"):
        play(Scripted(("generate",), step), answer("a"), answer("b", 0))


def test_rules_buy_what_counting_labels_says():
    pool = Pool(read_traces(ARITHMETIC))  # three starts with three revisions each, in this order
    correct = np.array([question.correct for question in pool]).reshape(-1, 3, 4)
    scores = np.array([[each["score"] for each in question.attempts] for question in pool])
    best = scores.reshape(-1, 3, 4)[:, :, 0].argmax(axis=1)
    starts = range(3)
    last = replay(FixedRounds(4), pool, starts)
    np.testing.assert_allclose(last.correct, correct[:, :, 3].mean(axis=1))
    bound = replay(OracleGate("revise", 4), pool, starts)
    np.testing.assert_allclose(bound.correct, correct.any(axis=2).mean(axis=1))
    redrawn = replay(OracleGate("generate", 3), pool)
    np.testing.assert_allclose(redrawn.correct, correct[:, :, 0].any(axis=1))
    scored = replay(BestOfN(3), pool)
    np.testing.assert_allclose(scored.correct, correct[np.arange(len(pool)), best, 0])


def test_three_votes_are_right_where_two_are_or_where_the_first_of_three_is():
    pool = Pool(read_traces(ARITHMETIC))
    keys = [[each["key"] for each in question.attempts][::4] for question in pool]
    labels = [question.correct[::4] for question in pool]
    expected = []
    for drawn, right in zip(keys, labels, strict=True):
        twice = next((key for key in drawn if key and drawn.count(key) > 1), None)
        first = next(index for index, key in enumerate(drawn) if twice is None or key == twice)
        expected.append(right[first])
    np.testing.assert_array_equal(replay(SelfConsistency(3), pool).correct, expected)


def test_a_criterion_replays_as_it_decides_by_hand():
    pool = Pool(recorded(questions=20))
    criterion = Criterion(Rates((1.0,), 0.6, 0.35, 0.1, 0.85, 0.8), 0.02)
    outcome = replay(criterion, pool)
    for place, question in enumerate(pool):
        taken = []
        while True:
            run = [dict(question.attempts[index]) for index in taken]
            for each in run:
                each["parent"] = None if each["parent"] is None else taken.index(each["parent"])
            decision = criterion.decide(run)
            parent = None if decision["parent"] is None else taken[decision["parent"]]
            left = [
                index
                for index, each in enumerate(question.attempts)
                if each["parent"] == parent and index not in taken
            ]
            if decision["action"] == "stop" or not left:
                break
            taken.append(left[0])
        assert outcome.attempts[place] == len(taken)
        assert outcome.correct[place] == question.correct[taken[decision["best"]]]
        assert outcome.belief[place] == decision["belief"]
        assert outcome.exhausted[place] == (decision["action"] != "stop")


def test_class_weights_of_the_question_reach_the_criterion():
    easy_and_hard = Rates((0.5, 0.5), (0.95, 0.05), 0.1, 0.1, 0.5, 0.5)
    criterion, pool = Criterion(easy_and_hard, 0.05), Pool([trace(answer("a"), answer("b"))])
    sure, unsure = (
        replay(Predicted(criterion, weights), pool).belief[0] for weights in ([1, 0], [0, 1])
    )
    assert sure > 0.9
    assert unsure < 0.5


class InBatches:
    """Self-consistency whose draws are made at once, so many in each round trip."""

    def __init__(self, draws, at_once):
        self.rule, self.at_once, self.seen = SelfConsistency(draws), at_once, []

    def decide(self, attempts):
        self.seen.append(len(attempts))
        decision = self.rule.decide(attempts)
        many = min(self.at_once, self.rule.draws - len(attempts))
        return decision | ({"draws": many} if decision["action"] == "generate" else {})


@pytest.mark.parametrize(("at_once", "seen"), [(2, [0, 2, 4, 5]), (5, [0, 5]), (1, [*range(6)])])
def test_draws_made_at_once_are_those_made_one_by_one_in_fewer_round_trips(at_once, seen):
    keys = ("a", "b", "b", "right", "right")
    pool = Pool([trace(*(answer(key) for key in keys))])
    rule = InBatches(5, at_once)
    outcome, one_by_one = replay(rule, pool), replay(SelfConsistency(5), pool)
    assert rule.seen == seen
    assert outcome.trips == len(seen) - 1
    assert one_by_one.trips == one_by_one.attempts == outcome.attempts == 5
    assert outcome.tokens == one_by_one.tokens
    assert outcome.correct == one_by_one.correct
    assert not outcome.exhausted


def test_of_draws_made_at_once_a_pool_gives_those_that_it_has():
    pool = Pool([trace(answer("a"), answer("right"), answer("right"))])
    outcome = replay(InBatches(8, 2), pool)
    assert (outcome.attempts, outcome.trips, outcome.exhausted) == (3, 2, 1)
    assert outcome.correct


def test_a_revision_is_a_round_trip_of_its_own():
    pool = Pool([trace(answer("a"), answer("b", 0), answer("right"))])
    outcome = replay(Scripted(("generate",), ("revise", 0), ("generate",), ("stop",)), pool)
    assert outcome.trips == outcome.attempts == 3
