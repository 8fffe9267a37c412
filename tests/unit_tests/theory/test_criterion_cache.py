"""Remembering decisions must not change any."""

from hypothesis import given, strategies as st

from langchain_markovscale import Calibration, Criterion
from langchain_markovscale.theory.criterion import RememberingCriterion

RATES = Calibration.from_rates(
    weights=[0.6, 0.4], initial=[0.7, 0.3], repair=[0.4, 0.1], corruption=[0.05, 0.2],
    sensitivity=0.85, specificity=0.8, settling=0.7,
)  # fmt: skip
REMEMBERING, PLAIN = RememberingCriterion(RATES), Criterion(RATES)


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
def test_every_decision_is_that_of_the_plain_criterion(made):
    assert REMEMBERING.decide(made) == PLAIN.decide(made)
    assert REMEMBERING.decide(made) == PLAIN.decide(made)


def test_what_a_caller_does_to_a_decision_is_forgotten():
    criterion = RememberingCriterion(RATES)
    criterion.decide([])["action"] = "stop"
    assert criterion.decide([])["action"] == "generate"


def test_weights_of_a_question_are_not_mixed_up_with_those_of_another():
    weights = [0.01, 0.99]
    REMEMBERING.decide([])
    assert REMEMBERING.decide([], weights) == PLAIN.decide([], weights)
    assert REMEMBERING.decide([], weights) != PLAIN.decide([])
