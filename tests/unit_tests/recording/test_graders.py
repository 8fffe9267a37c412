import threading

import numpy as np
import pytest

from langchain_markovscale.recording.graders import (
    MathVerify,
    NumericTolerance,
    check_reference,
    resolve_grader,
)


@pytest.mark.parametrize(
    ("answer_key", "answer", "reference", "correct"),
    [
        ("last_number", "so it is $75.00.", "75", True),
        ("last_number", "first 75, then 76", "75", False),
        ("last_number", "I don't know", "75", False),
        ("last_number", "18 dollars", "She has 9 + 9 = 18. #### 18", True),
        ("boxed", r"\boxed{\frac{3}{4}}", "3/4", True),
        ("boxed", r"\boxed{\frac{3}{4}}", r"it is \boxed{0.75}", True),
        ("boxed", "3/4, in no box", "3/4", False),
        ("choice", "The answer is (B).", "B", True),
        ("choice:ABCD", "The answer is (B).", "C", False),
        ("json:answer", '{"answer": "The Paris"}', "paris", True),
        ("json:answer", '{"answer": 75.0}', "75", True),
        (None, "The Eiffel Tower.", "eiffel tower", True),
        (lambda text: text.partition("Answer: ")[2], "Answer: Paris", "Paris ", True),
    ],
)
def test_equal_keys_are_correct(answer_key, answer, reference, correct):
    assert resolve_grader("exact", answer_key)(answer, reference) is correct


@pytest.mark.parametrize(
    ("grader", "answer", "correct"),
    [
        ("numeric", "it is 0.3333333333", True),
        ("numeric", "it is 0.333", False),
        ("numeric:0.01", "it is 0.333", True),
        ("numeric:0.01", "it is 0.34", False),
        ("numeric:0.01", "a third", False),
        (NumericTolerance(relative=0, absolute=0.01), "0.34", True),
        (NumericTolerance(relative=0, absolute=0.001), "0.34", False),
        (NumericTolerance(), "9" * 10_000, False),
    ],
)
def test_numbers_may_differ_by_the_tolerance(grader, answer, correct):
    assert resolve_grader(grader)(answer, "1/3") is correct


def test_the_key_says_which_number_counts():
    answer = r"\boxed{7} at first, but the answer is 3"
    assert resolve_grader("numeric", "boxed")(answer, "7") is True
    assert resolve_grader("numeric")(answer, "7") is False


@pytest.mark.parametrize(
    ("answer", "reference", "correct"),
    [
        (r"so \boxed{\frac{1}{2}}", "0.5", True),
        (r"$\sqrt{4}$", "2", True),
        (r"$1 + 2x + x^2$", "(1+x)^2", True),
        (r"$1 + x^2$", "(1+x)^2", False),
        ("$x = 3$", "3", True),
        ("no idea", "3", False),
        (r"\boxed{7}", r"thus \boxed{7}", True),
    ],
)
def test_math_verify_knows_equal_expressions(answer, reference, correct):
    assert resolve_grader("math")(answer, reference) is correct


def test_math_verify_works_off_the_main_thread():
    grades = []
    grader = resolve_grader("math")
    thread = threading.Thread(target=lambda: grades.append(grader(r"$\sqrt{4}$", "2")))
    thread.start()
    thread.join()
    assert grades == [True]


def test_a_comparison_that_takes_too_long_is_unknown():
    grader = MathVerify(seconds=0.8)
    assert grader(r"\boxed{10^{10^{10}}}", "3") is None
    assert grader(r"$\sqrt{4}$", "2") is True


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "math_verify", None)
    with pytest.raises(ModuleNotFoundError, match="math_verify"):
        resolve_grader("math")


@pytest.mark.parametrize("grade", [True, False, None, 1, 0, np.True_, np.False_])
def test_a_function_may_grade(grade):
    grader = resolve_grader(lambda answer, reference: grade)
    assert grader("a", "b") is (None if grade is None else bool(grade))


@pytest.mark.parametrize("grade", [0.7, 2, "yes", [True]])
def test_a_grade_that_is_no_grade_is_refused(grade):
    def partial_credit(answer, reference):
        return grade

    with pytest.raises(TypeError, match=r"grader partial_credit returned .* must return True"):
        resolve_grader(partial_credit)("a", "b")


@pytest.mark.parametrize(
    ("grader", "answer_key", "reference"),
    [
        ("exact", "last_number", "seven"),
        ("exact", "choice:ABCD", "Paris"),
        ("exact", None, "..."),
        ("numeric", None, "seven"),
        ("math", None, ""),
    ],
)
def test_a_reference_that_cannot_be_read_is_named(grader, answer_key, reference):
    with pytest.raises(ValueError, match=f"reference {reference!r}"):
        check_reference(resolve_grader(grader, answer_key), reference)


@pytest.mark.parametrize(
    ("grader", "error", "complaint"),
    [
        ("judge", ValueError, "unknown grader 'judge'; valid names: 'exact'"),
        ("math:3", ValueError, "unknown grader"),
        ("numeric:high", ValueError, "relative tolerance, such as"),
        ("numeric:-1", ValueError, "relative must be a finite number of at least 0"),
        ("numeric:nan", ValueError, "relative must be a finite number"),
        (7, TypeError, "grader must be a name"),
    ],
)
def test_a_wrong_grader_is_refused(grader, error, complaint):
    with pytest.raises(error, match=complaint):
        resolve_grader(grader)
