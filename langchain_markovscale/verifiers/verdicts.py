"""What a verifier answers, and the one place where answers are read and checked.

Users' verifiers return what is natural to them: a bool, a NumPy float, a pair. From here on a
verdict is plain Python, because it goes into a graph's state, and it is right or an error, because
a NaN in a belief is found much later than it was made.
"""

import contextlib
import math
from collections.abc import Mapping
from typing import Any, cast

from typing_extensions import TypedDict

from langchain_markovscale.attempts import Usage

_ROUNDING = 1e-6  # a score may leave [0, 1] by this much: a softmax in single precision does


class Verdict(TypedDict):
    """What a verifier answers, in plain values.

    Attributes:
        score: How likely the answer is to be correct, in [0, 1]; None leaves the belief as it was.
        feedback: A critique for the next revision, or None.
        usage: What the verification cost, or None where that is not known.
    """

    score: float | None
    feedback: str | None
    usage: Usage | None


def to_verdict(returned: object, *, name: str = "verifier") -> Verdict:
    """Read what a verifier returned.

    Args:
        returned: A bool or a number (also NumPy's or torch's, of one element), None (no score), a
            pair ``(score, feedback)``, or a mapping with ``score`` and, where there are any,
            ``feedback`` and ``usage`` (a `Usage`, or LangChain's ``usage_metadata``).
        name: The verifier's name, for errors.

    Returns:
        The verdict, as a new dictionary. A score that leaves [0, 1] by less than 1e-6 is clipped.

    Raises:
        ValueError: If the score is NaN or outside [0, 1], or the usage is negative.
        TypeError: If ``returned`` is none of the above.
    """
    score, feedback, usage = returned, None, None
    if isinstance(returned, Mapping):
        if "score" not in returned:
            msg = (
                f"{name} returned a dict without 'score' (it has {sorted(map(str, returned))}); "
                "add it, as None where there is no score"
            )
            raise TypeError(msg)
        score, feedback = returned["score"], returned.get("feedback")
        usage = returned.get("usage")
    elif isinstance(returned, tuple) and len(returned) == 2:
        score, feedback = returned
    return Verdict(
        score=_score(score, name), feedback=_feedback(feedback, name), usage=_usage(usage, name)
    )


def text_of(value: object) -> str | None:
    """Return the text of a str or of a message, None for anything else."""
    text = value if isinstance(value, str) else getattr(value, "text", None)
    return str(text) if isinstance(text, str) else None


def _score(value: Any, name: str) -> float | None:
    if value is None:
        return None
    number = float(value if isinstance(value, (bool, int, float)) else _scalar(value, name))
    if math.isnan(number) or not -_ROUNDING <= number <= 1 + _ROUNDING:
        msg = (
            f"{name} returned the score {value!r}; a score is a number in [0, 1]: "
            "rescale it, or return None for no score"
        )
        raise ValueError(msg)
    return min(max(number, 0.0), 1.0)


def _scalar(value: Any, name: str) -> bool | int | float:
    # NumPy's and torch's scalars have item(), and so have their arrays of one element.
    with contextlib.suppress(AttributeError, TypeError, ValueError, RuntimeError):
        number = value.item()
        if isinstance(number, (bool, int, float)):
            return number
    remedy = (
        "return a bool, a number in [0, 1], None, (score, feedback), "
        "or a dict with score, feedback and usage"
    )
    if text_of(value) is not None:
        remedy += "; for a model that judges in words there is JudgeVerifier(model)"
    msg = f"{name} returned {value!r} ({type(value).__name__}), which is no score: {remedy}"
    raise TypeError(msg)


def _feedback(value: object, name: str) -> str | None:
    if value is None:
        return None
    text = text_of(value)
    if text is None:
        msg = f"{name} returned the feedback {value!r}; feedback is a str, or None"
        raise TypeError(msg)
    return text.strip() or None


def _usage(value: object, name: str) -> Usage | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not {"input_tokens", "output_tokens"} <= value.keys():
        msg = (
            f"{name} returned the usage {value!r}; "
            "usage is a dict with input_tokens and output_tokens, or None"
        )
        raise TypeError(msg)
    counts = {
        "calls": value.get("calls", 1),
        "input_tokens": value["input_tokens"],
        "output_tokens": value["output_tokens"],
        "unknown": value.get("unknown", 0),
    }
    for part, count in counts.items():
        if not isinstance(count, int) or count < 0:
            msg = f"{name} returned the usage {part}={count!r}; it is a whole number, at least 0"
            raise ValueError(msg)
    return cast(Usage, counts)
