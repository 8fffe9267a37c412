from typing import get_args

import pytest

from langchain_markovscale import Attempt, Criterion, Decision, Rates, explain, explain_outcome
from langchain_markovscale.display.run import belief
from langchain_markovscale.display.wording import counted, listed, percent, points
from langchain_markovscale.types import Reason


def decision(**changes: object) -> Decision:
    made: Decision = {
        "action": "stop",
        "best": 1,
        "parent": None,
        "belief": 0.73,
        "expected_gain": 0.004,
        "cost": 0.01,
        "attempts": 3,
        "reason": "gain_below_cost",
    }
    return {**made, **changes}  # type: ignore[typeddict-item]


def attempt(key: str | None, text: str = "") -> Attempt:
    return {
        "text": text or f"It is {key}.",
        "key": key,
        "score": None,
        "action": "generate",
        "parent": None,
        "feedback": None,
        "tokens": None,
    }


def test_a_belief_names_its_answer_where_that_is_not_the_latest() -> None:
    attempts = [attempt("391"), attempt("381")]
    assert belief(attempts, decision(best=0, belief=0.13), latest=1) == "13% (answer 1)"
    assert belief(attempts, decision(best=1, belief=0.13), latest=1) == "13%"


def test_stopping_compares_the_gain_with_the_cost_in_points() -> None:
    assert explain(decision()) == (
        "stopped: going on would raise the chance of being right by 0.4 points and cost 1 point"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"action": "revise", "parent": 1, "expected_gain": 0.052, "cost": 0.02},
            "revise answer 2: should raise the chance of being right by 5.2 points and cost "
            "2 points",
        ),
        (
            {"action": "generate", "expected_gain": 0.3, "cost": 0.125},
            "fresh answer: should raise the chance of being right by 30 points and cost "
            "12.5 points",
        ),
        (
            {"action": "generate", "best": None, "attempts": 0, "expected_gain": 0.38},
            "first answer: right with a probability of 38%",
        ),
    ],
)
def test_going_on_names_the_step_and_what_it_should_bring(
    changes: dict[str, object], words: str
) -> None:
    assert explain(decision(reason="gain_exceeds_cost", **changes)) == words


@pytest.mark.parametrize(
    ("reason", "best", "words"),
    [
        ("max_rounds", 1, "stopped: all 3 attempts allowed had been made"),
        ("budget", 1, "stopped: the budget was used up; answer 2 is the best so far"),
        ("error", 1, "stopped: a call failed; answer 2 is the best so far"),
        ("error", None, "stopped: a call failed; there is no answer yet"),
        ("interrupted", 0, "stopped: the run was interrupted; answer 1 is the best so far"),
    ],
)
def test_other_reasons_say_what_ended_the_run(reason: str, best: int | None, words: str) -> None:
    assert explain(decision(reason=reason, best=best)) == words


def test_one_attempt_is_singular() -> None:
    assert "the one attempt allowed" in explain(decision(reason="max_rounds", attempts=1))


def test_two_attempts_are_plural() -> None:
    assert "all 2 attempts allowed" in explain(decision(reason="max_rounds", attempts=2))


def test_every_reason_of_the_closed_set_has_a_sentence() -> None:
    sentences = {explain(decision(reason=reason)) for reason in get_args(Reason)}
    assert len(sentences) == len(get_args(Reason))
    assert all(sentence and not sentence.endswith(".") for sentence in sentences)


def test_a_reason_outside_the_set_is_refused() -> None:
    with pytest.raises(ValueError, match="'tired'"):
        explain(decision(reason="tired"))


@pytest.mark.parametrize(
    ("gain", "cost", "words"),
    [
        (-0.03, 0.01, "leave the chance of being right as it is and cost 1 point"),
        (0.01, 0.02, "raise the chance of being right by 1 point and cost 2 points"),
        (0.0, 0.01, "leave the chance of being right as it is and cost 1 point"),
        (0.0, 0.0, "leave the chance of being right as it is and cost nothing"),
        (0.02, 0.02, "by 2 points and cost as much"),
        (0.0199, 0.02, "by 1.99 points and cost 2 points"),
        (0.01996, 0.02, "by 1.996 points and cost 2 points"),
    ],
)
def test_gain_and_cost_are_told_apart_with_as_few_digits_as_it_takes(
    gain: float, cost: float, words: str
) -> None:
    assert explain(decision(expected_gain=gain, cost=cost)).endswith(words)


def test_the_outcome_says_which_answer_and_how_sure() -> None:
    words = explain_outcome([attempt("8"), attempt("7"), attempt("7")], decision(best=2))
    assert words == (
        "Returned answer 3 of 3, right with a probability of 73%. Stopped: going on would raise "
        "the chance of being right by 0.4 points and cost 1 point."
    )


def test_the_outcome_says_so_when_the_last_answer_is_not_returned() -> None:
    earlier = explain_outcome([attempt("8"), attempt("7"), attempt("9")], decision(best=1))
    assert "The last answer is less likely to be right." in earlier
    same_key = explain_outcome([attempt("8"), attempt("7"), attempt("7")], decision(best=1))
    assert "less likely" not in same_key


def test_answers_without_keys_are_compared_by_their_place() -> None:
    words = explain_outcome([attempt(None, "a"), attempt(None, "b")], decision(best=0))
    assert "less likely" in words


def test_the_outcome_without_an_answer_only_says_why() -> None:
    words = explain_outcome([], decision(best=None, reason="error"))
    assert words == "Stopped: a call failed; there is no answer yet."


def test_a_decision_of_the_criterion_reads_as_it_was_meant() -> None:
    rates = Rates((1.0,), (0.9,), (0.1,), (0.05,), (0.9,), (0.9,))
    costly = Criterion(rates, cost_per_round=0.4)
    made = costly.decide([{**attempt("7"), "score": 1.0}])
    words = explain(made)
    assert words.startswith("stopped: going on would")
    assert words.endswith(f"cost {points(made['cost'])}")


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.734, "73%"),
        (0.996, "99.6%"),
        (0.99999, ">99.9%"),
        (0.015, "1.5%"),
        (1e-9, "<0.1%"),
    ],
)
def test_only_certainty_is_shown_as_certain(probability: float, words: str) -> None:
    assert percent(probability) == words


@pytest.mark.parametrize(
    ("difference", "words"),
    [(0.1, "10"), (-0.0001, "0"), (0.125, "12.5"), (1.0, "100"), (-0.02, "−2")],
)
def test_points_drop_zeros_that_say_nothing(difference: float, words: str) -> None:
    assert points(difference, unit=False) == words


@pytest.mark.parametrize(
    ("difference", "words"),
    [(0.01, "+1 point"), (-0.01, "−1 point"), (0.004, "+0.4 points"), (0.0, "0 points")],
)
def test_points_have_a_sign_and_a_unit(difference: float, words: str) -> None:
    assert points(difference, signed=True) == words
    assert points(abs(difference)) == words.lstrip("+−")


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1 attempt"), (0, "0 attempts"), (1200, "1,200 attempts"), (1.01, "1 attempt")],
)
def test_what_is_counted_has_its_plural(number: float, words: str) -> None:
    assert counted(number, "attempt") == words


def test_what_is_counted_may_be_spelled_and_have_a_plural_of_its_own() -> None:
    assert counted(1, "class is", "classes are", in_words=True) == "one class is"
    assert counted(3, "class is", "classes are", in_words=True) == "three classes are"
    assert counted(11, "revision", in_words=True) == "11 revisions"


@pytest.mark.parametrize(
    ("things", "words"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_what_is_listed_reads_as_in_a_sentence(things: list[str], words: str) -> None:
    assert listed(things) == words
