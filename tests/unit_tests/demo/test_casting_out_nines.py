import random

import pytest

from langchain_markovscale import FunctionVerifier
from langchain_markovscale.demo import setting
from langchain_markovscale.demo.casting_out_nines import casting_out_nines, remainder_by_nine


def test_the_remainder_by_nine_is_that_of_division() -> None:
    rng = random.Random(1)
    for number in [0, 9, 18, *(rng.randrange(10**20) for _ in range(200))]:
        assert remainder_by_nine(str(number)) == number % 9


def test_a_right_sum_always_passes() -> None:
    rng = random.Random(2)
    for _ in range(200):
        terms = [rng.randrange(10**6) for _ in range(rng.randint(2, 4))]
        question = f"What is {' + '.join(map(str, terms))}?"
        assert casting_out_nines(question, str(sum(terms)))[0] == 1.0


def test_one_wrong_sum_in_nine_passes() -> None:
    passed = [
        wrong for wrong in range(1000) if wrong != 57 and casting_out_nines("23+34", str(wrong))[0]
    ]
    assert all((wrong - 57) % 9 == 0 for wrong in passed)
    assert len(passed) / 999 == pytest.approx(1 / 9, abs=0.005)


@pytest.mark.parametrize("key", ["8", None, "7.5", "-7", "1/3"])
def test_what_cannot_be_right_is_rejected_with_a_critique(key: str | None) -> None:
    score, feedback = casting_out_nines("What is 3 + 4?", key)
    assert score == 0.0
    assert feedback


def test_it_has_no_opinion_on_what_is_no_sum() -> None:
    assert casting_out_nines("How many legs does a spider have?", "8") == (None, None)


def test_it_is_a_function_for_a_verifier() -> None:
    verifier = FunctionVerifier(casting_out_nines)
    verdict = verifier.invoke({"question": "3 + 4?", "answer": "It is 8.", "key": "8"})
    assert verdict["score"] == 0.0
    assert "8 is not 3 + 4" in (verdict["feedback"] or "")


def test_the_demo_asks_a_dozen_questions_and_was_measured_on_none_of_them() -> None:
    asked, measured = set(setting.questions()), set(setting.questions_to_measure())
    assert len(asked) == 12
    assert len(measured) > 50
    assert not asked & measured


def test_the_packaged_rates_say_what_they_were_measured_for() -> None:
    calibration = setting.calibration()
    assert "smollm2" in calibration.source
    assert calibration.metadata["prompt"] == setting.PROMPTS.reconsider
    assert calibration.metadata["temperature"] == setting.TEMPERATURE
    assert calibration.metadata["max_tokens"] == setting.MAX_TOKENS
