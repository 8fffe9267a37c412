"""What a verifier may return, and the verdict in it: a score in [0, 1], feedback and usage.

Beside the package's own forms, these are the results of other libraries' evaluators: dictionaries
and objects with a key, a score and a comment or a reason, alone or in a list of one.
"""

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, cast

from langchain_markovscale._text import valid
from langchain_markovscale.types import CriterionVerdict, Usage, Verdict, is_token_count
from langchain_markovscale.verifiers.judge_phrases import read_verdict

_ROUNDING = 1e-6  # a score may leave [0, 1] by this much: a softmax in single precision does


_FEEDBACK = ("feedback", "comment", "reason", "reasoning", "explanation", "rationale")
_BESIDE = (  # fields of evaluators' results that say nothing about the answer
    *("key", "name", "metadata", "correction", "evaluator_info", "feedback_config", "extra"),
    *("source_run_id", "target_run_id", "traces"),
)
_JUDGES = ("criteria", "judged_with", "unseen")  # what the package's own judges add
_FIELDS = ("score", "value", *_FEEDBACK, "usage", *_JUDGES, *_BESIDE)


def to_verdict(returned: object, *, name: str = "verifier") -> Verdict:
    """Read what a verifier returned.

    Args:
        returned: A bool or a number (also NumPy's or torch's, of one element), None (no score), a
            pair `(score, feedback)`, or a mapping with `score` and, where there are any,
            `feedback`, `usage` (a `Usage`, or LangChain's `usage_metadata`) and `criteria`. Or an
            evaluator's result, as a mapping or an object, alone or in a list: `score`, or else
            `value`, which may be a word such as "pass", and `comment`, `reason`, `reasoning`,
            `explanation` or `rationale`, which are feedback.
        name: The verifier's name, for errors.

    Returns:
        The verdict, as a new dictionary. A score that leaves [0, 1] by less than 1e-6 is clipped.

    Raises:
        ValueError: If the score is NaN or outside [0, 1].
        TypeError: If `returned` is of no accepted type, has fields that no verdict has, or is a
            list of several results.
    """
    score, feedback, usage = returned, None, None
    fields = _result_fields(returned, name)
    if fields is not None:
        score, usage = fields.get("score"), fields.get("usage")
        feedback = next((fields[each] for each in _FEEDBACK if fields.get(each) is not None), None)
    elif isinstance(returned, tuple) and len(returned) == 2:
        score, feedback = returned
    verdict = Verdict(
        score=_score(score, name), feedback=_feedback(feedback, name), usage=_usage(usage, name)
    )
    return verdict if fields is None else _with_others(verdict, fields, name)


def _with_others(verdict: Verdict, given: Mapping[str, Any], name: str) -> Verdict:
    """Return a verdict with what else a judge says of it."""
    criteria, judged_with = given.get("criteria"), given.get("judged_with")
    if isinstance(criteria, list) and all(map(_is_criterion, criteria)):
        verdict["criteria"] = [
            CriterionVerdict(
                criterion=valid(each["criterion"]),
                score=_score(each.get("score"), name),
                feedback=_feedback(each.get("feedback"), name),
            )
            for each in criteria
        ]
    if isinstance(judged_with, str):
        verdict["judged_with"] = judged_with
    if given.get("unseen") is True:
        verdict["unseen"] = True
    return verdict


def _is_criterion(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("criterion"), str)


def _result_fields(returned: object, name: str) -> Mapping[str, Any] | None:
    """Return the fields of the one result that was returned; None for what has no fields."""
    fields = _fields(returned)
    results = fields["results"] if fields and set(fields) == {"results"} else returned
    if isinstance(results, list) and results and all(map(_fields, results)):
        if len(results) > 1:
            keys = [(_fields(result) or {}).get("key") for result in results]
            raise TypeError(
                f"{name} returned {len(results)} results ({keys}), and a verdict has one score: "
                "give an evaluator of one, or a function that makes one score of them."
            )
        fields = _fields(results[0])
    if fields is None:
        return None
    if "score" not in fields and not {"key", "value"} <= set(fields):
        raise TypeError(
            f"{name} returned a dict without 'score', got {sorted(map(str, fields))}: add "
            "it, as None where the verifier abstains."
        )
    if unknown := sorted(map(str, set(fields) - set(_FIELDS))):
        raise TypeError(
            f"{name} returned a dict with {unknown}, which a verdict does not have: return 'score' "
            "with, where there are any, 'feedback' and 'usage'."
        )
    value = fields.get("value")
    if fields.get("score") is None and value is not None:
        return {**fields, "score": read_verdict(value) if isinstance(value, str) else value}
    return fields


def _fields(value: Any) -> Mapping[str, Any] | None:
    """Return the fields of a mapping, or of a result as pydantic, dataclasses or ragas have it."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type) or text_of(value) is not None:
        return None
    if hasattr(value, "value") and hasattr(value, "reason"):
        return {"score": None, "value": value.value, "reason": value.reason}
    if isinstance(names := getattr(type(value), "model_fields", None), Mapping):
        return {name: getattr(value, name) for name in names}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def text_of(value: object) -> str | None:
    """Return the text of a str or of a message, made valid; None for anything else."""
    text = value if isinstance(value, str) else getattr(value, "text", None)
    return valid(text) if isinstance(text, str) else None


def _score(value: Any, name: str) -> float | None:
    if value is None:
        return None
    number = float(value if isinstance(value, (bool, int, float)) else _scalar(value, name))
    if math.isnan(number) or not -_ROUNDING <= number <= 1 + _ROUNDING:
        raise ValueError(
            f"{name} returned the score {value!r}, and a score is a number in [0, 1]: "
            "rescale it, or return None to abstain."
        )
    return min(max(number, 0.0), 1.0)


def _scalar(value: Any, name: str) -> bool | int | float:
    # NumPy's and torch's scalars have item(), and so have their arrays of one element.
    with contextlib.suppress(AttributeError, TypeError, ValueError, RuntimeError):
        number = value.item()
        if isinstance(number, (bool, int, float)):
            return number
    remedy = (
        "let it return a bool, a number in [0, 1], None, (score, feedback), "
        "or a dict with score, feedback and usage"
    )
    if text_of(value) is not None:
        remedy += ", or give JudgeVerifier(model), which reads a score from a model's words"
    raise TypeError(
        f"{name} returned {value!r} ({type(value).__name__}), which is no score: {remedy}."
    )


def _feedback(value: object, name: str) -> str | None:
    if value is None:
        return None
    text = text_of(value)
    if text is None:
        raise TypeError(
            f"{name} returned the feedback {value!r}: let it return a str, or None for none."
        )
    return text.strip() or None


def _usage(value: object, name: str) -> Usage | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not {"input_tokens", "output_tokens"} <= value.keys():
        raise TypeError(
            f"{name} returned the usage {value!r}: let it return a dict with input_tokens and "
            "output_tokens, or None where it is unknown."
        )
    counts = {
        "calls": value.get("calls", 1),
        "input_tokens": value["input_tokens"],
        "output_tokens": value["output_tokens"],
        "unknown": value.get("unknown", 0),
    }
    if not all(map(is_token_count, counts.values())):
        return Usage(calls=1, input_tokens=0, output_tokens=0, unknown=1)
    return cast(Usage, {part: int(count) for part, count in counts.items()})
