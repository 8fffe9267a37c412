"""Graders: whether an answer is right, given the reference.

A grader is for recording and knows the truth; a verifier works while a question is being answered
and does not.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache, partial

import numpy as np

from langchain_markovscale.answers.keys import (
    AnswerKey,
    choice_letter,
    last_number,
    resolve_answer_key,
)
from langchain_markovscale.answers.math_worker import WORKER, check_installed
from langchain_markovscale.answers.mathematics import MathKey
from langchain_markovscale.answers.reading import compares, joined_key
from langchain_markovscale.answers.spelling import normalized_text
from langchain_markovscale.answers.thoughts import without_thoughts

Grader = Callable[[str, str], bool | None]
"""A function of the answer's text and the reference: correct or not, or None if it cannot say."""

_VALID = "'exact', 'numeric', 'numeric:<relative tolerance>', 'math'"


class ExactKey:
    """Correct if the answer's key equals the reference's; an answer without a key is wrong.

    Args:
        answer_key: Makes the keys, the same as in the graph; by default `"text"`.
    """

    def __init__(self, answer_key: AnswerKey | str | None = None) -> None:
        self._answer_key = resolve_answer_key(answer_key or normalized_text)

    @property
    def compares(self) -> bool:
        """Whether different keys may be equal, which takes its time."""
        return compares(self._answer_key)

    def __call__(self, answer: str, reference: str) -> bool:
        """Return whether the keys are equal.

        Raises:
            ValueError: If no key can be read from the reference.
        """
        key = self._answer_key(answer)
        right = [{"key": each} for each in self.read(reference)]
        return joined_key(key, self._answer_key, right) in [each["key"] for each in right]

    def read(self, reference: str) -> frozenset[str]:
        r"""Return the keys that are right.

        References often stand there bare, `3/4` where an answer has `\boxed{3/4}`. If the key
        function finds nothing in one, it is read as if in a box or else taken for the key itself,
        as it stands or folded; not so by functions that would have found it anywhere in a text.

        Raises:
            ValueError: If the reference has no key.
        """
        is_math = isinstance(self._answer_key, MathKey)
        key = self._answer_key(_between_dollars(reference) if is_math else reference)
        if key is not None:
            return frozenset({key})
        function = self._answer_key
        function = function.func if isinstance(function, partial) else function
        keys: set[str | None] = set()
        if not compares(self._answer_key) and function not in (
            last_number,
            choice_letter,
            normalized_text,
        ):
            keys = {self._answer_key(rf"\boxed{{{reference}}}")}
            keys = keys - {None} or {reference.strip(), normalized_text(reference)}
        found = frozenset(key for key in keys if key)
        if not found:
            raise ValueError(
                f"reference {reference!r} has no key that {_name(function)} could read: give the "
                "answer key that fits the references, or another grader."
            )
        return found


class NumericTolerance:
    """Correct if the answer's last number is near enough to the reference's.

    Args:
        relative: Allowed difference as a share of the reference, at least 0.
        absolute: Allowed difference whatever the reference, at least 0.
        answer_key: Finds the part of the text that holds the number; by default the whole text.

    Raises:
        ValueError: If a tolerance is negative or not finite.
    """

    def __init__(
        self,
        relative: float = 1e-6,
        absolute: float = 1e-9,
        answer_key: AnswerKey | str | None = None,
    ) -> None:
        for name, value in (("relative", relative), ("absolute", absolute)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}.")
        self._relative, self._absolute = Fraction(relative), Fraction(absolute)
        self._answer_key = resolve_answer_key(answer_key)

    def __call__(self, answer: str, reference: str) -> bool:
        """Return whether the two numbers are within the tolerance.

        Raises:
            ValueError: If the reference holds no number.
        """
        wanted = self.read(reference)
        part = answer if self._answer_key is None else self._answer_key(answer)
        number = None if part is None else _number(part)
        if number is None:
            return False
        return abs(number - wanted) <= max(self._absolute, self._relative * abs(wanted))

    def read(self, reference: str) -> Fraction:
        """Return the number of a reference.

        Raises:
            ValueError: If it holds none.
        """
        number = _number(reference)
        if number is None:
            raise ValueError(
                f"reference {reference!r} holds no number, which the grader 'numeric' needs: give "
                "numbers as references, or another grader."
            )
        return number


class MathVerify:
    """Correct if math-verify finds the answer mathematically equal to the reference (extra `math`).

    It is asked in a process of its own, which is ended when the time is up; the grade is then
    unknown.

    Args:
        seconds: Most seconds for one comparison, in any thread.

    Raises:
        ModuleNotFoundError: If the extra `math` is not installed.
    """

    def __init__(self, seconds: float = 5) -> None:
        check_installed()
        self._seconds = seconds
        WORKER.start()

    def __call__(self, answer: str, reference: str) -> bool | None:
        """Return whether they are equal; None where it took too long to find out.

        Raises:
            ValueError: If no expression can be read from the reference.
        """
        wanted = self.read(reference)
        try:
            answer = without_thoughts(answer)
            return bool(WORKER.ask(self._seconds, do="correct", reference=wanted, answer=answer))
        except TimeoutError:
            return None

    def read(self, reference: str) -> str:
        """Return a reference as math-verify can read it: between dollar signs if it is bare.

        Raises:
            ValueError: If it gives no expression.
        """
        text = _between_dollars(reference)
        if not _is_expression(text, self._seconds):
            raise ValueError(
                f"reference {reference!r} is not a mathematical expression that math-verify could "
                "read: correct it, or give another grader."
            )
        return text


def _between_dollars(reference: str) -> str:
    bare = "$" not in reference and "\\boxed" not in reference
    return f"${reference}$" if bare else reference


@lru_cache(maxsize=4_096)
def _is_expression(text: str, seconds: float) -> bool:
    try:
        return bool(WORKER.ask(seconds, do="is_expression", text=text))
    except TimeoutError:
        return False


class CheckedGrader:
    """A user's grader, its answers checked.

    Args:
        function: Called with the answer's text and the reference.
    """

    def __init__(self, function: Grader) -> None:
        self.function = function

    def __call__(self, answer: str, reference: str) -> bool | None:
        """Return the grade.

        Raises:
            TypeError: If the function returns anything else than true, false or None.
        """
        grade: object = self.function(answer, reference)
        if grade is None:
            return None
        if isinstance(grade, (bool, np.bool_)) or (isinstance(grade, int) and grade in (0, 1)):
            return bool(grade)
        raise TypeError(
            f"grader {_name(self.function)} returned {grade!r:.80} ({type(grade).__name__}): it "
            "must return True, False, or None where it cannot say."
        )


def resolve_grader(
    grader: Grader | str | None, answer_key: AnswerKey | str | None = None
) -> Grader:
    """Turn what a user gives for a grader into a function.

    Args:
        grader: `"exact"` (also None, where there is an answer key), `"numeric"`, `"numeric:0.01"`
            for a relative tolerance, `"math"`, or a function of the answer's text and the
            reference.
        answer_key: For `"exact"`, makes the keys that are compared; for `"numeric"`, finds the
            part of the text that holds the number.

    Raises:
        ValueError: If the name is unknown, or there is neither a grader nor an answer key.
        TypeError: If it is neither a name nor a function.
        ModuleNotFoundError: If the extra `math` is needed and not installed.
    """
    if grader is None and answer_key is None:
        raise ValueError(
            "without a key, answers and references would be compared as whole texts, in which "
            "'The answer is 4.' is not '4': give answer_key=, such as answer_key='last_number', or "
            f"grader= ({_VALID}, or a function); grader='exact' compares whole texts on purpose."
        )
    if grader is None or grader == "exact":
        return ExactKey(answer_key)
    if isinstance(grader, str):
        kind, _, detail = grader.strip().partition(":")
        if kind == "numeric":
            return NumericTolerance(_tolerance(detail), answer_key=answer_key)
        if kind == "math" and not detail:
            return MathVerify()
        raise ValueError(f"unknown grader {grader!r}; valid names: {_VALID}, or give a function.")
    if isinstance(grader, (ExactKey, NumericTolerance, MathVerify, CheckedGrader)):
        return grader
    if callable(grader):
        return CheckedGrader(grader)
    raise TypeError(f"grader must be a name ({_VALID}) or a function, not {type(grader).__name__}.")


def takes_time(grader: Grader) -> bool:
    """Return whether a grader is to be called in a question's own thread.

    Args:
        grader: As `resolve_grader` returns it. A user's function may be slow, and keys that are
            compared are so by a model, or by another process.
    """
    return isinstance(grader, CheckedGrader) or (isinstance(grader, ExactKey) and grader.compares)


def check_reference(grader: Grader, reference: str | None) -> None:
    """See that a reference can be read, so that a bad one is found before answers are paid for.

    Args:
        grader: As `resolve_grader` returns it.
        reference: The reference; None passes.

    Raises:
        ValueError: If it cannot be read.
    """
    if reference is not None and isinstance(grader, (ExactKey, NumericTolerance, MathVerify)):
        grader.read(reference)


def _number(text: str) -> Fraction | None:
    number = last_number(text)
    try:
        return None if number is None else Fraction(number)
    except ValueError:  # more digits than Python converts
        return None


def _tolerance(detail: str) -> float:
    try:
        return float(detail or 1e-6)
    except ValueError:
        raise ValueError(
            f"grader 'numeric:{detail}' must end in a relative tolerance, such as 'numeric:0.01'."
        ) from None


def _name(function: object) -> str:
    return getattr(function, "__name__", None) or repr(function)
