"""What a verifier may return, and what becomes of it."""

import dataclasses
import math
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel

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


class Result(BaseModel):
    """As LangSmith and many others have it."""

    key: str = "k"
    score: float | bool | None = None
    value: Any = None
    comment: str | None = None


@dataclasses.dataclass
class Metric:
    """As ragas has it."""

    value: Any
    reason: str | None = None


@pytest.mark.parametrize(
    ("returned", "score", "feedback"),
    [
        ({"key": "k", "score": False, "comment": "No."}, 0.0, "No."),
        (
            {"key": "k", "score": 0.5, "comment": None, "metadata": None, "source_run_id": 1},
            0.5,
            None,
        ),
        ([{"key": "k", "score": True, "comment": "Yes."}], 1.0, "Yes."),
        ({"results": [{"key": "k", "score": 0.5}]}, 0.5, None),
        ({"score": 0.5, "reasoning": "So."}, 0.5, "So."),
        ({"score": 0.5, "comment": None, "reason": "So."}, 0.5, "So."),
        (Result(score=0.5, comment="Half."), 0.5, "Half."),
        ([Result(score=True)], 1.0, None),
        ({"key": "k", "value": "PASS"}, 1.0, None),
        ({"results": [Result(score=0.25)]}, 0.25, None),
        (Result(value="incorrect", comment="No."), 0.0, "No."),
        (Result(value="PASS"), 1.0, None),
        (Result(value="B"), None, None),
        (Result(value=0.5), 0.5, None),
        (Result(), None, None),
        (Metric(0.5, "Half."), 0.5, "Half."),
        (Metric("pass"), 1.0, None),
        (SimpleNamespace(value="fail", reason="No."), 0.0, "No."),
    ],
)
def test_results_of_evaluators_are_verdicts(
    returned: object, score: float | None, feedback: str | None
) -> None:
    assert to_verdict(returned) == {"score": score, "feedback": feedback, "usage": None}


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
        (
            {"score": 0.5, "style": 1, "tone": 2},
            r"a dict with \['style', 'tone'\], which a verdict",
        ),
        ([{"key": "a", "score": 1}, {"key": "b", "score": 0}], r"2 results \(\['a', 'b'\]\)"),
        ([], "which is no score"),
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


@pytest.mark.parametrize("count", [-1, 0.5, None, True, "7", 10**30, float("nan")])
def test_impossible_usage_is_unknown_and_loses_no_score(count: object) -> None:
    verdict = to_verdict({"score": 0.5, "usage": {"input_tokens": 1, "output_tokens": count}})
    unknown = {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 1}
    assert verdict == {"score": 0.5, "feedback": None, "usage": unknown}


def test_tokens_may_be_numpys_integers() -> None:
    usage = {"input_tokens": np.int64(30), "output_tokens": np.int32(4)}
    counts = to_verdict({"score": 0.5, "usage": usage})["usage"]
    assert counts == {"calls": 1, "input_tokens": 30, "output_tokens": 4, "unknown": 0}
    assert {type(count) for count in counts.values()} == {int}
