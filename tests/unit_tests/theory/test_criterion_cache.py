"""Cached decisions are those that would be made anew, and hold nothing of a run."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from unittest.mock import patch

import pytest
from hypothesis import given, strategies as st

from langchain_markovscale import Calibration, Criterion
from langchain_markovscale.theory.decision_cache import Cache
from langchain_markovscale.types import new_attempt

RATES = Calibration.from_rates(
    weights=[0.6, 0.4], initial=[0.7, 0.3], repair=[0.4, 0.1], corruption=[0.05, 0.2],
    sensitivity=0.85, specificity=0.8, settling=0.7,
)  # fmt: skip
# Rates settle with depth, and the last digit depends on how deep a belief has looked before.
DEEPEST = [new_attempt("", key="4", parent=index - 1 if index else None) for index in range(6)]


def criterion_of(*arguments):
    criterion = Criterion(RATES, *arguments)
    criterion.decide(DEEPEST)
    return criterion


CACHING = criterion_of()


def anew(attempts, class_weights=None):
    """What a criterion decides that has decided nothing of the kind before."""
    return criterion_of().decide(attempts, class_weights)


@st.composite
def attempts(draw):
    made = []
    for index in range(draw(st.integers(0, 6))):
        parent = draw(st.sampled_from([None, *range(index)]))
        made.append(
            {
                "text": draw(st.text(max_size=3)),
                "key": draw(st.sampled_from([None, "4", "5", "zwölf"])),
                "score": draw(st.sampled_from([None, 0.0, 0.2, 0.5, 0.9, 1.0])),
                "action": "generate" if parent is None else "revise",
                "parent": parent,
                "feedback": draw(st.sampled_from([None, "no"])),
                "tokens": draw(st.sampled_from([None, 7])),
            }
        )
    return made


@given(attempts())
def test_every_decision_is_the_one_that_would_be_made_anew(made):
    assert CACHING.decide(made) == anew(made)
    assert CACHING.decide(made) == anew(made)


CHANGES = [
    {"cost_per_round": 0.0},
    {"cost_per_round": 0.1},
    {"actions": ("generate",), "cost_per_round": 0.02},
    {"actions": ("revise",)},
    {"max_rounds": 3},
    {"choices": 3},
    {"calibration": Calibration.training_free()},
    {"variant": "gate"},
]


@given(attempts(), st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3))
def test_criteria_made_of_one_another_decide_as_if_they_were_alone(made, changes):
    rule = CACHING
    for change in changes:
        before = rule.decide(made)
        change = {"cost_per_round": 0.03} | change
        rule, alone = rule.replace(**change), Criterion(**(rule.arguments | change))
        decision, expected = rule.decide(made), alone.decide(made)
        numbers = [name for name in expected if isinstance(expected[name], float)]
        assert {name: decision[name] for name in numbers} == pytest.approx(
            {name: expected[name] for name in numbers}, abs=1e-12
        )
        assert {**decision, **dict.fromkeys(numbers)} == {**expected, **dict.fromkeys(numbers)}
        assert before["attempts"] == decision["attempts"]


def test_what_does_not_depend_on_costs_is_worked_out_once():
    runs = [[new_attempt("", key="4", score=score)] for score in (0.0, 1.0)]
    rule = Criterion(RATES)
    belief = type(rule.belief)
    with patch.object(belief, "posterior", autospec=True, side_effect=belief.posterior) as read:
        for cost in (0.0, 0.01, 0.1):
            for actions in (["generate"], ["revise"]):
                other = rule.replace(cost_per_round=cost, actions=actions)
                for run in runs:
                    other.decide(run)
    assert read.call_count == len(runs)


def test_a_decision_is_computed_once_whatever_its_answers_are_called():
    criterion = Criterion(RATES)
    with patch.object(Criterion, "_decide", autospec=True, side_effect=Criterion._decide) as decide:
        for name in ("4", "5", "zwölf"):
            criterion.decide([new_attempt(f"It is {name}.", key=name, score=0.2, tokens=len(name))])
    assert decide.call_count == 1


def test_what_a_caller_does_to_a_decision_is_forgotten():
    criterion = Criterion(RATES)
    criterion.decide([])["action"] = "stop"
    criterion.decide([])["action"] = "stop"
    assert criterion.decide([])["action"] == "generate"


def test_weights_of_a_question_are_not_mixed_up_with_those_of_another():
    weights = [0.01, 0.99]
    CACHING.decide([])
    assert CACHING.decide([], weights) == anew([], weights)
    assert CACHING.decide([], weights) != anew([])


def test_nothing_of_a_run_is_held():
    secret = "never to be found in a criterion"
    criterion = Criterion(RATES)
    criterion.decide([{**new_attempt(secret, key=secret, feedback=secret), "id": secret}])
    assert len(criterion._decisions) == 1
    assert secret not in repr(criterion._decisions._values)


def test_the_number_of_cached_decisions_is_bounded_and_the_last_stay():
    criterion = Criterion(RATES)
    for score in range(1500):
        criterion.decide([new_attempt("", key="4", score=score / 1500)])
    assert len(criterion._decisions) == 1024
    with patch.object(Criterion, "_decide") as decide:
        criterion.decide([new_attempt("", key="4", score=1499 / 1500)])
    decide.assert_not_called()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_copy_decides_the_same_and_begins_with_nothing_cached(copied):
    criterion, attempts = criterion_of(0.02, 5), [new_attempt("", key="4", score=0.3)]
    decision = criterion.decide(attempts)
    again = copied(criterion)
    assert len(again._decisions) == 0
    assert again.decide(attempts) == decision


def test_threads_share_one_criterion():
    criterion = criterion_of()
    runs = [
        [new_attempt("", key=key, score=score / 300), new_attempt("", key="5", parent=0)]
        for key, score in product(("4", "5"), range(300))
    ]
    expected = [anew(run) for run in runs]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(criterion.decide, runs * 5))
    assert made == expected * 5


def test_attempts_that_cannot_be_read_are_refused_as_ever():
    criterion = Criterion(RATES)
    with pytest.raises(ValueError, match=r"attempts\[0\]\['key'\] must be a string"):
        criterion.decide([new_attempt("", key=["4"])])
    with pytest.raises(ValueError, match=r"attempts\[0\] has no 'key'"):
        criterion.decide([{"text": "4"}])
    assert len(criterion._decisions) == 0


def test_a_value_that_could_not_be_made_is_asked_for_again():
    cache = Cache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 / 0)
    assert cache.get("a", lambda: 3) == 3
    assert cache.get("a", lambda: 4) == 3
