"""What a verifier may return, and what becomes of it."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from langchain_core.messages import AIMessage

from langchain_markovscale.verifiers import to_verdict

USAGE = {"calls": 2, "input_tokens": 30, "output_tokens": 4, "unknown": 1}


@pytest.mark.parametrize(
    ("returned", "score", "feedback"),
    [
        (True, 1.0, None),
        (False, 0.0, None),
        (1, 1.0, None),
        (0.25, 0.25, None),
        (None, None, None),
        ((0.25, "Carry the one."), 0.25, "Carry the one."),
        ((None, " Unclear. "), None, "Unclear."),
        ((True, ""), 1.0, None),
        ({"score": 0.25}, 0.25, None),
        ({"score": None, "feedback": AIMessage("Unclear.")}, None, "Unclear."),
        (np.float32(0.25), 0.25, None),
        (np.bool_(True), 1.0, None),
        (np.array([0.25]), 0.25, None),
        ((np.int64(1), None), 1.0, None),
        (1 + 1e-7, 1.0, None),
        (np.float32(-1e-8), 0.0, None),
    ],
)
def test_a_verdict_is_read_into_plain_values(
    returned: object, score: float | None, feedback: str | None
) -> None:
    verdict = to_verdict(returned)
    assert verdict == {"score": score, "feedback": feedback, "usage": None}
    assert type(verdict["score"]) in (float, type(None))
    assert type(verdict["feedback"]) in (str, type(None))


@given(st.floats(0, 1))
def test_a_score_is_not_changed(score: float) -> None:
    assert to_verdict(score)["score"] == score


def test_usage_is_read_in_both_forms() -> None:
    assert to_verdict({"score": 1, "usage": USAGE})["usage"] == USAGE
    metadata = {"input_tokens": 30, "output_tokens": 4, "total_tokens": 34}
    assert to_verdict({"score": 1, "usage": metadata})["usage"] == {
        "calls": 1,
        "input_tokens": 30,
        "output_tokens": 4,
        "unknown": 0,
    }


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.1, 85, np.float64("nan")])
@pytest.mark.parametrize("form", [lambda s: s, lambda s: (s, "x"), lambda s: {"score": s}])
def test_a_score_outside_the_range_names_verifier_value_and_remedy(score: Any, form: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^checker returned the score .*\[0, 1\]: rescale it"
    ) as e:
        to_verdict(form(score), name="checker")
    assert repr(score) in str(e.value)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("0.9", "which is no score.*JudgeVerifier"),
        (AIMessage("PASS"), "which is no score.*JudgeVerifier"),
        ([0.5], "which is no score"),
        ((0.5, "x", None), "which is no score"),
        (np.array([0.1, 0.2]), "which is no score"),
        (Fraction(1, 2), "which is no score"),
        ({"value": 0.5}, r"a dict without 'score', got \['value'\]"),
        ((0.5, 7), "the feedback 7"),
        ({"score": 0.5, "usage": 7}, "the usage 7"),
        (
            {"score": 0.5, "usage": {"calls": 1}},
            "the usage .*: let it return a dict with input_tokens",
        ),
    ],
)
def test_what_is_no_verdict_is_an_error(returned: object, message: str) -> None:
    with pytest.raises(TypeError, match=f"(?s)^checker returned .*{message}"):
        to_verdict(returned, name="checker")


@pytest.mark.parametrize("count", [-1, 0.5, None])
def test_impossible_usage_is_an_error(count: object) -> None:
    with pytest.raises(ValueError, match="the usage output_tokens="):
        to_verdict({"score": 0.5, "usage": {"input_tokens": 1, "output_tokens": count}})
